"""Voids and cracks inside particles, to a volume density that is met on the voxels.

All sizes are scaled by one factor that makes the number of voxels right. Spherical voids and plane cracks
have an exact shape; cracks along grain boundaries have none. Fractions refer to the particles as they were
made: what is left of the phase and what defects took of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import cc3d
import edt
import numpy as np
from pydantic import Field
from scipy import ndimage

from ..errors import InputError
from ..image.grid import Grid
from ..image.volume import Instances
from .boundary_cracks import boundary_crack
from .division import particle_centre, particles_of
from .placing import MICRO, note, positive
from .sampled import lowest
from .shapes import Shape
from .sizes import LogNormal, Monodisperse, Sizes
from .spheres import Spheres
from .structure import BACKGROUND, Step, Structure
from .tessellation import Tessellation

VOID = "void"
"""Closed cavities: neither solid nor electrolyte."""
TRIES = 4000
"""Places tried for one void."""
JITTER = 0.4
"""Range in which the centre of a void lies within its voxel [voxels]."""
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Micrometres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, eq=False)
class Discs:
    """Plane cracks: all points within ``half`` of flat discs, their rims rounded.

    Parameters
    ----------
    centres, normals:
        (n, 3) [m], and unit vectors (n, 3).
    radii:
        Of the flat discs (n,) [m]; the crack reaches ``half`` further.
    half:
        Half the width of the cracks [m].
    owners:
        Number of the particle each crack is in (n,).
    """

    centres: np.ndarray
    normals: np.ndarray
    radii: np.ndarray
    half: float
    owners: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Exact signed distance outside, and to the faces inside; ``points`` (n, 3) [m]: shape (n,)."""
        value = np.full(len(points), np.inf)
        for centre, normal, radius in zip(self.centres, self.normals, self.radii, strict=True):
            high, aside = _split(points, centre, normal)
            value = np.minimum(value, np.hypot(high, np.maximum(aside - radius, 0.0)) - self.half)
        return value

    def needed(self, points: np.ndarray, owner: int) -> np.ndarray:
        """Factor on all radii at which a point comes to lie in a crack of particle ``owner``: (n,).

        Infinite where it never does.
        """
        least = np.full(len(points), np.inf)
        for k in np.flatnonzero(self.owners == owner):
            high, aside = _split(points, self.centres[k], self.normals[k])
            rim = np.sqrt(np.maximum(self.half**2 - high**2, 0.0))
            factor = np.where(np.abs(high) < self.half, (aside - rim) / self.radii[k], np.inf)
            least = np.minimum(least, factor)
        return least


def _split(points: np.ndarray, centre: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height above a disc's plane and distance from its axis."""
    apart = points - centre
    high = apart @ normal
    return high, np.linalg.norm(apart - high[:, None] * normal, axis=1)


def depths(structure: Structure, parents: Instances) -> np.ndarray:
    """Distance of the phase's voxels from the surface of their particle [m]; 0 outside the phase.

    The surface is where pore, another particle or another phase begins; voids belong to the inside, and the
    box edge is no surface.
    """
    labels, phase = parents.labels, parents.labels > 0
    if VOID in structure.volume.phases and (holes := structure.volume.mask(VOID)).any():
        near = ndimage.distance_transform_edt(~phase, return_distances=False, return_indices=True)
        labels = np.where(holes, labels[tuple(near)], labels)
    labels = np.ascontiguousarray(labels, dtype=np.uint32)
    found = edt.edt(labels, anisotropy=parents.grid.voxel_size, black_border=False)
    half = 0.5 * min(parents.grid.voxel_size)
    far = math.hypot(*parents.grid.size)
    return np.where(phase, np.minimum(np.nan_to_num(found, posinf=far), far) - half, 0.0)


def place_voids(
    depth: np.ndarray, grid: Grid, count: int, sizes: Sizes, margin: float, rng: np.random.Generator
) -> tuple[Spheres, np.ndarray]:
    """Spheres inside the phase that hold exactly ``count`` voxel centres, apart from each other.

    Diameters are drawn and placed until the voids are large enough together, then scaled down by one factor.

    Parameters
    ----------
    depth:
        Of every voxel below the particle's surface [m], see :func:`depths`; 0 outside.
    grid:
        Voxel size and position.
    count:
        Voxels that the voids take.
    sizes:
        Distribution of diameters.
    margin:
        Least distance of a void from the surface [m].
    rng:
        Source of sizes and places.

    Returns
    -------
    shape, mask:
        The spheres, and their voxels.

    Raises
    ------
    InputError
        A void finds no place.
    """
    order = np.argsort(-depth, axis=None, kind="stable")
    ranked = depth.ravel()[order]
    centres, radii = np.empty((0, 3)), np.empty(0)
    missing = count * grid.voxel_volume
    while missing > 0:
        radius = float(sizes.sample(1, rng)[0]) / 2
        free = int(np.searchsorted(-ranked, -(margin + radius)))
        centre = _place(order[:free], grid, radius, centres, radii, rng)
        centres, radii = np.vstack([centres, centre]), np.append(radii, radius)
        missing -= 4 / 3 * math.pi * radius**3
        if missing <= 0:  # the analytic volume is there; the voxels decide
            missing = float(count - _inside(centres, radii, grid)) * grid.voxel_volume
    factor = np.full(grid.shape, np.inf)
    for centre, radius in zip(centres, radii, strict=True):
        box, points = _around(centre, radius, grid)
        ratio = np.linalg.norm(points - centre, axis=1).reshape(factor[box].shape) / radius
        factor[box] = np.minimum(factor[box], ratio)
    mask, level = lowest(factor, np.isfinite(factor), count)
    return Spheres(centres, radii * level), mask


def _place(
    free: np.ndarray,
    grid: Grid,
    radius: float,
    centres: np.ndarray,
    radii: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Centre of a void that touches no other."""
    for _ in range(TRIES if free.size else 0):
        index = np.array(np.unravel_index(free[rng.integers(free.size)], grid.shape))
        # not on voxel centres: whole shells of voxels would cross the surface of a growing void at once
        aside = np.where(np.array(grid.shape) > 1, JITTER * (rng.random(3) - 0.5), 0.0)
        centre = np.array(grid.origin) + (index + 0.5 + aside) * grid.voxel_size
        if (np.linalg.norm(centres - centre, axis=1) > radii + radius).all():
            return centre
    raise InputError(
        "there is no room for the voids", field="fraction", value=f"void of {2 * radius:.3g} m",
        remedy="Take a smaller fraction, smaller voids or a smaller margin",
    )  # fmt: skip


def _around(centre: np.ndarray, radius: float, grid: Grid) -> tuple[tuple[slice, ...], np.ndarray]:
    """Block of voxels around a sphere, and their centres."""
    at = (centre - grid.origin) / grid.voxel_size - 0.5
    reach = radius / np.array(grid.voxel_size)
    low = np.maximum(np.floor(at - reach), 0).astype(int)
    high = np.minimum(np.ceil(at + reach) + 1, grid.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return box, grid.crop(box).points()


def _inside(centres: np.ndarray, radii: np.ndarray, grid: Grid) -> int:
    """Voxel centres inside spheres that do not overlap."""
    total = 0
    for centre, radius in zip(centres, radii, strict=True):
        total += int((np.linalg.norm(_around(centre, radius, grid)[1] - centre, axis=1) < radius).sum())
    return total


class Voids(Step):
    """Closed spherical voids inside the particles of a phase.

    Lu et al., doi:10.1039/d1ee01388b, section 3.2, find 4.6 % of a 16 um particle.
    """

    make: Literal["voids"]
    phase: str = "active"
    fraction: Share = Field(description="of the particles' volume")
    diameter_um: Micrometres = Field(description="median diameter by number")
    sigma: float = Field(0.0, ge=0, lt=3, description="standard deviation of ln(diameter); 0: all equal")
    margin_um: Length = Field(0.5, description="least distance from the particle's surface")
    paint: str = Field(VOID, description="phase of the voids; pore if electrolyte fills them")

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """Place them, scale them to the fraction, paint them."""
        count, median = wanted(structure, self.phase, self.fraction), self.diameter_um * MICRO
        depth = depths(structure, particles_of(structure, self.phase))
        sizes: Sizes = Monodisperse(median)
        if self.sigma > 0:
            sizes = LogNormal(median, self.sigma, 0.1 * median, 10 * median)
        shape, mask = place_voids(depth, structure.grid, count, sizes, self.margin_um * MICRO, rng)
        done = structure.paint(self.paint, mask, shape=shape, over=(self.phase,))
        return noted(structure, done, "voids", self.phase, number=len(shape))


class ParticleCracks(Step):
    """Cracks inside particles, or open to their surface.

    ``along: planes`` makes flat cracks with rounded rims: internal ones anywhere, of any orientation;
    surface ones that begin at the surface and run along the radius. ``along: grains`` follows the boundaries
    of the grains made before, as Lu et al., doi:10.1039/d1ee01388b, section 2.3, do for internal cracks;
    their particle has 3.8 % of surface cracks (section 3.2).
    """

    make: Literal["particle_cracks"]
    phase: str = "active"
    kind: Literal["internal", "surface"]
    along: Literal["planes", "grains"] = "planes"
    fraction: Share = Field(description="of the particles' volume")
    width_um: Micrometres
    number: int = Field(8, ge=1, le=100_000, description="cracks, in all particles together")
    margin_um: Length = Field(0.5, description="least distance of internal cracks from the surface")
    paint: str | None = Field(None, description="phase of the cracks; else pore at the surface, void inside")

    def apply(self, structure: Structure, rng: np.random.Generator) -> Structure:
        """Let the cracks grow until they have the fraction."""
        width = self.width_um * MICRO
        if width < min(structure.grid.voxel_size):
            raise InputError(
                "the cracks are narrower than a voxel", field="width_um", value=self.width_um,
                remedy="Take a smaller voxel or a larger width; the fraction fixes the volume",
            )  # fmt: skip
        count = wanted(structure, self.phase, self.fraction)
        parents = particles_of(structure, self.phase)
        depth = depths(structure, parents)
        least = 0.0 if self.kind == "surface" else self.margin_um * MICRO
        allowed = structure.volume.mask(self.phase) & (depth >= least)
        if int(allowed.sum()) < count:
            raise InputError(
                "there is no room for the cracks", field="fraction", value=self.fraction,
                remedy="Take a smaller fraction or a smaller margin",
            )  # fmt: skip
        starts = allowed & (depth <= max(structure.grid.voxel_size)) if self.kind == "surface" else allowed
        cracks = random_discs(parents, starts, self.number, width, self.kind == "surface", rng)
        grains = None if self.along == "planes" else self._grains(structure)
        mask, shape = grown(cracks, parents, allowed, count, grains)
        paint = self.paint or (BACKGROUND if self.kind == "surface" else VOID)
        done = structure.paint(paint, mask, shape=shape, over=(self.phase,))
        told = {"open_share": open_share(done, mask)} if paint == BACKGROUND else {}
        return noted(structure, done, "particle cracks", self.phase, number=self.number, **told)

    def _grains(self, structure: Structure) -> Instances:
        key = f"{self.phase} grains"
        if key not in structure.particles:
            raise InputError(
                "there are no grains to crack between", field="along", value=self.along,
                remedy="Put the step grains before this one, or crack along planes",
            )  # fmt: skip
        return structure.particles[key]


def random_discs(
    parents: Instances, starts: np.ndarray, number: int, width: float, surface: bool, rng: np.random.Generator
) -> Discs:
    """Discs: centres among the voxels ``starts``, any orientation, or along the radius; radii vary threefold.

    Raises
    ------
    InputError
        A width that is not positive, nowhere to begin.
    """
    positive("width", width)
    index = np.argwhere(starts)
    if len(index) < number:
        raise InputError(
            "there is no room for that many cracks", field="number", value=number,
            remedy="Ask for fewer cracks or a smaller margin",
        )  # fmt: skip
    index = index[rng.choice(len(index), number, replace=False)]
    grid = parents.grid
    centres = _points(tuple(index.T), grid)
    flat = np.array([n > 1 for n in grid.shape], float)
    normals = rng.standard_normal((number, 3)) * flat
    owners = parents.labels[tuple(index.T)]
    if surface:
        for owner in np.unique(owners):
            mine = owners == owner
            middle, period = particle_centre(parents, int(owner))
            radius = Tessellation(middle[None], middle, 1.0, period).seen(centres[mine])
            along = (normals[mine] * radius).sum(axis=1) / np.maximum((radius**2).sum(axis=1), 1e-300)
            normals[mine] -= along[:, None] * radius
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Discs(centres, normals, width * rng.uniform(0.5, 1.5, number), width / 2, owners)


def grown(
    cracks: Discs, parents: Instances, allowed: np.ndarray, count: int, grains: Instances | None = None
) -> tuple[np.ndarray, Shape | None]:
    """Cracks scaled until exactly ``count`` voxels lie in them.

    Discs have an exact shape unless ``allowed``, or the surface of their own particle, cuts them off from
    other voxels of the phase. With ``grains`` the cracks follow grain boundaries and have none.

    Returns
    -------
    mask, shape:
        Their voxels, and their implicit function if there is one.

    Raises
    ------
    InputError
        Cracks of this number and width cannot hold so much, however large.
    """
    grid = parents.grid
    needed = np.full(grid.shape, np.inf)
    if grains is None:
        for owner in np.unique(cracks.owners):
            index = np.nonzero((parents.labels == owner) & allowed)
            needed[index] = cracks.needed(_points(index, grid), int(owner))
    else:
        for k, owner in enumerate(cracks.owners):
            plane = cracks.centres[k], cracks.normals[k], cracks.half
            index, reach = boundary_crack(grains, int(owner), *plane)
            needed[index] = np.minimum(needed[index], reach / cracks.radii[k])
        needed[~allowed] = np.inf
    there = np.isfinite(needed)
    if int(there.sum()) < count:
        raise InputError(
            f"the cracks can take {int(there.sum())} voxels at most, {count} are wanted", field="fraction",
            value=count, remedy="Ask for more or wider cracks, or a smaller fraction or margin",
        )  # fmt: skip
    mask, level = lowest(needed, there, count)
    if grains is not None or level <= 0:
        return mask, None
    done = replace(cracks, radii=cracks.radii * level)
    index = np.nonzero(parents.labels > 0)
    exact = bool(((done(_points(index, grid)) < 0) == mask[index]).all())
    return mask, done if exact else None


def _points(index: tuple[np.ndarray, ...], grid: Grid) -> np.ndarray:
    return np.array(grid.origin) + (np.stack(index, axis=1) + 0.5) * grid.voxel_size


def wanted(structure: Structure, phase: str, fraction: float) -> int:
    """Voxels that ``fraction`` of the particles comes to; InputError if that is not one."""
    if not 0 < fraction < 1:
        raise InputError("a fraction lies between 0 and 1", field="fraction", value=fraction)
    whole = int(structure.volume.occupied(phase).sum()) + int(structure.figures.get(_taken(phase), 0))
    count = round(fraction * whole)
    if count == 0:
        raise InputError(
            "this fraction is less than a voxel", field="fraction", value=fraction,
            remedy="Take a smaller voxel",
        )  # fmt: skip
    if count >= int(structure.volume.mask(phase).sum()):
        raise InputError(
            "nothing would be left of the particles", field="fraction", value=fraction,
            remedy="Take a smaller fraction",
        )  # fmt: skip
    return count


def open_share(structure: Structure, mask: np.ndarray) -> float:
    """Share of the voxels of a crack that the pore around the particles reaches, over voxel faces.

    Cracks much narrower than two voxels are not connected over faces when they lie oblique.
    """
    parts = cc3d.connected_components(structure.volume.mask(BACKGROUND), connectivity=6)
    outside = np.unique(parts[~mask])
    return float(np.isin(parts[mask], outside[outside > 0]).mean())


def noted(
    before: Structure, after: Structure, make: str, phase: str, number: int, **more: float
) -> Structure:
    """Count what a defect took, and note its fraction."""
    left, there = int(after.volume.mask(phase).sum()), int(before.volume.mask(phase).sum())
    earlier = int(before.figures.get(_taken(phase), 0))
    told = after.noting(**{_taken(phase): earlier + there - left})
    share = (there - left) / (there + earlier)
    return note(told, make, number=number, fraction_of_the_particles=share, **more)


def _taken(phase: str) -> str:
    return f"{phase}: voxels taken by defects"
