"""Slabs: a plate, or named layers stacked through the cell, each with its own size of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import Any

from ..errors import InputError
from .cad_checks import at_most, positive
from .cad_section import Section, check_along, rectangle, section_mesh
from .cad_size import SizeFields, check_growth
from .tessellation import Tessellation


@dataclass(frozen=True)
class Slab:
    """One layer.

    Parameters
    ----------
    name:
        Of its region.
    thickness:
        Through the cell [m].
    size:
        Largest edge of its cells [m].
    low, high:
        Size of the cells at its face towards the counter electrode and at the other one [m];
        None is ``size``.

    Raises
    ------
    InputError
        No name, lengths that are not positive, cells larger than the layer, faces coarser than the inside.
    """

    name: str
    thickness: float
    size: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name.strip()):
            raise InputError(
                "a layer needs a name", field="slab.name", value=self.name, remedy='Such as "separator"'
            )
        positive(f"{self.name}.thickness", self.thickness)
        positive(f"{self.name}.size", self.size)
        at_most(f"{self.name}.size", self.size, self.thickness, "the layer is thick")
        for end in ("low", "high"):
            value = getattr(self, end)
            if value is not None:
                positive(f"{self.name}.{end}", value)
                at_most(f"{self.name}.{end}", value, self.size, "the size inside of the layer")


@dataclass(frozen=True)
class StackCell:
    """Layers from the counter electrode's side up, with a common lateral extent.

    Parameters
    ----------
    slabs:
        From the side of the counter electrode to the collector.
    width:
        Along x [m].
    length:
        Along y [m]; None for a mesh in the plane.
    cells_along:
        Layers of cells along y; None fills the volume with free tetrahedra.
    growth:
        Ratio of neighbouring cells, above 1 and at most 2.

    Raises
    ------
    InputError
        No layers, two of one name, lengths that are not positive, cells wider than the stack.
    """

    slabs: tuple[Slab, ...]
    width: float
    length: float | None = None
    cells_along: int | None = None
    growth: float = 1.3

    def __post_init__(self) -> None:
        object.__setattr__(self, "slabs", tuple(self.slabs))
        names = [slab.name for slab in self.slabs]
        if not names or len(set(names)) < len(names):
            raise InputError(
                "a stack is at least one layer, each with a name of its own", field="slabs", value=names,
                remedy="Such as separator and positive",
            )  # fmt: skip
        positive("width", self.width)
        check_along(self.length, self.cells_along)
        check_growth("growth", self.growth)
        extent = min(self.width, self.length if self.length and not self.cells_along else self.width)
        for slab in self.slabs:
            at_most(f"{slab.name}.size", slab.size, extent, "the smallest lateral extent")

    @property
    def levels(self) -> tuple[float, ...]:
        """Through coordinate of every face, from 0 [m]."""
        return tuple(accumulate((slab.thickness for slab in self.slabs), initial=0.0))


def stack_cell(cell: StackCell) -> Tessellation:
    """Triangles in (x, y) or tetrahedra in (x, y, z) of :class:`StackCell`; regions are the slabs' names.

    The last axis is the through-plane one and starts at the counter electrode. Boundaries: "negative",
    "positive", "side x low", "side x high" and, in 3D, "side y low", "side y high".

    Raises
    ------
    SolveError
        Gmsh fails.
    """
    levels = cell.levels
    layers = tuple(
        rectangle(slab.name, (0.0, cell.width), ends)
        for slab, ends in zip(cell.slabs, pairwise(levels), strict=True)
    )
    plan = Section(layers, (), cell.width, levels[-1], cell.length, cell.cells_along)

    def sizes(gmsh: Any, _: Mapping[int, tuple[str, ...]], dim: int) -> SizeFields:
        fields = SizeFields(gmsh, max(slab.size for slab in cell.slabs), cell.growth)
        for slab, (low, high) in zip(cell.slabs, pairwise(levels), strict=True):
            fields.slab(dim - 1, low, high, slab.size)
            for level, size in ((low, slab.low), (high, slab.high)):
                if size is not None:
                    fields.plane(dim - 1, level, size)
        return fields

    return section_mesh(plan, sizes, {"geometry": "stack", "specification": asdict(cell)})
