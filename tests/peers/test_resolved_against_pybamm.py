"""Resolved spheres against PyBaMM: many small ones are a porous electrode, one alone is a single particle.

The column of spheres is one period wide, cut by mirror planes, and meshed by mapping a grid of cubes, so that
every sphere has the same mesh. PyBaMM gets that mesh's own volume fraction, area per volume and, from a
conduction problem solved here, transport factor. Figures are in docs/resolved_verification.md.
"""

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import dolfinx_solver  # noqa: F401
import numpy as np
import pybamm
import pytest
from mpi4py import MPI
from scipy.interpolate import PchipInterpolator
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import spsolve

from lithoscape.image import Grid as ImageGrid
from lithoscape.image import Volume
from lithoscape.materials import get_set
from lithoscape.mesh import MeshOptions, Tessellation, mesh_volume
from lithoscape.mesh.build import domain
from lithoscape.models.resolved import Phase, ResolvedCell, resolved
from lithoscape.models.single import SingleParticle, single_particle
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Options, Simulation, Solution
from lithoscape.solver import TimeOptions
from lithoscape.validation.references import pybamm_reference as reference

NAME = "Chen2020_half"
SET = get_set(NAME)
THICKNESS, GAP = 200e-6, SET.separator.thickness
FILLED = 0.9
"""Diameter per period."""
METAL = 100.0
"""Electronic conductivity of spheres and pores alike [S/m], which makes it that of the electrode."""


@dataclass(frozen=True)
class Grid:
    """``spheres`` in a row; an octant has ``cells`` cubes along an edge, ``inner`` of them in the sphere."""

    spheres: int
    inner: int = 4
    cells: int = 6

    @property
    def period(self) -> float:
        """[m]."""
        return THICKNESS / self.spheres

    @property
    def layers(self) -> int:
        """Layers of cubes of the separator, about as high as wide there at first."""
        return max(2, min(2 * self.cells, round(GAP / self.period * 2 * self.cells)))


def mapped(g: np.ndarray, grid: Grid) -> np.ndarray:
    """Places [period/2] of grid points of an octant: cubes around the origin become balls, then cubes."""
    s, m = grid.inner, grid.cells
    t = np.maximum(g.max(axis=1, keepdims=True), 1e-9)
    direction, length = g / t, np.maximum(np.linalg.norm(g, axis=1, keepdims=True), 1e-9)
    round_share = np.minimum(t / s, 1.0)
    ball = FILLED * g / s * ((1 - round_share) * 0.75 + round_share * t / length)
    out = (t - s) / (m - s)
    shell = (1 - out) * FILLED * g / length + out * direction
    return np.where(t <= s, ball, shell)


def column(grid: Grid) -> Tessellation:
    """Separator below, spheres above; the collector is the top."""
    m, n, low = grid.cells, 2 * grid.cells * grid.spheres, grid.layers
    z, y, x = (
        a.ravel() for a in np.meshgrid(np.arange(-low, n + 1), *(np.arange(m + 1),) * 2, indexing="ij")
    )
    at = np.where(z < 0, m, np.abs(z % (2 * m) - m))
    points = mapped(np.stack([at, y, x], axis=1).astype(float), grid)
    centre = z // (2 * m) * 2 + 1
    points[:, 0] = np.where(z % (2 * m) < m, centre - points[:, 0], centre + points[:, 0])
    points *= grid.period / 2
    points[z == n, 0] = THICKNESS
    points[z < 0, 0] = z[z < 0] / low * GAP
    cubes = np.stack(np.meshgrid(np.arange(-low, n), *(np.arange(m),) * 2, indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    down = (cubes[:, 0] < 0) | (cubes[:, 0] % (2 * m) < m)
    inner = cubes + np.stack([down, 0 * down, 0 * down], axis=1)  # corner towards the middle of the sphere
    steps = np.eye(3, dtype=int)
    cells, tags = [], []
    local = np.where(down, m - cubes[:, 0] % (2 * m), cubes[:, 0] % (2 * m) - m + 1)
    ball = (np.maximum(local, cubes[:, 1:].max(axis=1) + 1) <= grid.inner) & (cubes[:, 0] >= 0)
    tag = np.where(cubes[:, 0] < 0, 3, np.where(ball, 2, 1))
    for order in permutations(range(3)):
        corners, path = [inner], inner
        for axis in order:
            turn = np.where(down, -1, 1)[:, None] if axis == 0 else 1
            path = path + turn * steps[axis]
            corners.append(path)
        cells.append(
            np.stack([((c[:, 0] + low) * (m + 1) + c[:, 1]) * (m + 1) + c[:, 2] for c in corners], axis=1)
        )
        tags.append(tag)
    made = np.concatenate(cells).astype(np.int32)
    edges = points[made[:, 1:]] - points[made[:, :1]]
    inverted = np.linalg.det(edges) < 0
    made[inverted] = made[inverted][:, [0, 2, 1, 3]]
    mesh = Tessellation(
        "tetra", points, made, np.concatenate(tags).astype(np.int32), {"pore": 1, "active": 2, "separator": 3}
    )
    assert mesh.sizes().min() > 0
    side = grid.period / 2
    planes = {
        "negative": (0, -GAP),
        "positive": (0, THICKNESS),
        "side 1 low": (1, 0.0),
        "side 1 high": (1, side),
    }
    return mesh.with_facets({**planes, "side 2 low": (2, 0.0), "side 2 high": (2, side)})


def transport_factor(mesh: Tessellation, grid: Grid) -> float:
    """eps/tau of the pores by steady conduction across one period."""
    middle = mesh.points[mesh.cells].mean(axis=1)[:, 0]
    cells = mesh.cells[(mesh.tags == 1) & (middle > grid.period) & (middle < 2 * grid.period)]
    used, numbers = np.unique(cells, return_inverse=True)
    points, cells = mesh.points[used], numbers.reshape(cells.shape)
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    inverse = np.linalg.inv(edges).transpose(0, 2, 1)
    gradient = np.concatenate([-inverse.sum(axis=1, keepdims=True), inverse], axis=1)
    size = np.abs(np.linalg.det(edges)) / 6
    values = size[:, None, None] * np.einsum("cik,cjk->cij", gradient, gradient)
    rows, columns = np.repeat(cells, 4, axis=1).ravel(), np.tile(cells, 4).ravel()
    matrix = csr_array(coo_array((values.ravel(), (rows, columns))))
    low, high = (np.abs(points[:, 0] - k * grid.period) < 1e-12 for k in (1, 2))
    free, potential = ~(low | high), high.astype(float)
    potential[free] = spsolve(matrix[free][:, free].tocsc(), -(matrix @ potential)[free])
    return float(potential @ (matrix @ potential)) * grid.period / (grid.period / 2) ** 2


C_RATE, CUT_OFF = 2.0, 3.5
DIFFUSION_TIME, KINETICS = 150.0, 1.0 / 5e-6
"""R^2/D_s [s], and 1/R at which i0 is the set's [1/m]."""


def radius(grid: Grid) -> float:
    """[m]."""
    return FILLED * grid.period / 2


def material(grid: Grid) -> Any:
    """The set's, with D_s ~ R^2 and i0 ~ R: what PyBaMM solves does not depend on the size of the spheres."""
    law, share = SET.positive.material.exchange_current, KINETICS * radius(grid)
    return replace(
        SET.positive.material, diffusivity=radius(grid) ** 2 / DIFFUSION_TIME,
        exchange_current=lambda *given: share * law(*given),
    )  # fmt: skip


def ours(grid: Grid, mesh: Tessellation, relative: float = 1e-4) -> Solution:
    one = reference.current_density(NAME, 1.0)
    phases = (
        Phase("active", material(grid), SET.positive.initial_stoichiometry, METAL),
        Phase("pore", porosity=1.0, conductivity=METAL),
        Phase("separator", porosity=SET.separator.porosity, transport=SET.separator.transport_efficiency),
    )
    cell = ResolvedCell(phases, SET.electrolyte, SET.negative, 298.15, one)
    problem = resolved(domain(mesh, MPI.COMM_SELF), cell)
    lines = [f"Discharge at {C_RATE}C until {CUT_OFF} V"]
    options = Options(time=TimeOptions(relative=relative))
    solution = Simulation(problem, parse_protocol(lines), Base(one, None), options=options).run()
    assert solution.outcome.ok, solution.outcome.message
    return solution


def peer(grid: Grid, mesh: Tessellation, factor: float) -> reference.Discharge:
    """PyBaMM's porous electrode of the mesh's own shares, area and transport factor."""
    volume, side = mesh.region_sizes(), (grid.period / 2) ** 2 * THICKNESS
    solid, pore = volume["active"] / side, volume["pore"] / side
    kinetics = "Positive electrode exchange-current density [A.m-2]"
    law, share = reference.parameter_values(NAME)[kinetics], KINETICS * radius(grid)
    parameters = {
        "Positive electrode thickness [m]": THICKNESS,
        "Positive electrode porosity": pore,
        "Positive electrode active material volume fraction": solid,
        "Positive electrode Bruggeman coefficient (electrolyte)": np.log(factor) / np.log(pore),
        "Positive particle radius [m]": 3 * volume["active"] / mesh.facet_sizes()["active | pore"],
        "Positive particle diffusivity [m2.s-1]": radius(grid) ** 2 / DIFFUSION_TIME,
        "Positive electrode conductivity [S.m-1]": METAL,
        kinetics: lambda *given: share * law(*given),
    }
    return reference.limit_in_x(
        reference.half_cell_dfn, NAME, C_RATE, x=80, r=40, bare=True, cut_off=CUT_OFF, parameters=parameters
    )


def difference(solution: Solution, other: reference.Discharge, upto: float = 0.98) -> np.ndarray:
    """Voltage here minus there [V] at equal shares of both discharges."""
    time, voltage = solution["Time [s]"].values, solution["Voltage [V]"].values
    keep = np.append(np.diff(time) > 0, True)
    curve = PchipInterpolator(time[keep] / time[-1], voltage[keep])
    share = np.linspace(0.002, upto, 400)
    return np.asarray(curve(share) - np.interp(share, other.time / other.end_time, other.voltage))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.slow
def test_many_small_spheres_are_a_porous_electrode() -> None:
    gaps, ends = [], []
    for spheres in (3, 6, 12):
        grid = Grid(spheres)
        mesh = column(grid)
        factor = transport_factor(mesh, grid)
        solution, other = ours(grid, mesh), peer(grid, mesh, factor)
        gaps.append(rms(difference(solution, other)))
        ends.append(abs(solution["Time [s]"].values[-1] / other.end_time - 1))
    assert gaps[0] / gaps[1] > 3  # second order in the period, down to what the mesh of a sphere leaves
    assert gaps[1] / gaps[2] > 3
    assert gaps[2] < 0.2e-3
    assert ends[2] < 2e-4
    # and PyBaMM's answer hangs on the transport factor enough to tell
    wrong = peer(grid, mesh, 1.05 * factor)
    assert rms(difference(solution, wrong)) > 4 * gaps[2]
    assert abs(solution["Time [s]"].values[-1] / wrong.end_time - 1) > 10 * ends[2]


# -- one sphere ---------------------------------------------------------------------------
ALONE, ALONE_UNTIL = 5.22e-6, 3.6
"""Radius [m] and last voltage [V]."""


def corner(size: float) -> Tessellation:
    """An eighth of a ball of the set's radius in the corner of a box, from its exact shape."""
    grid = ImageGrid((16, 16, 16), 0.4e-6)

    def shape(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points, axis=1) - ALONE

    labels = (shape(grid.points()) < 0).reshape(grid.shape).astype(np.uint8)
    volume = Volume(labels, grid, {"pore": 0, "active": 1})
    return mesh_volume(volume, shapes={"active": shape}, options=MeshOptions(size=size, match=False))


def alone(mesh: Tessellation, current: float) -> Solution:
    """Discharge at as much current per volume as a true sphere has with ``current`` [A/m2] of its surface."""
    volume, area = mesh.region_sizes()["active"], mesh.facet_sizes()["active | pore"]
    own = current * 3 / ALONE * volume / area
    phase = Phase("active", SET.positive.material, SET.positive.initial_stoichiometry, 1.0)
    problem = single_particle(domain(mesh, MPI.COMM_SELF), SingleParticle(phase, 1000.0, 298.15, own))
    protocol = parse_protocol([f"Discharge at 1C until {ALONE_UNTIL} V"])
    options = Options(time=TimeOptions(relative=2e-5))
    solution = Simulation(problem, protocol, Base(own, None), options=options).run()
    assert solution.outcome.ok, solution.outcome.message
    return solution


@pytest.mark.slow
def test_one_sphere_is_a_single_particle() -> None:
    model = pybamm.lithium_ion.SPM({"working electrode": "positive"})
    free = {"Exchange-current density for lithium metal electrode [A.m-2]": 1e9}
    other = reference._run(model, NAME, 1.0, r=200, bare=True, cut_off=ALONE_UNTIL, parameters=free)
    current = reference.current_density(NAME, 1.0) / (
        SET.positive.surface_per_volume * SET.positive.thickness
    )
    gaps, ends = [], []
    for size in (1.2e-6, 0.6e-6, 0.3e-6):
        solution = alone(corner(size), current)
        time, voltage = solution["Time [s]"].values, solution["Voltage [V]"].values
        share = np.linspace(0.01, 0.98, 300)
        keep = np.append(np.diff(time) > 0, True)
        here = PchipInterpolator(time[keep], voltage[keep])(share * other.end_time)
        there = np.interp(share * other.end_time, other.time, other.voltage)
        gaps.append(rms(here - there))
        ends.append(abs(time[-1] / other.end_time - 1))
    orders = np.log2(np.array(gaps[:-1]) / np.array(gaps[1:]))
    assert (orders > (1.7, 1.8)).all(), orders
    assert gaps[-1] < 0.3e-3
    assert ends[-1] < 5e-4
