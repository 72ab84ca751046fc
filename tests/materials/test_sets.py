"""Sets are complete, validated, frozen, copied and sent to other processes."""

import math
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.materials import (
    Assumed,
    Electrolyte,
    change,
    charge_window,
    get_electrolyte,
    get_set,
    list_sets,
    open_circuit_voltage,
    stoichiometry_window,
    value_at,
)
from lithoscape.materials.assembled import nmc811_half
from lithoscape.materials.laws import evaluate

EXPECTED = {
    "Xu2019", "Chen2020", "Chen2020_half", "ORegan2022", "ORegan2022_half", "Marquis2019",
    "NMC622_half", "NMC811_half",
}  # fmt: skip


def test_the_registry_lists_the_sets():
    assert set(list_sets()) == EXPECTED


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'Chen2020'") as caught:
        get_set("Chen200")
    assert caught.value.field == "materials" and caught.value.exit_code == 2
    with pytest.raises(InputError, match="Nyman2008"):
        get_electrolyte("Nymann2008")


@pytest.mark.parametrize("name", list_sets())
def test_sets_are_frozen_equal_and_picklable(name):
    cell = get_set(name)
    assert cell == get_set(name) == pickle.loads(pickle.dumps(cell))
    assert cell.is_half_cell == (name.endswith("half") or name == "Xu2019")
    with pytest.raises(FrozenInstanceError):
        cell.temperature = 300.0
    with pytest.raises(TypeError):
        cell.assumed["x"] = Assumed(0.0, 1.0, "no")


@pytest.mark.parametrize("name", list_sets())
def test_the_initial_state_is_inside_the_voltage_limits(name):
    cell = get_set(name)
    low, high = cell.voltage_limits
    assert low < open_circuit_voltage(cell) <= high + 1e-3
    charged, discharged = charge_window(cell)
    assert charged < discharged and discharged > 0.0
    window, _ = stoichiometry_window(cell)
    assert 0.0 < window[0] < window[1] < 1.0


@pytest.mark.parametrize("name", ["Chen2020", "Marquis2019"])
def test_windows_equal_pybamm_s(name, monkeypatch):
    monkeypatch.setenv("PYBAMM_DISABLE_TELEMETRY", "true")
    pybamm = pytest.importorskip("pybamm")
    x_0, x_100, y_100, y_0 = pybamm.lithium_ion.get_min_max_stoichiometries(pybamm.ParameterValues(name))
    positive, negative = stoichiometry_window(get_set(name))
    assert positive == pytest.approx((y_100, y_0), abs=1e-6)
    assert negative == pytest.approx((x_0, x_100), abs=1e-6)


@pytest.mark.parametrize("name", list_sets())
def test_assumed_values_lie_inside_their_priors(name):
    cell = get_set(name)
    assert bool(cell.assumed) == (cell.is_half_cell and name != "Xu2019")
    for path, entry in cell.assumed.items():
        value = value_at(cell, path)
        if isinstance(value, float):
            assert entry.low <= value <= entry.high, path
        assert entry.reason and entry.low < entry.high


def test_the_thick_electrode_carries_its_loading():
    positive = get_set("NMC622_half").positive
    loading = positive.active_fraction * positive.thickness * positive.material.density
    assert loading == pytest.approx(0.32, rel=1e-12)
    assert positive.active_fraction == pytest.approx(0.345, abs=1e-3)
    # 276.5 mAh/g on 32 mg/cm2
    assert positive.capacity / 36.0 / 1e3 == pytest.approx(276.5 * 32e-3, rel=1e-4)


def test_nmc811_potentials_agree_where_they_overlap():
    x = np.linspace(0.4, 0.75, 30)
    curves = [nmc811_half(p).positive.material.ocp(x) for p in ("hanyang", "sturm2019", "chen2020")]
    assert np.max(np.abs(curves[0] - curves[1])) < 0.02
    assert np.max(np.abs(curves[0] - curves[2])) < 0.05
    with pytest.raises(InputError, match="sturm2019"):
        nmc811_half("sturm")


def test_change_copies_validates_and_names_bad_paths():
    cell = get_set("NMC622_half")
    other = change(cell, {"positive.particle_radius": 3e-6, "positive.material.exchange_current.i_ref": 4.0})
    assert cell.positive.particle_radius == 4e-6 and other.positive.particle_radius == 3e-6
    c_max = other.positive.material.c_max
    i0 = other.positive.material.exchange_current(1000.0, 0.5 * c_max, c_max, 298.15)
    assert i0 == pytest.approx(4.0)
    with pytest.raises(InputError, match="particle_radius"):
        change(cell, {"positive.particle_radiu": 3e-6})
    with pytest.raises(InputError, match="leaf"):
        change(cell, {"positive.thickness.um": 3e-6})
    with pytest.raises(InputError, match="positive"):
        change(cell, {"positive.particle_radius": -1.0})


BAD_ELECTRODE = {
    "thickness": (0.0, -1e-6, math.nan, "75e-6"),
    "porosity": (0.0, 33.5, -0.1, math.nan),
    "active_fraction": (0.0, 66.5, 0.9),
    "particle_radius": (0.0, math.inf),
    "conductivity": (0.0, None),
    "initial_stoichiometry": (0.0, 1.2, math.nan),
    "double_layer": (-0.2,),
    "bruggeman_electrolyte": (-1.0,),
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, vs in BAD_ELECTRODE.items() for v in vs])
def test_bad_electrodes_are_refused(field, value):
    electrode = get_set("Chen2020").positive
    with pytest.raises(InputError) as caught:
        replace(electrode, **{field: value})
    assert caught.value.remedy and "electrode." in caught.value.field


def test_other_bad_specifications_are_refused():
    cell = get_set("Chen2020")
    material = cell.positive.material
    for bad in ({"c_max": -1.0}, {"stoichiometry": (0.9, 0.1)}, {"stoichiometry": (0.1, 1.5)}, {"ocp": 3.7}):
        with pytest.raises(InputError, match="material"):
            replace(material, **bad)
    with pytest.raises(InputError, match="porosity"):
        replace(cell.separator, porosity=47.0)
    with pytest.raises(InputError, match="voltage_limits"):
        replace(cell, voltage_limits=(4.2, 2.5))
    with pytest.raises(InputError, match="temperature"):
        replace(cell, temperature=-25.0)
    with pytest.raises(InputError, match="assumed"):
        replace(cell, assumed={"positive.porosity": 0.3})
    with pytest.raises(InputError, match="log"):
        Assumed(0.0, 1.0, "zero has no logarithm", log=True)
    with pytest.raises(InputError, match=r"electrolyte\.conductivity"):
        Electrolyte("none", "none", 1.0, 1e-10, 0.3)


def test_derived_quantities_of_an_electrode():
    positive = get_set("Chen2020").positive
    assert positive.surface_per_volume == pytest.approx(3 * 0.665 / 5.22e-6)
    assert positive.effective_conductivity == 0.18
    assert positive.transport_efficiency == pytest.approx(0.335**1.5)
    assert evaluate(positive.material.diffusivity, 0.5, 298.15) == 4e-15
