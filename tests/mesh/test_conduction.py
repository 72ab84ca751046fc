"""Steady conduction on lattice meshes: bounds of the potential; currents against voxels and closed forms."""

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
import ufl
from dolfinx import fem, mesh
from mpi4py import MPI
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import cg

from lithoscape.image import Grid, Volume
from lithoscape.mesh import MeshOptions, mesh_volume
from lithoscape.mesh.build import domain

UM = 1e-6
SIGMA = {"pore": 1.0, "active": 0.05, "binder": 4.0}


def medium(finer: int, phases: int, seed: int) -> Volume:
    """One smooth random medium, in voxels of 1/finer um."""
    rng = np.random.default_rng(seed)
    size = np.array([20, 18, 16])
    centres = [(np.arange(n * finer) + 0.5) / finer for n in size]
    x = np.stack(np.meshgrid(*centres, indexing="ij"))
    field = np.zeros(x.shape[1:])
    for wave in rng.integers(-2, 3, size=(12, 3)):
        turn = np.tensordot(2 * np.pi * wave / size, x, axes=1)
        field += rng.normal() * np.cos(turn + rng.uniform(0, 2 * np.pi))
    labels = np.digitize(field, np.quantile(field, np.linspace(0, 1, phases + 1)[1:-1]))
    names = dict(zip(SIGMA, range(phases), strict=False))
    return Volume(labels.astype(np.uint8), Grid(field.shape, UM / finer), names)


def on_mesh(volume: Volume, size: float) -> tuple[float, np.ndarray]:
    """Effective conductivity through the mesh, and the potential at its corners."""
    cell = domain(mesh_volume(volume, options=MeshOptions(size=size)), MPI.COMM_SELF)
    space = fem.functionspace(cell.mesh, ("Lagrange", 1))
    sigma = fem.Function(fem.functionspace(cell.mesh, ("DG", 0)))
    for name in cell.regions:
        sigma.x.array[cell.cells(name)] = SIGMA[name]
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    matrix = fem.assemble_matrix(fem.form(sigma * ufl.inner(ufl.grad(u), ufl.grad(v)) * ufl.dx))
    matrix.scatter_reverse()
    a = csr_array(matrix.to_scipy())
    phi = np.zeros(a.shape[0])
    fixed = np.zeros(a.shape[0], bool)
    for name, value in (("collector", 0.0), ("separator", 1.0)):
        facets = cell.facet_tags.find(cell.boundary(name)[0])
        dofs = fem.locate_dofs_topological(space, cell.mesh.topology.dim - 1, facets)
        phi[dofs], fixed[dofs] = value, True
    free = ~fixed
    phi[free] = solved(a[free][:, free], -(a[free] @ phi))
    length, area = volume.grid.thickness, volume.grid.size[1] * volume.grid.size[2]
    assert mesh.CellType.tetrahedron == cell.mesh.topology.cell_type
    return float(phi @ (a @ phi)) * length / area, phi


def solved(a: csr_array, b: np.ndarray) -> np.ndarray:
    found, info = cg(a, b, rtol=1e-11, M=diags_array(1 / a.diagonal()))
    assert info == 0
    return np.asarray(found)


def on_voxels(volume: Volume) -> float:
    """The same by finite volumes on the voxels, harmonic means at faces."""
    n, h = volume.grid.shape, volume.grid.voxel_size[0]
    table = np.zeros(max(volume.phases.values()) + 1)
    for name, label in volume.phases.items():
        table[label] = SIGMA[name]
    s, number = table[volume.labels], np.arange(np.prod(n)).reshape(n)
    rows, cols, values = [], [], []
    for axis in range(3):
        low, high = (np.moveaxis(number, axis, 0)[k].ravel() for k in (slice(None, -1), slice(1, None)))
        g = 2 * h / (1 / s.ravel()[low] + 1 / s.ravel()[high])
        rows += [low, high, low, high]
        cols += [high, low, low, high]
        values += [-g, -g, g, g]
    ends = [number[0].ravel(), number[-1].ravel()]
    for end in ends:
        rows.append(end), cols.append(end), values.append(2 * h * s.ravel()[end])
    a = coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(cols)))).tocsr()
    b = np.zeros(a.shape[0])
    b[ends[1]] = 2 * h * s.ravel()[ends[1]]
    phi = solved(a, b)
    current = float((2 * h * s.ravel()[ends[0]] * phi[ends[0]]).sum())
    return current * volume.grid.thickness / (volume.grid.size[1] * volume.grid.size[2])


@pytest.mark.parametrize(
    ("phases", "seed"), [(2, 0), pytest.param(2, 2, marks=pytest.mark.slow), (3, 3)], ids=str
)
def test_conduction_agrees_with_voxels_within_the_error_of_discretisation(phases: int, seed: int) -> None:
    voxels, meshes = [], []
    for finer in (2, 4):
        volume = medium(finer, phases, seed)
        voxels.append(on_voxels(volume))
        value, phi = on_mesh(volume, 2 * UM / finer)
        meshes.append(value)
        assert phi.min() > -1e-6
        assert phi.max() < 1 + 1e-6
    gaps = [m - v for m, v in zip(meshes, voxels, strict=True)]
    assert 0 < gaps[1] < 0.6 * gaps[0]  # harmonic means block, finite elements leak: bounds that close
    ends = [2 * fine - coarse for coarse, fine in (voxels, meshes)]
    assert abs(ends[1] - ends[0]) < 0.5 * gaps[1]


def test_layers_conduct_as_their_formula_says() -> None:
    labels = np.zeros((16, 12, 12), np.uint8)
    labels[5:11] = 1
    volume = Volume(labels, Grid(labels.shape, UM), {"pore": 0, "active": 1})
    found, _ = on_mesh(volume, 2 * UM)
    series = 16 / (10 / SIGMA["pore"] + 6 / SIGMA["active"])
    assert found == pytest.approx(series, rel=5e-3)
    labels = np.zeros((12, 16, 12), np.uint8)
    labels[:, 5:11] = 1
    volume = Volume(labels, Grid(labels.shape, UM), {"pore": 0, "active": 1})
    found, _ = on_mesh(volume, 2 * UM)
    assert found == pytest.approx((10 * SIGMA["pore"] + 6 * SIGMA["active"]) / 16, rel=5e-3)
