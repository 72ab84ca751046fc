"""From an image or exact shapes to a mesh: lattice, cut, volumes matched, slivers removed, facets named.

The interface area and the volume of every phase decide currents and capacities, so both are reported, and
the volumes are made right: a constant is added to the function of every phase until the mesh holds as much of
it as the image does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter

from ..errors import InputError
from ..image import Grid, Instances, Volume
from .cut import Cut, cut
from .improve import GOAL, improve
from .lattice import flat_lattice, lattice
from .levels import ImageLevels, Levels, ShapeLevels, Shifted
from .outer import flat_axis, outer_planes
from .particles import Coloured, coloured, numbered
from .tessellation import Tessellation, cell_sizes

Progress = Callable[[float, str], None]
Shapes = Mapping[str, Callable[[np.ndarray], np.ndarray]]
BACKGROUND = ("pore", "electrolyte")
"""Phases that are what the others leave, if there is one of these names."""
COARSEST = 3
"""Cells grow to 2^3 times the finest."""
TOLERANCE = 3e-3
"""Relative error of a phase's volume at which matching stops."""
MATCHES = 12
LARGE = 1_500_000
"""Voxels from which the shift is first sought on a block of SAMPLE voxels a side."""
SAMPLE = 90
STEEPEST = 1.03
"""Slope of the difference of two smoothed phases across a flat surface [1/voxel]."""


@dataclass(frozen=True)
class MeshOptions:
    """How fine, and what belongs to the mesh.

    Parameters
    ----------
    size:
        Edge of the cubes of the lattice at surfaces [m]; the edges of cells are about that. Two voxels if
        not given.
    coarsest:
        How often cells may double away from surfaces.
    separator:
        Thickness of a slab appended at the separator's end [m].
    match:
        Whether phase volumes are made those of the image (of the shapes, if these are exact).
    goal:
        Smallest dihedral angle aimed at [degrees].
    """

    size: float | None = None
    coarsest: int = COARSEST
    separator: float = 0.0
    match: bool = True
    goal: float = GOAL

    def checked(self, grid: Grid) -> float:
        """The size [m]; InputError for one the image cannot have, or other impossible options."""
        if min(grid.shape) == 1:
            flat_axis(grid)  # refuses a page that is flat along its through axis
        pitch = max(h for h, n in zip(grid.voxel_size, grid.shape, strict=True) if n > 1)
        size = 2 * pitch if self.size is None else self.size
        shortest = min(s for s, n in zip(grid.size, grid.shape, strict=True) if n > 1)
        if not (0.25 * pitch <= size <= shortest / 2):
            raise InputError(
                "cells lie between a quarter of a voxel and half of the shortest edge of the image",
                field="size", value=size, remedy=f"Give {2 * pitch:.4g} m or so; a voxel has {pitch:.4g} m",
            )  # fmt: skip
        if not 0 <= self.coarsest <= 6:
            raise InputError("cells double 0 to 6 times", field="coarsest", value=self.coarsest, remedy="3")
        if not (0 <= self.separator < 1e-2):
            raise InputError(
                "a separator has a thickness in metres", field="separator", value=self.separator,
                remedy="Give 25e-6 or so; 0 for none",
            )  # fmt: skip
        if 0 < self.separator < size:
            raise InputError(
                "the separator is thinner than a cell", field="separator", value=self.separator,
                remedy=f"Give at least the size, {size:.4g} m",
            )  # fmt: skip
        if not 0 <= self.goal <= 30:
            raise InputError(
                "angles aimed at are 0 to 30 degrees", field="goal", value=self.goal, remedy="12"
            )
        return size


def mesh_volume(
    volume: Volume,
    *,
    shapes: Shapes | None = None,
    particles: Mapping[str, Instances] | None = None,
    options: MeshOptions | None = None,
    progress: Progress | None = None,
) -> Tessellation:
    """Mesh an image, or the exact shapes behind it.

    Parameters
    ----------
    volume:
        Labelled image; of one page for a mesh in the plane.
    shapes:
        Signed distances by phase, negative inside, for every phase but one; the image then only says where
        to refine.
    particles:
        Particles of a phase whose surfaces to each other the mesh shall keep; the cells get their numbers
        (``cell_data["particle"]``, 0 elsewhere).
    options:
        Sizes, separator, matching.
    progress:
        Called with the fraction done and what is being done.

    Returns
    -------
    Tessellation
        Regions by phase and ``"separator"``; boundaries as :func:`.outer.outer_planes`, with
        ``"counter electrode"`` instead of ``"separator"`` if there is a slab; figures in
        ``provenance["figures"]``.

    Raises
    ------
    InputError
        An image of one phase, impossible options, shapes or particles of unknown phases.
    """
    options = options or MeshOptions()
    size = options.checked(volume.grid)
    names = _phases(volume)
    tell = progress or (lambda done, text: None)
    clock = [time.perf_counter()]
    tell(0.0, "levels")
    split = coloured(volume, particles or {})
    levels = _levels(split, names, shapes)
    tell(0.1, "lattice")
    base = _lattice(split.volume, size, options)
    clock.append(time.perf_counter())
    target = _target(split.volume, levels, shapes)
    tell(0.25, "cut")
    mesh, phase, shift, rounds = _matched(base, levels, target, split.volume, options, tell)
    clock.append(time.perf_counter())
    tell(0.7, "slivers")
    mesh, phase = improve(mesh, phase, Shifted(levels, shift), options.goal)
    clock.append(time.perf_counter())
    tell(0.85, "names")
    made = _named(mesh, phase, levels.phases, split, volume, options)
    clock.append(time.perf_counter())
    steps = ("lattice_s", "cut_s", "slivers_s", "names_s")
    figures = {
        "lost": _lost(made, volume, size),
        "size_m": size, "rounds": rounds, "shift": [float(x) for x in shift],
        "fractions_asked": _merged(levels.phases, target / target.sum(), split),
        **dict(zip(steps, np.diff(clock).tolist(), strict=True)),
    }  # fmt: skip
    tell(1.0, "done")
    return replace(made, provenance={**made.provenance, "figures": figures})


def _phases(volume: Volume) -> list[str]:
    """Phases that occur, the one the others leave last."""
    names = [name for name, share in volume.fractions().items() if share > 0]
    if len(names) < 2:
        raise InputError(
            "an image of one phase has no surface", field="volume", value=names,
            remedy="Segment it, or name its labels",
        )  # fmt: skip
    last = next((name for name in BACKGROUND if name in names), names[0])
    return [*(name for name in names if name != last), last]


def _levels(split: Coloured, names: Sequence[str], shapes: Shapes | None) -> Levels:
    if not shapes:
        order = [c for name in names for c in split.parts(name)]
        return ImageLevels.of(split.volume, order)
    unknown = [name for name in shapes if name not in names]
    exact = [name for name in names if name in shapes]
    if unknown or len(exact) != len(names) - 1:
        raise InputError(
            "exact meshing needs a shape for every phase but one", field="shapes", value=sorted(shapes),
            remedy=f"The phases are {', '.join(names)}; leave shapes out to mesh the image",
        )  # fmt: skip
    if split.colours:
        raise InputError(
            "particles are told apart in images, not in shapes", field="particles",
            value=sorted(split.colours), remedy="Leave shapes out, or number the cells afterwards",
        )  # fmt: skip
    (rest,) = (name for name in names if name not in shapes)
    return ShapeLevels((*exact, rest), shapes)


@dataclass(frozen=True, eq=False)
class Base:
    """A lattice in metres, before it is cut."""

    points: np.ndarray
    cells: np.ndarray
    bound: np.ndarray
    free: np.ndarray


def _lattice(volume: Volume, size: float, options: MeshOptions) -> Base:
    grid = volume.grid
    counts = [max(1, round(s / size)) if n > 1 else 1 for s, n in zip(grid.size, grid.shape, strict=True)]
    pitch = np.array([s / n for s, n in zip(grid.size, counts, strict=True)])
    marked = np.zeros(counts, bool)
    _mark(np.ascontiguousarray(volume.labels), np.array(counts) / np.array(grid.shape), marked)
    if size < 1.5 * max(h for h, n in zip(grid.voxel_size, grid.shape, strict=True) if n > 1):
        # a surface leaves the staircase by a voxel: it must not reach where cells change size
        marked = maximum_filter(marked, 3)
    slab = round(options.separator / pitch[grid.through]) if options.separator else 0
    planes: tuple[int, ...] = ()
    origin = np.array(grid.origin)
    if slab:
        low = grid.collector == "high"
        pad = [(0, 0)] * 3
        pad[grid.through] = (slab, 0) if low else (0, slab)
        marked = np.pad(marked, pad)
        planes = (slab if low else counts[grid.through],)
        counts[grid.through] += slab
        origin[grid.through] -= slab * pitch[grid.through] if low else 0.0
    wanted = [marked] + [np.zeros(counts, bool)] * max(options.coarsest - 1, 0)
    if options.coarsest == 0:
        wanted = [np.ones(counts, bool)]
    make = lattice if min(counts) > 1 or min(grid.shape) > 1 else flat_lattice
    found = make((counts[0], counts[1], counts[2]), wanted, grid.through, planes)
    points = found.points * pitch + origin
    if slab:  # whole cells make up the slab; here it gets its thickness
        wall = planes[0] * pitch[grid.through] + origin[grid.through]
        side = points[:, grid.through] - wall
        outside = side < 0 if grid.collector == "high" else side > 0
        stretched = wall + side * (options.separator / (slab * pitch[grid.through]))
        points[outside, grid.through] = stretched[outside]
    _exact_planes(points, found.points, counts, grid, options)
    inside = 1 if slab and grid.collector == "high" else 0
    free = found.beyond == inside if slab else np.ones(len(found.cells), bool)
    return Base(points, found.cells, found.bound, free)


def _exact_planes(
    points: np.ndarray, places: np.ndarray, counts: Sequence[int], grid: Grid, options: MeshOptions
) -> None:
    """Both ends of every axis exactly where the image has them, not a rounding error beside."""
    for k, n in enumerate(counts):
        low, high = grid.origin[k], grid.origin[k] + grid.size[k]
        if k == grid.through and grid.collector == "high":
            low -= options.separator
        elif k == grid.through:
            high += options.separator
        if grid.shape[k] > 1:
            points[places[:, k] == n, k] = high
            points[places[:, k] == 0, k] = low


@numba.njit(cache=True)
def _mark(labels, ratio, marked):  # type: ignore[no-untyped-def]
    """Mark the cells that touch a voxel with a neighbour of another label; ``ratio`` is cells per voxel."""
    shape = labels.shape
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for z in range(shape[0]):
        for y in range(shape[1]):
            for x in range(shape[2]):
                here = labels[z, y, x]
                edge = (
                    (z > 0 and labels[z - 1, y, x] != here)
                    or (z + 1 < shape[0] and labels[z + 1, y, x] != here)
                    or (y > 0 and labels[z, y - 1, x] != here)
                    or (y + 1 < shape[1] and labels[z, y + 1, x] != here)
                    or (x > 0 and labels[z, y, x - 1] != here)
                    or (x + 1 < shape[2] and labels[z, y, x + 1] != here)
                )
                if not edge:
                    continue
                for k, i in enumerate((z, y, x)):
                    low[k] = min(int(i * ratio[k] + 1e-9), marked.shape[k] - 1)
                    high[k] = min(int((i + 1) * ratio[k] - 1e-9), marked.shape[k] - 1)
                for a in range(low[0], high[0] + 1):
                    for b in range(low[1], high[1] + 1):
                        for c in range(low[2], high[2] + 1):
                            marked[a, b, c] = True


def _target(volume: Volume, levels: Levels, shapes: Shapes | None) -> np.ndarray:
    """Volume that every phase shall have [m3]."""
    grid = volume.grid
    whole = grid.voxels * grid.voxel_volume
    shares = volume.fractions()
    if not shapes:
        return np.array([shares[name] for name in levels.phases]) * whole
    # voxels at a surface by two points along every edge, so that the staircase of the image does not count
    edge = np.zeros(grid.shape, bool)
    _mark(np.ascontiguousarray(volume.labels), np.ones(3), edge)
    parts = [2 if n > 1 else 1 for n in grid.shape]
    within = np.stack(np.meshgrid(*((np.arange(m) + 0.5) / m - 0.5 for m in parts), indexing="ij"), axis=-1)
    steps = within.reshape(-1, 3) * grid.voxel_size
    middles = np.array(grid.origin) + (np.argwhere(edge) + 0.5) * grid.voxel_size
    inner = [float((volume.mask(name) & ~edge).sum()) for name in levels.phases]
    total = np.array(inner) * len(steps)
    for first in range(0, len(middles), 20_000):
        value = levels((middles[first : first + 20_000, None] + steps).reshape(-1, 3))
        total += np.bincount(value.argmax(axis=1), minlength=len(total))
    return np.asarray(total / total.sum() * whole)


def _matched(
    base: Base, levels: Levels, target: np.ndarray, volume: Volume, options: MeshOptions, tell: Progress
) -> tuple[Cut, np.ndarray, np.ndarray, int]:
    """The mesh whose volumes are nearest to the target, its phases, the shift, the rounds it took."""
    values = levels(base.points)
    kind = "tetra" if base.cells.shape[1] == 4 else "triangle"
    depth = (
        1.0
        if kind == "tetra"
        else min(volume.grid.voxel_size[k] for k in range(3) if volume.grid.shape[k] == 1)
    )
    shift = _first_shift(volume, levels, options)
    slope, most = _first_slope(volume, levels, target)
    best: tuple[float, Cut, np.ndarray, np.ndarray] | None = None
    last: tuple[np.ndarray, np.ndarray] | None = None
    rounds = MATCHES if options.match else 1
    bare, rich = np.full(len(target) - 1, -np.inf), np.full(len(target) - 1, np.inf)
    for k in range(rounds):
        tell(0.25 + 0.45 * k / rounds, "cut" if k == 0 else f"volumes, round {k + 1}")
        mesh, phase = cut(
            base.points, base.cells, base.bound, base.free, Shifted(levels, shift), values + shift
        )
        size = np.abs(cell_sizes(kind, mesh.points, mesh.cells)) * depth  # type: ignore[arg-type]
        got = np.bincount(phase[mesh.free], size[mesh.free], minlength=len(target))
        error = float(np.max(np.abs(got - target) / target))
        if best is None or error < best[0]:
            best = (error, mesh, phase, shift.copy())
        if error < TOLERANCE:
            break
        empty = got[:-1] < 1e-3 * target[:-1]
        if last is not None and not (empty | (last[1][:-1] < 1e-3 * target[:-1])).any():  # Broyden's update
            dx, df = shift[:-1] - last[0][:-1], got[:-1] - last[1][:-1]
            if dx @ dx > 0:
                slope += np.outer(df - slope @ dx, dx) / (dx @ dx)
        last = (shift.copy(), got)
        step = np.linalg.lstsq(slope, (target - got)[:-1], rcond=1e-6)[0]
        poor = empty | (np.isfinite(bare) & (got[:-1] < target[:-1]))
        bare = np.where(poor, np.maximum(bare, shift[:-1]), bare)
        rich = np.where(got[:-1] > target[:-1], np.minimum(rich, shift[:-1]), rich)
        shift[:-1] += np.where(empty, most, np.clip(step, -most, most))
        # a phase appears all at once: between a shift with no cell and one with too many lies the right one
        known = np.isfinite(bare) & np.isfinite(rich)
        again = known & ((shift[:-1] <= bare) | (shift[:-1] >= rich))
        shift[:-1][again] = (bare[again] + rich[again]) / 2
    assert best is not None
    return best[1], best[2], best[3], k + 1


def _first_shift(volume: Volume, levels: Levels, options: MeshOptions) -> np.ndarray:
    """Shift that suits a block in the middle of a large image; zero for small ones, shapes, odd blocks."""
    zero = np.zeros(len(levels.phases))
    if volume.grid.voxels < LARGE or not isinstance(levels, ImageLevels) or not options.match:
        return zero
    block = volume.crop(*(slice(max(0, (n - SAMPLE) // 2), (n + SAMPLE) // 2) for n in volume.grid.shape))
    shares, whole = block.fractions(), volume.fractions()
    if any(shares.get(name, 0.0) < 0.3 * whole[name] for name in levels.phases):
        return zero
    small = replace(options, separator=0.0)
    base = _lattice(block, options.checked(volume.grid), small)
    own = ImageLevels.of(block, levels.phases)
    return _matched(base, own, _target(block, own, None), block, small, lambda done, text: None)[2]


def _first_slope(volume: Volume, levels: Levels, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Change of the volumes with the shifts (all but the last phase), and the largest shift of a round."""
    from ..image.contact import contact_table

    names = levels.phases
    table = contact_table(volume)
    exact = not isinstance(levels, ImageLevels)
    voxel = min(h for h, n in zip(volume.grid.voxel_size, volume.grid.shape, strict=True) if n > 1)
    per = 0.5 if exact else voxel / STEEPEST
    slope = np.zeros((len(names) - 1,) * 2)
    for i, a in enumerate(names[:-1]):
        for j, b in enumerate(names):
            if i != j:
                area = table.area(a, b) * per
                slope[i, i] += area
                if j < len(names) - 1:
                    slope[i, j] -= area
        slope[i, i] = max(slope[i, i], 1e-3 * target[i] / voxel * per)
    return slope, 0.3 * voxel if exact else 0.25


def _named(
    mesh: Cut, phase: np.ndarray, phases: Sequence[str], split: Coloured, volume: Volume, options: MeshOptions
) -> Tessellation:
    """Regions, facets and particles by name; corners that no cell has are left out."""
    kinds = [name for name, share in volume.fractions().items() if share > 0]
    regions = {name: k for k, name in enumerate(kinds, start=1)}
    tag = np.array([regions[split.phase(name)] for name in phases], np.int32)
    tags = np.where(mesh.free, tag[phase], len(regions) + 1).astype(np.int32)
    if options.separator:
        regions["separator"] = len(regions) + 1
    used = np.zeros(len(mesh.points), bool)
    used[mesh.cells] = True
    number = np.cumsum(used) - 1
    points, cells = mesh.points[used], number[mesh.cells].astype(np.int32)
    data = {}
    if split.colours:
        data["particle"] = numbered(
            split, mesh.points[mesh.cells].mean(axis=1), np.where(mesh.free, phase, -1), phases
        )
    flat = cells.shape[1] == 3
    planes = outer_planes(volume.grid, 2 if flat else 3)
    if options.separator:
        axis, _ = planes.pop("separator")
        through = points[:, volume.grid.through]
        planes["counter electrode"] = (
            axis,
            float(through.max() if volume.grid.collector == "low" else through.min()),
        )
    if flat:
        keep = [k for k in range(3) if volume.grid.shape[k] > 1]
        points = points[:, keep]
        negative = cell_sizes("triangle", points, cells) < 0
        cells[negative] = cells[negative][:, [0, 2, 1]]
    made = Tessellation(
        "triangle" if flat else "tetra", points, cells, tags, regions, cell_data=data,
        provenance={"image": dict(volume.provenance)},
    )  # fmt: skip
    return made.with_facets(planes)


def _lost(made: Tessellation, volume: Volume, size: float) -> dict[str, float]:
    """Share of every phase that lies farther than a cell from all cells of the phase: too thin for the mesh.

    Only voxels at surfaces are asked, and only cells there are as small as that.
    """
    grid = volume.grid
    edge = np.zeros(grid.shape, bool)
    _mark(np.ascontiguousarray(volume.labels), np.ones(3), edge)
    centres = np.zeros((len(made.cells), 3))
    centres[:, [k for k in range(3) if made.dim == 3 or grid.shape[k] > 1]] = made.points[made.cells].mean(
        axis=1
    )
    place = np.floor((centres - grid.origin) / grid.voxel_size).astype(np.int64)
    inside = ((place >= 0) & (place < grid.shape)).all(axis=1) | (made.dim == 2)
    place = np.clip(place, 0, np.array(grid.shape) - 1)
    lost = {}
    for name, tag in made.regions.items():
        if name not in volume.phases:
            continue
        mask = volume.mask(name) & edge
        cells = np.zeros(grid.shape, bool)
        cells[tuple(place[(made.tags == tag) & inside].T)] = True
        away = distance_transform_edt(~cells, sampling=grid.voxel_size) if mask.any() else None
        gone = 0 if away is None else int((away[mask] > size).sum())
        lost[name] = gone / int(volume.mask(name).sum())
    return lost


def _merged(parts: Sequence[str], shares: np.ndarray, split: Coloured) -> dict[str, Any]:
    """Shares of the colours of a phase added up."""
    out: dict[str, float] = {}
    for name, share in zip(parts, shares.tolist(), strict=True):
        out[split.phase(name)] = out.get(split.phase(name), 0.0) + share
    return out
