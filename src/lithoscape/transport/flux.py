"""The flux density that belongs to a potential on voxels."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .voxel import Transport


def flux(transport: Transport, labels: np.ndarray) -> np.ndarray:
    """Flux density in the voxels: the mean of those through opposite faces.

    Parameters
    ----------
    transport:
        A solution that kept its potential.
    labels:
        The labels it was solved for.

    Returns
    -------
    Float32, one component for each axis first, then the shape of the labels: conductivity x drop of the
    potential (1 from end to end) / length; zero where nothing flows. The mean over the image of the
    component along the axis, times the length, is the effective conductivity.

    Raises
    ------
    InputError
        The potential was not kept, or the labels are of another shape.
    """
    potential = transport.potential
    if potential is None:
        raise InputError(
            "this solution did not keep its potential",
            field="transport",
            remedy="Solve with keep_potential=True",
        )
    labels = np.asarray(labels)
    if labels.shape != potential.shape:
        raise InputError(
            "labels are not those of the solution", field="labels", value=labels.shape,
            remedy=f"Their shape was {potential.shape}",
        )  # fmt: skip
    inside = ~np.isnan(potential)
    sigma = np.zeros(labels.shape, dtype=np.float32)
    for label, value in transport.conductivity.items():
        sigma[labels == label] = value
    sigma[~inside] = 0.0
    phi = np.where(inside, potential, np.float32(0))
    out = np.zeros((labels.ndim, *labels.shape), dtype=np.float32)
    for axis in range(labels.ndim):
        ends = axis == transport.axis
        out[axis] = np.moveaxis(
            _along(
                np.moveaxis(sigma, axis, 0), np.moveaxis(phi, axis, 0), transport.spacing[axis],
                transport.boundary if ends else None,
            ), 0, axis,
        )  # fmt: skip
    return out


def _along(sigma: np.ndarray, phi: np.ndarray, h: float, boundary: str | None) -> np.ndarray:
    """Flux density along the first axis; ``boundary`` says where potentials are imposed, if they are."""
    a, b = sigma[:-1], sigma[1:]
    mean = np.divide(2 * a * b, a + b, out=np.zeros_like(a), where=a * b > 0)
    faces = np.zeros((sigma.shape[0] + 1, *sigma.shape[1:]), dtype=np.float32)
    faces[1:-1] = mean * (phi[:-1] - phi[1:]) / h
    if boundary == "face":
        faces[0] = 2 * sigma[0] * (1 - phi[0]) / h
        faces[-1] = 2 * sigma[-1] * phi[-1] / h
    elif boundary == "node":
        faces[0], faces[-1] = faces[1], faces[-2]
    return np.asarray((faces[:-1] + faces[1:]) / 2)
