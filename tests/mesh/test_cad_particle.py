"""Single particles: volumes and surfaces at second order, cracks and voids by closed forms, names, errors."""

import math
from dataclasses import replace

import numpy as np
import pytest
from cad_proof import UM, longest_edges, mean_edge, middles, order, prove, same
from scipy.integrate import dblquad, quad
from scipy.optimize import brentq
from scipy.special import ellipe

from lithoscape.errors import InputError
from lithoscape.mesh import build
from lithoscape.mesh.cad_particle import Lens, Particle, Slit, Void, distance, least_distance, meet
from lithoscape.mesh.cad_particle_mesh import particle_cell
from lithoscape.mesh.cad_size import Sizing

R = 5 * UM
SIZING = Sizing(1.0 * UM, 3 * UM, 1.5)
LENS = Lens((0, 0.4 * UM, 0), 1.5 * UM, 0.8 * UM, (0.3, 1.0, 0.2))
VOID = Void((1.2 * UM, -2.2 * UM, 0), 0.8 * UM)
TILTED = (
    Slit((1, 1, 1), 1.2 * UM, 2.5 * UM, (1, -1, 0), 0.5 * UM),
    Slit((0, 0, -1), 1.0 * UM, 2.0 * UM, (1, 0, 0), 0.5 * UM),
)


def flat(void: Lens | Void) -> Lens | Void:
    if isinstance(void, Lens):
        return replace(void, centre=void.centre[:2], normal=void.normal[:2])
    return replace(void, centre=void.centre[:2])


def body(dim: int, kind: str) -> Particle:
    slits = Slit.ring(3, 1.2 * UM, 2.5 * UM, dim=dim, start=0.3, tip_width=0.5 * UM)
    holes = tuple(v if dim == 3 else flat(v) for v in (LENS, VOID))
    plain = Particle((R,) * dim, SIZING)
    made = {
        "plain": plain,
        "slits": replace(plain, slits=slits),
        "voids": replace(plain, voids=holes),
        "ellipsoid": replace(plain, semi_axes=(5 * UM, 3 * UM, 4 * UM)[:dim]),
        "all": replace(plain, semi_axes=(5 * UM, 5 * UM, 4.5 * UM)[:dim], slits=slits, voids=holes),
    }
    if dim == 3:
        made["tilted"] = replace(plain, slits=TILTED)
    return made[kind]


def sections(particle: Particle) -> float:
    """What the slits take from a disc [m2] or a sphere [m3]."""
    taken = 0.0
    radius = particle.semi_axes[0]
    for slit in particle.slits:
        front = radius - slit.depth

        def half(r: float, slit: Slit = slit, front: float = front) -> float:
            wedge = slit.tip / 2 + (slit.width - slit.tip) / 2 * (r - front) / slit.depth
            return min(wedge, math.sqrt(max(radius**2 - r * r, 0.0)))

        if particle.dim == 2:
            taken += quad(lambda r, half=half: 2 * half(r), front, radius, limit=400, epsabs=0, epsrel=1e-8)[
                0
            ]
        else:
            chord = lambda t, r: 2 * math.sqrt(max(radius**2 - r * r - t * t, 0.0))  # noqa: E731
            taken += 2 * dblquad(chord, front, radius, 0, half, epsabs=0, epsrel=1e-5)[0]
    return taken


def void_sizes(void: Lens | Void) -> tuple[float, float]:
    """Volume and surface (2D: area and length)."""
    dim = len(void.centre)
    if isinstance(void, Void):
        r = void.radius
        return (math.pi * r**2, 2 * math.pi * r) if dim == 2 else (4 / 3 * math.pi * r**3, 4 * math.pi * r**2)
    h, a = void.thickness / 2, void.radius
    big = (a * a + h * h) / (2 * h)
    if dim == 3:
        return math.pi * h * (3 * a * a + h * h) / 3, 4 * math.pi * big * h
    angle = 2 * math.asin(a / big)
    return big**2 * (angle - math.sin(angle)), 2 * big * angle


def volume(particle: Particle) -> float:
    whole = math.prod(particle.semi_axes) * (math.pi if particle.dim == 2 else 4 / 3 * math.pi)
    return whole - sections(particle) - sum(void_sizes(v)[0] for v in particle.voids)


def boxed(particle: Particle) -> Particle:
    return replace(particle, box=(12 * UM, 13 * UM, 14 * UM)[: particle.dim])


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "boxed"])
@pytest.mark.parametrize("kind", ["plain", "slits", "voids", "ellipsoid", "all", "tilted"])
@pytest.mark.parametrize("dim", [2, 3])
def test_names_and_shapes(dim: int, kind: str, alone: bool) -> None:
    if kind == "tilted" and dim == 2:
        kind = "plain"
    particle = body(dim, kind) if alone else boxed(body(dim, kind))
    mesh = particle_cell(particle)
    prove(mesh, particle.box, 20 if dim == 2 else 6, low=-0.5)
    closed = {"void"} if particle.voids else set()
    if alone:
        assert set(mesh.regions) == {"active"}
        assert set(mesh.boundaries) == {"surface"} | closed
        assert not mesh.interfaces
    else:
        assert set(mesh.regions) == {"active", "electrolyte"}
        assert set(mesh.interfaces) == {"active | electrolyte"}
        assert closed <= set(mesh.boundaries)
        # what is neither active nor electrolyte is void
        hollow = sum(void_sizes(v)[0] for v in particle.voids)
        rest = math.prod(particle.box) - sum(mesh.region_sizes().values())
        assert rest == pytest.approx(hollow, rel=0.2, abs=1e-12 * math.prod(particle.box))


CONVERGING = [
    (2, "plain"),
    (2, "slits"),
    (2, "voids"),
    (3, "plain"),
    (3, "voids"),
    (2, "ellipsoid"),
    (3, "ellipsoid"),
]


@pytest.mark.parametrize(("dim", "kind"), CONVERGING)
def test_volume_converges_at_second_order(dim: int, kind: str) -> None:
    particle = body(dim, kind)
    sizes = [s * UM for s in ((1.0, 0.5, 0.25) if dim == 2 else (1.4, 0.7, 0.35))]
    edges, errors = [], []
    for size in sizes:
        mesh = particle_cell(replace(particle, sizing=Sizing(size, 6 * size, 1.6), tip_size=size))
        edges.append(mean_edge(mesh, "surface"))
        errors.append(mesh.region_sizes()["active"] / volume(particle) - 1)
    assert order(edges, errors) > 1.8
    assert abs(errors[-1]) < (2e-3 if dim == 2 else 1e-2)


def test_slits_take_their_volume() -> None:
    """On the same surface mesh sizes, the slits' share is right although the sphere is coarse."""
    plain, cut = body(3, "plain"), body(3, "slits")
    fine = Sizing(0.5 * UM, 3 * UM, 1.6)
    found = [particle_cell(replace(p, sizing=fine)).region_sizes()["active"] for p in (plain, cut)]
    assert (found[0] - found[1]) / sections(cut) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("void", [Void((0, 0, 0), 2.2 * UM), Lens((0, 0, 0), 2.5 * UM, 2.4 * UM, (1, 2, 3))])
@pytest.mark.parametrize("dim", [2, 3])
def test_surfaces_converge_at_second_order(dim: int, void: Lens | Void) -> None:
    hole = void if dim == 3 else flat(void)
    outer = 2 * math.pi * R if dim == 2 else 4 * math.pi * R**2
    sizes = [s * UM for s in ((1.0, 0.5, 0.25) if dim == 2 else (1.1, 0.75, 0.5))]
    edges, errors = [], []
    for size in sizes:
        particle = Particle((R,) * dim, Sizing(size, 6 * size, 1.6), voids=(hole,), tip_size=size)
        mesh = particle_cell(particle)
        faces = mesh.facet_sizes()
        edges.append([mean_edge(mesh, name) for name in ("surface", "void")])
        errors.append([faces["surface"] / outer - 1, faces["void"] / void_sizes(hole)[1] - 1])
    for edge, error in zip(zip(*edges, strict=True), zip(*errors, strict=True), strict=True):
        assert order(list(edge), list(error)) > 1.8
        assert -0.02 < error[-1] < 0


def test_an_ellipse_has_its_circumference() -> None:
    a, b = 5 * UM, 3 * UM
    exact = 4 * a * ellipe(1 - (b / a) ** 2)
    for axes in ((a, b), (b, a)):
        mesh = particle_cell(Particle(axes, Sizing(0.25 * UM, 2 * UM)))
        assert mesh.facet_sizes()["surface"] / exact == pytest.approx(1, rel=2e-3)
        assert np.ptp(mesh.points, axis=0) / (2 * np.array(axes)) == pytest.approx(1, rel=5e-3)


def test_slits_open_the_surface_by_their_walls() -> None:
    particle = replace(body(2, "slits"), sizing=Sizing(0.25 * UM, 2 * UM))
    slit = particle.slits[0]
    front, slope = R - slit.depth, (slit.width - slit.tip) / 2 / slit.depth
    mouth = brentq(lambda r: r**2 + (slit.tip / 2 + slope * (r - front)) ** 2 - R**2, front, R, xtol=1e-14)
    walls = 2 * (mouth - front) * math.hypot(1, slope) + slit.tip
    exact = 2 * math.pi * R + 3 * (walls - 2 * R * math.acos(mouth / R))
    assert particle_cell(particle).facet_sizes()["surface"] / exact == pytest.approx(1, rel=1e-3)


def test_slits_belong_to_the_electrolyte() -> None:
    particle = boxed(body(2, "slits"))
    mesh = particle_cell(particle)
    inside = np.hypot(*middles(mesh).T) < 0.9 * R
    wet = mesh.tags == mesh.regions["electrolyte"]
    assert (inside & wet).sum() > 20
    rows, limits = zip(*(s.half_spaces(particle.semi_axes) for s in particle.slits), strict=True)
    x = middles(mesh)[inside]
    in_a_slit = np.any([(x @ g.T >= h).all(axis=1) for g, h in zip(rows, limits, strict=True)], axis=0)
    assert np.array_equal(in_a_slit, wet[inside])


@pytest.mark.parametrize("dim", [2, 3])
def test_cells_are_fine_at_the_surface_and_coarse_in_the_middle(dim: int) -> None:
    mesh = particle_cell(boxed(replace(body(dim, "plain"), sizing=Sizing(0.6 * UM, 3 * UM, 1.5))))
    edge, r = longest_edges(mesh), np.linalg.norm(middles(mesh), axis=1)
    at = np.median(edge[np.abs(r - R) < 0.3 * UM])
    assert at < 1.1 * UM
    assert np.median(edge[r < 1.5 * UM]) > 1.7 * at


def test_cells_are_finest_at_fronts_and_rims() -> None:
    particle = replace(body(2, "all"), tip_size=0.1 * UM)
    mesh = particle_cell(particle)
    edge, x = longest_edges(mesh), middles(mesh)
    slit, lens = particle.slits[0], flat(LENS)
    axis = np.array(lens.normal) / np.linalg.norm(lens.normal)
    front = slit.front(particle.semi_axes) * slit.along
    rim = np.array(lens.centre) + lens.radius * np.array([-axis[1], axis[0]])
    for place in (front, rim):
        assert np.median(edge[np.linalg.norm(x - place, axis=1) < 0.35 * UM]) < 0.4 * UM
    assert np.median(edge[np.abs(np.linalg.norm(x, axis=1) - 4.5 * UM) < 0.2 * UM]) > 0.6 * UM


@pytest.mark.parametrize("dim", [2, 3])
def test_meshes_are_the_same_twice(dim: int) -> None:
    particle = boxed(body(dim, "all"))
    assert same(particle_cell(particle), particle_cell(particle))


def test_a_domain_comes_of_it() -> None:
    mesh = particle_cell(body(2, "voids"))
    domain = build.domain(mesh)
    for name in ("surface", "void"):
        assert domain.measure("boundary", name) / mesh.facet_sizes()[name] == pytest.approx(1, rel=1e-10)


# -- geometry ------------------------------------------------------------------
def test_least_distance() -> None:
    assert least_distance(np.array([[1.0, 0], [0, 2.0]]), np.array([3.0, 8.0])) == pytest.approx([3, 4])
    assert least_distance(np.array([[1.0, 0]]), np.array([-1.0])) == pytest.approx([0, 0])
    assert least_distance(np.array([[1.0, 0], [-1.0, 0]]), np.array([1.0, 0.0])) is None


def test_wedges_meet_where_they_should() -> None:
    axes = (1.0, 1.0)
    base = Slit((1, 0), 0.2, 0.5, tip_width=0.1)
    assert distance(base, axes, np.array([0.2, 0.0])) == pytest.approx(0.3)
    assert distance(base, axes, np.array([0.7, 0.0])) == pytest.approx(0, abs=1e-9)
    assert not meet(axes, base, Slit((0, 1), 0.2, 0.5, tip_width=0.1))
    # fronts at 0.5 and 20 degrees apart: middles 0.17 apart there, more at the surface
    close = Slit((math.cos(0.15), math.sin(0.15)), 0.2, 0.5, tip_width=0.1)
    assert meet(axes, base, close)
    crossing = Slit((0, 1, 0), 0.2, 0.95, (0, 0, 1))
    assert meet((1.0,) * 3, Slit((1, 0, 0), 0.2, 0.95, (0, 1, 0)), crossing)
    assert not meet((1.0,) * 3, Slit((1, 0, 0), 0.2, 0.2, (0, 1, 0)), replace(crossing, depth=0.2))


# -- errors --------------------------------------------------------------------
PLAIN = body(3, "plain")
CUT = body(3, "slits")
BAD = [
    (lambda: replace(PLAIN, semi_axes=(R,)), "semi_axes"),
    (lambda: replace(PLAIN, semi_axes=(R, R, -R)), "semi_axes"),
    (lambda: replace(PLAIN, semi_axes=(R, R, math.nan)), "semi_axes"),
    (lambda: replace(PLAIN, sizing=Sizing(3 * UM, 9 * UM)), "sizing.size"),
    (lambda: replace(PLAIN, tip_size=2 * UM), "tip_size"),
    (lambda: replace(PLAIN, box=(11 * UM, 11 * UM, 10 * UM)), "box"),
    (lambda: replace(PLAIN, box=(11 * UM, 11 * UM)), "box"),
    (lambda: replace(PLAIN, slits=(Slit((1, 0), 1 * UM, 1 * UM),)), "slits[0].direction"),
    (lambda: replace(PLAIN, slits=(Slit((1, 0, 0), 1 * UM, R, (0, 1, 0)),)), "slits[0].depth"),
    (lambda: replace(PLAIN, slits=(Slit((1, 0, 0), R, 1 * UM, (0, 1, 0)),)), "slits[0].width"),
    (lambda: replace(PLAIN, slits=Slit.ring(20, 1.8 * UM, 3 * UM)), "slits[1]"),
    (lambda: replace(PLAIN, voids=(replace(VOID, centre=(0, 4.5 * UM, 0)),)), "voids[0].centre"),
    (lambda: replace(PLAIN, voids=(replace(LENS, radius=5 * UM),)), "voids[0].centre"),
    (lambda: replace(PLAIN, voids=(flat(VOID),)), "voids[0].centre"),
    (lambda: replace(PLAIN, voids=(VOID, replace(VOID, centre=(0, -2.2 * UM, 0)))), "voids[1].centre"),
    (lambda: replace(CUT, voids=(Void((2.5 * UM, 1 * UM, 0), 0.5 * UM),)), "voids[0].centre"),
    (lambda: Slit((0, 0), 1 * UM, 1 * UM), "slit.direction"),
    (lambda: Slit((1, math.nan), 1 * UM, 1 * UM), "slit.direction"),
    (lambda: Slit((1, 0), 0.0, 1 * UM), "slit.width"),
    (lambda: Slit((1, 0), 1 * UM, -1 * UM), "slit.depth"),
    (lambda: Slit((1, 0), 1 * UM, 1 * UM, tip_width=2 * UM), "slit.tip_width"),
    (lambda: Slit((1, 0), 1 * UM, 1 * UM, (0, 1)), "slit.normal"),
    (lambda: Slit((1, 0, 0), 1 * UM, 1 * UM), "slit.normal"),
    (lambda: Slit((1, 0, 0), 1 * UM, 1 * UM, (1, 1, 0)), "slit.normal"),
    (lambda: Slit.ring(0, 1 * UM, 1 * UM), "number"),
    (lambda: Lens((0, 0), 1 * UM, 2 * UM, (0, 1)), "lens.thickness"),
    (lambda: Lens((0, 0), 0.0, 2 * UM, (0, 1)), "lens.radius"),
    (lambda: Lens((0, 0), 1 * UM, 1 * UM, (0, 0)), "lens.normal"),
    (lambda: Lens((0, 0, 0), 1 * UM, 1 * UM, (0, 1)), "lens.centre"),
    (lambda: Void((0, 0), -1 * UM), "void.radius"),
    (lambda: Void((0, math.inf), 1 * UM), "void.centre"),
]


@pytest.mark.parametrize(("make", "field"), BAD)
def test_impossible_particles_are_refused(make, field: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.field == field
    assert caught.value.remedy
