"""Where phases meet: contact areas of pairs, and the line along which three phases meet.

The triple line follows the edges of the voxels; those edges are longer than the line they stand for. As for
areas, two estimators count in the image:

- ``crofton`` counts the points where the line pierces 13 families of lattice planes: length per volume is
  twice the mean number of points per area of plane (Saltykov's formula; Ohser and Muecklich, Statistical
  Analysis of Microstructures in Materials Science, Wiley 2000, chapter 2), with the Voronoi weights of the
  normals;
- ``edges`` takes the voxel edges around which the four voxels hold all three phases, times 2/3: the length of
  a line over that of its staircase is 2/3 in the mean over all directions. It is the same formula with the
  planes of the three axes only.

Measured relative error in %, mean (standard deviation) over random directions and positions: straight lines
by the smallest of the three angles between the interfaces (the two others alike), and circles (cuts of a ball
by a plane) by their radius in voxels:

=========================  ============  ============
line                       crofton       edges
=========================  ============  ============
angles 120, 120, 120       +0.4 (2.1)    -0.8 (10)
angles 90, 135, 135        +1.5 (2.6)    +0.3 (11)
angles 60, 150, 150        +8 (5)        +7 (13)
angles 45                  +17 (9)       +18 (18)
angles 30                  +42 (16)      +45 (26)
circle 3, angles 90, 90    -4.9 (3.3)    -2.4 (7.8)
circle 5                   -1.0 (2.5)    +0.1 (6.9)
circle 12                  +2.4 (1.6)    +2.4 (5.9)
circle 20                  +3.1 (1.6)    +3.2 (6.0)
straight along an axis     -7.3          -33.3
=========================  ============  ============

The error at sharp angles does not fall with the voxel size: the tip of a wedge breaks into single voxels, and
each has a triple line of its own. So a length is comparable between images of like wetting, less so between
different ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np

from ..errors import InputError, nearest
from .connect import End, connected_mask, occupied, percolating_mask
from .grid import Grid
from .surface import (
    DIRECTIONS,
    CellCounts,
    cell_counts,
    crofton,
    direction_bias,
    plane_cells,
    plane_normals,
    voronoi_weights,
)
from .volume import Volume

LineMethod = Literal["crofton", "edges"]

_CHUNKS = 16
_WEIGHTS = (8, 4, 2, 1)


@dataclass(frozen=True)
class TripleLine:
    """Length along which three phases meet.

    Parameters
    ----------
    value:
        Length [m].
    specific:
        Length per volume of the image [m/m3].
    phases:
        The three phases.
    method:
        How it was measured.
    bias:
        What is known about the error of the method, one sentence.
    """

    value: float
    specific: float
    phases: tuple[str, str, str]
    method: str
    bias: str


@dataclass(frozen=True, eq=False)
class ContactTable:
    """Who touches whom.

    Parameters
    ----------
    phases:
        Names in the order of rows and columns.
    areas:
        Contact area of two phases [m2], symmetric, zero on the diagonal: shape (P, P).
    shares:
        Share of the surface of the row's phase that the column's phase covers; a row adds up to one, or is
        zero for a phase without surface.
    bias:
        What is known about the error of the areas, one sentence.
    """

    phases: tuple[str, ...]
    areas: np.ndarray
    shares: np.ndarray
    bias: str

    def area(self, a: str, b: str) -> float:
        """Contact area of two phases [m2]."""
        return float(self.areas[self._row(a), self._row(b)])

    def share(self, of: str, by: str) -> float:
        """Share of the surface of one phase that another covers."""
        return float(self.shares[self._row(of), self._row(by)])

    def _row(self, phase: str) -> int:
        if phase not in self.phases:
            raise InputError(
                "there is no such phase", field="phase", value=phase, remedy=nearest(phase, self.phases)
            )
        return self.phases.index(phase)


def contact_table(volume: Volume, *, counts: CellCounts | None = None) -> ContactTable:
    """Contact areas of all pairs of phases inside the image, by Crofton's formula on 13 directions.

    Parameters
    ----------
    counts:
        ``cell_counts(volume)``, if it is there already.
    """
    counts = cell_counts(volume) if counts is None else counts
    size = len(volume.phases)
    areas = np.zeros((size, size))
    for a, b in itertools.combinations(range(size), 2):
        areas[a, b] = areas[b, a] = crofton(counts.pairs[:, a, b], volume.grid)
    surface = areas.sum(axis=1, keepdims=True)
    shares = np.divide(areas, surface, out=np.zeros_like(areas), where=surface > 0)
    low, high = (100 * (ratio - 1) for ratio in direction_bias(volume.grid))
    bias = f"none for surfaces that face all directions alike; a plane {low:+.1f} to {high:+.1f} %"
    return ContactTable(tuple(volume.phases), areas, shares, bias)


def triple_line(
    volume: Volume,
    phases: Sequence[str],
    method: LineMethod = "crofton",
    *,
    connected: bool | Mapping[str, End] = False,
) -> TripleLine:
    """Length inside the image along which three phases meet: the triple-phase boundary.

    Parameters
    ----------
    phases:
        Three different phases. Three phases that nowhere meet give 0.
    method:
        ``crofton`` (13 families of planes) or ``edges`` (voxel edges times 2/3).
    connected:
        True counts only what of each phase is connected from the collector to the separator. A mapping such
        as ``{"pore": "separator", "active": "collector"}`` counts of the phases it names what reaches that
        end.

    Raises
    ------
    InputError
        Not three different phases, a phase without a voxel, no such method, or no such end.
    """
    names = _three(volume, phases)
    if method not in ("crofton", "edges"):
        raise InputError("there is no such method", field="method", value=method,
                         remedy=nearest(str(method), ("crofton", "edges")))  # fmt: skip
    bits = np.zeros(volume.grid.shape, dtype=np.uint8)
    for bit, mask in enumerate(_parts(volume, names, connected)):
        bits |= mask.view(np.uint8) << np.uint8(bit)
    padded = np.pad(bits, 1, mode="edge")
    points = _pierced(padded, np.array(_WEIGHTS), *_meshes()) / 8.0
    axial = np.abs(DIRECTIONS).sum(axis=1) == 1
    points = np.where(axial, points / 2, points)  # the mesh of an axis plane lies in two cells
    normals, spacing = plane_normals(volume.grid)
    weights = voronoi_weights(normals) if method == "crofton" else axial / 3
    value = float(2 * np.sum(weights * spacing * points))
    specific = value / (volume.grid.voxels * volume.grid.voxel_volume)
    return TripleLine(value, specific, names, method, _bias(volume.grid, method))


def triple_lines(volume: Volume, method: LineMethod = "crofton") -> dict[tuple[str, str, str], TripleLine]:
    """The triple line of every three phases that occur in the image; empty for fewer than three."""
    present = [name for name, share in volume.fractions().items() if share > 0]
    return {
        (a, b, c): triple_line(volume, (a, b, c), method) for a, b, c in itertools.combinations(present, 3)
    }


def line_bias(grid: Grid, method: LineMethod = "crofton") -> tuple[float, float]:
    """Smallest and largest ratio of measured to true length of a straight line, over its direction."""
    normals, _ = plane_normals(grid)
    axial = np.abs(DIRECTIONS).sum(axis=1) == 1
    weights = voronoi_weights(normals) if method == "crofton" else axial / 3
    polar, turn = np.meshgrid(np.linspace(0, 1, 91), np.linspace(0, np.pi / 2, 91))
    flat = np.sqrt(1 - polar**2)
    lines = np.stack([polar, flat * np.cos(turn), flat * np.sin(turn)], axis=-1).reshape(-1, 3)
    ratio = 2 * np.abs(lines @ normals.T) @ weights
    return float(ratio.min()), float(ratio.max())


def _bias(grid: Grid, method: LineMethod) -> str:
    low, high = (100 * (ratio - 1) for ratio in line_bias(grid, method))
    return (
        "0 to +3 % where the phases meet at 90 degrees or more, +8 % at 60, +42 % at 30; "
        f"a straight line {low:+.1f} to {high:+.1f} % by its direction"
    )


def _three(volume: Volume, phases: Sequence[str]) -> tuple[str, str, str]:
    """Three different phases that occur."""
    names = [phases] if isinstance(phases, str) else list(phases)
    if len(names) != 3 or len(set(names)) != 3:
        raise InputError(
            "a triple line belongs to three different phases", field="phases", value=names,
            remedy=f"Give three of {', '.join(volume.phases)}",
        )  # fmt: skip
    for name in names:
        occupied(volume, name)
    return names[0], names[1], names[2]


def _parts(volume: Volume, names: Sequence[str], connected: bool | Mapping[str, End]) -> list[np.ndarray]:
    """Mask of each phase, or of the connected part of it."""
    if isinstance(connected, Mapping):
        for name in connected:
            if name not in names:
                raise InputError(
                    "this phase is not one of the three", field="connected", value=name,
                    remedy=nearest(name, list(names)),
                )  # fmt: skip
        return [
            connected_mask(volume, name, connected[name]) if name in connected else volume.mask(name)
            for name in names
        ]
    return [percolating_mask(volume, name) if connected else volume.mask(name) for name in names]


def _meshes() -> tuple[np.ndarray, np.ndarray]:
    """Corners of the 20 meshes in a cell, shape (n, 4) with a triangle's last corner twice; their family."""
    corners, family = [], []
    for number, found in enumerate(plane_cells()):
        for mesh in found:
            corners.append(mesh if len(mesh) == 4 else (*mesh, mesh[2]))
            family.append(number)
    return np.array(corners), np.array(family)


@numba.njit(cache=True, parallel=True)
def _pierced(bits, weights, corners, family):  # type: ignore[no-untyped-def]
    """Meshes of the 13 families whose corners hold all three phases (bits 1, 2, 4), weighted: shape (13,).

    Whole numbers, so the sum does not depend on how the pages are shared out.
    """
    n0, n1, n2 = bits.shape[0] - 1, bits.shape[1] - 1, bits.shape[2] - 1
    found = np.zeros((_CHUNKS, 13), dtype=np.int64)
    for chunk in numba.prange(_CHUNKS):
        v = np.empty(8, dtype=np.int64)
        for i in range(chunk * n0 // _CHUNKS, (chunk + 1) * n0 // _CHUNKS):
            at0 = (i == 0) + (i == n0 - 1)
            for j in range(n1):
                at1 = at0 + (j == 0) + (j == n1 - 1)
                for k in range(n2):
                    v[0], v[1] = bits[i, j, k], bits[i, j, k + 1]
                    v[2], v[3] = bits[i, j + 1, k], bits[i, j + 1, k + 1]
                    v[4], v[5] = bits[i + 1, j, k], bits[i + 1, j, k + 1]
                    v[6], v[7] = bits[i + 1, j + 1, k], bits[i + 1, j + 1, k + 1]
                    if v[0] | v[1] | v[2] | v[3] | v[4] | v[5] | v[6] | v[7] == 7:
                        weight = weights[at1 + (k == 0) + (k == n2 - 1)]
                        for m in range(corners.shape[0]):
                            c = corners[m]
                            if v[c[0]] | v[c[1]] | v[c[2]] | v[c[3]] == 7:
                                found[chunk, family[m]] += weight
    return found.sum(axis=0)
