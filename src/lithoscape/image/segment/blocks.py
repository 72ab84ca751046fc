"""An image in blocks with a margin, so that a filter's memory does not grow with the image."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

Box = tuple[slice, slice, slice]


def blocks(
    shape: tuple[int, int, int], edges: tuple[int, int, int], margin: int
) -> Iterator[tuple[Box, Box, Box]]:
    """Blocks that cover an image once.

    Parameters
    ----------
    shape:
        Voxels of the image.
    edges:
        Voxels of a block without its margin.
    margin:
        Voxels around the block that a filter needs; cut where the image ends.

    Yields
    ------
    tuple
        The block with its margin in the image, the block in the image, and the block in the one with margin.
    """
    starts = [range(0, n, edge) for n, edge in zip(shape, edges, strict=True)]
    for corner in product(*starts):
        outer, core, inner = [], [], []
        for first, n, edge in zip(corner, shape, edges, strict=True):
            last = min(first + edge, n)
            low = max(0, first - margin)
            outer.append(slice(low, min(last + margin, n)))
            core.append(slice(first, last))
            inner.append(slice(first - low, last - low))
        yield _box(outer), _box(core), _box(inner)


def slab(shape: tuple[int, int, int], voxels: int) -> tuple[int, int, int]:
    """Edges of a slab of whole pages that holds about ``voxels``."""
    return max(1, voxels // (shape[1] * shape[2])), shape[1], shape[2]


def _box(parts: list[slice]) -> Box:
    a, b, c = parts
    return a, b, c
