"""Pictures of microstructures: which way is up, what is drawn, what is refused."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from lithoscape.errors import InputError
from lithoscape.image import Grid, Instances, Volume
from lithoscape.report.scene import colour_of, render
from lithoscape.report.slices import draw_section, layer_fractions, preview, sections

SHAPE = (16, 12, 10)


def half(through: int = 0, collector: str = "low") -> Volume:
    """Active material in the quarter next to the collector."""
    grid = Grid(SHAPE, 1e-6, through, collector)  # type: ignore[arg-type]
    labels = np.zeros(SHAPE, np.uint8)
    near = grid.heights() < grid.thickness / 4
    np.moveaxis(labels, through, 0)[near] = 1
    return Volume(labels, grid, {"pore": 0, "active": 1, "binder": 2})


def drawn(volume: Volume, normal: int) -> np.ndarray:
    figure = Figure()
    axis = figure.subplots()
    draw_section(axis, volume, normal)
    return np.asarray(axis.images[0].get_array())


@pytest.mark.parametrize("through", [0, 1, 2])
@pytest.mark.parametrize("collector", ["low", "high"])
def test_the_collector_is_below_in_every_upright_section(through: int, collector: str) -> None:
    volume = half(through, collector)
    for normal in volume.grid.in_plane:
        picture = drawn(volume, normal)
        assert picture.shape[0] == SHAPE[through]
        assert (picture[-1] != picture[0]).any(axis=-1).all()
        lower = picture[-SHAPE[through] // 4 + 1 :].reshape(-1, 3)
        assert (lower == lower[0]).all()


@pytest.mark.parametrize("through", [0, 1, 2])
@pytest.mark.parametrize("collector", ["low", "high"])
def test_the_collector_is_below_in_the_rendering(through: int, collector: str) -> None:
    whole = render(half(through, collector), cut=False)
    dark = (whole < 235).all(axis=2)
    rows = np.flatnonzero(dark.any(axis=1))
    assert rows.mean() > 0.55 * whole.shape[0]


def test_layer_fractions_follow_the_height() -> None:
    heights, shares = layer_fractions(half(1, "high"))
    np.testing.assert_array_equal(shares["active"], (heights < 3e-6).astype(float))
    np.testing.assert_allclose(sum(shares.values()), 1.0)


def test_every_phase_has_a_colour_of_its_own() -> None:
    grid = Grid((1, 1, 1), 1e-6)
    names = ["pore", "active", "binder", *"abcdefgh"]
    colours = colour_of(Volume(np.zeros(grid.shape, int), grid, {n: k for k, n in enumerate(names)}))
    assert len(set(colours.values())) == len(names)


def test_particles_are_outlined_and_told_apart() -> None:
    volume = half()
    labels = np.zeros(SHAPE, int)
    labels[:4, :6], labels[:4, 6:] = 1, 2
    particles = Instances(labels, volume.grid, "active")
    plain, told = render(volume, cut=False), render(volume, instances=particles, cut=False)
    assert plain.shape[2] == told.shape[2] == 3
    colours = {tuple(c) for c in (told // 16).reshape(-1, 3)}
    assert len(colours) > len({tuple(c) for c in (plain // 16).reshape(-1, 3)})


def test_pages_hold_their_panels() -> None:
    assert len(sections(half()).axes) == 3
    page = preview(half(), title="Half", facts={"target": 0.25, "long": "x" * 99})
    words = " ".join(text.get_text() for axis in page.axes for text in axis.texts)
    assert "target: 0.25" in words
    assert "xxx" not in words


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        render(half(), hidden=("pore", "active"))


@pytest.mark.parametrize("width", [400e-6, 399.9999999e-6, 4e-6, 80e-6, 12.3e-6])
def test_scale_bars_are_round_lengths(width: float) -> None:
    edge = width / SHAPE[1]
    grid = Grid(SHAPE, (edge, edge, edge))
    figure = Figure()
    axis = figure.subplots()
    draw_section(axis, Volume(np.zeros(SHAPE, int), grid, {"pore": 0}), 2)
    text = axis.texts[0].get_text()
    length = float(text.split()[0])
    assert 0.1 * width * 1e6 <= length <= 0.2501 * width * 1e6
    assert f"{length:.0e}"[0] in "125"


def test_a_section_inside_a_channel_is_avoided() -> None:
    labels = np.ones(SHAPE, np.uint8)
    labels[:8] = 0
    labels[:, 5:8] = 0
    volume = Volume(labels, Grid(SHAPE, 1e-6), {"pore": 0, "active": 1})
    assert len({tuple(c) for c in drawn(volume, 1).reshape(-1, 3)}) == 2
