"""How large cells are: fine at a structure, growing away from it; Gmsh's size fields."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from .cad_checks import at_most, is_finite, positive
from .gmsh_session import UNIT

_SAMPLES = 600  # per direction of a surface; more cost more memory than they gain


@dataclass(frozen=True)
class Sizing:
    """Edge lengths of the cells.

    Parameters
    ----------
    size:
        At the structure: walls of cracks, channels and holes, surface of a particle [m].
    coarsest:
        Far from it [m].
    growth:
        Ratio of neighbouring cells on the way there, above 1 and at most 2: size grows by
        ``growth - 1`` per length.

    Raises
    ------
    InputError
        A size that is not positive, ``coarsest`` below ``size``, ``growth`` out of range.
    """

    size: float
    coarsest: float
    growth: float = 1.3

    def __post_init__(self) -> None:
        positive("sizing.size", self.size)
        positive("sizing.coarsest", self.coarsest)
        if self.coarsest < self.size:
            raise InputError(
                "the coarsest cells are finer than those at the structure", field="sizing.coarsest",
                value=self.coarsest, remedy=f"Give at least the size there, {self.size:.6g} m",
            )  # fmt: skip
        check_growth("sizing.growth", self.growth)

    def check(self, extents: Iterable[float]) -> None:
        """Cells at the structure fit into a geometry of these extents [m].

        Raises
        ------
        InputError
            They are larger than the smallest one.
        """
        at_most("sizing.size", self.size, min(extents), "the smallest extent of the geometry")


def check_growth(field: str, growth: float) -> None:
    """A ratio of neighbouring cells above 1 and at most 2.

    Raises
    ------
    InputError
        Any other value.
    """
    if not (is_finite(growth) and 1 < growth <= 2):
        raise InputError(
            "neighbouring cells must grow by a ratio above 1 and at most 2", field=field, value=growth,
            remedy="1.2 is smooth, 1.5 is fast",
        )  # fmt: skip


class SizeFields:
    """Gmsh's size fields of one model; the smallest one rules at every point.

    Parameters
    ----------
    gmsh:
        The module, with a model.
    coarsest:
        Nowhere larger than this [m].
    growth:
        See :class:`Sizing`.
    """

    def __init__(self, gmsh: Any, coarsest: float, growth: float) -> None:
        self.gmsh, self.field = gmsh, gmsh.model.mesh.field
        self.coarsest, self.slope = coarsest / UNIT, growth - 1
        self.tags: list[int] = []
        self._formula(coarsest, "0")

    def near(self, dim: int, tags: Iterable[int], size: float) -> None:
        """``size`` [m] at curves (``dim`` 1) or surfaces (2) of the model, growing with the distance."""
        kind = {1: "CurvesList", 2: "SurfacesList"}[dim]
        for tag in tags:
            box = self.gmsh.model.getBoundingBox(dim, tag)
            reach = math.dist(box[:3], box[3:]) * UNIT
            distance = self.field.add("Distance")
            self.field.setNumbers(distance, kind, [tag])
            # gmsh measures to sampled points: half a cell apart the error is a small share of a cell
            self.field.setNumber(distance, "Sampling", min(_SAMPLES, max(10, math.ceil(2 * reach / size))))
            self._threshold(distance, size / UNIT)

    def plane(self, axis: int, level: float, size: float) -> None:
        """``size`` at the plane where coordinate ``axis`` is ``level`` [m], growing away from it."""
        self._formula(size, f"abs({'xyz'[axis]} - ({_plain(level)}))")

    def slab(self, axis: int, low: float, high: float, size: float) -> None:
        """``size`` between two planes [m], growing outside of them."""
        x = "xyz"[axis]
        both = f"abs({x} - ({_plain(low)})) + abs({x} - ({_plain(high)}))"
        self._formula(size, f"0.5 * ({both} - ({_plain(high - low)}))")

    def at(self, place: Mapping[int, float], size: float) -> None:
        """``size`` where the coordinates of these axes have these values [m], growing with the distance."""
        square = " + ".join(f"({'xyz'[axis]} - ({_plain(x)}))^2" for axis, x in place.items())
        self._formula(size, f"sqrt({square})")

    def apply(self) -> None:
        """Make the smallest of all fields the background field."""
        least = self.field.add("Min")
        self.field.setNumbers(least, "FieldsList", self.tags)
        self.field.setAsBackgroundMesh(least)

    def _formula(self, size: float, distance: str) -> None:
        tag = self.field.add("MathEval")
        self.field.setString(tag, "F", f"{_plain(size)} + {self.slope:.12f} * ({distance})")
        self.tags.append(tag)

    def _threshold(self, distance: int, size: float) -> None:
        tag = self.field.add("Threshold")
        values = {
            "InField": distance, "SizeMin": size, "SizeMax": max(self.coarsest, size), "DistMin": 0.0,
            "DistMax": max((self.coarsest - size) / self.slope, 1e-9),
        }  # fmt: skip
        for name, value in values.items():
            self.field.setNumber(tag, name, value)
        self.tags.append(tag)


def _plain(length: float) -> str:
    """A length [m] in the model's unit; Gmsh's formulas know no exponents."""
    return f"{length / UNIT:.12f}"
