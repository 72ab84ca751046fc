"""The freeze-cast study: its closed forms, its search, and its quick variant."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "validation"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies import files beside them."""
    monkeypatch.syspath_prepend(str(FOLDER))


def test_slabs_in_series_with_an_even_reaction() -> None:
    import ice_electrode as paper

    whole = paper.Slab(1e-3, 0.25)
    assert paper.length([whole]) == pytest.approx(0.5 * 1e-3 / 0.25)
    parts = [paper.Slab(h, 0.25) for h in (2e-4, 5e-4, 3e-4)]
    assert paper.length(parts) == pytest.approx(paper.length([whole]), rel=1e-12)
    # all of the resistance in the first tenth: nearly all of the current crosses it
    first = [paper.Slab(1e-4, 1e-3), paper.Slab(9e-4, 1e6)]
    assert paper.length(first) == pytest.approx(0.95 * 0.1, rel=1e-6)


def test_the_limit_of_free_electrolyte() -> None:
    """i L (1 - t+) / 2 = F D dc for an even reaction over L."""
    import ice_electrode as paper

    found = paper.limiting_current(1000.0, [paper.Slab(1e-3, 1.0)], 2e-10, 0.4)
    assert found == pytest.approx(2 * 96485.33212 * 2e-10 * 1000 / (0.6 * 1e-3), rel=1e-9)
    assert paper.ohmic_drop(100.0, [paper.Slab(1e-3, 0.5)], 2.0) == pytest.approx(0.05)
    assert paper.thickness_for(0.25, 1e-3) == pytest.approx(5e-4)


def test_masses_and_lithium_of_the_coating() -> None:
    import ice_electrode as paper

    assert paper.areal_capacity(paper.porosity_for(paper.AREAL)) == pytest.approx(paper.AREAL, rel=1e-12)
    assert paper.porosity_for(paper.AREAL) == pytest.approx(0.16, abs=0.01)
    assert paper.areal_capacity(0.22) / 10 == pytest.approx(52, abs=2)
    assert paper.full_capacity() == pytest.approx(275.5, abs=0.1)
    assert paper.mean_swing() * paper.full_capacity() == pytest.approx(180, abs=1)
    through, across = paper.implied_diffusivities()
    assert 1.38e-11 < min(through + across) <= max(through + across) < 1.41e-11
    assert paper.active_share() == pytest.approx(0.759, abs=1e-3)


def test_orders_with_ties() -> None:
    from compton_nmc811 import ranked

    assert ranked([0.76, 0.73, 0.61], 0.005) == "1 > 2 > 3"
    assert ranked([0.76, 0.73, 0.61], 0.03) == "1 = 2 > 3"
    assert ranked([0.66, 0.70, 0.61], 0.042) == "1 = 2 > 3"
    assert ranked([0.0, 0.03, 0.10], 0.0) == "3 > 2 > 1"


def test_the_search_finds_where_the_swing_is_as_wanted() -> None:
    from ice_runs import search

    made = lambda rate: SimpleNamespace(value=0.8 / (1 + rate / 0.02))  # noqa: E731
    found, tried = search(made, lambda c: c.value, 0.4, 0.001, 1.0, 1e-6)
    assert found == pytest.approx(0.02, rel=1e-5)
    assert [v for v, _ in tried] == sorted(v for v, _ in tried)
    nothing, tried = search(made, lambda c: c.value, 0.9, 0.001, 1.0, 1e-6)
    assert np.isnan(nothing) and len(tried) == 2


def test_blocks_are_pore_if_half_of_them_is() -> None:
    from ice_structure import coarsened

    mask = np.zeros((5, 4, 4), bool)
    mask[:2, :2, 0] = True  # half of the first block of eight
    mask[2:4, 0, 0] = True
    coarse = coarsened(mask, 2)
    assert coarse.shape == (2, 2, 2)
    assert coarse[0, 0, 0] and coarse.sum() == 1


def test_a_straight_pore_is_a_uniform_line() -> None:
    from ice_structure import line_fit

    from lithoscape.impedance import diffusion_impedance

    labels = np.ones((80, 4, 4), np.uint8)
    labels[:, :2] = 0
    s = diffusion_impedance(labels, 0, 0, spacing=(1e-6,) * 3, diffusivity=2e-10)
    tau, misfit = line_fit(s)
    assert tau == pytest.approx(1.0, abs=0.01)
    assert misfit < 0.1  # voxels do not resolve the highest frequencies


def imaged_record(pixels: np.ndarray | None):
    """What the instrument leaves of two rests: regions 0.2, 0.3, 0.4 after charge, 0.5 more later."""
    import xarray as xr
    from ice_runs import EXPOSURE

    regions = np.array([0.2, 0.3, 0.4])
    exposed = np.stack([regions, regions + 0.5])
    middles = np.array([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]) * EXPOSURE
    data = {
        "Compton stoichiometry as exposed": (("exposure", "region"), exposed),
        "Time of exposure [s]": (("exposure", "region"), middles),
    }
    time = np.linspace(0, 6 * EXPOSURE, 25)
    if pixels is not None:
        state = (time > 3 * EXPOSURE - 1)[:, None, None] * 0.5
        values = regions[None, :, None] + pixels[None, None, :] + state
        data["Compton stoichiometry by pixel"] = (("time", "region", "pixel_x"), values)
    return xr.Dataset(data, {"time": time})


def test_pixels_of_one_dimension_are_the_regions() -> None:
    from ice_runs import WIDE, by_pixel

    seen = by_pixel(imaged_record(None))
    assert seen.shape == (2, 3, WIDE)
    assert seen[1, 2] == pytest.approx([0.9] * WIDE)


def test_pixels_are_exposed_one_region_after_another() -> None:
    from ice_runs import by_pixel

    across = np.array([-0.1, 0.0, 0.1, 0.2])
    seen = by_pixel(imaged_record(across))
    assert seen[0, 0] == pytest.approx(0.2 + across)
    assert seen[1, 1] == pytest.approx(0.8 + across)


def test_lithium_goes_through_photons_and_back() -> None:
    from ice_imaging import energies, image, photons_for

    from lithoscape.instruments import nmc811

    line = nmc811()
    pixels = np.repeat(np.array([[0.1, 0.05, 0.02], [0.7, 0.65, 0.6]])[:, :, None], 4, axis=2)
    found = image(SimpleNamespace(pixels=pixels))
    gap = found.mean - pixels[:, :, 0]
    assert np.abs(gap / found.mean_error).max() < 3.5
    spread = found.lithium.std(axis=(2, 3))
    assert spread == pytest.approx(found.counting[:, :, 0, 0], rel=0.15)
    many = image(SimpleNamespace(pixels=pixels), photons=1e9)
    assert many.lithium == pytest.approx(
        np.broadcast_to(pixels[:, :, :1, None], many.lithium.shape), abs=3e-4
    )
    assert photons_for(0.03, 0.7, line) == pytest.approx(4 * photons_for(0.06, 0.7, line))
    # at 90 degrees: E' = E / (1 + E/mc2)
    assert energies()["compton_peak"] / 1.602176634e-16 == pytest.approx(
        115 / (1 + 115 / 510.99895), rel=1e-6
    )


@pytest.mark.slow
def test_the_quick_variant(quick) -> None:
    rows = {row.id: row for row in quick("compton_nmc811").rows}
    assert rows["eff_through_r1"].verdict == "met"
    assert rows["rate_of_swing"].simulated == pytest.approx(0.0189, abs=0.001)
    assert rows["order_charged"].simulated == "3 > 2 > 1"
    assert rows["cap_dis_nominal"].simulated < 5
    assert rows["x_discharged_r1"].simulated > rows["x_charged_r1"].simulated
    assert all(row.simulated is not None for row in rows.values())
