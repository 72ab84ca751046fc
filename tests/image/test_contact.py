import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.image.contact import LineMethod, contact_table, line_bias, triple_line, triple_lines
from lithoscape.image.surface import interface_area, surface_area, voronoi_weights

UM = 1e-6
PHASES = {"pore": 0, "active": 1, "binder": 2}
THREE = ("pore", "active", "binder")
Size = tuple[float, float, float]
CUBE: Size = (1.0, 1.0, 1.0)


def volume(labels: np.ndarray, size: Size = CUBE) -> Volume:
    h0, h1, h2 = (UM * h for h in size)
    return Volume(labels.astype(np.uint8), Grid(labels.shape, (h0, h1, h2)), PHASES)


def points(shape: tuple[int, ...], size: Size = CUBE) -> np.ndarray:
    axes = [(np.arange(n) + 0.5) * h for n, h in zip(shape, size, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def direction(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def circle(radius: float, rng: np.random.Generator, size: Size = CUBE) -> Volume:
    """Half a ball of one phase, half of another: they meet the third along a great circle."""
    shape = tuple(int(2 * radius / h) + 9 for h in size)
    p = points(shape, size) - np.array(shape) * size / 2 - rng.uniform(-0.5, 0.5, 3) * size
    return volume(np.where((p**2).sum(-1) < radius**2, np.where(p @ direction(rng) < 0, 1, 2), 0), size)


def circle_errors(radius: float, method: LineMethod, count: int, size: Size = CUBE) -> np.ndarray:
    rng = np.random.default_rng(int(radius))
    exact = 2 * np.pi * radius * UM
    return np.array(
        [triple_line(circle(radius, rng, size), THREE, method).value / exact - 1 for _ in range(count)]
    )


def wedges(line: np.ndarray, angle: float, rng: np.random.Generator, n: int = 32) -> tuple[Volume, float]:
    """Three wedges around a straight line, one of the given angle; and the length of line in the box [m]."""
    across = np.linalg.svd(np.eye(3) - np.outer(line, line))[0][:, :2]
    start = rng.uniform(-0.5, 0.5, 3)
    q = (points((n, n, n)) - n / 2 - start) @ across
    turn = np.mod(np.arctan2(q[..., 1], q[..., 0]) - rng.uniform(0, 2 * np.pi), 2 * np.pi)
    ends = np.sort([(-n / 2 - start) / line, (n / 2 - start) / line], axis=0)
    labels = np.digitize(turn, [angle, angle + (2 * np.pi - angle) / 2])
    return volume(labels), float(ends[1].min() - ends[0].max()) * UM


def wedge_errors(degrees: float, method: LineMethod, count: int = 40) -> np.ndarray:
    rng, found = np.random.default_rng(int(degrees)), []
    for _ in range(count):
        v, exact = wedges(direction(rng), np.radians(degrees), rng)
        found.append(triple_line(v, THREE, method).value / exact - 1)
    return np.array(found)


@pytest.mark.parametrize(
    ("radius", "method", "mean", "band"),
    [
        (5, "crofton", -0.010, 0.025),  # bands: four standard errors of the mean of 16
        (12, "crofton", 0.024, 0.016),
        (20, "crofton", 0.031, 0.016),
        (12, "edges", 0.024, 0.06),
    ],
)
def test_circles_have_the_stated_bias(radius: float, method: LineMethod, mean: float, band: float) -> None:
    assert circle_errors(radius, method, 16).mean() == pytest.approx(mean, abs=band)


def test_thirteen_families_scatter_less_than_three() -> None:
    assert circle_errors(12, "edges", 16).std() > 2.5 * circle_errors(12, "crofton", 16).std()


@pytest.mark.parametrize(
    ("degrees", "mean", "band"),
    [(120, 0.004, 0.014), (90, 0.015, 0.017), (60, 0.076, 0.031), (30, 0.42, 0.10)],
)
def test_the_bias_of_sharp_wedges_is_the_stated_one(degrees: float, mean: float, band: float) -> None:
    assert wedge_errors(degrees, "crofton").mean() == pytest.approx(mean, abs=band)


@pytest.mark.parametrize("size", [(1.0, 2.0, 1.0), (1.0, 1.0, 3.0)])
def test_voxels_need_not_be_cubes(size: Size) -> None:
    assert circle_errors(15, "crofton", 24, size).mean() == pytest.approx(0.02, abs=0.03)


def test_a_line_along_an_axis_is_the_worst_case() -> None:
    labels = np.zeros((12, 10, 8))
    labels[:, :5, :4], labels[:, :5, 4:] = 1, 2
    v = volume(labels, (3.0, 1.0, 1.0))
    assert triple_line(v, THREE, "edges").value == pytest.approx(2 / 3 * 36 * UM, rel=1e-12)
    normals = np.array([d for d in np.ndindex(3, 3, 3)])[14:] - 1
    normals = normals / np.array([3.0, 1.0, 1.0])  # of lattice planes: the reciprocal lattice
    seen = 2 * voronoi_weights(normals) @ np.abs(normals[:, 0] / np.linalg.norm(normals, axis=1))
    assert triple_line(v, THREE).value == pytest.approx(seen * 36 * UM, rel=1e-12)
    cubic = volume(labels)
    low, high = line_bias(cubic.grid)
    found = triple_line(cubic, THREE)
    assert found.value == pytest.approx(low * 12 * UM, rel=1e-12)
    assert found.specific == pytest.approx(found.value / (960 * UM**3), rel=1e-12)
    assert (low, high) == pytest.approx((0.92662, 1.02277), abs=1e-5)
    assert line_bias(cubic.grid, "edges") == pytest.approx((2 / 3, 2 / np.sqrt(3)), abs=1e-4)
    assert "-7.3 to +2.3 %" in found.bias


def test_edges_are_those_with_all_three_phases_around() -> None:
    size = (1.0, 2.0, 3.0)
    v = volume(np.random.default_rng(8).integers(0, 3, (6, 5, 7)), size)
    total = 0.0
    for axis in range(3):
        moved = np.moveaxis(v.labels, axis, 0)
        around = np.stack([moved[:, :-1, :-1], moved[:, 1:, :-1], moved[:, :-1, 1:], moved[:, 1:, 1:]])
        total += size[axis] * UM * np.all([(around == k).any(axis=0) for k in range(3)], axis=0).sum()
    assert triple_line(v, THREE, "edges").value == pytest.approx(2 / 3 * total, rel=1e-12)


def test_only_connected_parts_count() -> None:
    """Two lines of three wedges along the through axis; in one of them the active wedge is interrupted."""
    labels = np.zeros((12, 10, 20))
    labels[:, :5, :5], labels[:, :5, 5:10] = 1, 2
    labels[:, :5, 10:15] = 0
    labels[:, 5:, 10:] = 2
    labels[:, :5, 15:] = 1
    labels[6, :5, 15:] = 0
    v = volume(labels)

    def length(**options: object) -> float:
        return triple_line(v, THREE, "edges", **options).value  # type: ignore[arg-type]

    whole, through = length(), length(connected=True)
    assert through == pytest.approx(2 / 3 * 12 * UM, rel=1e-12)  # the first line alone
    assert whole > through
    low = length(connected={"active": "collector"})
    high = length(connected={"active": "separator"})
    assert low - through == pytest.approx(whole - high, rel=1e-12)
    assert through < high < low < whole


def test_all_triples_are_listed() -> None:
    labels = np.random.default_rng(2).integers(0, 4, (6, 6, 6)).astype(np.uint8)
    v = Volume(labels, Grid((6, 6, 6), UM), {**PHASES, "solid": 3, "none": 7})
    lines = triple_lines(v)
    assert len(lines) == 4
    assert lines["pore", "binder", "solid"] == triple_line(v, ("pore", "binder", "solid"))
    assert triple_lines(volume(labels > 1)) == {}


def test_phases_that_never_meet_have_no_line() -> None:
    labels = np.zeros((4, 4, 9))
    labels[..., :3], labels[..., 6:] = 1, 2
    assert triple_line(volume(labels), THREE).value == 0.0


def test_the_table_shares_out_every_surface() -> None:
    v = volume(np.random.default_rng(0).integers(0, 3, (9, 8, 7)), (1.0, 2.0, 1.5))
    table = contact_table(v)
    assert table.areas.sum(axis=1) == pytest.approx([surface_area(v, p).value for p in THREE], rel=1e-12)
    assert table.shares.sum(axis=1) == pytest.approx(1.0, rel=1e-12)
    both = interface_area(v, "active", "binder").value
    assert table.area("active", "binder") == table.area("binder", "active") == pytest.approx(both)
    assert table.share("active", "binder") == pytest.approx(both / surface_area(v, "active").value)


def test_half_a_ball_is_covered_by_its_cap() -> None:
    p = points((40, 40, 40)) - 20.0
    inside = (p**2).sum(-1) < 12**2
    v = volume(np.where(inside, 1, np.where(p @ [0.6, 0.64, 0.48] > 0, 2, 0)))
    table = contact_table(v)
    assert table.share("active", "binder") == pytest.approx(0.5, abs=0.01)
    assert table.area("active", "binder") == pytest.approx(2 * np.pi * 144 * UM**2, rel=0.01)


def test_a_phase_without_surface_has_shares_of_zero() -> None:
    table = contact_table(volume(np.zeros((4, 4, 4))))
    assert (table.areas == 0).all()
    assert (table.shares == 0).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: triple_line(v, ("pore", "active")), "three different"),
        (lambda v: triple_line(v, ("pore", "active", "active")), "three different"),
        (lambda v: triple_line(v, "pore"), "three different"),
        (lambda v: triple_line(v, THREE), "no voxel"),
        (lambda v: triple_line(v, ("pore", "active", "bindr")), "'binder'"),
        (lambda v: triple_line(v, ("pore", "active", "solid"), "edge"), "'edges'"),
        (
            lambda v: triple_line(v, ("pore", "active", "solid"), connected={"binder": "collector"}),
            "the three",
        ),
        (lambda v: triple_line(v, ("pore", "active", "solid"), connected={"pore": "anode"}), "separator"),
        (lambda v: contact_table(v).area("pore", "activ"), "'active'"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[:2], labels[2:, 2:] = 1, 3
    v = Volume(labels, Grid((4, 4, 4), UM), {**PHASES, "solid": 3})
    with pytest.raises(InputError, match=words):
        call(v)  # type: ignore[operator]
