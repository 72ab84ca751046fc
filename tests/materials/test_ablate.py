"""Dependences switched off: each switch changes its law exactly as it says, and nothing else."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.materials import NUMPY, derivative, get_electrolyte, get_set, ufl_maths
from lithoscape.materials.ablate import ABLATIONS, ablate, graded_diffusivity
from lithoscape.materials.solubility import WIDTH, Precipitate, limited_solubility
from lithoscape.scenario import load_scenario
from lithoscape.scenario.build import build_plan
from lithoscape.scenario.schema import Materials

SET = replace(get_set("ORegan2022_half"), electrolyte=get_electrolyte("Landesfeind2019_EC_EMC_3_7"))
"""Everything depends on everything: D_s(x), t+(c), TDF(c)."""
C0, T = SET.electrolyte.initial_concentration, SET.temperature
SALT = np.array([1.0, 30.0, 700.0, C0, 1900.0, 4000.0])
LAWS = ("conductivity", "diffusivity", "transference", "thermodynamic_factor")


def values(m) -> dict[str, np.ndarray]:
    """Every law that a switch could touch, at many points."""
    el, x = m.electrolyte, np.linspace(0.3, 0.9, SALT.size)
    out = {name: np.broadcast_to(law(SALT, T, NUMPY) if callable(law) else law, SALT.shape)
           for name, law in ((name, getattr(el, name)) for name in LAWS)}  # fmt: skip
    a = m.positive.material
    out["i0"] = a.exchange_current(SALT, 0.4 * a.c_max, a.c_max, T, NUMPY)
    D = a.diffusivity
    out["D_s"] = np.broadcast_to(D(x, T, NUMPY) if callable(D) else D, x.shape)
    out["U"] = a.ocp(x, NUMPY)
    out["lithium"] = m.negative.exchange_current(SALT, T, NUMPY)
    return out


BASE = values(SET)
AT_REST = list(SALT).index(C0)
TOUCHED = {
    "exchange_current": ("i0", BASE["i0"][AT_REST]),
    "electrolyte_conductivity": ("conductivity", BASE["conductivity"][AT_REST]),
    "electrolyte_diffusivity": ("diffusivity", BASE["diffusivity"][AT_REST]),
    "transference": ("transference", BASE["transference"][AT_REST]),
    "thermodynamic_factor": ("thermodynamic_factor", BASE["thermodynamic_factor"][AT_REST]),
    "solid_diffusivity": ("D_s", SET.positive.material.diffusivity(0.5, T, NUMPY)),
    "diffusion_potential": ("thermodynamic_factor", 0.0),
}


def test_every_switch_is_tried_and_offered_by_scenarios() -> None:
    assert set(TOUCHED) == set(ABLATIONS)
    (switch,) = (f for n, f in Materials.model_fields.items() if n == "ablate")
    assert set(switch.annotation.__args__[0].__args__) == set(ABLATIONS)
    assert all(np.ptp(BASE[name]) > 0 for name, _ in TOUCHED.values())


@pytest.mark.parametrize("name", list(ABLATIONS))
def test_a_switch_changes_its_law_and_no_other(name: str) -> None:
    law, value = TOUCHED[name]
    now = values(ablate(SET, [name]))
    assert now[law] == pytest.approx(np.full(SALT.size, value), rel=1e-15, abs=0)
    for other in set(BASE) - {law}:
        assert np.array_equal(now[other], BASE[other]), other


def test_switches_do_not_mind_their_order() -> None:
    names = ["diffusion_potential", "exchange_current", "transference"]
    assert ablate(SET, names) == ablate(SET, names[::-1])
    assert ablate(SET, []) is SET
    changed = ablate(SET, names)
    same = [f.name for f in fields(SET) if getattr(SET, f.name) == getattr(changed, f.name)]
    assert set(same) == {f.name for f in fields(SET)} - {"positive", "electrolyte"}


def test_full_cells_are_switched_on_both_sides() -> None:
    full = ablate(get_set("ORegan2022"), ["exchange_current"])
    for electrode in (full.positive, full.negative):
        a = electrode.material
        assert np.ptp(a.exchange_current(SALT, 0.4 * a.c_max, a.c_max, T, NUMPY)) == 0


def test_switched_off_terms_are_gone_from_the_forms() -> None:
    """In UFL a zero factor is the number zero: the term vanishes, it is not merely small."""
    import ufl
    from ufl.constantvalue import Zero

    c = ufl.Coefficient(ufl.FunctionSpace(ufl.Mesh(_element((1,))), _element()))
    el = ablate(SET, ["diffusion_potential"]).electrolyte
    assert isinstance(el.thermodynamic_factor(c, T, ufl_maths()), Zero)
    el = ablate(SET, ["electrolyte_conductivity"]).electrolyte
    assert float(el.conductivity(c, T, ufl_maths())) == BASE["conductivity"][AT_REST]


def _element(shape=()):
    import basix.ufl

    return basix.ufl.element("Lagrange", "interval", 1, shape=shape or None)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["exchange_currents"], "Did you mean 'exchange_current'"),
        (["exchange_current", "exchange_current"], "named twice"),
        (["diffusion_potential", "thermodynamic_factor"], "has no effect"),
    ],
)
def test_nonsense_is_refused(names, message) -> None:
    with pytest.raises(InputError, match=message):
        ablate(SET, names)


def test_there_must_be_something_to_switch_off() -> None:
    nmc622 = get_set("NMC622_half")
    for name in ("transference", "solid_diffusivity"):
        with pytest.raises(InputError, match=r"does not depend|constant already"):
            ablate(nmc622, [name])


# -- dependences that are added ------------------------------------------------
def test_a_graded_diffusivity_spans_its_decades() -> None:
    m = get_set("NMC622_half")
    D = graded_diffusivity(m, -1.5).positive.material.diffusivity
    assert D(0.5, T) == m.positive.material.diffusivity
    assert D(1.0, T) / D(0.0, T) == pytest.approx(10**-1.5, rel=1e-14)
    assert ablate(graded_diffusivity(m, -1.5), ["solid_diffusivity"]) == m
    with pytest.raises(InputError, match="depends on the state of lithiation already"):
        graded_diffusivity(SET, 1.0)


def test_solid_salt_is_next_to_nothing_below_the_solubility_and_steep_above() -> None:
    p, s = Precipitate(3000.0), 3000.0
    assert 0 <= p(np.array([1.0, 1500.0, 2990.0])).max() < 1e-10
    assert p(s) == pytest.approx(s * np.log(2), rel=1e-14)
    above = s * (1 + WIDTH * np.array([30.0, 45.0, 1e3]))
    assert p(above) == pytest.approx(s * np.array([30.0, 45.0, 1e3]), rel=1e-9)
    assert derivative(p, above) == pytest.approx(1 / WIDTH, rel=1e-9)
    assert derivative(p, np.array([s])) == pytest.approx(0.5 / WIDTH, rel=1e-14)


def test_a_solubility_changes_no_law() -> None:
    m = limited_solubility(SET, 2000.0)
    assert m.electrolyte.precipitate == Precipitate(2000.0)
    assert replace(m, electrolyte=replace(m.electrolyte, precipitate=None)) == SET
    with pytest.raises(InputError, match="starts near or above"):
        limited_solubility(SET, 1000.0)


# -- through scenarios and in the model ----------------------------------------
SCENARIO = Path(__file__).parents[2] / "scenarios" / "cracked_nmc622.yaml"


def materials_of(changes: dict):
    return build_plan(load_scenario(SCENARIO, "quick", changes).scenario).materials


def test_scenarios_pass_the_switches_on() -> None:
    plain = materials_of({})
    assert materials_of({"materials.ablate": ["exchange_current"]}) == ablate(plain, ["exchange_current"])
    graded = materials_of({"materials.solid_diffusivity_decades": -1.0})
    assert graded == graded_diffusivity(plain, -1.0)
    assert materials_of({"materials.solubility_mol_m3": 3000}) == limited_solubility(plain, 3000.0)
    # the law that is added can be taken away again, which leaves the set's constant
    both = {"materials.solid_diffusivity_decades": -1.0, "materials.ablate": ["solid_diffusivity"]}
    assert materials_of(both) == plain


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"materials.ablate": ["transference"]}, "materials.ablate"),
        ({"materials.ablate": ["diffusion_potential"] * 2}, "materials.ablate"),
        ({"materials.ablate": ["exchange"]}, r"--set materials.ablate\[0\]"),
        ({"materials.solubility_mol_m3": 900}, "materials.solubility_mol_m3"),
    ],
)
def test_faults_in_scenarios_name_their_key(changes, field) -> None:
    with pytest.raises(InputError, match=f"^{field}: "):
        materials_of(changes)


def test_a_concentration_cell_has_its_voltage_unless_that_is_switched_off() -> None:
    """Without current phi_e differs by (2RT/F)(1 - t+) TDF ln(c2/c1): constant t+ and TDF, exact."""
    import dolfinx_solver  # noqa: F401
    import ufl
    from dolfinx import fem, mesh
    from mpi4py import MPI

    from lithoscape.constants import thermal_voltage
    from lithoscape.models import terms

    el = replace(get_electrolyte("Nyman2008"), thermodynamic_factor=1.7)
    base = replace(SET, electrolyte=el)
    domain = mesh.create_interval(MPI.COMM_SELF, 8, (0.0, 2.0))
    V = fem.functionspace(domain, ("Lagrange", 1))
    c_e, phi_e = fem.Function(V), fem.Function(V)
    c_e.interpolate(lambda x: 500.0 + 400.0 * x[0])
    phi_e.interpolate(lambda x: 0.01 * x[0])

    def driving(m) -> float:
        """Integral of -i_e / kappa along the cell [V]: difference of phi_e less the diffusion potential."""
        i_e = terms.ionic_current(m.electrolyte, ufl.Identity(1), c_e, phi_e, T)
        kappa = terms.electrolyte_value(m.electrolyte.conductivity, c_e, T)
        form = fem.form(-i_e[0] / kappa * ufl.dx(degree=12))
        return float(np.real(fem.assemble_scalar(form)))

    cell = 2 * thermal_voltage(T) * (1 - 0.2594) * 1.7 * np.log(1300.0 / 500.0)
    assert driving(base) == pytest.approx(0.02 - cell, rel=1e-7)
    assert driving(ablate(base, ["diffusion_potential"])) == pytest.approx(0.02, rel=1e-13)
    assert driving(ablate(base, ["electrolyte_conductivity"])) == pytest.approx(0.02 - cell, rel=1e-7)
