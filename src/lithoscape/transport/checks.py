"""What the voxel solver refuses, said before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numba
import numpy as np

from ..errors import InputError

AXES = ("first", "second", "third")
BYTES = {"single": 34, "single faces": 50, "double": 56, "double faces": 85, "periodic": 200}
"""Memory per voxel of a solution: one conducting phase, several, the same in double precision;
of a periodic one."""
ROUND_OFF = 4
"""What round-off may add to the error of a conductance, in units of the precision and of the contrast."""


def check_options(tolerance: float, boundary: str, threads: int, most: int) -> None:
    """Refuse options out of range."""
    if not 1e-10 <= tolerance <= 0.1:
        raise InputError(
            "this is not a relative error the solver certifies", field="tolerance", value=tolerance,
            remedy="Give 1e-10 to 0.1",
        )  # fmt: skip
    if boundary not in ("face", "node"):
        raise InputError(
            "potentials are imposed on faces or in the centres of voxels", field="boundary", value=boundary,
            remedy='Give "face" or "node"',
        )  # fmt: skip
    for name, value in (("threads", threads), ("max_iterations", most)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise InputError(
                "this is not a positive number", field=name, value=value, remedy="Give 1 or more"
            )


def check_labels(labels: np.ndarray, axis: int, least: int) -> np.ndarray:
    """The labels as an array of integers of two or three axes, at least so many voxels along the axis."""
    given = np.asarray(labels)
    if given.dtype == np.bool_:
        given = given.view(np.uint8)
    if given.ndim not in (2, 3) or not np.issubdtype(given.dtype, np.integer) or not given.size:
        raise InputError(
            "labels are integers on two or three axes", field="labels", value=(given.shape, str(given.dtype)),
            remedy="Give a labelled image; segment a grey one first",
        )  # fmt: skip
    if isinstance(axis, bool) or axis not in range(given.ndim):
        raise InputError(
            "the image has no such axis", field="axis", value=axis,
            remedy=f"Give {' or '.join(str(a) for a in range(given.ndim))}",
        )  # fmt: skip
    if given.shape[axis] < least:
        raise InputError(
            f"the image is too thin along the {AXES[axis]} axis to conduct along it", field="labels",
            value=given.shape, remedy=f"At least {least} layers of voxels are needed",
        )  # fmt: skip
    return given


def check_spacing(spacing: Sequence[float], axes: int) -> tuple[float, ...]:
    """Sizes of a voxel, one for each axis; for a plane image the third may be there and does not count."""
    given = tuple(float(h) for h in spacing)
    if len(given) not in (axes, 3) or not all(0 < h < np.inf for h in given):
        raise InputError(
            "sizes of a voxel are positive numbers, one for each axis", field="spacing", value=spacing,
            remedy=f"Give {axes} lengths",
        )  # fmt: skip
    return given[:axes]


def check_conductivity(counts: Mapping[int, int], conductivity: Mapping[int, float]) -> dict[int, float]:
    """Conductivities of the labels that occur."""
    for label, value in conductivity.items():
        if not 0 <= float(value) < np.inf:
            raise InputError(
                f"the conductivity of label {label} is not a number from 0 on", field="conductivity",
                value=float(value), remedy="Give 0 for a phase that does not conduct",
            )  # fmt: skip
    missing = [label for label in counts if label not in conductivity]
    if missing:
        raise InputError(
            "labels of the image have no conductivity", field="conductivity", value=missing[:10],
            remedy="Give one for each label, 0 for those that do not conduct",
        )  # fmt: skip
    values = {label: float(conductivity[label]) for label in counts}
    if not any(values.values()):
        raise InputError(
            "nothing in the image conducts", field="conductivity", value=dict(conductivity),
            remedy=f"Labels of the image: {', '.join(str(label) for label in counts)}",
        )  # fmt: skip
    return values


def round_off(values: Iterable[float], precision: type[np.floating]) -> float:
    """What round-off may add to the relative error of a conductance between these conductivities."""
    conducting = [value for value in values if value > 0]
    return ROUND_OFF * float(np.finfo(precision).eps) * max(conducting) / min(conducting)


def needs_double(values: Iterable[float], tolerance: float) -> bool:
    """Whether single precision is too coarse for a tolerance."""
    return 10 * round_off(values, np.float32) > tolerance


def memory_kind(values: Collection[float], tolerance: float) -> str:
    """What a solution is like, for its memory."""
    several = len({value for value in values if value > 0}) > 1
    return ("double" if needs_double(values, tolerance) else "single") + (" faces" if several else "")


def check_memory(voxels: int, kind: str) -> None:
    """Refuse what does not fit into the memory available."""
    needed = voxels * BYTES[kind]
    available = available_memory()
    if available is not None and needed > available:
        raise InputError(
            f"the solution takes about {needed / 2**30:.1f} GiB and {available / 2**30:.1f} GiB are free",
            field="labels", value=f"{voxels} voxels",
            remedy="Take a part of the image, coarsen it, or use a machine with more memory",
        )  # fmt: skip


def available_memory() -> int | None:
    """Memory that can be taken without swapping [bytes]; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def count_labels(labels: np.ndarray) -> dict[int, int]:
    """Labels that occur, in order, and how many voxels carry them."""
    low, high = (0, 255) if labels.dtype == np.uint8 else (int(labels.min()), int(labels.max()))
    if high - low >= 1 << 20:
        found, number = np.unique(labels, return_counts=True)
        return {int(a): int(b) for a, b in zip(found, number, strict=True)}
    counts = np.zeros(high - low + 1, dtype=np.int64)
    _count(labels if labels.ndim == 3 else labels[:, :, None], low, counts)
    return {int(i) + low: int(counts[i]) for i in np.flatnonzero(counts)}


@numba.njit(cache=True, nogil=True)
def _count(labels: np.ndarray, low: int, counts: np.ndarray) -> None:
    for x in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for z in range(labels.shape[2]):
                counts[np.int64(labels[x, y, z]) - low] += 1
