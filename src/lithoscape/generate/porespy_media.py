"""Random media by PoreSpy's generators, as steps of a recipe: checked, seeded, to an exact fraction.

PoreSpy: Gostick et al., J. Open Source Softw. 4 (2019) 1296, doi:10.21105/joss.01296.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Literal

import edt
import numpy as np
from pydantic import Field
from scipy import ndimage

from ..errors import InputError, nearest
from ..image.grid import Grid
from .placing import note
from .sampled import Sampled, as_distance, lowest
from .structure import BACKGROUND, Step, Structure

Scalar = bool | int | float | str
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
FURTHEST = 1.5
"""How far the surface may be moved to meet a fraction [voxels]; beyond that it would be another structure."""
SMOOTHING = 0.7
"""Standard deviation of the filter that takes the steps of the voxels out of the distance [voxels]."""


@dataclass(frozen=True)
class Generator:
    """What a generator is like.

    Parameters
    ----------
    solid:
        Whether True means solid; else it is pore.
    target:
        Its argument for the fraction: "porosity", "phi" (solid fraction), "field" (it returns a continuous
        field if the porosity is None), or none.
    owned:
        Arguments that the step sets itself.
    """

    solid: bool
    target: Literal["porosity", "phi", "field", "none"]
    owned: tuple[str, ...] = ()


GENERATORS: dict[str, Generator] = {
    "blobs": Generator(False, "field", ("parallel_kw",)),
    "cylinders": Generator(False, "porosity", ("ncylinders",)),
    "fractal_noise": Generator(False, "field", ("cores", "uniform")),
    "lattice_spheres": Generator(False, "none"),
    "overlapping_spheres": Generator(False, "porosity"),
    "pseudo_electrostatic_packing": Generator(True, "phi", ("im", "sites", "value")),
    "pseudo_gravity_packing": Generator(True, "phi", ("im", "value")),
    "random_spheres": Generator(True, "phi", ("im", "value")),
    "voronoi_edges": Generator(False, "none", ("kwargs",)),
}
"""The generators that may be named."""


def arguments_of(generator: str) -> dict[str, Any]:
    """Arguments that a recipe may give a generator, with their defaults, read from the installed PoreSpy.

    Raises
    ------
    InputError
        Unknown generator.
    """
    if generator not in GENERATORS:
        raise InputError(
            "there is no such generator", field="generator", value=generator,
            remedy=nearest(generator, list(GENERATORS)),
        )  # fmt: skip
    kind = GENERATORS[generator]
    mine = {"shape", "seed", "porosity", "phi", *kind.owned}
    parameters = inspect.signature(_function(generator)).parameters.values()
    return {p.name: p.default for p in parameters if p.name not in mine and p.kind is not p.VAR_KEYWORD}


def _function(generator: str) -> Callable[..., np.ndarray]:
    from porespy import generators

    return getattr(generators, generator)


def porespy_medium(
    shape: tuple[int, ...],
    generator: str,
    arguments: Mapping[str, Any],
    fraction: float | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Run a generator.

    A generator that takes a fraction is given it, and meets it roughly, see :func:`fitted`.

    Parameters
    ----------
    shape:
        Voxels along the three axes; pages of a single voxel are made in two dimensions.
    generator:
        Its name in ``porespy.generators``.
    arguments:
        Its arguments, lengths in voxels as PoreSpy has them.
    fraction:
        Solid fraction aimed at, or None where the generator cannot aim.
    rng:
        Gives the seed; the global states of NumPy's and Numba's generators are put back afterwards.

    Returns
    -------
    level, solid:
        A function on the voxels, low in the solid: the smoothed distance to its surface [voxels], or the
        continuous field where the generator makes one; and the solid as made (bool), None for a field.

    Raises
    ------
    InputError
        Unknown generator or argument, arguments that PoreSpy refuses, a solid that fills all or nothing.
    """
    allowed, kind = arguments_of(generator), GENERATORS[generator]
    for name in arguments:
        if name not in allowed:
            raise InputError(
                f"{generator} has no such argument for a recipe", field=f"arguments.{name}",
                value=arguments[name], remedy=nearest(name, list(allowed)),
            )  # fmt: skip
    given = dict(arguments)
    if kind.target == "field":
        given["porosity"] = None
        given |= {"cores": 1, "uniform": True} if generator == "fractal_noise" else {}
    elif kind.target != "none" and fraction is not None:
        given[kind.target] = fraction if kind.target == "phi" else 1 - fraction
    seed = int(rng.integers(2**31))
    if "seed" in inspect.signature(_function(generator)).parameters:
        given["seed"] = seed
    flat = [n for n in shape if n > 1]
    with seeded(seed):
        try:
            made = np.asarray(_function(generator)(shape=flat, **given))
        except ModuleNotFoundError as error:
            raise InputError(
                f"PoreSpy's {generator} needs a package that is not installed", field="generator",
                value=generator, remedy=f"Install {error.name or 'pyfastnoisesimd'}, or take blobs",
            ) from error  # fmt: skip
        except Exception as error:  # whatever a library raises on arguments it does not check
            raise InputError(
                f"PoreSpy's {generator} does not take these arguments: {error}", field="arguments",
                value=dict(arguments), remedy=f"They are, with their defaults, {allowed}",
            ) from error  # fmt: skip
    if made.shape != tuple(flat):
        raise InputError(
            f"PoreSpy's {generator} made an image of another shape", field="arguments", value=made.shape
        )
    if kind.target == "field":
        return -made.astype(np.float64).reshape(shape), None
    solid = made.astype(bool) == kind.solid
    return _level(solid, generator).reshape(shape), solid.reshape(shape)


def _level(solid: np.ndarray, generator: str) -> np.ndarray:
    if solid.all() or not solid.any():
        raise InputError(
            f"PoreSpy's {generator} made nothing but {'solid' if solid.all() else 'pore'}", field="arguments",
            value=generator, remedy="Check the sizes: they are in voxels",
        )  # fmt: skip
    inside = np.ascontiguousarray(solid)
    distance = edt.edt(~inside, black_border=False) - edt.edt(inside, black_border=False)
    return ndimage.gaussian_filter(distance.astype(np.float64), SMOOTHING, mode="nearest")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """NumPy's and Numba's global random states seeded, and put back afterwards."""
    helper: Any = import_module("numba._helperlib")
    state = np.random.get_state()
    pointer = helper.rnd_get_np_state_ptr()
    compiled = helper.rnd_get_state(pointer)
    np.random.seed(seed)
    helper.rnd_seed(pointer, seed)
    try:
        yield
    finally:
        np.random.set_state(state)
        helper.rnd_set_state(pointer, compiled)


def fitted(
    level: np.ndarray, solid: np.ndarray | None, fraction: float | None, generator: str
) -> tuple[np.ndarray, float]:
    """The solid as made, or that of exactly ``fraction``, where ``level`` is lowest.

    Returns
    -------
    mask, moved:
        The solid, and the distance that its surface was moved [voxels]; 0 for a field.

    Raises
    ------
    InputError
        A field without a fraction; a surface that would move by more than one and a half voxels.
    """
    if fraction is None:
        if solid is None:
            raise InputError(
                f"{generator} needs a fraction", field="fraction", value=None, remedy="Between 0 and 1"
            )
        return solid, 0.0
    mask, moved = lowest(level, np.ones(level.shape, bool), round(fraction * level.size))
    if solid is not None and abs(moved) > FURTHEST:
        raise InputError(
            f"PoreSpy's {generator} comes to {float(solid.mean()):.3f} with these arguments",
            field="fraction", value=fraction, remedy="Change its arguments, or leave the fraction out",
        )  # fmt: skip
    return mask, 0.0 if solid is None else moved


class PoreSpy(Step):
    """A random medium by one of PoreSpy's generators; ``arguments`` are its own, lengths in voxels.

    A fraction is met to a voxel: fields are cut there, of other media the surface is moved evenly by up to
    one and a half voxels after the generator has come as near as it does.
    """

    make: Literal["porespy"]
    phase: str = "active"
    generator: str
    fraction: Share | None = Field(None, description="of the box that becomes the phase")
    arguments: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    over: tuple[str, ...] = (BACKGROUND,)

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """Generate, fit, paint."""
        if self.phase in self.over:
            raise InputError("a phase cannot give way to itself", field="over", value=self.phase)
        grid = structure.grid
        if not grid.cubic:
            raise InputError(
                "PoreSpy's generators need cubic voxels", field="generator", value=grid.voxel_size
            )
        level, solid = porespy_medium(grid.shape, self.generator, self.arguments, self.fraction, rng)
        mask, moved = fitted(level, solid, self.fraction, self.generator)
        done = structure.paint(self.phase, mask, shape=_shape(level, mask, grid), over=self.over)
        return note(
            done, "porespy", generator=self.generator,
            fraction=done.fraction(self.phase) - structure.fraction(self.phase),
            surface_moved_m=moved * grid.voxel_size[0],
        )  # fmt: skip


def _shape(level: np.ndarray, mask: np.ndarray, grid: Grid) -> Sampled | None:
    """Splines through the level; None where the cut is not a level (ties)."""
    middle = 0.5 * (float(level[mask].max()) + float(level[~mask].min()))
    values = level - middle
    if not mask.any() or ((values < 0) != mask).any():
        return None
    return Sampled(grid, as_distance(values, grid))
