"""BPX in and out, and expressions that are read without being run."""

import json
import warnings

import numpy as np
import pytest
import ufl

from lithoscape.errors import InputError
from lithoscape.materials import change, get_electrolyte, get_set, list_sets, read_bpx, ufl_maths, write_bpx
from lithoscape.materials.expression import Expression, express
from lithoscape.materials.laws import evaluate

SCALARS = (
    "thickness", "porosity", "active_fraction", "particle_radius", "conductivity",
    "bruggeman_electrolyte", "bruggeman_solid", "initial_stoichiometry",
)  # fmt: skip
NOT_OF_BPX_FORM = ("ORegan2022", "ORegan2022_half", "NMC811_half")


@pytest.mark.parametrize("name", list_sets())
def test_round_trip(name, tmp_path):
    cell, path = get_set(name), tmp_path / "cell.json"
    write_bpx(cell, path, allow_lossy=name in NOT_OF_BPX_FORM)
    back = read_bpx(path)
    assert back.name == cell.name and back.citation == cell.citation
    assert (back.temperature, back.voltage_limits) == (cell.temperature, cell.voltage_limits)
    assert back.separator == cell.separator
    assert back.electrolyte.valid == cell.electrolyte.valid
    assert_same_electrode(cell.positive, back.positive, name)
    if cell.is_half_cell:
        assert back.is_half_cell
        assert back.negative.exchange_current(321.0, 298.15) == cell.negative.exchange_current(321.0, 298.15)
    else:
        assert_same_electrode(cell.negative, back.negative, name)
    c = np.linspace(20.0, 3500.0, 300)
    for law in ("conductivity", "diffusivity", "transference", "thermodynamic_factor"):
        mine, theirs = (evaluate(getattr(s.electrolyte, law), c, 298.15) for s in (cell, back))
        assert theirs == pytest.approx(mine, rel=2e-6)


def assert_same_electrode(mine, theirs, name):
    assert [getattr(theirs, f) for f in SCALARS] == [getattr(mine, f) for f in SCALARS]
    a, b = mine.material, theirs.material
    assert (a.c_max, a.stoichiometry) == (b.c_max, b.stoichiometry)
    x = np.linspace(0.02, 0.98, 97)
    assert np.array_equal(a.ocp(x), b.ocp(x))
    for T in (288.15, 298.15, 310.15):
        ones = np.ones_like(x)
        assert evaluate(b.diffusivity, x, T) * ones == pytest.approx(
            evaluate(a.diffusivity, x, T) * ones, rel=1e-9
        )
        if name not in NOT_OF_BPX_FORM:
            i0 = [m.exchange_current(500.0, x * m.c_max, m.c_max, T) for m in (a, b)]
            assert i0[1] == pytest.approx(i0[0], rel=1e-9)


def test_what_cannot_be_said_is_refused_or_noted(tmp_path):
    cell = get_set("ORegan2022")
    with pytest.raises(InputError, match="allow_lossy"):
        write_bpx(cell, tmp_path / "a.json")
    notes = write_bpx(cell, tmp_path / "a.json", allow_lossy=True)
    assert any("transference" in note for note in notes)
    assert any("exchange current" in note for note in notes)
    assert write_bpx(get_set("Chen2020"), tmp_path / "b.json") == []


def test_clamped_electrolyte_becomes_a_table(tmp_path):
    cell = change(get_set("Chen2020"), {"electrolyte": get_electrolyte("Nyman2008")})
    write_bpx(cell, tmp_path / "c.json")
    raw = json.loads((tmp_path / "c.json").read_text())
    assert set(raw["Parameterisation"]["Electrolyte"]["Conductivity [S.m-1]"]) == {"x", "y"}
    back = read_bpx(tmp_path / "c.json").electrolyte
    for c in (1.0, 30.0, 1000.0, 2000.0, 4000.0):
        assert back.conductivity(c, 298.15) == pytest.approx(
            cell.electrolyte.conductivity(c, 298.15), rel=1e-4
        )


def test_pybamm_reads_the_written_file_as_the_published_set(tmp_path, monkeypatch):
    monkeypatch.setenv("PYBAMM_DISABLE_TELEMETRY", "true")
    pybamm = pytest.importorskip("pybamm")
    write_bpx(get_set("Chen2020"), tmp_path / "d.json", area=0.065 * 1.58, nominal_capacity=5.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says which entries outside the format it fills in
        theirs = pybamm.ParameterValues.create_from_bpx(tmp_path / "d.json")
    published = pybamm.ParameterValues("Chen2020")
    for side in ("Positive", "Negative"):
        for name in ("electrode thickness [m]", "electrode porosity", "particle radius [m]"):
            assert theirs[f"{side} {name}"] == published[f"{side} {name}"]
        name = f"{side} electrode active material volume fraction"
        assert theirs[name] == pytest.approx(published[name])
        c_max = published[f"Maximum concentration in {side.lower()} electrode [mol.m-3]"]
        state = [pybamm.Scalar(v) for v in (800.0, 0.4 * c_max, c_max, 305.0)]
        i0 = [s[f"{side} electrode exchange-current density [A.m-2]"](*state) for s in (theirs, published)]
        assert i0[0].evaluate() == pytest.approx(i0[1].evaluate(), rel=1e-9)


def edited(tmp_path, edit):
    """A written Chen2020 file after ``edit`` of its parsed content."""
    path = tmp_path / "edited.json"
    write_bpx(get_set("Chen2020"), path)
    raw = json.loads(path.read_text())
    edit(raw)
    path.write_text(json.dumps(raw))
    return path


def test_an_edited_standard_field_beats_the_hint(tmp_path):
    def thinner(raw):
        raw["Parameterisation"]["Positive electrode"]["Transport efficiency"] = 0.1
        raw["Parameterisation"]["Positive electrode"]["Conductivity [S.m-1]"] = 3.0

    positive = read_bpx(edited(tmp_path, thinner)).positive
    assert positive.transport_efficiency == pytest.approx(0.1)
    assert positive.effective_conductivity == pytest.approx(3.0)


def test_files_without_lithoscape_keys_are_read(tmp_path):
    def strip(raw):
        del raw["Parameterisation"]["User-defined"]
        del raw["State"]

    cell = read_bpx(edited(tmp_path, strip))
    assert cell.positive.active_fraction == pytest.approx(0.665)
    assert cell.positive.bruggeman_electrolyte == pytest.approx(1.5)
    assert cell.positive.initial_stoichiometry == pytest.approx(cell.positive.material.stoichiometry[0])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda raw: raw["Parameterisation"]["Positive electrode"].pop("Porosity"), "schema"),
        (lambda raw: raw["Parameterisation"]["Positive electrode"].update({"Porosty": 0.3}), "schema"),
        (lambda raw: raw["Parameterisation"].pop("Electrolyte"), "schema"),
        (lambda raw: raw["Header"].update({"Model": "P2D"}), "schema"),
        (lambda raw: raw.pop("Parameterisation"), "not a BPX file"),
        (lambda raw: raw["Parameterisation"]["Positive electrode"].update({"OCP [V]": 3.7}), "depend on x"),
        (lambda raw: raw["Parameterisation"]["Cell"].update({"Lower voltage cut-off [V]": 4.4}), "voltage"),
        (
            lambda raw: raw["Parameterisation"]["Positive electrode"].update({"OCP [V]": "open(1)"}),
            "other than arithmetic|Use numbers",
        ),
        (
            lambda raw: raw["Parameterisation"]["Electrolyte"].update({"Conductivity [S.m-1]": "x.real"}),
            "Attribute",
        ),
    ],
)
def test_bad_files_are_refused(tmp_path, edit, message):
    with pytest.raises(InputError, match=message) as caught:
        read_bpx(edited(tmp_path, edit))
    assert caught.value.remedy


def test_unreadable_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_bpx(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        read_bpx(tmp_path / "broken.json")


def test_wrong_voltage_limits_are_reported(tmp_path):
    def narrow(raw):
        raw["Parameterisation"]["Cell"]["Upper voltage cut-off [V]"] = 4.0

    with pytest.warns(UserWarning, match="outside 2.5 to 4.0 V"):
        read_bpx(edited(tmp_path, narrow))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "x.__class__", "(lambda: 1)()", "[x]", "x if x else 1", "y + 1",
        "exp(x, x)", "exp", "open(1)", "'a'", "x; x", "x = 1", "True", "1e400", "", "eval(x)", "x @ x",
        "x // 2", "exp(x=1)", "(" * 300 + "x" + ")" * 300 + "+", "+".join(["x"] * 20_000), "-" * 400 + "x",
    ],
)  # fmt: skip
def test_expressions_admit_arithmetic_only(text):
    with pytest.raises(InputError):
        Expression(text)


def test_huge_powers_are_an_error_not_a_wait():
    with pytest.raises(InputError, match="cannot be evaluated"):
        Expression("9**9**9**9 * x")(0.5)
    with pytest.raises(InputError, match="cannot be evaluated"):
        Expression("x / (1 - 1)")(0.5)


def test_expressions_serve_numbers_and_forms():
    law = Expression("-0.8*x + 2**x - exp(-3*x)*tanh(2*(x-0.5)) / cosh(x)**2 + x**-1")
    x = 0.37
    by_hand = -0.8 * x + 2**x - np.exp(-3 * x) * np.tanh(2 * (x - 0.5)) / np.cosh(x) ** 2 + 1 / x
    assert law(x) == pytest.approx(by_hand, rel=1e-14)
    assert float(law(ufl.as_ufl(x), ufl_maths())(())) == pytest.approx(by_hand, rel=1e-14)


def test_written_expressions_keep_the_order_of_evaluation():
    def law(x, m):
        return (x - (0.1 - x)) / (2.0 / (x * 3.0)) - -(x ** (2.0 ** (1.0 + x))) * (x**2) ** 3 - m.sqrt(x) / x

    from lithoscape.materials.maths import NUMPY

    text = express(law)
    assert Expression(text)(0.3) == pytest.approx(law(0.3, NUMPY), rel=1e-15)
