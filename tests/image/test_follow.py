import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lithoscape.errors import InputError, SolveError
from lithoscape.image import Grid, Instances, Volume
from lithoscape.image.follow import State, follow, track_table
from lithoscape.image.particle_table import particle_table
from lithoscape.image.particles import split_particles
from lithoscape.image.register import Transform, register

UM = 1e-6
PHASES = {"pore": 0, "active": 1}


def packing(grid: Grid, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random sequential addition of spheres that do not overlap; some stick out of the box."""
    size = np.array(grid.size)
    radii = np.sort(rng.uniform(5.5, 9.5, count) * UM)[::-1]
    centres = np.empty((0, 3))
    for radius in radii:
        while True:
            centre = rng.uniform(-0.3 * radius, size + 0.3 * radius)
            apart = np.linalg.norm(centres - centre, axis=1) - radii[: len(centres)] - radius
            if (apart > 0).all():
                centres = np.vstack([centres, centre])
                break
    return centres, radii


@dataclass(frozen=True)
class Sample:
    """Particles and what becomes of them; ``at(k)`` is the image of state k out of ``states``."""

    grid: Grid
    states: int
    centres: np.ndarray
    radii: np.ndarray
    drift: np.ndarray
    normals: np.ndarray
    cracks: np.ndarray
    places: list[Transform]
    noise: float
    seed: int

    @classmethod
    def made(cls, edge: int, count: int, states: int, seed: int, noise: float = 0.4) -> "Sample":
        rng = np.random.default_rng(seed)
        grid = Grid((edge, edge + 4, edge - 4), (UM, UM, UM))
        centres, radii = packing(grid, count, rng)
        drift = rng.standard_normal((count, 3))
        drift *= (0.5 * radii * rng.uniform(0.3, 1, count) / np.linalg.norm(drift, axis=1))[:, None]
        drift = without_similarity(drift, centres)
        normals = rng.standard_normal((count, 3))
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        cracks = np.where(rng.random(count) < 0.12, rng.uniform(0.2, 0.8, count), 2.0)
        middle = tuple(np.array(grid.size) / 2)
        places = [Transform(centre=middle)]  # type: ignore[arg-type]
        for _ in range(states - 1):
            angle, shift = np.deg2rad(rng.normal(0, 0.6, 3)), rng.uniform(-3, 3, 3) * UM
            places.append(Transform(tuple(angle), tuple(shift), 1 + rng.uniform(-0.003, 0.003), middle))  # type: ignore[arg-type]
        return cls(grid, states, centres, radii, drift, normals, cracks, places, noise, seed)

    def at(self, k: int) -> tuple[Volume, np.ndarray]:
        """Segmented image with rough edges and specks, and the true particle of every solid voxel."""
        share = k / max(self.states - 1, 1)
        points = self.places[k].inverse().apply(self.grid.points())
        best, owner = np.full(len(points), 1.0), np.zeros(len(points), np.int32)
        radii = self.radii * (1 - 0.05 * np.sin(np.pi * share)) ** (1 / 3)
        for i, (centre, radius) in enumerate(zip(self.centres + share * self.drift, radii, strict=True)):
            away = points - centre
            near = np.flatnonzero((abs(away) < radius + 2 * UM).all(axis=1))
            level = np.linalg.norm(away[near], axis=1) - radius
            if share > self.cracks[i]:  # a void opens across the particle
                level = np.maximum(level, 1.4 * UM - abs(away[near] @ self.normals[i]))
            closer = level < best[near]
            best[near[closer]], owner[near[closer]] = level[closer], i + 1
        rng = np.random.default_rng([self.seed, k])
        rough = gaussian_filter(rng.standard_normal(self.grid.shape), 1.0)
        solid = best.reshape(self.grid.shape) + self.noise * UM * rough / rough.std() < 0
        specks = rng.random(self.grid.shape) < 2e-4
        volume = Volume(solid | specks, self.grid, PHASES)
        return volume, np.where(volume.mask("active"), owner.reshape(self.grid.shape), 0)


def without_similarity(drift: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The drift less the shift, rotation and scale that fit it best: those belong to the registration."""
    x = centres - centres.mean(axis=0)
    columns = (
        [np.tile(axis, (len(x), 1)) for axis in np.eye(3)] + [np.cross(axis, x) for axis in np.eye(3)] + [x]
    )
    basis = np.stack([column.ravel() / abs(column).max() for column in columns], axis=1)
    fit = np.linalg.lstsq(basis, drift.ravel(), rcond=None)[0]
    return drift - (basis @ fit).reshape(drift.shape)


def majority(labels: np.ndarray, truth: np.ndarray) -> dict[int, int]:
    """For every true particle of 200 voxels and more in the box: the label most of it has."""
    table = particle_table(truth, Grid(truth.shape, UM))  # type: ignore[arg-type]
    rows = table["Volume [m3]"].values > 200 * UM**3
    return {int(i): int(np.bincount(labels[truth == i]).argmax()) for i in table["particle"].values[rows]}


def kept(reference: Instances, start: np.ndarray, state: Instances, truth: np.ndarray) -> tuple[int, int]:
    """True particles that carry the number they had in the reference; and those there are."""
    first, now = majority(reference.labels, start), majority(state.labels, truth)
    both = [i for i in now if first.get(i, 0) > 0]
    return sum(first[i] == now[i] for i in both), len(both)


def run(sample: Sample, way: str, places: list[Transform]) -> tuple[int, int, list[Instances]]:
    images = [sample.at(k) for k in range(sample.states)]
    reference = split_particles(images[0][0], "active", min_volume=30 * UM**3)
    series: list[State] = [
        split_particles(volume, "active", min_volume=30 * UM**3) if way == "match" else (volume, "active")
        for volume, _ in images[1:]
    ]
    found = follow(reference, series, places[1:])
    scores = [
        kept(reference, images[0][1], state, truth)
        for state, (_, truth) in zip(found, images[1:], strict=True)
    ]
    good, total = np.sum(scores, axis=0)
    return int(good), int(total), [reference, *found]


@pytest.mark.parametrize("way", ["match", "flood"])
def test_labels_are_kept(way: str) -> None:
    sample = Sample.made(56, 26, 4, seed=1)
    good, total, states = run(sample, way, sample.places)
    assert total > 45
    assert good == total
    assert all(state.table.attrs["lost"] <= 2 for state in states[1:])


@pytest.mark.slow
def test_twelve_states_keep_99_percent_of_the_labels() -> None:
    sample = Sample.made(84, 90, 12, seed=1)
    reference = sample.at(0)[0]
    places = [Transform()]
    for k in range(1, sample.states):
        places.append(register(reference, sample.at(k)[0], phase="active"))
    for way in ("match", "flood"):
        good, total, states = run(sample, way, places)
        assert total > 800
        assert good >= 0.99 * total
        change = track_table(states)["Volume change"].values[6]  # particles are smallest here
        sizes = [np.bincount(sample.at(k)[1].ravel(), minlength=91)[1:].astype(float) for k in (0, 6)]
        true = sizes[1] / np.where(sizes[0] > 200, sizes[0], np.nan) - 1
        assert np.nanmedian(true) < -0.04
        assert np.nanmedian(change) == pytest.approx(np.nanmedian(true), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "within"), [(0.0, 0.03), (0.4, 0.15)])
def test_the_transform_of_a_swelling_cracking_series_is_recovered(noise: float, within: float) -> None:
    """At the farthest corner, in voxels: what is left is the roughness of surfaces, new in every state."""
    sample = Sample.made(100, 150, 12, seed=1, noise=noise)
    still, whole = 0 * sample.drift, sample.cracks + 2 * (noise == 0)
    sample = replace(sample, drift=still, cracks=whole)
    corners = np.array(list(itertools.product(*((0, edge) for edge in sample.grid.size))))
    reference = sample.at(0)[0]
    for k in (1, 8):
        found = register(reference, sample.at(k)[0], phase="active")
        apart = np.linalg.norm(found.apply(corners) - sample.places[k].apply(corners), axis=1)
        assert apart.max() < within * UM


# single events, on spheres in a row

GRID = Grid((24, 24, 96), (UM, UM, UM))


def row(*spheres: tuple[float, float]) -> np.ndarray:
    """Labels 1..N of spheres (place along the row, radius) in voxels; the first wins where they meet."""
    x = [GRID.centres(k) / UM for k in range(3)]
    labels = np.zeros(GRID.shape, np.int32)
    for k, (place, radius) in reversed(list(enumerate(spheres, 1))):
        inside = (x[0][:, None, None] - 12) ** 2 + (x[1][None, :, None] - 12) ** 2 + (x[2] - place) ** 2
        labels[inside < radius**2] = k
    return labels


def instances(labels: np.ndarray) -> Instances:
    return Instances(labels, GRID, "active")


def phase(labels: np.ndarray) -> tuple[Volume, str]:
    return Volume(labels > 0, GRID, PHASES), "active"


def numbered(state: Instances, place: float) -> int:
    """Number of the particle at a place along the row."""
    return int(state.labels[12, 12, int(place)])


THREE = row((12, 8), (36, 8), (60, 8))


def test_a_broken_particle_keeps_its_number_on_all_pieces() -> None:
    broken = THREE.copy()
    broken[:, :, 34:37] = 0
    parts = broken.copy()
    parts[:, :, 37:45][broken[:, :, 37:45] > 0] = 4
    for state in (instances(parts), phase(broken)):
        found = follow(instances(THREE), [state])[0]
        assert [numbered(found, z) for z in (12, 30, 41, 60)] == [1, 2, 2, 3]
        assert found.table["Pieces"].values.tolist() == [1, 2, 1]
        assert not found.table["New"].values.any()


def test_lost_and_new_particles_are_reported_and_found_again() -> None:
    gap, more = row((12, 8), (200, 8), (60, 8)), row((12, 8), (36, 8), (60, 8), (84, 8))
    for make in (instances, phase):
        states = follow(instances(THREE), [make(gap), make(more), make(more)])  # type: ignore[operator]
        assert states[0].numbers.tolist() == [1, 3]
        assert states[0].table.attrs == {"lost": 1, "new": 0, "divided": 0}
        assert [numbered(states[1], z) for z in (12, 36, 60, 84)] == [1, 2, 3, 4]
        assert states[1].table["New"].values.tolist() == [False, False, False, True]
        assert np.isnan(states[1].table["Jaccard"].values[3])
        assert states[2].numbers.tolist() == [1, 2, 3, 4]
        assert states[2].table.attrs == {"lost": 0, "new": 0, "divided": 0}


def test_particles_that_were_split_badly_are_cut_again() -> None:
    touching = row((20, 8), (36, 8), (60, 8))
    merged = touching.copy()
    merged[merged == 2] = 1
    found = follow(instances(touching), [instances(merged)])[0]
    assert found.table.attrs["divided"] == 1
    assert (found.labels != touching).sum() < 0.02 * (touching > 0).sum()


def test_numbers_of_the_reference_count_whatever_they_are() -> None:
    reference = np.array([0, 70, 7, 19])[THREE]
    found = follow(instances(reference), [instances(np.array([0, 2, 3, 1])[THREE])])[0]
    np.testing.assert_array_equal(found.labels, reference)
    assert found.table["Jaccard"].values.tolist() == pytest.approx([1, 1, 1])


def test_drift_is_predicted_from_the_neighbours() -> None:
    # all move on by 3 voxels; the small one would not meet its own footprint
    places, small = (9.0, 27.0, 45.0, 63.0), 1.4

    def state(shift: float) -> np.ndarray:
        return row(*((z + shift, 8.0) for z in places), (76 + shift, small))

    found = follow(instances(state(0)), [instances(state(3.0))])[0]
    np.testing.assert_array_equal(found.labels, state(3.0))
    assert found.table["Jaccard"].values[4] > 0.9


def test_a_particle_that_leaves_the_image_and_comes_back_is_the_same() -> None:
    whole, cut = row((12, 8), (36, 8), (84, 11)), row((24, 8), (48, 8), (96, 11))
    aside = Transform(translation=(0, 0, 12 * UM))
    states = follow(instances(whole), [instances(cut), instances(whole)], [aside, Transform()])
    np.testing.assert_array_equal(states[0].labels, cut)
    np.testing.assert_array_equal(states[1].labels, whole)


def test_states_on_other_voxels_are_followed_by_their_transform() -> None:
    fine = Grid((48, 48, 96), (0.5 * UM, 0.5 * UM, UM), origin=(5 * UM, 0, 0))
    labels = np.repeat(np.repeat(THREE, 2, axis=0), 2, axis=1)
    move = Transform(translation=(5 * UM, 0, 0))
    for state in (Instances(labels, fine, "active"), (Volume(labels > 0, fine, PHASES), "active")):
        found = follow(instances(THREE), [state], [move])[0]
        np.testing.assert_array_equal(found.labels, labels)
        assert found.table["Jaccard"].values == pytest.approx(1, abs=0.02)


def test_the_table_of_the_track() -> None:
    first = row((12, 8), (36, 8), (51, 7), (75, 8))
    second = row((12, 7), (36, 8), (200, 7), (75, 8))
    second[:, :, 83:] = np.where(row((92, 9))[:, :, 83:] > 0, 5, 0)
    states = [instances(first), *follow(instances(first), [instances(second)])]
    table = track_table(states)
    assert table["particle"].values.tolist() == [1, 2, 3, 4, 5]
    assert table["Present"].values.tolist() == [[True] * 4 + [False], [True, True, False, True, True]]
    assert table["Lost"].values.tolist() == [0, 1]
    sizes = [(labels == 1).sum() for labels in (first, second)]
    assert table["Volume change"].values[1, 0] == pytest.approx(sizes[1] / sizes[0] - 1)
    # 2 touched the lost 3, 4 touches the new 5
    assert table["Kept"].values.tolist() == [True, False, False, False, False]
    assert table["Volume [m3]"].attrs["units"] == "m3"


def test_following_is_the_same_every_time() -> None:
    sample = Sample.made(40, 10, 2, seed=5)
    volume = sample.at(1)[0]
    reference = split_particles(sample.at(0)[0], "active")
    found = [follow(reference, [(volume, "active")], sample.places[1:])[0].labels.tobytes() for _ in range(2)]
    assert found[0] == found[1]


OTHER = Instances(THREE, Grid(GRID.shape, 2 * UM), "active")  # type: ignore[arg-type]
REFERENCE = instances(THREE)


@pytest.mark.parametrize(
    ("reference", "series", "options", "words"),
    [
        (REFERENCE, [], {}, "no state"),
        (instances(0 * THREE), [REFERENCE], {}, "no particle"),
        (REFERENCE, [OTHER], {}, "need transforms"),
        (REFERENCE, [REFERENCE], {"transforms": []}, "1 states need"),
        (REFERENCE, [Instances(THREE, GRID, "binder")], {}, "same phase"),
        (REFERENCE, [(Volume(0 * THREE, GRID, PHASES), "active")], {}, "no voxel"),
        (REFERENCE, [REFERENCE], {"core": 1.0}, "between 0 and 1"),
        (REFERENCE, [REFERENCE], {"min_overlap": 0.0}, "between 0 and 1"),
    ],
)
def test_bad_input_is_named(
    reference: Instances, series: list[State], options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        follow(reference, series, **options)  # type: ignore[arg-type]


def test_a_table_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no state"):
        track_table([])


@pytest.mark.parametrize("make", [instances, phase])
def test_a_state_that_shows_something_else_is_an_error(make: object) -> None:
    empty_place = row((84, 8))
    with pytest.raises(SolveError, match="Register"):
        follow(REFERENCE, [make(empty_place)])  # type: ignore[operator]
    with pytest.raises(SolveError, match="Register"):
        follow(REFERENCE, [make(THREE)], [Transform(translation=(1e-3, 0, 0))])  # type: ignore[operator]
