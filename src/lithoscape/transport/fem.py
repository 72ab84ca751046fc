"""Effective conductivity of phases on a mesh that follows their surfaces.

div(sigma grad phi) = 0 between two planes of the mesh's box, phi = 1 on the low and 0 on the high one,
nothing through the other sides. The energy of any conforming potential is at least that of the true one
(Dirichlet's principle), so the result is an upper bound for the meshed geometry that falls as cells get
smaller; its error is the square of the error of the gradient.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dolfinx_solver  # noqa: F401  (orders MPI before the compiled modules)
import numpy as np
import ufl
from dolfinx import fem, la
from mpi4py import MPI
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..errors import InputError
from ..mesh.domain import Domain
from ..mesh.parts import Part, part
from ..solver.conduction import conduct
from .checks import check_conductivity, check_labels, count_labels
from .voxel import Transport


@dataclass(frozen=True)
class FemOptions:
    """How accurately.

    Parameters
    ----------
    degree:
        Of the Lagrange elements: 1, or 2.
    tolerance:
        Error of the potential in the norm of the energy, relative to a uniform field; the conductivity is
        accurate to its square.
    """

    degree: int = 1
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if self.degree not in (1, 2):
            raise InputError(
                "elements are of the first or the second order", field="degree", value=self.degree,
                remedy="Give 1 or 2",
            )  # fmt: skip
        if not 0 < self.tolerance <= 0.1:
            raise InputError(
                "a tolerance is a small positive number", field="tolerance", value=self.tolerance,
                remedy="Give 1e-6 or so",
            )  # fmt: skip


@dataclass(frozen=True, eq=False)
class MeshTransport:
    """Transport through a mesh from one plane of its box to the opposite one.

    Parameters
    ----------
    axis:
        Coordinate along which.
    effective:
        Effective conductivity, in the units of the given ones.
    porosity, porosity_percolating:
        Share of the box that conducts; of it, what lies in clusters from plane to plane (joined over nodes).
    reference:
        Largest of the given conductivities: what the efficiency is relative to.
    error:
        Relative difference between the energy and the current through the plane: the error of the linear
        solve, not of the mesh.
    iterations, seconds, unknowns:
        What it took.
    potential:
        1 on the low plane, 0 on the high one, on ``part``.
    """

    axis: int
    effective: float
    porosity: float
    porosity_percolating: float
    reference: float
    error: float
    iterations: int
    seconds: float
    unknowns: int
    potential: fem.Function
    part: Part

    @property
    def efficiency(self) -> float:
        """Effective conductivity over the largest of the given ones: eps/tau of a single phase."""
        return self.effective / self.reference


def effective_on_mesh(
    domain: Domain, conductivity: Mapping[str, float], axis: int = 0, *, options: FemOptions | None = None
) -> MeshTransport:
    """Effective conductivity of the named regions between the two planes of the box across ``axis``.

    Parameters
    ----------
    domain:
        The mesh, distributed over its communicator; called by all of its processes.
    conductivity:
        Region -> conductivity, all in one unit; regions that are not named, or are given 0, insulate.
    axis:
        Coordinate of the mesh.
    options:
        Order of the elements and tolerance.

    Raises
    ------
    InputError
        No such axis or region, a negative conductivity or none, no path from plane to plane.
    SolveError
        No convergence.
    """
    began = time.perf_counter()
    options = options or FemOptions()
    names = _conducting(domain, conductivity, axis)
    inner, box = part(domain, *names), _box(domain)
    space = fem.functionspace(inner.mesh, ("Lagrange", options.degree))
    ends = _Ends.of(space, axis, box)
    reference = max(conductivity[name] for name in names)
    # scaled so that the energy of the potential is the conductivity over the reference
    length = float(box[1][axis] - box[0][axis])
    area = float(np.prod(np.delete(box[1] - box[0], axis)))
    sigma = _cellwise(inner, {name: conductivity[name] / reference for name in names})
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    form = sigma * length / area * ufl.inner(ufl.grad(u), ufl.grad(v)) * ufl.Measure("dx", inner.mesh)
    potential = ends.start(space, axis, box)
    scale = float(np.sqrt(_integral(ufl.action(ufl.action(form, potential), potential))))
    held = fem.Function(space)
    held.x.array[:] = potential.x.array
    fixed = fem.dirichletbc(held, np.flatnonzero(ends.fixed).astype(np.int32))
    solved = conduct(form, [fixed], potential, scale=scale, tolerance=options.tolerance)
    found = _integral(ufl.action(ufl.action(form, potential), potential))
    plane = fem.Function(space)
    plane.x.array[ends.low] = 1.0
    current = _integral(ufl.action(ufl.action(form, potential), plane))
    through = _cells(space, ends.through)
    return MeshTransport(
        axis, found * reference, _volume(inner) / (length * area), _volume(inner, through) / (length * area),
        reference, abs(found - current) / found, solved.iterations, time.perf_counter() - began,
        space.dofmap.index_map.size_global, potential, inner,
    )  # fmt: skip


def _conducting(domain: Domain, conductivity: Mapping[str, float], axis: int) -> list[str]:
    """Names of the regions that conduct."""
    if axis not in range(domain.dim):
        raise InputError(
            "there is no such axis", field="axis", value=axis, remedy=f"Give 0 to {domain.dim - 1}"
        )
    for name, value in conductivity.items():
        domain.region(name)
        if not 0 <= value < np.inf:
            raise InputError(
                "a conductivity is zero or a positive number", field=f"conductivity.{name}", value=value,
                remedy="Leave a region out if it insulates",
            )  # fmt: skip
    names = [name for name, value in conductivity.items() if value > 0]
    if not names:
        raise InputError(
            "nothing conducts", field="conductivity", value=dict(conductivity),
            remedy=f"Give one of {', '.join(domain.regions)} a conductivity",
        )  # fmt: skip
    return names


def _box(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner of the mesh [m]."""
    x = domain.mesh.geometry.x[:, : domain.mesh.geometry.dim]
    found = np.empty((2, x.shape[1]))
    domain.comm.Allreduce(x.min(axis=0, initial=np.inf), found[0], op=MPI.MIN)
    domain.comm.Allreduce(x.max(axis=0, initial=-np.inf), found[1], op=MPI.MAX)
    return found[0], found[1]


@dataclass(frozen=True)
class _Ends:
    """Degrees of freedom on the two planes, and those in clusters that reach both (bool, ghosts included)."""

    low: np.ndarray
    high: np.ndarray
    through: np.ndarray
    isolated: np.ndarray

    @classmethod
    def of(cls, space: fem.FunctionSpace, axis: int, box: tuple[np.ndarray, np.ndarray]) -> _Ends:
        x = space.tabulate_dof_coordinates()[:, axis]
        near = 1e-9 * (box[1][axis] - box[0][axis])
        low, high = x < box[0][axis] + near, x > box[1][axis] - near
        number, clusters = _clusters(space)
        from_low, from_high = (_flooded(space, mask, number, clusters) for mask in (low, high))
        through = from_low & from_high
        if not space.mesh.comm.allreduce(bool(through.any()), op=MPI.LOR):
            raise InputError(
                "nothing that conducts reaches from one plane to the other", field="axis", value=axis,
                remedy="Choose another direction or phase, or let more phases conduct",
            )  # fmt: skip
        return cls(low, high, through, ~(from_low | from_high))

    @property
    def fixed(self) -> np.ndarray:
        """What is known: the planes, and clusters without a potential of their own."""
        return self.low | self.high | self.isolated

    def start(self, space: fem.FunctionSpace, axis: int, box: tuple[np.ndarray, np.ndarray]) -> fem.Function:
        """The potential of a uniform field, 1 and 0 on the planes, 0 in isolated clusters."""
        potential = fem.Function(space, name="potential")
        length = box[1][axis] - box[0][axis]
        potential.interpolate(lambda x: (box[1][axis] - x[axis]) / length)
        potential.x.array[self.high | self.isolated] = 0.0
        potential.x.array[self.low] = 1.0
        return potential


def _clusters(space: fem.FunctionSpace) -> tuple[int, np.ndarray]:
    """Number of clusters that cells of this process form over shared degrees of freedom, and that of each."""
    dofs = space.dofmap.list
    index_map = space.dofmap.index_map
    size = index_map.size_local + index_map.num_ghosts
    first = np.repeat(dofs[:, :1], dofs.shape[1], axis=1)
    graph = coo_array((np.ones(dofs.size, np.int8), (first.ravel(), dofs.ravel())), shape=(size, size))
    number, clusters = connected_components(graph, directed=False)
    return int(number), clusters


def _flooded(space: fem.FunctionSpace, start: np.ndarray, number: int, clusters: np.ndarray) -> np.ndarray:
    """What ``start`` is connected to, over all processes (bool)."""
    mark = fem.Function(space)
    mark.x.array[:] = start
    wet = -1
    while True:
        mark.x.scatter_reverse(la.InsertMode.add)
        mark.x.scatter_forward()
        hit = np.zeros(number, dtype=bool)
        hit[clusters[mark.x.array > 0]] = True
        mark.x.array[:] = hit[clusters]
        count = space.mesh.comm.allreduce(int(np.count_nonzero(mark.x.array)), op=MPI.SUM)
        if count == wet:
            return np.asarray(mark.x.array > 0)
        wet = count


def _cellwise(inner: Part, values: Mapping[str, float]) -> fem.Function:
    """A constant in every region."""
    table = np.zeros(max(inner.domain.regions.values()) + 1)
    for name, value in values.items():
        table[inner.domain.regions[name]] = value
    found = fem.Function(fem.functionspace(inner.mesh, ("DG", 0)))
    found.x.array[:] = table[inner.domain.cell_values()[inner.cells]]
    return found


def _cells(space: fem.FunctionSpace, dofs: np.ndarray) -> np.ndarray:
    """Cells all of whose degrees of freedom are chosen (bool)."""
    return np.asarray(dofs[space.dofmap.list].all(axis=1))


def _volume(inner: Part, cells: np.ndarray | None = None) -> float:
    """Volume of a part, or of some of its cells, over all processes."""
    one = fem.Function(fem.functionspace(inner.mesh, ("DG", 0)))
    one.x.array[:] = 1.0 if cells is None else cells
    return _integral(one * ufl.Measure("dx", inner.mesh))


def _integral(form: Any) -> float:
    compiled = fem.form(form)
    return float(compiled.mesh.comm.allreduce(fem.assemble_scalar(compiled), op=MPI.SUM))


def effective_of_image(
    labels: np.ndarray,
    conductivity: Mapping[int, float],
    axis: int = 0,
    *,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    tolerance: float = 1e-3,
    degree: int = 1,
    size: float = 2.0,
    comm: MPI.Comm = MPI.COMM_SELF,
) -> Transport:
    """Mesh an image and solve on it; the same in and out as :func:`.voxel.effective`.

    Parameters
    ----------
    labels, conductivity, axis, spacing:
        As there; three axes.
    tolerance:
        Relative error of the conductance of the meshed geometry.
    degree:
        Of the elements.
    size:
        Edge of the cells at surfaces, in voxels.
    comm:
        Processes to share the work.

    Raises
    ------
    InputError
        As :func:`effective_on_mesh`; an image that cannot be meshed.
    """
    began = time.perf_counter()
    values = check_conductivity(count_labels(check_labels(labels, axis, 2)), conductivity)
    if min(np.shape(labels)) < 2 or np.ndim(labels) < 3:
        raise InputError(
            "an image of several voxels along three axes is needed for elements", field="labels",
            value=np.shape(labels), remedy="Choose the engine voxel",
        )  # fmt: skip
    from ..image import Grid, Volume
    from ..mesh.build import domain
    from ..mesh.mesher import MeshOptions, mesh_volume

    # meshes are in metres; conductivities over a ratio of lengths do not mind
    shrink = 1e-6 / max(spacing)
    edges = tuple(shrink * h for h in spacing)
    names = {f"label {label}": int(label) for label in np.unique(labels)}
    volume = Volume(labels, Grid(np.shape(labels), edges), names)  # type: ignore[arg-type]
    given = {name: values[label] for name, label in names.items()}
    mesh = mesh_volume(volume, options=MeshOptions(size=size * max(edges))) if comm.rank == 0 else None
    options = FemOptions(degree, float(np.sqrt(tolerance) / 10))
    found = effective_on_mesh(domain(mesh, comm), given, axis, options=options)
    return Transport(
        axis, found.effective, found.efficiency, found.porosity, found.porosity_percolating, found.error,
        found.iterations, time.perf_counter() - began, None, "face", spacing, dict(conductivity),
    )  # fmt: skip
