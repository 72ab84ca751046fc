"""Straight sheet cracks that taper, one or several, half or whole, with or without a gap at the collector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import InputError
from .cad_checks import at_most, counted, not_negative, positive
from .cad_section import Part, Point, Section, check_along, rectangle, section_mesh
from .cad_size import SizeFields, Sizing
from .tessellation import Tessellation


@dataclass(frozen=True)
class SheetCrack:
    """A crack across the whole length of the cell, symmetric to its mid-plane.

    Parameters
    ----------
    widths:
        Full widths at equal steps of depth, from the surface at the separator to the crack's end [m]; linear
        in between. One value is a straight crack; zero at the end is a sharp tip.
    depth:
        From the surface [m]; None reaches the collector.
    position:
        x of its mid-plane [m]. On a side of the cell it is half a crack: the side is its plane of symmetry.

    Raises
    ------
    InputError
        No widths, one that is negative, or zero anywhere but at the end; a depth that is not positive.
    """

    widths: tuple[float, ...]
    depth: float | None = None
    position: float = 0.0

    def __post_init__(self) -> None:
        widths = (self.widths,) if np.ndim(self.widths) == 0 else tuple(self.widths)
        object.__setattr__(self, "widths", widths)
        if not widths:
            raise InputError(
                "a crack needs a width", field="crack.widths", value=widths,
                remedy="Give one, or one at the surface and one at the end",
            )  # fmt: skip
        positive("crack.widths", *(widths[:-1] or widths))
        not_negative("crack.widths", widths[-1])
        not_negative("crack.position", self.position)
        if self.depth is not None:
            positive("crack.depth", self.depth)

    def profile(self, thickness: float, end: float | None = None) -> list[tuple[float, float]]:
        """(depth, half width) [m] down to the crack's end, or down to ``end`` if it comes first."""
        depth = thickness if self.depth is None else self.depth
        widths = self.widths * 2 if len(self.widths) == 1 else self.widths
        steps = np.linspace(0.0, depth, len(widths))
        stop = depth if end is None else min(depth, end)
        kept = [(float(s), w / 2) for s, w in zip(steps, widths, strict=True) if s < stop * (1 - 1e-9)]
        return [*kept, (float(stop), float(np.interp(stop, steps, widths)) / 2)]


@dataclass(frozen=True)
class CollectorGap:
    """Where the electrode has come off its collector at the foot of every crack.

    Parameters
    ----------
    length:
        From the crack's mid-plane to either end [m].
    height:
        Through the cell [m].

    Raises
    ------
    InputError
        A length or height that is not positive.
    """

    length: float
    height: float

    def __post_init__(self) -> None:
        positive("gap.length", self.length)
        positive("gap.height", self.height)


@dataclass(frozen=True)
class CrackedLayers:
    """An electrode with cracks under its separator.

    Parameters
    ----------
    thickness:
        Of the electrode [m].
    width:
        Of the cell along x [m].
    cracks:
        In order of their position; they must not touch.
    sizing:
        Size of the cells; ``size`` holds at the walls of cracks and gaps and gives way to half the crack's
        width where that is smaller.
    separator:
        Its thickness [m]; zero leaves it out.
    gap:
        Along the collector at every crack; None for none.
    length:
        Along y [m]; None for a mesh in the plane.
    cells_along:
        Layers of cells along y; None fills the volume with free tetrahedra.
    face_size:
        Size at the face between separator and electrode [m]; None lets the cells be as large as elsewhere.
    tip_size:
        Size at the cracks' ends [m]; None is half the width there, or half of ``size`` at a sharp tip.
    name:
        Region of the cracks.

    Raises
    ------
    InputError
        Cracks wider than the cell, out of it, touching each other, deeper than the electrode; gaps that do
        not fit; lengths that are not positive; cells larger than the geometry.
    """

    thickness: float
    width: float
    cracks: tuple[SheetCrack, ...]
    sizing: Sizing
    separator: float = 0.0
    gap: CollectorGap | None = None
    length: float | None = None
    cells_along: int | None = None
    face_size: float | None = None
    tip_size: float | None = None
    name: str = "crack"

    def __post_init__(self) -> None:
        object.__setattr__(self, "cracks", tuple(self.cracks))
        positive("thickness", self.thickness)
        positive("width", self.width)
        not_negative("separator", self.separator)
        check_along(self.length, self.cells_along)
        self._check_cracks()
        if self.gap is not None:
            self._check_gap(self.gap)
        self._check_sizes()

    @classmethod
    def half(cls, crack: SheetCrack, spacing: float, **others: Any) -> CrackedLayers:
        """From the mid-plane of one crack to half way to the next one, ``spacing`` [m] away."""
        positive("spacing", spacing)
        return cls(width=spacing / 2, cracks=(_moved(crack, 0.0),), **others)

    @classmethod
    def row(cls, crack: SheetCrack, spacing: float, count: int = 1, **others: Any) -> CrackedLayers:
        """``count`` whole cracks, ``spacing`` [m] apart, half of it left beside the outer ones."""
        positive("spacing", spacing)
        counted("count", count)
        cracks = tuple(_moved(crack, (k + 0.5) * spacing) for k in range(count))
        return cls(width=count * spacing, cracks=cracks, **others)

    @property
    def foot(self) -> float:
        """Depth at which cracks end in the gap, or the thickness without one [m]."""
        return self.thickness - (self.gap.height if self.gap else 0.0)

    def reach(self, crack: SheetCrack) -> tuple[float, float]:
        """Lowest and highest x of a crack, cut at the sides that are its planes of symmetry [m]."""
        half = max(w for _, w in crack.profile(self.thickness))
        at = crack.position
        return at if at == 0 else at - half, at if at == self.width else at + half

    def _check_cracks(self) -> None:
        for k, crack in enumerate(self.cracks):
            here = f"cracks[{k}]"
            at_most(f"{here}.position", crack.position, self.width, "the width of the cell")
            if crack.depth is not None:
                at_most(f"{here}.depth", crack.depth, self.thickness, "the thickness of the electrode")
            low, high = self.reach(crack)
            if low <= 0 < crack.position or crack.position < self.width <= high:
                raise InputError(
                    "the crack is wider than its place in the cell", field=f"{here}.widths",
                    value=crack.widths,
                    remedy=f"Give smaller widths, or a cell wider than {self.width:.6g} m",
                )  # fmt: skip
        for k, (first, second) in enumerate(pairwise(self.cracks), start=1):
            if self.reach(first)[1] >= self.reach(second)[0]:
                raise InputError(
                    "the crack touches the one before it, or is out of order", field=f"cracks[{k}].position",
                    value=second.position, remedy="Give cracks from low to high x, with room between them",
                )  # fmt: skip

    def _check_gap(self, gap: CollectorGap) -> None:
        if gap.height >= self.thickness:
            raise InputError(
                "the gap is as high as the electrode is thick", field="gap.height", value=gap.height,
                remedy=f"Give less than {self.thickness:.6g} m",
            )  # fmt: skip
        for k, crack in enumerate(self.cracks):
            depth, half = crack.profile(self.thickness, self.foot)[-1]
            if depth >= self.foot * (1 - 1e-9) and gap.length <= half:
                raise InputError(
                    "the gap is shorter than the crack is wide at its foot", field="gap.length",
                    value=gap.length, remedy=f"Give more than {half:.6g} m",
                )  # fmt: skip
            before = self.cracks[k - 1].position + gap.length if k else 0.0
            after = self.cracks[k + 1].position - gap.length if k + 1 < len(self.cracks) else self.width
            low, high = crack.position - gap.length, crack.position + gap.length
            if (crack.position > 0 and low <= before) or (crack.position < self.width and high >= after):
                raise InputError(
                    "the gap reaches a side or the next gap", field="gap.length", value=gap.length,
                    remedy="Give a shorter gap, or more room between the cracks",
                )  # fmt: skip

    def _check_sizes(self) -> None:
        extents = [self.width, self.thickness]
        extents += [self.separator] if self.separator > 0 else []
        extents += [self.gap.height] if self.gap else []
        extents += [self.length] if self.length and not self.cells_along else []
        extents += [crack.widths[0] for crack in self.cracks]
        self.sizing.check(extents)
        for field in ("face_size", "tip_size"):
            value = getattr(self, field)
            if value is not None:
                positive(field, value)
                at_most(field, value, self.sizing.coarsest, "the coarsest size")


def cracked_layers(cell: CrackedLayers) -> Tessellation:
    """Triangles in (x, y) or tetrahedra in (x, y, z) of :class:`CrackedLayers`.

    The last axis is the through-plane one and starts at the counter electrode: separator, then electrode up
    to the collector. Regions: "separator", "positive", "crack", "gap". Boundaries: "negative", "positive"
    (the collector, with what ends there), "side x low", "side x high" and, in 3D, "side y low",
    "side y high".

    Raises
    ------
    SolveError
        Gmsh fails.
    """
    s, top = cell.separator, cell.separator + cell.thickness
    across = (0.0, cell.width)
    layers = [rectangle("separator", across, (0.0, s))] if s > 0 else []
    layers.append(rectangle("positive", across, (s, top)))
    inclusions = [Part(cell.name, _outline(cell, crack)) for crack in cell.cracks]
    if cell.gap is not None:
        for crack in cell.cracks:
            low, high = crack.position - cell.gap.length, crack.position + cell.gap.length
            ends = (max(low, 0.0), min(high, cell.width))
            inclusions.append(rectangle("gap", ends, (s + cell.foot, top)))
    plan = Section(tuple(layers), tuple(inclusions), cell.width, top, cell.length, cell.cells_along)

    def sizes(gmsh: Any, sides: Mapping[int, tuple[str, ...]], dim: int) -> SizeFields:
        return _sizes(cell, SizeFields(gmsh, cell.sizing.coarsest, cell.sizing.growth), sides, dim)

    return section_mesh(plan, sizes, {"geometry": "cracked layers", "specification": asdict(cell)})


def _moved(crack: SheetCrack, position: float) -> SheetCrack:
    return SheetCrack(crack.widths, crack.depth, position)


def _outline(cell: CrackedLayers, crack: SheetCrack) -> tuple[Point, ...]:
    """Corners of a crack: down its right wall and up its left one, or a mid-plane on a side instead."""
    profile = crack.profile(cell.thickness, cell.foot)
    at, s = crack.position, cell.separator
    right = [(at + (h if at < cell.width else 0.0), s + d) for d, h in profile]
    left = [(at - (h if at > 0 else 0.0), s + d) for d, h in profile]
    corners = right + left[::-1]
    return tuple(p for p, q in pairwise([*corners, corners[0]]) if p != q)


def _sizes(
    cell: CrackedLayers, fields: SizeFields, sides: Mapping[int, tuple[str, ...]], dim: int
) -> SizeFields:
    """Fine at every wall of the electrode and finer where a crack is narrow; two cells through each layer."""
    s, size, through = cell.separator, cell.sizing.size, dim - 1
    fluid = {cell.name, "gap"}
    fields.near(dim - 1, [t for t, names in sides.items() if _is_wall(names, fluid)], size)
    for low, high in ((0.0, s), (s, s + cell.thickness)):
        if high > low:
            fields.slab(through, low, high, min(cell.sizing.coarsest, (high - low) / 2))
    if cell.face_size is not None and s > 0:
        fields.plane(through, s, cell.face_size)
    for crack in cell.cracks:
        profile = crack.profile(cell.thickness, cell.foot)
        for k, (depth, half) in enumerate(profile):
            here = min(size, half or size / 2)
            if k == len(profile) - 1 and cell.tip_size is not None:
                here = cell.tip_size
            for x in {crack.position - half, crack.position + half}:
                fields.at({0: x, through: s + depth}, here)
    if cell.gap is not None:
        walls = [tag for tag, names in sides.items() if names == ("gap", "positive")]
        fields.near(dim - 1, walls, min(size, cell.gap.height / 2))
    return fields


def _is_wall(names: Sequence[str], fluid: set[str]) -> bool:
    return "positive" in names and bool(fluid & set(names))
