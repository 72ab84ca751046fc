"""Particles that keep their numbers through a series of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from scipy.ndimage import find_objects
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..errors import InputError, SolveError
from .grid import Grid
from .particle_table import distance, necks, particle_table
from .particles import components, flood, smoothed
from .register import Transform
from .volume import Instances, Volume

State = Instances | tuple[Volume, str]
NEIGHBOURS = 7
"""Surely matched particles whose median shift predicts that of another."""
CHUNK = 2_000_000


def follow(
    reference: Instances,
    series: Sequence[State],
    transforms: Sequence[Transform] | None = None,
    *,
    min_overlap: float = 0.1,
    core: float = 0.5,
    smoothing: float | None = None,
    min_volume: float | None = None,
) -> list[Instances]:
    """The particles of every state under the numbers of ``reference``.

    A particle's footprint is where it was last seen, moved by ``transforms`` and by its own drift. The drift
    is what particles matched without doubt (more than half of the union shared, neither merged nor broken)
    have moved since, for others the median of their nearest such neighbours.

    *Particles told apart before* (``Instances``) are matched one to one so that the sum of the shared volumes
    over the united ones (Jaccard) is largest. A particle that holds most of several footprints was not split
    well and is cut between them. A piece that is left over takes the number of the particle in whose
    footprint more than half of it lies: all fragments keep the number of what broke. Anything else is new.

    *Labelled volumes* ``(volume, phase)`` are flooded from the cores of the footprints (watershed on the
    smoothed distance map), which is best for particles that touch. Parts of the phase without a core are
    fragments or new by the same rule.

    A particle that is missing in a state keeps its last footprint and is looked for again in the next ones.

    Parameters
    ----------
    reference:
        Particles of the first state; their numbers count.
    series:
        The states, in order.
    transforms:
        From the coordinates of ``reference`` to those of every state (:func:`register`, ``reference`` fixed).
        Without them all images share their coordinates.
    min_overlap:
        Least shared volume over united volume of a match.
    core:
        Share of its inscribed radius below which a voxel of a footprint belongs to no core.
    smoothing:
        Of the distance map [m], as in :func:`split_particles`.
    min_volume:
        Least volume of a new particle in a labelled volume [m3]; without it that of eight voxels.

    Returns
    -------
    list of Instances
        One per state, on the state's own voxels; new particles get numbers not used before. The table has the
        columns of :func:`particle_table` and ``"Jaccard"`` (with the footprint; nan if new), ``"Pieces"``
        (face-connected parts of at least 5 % of the particle) and ``"New"``; its attributes count the
        particles ``lost`` in this state, ``new`` and ``divided``.

    Raises
    ------
    InputError
        An empty series, a reference without particles, another phase, a number of transforms that is not that
        of states, voxel sizes that differ without transforms, options out of range.
    SolveError
        A state in which no particle is where the reference has one.
    """
    places = _checked(reference, series, transforms, min_overlap, core)
    prints = Footprints.of(reference, Transform(), core)
    following, out = int(prints.number.max()) + 1, []
    for k, (state, place) in enumerate(zip(series, places, strict=True)):
        if isinstance(state, Instances):
            view, phase = View(state.labels, state.grid, place), state.phase
            labels, drift, divided = _matched(prints, view, min_overlap, smoothing, following)
        else:
            volume, phase = state
            view, divided = View(volume.occupied(phase).astype(np.int32), volume.grid, place), 0
            labels, drift = _flooded(prints, view, smoothing, min_volume, following)
        if not np.isin(prints.number, labels).any():
            raise SolveError(
                "no particle of the reference was found again", field=f"series[{k}]",
                remedy="Register the images first, or check the transforms",
            )  # fmt: skip
        found = Instances(labels, view.grid, phase)
        alike = Overlap.of(prints.moved(drift), View(labels, view.grid, place)).jaccard()
        out.append(_described(found, prints.number, alike, following, divided))
        prints = Footprints.of(found, place, core).with_unseen(prints.moved(drift), view)
        following = max(following, int(labels.max()) + 1)
    return out


def track_table(states: Sequence[Instances]) -> xr.Dataset:
    """Presence and volume of every particle through the states that :func:`follow` returned.

    ``"Kept"`` marks the particles fit for statistics: seen in all states, never at the box edge, and never in
    contact with one that was lost (whose voxels it may have taken), as in doi:10.1039/d5eb00008d.

    Parameters
    ----------
    states:
        The reference and what :func:`follow` made of the series; the first one is the base of the changes.

    Returns
    -------
    xarray.Dataset
        Dimensions state and particle: ``"Present"``, ``"Volume [m3]"`` (nan if absent), ``"Volume change"``
        (relative to the first state), ``"Touches box edge"``; by particle ``"Kept"``; by state ``"Lost"``,
        the number of particles of the first state that are absent.

    Raises
    ------
    InputError
        No state.
    """
    if not states:
        raise InputError(
            "there is no state to tabulate", field="states", remedy="Give at least the reference"
        )
    tables = [particle_table(state.labels, state.grid) for state in states]
    rows = xr.concat(
        [table[["Volume [m3]", "Touches box edge"]].astype(float) for table in tables], "state", join="outer"
    )
    volume, edge = rows["Volume [m3]"].values, rows["Touches box edge"].values == 1
    number, present = rows["particle"].values, np.isfinite(rows["Volume [m3]"].values)
    kept = present.all(axis=0)
    beside = np.zeros(len(number), bool)
    for state in states:
        pairs, _, _ = necks(state.labels, np.broadcast_to(np.float32(0), state.labels.shape), state.grid)
        rank = np.searchsorted(number, pairs)
        for mine, other in ((0, 1), (1, 0)):
            beside[rank[~kept[rank[:, other]], mine]] = True
    data = {
        "Present": (("state", "particle"), present),
        "Volume [m3]": (("state", "particle"), volume),
        "Volume change": (("state", "particle"), volume / volume[0] - 1),
        "Touches box edge": (("state", "particle"), edge),
        "Kept": ("particle", kept & ~beside & ~edge.any(axis=0)),
        "Lost": ("state", (present[0] & ~present).sum(axis=1)),
    }
    units = {"Volume [m3]": "m3"}
    return xr.Dataset(
        {name: (dims, values, {"units": units.get(name, "1")}) for name, (dims, values) in data.items()},
        {"particle": ("particle", number, {"units": "1"}), "state": np.arange(len(states))},
    )


@dataclass(frozen=True, eq=False)
class View:
    """Labels of a state, and where a point of the reference lies in it."""

    labels: np.ndarray
    grid: Grid
    place: Transform

    @property
    def voxel(self) -> float:
        """Volume of a voxel in the size of the reference [m3]."""
        return self.grid.voxel_volume / self.place.scale**3

    def centroids(self) -> np.ndarray:
        """Mean of the voxel centres of every label in coordinates of the reference, shape (labels, 3) [m]."""
        where = np.nonzero(self.labels)
        owner = self.labels[where]
        count = np.maximum(np.bincount(owner), 1)
        mean = np.stack([np.bincount(owner, index) for index in where], axis=1) / count[:, None]
        return self.place.inverse().apply(np.array(self.grid.origin) + (mean + 0.5) * self.grid.voxel_size)

    def index(self, points: np.ndarray) -> np.ndarray:
        """Flat index of the voxel at every point; -1 outside."""
        out = np.empty(len(points), np.int64)
        shape, size = np.array(self.grid.shape), np.array(self.grid.voxel_size)
        for first in range(0, len(points), CHUNK):
            part = slice(first, first + CHUNK)
            at = np.floor((self.place.apply(points[part]) - self.grid.origin) / size).astype(np.int64)
            inside = ((at >= 0) & (at < shape)).all(axis=1)
            flat = (at[:, 0] * shape[1] + at[:, 1]) * shape[2] + at[:, 2]
            out[part] = np.where(inside, flat, -1)
        return out


@dataclass(frozen=True, eq=False)
class Footprints:
    """Voxels of every particle where it was last seen, in coordinates of the reference.

    Parameters
    ----------
    number:
        Particle numbers, ascending.
    owner:
        Row of ``number`` of every voxel, ascending.
    points:
        Voxel centres, shape (voxels, 3) [m].
    deep:
        Voxels in the core of their particle.
    weight:
        Volume that every voxel stands for [m3].
    """

    number: np.ndarray
    owner: np.ndarray
    points: np.ndarray
    deep: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, particles: Instances, place: Transform, core: float) -> Footprints:
        """Footprints of the particles of a state."""
        grid, flat = particles.grid, particles.labels.ravel()
        where = np.flatnonzero(flat)
        where = where[np.argsort(flat[where], kind="stable")]
        number, owner = np.unique(flat[where], return_inverse=True)
        depth = distance(particles.labels, grid).ravel()[where]
        radius = np.zeros(len(number), np.float32)
        np.maximum.at(radius, owner, depth)
        back, points = place.inverse(), np.empty((len(where), 3), np.float32)
        for first in range(0, len(where), CHUNK):
            part = slice(first, first + CHUNK)
            index = np.stack(np.unravel_index(where[part], grid.shape), axis=1)
            points[part] = back.apply(np.array(grid.origin) + (index + 0.5) * grid.voxel_size)
        weight = np.full(len(where), View(particles.labels, grid, place).voxel, np.float32)
        return cls(number, owner, points, depth >= core * radius[owner], weight)

    def with_unseen(self, before: Footprints, view: View) -> Footprints:
        """These, with those of ``before`` that are missing here, and with what lies outside the image."""
        gone = ~np.isin(before.number, self.number)
        rest = gone[before.owner] | (view.index(before.points) < 0)
        names = np.concatenate([self.number[self.owner], before.number[before.owner[rest]]])
        sort = np.argsort(names, kind="stable")
        number, owner = np.unique(names[sort], return_inverse=True)
        columns = ("points", "deep", "weight")
        joined = [np.concatenate([getattr(self, c), getattr(before, c)[rest]])[sort] for c in columns]
        return Footprints(number, owner, *joined)

    def moved(self, drift: np.ndarray) -> Footprints:
        """Every particle moved by its drift, shape (particles, 3) [m]."""
        return replace(self, points=self.points + drift.astype(np.float32)[self.owner])

    def centroids(self) -> np.ndarray:
        """Mean of every particle's voxel centres, shape (particles, 3) [m]."""
        count = np.bincount(self.owner)
        return (
            np.stack([np.bincount(self.owner, self.points[:, k]) for k in range(3)], axis=1) / count[:, None]
        )


@dataclass(frozen=True, eq=False)
class Overlap:
    """Volume [m3] that every footprint (row) shares with every label of a state (column 1..N)."""

    shared: csr_array
    prints: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, prints: Footprints, view: View) -> Overlap:
        """Overlap of the footprints, as far as they lie inside the image."""
        index = view.index(prints.points)
        inside = index >= 0
        owner, label = prints.owner[inside], view.labels.ravel()[index[inside]]
        weight = prints.weight[inside].astype(float)
        shape = (len(prints.number), int(view.labels.max()) + 1)
        size = np.bincount(view.labels.ravel(), minlength=shape[1]) * view.voxel
        size[0] = 0
        solid = label > 0
        shared = csr_array((weight[solid], (owner[solid], label[solid])), shape=shape)
        shared.sum_duplicates()
        return cls(shared, np.bincount(owner, weight, shape[0]), size)

    def jaccard(self) -> csr_array:
        """Shared over united volume."""
        coo = self.shared.tocoo()
        union = self.prints[coo.row] + self.labels[coo.col] - coo.data
        return csr_array((coo.data / union, (coo.row, coo.col)), shape=coo.shape)

    def pairs(self, least: float) -> Iterator[tuple[int, int, float]]:
        """Row, label and Jaccard index of the best one-to-one match, cluster by cluster."""
        coo = self.jaccard().tocoo()
        strong = coo.data >= least
        row, col, value = coo.row[strong], coo.col[strong], coo.data[strong]
        nodes = sum(coo.shape)
        links = csr_array((value, (row, col + coo.shape[0])), shape=(nodes, nodes))
        cluster = connected_components(links, directed=False)[1][row]
        order = np.argsort(cluster, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1):
            rows, i = np.unique(row[part], return_inverse=True)
            cols, j = np.unique(col[part], return_inverse=True)
            gain = np.zeros((len(rows), len(cols)))
            gain[i, j] = value[part]
            for a, b in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
                if gain[a, b] > 0:
                    yield int(rows[a]), int(cols[b]), float(gain[a, b])

    def unmistaken(self, pairs: Iterator[tuple[int, int, float]]) -> Iterator[tuple[int, int, float]]:
        """The pairs less those of a label that also holds most of another footprint, or of a broken one.

        Their centroids differ although nothing moved.
        """
        coo = self.shared.tocoo()
        swallowed = np.bincount(coo.col[coo.data > 0.5 * self.prints[coo.row]], minlength=coo.shape[1]) > 1
        broken = np.bincount(coo.row[coo.data > 0.5 * self.labels[coo.col]], minlength=coo.shape[0]) > 1
        for row, label, value in pairs:
            if not (swallowed[label] or broken[row]):
                yield row, label, value


def _drift(prints: Footprints, view: View, pairs: Iterator[tuple[int, int, float]]) -> np.ndarray:
    """Shift of every particle since its footprint, shape (particles, 3) [m]; 0 if nothing is sure."""
    drift = np.zeros((len(prints.number), 3))
    sure = [(row, label) for row, label, value in pairs if value > 0.5]
    if not sure:
        return drift
    rows, labels = np.array(sure).T
    before, after = prints.centroids(), view.centroids()[labels]
    moved = after - before[rows]
    near = cKDTree(before[rows]).query(before, k=min(NEIGHBOURS, len(rows)))[1].reshape(len(drift), -1)
    drift = np.median(moved[near], axis=1)
    drift[rows] = moved
    return drift


def _matched(
    prints: Footprints, view: View, least: float, smoothing: float | None, following: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Labels of a state that was split before, renumbered; the drift; how many were cut between several."""
    overlap = Overlap.of(prints, view)
    drift = _drift(prints, view, overlap.unmistaken(overlap.pairs(least)))
    prints = prints.moved(drift)
    labels, divided = _divided(prints, view, smoothing)
    view = View(labels, view.grid, view.place)
    overlap = Overlap.of(prints, view)
    number = np.zeros(len(overlap.labels), np.int32)
    for row, label, _ in overlap.pairs(least):
        number[label] = prints.number[row]
    _adopt(number, overlap, prints)
    new = np.flatnonzero((number == 0) & (overlap.labels > 0))
    number[new] = np.arange(following, following + len(new))
    return number[view.labels], drift, divided


def _adopt(number: np.ndarray, overlap: Overlap, prints: Footprints) -> None:
    """Number the labels left over: fragments of a footprint, and what holds most of a lost one."""
    coo = overlap.shared.tocoo()
    free = number[coo.col] == 0
    lost = ~np.isin(prints.number[coo.row], number)
    piece = coo.data > 0.5 * overlap.labels[coo.col]
    grown = lost & (coo.data > 0.5 * overlap.prints[coo.row])
    for case in (grown & free, piece & free):
        number[coo.col[case]] = prints.number[coo.row[case]]


def _divided(prints: Footprints, view: View, smoothing: float | None) -> tuple[np.ndarray, int]:
    """Labels that hold the cores of several footprints, cut between them by flooding from those.

    A quarter of what is still solid of a core is enough, for a fragment may be what was split badly, and its
    crack runs through the core; a neighbour that came closer does not reach that deep.
    """
    rows = np.flatnonzero(prints.deep)
    index = view.index(prints.points[rows])
    rows, index = rows[index >= 0], index[index >= 0]
    owner, label = prints.owner[rows], view.labels.ravel()[index]
    shape = (len(prints.number), int(view.labels.max()) + 1)
    claims = csr_array((np.ones(len(owner)), (owner, label)), shape=shape).tocoo()
    whole, solid = (np.bincount(owner, weight, shape[0])[claims.row] for weight in (None, label > 0))
    strong = (claims.data > np.maximum(0.25 * solid, 0.1 * whole)) & (claims.col > 0)
    crowded = np.flatnonzero(np.bincount(claims.col[strong]) > 1)
    if not len(crowded):
        return view.labels, 0
    claim = csr_array((strong, (claims.row, claims.col)), shape=shape, dtype=bool)
    own = np.isin(label, crowded)
    own[own] = claim[owner[own], label[own]]
    markers = np.zeros(view.labels.shape, np.int32)
    markers.ravel()[index[own]] = owner[own] + 1
    labels, following = view.labels.copy(), shape[1]
    boxes = find_objects(view.labels)
    for name in crowded:
        box = boxes[name - 1]
        mine = view.labels[box] == name
        cut = flood(_height(mine, view.grid, smoothing), np.where(mine, markers[box], 0), mask=mine)
        for owner_row in np.unique(cut[cut > 0])[1:]:
            labels[box][cut == owner_row] = following
            following += 1
    return labels, len(crowded)


def _flooded(
    prints: Footprints, view: View, smoothing: float | None, min_volume: float | None, following: int
) -> tuple[np.ndarray, np.ndarray]:
    """The phase of a state, flooded from the cores of the footprints, the rest adopted or new; the drift."""
    mask = view.labels > 0
    height = _height(mask, view.grid, smoothing)
    drift = np.zeros((len(prints.number), 3))
    for _ in range(2):
        there = prints.moved(drift)
        index = view.index(there.points[prints.deep])
        markers = np.zeros(mask.size, np.int32)
        markers[index[index >= 0]] = prints.owner[prints.deep][index >= 0] + 1
        rows = flood(height, markers.reshape(mask.shape) * mask, mask)
        found = View(rows, view.grid, view.place)
        if not rows.any():
            break
        value = Overlap.of(there, found).jaccard()
        pairs = ((k - 1, k, float(value[k - 1, k])) for k in np.unique(rows[rows > 0]).tolist())
        drift = _drift(prints, found, pairs)
    labels = np.concatenate([[0], prints.number]).astype(np.int32)[rows]
    rest = components(mask & (rows == 0))
    if rest.any():
        overlap = Overlap.of(prints.moved(drift), View(rest, view.grid, view.place))
        number = np.zeros(len(overlap.labels), np.int32)
        _adopt(number, overlap, prints)
        least = 8 * view.grid.voxel_volume if min_volume is None else min_volume
        large = overlap.labels * view.place.scale**3 >= least * (1 - 1e-9)
        new = np.flatnonzero((number == 0) & large & (overlap.labels > 0))
        number[new] = np.arange(following, following + len(new))
        labels[rest > 0] = number[rest[rest > 0]]
    return labels, drift


def _height(mask: np.ndarray, grid: Grid, smoothing: float | None) -> np.ndarray:
    width = grid.voxel_volume ** (1 / 3) if smoothing is None else smoothing
    return smoothed(distance(mask, grid), mask, width, grid)


def _described(
    found: Instances, before: np.ndarray, alike: csr_array, following: int, divided: int
) -> Instances:
    """The particles with their table."""
    table = particle_table(found.labels, found.grid)
    number = table["particle"].values
    row = np.searchsorted(before, number).clip(max=len(before) - 1)
    known = before[row] == number
    value = np.array([alike[r, n] if k else np.nan for r, n, k in zip(row, number, known, strict=True)])
    parts = components(found.labels)
    owner, size = np.zeros(parts.max() + 1, np.int64), np.bincount(parts.ravel())
    owner[parts.ravel()] = found.labels.ravel()
    whole = np.bincount(owner, size)
    large = (size >= 0.05 * whole[owner]) & (owner > 0)
    pieces = np.bincount(owner[large], minlength=number.max() + 1)[number]
    columns = {"Jaccard": value, "Pieces": pieces, "New": number >= following}
    table = table.assign({name: ("particle", values, {"units": "1"}) for name, values in columns.items()})
    lost = int((~np.isin(before, number)).sum())
    notes = {"lost": lost, "new": int((number >= following).sum()), "divided": divided}
    return Instances(found.labels, found.grid, found.phase, table.assign_attrs(notes))


def _checked(
    reference: Instances,
    series: Sequence[State],
    transforms: Sequence[Transform] | None,
    min_overlap: float,
    core: float,
) -> list[Transform]:
    """The transforms, after a look at everything."""
    if not series:
        raise InputError("the series has no state", field="series", remedy="Give at least one image")
    if not reference.labels.any():
        raise InputError(
            "the reference has no particle", field="reference", remedy="Split its particles first"
        )
    for name, value in {"min_overlap": min_overlap, "core": core}.items():
        if not 0 < value < 1:
            raise InputError(
                "this is a share between 0 and 1",
                field=name,
                value=value,
                remedy="Leave it out for the default",
            )
    if transforms is not None and len(transforms) != len(series):
        raise InputError(
            f"{len(series)} states need as many transforms", field="transforms", value=len(transforms),
            remedy="Give one per state, from the reference to the state",
        )  # fmt: skip
    for k, state in enumerate(series):
        grid = state.grid if isinstance(state, Instances) else state[0].grid
        phase = state.phase if isinstance(state, Instances) else state[1]
        if phase != reference.phase:
            raise InputError(
                f"the particles followed are of the phase {reference.phase}", field=f"series[{k}]",
                value=phase, remedy="Give the same phase in every state",
            )  # fmt: skip
        if transforms is None and not np.allclose(
            grid.voxel_size, reference.grid.voxel_size, rtol=1e-6, atol=0
        ):
            raise InputError(
                "images of different voxel sizes need transforms", field=f"series[{k}]",
                value=grid.voxel_size, remedy="Register them first; Transform() if their coordinates agree",
            )  # fmt: skip
    return list(transforms) if transforms is not None else [Transform()] * len(series)
