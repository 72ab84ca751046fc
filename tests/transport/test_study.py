"""The transport of one image from plan to data: directions, blocked ones, regions, hand-over."""

import json

import numpy as np
import pytest
import yaml
from scipy.ndimage import gaussian_filter

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.scenario.schema import Electrode
from lithoscape.transport.study import plan, study
from lithoscape.transport.voxel import VoxelOptions, effective


def image(labels: np.ndarray, through: int = 0) -> Volume:
    names = {"pore": 0, "active": 1, "binder": 2}
    return Volume(labels.astype(np.uint8), Grid(labels.shape, 1e-6, through=through), names)


def medium(through: int = 0) -> Volume:
    noise = gaussian_filter(np.random.default_rng(2).normal(size=(24, 20, 18)), 1.5)
    return image(np.digitize(noise, np.quantile(noise, [0.55, 0.9])), through)


def found(volume: Volume, conductors=None, **options):
    return study(volume, plan(volume, conductors or {"pore": 1.0}, **options))


@pytest.mark.parametrize(
    ("directions", "axes"),
    [("through", (1,)), ("in-plane", (0, 2)), ("all", (0, 1, 2)), ("0", (0,)), ("2", (2,))],
)
def test_directions(directions: str, axes: tuple[int, ...]) -> None:
    volume = medium(through=1)
    done = found(volume, directions=directions, tolerance=1e-5)
    assert tuple(done.transports) == axes
    for axis in axes:
        single = effective(volume.labels, {0: 1.0, 1: 0.0, 2: 0.0}, axis, options=VoxelOptions(1e-8))
        assert done.transports[axis].efficiency == pytest.approx(single.efficiency, rel=1e-5)
        assert done.row(axis)["tau"] == pytest.approx(single.tau, rel=1e-5)
    assert (done.profile is None) == (1 not in axes)
    assert (done.cut is None) == (directions != "all")


def test_everything_is_data() -> None:
    done = found(medium(), directions="all", slabs=4, regions={"low": (0.0, 12e-6), "high": (12e-6, 24e-6)})
    told = json.loads(json.dumps(done.plain()))
    assert [row["axis"] for row in told["directions"]] == [0, 1, 2]
    row = told["directions"][0]
    assert row["macmullin"] == pytest.approx(1 / row["efficiency"])
    assert row["tau_percolating"] < row["tau"]
    assert told["profile"]["Tortuosity factor"]["dimensions"] == ["height"]
    assert len(told["profile"]["height"]["values"]) == 4
    assert told["regions"]["region"]["values"] == ["low", "high"]
    assert np.shape(told["alone"]["Transport efficiency"]["values"]) == (2, 3)
    assert [x["name"] for x in told["hand_over"]["layers"]] == ["low", "high"]
    entry = yaml.safe_load(told["hand_over"]["scenario_text"])["electrode"]
    assert Electrode.model_validate(entry).transport.through == pytest.approx(row["efficiency"], rel=1e-5)
    assert entry["porosity"] == pytest.approx(row["porosity"], rel=1e-5)
    assert told["hand_over"]["bpx"]["Transport efficiency"] == entry["transport"]["through"]


def test_a_profile_is_as_accurate_as_asked() -> None:
    volume = medium()
    rough, fine = (found(volume, tolerance=t, slabs=6).profile for t in (1e-2, 1e-5))
    assert rough["Transport efficiency"].values == pytest.approx(
        fine["Transport efficiency"].values, rel=1e-2
    )
    assert rough["Tortuosity factor, percolating"].values.min() > 1


def test_only_the_electrolyte_is_handed_over() -> None:
    assert found(medium(), {"active": 1.0}).hand_over() == {}
    assert found(medium(), {"pore": 1.0, "binder": 0.3}).hand_over() == {}
    one = found(medium()).hand_over()["scenario"]["electrode"]["transport"]
    assert isinstance(one, float)


def test_several_conductors() -> None:
    volume = medium()
    done = found(volume, {"active": 10.0, "binder": 300.0}, tolerance=1e-6)
    expected = effective(volume.labels, {0: 0.0, 1: 10.0, 2: 300.0}, 0, options=VoxelOptions(1e-6))
    row = done.row(0)
    assert row["effective"] == pytest.approx(expected.effective, rel=1e-6)
    assert row["efficiency"] == pytest.approx(row["effective"] / 300)


def test_a_blocked_direction_stands_beside_the_others() -> None:
    labels = np.ones((9, 8, 8))
    labels[:, 2:4, :] = 0
    done = found(image(labels), directions="all")
    assert set(done.blocked) == {1}
    row = done.row(1)
    assert (row["efficiency"], row["porosity"], row["tau"]) == (0.0, 0.25, np.inf)
    told = done.plain()
    assert told["directions"][1]["tau"] is None
    assert "no cluster" in told["directions"][1]["note"]
    assert told["hand_over"]["scenario"]["electrode"]["transport"] == {"through": 0.25, "in_plane": 0.125}
    with pytest.raises(InputError, match="along axis 1"):
        found(image(labels), directions="1")


def test_a_single_page() -> None:
    labels = np.zeros((1, 12, 10))
    labels[:, 4:8, 3:] = 1
    done = found(image(labels, through=1), directions="through", slabs=3)
    share = float(done.profile["Share of the resistance"][1])
    assert share > 1 / 3
    assert done.row(1)["tau"] > 1
    with pytest.raises(InputError, match="thin"):
        found(image(labels, through=1), directions="all")


@pytest.mark.parametrize("engine", ["voxel", "fem"])
def test_engines(engine: str) -> None:
    done = found(image(np.repeat([0, 1], 6)[None, :, None] * np.ones((10, 1, 12))), engine=engine)
    assert done.row(0)["tau"] == pytest.approx(1.0, rel=1e-3)
    assert (done.profile is None) == (engine == "fem")


@pytest.mark.parametrize(
    ("conductors", "options", "word"),
    [
        ({}, {}, "phase"),
        ({"pores": 1.0}, {}, "'pore'"),
        ({"pore": -2.0}, {}, r"conductivity\.pore"),
        ({"pore": 1.0}, {"directions": "trough"}, "'through'"),
        ({"pore": 1.0}, {"engine": "comsol"}, "engine"),
        ({"pore": 1.0}, {"boundary": "edge"}, "boundary"),
        ({"pore": 1.0}, {"tolerance": 2.0}, "tolerance"),
        ({"pore": 1.0}, {"slabs": 20}, "slab"),
        ({"pore": 1.0}, {"regions": {"up": (1.0, 2.0)}}, r"regions\.up"),
    ],
)
def test_plans_that_cannot_be(conductors: dict, options: dict, word: str) -> None:
    with pytest.raises(InputError, match=word):
        plan(medium(), conductors, **options)
