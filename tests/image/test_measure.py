"""The whole measuring run: closed forms by slab and region, real electrodes, what is refused."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.correlate import correlation
from lithoscape.image.io import read_volume
from lithoscape.image.measure import MEASURES, measure
from lithoscape.image.profile import by_region, by_slab, slab_boxes
from lithoscape.report.measured import blocks, in_page_units, render_page, write_measured

H = 0.5e-6
PHASES = {"pore": 0, "active": 1, "binder": 2}


def layers(through: int = 0, collector: str = "low") -> Volume:
    """Upright walls of active material, 6 of every 10 voxels, in the lower half; pore above."""
    shape = [20, 20, 20]
    shape[through] = 40
    grid = Grid(tuple(shape), H, through, collector)  # type: ignore[arg-type]
    labels = np.zeros(shape, np.uint8)
    across = grid.in_plane[0]
    walls = np.moveaxis(labels, (through, across), (0, 1))
    low = grid.heights() < grid.thickness / 2
    wall = (np.arange(20) % 10) < 6
    walls[np.ix_(low, wall)] = 1
    return Volume(labels, grid, PHASES)


@pytest.mark.parametrize(("through", "collector"), [(0, "low"), (1, "high"), (2, "low")])
def test_profiles_follow_the_height(through: int, collector: str) -> None:
    volume = layers(through, collector)
    profile = by_slab(volume, ("pore", "active"), 4)
    np.testing.assert_allclose(profile["height"], np.array([5, 15, 25, 35]) * H)
    active = profile.sel(phase="active")
    np.testing.assert_allclose(active["Volume fraction"], [0.6, 0.6, 0.0, 0.0])
    # walls 6 voxels wide, cut by the image at one side: 3 faces in 20 voxels of width (Crofton of a plane)
    area = active["Specific surface area [m-1]"].values * 20 * H
    assert area[0] == pytest.approx(3.0, rel=0.1)
    np.testing.assert_allclose(area[2:], 0.0)
    assert np.isnan(active["Mean intercept through [m]"].values[3])
    whole = correlation(volume.crop(*slab_boxes(volume.grid, 4)[0]), "active", max_lag=5 * H)
    plane = [whole.lengths[k] for k in volume.grid.in_plane]
    assert active["Correlation length in plane [m]"].values[0] == pytest.approx(np.mean(plane), rel=1e-9)
    assert np.isnan(active["Correlation length in plane [m]"].values[3])
    assert active["Normal tensor through"].values[0] == pytest.approx(0.0, abs=1e-6)
    assert profile["Specific contact area [m-1]"].values[0, 0] * 20 * H == pytest.approx(area[0])


def test_regions_are_heights_or_blocks() -> None:
    volume = layers()
    parts = by_region(
        volume,
        ("active",),
        {"lower": (0.0, 10e-6), "upper": (10e-6, 20e-6), "wall": (slice(0, 20), slice(0, 6), slice(0, 20))},
    )
    np.testing.assert_allclose(parts["Volume fraction"].sel(phase="active"), [0.6, 0.0, 1.0])
    assert list(by_region(volume, ("active",))["region"].values) == [
        "collector third", "middle third", "separator third",
    ]  # fmt: skip
    assert not by_region(volume, ("active",), {}).data_vars


def spheres() -> Volume:
    """One ball of active material with a shell of binder over its upper half, in pore."""
    n, radius = 40, 10
    grid = Grid((n, n, n), H)
    z, y, x = (np.arange(n) - (n - 1) / 2 for _ in range(3))
    r = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    labels = np.where(r < radius, 1, 0).astype(np.uint8)
    labels[(r >= radius) & (r < radius + 3) & (z[:, None, None] > 0)] = 2
    return Volume(labels, grid, PHASES, {"binder": {"nanoporosity": 0.47}})


@pytest.fixture(scope="module")
def measured():
    return measure(spheres(), slabs=5)


def test_every_measure_is_made(measured) -> None:
    assert not measured.skipped
    assert {row.group for row in measured.rows} == set(MEASURES)
    assert set(measured.seconds) == {*MEASURES, "profiles"}


def test_numbers_of_a_coated_ball(measured) -> None:
    block, radius = 20e-6**3, 5e-6
    area = 4 * np.pi * radius**2
    assert measured.value("Volume fraction", "active") * block == pytest.approx(
        4 / 3 * np.pi * radius**3, rel=0.01
    )
    assert measured.value("Specific surface area [m-1]", "active") * block == pytest.approx(area, rel=0.02)
    assert measured.value("Surface covered, by binder", "active") == pytest.approx(0.5, abs=0.02)
    assert measured.value("Triple-phase length [m-2]", "pore | active | binder") * block == pytest.approx(
        2 * np.pi * radius, rel=0.12
    )
    assert measured.value("Local thickness, d50 [m]", "active") == pytest.approx(2 * radius, rel=0.025)
    assert measured.value("Percolating fraction, axis 0 (through)", "pore") == 1.0
    assert measured.value("Percolating fraction, axis 1", "active") == 0.0
    assert measured.value("Isolated fraction", "active") == 1.0
    assert measured.value("Degree of anisotropy", "active") == pytest.approx(0.0, abs=0.02)
    assert measured.value("Mean chord, axis 2 [m]", "active") == pytest.approx(4 / 3 * radius, rel=0.02)
    assert measured.value("Nanoporosity", "binder") == 0.47
    with pytest.raises(KeyError, match="not measured"):
        measured.value("Volume fraction", "graphite")


def test_slabs_and_the_whole_agree(measured) -> None:
    share = measured.profiles["Volume fraction"].mean("height")
    for phase in PHASES:
        assert float(share.sel(phase=phase)) == pytest.approx(measured.value("Volume fraction", phase))
    ball = measured.profiles["Local thickness, mean [m]"].sel(phase="active")
    # voxels of the rim that no inscribed sphere holds take the little ones: 3 % of the mean at R = 10 voxels
    assert float(ball[2]) == pytest.approx(10e-6, rel=0.05)
    assert np.isnan(float(ball[0]))


def test_json_holds_everything(measured, tmp_path: Path) -> None:
    files = write_measured(measured, tmp_path / "out", "Ball")
    told = json.loads(files[0].read_text())
    assert told["measures"]["Volume fraction"]["active"] == measured.value("Volume fraction", "active")
    assert told["profiles"]["Volume fraction"]["dimensions"] == ["height", "phase"]
    assert len(told["profiles"]["height"]["values"]) == 5
    assert set(told["distributions"]) == set(measured.distributions)
    assert "NaN" not in files[0].read_text()
    assert [file.name for file in files] == ["measures.json", "measures.html"]
    assert not list((tmp_path / "out").glob("*.part"))


def test_the_page_shows_units_and_notes(measured) -> None:
    page = render_page(measured, "Ball <1>")
    assert "Ball &lt;1&gt;" in page
    assert "Specific surface area [µm⁻¹]" in page
    assert page.count("<img") == 4
    assert "Crofton" in page
    assert in_page_units("Local thickness, mean [m]", 2.5e-6) == ("Local thickness, mean [µm]", "2.5")
    assert in_page_units("Clusters", 12.0) == ("Clusters", "12")
    assert in_page_units("Clusters", float("nan")) == ("Clusters", "–")
    assert [b.columns for b in blocks(measured.rows)][-1] == ("pore | active | binder",)


def test_what_is_chosen_is_made() -> None:
    m = measure(spheres(), phases=["active"], what=["surface", "fractions"], slabs=2, regions={})
    assert {row.group for row in m.rows} == {"fractions", "surface"}
    assert {row.subject for row in m.rows} == {"active"}
    assert m.profiles.sizes["height"] == 2


def test_progress_ends_at_one() -> None:
    told: list[tuple[float, str]] = []
    measure(spheres(), what=["fractions"], progress=lambda done, name: told.append((done, name)))
    assert [name for _, name in told] == ["fractions", "profiles", "done"]
    assert told[-1][0] == 1.0


def test_one_impossible_measure_leaves_the_others() -> None:
    grid = Grid((8, 8, 8), H)
    m = measure(Volume(np.ones(grid.shape, np.uint8), grid, PHASES), regions={})
    assert m.value("Volume fraction", "active") == 1.0
    assert m.skipped
    assert "active" in m.skipped["thickness"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"what": ["surfaces"]}, "'surface'"),
        ({"phases": ["activ"]}, "'active'"),
        ({"slabs": 0}, "at least 2 voxels"),
        ({"slabs": 30}, "at least 2 voxels"),
        ({"regions": {"top": (30e-6, 40e-6)}}, "regions.top"),
        ({"regions": {"top": (5e-6, 2e-6)}}, "regions.top"),
        ({"regions": {"top": (slice(50, 60), slice(None), slice(None))}}, "block of voxels"),
    ],
)
def test_bad_requests_are_refused_at_once(options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        measure(spheres(), **options)


def test_a_named_phase_must_occur() -> None:
    with pytest.raises(InputError, match="no voxel"):
        measure(layers(), phases=["binder"])


DATA = os.environ.get("LITHOSCAPE_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="LITHOSCAPE_DATA is not set")


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "phases", "fractions", "digits"),
    [
        ("matbox_nmc1cal_cbd.tif", PHASES, (0.4005, 0.4995, 0.1000), 4),
        ("tf_electrode.tiff", {"pore": 0, "active": 85, "binder": 170}, (0.450, 0.400, 0.150), 3),
    ],
)
def test_real_electrodes_have_the_stated_fractions(
    name: str, phases: dict[str, int], fractions: tuple[float, ...], digits: int
) -> None:
    volume = read_volume(Path(str(DATA)) / "volumes" / name, phases=phases, voxel_size=0.398e-6)
    m = measure(volume, what=["fractions", "percolation", "surface"], slabs=5)
    for phase, stated in zip(phases, fractions, strict=True):
        assert round(m.value("Volume fraction", phase), digits) == pytest.approx(stated, abs=1e-9)
    if name.startswith("tf"):
        assert m.value("Percolating fraction, axis 0 (through)", "pore") == pytest.approx(0.9989, abs=5e-5)
    surface = m.profiles["Specific surface area [m-1]"].mean("height")
    for phase in phases:
        whole = m.value("Specific surface area [m-1]", phase)
        assert float(surface.sel(phase=phase)) == pytest.approx(whole, rel=0.01)
