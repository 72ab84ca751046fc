"""Resistance by depth and region: adds up, exact for layers, beside what cut-out layers say."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.transport.profile import alone, by_depth, by_region, layer_powers, layers_of, thirds
from lithoscape.transport.voxel import Transport, VoxelOptions, effective

UM = 1e-6
PORES = {0: 1.0, 1: 0.0}
THREE = {0: 2.0, 1: 0.0, 2: 0.1}


def image(labels: np.ndarray, **grid) -> Volume:
    where = Grid(labels.shape, (UM, 0.8 * UM, 1.3 * UM), **grid)
    names = {"pore": 0, "active": 1, "binder": 2}
    return Volume(labels.astype(np.uint8), where, names)


def graded(shape=(30, 16, 14), seed: int = 0, axis: int = 0) -> np.ndarray:
    """Three phases, denser towards the end of the axis."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.2)
    ramp = np.linspace(-0.1, 0.15, shape[axis]).reshape([-1 if k == axis else 1 for k in range(3)])
    return np.digitize(noise + ramp, [0.02, 0.2])


def solved(volume: Volume, conductivity: dict, axis: int = 0, boundary: str = "face") -> Transport:
    options = VoxelOptions(1e-9, boundary)
    spacing = volume.grid.voxel_size
    return effective(volume.labels, conductivity, axis, spacing=spacing, options=options, keep_potential=True)


def powers_by_hand(transport: Transport, labels: np.ndarray) -> np.ndarray:
    """Voxel by voxel, link by link."""
    sigma = np.vectorize({0: 0, 1: 0, 2: 0, **transport.conductivity}.get)(labels).astype(float)
    phi, h, axis = transport.potential, transport.spacing, transport.axis
    total = np.zeros(labels.shape[axis])
    for here in np.ndindex(*labels.shape):
        if sigma[here] == 0 or np.isnan(phi[here]):
            continue
        for a in range(3):
            area = np.prod(h) / h[a]
            for side in (-1, 1):
                there = tuple(i + side * (k == a) for k, i in enumerate(here))
                resistance = h[a] / 2 / (sigma[here] * area)
                if 0 <= there[a] < labels.shape[a]:
                    if sigma[there] == 0 or np.isnan(phi[there]):
                        continue
                    whole = resistance + h[a] / 2 / (sigma[there] * area)
                    current = (phi[here] - phi[there]) / whole
                elif a == axis and transport.boundary == "face":
                    current = (phi[here] - (1.0 if side < 0 else 0.0)) / resistance
                else:
                    continue
                total[here[axis]] += current**2 * resistance
    return total


@pytest.mark.parametrize("boundary", ["face", "node"])
@pytest.mark.parametrize("conductivity", [PORES | {2: 0.0}, THREE], ids=["one phase", "three"])
@pytest.mark.parametrize("axis", [0, 2])
def test_powers_are_those_of_every_link_and_sum_to_the_whole(conductivity, boundary, axis) -> None:
    volume = image(graded((12, 7, 9), axis=axis))
    found = solved(volume, conductivity, axis, boundary)
    powers = powers_by_hand(found, volume.labels)
    h, n = found.spacing, volume.labels.shape
    area = np.prod([h[k] * n[k] for k in range(3) if k != axis])
    length = h[axis] * (n[axis] - (boundary == "node"))
    assert powers.sum() == pytest.approx(found.effective * area / length, rel=1e-6, abs=0)
    assert layer_powers(found, volume.labels) == pytest.approx(powers / powers.sum(), rel=1e-6)


def test_resistances_in_place_add_up() -> None:
    volume = image(graded())
    found = solved(volume, THREE)
    for slabs in (3, 7):
        profile = by_depth(volume, found, slabs)
        assert float(profile["Share of the resistance"].sum()) == pytest.approx(1, rel=1e-9)
        thick = np.diff(np.linspace(0, 30, slabs + 1).round()) / 30
        series = 1 / float((thick / profile["Transport efficiency"].values).sum())
        assert series == pytest.approx(found.efficiency, rel=1e-9)


@pytest.mark.parametrize("boundary", ["face", "node"])
def test_an_open_block_is_open_in_every_slab(boundary: str) -> None:
    volume = image(np.zeros((12, 4, 4)))
    profile = by_depth(volume, solved(volume, PORES | {2: 0.0}, 0, boundary), 3)
    assert profile["Transport efficiency"].values == pytest.approx(np.ones(3), rel=1e-6)


def test_layers_get_their_own_transport() -> None:
    """Straight channels, fewer from layer to layer: in place and alone are the same, tau is 1."""
    labels = np.ones((12, 6, 6))
    for low, high, width in ((0, 4, 6), (4, 8, 3), (8, 12, 3)):
        labels[low:high, :width, :] = 0
    labels[8:12, :3, ::2] = 1
    volume = image(labels)
    found = solved(volume, PORES | {2: 0.0})
    profile = by_depth(volume, found, 3)
    assert profile["Porosity"].values == pytest.approx([1, 1 / 2, 1 / 4])
    in_place = by_region(volume, found, {"top": (8 * UM, 12 * UM)})
    cut = alone(volume, PORES | {2: 0.0}, {"top": (8 * UM, 12 * UM)})
    assert float(cut["Tortuosity factor"].sel(region="top", axis=0)) == pytest.approx(1, rel=1e-3)
    assert float(in_place["Tortuosity factor"][0]) == pytest.approx(1, rel=0.2)
    assert float(in_place["Tortuosity factor"][0]) > 1  # current gathers below it
    assert float(cut["Transport efficiency"].sel(axis=2).squeeze()) == 0
    assert np.isinf(cut["Tortuosity factor"].sel(axis=2)).all()


@pytest.mark.parametrize("conductivity", [PORES | {2: 0.0}, THREE], ids=["one phase", "three"])
def test_a_layer_alone_resists_less_than_in_place(conductivity) -> None:
    volume = image(graded())
    in_place = by_region(volume, solved(volume, conductivity))["Transport efficiency"]
    cut = alone(volume, conductivity, options=VoxelOptions(1e-8))["Transport efficiency"].sel(axis=0)
    assert (in_place.values < cut.values).all()


def test_one_layer_cannot_be_solved_along_its_thickness() -> None:
    cut = alone(image(graded()), THREE, {"thin": (0.0, 1.5 * UM)})["Transport efficiency"].values[0]
    assert np.isnan(cut[0])
    assert (cut[1:] > 0).all()


def test_heights_count_from_the_collector() -> None:
    labels = graded()
    up = by_depth(image(labels), solved(image(labels), THREE), 5)
    flipped = image(labels[::-1], collector="high")
    down = by_depth(flipped, solved(flipped, THREE), 5)
    assert up["height"].values == pytest.approx(down["height"].values)
    for name in up:
        assert up[name].values == pytest.approx(down[name].values, rel=2e-4)  # as potentials are
    side = by_depth(image(labels, through=1), solved(image(labels, through=1), THREE, 0), 5)
    assert side["Porosity"].values == pytest.approx(up["Porosity"].values)


def test_isolated_pores_are_counted_apart() -> None:
    labels = np.ones((9, 5, 5))
    labels[:, 2, 2] = 0
    labels[3:6, 0, 0] = 0
    volume = image(labels)
    profile = by_depth(volume, solved(volume, PORES | {2: 0.0}), 3)
    assert profile["Porosity"].values == pytest.approx([1 / 25, 2 / 25, 1 / 25])
    assert profile["Percolating porosity"].values == pytest.approx(np.full(3, 1 / 25))
    assert profile["Tortuosity factor, percolating"].values == pytest.approx(np.ones(3))
    assert profile["Tortuosity factor"].values == pytest.approx([1, 2, 1])


def test_layers_for_the_homogenised_model() -> None:
    volume = image(graded())
    place, cut = by_region(volume, solved(volume, THREE)), alone(volume, THREE)
    layers = layers_of(volume, thirds(volume), place, cut)
    assert [x.name for x in layers] == ["collector third", "middle third", "separator third"]
    assert layers[0].through == float(place["Transport efficiency"][0])
    sides = cut["Transport efficiency"].sel(region="middle third", axis=[1, 2])
    assert layers[1].in_plane == pytest.approx(float(sides.mean()))


def test_what_cannot_be_is_refused() -> None:
    volume = image(graded())
    bare = effective(volume.labels, THREE, 0)
    with pytest.raises(InputError, match="keep_potential"):
        by_depth(volume, bare)
    kept = solved(volume, THREE)
    with pytest.raises(InputError, match="transport"):
        layer_powers(kept, volume.labels[:5])
    with pytest.raises(InputError, match="slab"):
        by_depth(volume, kept, 16)
    with pytest.raises(InputError, match=r"regions\.high"):
        by_region(volume, kept, {"high": (0.0, 1.0)})
    with pytest.raises(InputError, match="axis 1"):
        by_region(image(graded(), through=1), kept)
