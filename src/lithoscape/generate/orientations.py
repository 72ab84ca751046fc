"""Crystal orientations of grains, and the diffusivity tensors that follow.

A rotation takes crystal axes to the axes of the image: its columns are the a, b and c axis. In a layered
oxide lithium moves in the a-b planes; the c axis is their normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from ..errors import InputError, nearest

TensorRule = Literal["rotated", "cosine"]


def random_rotations(n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` rotations, uniform on SO(3): normalised Gaussian quaternions (Muller 1959); shape (n, 3, 3)."""
    return Rotation.from_quat(rng.standard_normal((n, 4))).as_matrix()


def radial_rotations(directions: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Orientations whose fast a-b planes contain the radius, so that lithium diffuses radially.

    The c axis is perpendicular to the radius, in a random direction around it, then tilted towards the radius
    by a normal angle.

    Parameters
    ----------
    directions:
        Unit radii (n, 3).
    spread:
        Standard deviation of the tilt [degrees].
    rng:
        Source of the directions around the radius, the tilts and the turns about c.

    Returns
    -------
    rotations:
        (n, 3, 3).
    """
    radius = _unit(directions)
    around = 2 * np.pi * rng.random(len(radius))
    e1, e2 = _across(radius)
    level = np.cos(around)[:, None] * e1 + np.sin(around)[:, None] * e2
    tilt = _spread(spread) * rng.standard_normal(len(radius))
    c = np.cos(tilt)[:, None] * level + np.sin(tilt)[:, None] * radius
    return _about(c, rng)


def fixed_rotations(n: int, c_axis: Sequence[float], spread: float, rng: np.random.Generator) -> np.ndarray:
    """Orientations around one c axis, each tilted by a normal angle of ``spread`` [degrees]; (n, 3, 3)."""
    axis = np.asarray(c_axis, float)
    if axis.shape != (3,) or not np.isfinite(axis).all() or not axis.any():
        raise InputError(
            "a c axis is a direction of three numbers, not all zero", field="c_axis", value=list(c_axis),
            remedy="Such as [0, 1, 0], in the order of the image's axes",
        )  # fmt: skip
    c = np.repeat(_unit(axis[None]), n, axis=0)
    e1, e2 = _across(c)
    lean = _spread(spread) * rng.standard_normal((n, 2))
    return _about(_unit(c + np.tan(lean[:, :1]) * e1 + np.tan(lean[:, 1:]) * e2), rng)


def group_rotations(
    n: int, angles: Sequence[float], normal: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Orientations in a few groups, as a section seen in the electron microscope is sorted by grey level.

    Each group has the a-b planes at one angle from the first axis in the section (the through axis unless it
    is the normal), the c axis in the section. Lu et al., doi:10.1039/d1ee01388b, section 3.1, take 0, 30, 60
    and 90 degrees. Groups are equally likely, and so are both senses of the angle.

    Parameters
    ----------
    n:
        Number of grains.
    angles:
        Angles of the groups [degrees].
    normal:
        Axis across the section.
    rng:
        Source of the groups, senses and turns about c.

    Returns
    -------
    rotations, groups:
        (n, 3, 3), and the index of each grain's group (n,).
    """
    if len(angles) == 0 or not all(np.isfinite(a) for a in angles):
        raise InputError(
            "groups have an angle each", field="group_angles_deg", value=list(angles),
            remedy="Such as [0, 30, 60, 90]",
        )  # fmt: skip
    if normal not in (0, 1, 2):
        raise InputError("there is no such axis", field="normal", value=normal, remedy="Give 0, 1 or 2")
    groups = rng.integers(len(angles), size=n)
    turned = np.deg2rad(np.asarray(angles, float))[groups] * rng.choice([-1.0, 1.0], n)
    first, second = (k for k in range(3) if k != normal)
    c = np.zeros((n, 3))
    c[:, first], c[:, second] = -np.sin(turned), np.cos(turned)
    return _about(c, rng), groups


def diffusivity_tensor(
    orientations: np.ndarray, D_ab: float, D_c: float, rule: TensorRule = "rotated"
) -> np.ndarray:
    """Diffusivity of layered crystals in the axes of the image.

    ``rotated`` is the law of tensors, D = D_ab (I - c c^T) + D_c c c^T: a component along a direction at the
    angle t to the planes is D_ab cos^2 t + D_c sin^2 t, and there are off-diagonal terms.

    ``cosine`` is the rule of Lu et al., doi:10.1039/d1ee01388b, section 3.1: D_kk = D_ab cos t_k + D_c sin
    t_k with t_k the angle of axis k to the planes, and no off-diagonal terms. It is no tensor (it depends on
    the choice of axes) and overstates diffusion at oblique angles: at 30 degrees 0.866 and 0.5 of D_ab where
    the law gives 0.75 and 0.25. It is here to reproduce that work.

    Parameters
    ----------
    orientations:
        c axes (n, 3), or rotations (n, 3, 3) whose third column is the c axis.
    D_ab, D_c:
        Diffusivity along the planes and across them [m2/s].
    rule:
        "rotated" or "cosine".

    Returns
    -------
    tensors:
        (n, 3, 3) [m2/s].

    Raises
    ------
    InputError
        Wrong shape, a diffusivity below zero, an unknown rule.
    """
    given = np.asarray(orientations, float)
    if given.ndim not in (2, 3) or given.shape[1:] not in ((3,), (3, 3)):
        raise InputError(
            "orientations are c axes (n, 3) or rotations (n, 3, 3)", field="orientations", value=given.shape
        )
    for name, value in (("D_ab", D_ab), ("D_c", D_c)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError("a diffusivity is a number not below zero", field=name, value=value)
    c = _unit(given if given.ndim == 2 else given[:, :, 2])
    if rule == "rotated":
        along = c[:, :, None] * c[:, None, :]
        return D_ab * (np.eye(3) - along) + D_c * along
    if rule == "cosine":
        return np.eye(3) * (D_ab * np.sqrt(np.maximum(1 - c**2, 0.0)) + D_c * np.abs(c))[:, None, :]
    raise InputError(
        "there is no such rule", field="rule", value=rule, remedy=nearest(rule, ["rotated", "cosine"])
    )


def _spread(degrees: float) -> float:
    if not 0 <= degrees <= 90:
        raise InputError("a spread lies between 0 and 90 degrees", field="spread_deg", value=degrees)
    return float(np.deg2rad(degrees))


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    # a grain at the centre itself has no radius: any direction will do
    return np.where(length > 0, vectors / np.where(length > 0, length, 1.0), [0.0, 0.0, 1.0])


def _across(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors across each of ``unit`` and across each other, right-handed with it."""
    helper = np.eye(3)[np.argmin(np.abs(unit), axis=1)]
    e1 = _unit(np.cross(helper, unit))
    return e1, np.cross(unit, e1)


def _about(c: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotations with the third column ``c``, turned about it at random."""
    e1, e2 = _across(c)
    turn = 2 * np.pi * rng.random(len(c))[:, None]
    a = np.cos(turn) * e1 + np.sin(turn) * e2
    return np.stack([a, np.cross(c, a), c], axis=2)
