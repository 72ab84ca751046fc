"""Where the voxels of an image lie, and which way the electrode faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..errors import InputError

Side = Literal["low", "high"]


@dataclass(frozen=True)
class Grid:
    """Voxel lattice of an image. Coordinate k belongs to array axis k, in metres.

    A voxel of index i spans ``origin + [i, i + 1] * voxel_size``. Files are read in their own order: pages
    of a stack are axis 0, rows axis 1, columns axis 2.

    Parameters
    ----------
    shape:
        Voxels along the three array axes.
    voxel_size:
        Edges of a voxel along the three axes [m].
    through:
        Axis from collector to separator.
    collector:
        End of the ``through`` axis at which the current collector lies.
    origin:
        Corner of voxel (0, 0, 0) [m].

    Raises
    ------
    InputError
        Not three axes, an axis without voxels, a voxel size that is not a positive length, or one of a
        millimetre and more (a number in micrometres given as metres).
    """

    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    through: int = 0
    collector: Side = "low"
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(
                "an image has three axes with at least one voxel each", field="shape", value=shape,
                remedy="Give a stack; a single slice is a stack of one page",
            )  # fmt: skip
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "voxel_size", edges(self.voxel_size))
        object.__setattr__(self, "origin", tuple(float(x) for x in self.origin))
        if self.through not in (0, 1, 2):
            raise InputError(
                "there is no such axis", field="through", value=self.through,
                remedy="Give 0, 1 or 2: pages, rows or columns",
            )  # fmt: skip
        if self.collector not in ("low", "high"):
            raise InputError(
                "the collector lies at one end of the through axis", field="collector", value=self.collector,
                remedy="Give low (index 0) or high",
            )  # fmt: skip

    @property
    def size(self) -> tuple[float, float, float]:
        """Edges of the whole image [m]."""
        a, b, c = (n * h for n, h in zip(self.shape, self.voxel_size, strict=True))
        return a, b, c

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel [m3]."""
        return math.prod(self.voxel_size)

    @property
    def cubic(self) -> bool:
        """Whether the three edges of a voxel agree to a millionth."""
        return max(self.voxel_size) <= min(self.voxel_size) * (1 + 1e-6)

    @property
    def thickness(self) -> float:
        """Extent from collector to separator [m]."""
        return self.size[self.through]

    @property
    def in_plane(self) -> tuple[int, int]:
        """The two axes across the through axis, in order."""
        a, b = (k for k in range(3) if k != self.through)
        return a, b

    def centres(self, axis: int) -> np.ndarray:
        """Coordinates of the voxel centres along ``axis`` [m]."""
        return self.origin[axis] + (np.arange(self.shape[axis]) + 0.5) * self.voxel_size[axis]

    def heights(self) -> np.ndarray:
        """Distance of the voxel centres from the collector, along the through axis, in index order [m]."""
        up = (np.arange(self.shape[self.through]) + 0.5) * self.voxel_size[self.through]
        return up if self.collector == "low" else self.thickness - up

    def points(self, first: int = 0, last: int | None = None) -> np.ndarray:
        """Voxel centres of the pages ``first`` to ``last`` (axis 0), shape (voxels, 3), C order [m]."""
        axes = (self.centres(0)[first:last], self.centres(1), self.centres(2))
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    def crop(self, box: Sequence[slice]) -> Grid:
        """The grid of ``array[box]``; slices of step 1 that keep at least one voxel."""
        bounds = [s.indices(n) for s, n in zip(box, self.shape, strict=True)]
        if any(step != 1 or stop <= start for start, stop, step in bounds):
            raise InputError(
                "a crop keeps a block of voxels", field="crop", value=[(s.start, s.stop) for s in box],
                remedy=f"Give start:stop inside the shape {self.shape}",
            )  # fmt: skip
        origin = [o + b[0] * h for o, b, h in zip(self.origin, bounds, self.voxel_size, strict=True)]
        shape = [b[1] - b[0] for b in bounds]
        return replace(self, shape=tuple(shape), origin=tuple(origin))  # type: ignore[arg-type]


def edges(voxel_size: float | Sequence[float]) -> tuple[float, float, float]:
    """Voxel edges [m] from one number or three; InputError if they are not credible lengths."""
    values = (voxel_size,) * 3 if isinstance(voxel_size, int | float) else tuple(voxel_size)
    if len(values) != 3 or not all(isinstance(h, int | float | np.number) for h in values):
        raise InputError(
            "a voxel size is one length or three", field="voxel_size", value=voxel_size,
            remedy="Give it in metres, such as 0.4e-6",
        )  # fmt: skip
    a, b, c = (float(h) for h in values)
    if not all(0 < h < 1e-3 for h in (a, b, c)):
        raise InputError(
            "a voxel size lies between 0 and 1 mm", field="voxel_size", value=(a, b, c),
            remedy="It is in metres: 0.4 um is 0.4e-6",
        )  # fmt: skip
    return a, b, c
