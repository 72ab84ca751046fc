"""Meshes of :class:`.cad_particle.Particle`: OpenCASCADE cuts cracks and voids out, Gmsh fills the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .cad_particle import Lens, Particle, Slit, Void, unit
from .cad_size import SizeFields
from .gmsh_session import UNIT, mesh_model, session, stack_planes
from .tessellation import Tessellation, facets_of

Entity = tuple[int, int]


def particle_cell(particle: Particle) -> Tessellation:
    """Triangles in (x, y) or tetrahedra in (x, y, z) of a particle whose middle is the origin.

    Regions: "active" and, in a box, "electrolyte". Boundaries: alone, "surface" (with the walls of slits);
    in a box, "negative" and "positive" at its ends along the last axis, "side x low", "side x high" and, in
    3D, "side y low", "side y high", and the surface is the interface "active | electrolyte". The walls of
    closed lenses and voids are the boundary "void".

    Raises
    ------
    SolveError
        Gmsh fails.
    """
    with session("particle") as gmsh:
        active, electrolyte = _bodies(gmsh, particle)
        _sizes(gmsh, particle, active).apply()
        regions = {"active": active, "electrolyte": electrolyte}
        origin = {"geometry": "particle", "specification": asdict(particle)}
        made = mesh_model(gmsh, regions, particle.dim, origin)
    planes = stack_planes(particle.box, centred=True) if particle.box is not None else {}
    return _name_rest(made.with_facets(planes), alone=particle.box is None)


def _bodies(gmsh: Any, particle: Particle) -> tuple[list[int], list[int]]:
    """Tags of what is active, and of what is electrolyte."""
    occ = gmsh.model.occ
    bodies = [_ellipsoid(occ, particle.semi_axes)]
    slits = [_wedge(occ, particle, slit) for slit in particle.slits]
    voids = [entity for void in particle.voids for entity in _void(occ, void)]
    if slits or voids:
        bodies, _ = occ.cut(bodies, slits + voids, removeTool=False)
        occ.remove(slits, recursive=True)
    around: list[Entity] = []
    if particle.box is not None:
        box = [_box(occ, particle.box)]
        if voids:
            box, _ = occ.cut(box, voids, removeTool=False)
        pieces, origins = occ.fragment(bodies, box)
        bodies = [entity for made in origins[: len(bodies)] for entity in made]
        around = [entity for entity in pieces if entity not in bodies]
    if voids:
        occ.remove(voids, recursive=True)
    occ.synchronize()
    return [tag for _, tag in bodies], [tag for _, tag in around]


def _ellipsoid(occ: Any, semi_axes: Sequence[float]) -> Entity:
    dim, largest = len(semi_axes), max(semi_axes) / UNIT
    made = occ.addSphere(0, 0, 0, largest) if dim == 3 else occ.addDisk(0, 0, 0, largest, largest)
    if len(set(semi_axes)) > 1:
        factors = [a / UNIT / largest for a in semi_axes] + [1.0] * (3 - dim)
        occ.dilate([(dim, made)], 0, 0, 0, *factors)
    return dim, made


def _box(occ: Any, box: Sequence[float]) -> Entity:
    size = [extent / UNIT for extent in box]
    low = [-s / 2 for s in size]
    if len(box) == 2:
        return 2, occ.addRectangle(*low, 0, *size)
    return 3, occ.addBox(*low, *size)


def _wedge(occ: Any, particle: Particle, slit: Slit) -> Entity:
    """The prism of a slit, beyond the surface by a tenth of the particle."""
    far, front = 1.1 * max(particle.semi_axes), slit.front(particle.semi_axes)
    half = slit.tip / 2
    open_half = half + (slit.width - slit.tip) / 2 / slit.depth * (far - front)
    outline = [(front, -half), (far, -open_half), (far, open_half), (front, half)]
    if half == 0:
        outline = outline[:3]
    along, across = slit.along, slit.across
    drawn = np.cross(along, across) if particle.dim == 3 else np.zeros(2)
    corners = np.array([r * along + t * across - far * drawn for r, t in outline]) / UNIT
    corners = np.pad(corners, ((0, 0), (0, 3 - particle.dim)))
    points = [occ.addPoint(*corner) for corner in corners.tolist()]
    lines = [occ.addLine(a, b) for a, b in zip(points, points[1:] + points[:1], strict=True)]
    face = (2, occ.addPlaneSurface([occ.addCurveLoop(lines)]))
    if particle.dim == 2:
        return face
    made = occ.extrude([face], *(2 * far * drawn / UNIT).tolist())
    return next((dim, tag) for dim, tag in made if dim == 3)


def _void(occ: Any, void: Lens | Void) -> list[Entity]:
    dim = len(void.centre)
    if isinstance(void, Void):
        return [_ball(occ, np.array(void.centre), void.radius)]
    offset = (void.curvature - void.thickness / 2) * unit(void.normal)
    caps = [_ball(occ, np.array(void.centre) + side * offset, void.curvature) for side in (1, -1)]
    made, _ = occ.intersect(caps[:1], caps[1:])
    return [entity for entity in made if entity[0] == dim]


def _ball(occ: Any, centre: np.ndarray, radius: float) -> Entity:
    place = (centre / UNIT).tolist()
    if len(place) == 3:
        return 3, occ.addSphere(*place, radius / UNIT)
    return 2, occ.addDisk(*place, 0, radius / UNIT, radius / UNIT)


def _sizes(gmsh: Any, particle: Particle, active: Sequence[int]) -> SizeFields:
    """Fine at every face of the particle, finer at fronts and rims, coarse in the middle and far away."""
    sizing, dim = particle.sizing, particle.dim
    fields = SizeFields(gmsh, sizing.coarsest, sizing.growth)
    faces = gmsh.model.getBoundary([(dim, tag) for tag in active], combined=False, oriented=False)
    sizes = {tag: sizing.size for _, tag in faces}
    for slit in particle.slits:
        own = slit.tip or sizing.size / 2
        _refine(gmsh, fields, _front(gmsh, particle, slit), particle.tip_size or min(sizing.size, own))
        if particle.box is not None and slit.width < 2 * sizing.size:
            narrow = min(sizing.size, max(slit.width / 2, own))
            sizes |= dict.fromkeys(_walls(gmsh, particle, slit, set(sizes)), narrow)
    for void in particle.voids:
        if isinstance(void, Lens):
            size = particle.tip_size or min(sizing.size, void.thickness / 2)
            _refine(gmsh, fields, _inside(gmsh, void, dim - 2), size)
        elif void.radius < 2 * sizing.size:  # a dozen edges around it
            sizes |= {tag: void.radius / 2 for _, tag in _inside(gmsh, void, dim - 1)}
    for tag, size in sorted(sizes.items()):
        fields.near(dim - 1, [tag], size)
    return fields


def _refine(gmsh: Any, fields: SizeFields, entities: Sequence[Entity], size: float) -> None:
    for dim, tag in entities:
        if dim == 1:
            fields.near(1, [tag], size)
        else:
            x, y, _ = gmsh.model.getValue(0, tag, [])
            fields.at({0: x * UNIT, 1: y * UNIT}, size)


def _local(gmsh: Any, slit: Slit, tag: int) -> np.ndarray:
    """Coordinates of a point of the model along and across a slit [m]."""
    x = np.array(gmsh.model.getValue(0, tag, []))[: len(slit.direction)] * UNIT
    return np.array([x @ slit.along, x @ slit.across])


def _front(gmsh: Any, particle: Particle, slit: Slit) -> list[Entity]:
    """Points (2D) or curves (3D) of the model at a slit's front."""
    front, near = slit.front(particle.semi_axes), 1e-5 * max(particle.semi_axes)
    ends = {
        tag
        for _, tag in gmsh.model.getEntities(0)
        if abs((at := _local(gmsh, slit, tag))[0] - front) < near and abs(at[1]) < slit.tip / 2 + near
    }
    if particle.dim == 2:
        return [(0, tag) for tag in sorted(ends)]
    return [curve for curve in gmsh.model.getEntities(1) if _all_in(gmsh, curve, ends)]


def _walls(gmsh: Any, particle: Particle, slit: Slit, faces: set[int]) -> list[int]:
    """Faces of the particle in a slit: all of their corners lie in the wedge."""
    rows, limits = slit.half_spaces(particle.semi_axes)
    near = 1e-5 * max(particle.semi_axes)
    inside = set()
    for _, tag in gmsh.model.getEntities(0):
        x = np.array(gmsh.model.getValue(0, tag, []))[: particle.dim] * UNIT
        if (rows @ x >= limits - near).all():
            inside.add(tag)
    return [t for t in sorted(faces) if _all_in(gmsh, (particle.dim - 1, t), inside)]


def _all_in(gmsh: Any, entity: Entity, points: set[int]) -> bool:
    corners = {tag for _, tag in gmsh.model.getBoundary([entity], oriented=False, recursive=True)}
    return bool(corners) and corners <= points


def _inside(gmsh: Any, void: Lens | Void, dim: int) -> list[Entity]:
    """Entities of a void; the ball around it holds nothing else."""
    centre = np.zeros(3)
    centre[: len(void.centre)] = void.centre
    reach = 1.005 * void.radius
    box = np.concatenate([centre - reach, centre + reach]) / UNIT
    return list(gmsh.model.getEntitiesInBoundingBox(*box.tolist(), dim=dim))


def _name_rest(made: Tessellation, alone: bool) -> Tessellation:
    """Outer facets that no plane holds: the widest connected set is the surface of a lone particle."""
    rest = _unnamed(made)
    if not len(rest):
        return made
    part = _connected(rest, len(made.points))
    extent = [np.ptp(made.points[rest[part == k].ravel()], axis=0).max() for k in range(part.max() + 1)]
    shell = int(np.argmax(extent)) if alone else -1
    names = dict(made.boundaries)
    free = 1 + max([0, *names.values(), *made.interfaces.values()])
    tags = np.zeros(len(rest), np.int32)
    for name, where in (("surface", part == shell), ("void", part != shell)):
        if where.any():
            names[name] = tags[where] = free
            free += 1
    return replace(
        made, facets=np.concatenate([made.facets.reshape(-1, made.dim), rest]),
        facet_tags=np.concatenate([made.facet_tags, tags]), boundaries=names,
    )  # fmt: skip


def _unnamed(made: Tessellation) -> np.ndarray:
    """Outer facets without a tag, int32."""
    corners, _, second = facets_of(made.kind, made.cells)
    outer = corners[second < 0]
    every = np.sort(np.concatenate([outer, made.facets.reshape(-1, made.dim)]), axis=1)
    _, place, count = np.unique(every, axis=0, return_inverse=True, return_counts=True)
    return outer[count[place.ravel()[: len(outer)]] == 1].astype(np.int32)


def _connected(facets: np.ndarray, points: int) -> np.ndarray:
    """Number of the connected set every facet belongs to."""
    rows = np.repeat(facets[:, 0], facets.shape[1] - 1)
    graph = coo_matrix((np.ones(len(rows)), (rows, facets[:, 1:].ravel())), shape=(points, points))
    label = connected_components(graph, directed=False)[1][facets[:, 0]]
    return np.unique(label, return_inverse=True)[1]
