"""Measure a microstructure: every measure of this room on one image, whole, by slab and by region."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from ..errors import InputError, nearest
from .chords import chords
from .connect import clusters, percolation
from .contact import contact_table, triple_lines
from .correlate import correlation
from .grid import Grid
from .inscribed import inscribed
from .measures import Measures, Row
from .orientation import surface_normals
from .profile import Region, by_region, by_slab, region_box, slab_boxes
from .representative import fraction_representative
from .surface import cell_counts, minkowski_functionals, surface_area
from .thickness import LocalThickness, bottleneck, intrusion, local_thickness
from .volume import Volume

Progress = Callable[[float, str], None]


@dataclass
class Context:
    """What measures of one run share."""

    volume: Volume
    phases: tuple[str, ...]
    rng: np.random.Generator
    thickness: dict[str, LocalThickness] = field(default_factory=dict)
    percolating: dict[str, np.ndarray] = field(default_factory=dict)
    distributions: dict[str, xr.Dataset] = field(default_factory=dict)


Measure = Callable[[Context], list[Row]]


def measure(
    volume: Volume,
    *,
    phases: Sequence[str] | None = None,
    what: Sequence[str] | None = None,
    slabs: int | None = None,
    regions: Mapping[str, Region] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measures:
    """Measure an image.

    Parameters
    ----------
    volume:
        The image.
    phases:
        Phases to measure; all that occur if not given. A phase that is named must occur.
    what:
        Measures by name, out of :data:`MEASURES`; all if not given.
    slabs:
        Slabs of the profiles across the through axis; about 20, but of at least four voxels, if not given.
    regions:
        Name -> part of the image, see :data:`lithoscape.image.profile.Region`; thirds of the height if not
        given.
    seed:
        Of the sub-volumes that are drawn at random.
    progress:
        Called with the fraction done and the name of the measure.

    Raises
    ------
    InputError
        Unknown measure, unknown or empty phase, slabs thinner than two voxels, a region outside the image.
    """
    check(volume, phases=phases, what=what, slabs=slabs, regions=regions)
    names = _chosen_phases(volume, phases)
    chosen = _chosen_measures(what)
    context = Context(volume, names, np.random.default_rng(seed))
    rows: list[Row] = []
    seconds: dict[str, float] = {}
    skipped: dict[str, str] = {}
    tell = progress or (lambda done, name: None)
    for k, name in enumerate(chosen):
        tell(k / (len(chosen) + 1), name)
        start = time.perf_counter()
        try:
            rows += MEASURES[name](context)
        except InputError as error:  # one measure that an image does not allow leaves the others
            skipped[name] = error.describe()
        seconds[name] = time.perf_counter() - start
    tell(len(chosen) / (len(chosen) + 1), "profiles")
    start = time.perf_counter()
    maps = {phase: t.map for phase, t in context.thickness.items() if t.map is not None}
    profiles = by_slab(volume, names, slabs, thickness=maps, percolating=context.percolating)
    parts = by_region(volume, names, regions, thickness=maps, percolating=context.percolating)
    seconds["profiles"] = time.perf_counter() - start
    tell(1.0, "done")
    return Measures(volume, tuple(rows), profiles, parts, context.distributions, seconds, skipped)


def check(
    volume: Volume,
    *,
    phases: Sequence[str] | None = None,
    what: Sequence[str] | None = None,
    slabs: int | None = None,
    regions: Mapping[str, Region] | None = None,
) -> None:
    """Refuse at once what :func:`measure` would refuse after a while; InputError as there."""
    _chosen_phases(volume, phases)
    _chosen_measures(what)
    slab_boxes(volume.grid, slabs)
    for name, region in (regions or {}).items():
        region_box(volume.grid, name, region)


def _chosen_phases(volume: Volume, phases: Sequence[str] | None) -> tuple[str, ...]:
    if phases is None:
        return tuple(name for name, share in volume.fractions().items() if share > 0)
    for name in phases:
        volume.occupied(name)
    return tuple(dict.fromkeys(phases))


def _chosen_measures(what: Sequence[str] | None) -> tuple[str, ...]:
    for name in what or ():
        if name not in MEASURES:
            raise InputError(
                "there is no such measure", field="what", value=name, remedy=nearest(name, list(MEASURES))
            )
    return tuple(MEASURES) if what is None else tuple(name for name in MEASURES if name in what)


# -- the measures ---------------------------------------------------------------------
def _fractions(context: Context) -> list[Row]:
    shares = context.volume.fractions()
    rows = [Row("Volume fraction", name, shares[name], "fractions") for name in context.phases]
    for name in context.phases:
        pores = context.volume.properties.get(name, {}).get("nanoporosity")
        if pores is not None:
            rows.append(
                Row("Nanoporosity", name, float(pores), "fractions", "a property of the phase, not measured")
            )
    return rows


def _percolation(context: Context) -> list[Row]:
    rows: list[Row] = []
    grid = context.volume.grid
    for name in context.phases:
        p = percolation(context.volume, name)
        labels = clusters(context.volume.mask(name))
        low, high = (np.unique(np.take(labels, i, axis=grid.through)) for i in (0, -1))
        both = np.zeros(int(labels.max()) + 1, bool)
        both[np.intersect1d(low, high)] = True
        both[0] = False
        context.percolating[name] = both[labels]
        for axis, share in enumerate(p.fractions):
            rows.append(
                Row("Percolating fraction", name, share, "percolation",
                    "share of the phase in clusters that join both faces, over voxel faces",
                    _axis(grid, axis))
            )  # fmt: skip
        for quantity, value in (
            ("Connected to collector", p.collector),
            ("Connected to separator", p.separator),
            ("Isolated fraction", p.isolated),
            ("Largest cluster", p.largest),
            ("Clusters", float(p.clusters)),
        ):
            rows.append(Row(quantity, name, value, "percolation"))
    return rows


def _surface(context: Context) -> list[Row]:
    volume = context.volume
    counts = cell_counts(volume)
    rows: list[Row] = []
    for name in context.phases:
        area = surface_area(volume, name, counts=counts)
        mesh = surface_area(volume, name, "marching_cubes")
        functionals = minkowski_functionals(volume, name, counts=counts)
        block = volume.grid.voxels * volume.grid.voxel_volume
        share = functionals.volume / block
        rows += [
            Row("Specific surface area [m-1]", name, area.specific, "surface", f"Crofton: {area.bias}"),
            Row("Specific surface area, triangulated [m-1]", name, mesh.specific, "surface", mesh.bias),
            Row("Surface per phase volume [m-1]", name, area.specific / share, "surface"),
            Row("Integral of mean curvature [m-2]", name, functionals.mean_curvature / block, "surface",
                "of 1/R1 + 1/R2 over half the surface per volume of the image"),
            Row("Euler characteristic [m-3]", name, functionals.euler / block, "surface",
                "6-connected; negative for a network"),
        ]  # fmt: skip
    return rows


def _contact(context: Context) -> list[Row]:
    volume = context.volume
    block = volume.grid.voxels * volume.grid.voxel_volume
    table = contact_table(volume)
    rows: list[Row] = []
    for a, b in itertools.combinations(context.phases, 2):
        rows += [
            Row("Specific contact area [m-1]", f"{a} | {b}", table.area(a, b) / block, "contact", table.bias),
            Row("Surface covered", a, table.share(a, b), "contact", detail=f"by {b}"),
            Row("Surface covered", b, table.share(b, a), "contact", detail=f"by {a}"),
        ]
    for names, line in triple_lines(volume).items():
        if set(names) <= set(context.phases):
            subject = " | ".join(names)
            rows.append(Row("Triple-phase length [m-2]", subject, line.specific, "contact", line.bias))
    return rows


def _orientation(context: Context) -> list[Row]:
    rows: list[Row] = []
    for name in context.phases:
        n = surface_normals(context.volume, name)
        for axis in range(3):
            rows.append(
                Row("Normal tensor", name, float(n.tensor[axis, axis]), "orientation",
                    "mean of n n^T over the surface; a third in each direction if isotropic",
                    _axis(context.volume.grid, axis))
            )  # fmt: skip
        rows.append(Row("Degree of anisotropy", name, n.anisotropy, "orientation", "of the normal tensor"))
    return rows


def _thickness(context: Context) -> list[Row]:
    rows: list[Row] = []
    tables, entered = [], []
    # kernels release the interpreter lock: the serial search of one phase runs beside another phase
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        found = list(pool.map(lambda name: _widths(context.volume, name), context.phases))
    for name, (t, t_in) in zip(context.phases, found, strict=True):
        context.thickness[name] = t
        tables.append(t.distribution)
        for quantity, value in (
            ("Local thickness, mean [m]", t.mean),
            ("Local thickness, d10 [m]", t.d10),
            ("Local thickness, d50 [m]", t.d50),
            ("Local thickness, d90 [m]", t.d90),
        ):
            rows.append(Row(quantity, name, value, "thickness", "diameter of inscribed spheres, by volume"))
        if isinstance(t_in, InputError):
            rows.append(Row("Intrusion, d50 [m]", name, float("nan"), "thickness", t_in.message))
            continue
        entered.append((name, t_in.distribution))
        rows += [
            Row("Intrusion, d50 [m]", name, t_in.d50, "thickness", "spheres that come in from the separator"),
            Row("Accessible fraction", name, t_in.accessible, "thickness"),
            Row("Bottleneck ratio", name, bottleneck(t, t_in), "thickness", "d50 of intrusion over d50"),
        ]
    context.distributions["Local thickness"] = _stacked(context.phases, tables)
    if entered:
        context.distributions["Intrusion"] = _stacked(
            [name for name, _ in entered], [table for _, table in entered]
        )
    return rows


def _widths(volume: Volume, name: str) -> tuple[LocalThickness, LocalThickness | InputError]:
    """Local thickness and intrusion of a phase, or why nothing comes in."""
    spheres = inscribed(volume, name)
    thickness = local_thickness(volume, name, spheres=spheres)
    try:
        return thickness, intrusion(volume, name, keep_map=False, spheres=spheres)
    except InputError as error:
        return thickness, error


def _chords(context: Context) -> list[Row]:
    rows: list[Row] = []
    tables = []
    for name in context.phases:
        found = chords(context.volume, name)
        for axis, along in enumerate(found):
            place = _axis(context.volume.grid, axis)
            rows += [
                Row("Mean chord [m]", name, along.mean_crossings, "chords",
                    "length inside the phase per chord, with those that the edges of the image cut", place),
                Row("Mean chord by length [m]", name, along.mean_by_length, "chords",
                    "complete chords, each weighted by its length", place),
            ]  # fmt: skip
        through = found[context.volume.grid.through].distribution
        counts = through["Count"].values
        longer = np.cumsum(counts[::-1])[::-1] / max(int(counts.sum()), 1)
        tables.append(through[["Count"]].assign(Cumulative=("length", longer, {"units": "1"})))
    context.distributions["Chords through"] = xr.concat(
        tables, xr.DataArray(list(context.phases), dims="phase", name="phase"), join="outer", fill_value=0.0
    )
    return rows


def _correlation(context: Context) -> list[Row]:
    rows: list[Row] = []
    tables = []
    for name in context.phases:
        c = correlation(context.volume, name)
        bound = "integral of the autocovariance to its first zero"
        if not c.crossed:
            bound += "; no zero within a quarter of the image, so this is a lower bound"
        rows.append(Row("Correlation length [m]", name, c.length, "correlation", bound))
        for axis, length in enumerate(c.lengths):
            place = _axis(context.volume.grid, axis)
            rows.append(Row("Correlation length [m]", name, length, "correlation", detail=place))
        rows.append(
            Row("Specific surface area from correlation [m-1]", name, c.surface, "correlation",
                "slope of the two-point correlation at zero; a check on the surface area")
        )  # fmt: skip
        tables.append(c.curves[["S2", "Autocovariance"]])
    context.distributions["Two-point correlation"] = xr.concat(
        tables, xr.DataArray(list(context.phases), dims="phase", name="phase")
    )
    return rows


def _representative(context: Context) -> list[Row]:
    rows: list[Row] = []
    tables = []
    for name in context.phases:
        r = fraction_representative(context.volume, name, rng=context.rng)
        for error in (0.01, 0.05):
            at = r.sel({"relative error": error})
            far = "; extrapolated beyond the image" if bool(at["Extrapolated"]) else ""
            rows.append(
                Row(f"Representative edge, {error:.0%} [m]", name, float(at["Needed edge"]), "representative",
                    f"cube whose volume fraction is within {error:.0%} of the mean, at 95 % confidence{far}")
            )  # fmt: skip
        tables.append(r[["Value", "Standard deviation", "Lower", "Upper"]])
    context.distributions["Representative volume"] = xr.concat(
        tables, xr.DataArray(list(context.phases), dims="phase", name="phase")
    )
    return rows


def _axis(grid: Grid, axis: int) -> str:
    return f"axis {axis} (through)" if axis == grid.through else f"axis {axis}"


def _stacked(phases: Sequence[str], tables: Sequence[xr.Dataset]) -> xr.Dataset:
    """Tables of several phases, their coordinates as variables if they differ."""
    loose = [table.reset_coords() for table in tables]
    loose = [table.drop_indexes([n for n in table.indexes], errors="ignore") for table in loose]
    return xr.concat(loose, xr.DataArray(list(phases), dims="phase", name="phase"))


MEASURES: Mapping[str, Measure] = {
    "fractions": _fractions,
    "percolation": _percolation,
    "surface": _surface,
    "contact": _contact,
    "orientation": _orientation,
    "chords": _chords,
    "correlation": _correlation,
    "thickness": _thickness,
    "representative": _representative,
}
"""Every measure by name."""
