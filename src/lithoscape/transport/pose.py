"""From labels and conductivities to conductances on a grid: phases, faces, ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np

from ..errors import InputError
from .dirichlet import Conduction
from .percolation import Crossing, keep_crossing

AXES = ("first", "second", "third")


@dataclass(frozen=True)
class Posed:
    """What is to be solved, and how much of the image takes part [voxels].

    Attributes
    ----------
    problem:
        Grid and conductances.
    ends:
        Phase of the voxels of the first and the last layer, 0 where they do not take part.
    conducting, crossing:
        Voxels that conduct; those of them in clusters that touch both faces.
    """

    problem: Conduction
    ends: tuple[np.ndarray, np.ndarray]
    conducting: int
    crossing: int


def pose(
    labels: np.ndarray, values: Mapping[int, float], sizes: np.ndarray, boundary: str, axis: int
) -> Posed:
    """Phases of the clusters that cross, and conductances of their faces.

    Parameters
    ----------
    labels:
        Three axes, conduction along the first.
    values:
        Conductivity of every label that occurs.
    sizes:
        Of a voxel along the axes of ``labels``.
    boundary:
        "face" or "node".
    axis:
        What the first axis is called in messages.

    Raises
    ------
    InputError
        Nothing crosses.
    """
    levels, phase = phases(values)
    code = transcode(labels, phase)
    crossing = keep_crossing(code, code[0] > 0, code[-1] > 0)
    if not crossing.crossing:
        raise _blocked(crossing, code.shape[0], [k for k, v in values.items() if v], axis)
    face = face_conductances(levels, sizes)
    ends = code[0].copy(), code[-1].copy()
    if boundary == "face":
        own = 2 * face[0].diagonal()
        problem = Conduction(code, face, own[ends[0]], own[ends[1]])
    else:
        inner = code[1:-1]
        first, last = face[0][ends[0], inner[0]], face[0][ends[1], inner[-1]]
        keep_crossing(inner, first > 0, last > 0)
        problem = Conduction(inner, face, first * (inner[0] > 0), last * (inner[-1] > 0), False)
    return Posed(problem, ends, crossing.conducting, crossing.crossing)


def phases(values: Mapping[int, float]) -> tuple[np.ndarray, dict[int, int]]:
    """Different conductivities, 0 and then in rising order, and the number among them of every label."""
    levels = sorted({value for value in values.values() if value > 0})
    if len(levels) > 254:
        raise InputError(
            "there are too many conductivities", field="conductivity", value=len(levels),
            remedy="Use at most 254 different ones",
        )  # fmt: skip
    return np.array([0.0, *levels]), {label: levels.index(v) + 1 if v else 0 for label, v in values.items()}


def face_conductances(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Conductance of a face by axis and the phases of its voxels: harmonic means times area over distance."""
    a, b = values[:, None], values[None, :]
    mean = np.divide(2 * a * b, a + b, out=np.zeros((values.size,) * 2), where=a + b > 0)
    return mean * (np.prod(sizes) / np.asarray(sizes) ** 2)[:, None, None]


def transcode(labels: np.ndarray, phase: Mapping[int, int]) -> np.ndarray:
    """Phase of each voxel (uint8, contiguous)."""
    low, high = min(phase), max(phase)
    if high - low >= 1 << 20:
        known = np.array(sorted(phase))
        table = np.array([phase[int(label)] for label in known], dtype=np.uint8)
        return np.ascontiguousarray(table[np.searchsorted(known, labels)])
    table = np.zeros(high - low + 1, dtype=np.uint8)
    for label, number in phase.items():
        table[label - low] = number
    code = np.empty(labels.shape, dtype=np.uint8)
    _transcode(labels, table, low, code)
    return code


@numba.njit(cache=True, nogil=True)
def _transcode(labels: np.ndarray, table: np.ndarray, low: int, code: np.ndarray) -> None:
    # In tiles, since the fast axis of the labels may be any.
    nx, ny, nz = labels.shape
    tile = 32
    for x0 in range(0, nx, tile):
        for y0 in range(0, ny, tile):
            for z0 in range(0, nz, tile):
                for x in range(x0, min(x0 + tile, nx)):
                    for y in range(y0, min(y0 + tile, ny)):
                        for z in range(z0, min(z0 + tile, nz)):
                            code[x, y, z] = table[np.int64(labels[x, y, z]) - low]


def _blocked(crossing: Crossing, layers: int, labels: list[int], axis: int) -> InputError:
    names = ", ".join(str(label) for label in labels)
    what = f"label {names}" if len(labels) == 1 else f"labels {names} together"
    how = f"from the inlet it gets to layer {crossing.reach} of {layers} ({crossing.reach / layers:.0%})"
    if not crossing.reach:
        how = "it does not touch the inlet"
    return InputError(
        f"no cluster of {what} connects both faces along axis {axis} (over faces of voxels): {how}",
        field="labels",
        remedy="Check the label, the axis and the segmentation, or take a larger or finer image",
    )
