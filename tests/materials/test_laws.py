"""Laws against PyBaMM's functions, against the carried tables, and between maths modules."""

import ast
import inspect
import os

import numpy as np
import pytest
import ufl
from ufl.algorithms.apply_derivatives import apply_derivatives

from lithoscape.materials import electrolyte, kinetics, ocp, packaged_ocp, published, solid, tables, unit_cell
from lithoscape.materials.electrolyte import get_electrolyte, list_electrolytes
from lithoscape.materials.laws import evaluate
from lithoscape.materials.maths import NUMPY, derivative, ufl_maths
from lithoscape.materials.sets import get_set, list_sets

os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")
pybamm = pytest.importorskip("pybamm")

T = 298.15
X = np.linspace(0.06, 0.96, 19)
C = np.array([5.0, 100.0, 700.0, 1000.0, 1500.0, 2400.0, 3100.0])
TEMPERATURES = (283.15, 298.15, 313.15)


def theirs(values, name, *arguments):
    """PyBaMM's parameter ``name`` as numbers."""
    law = values[name]
    if not callable(law):
        return float(law)
    result = law(*[pybamm.Vector(np.atleast_1d(a)) if np.ndim(a) else pybamm.Scalar(a) for a in arguments])
    return values.process_symbol(result).evaluate().squeeze() if hasattr(result, "evaluate") else result


PAIRS = ("Xu2019", "Chen2020", "ORegan2022", "Marquis2019")


@pytest.fixture(scope="module")
def peers():
    return {name: pybamm.ParameterValues(name) for name in PAIRS}


def electrodes(name):
    cell = get_set(name)
    sides = {"Positive": cell.positive}
    if not cell.is_half_cell:
        sides["Negative"] = cell.negative
    return sides


@pytest.mark.parametrize("name", PAIRS)
def test_scalars_equal_the_published_set(name, peers):
    values, cell = peers[name], get_set(name)
    for side, electrode in electrodes(name).items():
        low = side.lower()
        expected = {
            f"{side} electrode thickness [m]": electrode.thickness,
            f"{side} electrode porosity": electrode.porosity,
            f"{side} electrode active material volume fraction": electrode.active_fraction,
            f"{side} particle radius [m]": electrode.particle_radius,
            f"{side} electrode Bruggeman coefficient (electrolyte)": electrode.bruggeman_electrolyte,
            f"{side} electrode Bruggeman coefficient (electrode)": electrode.bruggeman_solid,
            f"Maximum concentration in {low} electrode [mol.m-3]": electrode.material.c_max,
        }
        assert {key: values[key] for key in expected} == expected
        start = values[f"Initial concentration in {low} electrode [mol.m-3]"]
        assert electrode.initial_stoichiometry * electrode.material.c_max == pytest.approx(start, rel=1e-14)
        sigma = theirs(values, f"{side} electrode conductivity [S.m-1]", 0.5, cell.temperature)
        assert electrode.conductivity == pytest.approx(float(sigma), rel=1e-14)
    assert cell.separator.thickness == values["Separator thickness [m]"]
    assert cell.separator.porosity == values["Separator porosity"]
    assert cell.separator.bruggeman_electrolyte == values["Separator Bruggeman coefficient (electrolyte)"]
    limits = (values["Lower voltage cut-off [V]"], values["Upper voltage cut-off [V]"])
    assert cell.voltage_limits == limits
    assert cell.temperature == values["Ambient temperature [K]"] == values["Reference temperature [K]"]
    assert cell.electrolyte.initial_concentration == values["Initial concentration in electrolyte [mol.m-3]"]


@pytest.mark.parametrize("name", PAIRS)
def test_electrode_laws_equal_pybamm(name, peers):
    values = peers[name]
    for side, electrode in electrodes(name).items():
        material = electrode.material
        assert material.ocp(X) == pytest.approx(theirs(values, f"{side} electrode OCP [V]", X), rel=1e-10)
        for temperature in TEMPERATURES:
            mine = evaluate(material.diffusivity, X, temperature)
            peer = theirs(values, f"{side} particle diffusivity [m2.s-1]", X, temperature)
            assert mine * np.ones_like(X) == pytest.approx(peer * np.ones_like(X), rel=1e-10)
            for c_e in (30.0, 1000.0, 2200.0):
                mine = material.exchange_current(c_e, X * material.c_max, material.c_max, temperature)
                key = f"{side} electrode exchange-current density [A.m-2]"
                peer = theirs(values, key, c_e, X * material.c_max, material.c_max, temperature)
                assert mine == pytest.approx(peer, rel=1e-10)


@pytest.mark.parametrize("name", PAIRS)
def test_electrolyte_laws_equal_pybamm(name, peers):
    mine, values = get_set(name).electrolyte, peers[name]
    for temperature in TEMPERATURES:
        for key, law in (
            ("Electrolyte conductivity [S.m-1]", mine.conductivity),
            ("Electrolyte diffusivity [m2.s-1]", mine.diffusivity),
            ("Cation transference number", mine.transference),
            ("Thermodynamic factor", mine.thermodynamic_factor),
        ):
            assert evaluate(law, C, temperature) == pytest.approx(
                theirs(values, key, C, temperature), rel=1e-10
            )


def test_lithium_metal_equals_pybamm(peers):
    values = peers["Xu2019"]
    site_density = 1.0 / values["Lithium metal partial molar volume [m3.mol-1]"]
    key = "Exchange-current density for lithium metal electrode [A.m-2]"
    peer = theirs(values, key, C, site_density, T)
    assert kinetics.xu2019_lithium_exchange_current(C, T) == pytest.approx(peer, rel=1e-10)
    assert kinetics.xu2019_lithium_exchange_current(1000.0, T) == pytest.approx(70.6, rel=1e-3)


# Values at 298.15 K, 1 M and the highest listed concentration, computed independently from the fits.
# fmt: off
TABLE = {
    "Landesfeind2019_EC_EMC_3_7": (
        (0.91302, 2.8922e-10, 0.2209, 2.182), (0.28671, 8.3129e-11, 0.1481, 6.865)
    ),
    "Landesfeind2019_EC_DMC_1_1": (
        (1.1819, 2.905e-10, 0.325, 2.201), (0.41621, 9.5104e-11, 0.1412, 7.323)
    ),
    "Landesfeind2019_EMC_FEC_19_1": (
        (0.55295, 3.0733e-10, 0.1291, 1.163), (0.27141, 8.8574e-11, 0.0534, 5.474)
    ),
    "Nyman2008": ((0.9487, 1.7694e-10, 0.2594, 1.0), (0.44656, 8.606e-11, 0.2594, 1.0)),
    "Valoen2005": ((1.1943, 3.2227e-10, 0.38, 1.0), (0.29671, 8.1803e-11, 0.38, 1.0)),
    "Capiglia1999": ((1.1046, 2.7877e-10, 0.4, 1.0), (0.5492, 7.5974e-11, 0.4, 1.0)),
}
# fmt: on


@pytest.mark.parametrize("name", list_electrolytes())
def test_electrolytes_reproduce_the_carried_table(name):
    bare = get_electrolyte(name, clamped=False)
    laws = (bare.conductivity, bare.diffusivity, bare.transference, bare.thermodynamic_factor)
    for c, row in zip((1000.0, 3000.0), TABLE[name], strict=True):
        # the table is rounded to 4-5 digits
        assert [float(evaluate(law, c, T)) for law in laws] == pytest.approx(row, rel=3e-4)


@pytest.mark.parametrize("name", list_electrolytes())
def test_clamps_are_continuous_and_keep_the_laws_well_behaved(name):
    bare, held = get_electrolyte(name, clamped=False), get_electrolyte(name)
    low, high = held.valid
    inside = np.linspace(low, high, 2001)
    for one, two in ((bare.conductivity, held.conductivity), (bare.diffusivity, held.diffusivity)):
        assert np.array_equal(one(inside, T), two(inside, T))
        for edge in (low, high):
            step = 1e-7 * edge
            assert two(edge - step, T) == pytest.approx(two(edge + step, T), rel=1e-6)
        assert two(0.0, T) == two(low, T) > 0.0
        assert two(9e3, T) == two(high, T) > 0.0
        assert derivative(lambda c, law=two: law(c, T), 9e3) == 0.0
    assert np.all(np.diff(held.diffusivity(inside, T)) < 0.0)
    kappa = held.conductivity(inside, T)
    assert np.sum(np.diff(np.sign(np.diff(kappa))) != 0) == 1, "one maximum, no second rise"
    numbers = evaluate(held.transference, inside, T) * np.ones_like(inside)
    assert np.all((numbers > 0.0) & (numbers < 1.0))
    assert np.all(np.diff(numbers) <= 0.0)


UNARY = {
    "chen2020_nmc811": (ocp.chen2020_nmc811_ocp, 0.2661, 0.9084),
    "chen2020_graphite": (ocp.chen2020_graphite_ocp, 0.0279, 0.9014),
    "mohtat2020_nmc532": (ocp.mohtat2020_nmc532_ocp, 0.09, 0.99),
    "marquis2019_lco": (ocp.marquis2019_lco_ocp, 0.4, 0.98),
    "marquis2019_graphite": (ocp.marquis2019_graphite_ocp, 0.01, 0.95),
    "nmc622_hanyang": (packaged_ocp("nmc622_hanyang_ocp"), 0.2, 1.0),
    "nmc811_hanyang": (packaged_ocp("nmc811_hanyang_ocp"), 0.2, 1.0),
    "nmc811_sturm2019": (packaged_ocp("nmc811_sturm2019_ocp"), 0.1, 1.0),
}


@pytest.mark.parametrize("name", UNARY)
def test_potentials_fall(name):
    law, low, high = UNARY[name]
    x = np.linspace(low, high, 4001)
    if name == "marquis2019_graphite":  # the published fit has one flat spot that rises by 0.04 mV
        flat = (x > 0.313) & (x < 0.334)
        assert np.ptp(law(x[flat])) < 5e-5
        x = x[~flat]
    assert np.all(derivative(law, x) < 0.0)


def value_and_slope_in_ufl(law, x):
    """Value and UFL's own derivative of ``law`` at the number ``x``."""
    constant = ufl.variable(ufl.as_ufl(x))
    expression = law(constant, ufl_maths())
    slope = apply_derivatives(ufl.diff(expression, constant))
    return float(ufl.as_ufl(expression)(())), float(slope(()))


def assert_same_in_both_maths(law, points):
    for x in points:
        value, slope = value_and_slope_in_ufl(law, float(x))
        assert value == pytest.approx(float(law(x, NUMPY)), rel=1e-13)
        expected = float(derivative(lambda u: law(u, NUMPY), x))
        assert slope == pytest.approx(expected, rel=1e-12, abs=1e-13 * abs(value) / max(abs(float(x)), 1e-3))


@pytest.mark.parametrize("name", UNARY)
def test_potentials_are_the_same_in_forms(name):
    law, low, high = UNARY[name]
    assert_same_in_both_maths(law, np.linspace(low, high, 7))


@pytest.mark.parametrize("law", [solid.oregan2022_nmc811_diffusivity, solid.oregan2022_graphite_diffusivity])
def test_diffusivities_are_the_same_in_forms(law):
    assert_same_in_both_maths(lambda x, m: law(x, 305.0, m), (0.2, 0.45, 0.8))


@pytest.mark.parametrize("name", list_electrolytes())
def test_electrolytes_are_the_same_in_forms(name):
    held = get_electrolyte(name)
    for law in (held.conductivity, held.diffusivity, held.transference, held.thermodynamic_factor):
        if callable(law):
            assert_same_in_both_maths(lambda c, m, law=law: law(c, 305.0, m), (0.3, 40.0, 1200.0, 6000.0))


@pytest.mark.parametrize("name", list_sets())
def test_exchange_currents_are_the_same_in_forms(name):
    cell = get_set(name)
    material = cell.positive.material
    for c_e in (50.0, 1200.0):
        assert_same_in_both_maths(
            lambda x, m, c_e=c_e: material.exchange_current(
                c_e, x * material.c_max, material.c_max, 305.0, m
            ),
            (0.3, 0.8),
        )
    if cell.is_half_cell:
        assert_same_in_both_maths(lambda c, m: cell.negative.exchange_current(c, T, m), (50.0, 1200.0))


def test_reference_exchange_is_its_reference_value_and_its_rate_constant():
    law = kinetics.ReferenceExchange(2.5, exponent=0.43, energy=2e4)
    c_max = 49004.0
    assert law(1000.0, 0.5 * c_max, c_max, T) == pytest.approx(2.5, rel=1e-14)
    k = law.rate_constant(c_max)
    expected = 96485.33212 * k * 700.0**0.43 * (0.3 * c_max) ** 0.43 * (0.7 * c_max) ** 0.43
    assert law(700.0, 0.3 * c_max, c_max, T) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("module", [electrolyte, kinetics, ocp, published, solid, tables, unit_cell])
def test_every_public_law_cites_its_source(module):
    tree = ast.parse(inspect.getsource(module))
    laws = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and any(digit in node.name for digit in ("19", "20"))
    ]
    for node in laws:
        text = ast.get_docstring(node) or ""
        cited = "doi" in text or "Source" in text
        assert cited or "positive electrode of" in text, f"{module.__name__}.{node.name} cites nothing"
