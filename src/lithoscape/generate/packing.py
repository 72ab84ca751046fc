"""Random packings of spheres and ellipsoids: put down anywhere, then pushed apart.

Random sequential addition ends at a fraction of 0.38. Here all particles are drawn first, so that their
volume is what was asked for, placed at random, and moved until no overlap exceeds the allowed one. An overlap
costs half its square in energy, as between soft elastic spheres (O'Hern, Silbert, Liu and Nagel, Phys. Rev. E
68, 011306, 2003); the energy is minimised by the fast inertial relaxation engine (Bitzek, Koskinen, Gähler,
Moseler and Gumbsch, Phys. Rev. Lett. 97, 170201, 2006), down to zero below random close packing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, Protocol

import numba
import numpy as np
from scipy.spatial.transform import Rotation

from ..errors import InputError, SolveError
from .sizes import Monodisperse, Sizes
from .spheres import Ellipsoids, Spheres, _near, _register, _span, filled_volumes

Periodic = Literal["in-plane", "all", "none"]
Walls = Literal["inside", "cut"]

LARGEST_RESCALE = 0.01
"""How far all diameters may be scaled to meet a fraction that whole particles miss."""
MARGIN = 2e-3
"""Particles are pushed apart by this share beyond what is asked, so that the energy need not vanish."""
MOST_STEPS = 30_000
CLOSE = 2e-4
"""Relative error of the fraction at which the rescaling stops."""


@dataclass(frozen=True)
class Form:
    """Ellipsoids: relative semi-axes and orientation.

    Parameters
    ----------
    axes:
        Relative semi-axes; (1, 1, 0.2) are platelets, (1, 1, 2) rods.
    spread:
        Standard deviation of the natural logarithm of each particle's aspect, by which its axes vary.
    orientation:
        "random", or "aligned": the third semi-axis lies along the through axis.
    tilt:
        Of aligned particles, the standard deviation of the tilt in each of the two directions [rad].

    Raises
    ------
    InputError
        Axes that are not positive or differ more than twentyfold, a negative spread or tilt.
    """

    axes: tuple[float, float, float] = (1.0, 1.0, 1.0)
    spread: float = 0.0
    orientation: Literal["random", "aligned"] = "random"
    tilt: float = 0.0

    def __post_init__(self) -> None:
        if len(self.axes) != 3 or not min(self.axes) > 0 or max(self.axes) > 20 * min(self.axes):
            raise InputError("semi-axes are three positive numbers within a factor of 20", field="axes",
                             value=self.axes)  # fmt: skip
        if not 0 <= self.spread <= 1 or not 0 <= self.tilt <= np.pi / 2:
            raise InputError("a spread lies between 0 and 1, a tilt between 0 and 90 degrees",
                             field="spread, tilt", value=(self.spread, self.tilt))  # fmt: skip

    def draw(self, n: int, through: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Semi-axes of unit product (n, 3), and rotations (n, 3, 3)."""
        power = np.exp(self.spread * rng.standard_normal((n, 1)))
        axes = np.array(self.axes)[None, :] ** power
        axes /= np.cbrt(axes.prod(axis=1, keepdims=True))
        if self.orientation == "random":
            return axes, Rotation.from_quat(rng.standard_normal((n, 4))).as_matrix()
        spin = Rotation.from_rotvec(np.outer(2 * np.pi * rng.random(n), [0.0, 0.0, 1.0]))
        lean = np.column_stack([self.tilt * rng.standard_normal((n, 2)), np.zeros(n)])
        upright = np.roll(np.eye(3), through + 1, axis=0)  # local axis 2 onto the through axis, right-handed
        return axes, upright @ (Rotation.from_rotvec(lean) * spin).as_matrix()


@dataclass(frozen=True)
class Layer:
    """One layer: heights of its faces along the through axis [m], its sizes, its solid fraction."""

    low: float
    high: float
    sizes: Sizes
    fraction: float


@dataclass(frozen=True)
class Gradient:
    """Solid fraction and particle size that change along the through axis, linear between given heights.

    Parameters
    ----------
    heights:
        Ascending, along the through axis [m].
    fractions:
        Solid fraction at the heights.
    sizes:
        One distribution, or a diameter at each of the heights [m].
    """

    heights: np.ndarray
    fractions: np.ndarray
    sizes: Sizes | np.ndarray

    def __post_init__(self) -> None:
        for name in ("heights", "fractions") if isinstance(self.sizes, Sizes) else (
            "heights", "fractions", "sizes",
        ):  # fmt: skip
            object.__setattr__(self, name, np.asarray(getattr(self, name), float))
        if self.heights.ndim != 1 or self.heights.shape != self.fractions.shape:
            raise InputError("a profile has a fraction at each height", field="fractions",
                             value=self.fractions.shape)  # fmt: skip
        if not isinstance(self.sizes, Sizes) and self.sizes.shape != self.heights.shape:
            raise InputError("a profile has a diameter at each height", field="sizes", value=self.sizes.shape)
        if self.heights.size == 0 or (np.diff(self.heights) <= 0).any():
            raise InputError("the heights of a profile ascend", field="heights", value=self.heights.tolist())


@dataclass(frozen=True, eq=False)
class Packing:
    """Particles in a box.

    Parameters
    ----------
    centres:
        (n, 3) [m], from the low corner of the box.
    radii:
        (n,) [m]; of ellipsoids, those of spheres of equal volume.
    semi_axes, rotations:
        Of ellipsoids (n, 3) [m] and (n, 3, 3), else None.
    box:
        Edges [m].
    through:
        Axis from collector to separator.
    period:
        Period along each axis [m] or None.
    target, fraction:
        Solid fraction asked for and reached: the union of the particles in the box.
    rescale:
        Factor on all diameters that met the fraction: the largest deviation from 1 of all layers.
    overlap:
        Largest overlap of two particles, relative to the smaller radius (shortest semi-axis).
    steps:
        Relaxation steps.
    """

    centres: np.ndarray
    radii: np.ndarray
    semi_axes: np.ndarray | None
    rotations: np.ndarray | None
    box: tuple[float, float, float]
    through: int
    period: tuple[float | None, ...]
    target: float
    fraction: float
    rescale: float
    overlap: float
    steps: int

    @property
    def shape(self) -> Spheres | Ellipsoids:
        """The implicit function."""
        return self.at((0.0, 0.0, 0.0))

    def at(self, origin: Sequence[float]) -> Spheres | Ellipsoids:
        """The implicit function, the box's low corner at ``origin`` [m]."""
        centres = self.centres + np.asarray(origin, float)
        if self.semi_axes is None or self.rotations is None:
            return Spheres(centres, self.radii, self.period)
        return Ellipsoids(centres, self.semi_axes, self.rotations, self.period)

    def profile(self, edges: np.ndarray) -> np.ndarray:
        """Solid fraction of slabs along the through axis, between ascending ``edges`` [m]."""
        area = float(np.prod(self.box)) / self.box[self.through]
        filled = filled_volumes(self.shape, (0, 0, 0), self.box, axis=self.through, edges=edges)
        return filled / (area * np.diff(edges))


@dataclass(frozen=True)
class _Frame:
    """Where centres may be: the box, larger by ``margin`` beyond walls that cut particles."""

    box: np.ndarray
    through: int
    period: np.ndarray
    margin: float
    form: Form | None

    @property
    def low(self) -> np.ndarray:
        return np.where(self.period > 0, 0.0, -self.margin)

    @property
    def high(self) -> np.ndarray:
        return np.where(self.period > 0, self.box, self.box + self.margin)

    @property
    def area(self) -> float:
        """Of the frame across the through axis [m2]."""
        edges = self.high - self.low
        return float(edges.prod() / edges[self.through])


@dataclass
class _Draft:
    """Particles on their way: radii, form, centres, and the heights between which each centre stays."""

    radii: np.ndarray
    heights: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rescale: np.ndarray
    axes: np.ndarray | None = None
    rotations: np.ndarray | None = None
    centres: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    steps: int = 0

    def extents(self) -> np.ndarray:
        """Half the edges of the bounding boxes (n, 3) [m]."""
        if self.axes is None or self.rotations is None:
            return np.repeat(self.radii[:, None], 3, axis=1)
        semi = self.axes * self.radii[:, None]
        return np.sqrt(((self.rotations * semi[:, None, :]) ** 2).sum(axis=2))


class _Plan(Protocol):
    """What is to be packed."""

    def largest(self) -> float:
        """A length that most particles do not exceed [m]."""
        ...

    def densest(self) -> float:
        """Largest solid fraction asked for anywhere."""
        ...

    def volume(self, low: float, high: float) -> float:
        """Solid volume asked for per area between two heights [m]."""
        ...

    def draw(self, frame: _Frame, more: float, rng: np.random.Generator) -> _Draft:
        """Particles whose volumes add up to ``more`` times what is asked for."""
        ...


def pack(
    box: Sequence[float],
    sizes: Sizes | float,
    fraction: float,
    *,
    rng: np.random.Generator,
    through: int = 0,
    periodic: Periodic = "in-plane",
    walls: Walls = "inside",
    overlap: float = 0.0,
    form: Form | None = None,
) -> Packing:
    """Pack a box with particles of one distribution.

    Parameters
    ----------
    box:
        Edges along the three axes [m].
    sizes:
        Distribution of diameters, or one diameter [m]; of ellipsoids, that of the sphere of equal volume.
    fraction:
        Solid fraction of the box: the volume of the particles' union.
    rng:
        Source of all randomness.
    through:
        Axis from collector to separator.
    periodic:
        Axes along which the packing repeats: the two across ``through``, all, or none.
    walls:
        Where it does not repeat, particles stay inside the box, or the box is cut out of a larger packing.
    overlap:
        Largest overlap (r1 + r2 - d) of two particles, relative to the smaller radius; of ellipsoids every
        semi-axis gives way by half of it.
    form:
        Ellipsoids instead of spheres; they keep the orientation they were drawn with.

    Raises
    ------
    InputError
        A number out of range, a fraction beyond random close packing, a box too small for the particles, or
        for the fraction to be met by whole particles.
    SolveError
        The particles could not be moved apart; it says which fraction was reached.
    """
    sizes = sizes if isinstance(sizes, Sizes) else Monodisperse(float(sizes))
    length = float(tuple(box)[through]) if through in (0, 1, 2) and len(tuple(box)) == 3 else 0.0
    plan = _Layered((Layer(0.0, length, sizes, fraction),))
    return _compose(box, plan, rng, through, periodic, walls, overlap, form)


def pack_layers(
    box: Sequence[float],
    layers: Sequence[Layer],
    *,
    rng: np.random.Generator,
    through: int = 0,
    periodic: Periodic = "in-plane",
    walls: Walls = "inside",
    overlap: float = 0.0,
    form: Form | None = None,
) -> Packing:
    """Pack a box in layers that fill its height; arguments and errors as for :func:`pack`.

    The centres of a layer's particles stay within it, give or take half a radius: neighbouring layers
    interlock, as coated layers do.
    """
    ordered = tuple(sorted(layers, key=lambda layer: layer.low))
    faces = [(a.high, b.low) for a, b in pairwise(ordered)]
    height = float(tuple(box)[through])
    ends = (ordered[0].low, ordered[-1].high) if ordered else (0.0, 0.0)
    if abs(ends[0]) + abs(ends[1] - height) + sum(abs(a - b) for a, b in faces) > 1e-6 * height:
        raise InputError(
            "the layers fill the height of the box", field="layers", value=[(x.low, x.high) for x in ordered],
            remedy=f"Their thicknesses add up to {height:.6g} m",
        )  # fmt: skip
    return _compose(box, _Layered(ordered), rng, through, periodic, walls, overlap, form)


def pack_gradient(
    box: Sequence[float],
    gradient: Gradient,
    *,
    rng: np.random.Generator,
    through: int = 0,
    periodic: Periodic = "in-plane",
    walls: Walls = "cut",
    overlap: float = 0.0,
    form: Form | None = None,
) -> Packing:
    """Pack a box along a profile; arguments and errors as for :func:`pack`.

    Heights are drawn from the profile, and no centre is pushed further than its radius along the through
    axis. The fraction met exactly is the mean; the profile is met on lengths above a diameter. Walls that
    keep particles inside leave the box emptier within a radius of them, so they cut unless told otherwise.
    """
    return _compose(box, _Graded(gradient), rng, through, periodic, walls, overlap, form)


@dataclass(frozen=True)
class _Layered:
    layers: tuple[Layer, ...]

    def largest(self) -> float:
        return max(float(layer.sizes.quantile(np.array(0.9))) for layer in self.layers)

    def densest(self) -> float:
        return max(layer.fraction for layer in self.layers)

    def volume(self, low: float, high: float) -> float:
        return sum(x.fraction * max(0.0, min(high, x.high) - max(low, x.low)) for x in self.layers)

    def draw(self, frame: _Frame, more: float, rng: np.random.Generator) -> _Draft:
        parts: list[_Draft] = []
        bottom, top = frame.low[frame.through], frame.high[frame.through]
        for k, layer in enumerate(self.layers):
            low = bottom if k == 0 else layer.low
            high = top if k == len(self.layers) - 1 else layer.high
            wanted = layer.fraction * (high - low) * frame.area * more
            radii, rescale = _radii(layer.sizes, wanted, rng)
            n, wall = len(radii), frame.period[frame.through] == 0 and not frame.margin
            # centres cannot come nearer to a wall than their radius: the rest of the layer takes them
            inner_low = low + (radii if wall and k == 0 else 0.0)
            inner_high = high - (radii if wall and k == len(self.layers) - 1 else 0.0)
            heights = inner_low + (rng.permutation(n) + rng.random(n)) / n * (inner_high - inner_low)
            free = np.inf if len(self.layers) == 1 else 0.5
            parts.append(_Draft(radii, heights, low - free * radii, high + free * radii, rescale))
        joined = [
            np.concatenate([getattr(p, name) for p in parts])
            for name in ("radii", "heights", "low", "high", "rescale")
        ]
        return _Draft(joined[0], joined[1], joined[2], joined[3], joined[4])


@dataclass(frozen=True)
class _Graded:
    gradient: Gradient

    def largest(self) -> float:
        s = self.gradient.sizes
        return float(s.quantile(np.array(0.9))) if isinstance(s, Sizes) else float(s.max())

    def densest(self) -> float:
        return float(self.gradient.fractions.max())

    def _fractions(self, z: np.ndarray) -> np.ndarray:
        return np.interp(z, self.gradient.heights, self.gradient.fractions)

    def volume(self, low: float, high: float) -> float:
        z = np.linspace(low, high, 20_001)
        return float(np.trapezoid(self._fractions(z), z))

    def draw(self, frame: _Frame, more: float, rng: np.random.Generator) -> _Draft:
        g, t = self.gradient, frame.through
        z = np.linspace(frame.low[t], frame.high[t], 20_001)
        sizes = g.sizes if isinstance(g.sizes, Sizes) else None
        diameters = None if sizes else np.interp(z, g.heights, g.sizes)  # type: ignore[arg-type]
        each = sizes.mean_volume if sizes else np.pi / 6 * diameters**3  # type: ignore[operator]
        density = self._fractions(z) / each
        count = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(z))])
        wanted = frame.area * self.volume(float(z[0]), float(z[-1])) * more
        if sizes:
            radii, rescale = _radii(sizes, wanted, rng)
        else:
            n = max(1, round(frame.area * count[-1] * more))
        n = len(radii) if sizes else n
        shares = (rng.permutation(n) + rng.random(n)) / n if sizes else (np.arange(n) + rng.random(n)) / n
        heights = np.interp(shares * count[-1], count, z)
        if not sizes:
            radii, rescale = _scaled(0.5 * np.interp(heights, g.heights, g.sizes), wanted)  # type: ignore[arg-type]
        if frame.period[t] == 0 and not frame.margin:
            heights = z[0] + radii + (heights - z[0]) * (1 - 2 * radii / (z[-1] - z[0]))
        return _Draft(radii, heights, heights - radii, heights + radii, rescale)


def _radii(sizes: Sizes, volume: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Radii that fill ``volume`` [m3] exactly, and the factor that each was scaled by.

    Whole particles leave a remainder; of several draws the one with the smallest is kept.
    """
    best: tuple[np.ndarray, np.ndarray] | None = None
    n = max(1, round(volume / sizes.mean_volume))
    for _ in range(1 if sizes.discrete is not None else 8):
        drawn, rescale = _scaled(0.5 * sizes.stratified(n, rng), volume)
        if best is None or abs(rescale[0] - 1) < abs(best[1][0] - 1):
            best = drawn, rescale
        n = max(1, round(n * float(rescale[0]) ** 3))
    assert best is not None
    return best


def _scaled(radii: np.ndarray, volume: float) -> tuple[np.ndarray, np.ndarray]:
    factor = float(np.cbrt(volume / (4 / 3 * np.pi * (radii**3).sum())))
    return radii * factor, np.full(len(radii), factor)


def _compose(
    box: Sequence[float], plan: _Plan, rng: np.random.Generator, through: int, periodic: Periodic,
    walls: Walls, overlap: float, form: Form | None,
) -> Packing:  # fmt: skip
    """Draw, move apart, measure; draw again with more or fewer particles until the fraction is met."""
    frame = _frame(box, plan, through, periodic, walls, overlap, form)
    target = plan.volume(0.0, float(frame.box[through])) / float(frame.box[through])
    yields: list[float] = []
    for attempt in range(12):
        more = 1 / float(np.mean(yields)) if yields else 1.0
        draft = plan.draw(frame, more, rng)
        if form is not None:
            draft.axes, draft.rotations = form.draw(len(draft.radii), through, rng)
        _feasible(draft, plan.densest(), overlap, frame)
        _scatter(draft, frame, rng)
        _settle(draft, frame, overlap, target)
        found = _measure(draft, frame, target)
        yields.append(found.fraction / target / more)
        if attempt < 2 and abs(found.fraction / target - 1) > 1 / len(draft.radii):
            continue  # a better number of particles leaves less to rescale
        found = _meet(draft, found, frame, overlap)
        if abs(found.fraction / target - 1) <= CLOSE and abs(found.rescale - 1) <= LARGEST_RESCALE:
            return found
    raise InputError(
        f"{len(found.radii)} particles cannot meet this fraction: diameters would be scaled by "
        f"{found.rescale:.4f}", field="fraction", value=target,
        remedy="Take a larger box or smaller particles, so that one particle more or less counts less",
    )  # fmt: skip


def _frame(
    box: Sequence[float], plan: _Plan, through: int, periodic: Periodic, walls: Walls, overlap: float,
    form: Form | None,
) -> _Frame:  # fmt: skip
    """Check what every packing takes, and lay out where centres may be."""
    edges = np.asarray(tuple(box), float)
    if edges.shape != (3,) or not ((edges > 0) & (edges < 1e-1)).all():
        raise InputError("a box has three positive edges", field="box", value=tuple(box),
                         remedy="In metres, below 0.1")  # fmt: skip
    for name, value, valid in (
        ("through", through, (0, 1, 2)), ("walls", walls, ("inside", "cut")),
        ("periodic", periodic, ("in-plane", "all", "none")),
    ):  # fmt: skip
        if value not in valid:
            raise InputError(f"there is no such choice of {name}", field=name, value=value,
                             remedy=f"Valid: {', '.join(map(str, valid))}")  # fmt: skip
    if not 0 <= overlap <= 0.5:
        raise InputError("an overlap lies between 0 and half a radius", field="overlap", value=overlap)
    if not 0 < plan.densest() < 1 or not plan.volume(0.0, float(edges[through])) > 0:
        raise InputError("a solid fraction lies between 0 and 1", field="fraction", value=plan.densest(),
                         remedy="Porosity is 1 minus all solid fractions")  # fmt: skip
    repeats = np.array([periodic == "all" or (periodic == "in-plane" and k != through) for k in range(3)])
    stretch = 1.0 if form is None else max(form.axes) / float(np.cbrt(np.prod(form.axes)))
    # the emptier and the ordered region at a wall is a diameter deep: it stays outside the box
    margin = 1.5 * plan.largest() * stretch if walls == "cut" else 0.0
    return _Frame(edges, through, np.where(repeats, edges, 0.0), margin, form)


def _feasible(draft: _Draft, densest: float, overlap: float, frame: _Frame) -> None:
    """InputError for a fraction beyond random close packing, or particles that do not fit into the box.

    Close packing of a mixture: Desmond and Weeks, Phys. Rev. E 90, 022204 (2014), from the standard deviation
    and skewness of the radii relative to their mean; random ellipsoids reach 0.735 at most (Donev et al.,
    Science 303, 990, 2004).
    """
    r = draft.radii
    width = float(r.std() / r.mean())
    skew = float(((r - r.mean()) ** 3).mean() / r.std() ** 3) if width > 1e-6 else 0.0
    limit = 0.64 + 0.0658 * width + 0.0857 * max(skew, 0.0) * width**2 if frame.form is None else 0.74
    # the union is smaller than the sum of the particles, of which the parts that may not overlap remain
    if densest * (1 - overlap / 2) ** 3 >= limit:
        raise InputError(
            f"random packings of these particles end at a fraction of {limit:.2f}", field="fraction",
            value=densest, remedy="Allow overlap, or pack looser and calender",
        )  # fmt: skip
    room = np.where(frame.period > 0, frame.period, frame.high - frame.low)
    if (too := 2 * draft.extents().max(axis=0) > room).any():
        raise InputError(
            "the box is smaller than its largest particle", field="box",
            value=[float(x) for x in frame.box[too]],
            remedy=f"The largest is {2 * draft.extents().max():.3g} m across",
        )  # fmt: skip


def _limits(draft: _Draft, frame: _Frame) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates of every centre, infinite where there is no wall."""
    extents, wall = draft.extents(), frame.period == 0
    low = np.where(wall, frame.low + extents, -np.inf)
    high = np.where(wall, frame.high - extents, np.inf)
    t = frame.through
    floor, ceiling = low[:, t].copy(), high[:, t].copy()
    low[:, t] = np.minimum(np.maximum(draft.low, floor), ceiling)
    high[:, t] = np.maximum(np.minimum(draft.high, ceiling), floor)
    return low, high


def _scatter(draft: _Draft, frame: _Frame, rng: np.random.Generator) -> None:
    """Random places, the heights as drawn."""
    low, high = _limits(draft, frame)
    extents, wall = draft.extents(), frame.period == 0
    start = np.where(wall, frame.low + extents, frame.low)
    end = np.where(wall, frame.high - extents, frame.high)
    draft.centres = start + rng.random((len(draft.radii), 3)) * (end - start)
    draft.centres[:, frame.through] = draft.heights
    draft.centres = np.clip(draft.centres, low, high)


def _settle(draft: _Draft, frame: _Frame, overlap: float, target: float) -> None:
    """Move the particles apart; SolveError if the allowed overlap cannot be reached."""
    if _relaxed(draft, frame, overlap):
        return
    # what could be packed instead: shrink until the particles come apart, 1.5 % of their volume at a time
    reached = target
    while reached > 0.01 and not _relaxed(draft, frame, overlap):
        draft.radii, reached = draft.radii * 0.995, reached * 0.995**3
    raise SolveError(
        f"these particles could be packed only to a fraction of about {reached:.3f}", field="fraction",
        value=target, remedy="Allow overlap, ask for less, or pack looser and calender",
    )  # fmt: skip


def _relaxed(draft: _Draft, frame: _Frame, overlap: float) -> bool:
    """Move the particles until no overlap exceeds the allowed; False if the energy stays above zero."""
    unit = float(draft.radii.mean())
    low, high = (x / unit for x in _limits(draft, frame))
    x, radii, period = np.clip(draft.centres / unit, low, high), draft.radii / unit, frame.period / unit
    bodies, reach = _bodies(draft, unit, overlap)
    mass = np.maximum(1.0, (radii / np.quantile(radii, 0.1)) ** 2)
    v, force, moved = np.zeros_like(x), np.zeros_like(x), np.full(len(x), np.inf)
    state, skin, before = np.array([0.1, 0.1, 0.0]), 0.4, np.inf
    i = j = np.empty(0, np.int64)
    for step in range(MOST_STEPS + 1):
        if 2 * moved.max() > skin:
            i, j = _neighbours(x, reach * (1 + MARGIN), period, skin)
            moved[:] = 0.0
        if draft.axes is None:
            energy, tight = _push_spheres(x, i, j, radii, overlap, MARGIN, period, force)
        else:
            energy, tight = _push_ellipsoids(x, i, j, bodies, reach, MARGIN, period, force)
        if tight >= 1.0:
            break
        if step % 2000 == 1999:
            if energy > 0.7 * before:
                break  # jammed: it no longer falls
            before = energy
        _fire(x, v, force, mass, low, high, state, moved)
    draft.steps += step
    wrap = np.where(frame.period > 0, frame.period, np.inf)
    draft.centres = np.where(frame.period > 0, np.mod(x * unit, wrap), x * unit)
    return bool(tight >= 1.0)


def _bodies(draft: _Draft, unit: float, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    """Matrices R diag(a^2) R^T of the ellipsoids, overlap taken off, and the radii of bounding spheres."""
    if draft.axes is None or draft.rotations is None:
        return np.empty((0, 3, 3)), draft.radii / unit
    semi = draft.axes * (draft.radii / unit * (1 - overlap / 2))[:, None]
    scaled = draft.rotations * semi[:, None, :]
    return np.ascontiguousarray(scaled @ scaled.transpose(0, 2, 1)), semi.max(axis=1)


def _largest_overlap(draft: _Draft, frame: _Frame) -> float:
    """Largest overlap of two particles, 0 if none: (r1 + r2 - d)/min(r1, r2), of ellipsoids 2 (1 - mu)."""
    unit = float(draft.radii.mean())
    bodies, reach = _bodies(draft, unit, 0.0)
    x, period = draft.centres / unit, frame.period / unit
    i, j = _neighbours(x, reach, period, 0.0)
    if draft.axes is None:
        return max(0.0, float(_sphere_overlap(x, i, j, draft.radii / unit, period)))
    _, tight = _push_ellipsoids(x, i, j, bodies, reach, 0.0, period, np.zeros_like(x))
    return max(0.0, 2 * (1 - float(tight)))


def _measure(draft: _Draft, frame: _Frame, target: float) -> Packing:
    """The packing with its fraction, its particles outside the box left out."""
    keep = np.ones(len(draft.radii), dtype=bool)
    if frame.margin:
        nearest = np.clip(draft.centres, 0.0, frame.box)
        keep = (np.abs(nearest - draft.centres) < draft.extents()).all(axis=1)
    semi = None if draft.axes is None else (draft.axes * draft.radii[:, None])[keep]
    turned = None if draft.rotations is None else draft.rotations[keep]
    a, b, c = (float(x) for x in frame.box)
    period = tuple(float(p) if p > 0 else None for p in frame.period)
    worst = float(draft.rescale[np.argmax(np.abs(draft.rescale - 1))])
    found = Packing(
        draft.centres[keep], draft.radii[keep].copy(), semi, turned, (a, b, c), frame.through, period, target,
        0.0, worst, _largest_overlap(draft, frame), draft.steps,
    )  # fmt: skip
    if found.overlap == 0 and not frame.margin:
        filled = float(found.shape.volumes.sum())
    else:
        filled = float(filled_volumes(found.shape, (0, 0, 0), found.box, axis=frame.through).sum())
    return replace(found, fraction=filled / (a * b * c))


def _meet(draft: _Draft, found: Packing, frame: _Frame, overlap: float) -> Packing:
    """Scale all diameters until the fraction is met; the last packing if that takes too much."""
    for _ in range(8):
        factor = float(np.cbrt(found.target / found.fraction))
        if abs(factor - 1) <= CLOSE / 6 or np.abs(draft.rescale * factor - 1).max() > LARGEST_RESCALE:
            break
        draft.radii, draft.rescale = draft.radii * factor, draft.rescale * factor
        _settle(draft, frame, overlap, found.target)
        found = _measure(draft, frame, found.target)
    return found


def _neighbours(
    x: np.ndarray, reach: np.ndarray, period: np.ndarray, skin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose bounding spheres come within ``skin`` of each other."""
    low = np.where(period > 0, 0.0, x.min(axis=0))
    size = np.where(period > 0, period, np.maximum(x.max(axis=0) - low, 1e-9) * (1 + 1e-9))
    wish = max(2 * float(np.median(reach)) + skin, float(np.prod(size) / 1e6) ** (1 / 3))
    number = np.maximum(1, np.floor(size / wish)).astype(np.int64)
    start, items = _register(x, np.zeros_like(x), low, size / number, number, period)
    return _pairs(x, reach, period, skin, low, size / number, number, start, items)


@numba.njit(cache=True)
def _pairs(
    x: np.ndarray, reach: np.ndarray, period: np.ndarray, skin: float, corner: np.ndarray,
    width: np.ndarray, number: np.ndarray, start: np.ndarray, items: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Pairs found by their larger member, which so never looks further than its own diameter."""
    first, second = np.empty(16 * len(x), np.int64), np.empty(16 * len(x), np.int64)
    count = 0
    lo, hi = np.empty(3, np.int64), np.empty(3, np.int64)
    for i in range(len(x)):
        far = 2 * reach[i] + skin
        for k in range(3):
            lo[k], hi[k] = _span(x[i, k] - far, x[i, k] + far, corner[k], width[k], number[k], period[k])
        for a in range(lo[0], hi[0] + 1):
            for b in range(lo[1], hi[1] + 1):
                for c in range(lo[2], hi[2] + 1):
                    cell = ((a % number[0]) * number[1] + b % number[1]) * number[2] + c % number[2]
                    for m in range(start[cell], start[cell + 1]):
                        j = items[m]
                        if reach[j] > reach[i] or (reach[j] == reach[i] and j <= i):
                            continue
                        d2 = 0.0
                        for k in range(3):
                            d2 += _near(x[i, k] - x[j, k], period[k]) ** 2
                        if d2 < (reach[i] + reach[j] + skin) ** 2:
                            if count == len(first):
                                first = np.concatenate((first, np.empty(count, np.int64)))
                                second = np.concatenate((second, np.empty(count, np.int64)))
                            first[count], second[count] = i, j
                            count += 1
    return first[:count], second[:count]


@numba.njit(cache=True)
def _push_spheres(
    x: np.ndarray, first: np.ndarray, second: np.ndarray, radii: np.ndarray, overlap: float, margin: float,
    period: np.ndarray, force: np.ndarray,
) -> tuple[float, float]:  # fmt: skip
    """Forces of all overlaps; energy, and the smallest distance relative to the allowed one."""
    force[:] = 0.0
    energy, tight = 0.0, np.inf
    for m in range(len(first)):
        i, j = first[m], second[m]
        dx, dy = _near(x[i, 0] - x[j, 0], period[0]), _near(x[i, 1] - x[j, 1], period[1])
        dz = _near(x[i, 2] - x[j, 2], period[2])
        allowed = radii[i] + radii[j] - overlap * min(radii[i], radii[j])
        apart, d2 = allowed * (1 + margin), dx * dx + dy * dy + dz * dz
        if d2 >= apart * apart:
            continue
        d = np.sqrt(d2)
        if d < 1e-12:
            dx, dy, dz, d = 1e-12, 0.0, 0.0, 1e-12
        tight, push = min(tight, d / allowed), apart - d
        energy += 0.5 * push * push
        for k, e in enumerate((dx, dy, dz)):
            force[i, k] += push * e / d
            force[j, k] -= push * e / d
    return energy, tight


@numba.njit(cache=True)
def _sphere_overlap(
    x: np.ndarray, first: np.ndarray, second: np.ndarray, radii: np.ndarray, period: np.ndarray
) -> float:
    """Largest overlap relative to the smaller radius."""
    worst = 0.0
    for m in range(len(first)):
        i, j = first[m], second[m]
        d2 = 0.0
        for k in range(3):
            d2 += _near(x[i, k] - x[j, k], period[k]) ** 2
        worst = max(worst, (radii[i] + radii[j] - np.sqrt(d2)) / min(radii[i], radii[j]))
    return worst


@numba.njit(cache=True)
def _push_ellipsoids(
    x: np.ndarray, first: np.ndarray, second: np.ndarray, bodies: np.ndarray, reach: np.ndarray,
    margin: float, period: np.ndarray, force: np.ndarray,
) -> tuple[float, float]:  # fmt: skip
    """As for spheres, with the contact function mu, the factor on both sizes at which they touch."""
    force[:] = 0.0
    energy, tight = 0.0, np.inf
    for m in range(len(first)):
        i, j = first[m], second[m]
        dx, dy = _near(x[i, 0] - x[j, 0], period[0]), _near(x[i, 1] - x[j, 1], period[1])
        dz = _near(x[i, 2] - x[j, 2], period[2])
        apart = (1 + margin) * (reach[i] + reach[j])
        if dx * dx + dy * dy + dz * dz >= apart * apart:
            continue
        if abs(dx) + abs(dy) + abs(dz) < 1e-9:
            dx = 1e-9
        mu, gx, gy, gz = _contact(bodies[i], bodies[j], dx, dy, dz)
        if mu >= 1 + margin:
            continue
        tight = min(tight, mu)
        stretch = 1 / np.sqrt(gx * gx + gy * gy + gz * gz)  # both half widths along the normal
        push = (1 + margin - mu) * stretch
        energy += 0.5 * push * push
        for k, e in enumerate((gx, gy, gz)):
            force[i, k] += push * e * stretch
            force[j, k] -= push * e * stretch
    return energy, tight


@numba.njit(cache=True)
def _contact(A: np.ndarray, B: np.ndarray, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Contact function mu of two ellipsoids and its gradient with respect to their distance vector.

    mu^2 = max over s of s (1 - s) r^T C^-1 r, C = (1 - s) A + s B (Perram and Wertheim, J. Comput. Phys. 58,
    409, 1985). At the maximum (1 - s)^2 n^T A n = s^2 n^T B n with n = C^-1 r; iterated on s within brackets.
    """
    s, low, high = 0.5, 0.0, 1.0
    nx = ny = nz = 0.0
    for _ in range(60):
        a, b, c = _mix(A, B, s, 0, 0), _mix(A, B, s, 0, 1), _mix(A, B, s, 0, 2)
        d, e, f = _mix(A, B, s, 1, 1), _mix(A, B, s, 1, 2), _mix(A, B, s, 2, 2)
        u, v, w = d * f - e * e, c * e - b * f, b * e - c * d
        det = a * u + b * v + c * w
        nx = (u * x + v * y + w * z) / det
        ny = (v * x + (a * f - c * c) * y + (b * c - a * e) * z) / det
        nz = (w * x + (b * c - a * e) * y + (a * d - b * b) * z) / det
        p, q = np.sqrt(_form(A, nx, ny, nz)), np.sqrt(_form(B, nx, ny, nz))
        if (1 - s) * p > s * q:
            low = s
        else:
            high = s
        new = p / (p + q)
        if not low < new < high:
            new = 0.5 * (low + high)
        if abs(new - s) < 1e-9:
            break
        s = new
    weight = s * (1 - s)
    mu = np.sqrt(weight * (x * nx + y * ny + z * nz))
    return mu, weight * nx / mu, weight * ny / mu, weight * nz / mu


@numba.njit(cache=True, inline="always")
def _mix(A: np.ndarray, B: np.ndarray, s: float, k: int, m: int) -> float:
    return (1 - s) * A[k, m] + s * B[k, m]


@numba.njit(cache=True, inline="always")
def _form(A: np.ndarray, x: float, y: float, z: float) -> float:
    return (
        A[0, 0] * x * x + A[1, 1] * y * y + A[2, 2] * z * z
        + 2 * (A[0, 1] * x * y + A[0, 2] * x * z + A[1, 2] * y * z)
    )  # fmt: skip


@numba.njit(cache=True)
def _fire(
    x: np.ndarray, v: np.ndarray, force: np.ndarray, mass: np.ndarray, low: np.ndarray, high: np.ndarray,
    state: np.ndarray, moved: np.ndarray,
) -> None:  # fmt: skip
    """One step of the fast inertial relaxation engine; ``state`` is its time step, mixing and count."""
    power = vv = ff = 0.0
    for n in range(len(x)):
        for k in range(3):
            power += force[n, k] * v[n, k]
            vv += v[n, k] * v[n, k]
            ff += force[n, k] * force[n, k]
    if power > 0:
        state[2] += 1
        if state[2] > 5:
            state[0], state[1] = min(state[0] * 1.1, 0.35), state[1] * 0.99
    else:
        state[0], state[1], state[2] = max(0.5 * state[0], 0.02), 0.1, 0.0
    keep = 1 - state[1] if power > 0 else 0.0
    turn = state[1] * np.sqrt(vv / ff) if power > 0 and ff > 0 else 0.0
    for n in range(len(x)):
        far = 0.0
        for k in range(3):
            v[n, k] = keep * v[n, k] + turn * force[n, k] + state[0] * force[n, k] / mass[n]
            dx = min(max(state[0] * v[n, k], -0.1), 0.1)
            new = min(max(x[n, k] + dx, low[n, k]), high[n, k])
            if new != x[n, k] + dx:
                v[n, k] = 0.0
            far += (new - x[n, k]) ** 2
            x[n, k] = new
        moved[n] += np.sqrt(far)
