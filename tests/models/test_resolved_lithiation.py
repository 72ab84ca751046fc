"""State of lithiation of resolved particles: known fields give known tables, on one process and on two."""

from dataclasses import replace

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from mpi4py import MPI

from lithoscape.errors import InputError
from lithoscape.materials import get_electrolyte, get_set
from lithoscape.mesh import Tessellation
from lithoscape.mesh.build import domain
from lithoscape.models.observe import ResolvedLithiation, orientation
from lithoscape.models.resolved import Phase, ResolvedCell, resolved

SET = get_set("Chen2020_half")
NMC = SET.positive.material
UM = 1e-6


def two_blocks(numbered: bool) -> Tessellation:
    """Squares of active material one above the other, a strip of electrolyte beside them; collector at 0."""
    x, y = np.meshgrid(np.linspace(0, 8, 17) * UM, np.linspace(0, 6, 13) * UM, indexing="ij")
    number = np.arange(x.size).reshape(x.shape)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    halves = [np.stack(half, axis=-1).reshape(-1, 3) for half in ((a, b, c), (a, c, d))]
    cells = np.concatenate(halves).astype(np.int32)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    middle = points[cells].mean(axis=1)
    active = middle[:, 1] < 4 * UM
    data = {"particle": np.where(active, np.where(middle[:, 0] < 4 * UM, 3, 7), 0)} if numbered else {}
    tags = np.where(active, 2, 1).astype(np.int32)
    made = Tessellation("triangle", points, cells, tags, {"pore": 1, "active": 2}, cell_data=data)
    planes = {
        "collector": (0, 0.0),
        "separator": (0, 8 * UM),
        "side 1 low": (1, 0.0),
        "side 1 high": (1, 6 * UM),
    }
    return made.with_facets(planes)


def lithiation(numbered: bool) -> ResolvedLithiation:
    phases = (Phase("active", NMC, 0.4, 5.0), Phase("pore", porosity=1.0))
    cell = ResolvedCell(phases, get_electrolyte("Nyman2008"), SET.negative, 298.15, 10.0)
    problem = resolved(domain(two_blocks(numbered), MPI.COMM_SELF), cell)
    c_s = problem.unknown("concentration in active").function
    x = c_s.function_space.tabulate_dof_coordinates()[:, 0] / (8 * UM)
    c_s.x.array[:] = (0.2 + 0.6 * x) * NMC.c_max
    return ResolvedLithiation(problem, {"active": NMC.c_max}, axis=0, separator_high=True)


def test_particles_have_their_volume_depth_and_lithiation() -> None:
    table = lithiation(True).particles()
    assert table.number.tolist() == [3, 7]
    assert table.volume == pytest.approx([16e-12, 16e-12], rel=1e-12, abs=0)
    assert table.depth == pytest.approx([0.75, 0.25])
    assert table.mean == pytest.approx([0.35, 0.65])
    assert table.spread == pytest.approx([0.3 / 12**0.5, 0.3 / 12**0.5])
    assert table.lowest == pytest.approx([0.2, 0.5])
    assert table.highest == pytest.approx([0.5, 0.8])


def test_without_numbers_a_phase_is_one_particle() -> None:
    table = lithiation(False).particles()
    assert table.number.tolist() == [1]
    assert table.mean == pytest.approx([0.5])


def test_profile_and_histogram() -> None:
    found = lithiation(True)
    assert found.mean() == pytest.approx(0.5)
    depth, mean, spread = found.profile(4)
    assert depth == pytest.approx([0.125, 0.375, 0.625, 0.875])
    assert mean == pytest.approx([0.725, 0.575, 0.425, 0.275])  # from the separator down
    assert spread == pytest.approx(0.15 / 12**0.5, rel=1e-9)
    edges, share = found.histogram(10)
    assert edges[[0, -1]].tolist() == [0, 1]
    assert share.sum() == pytest.approx(1)
    assert share[[0, 1, 8, 9]] == pytest.approx(0)
    assert share[2:8] == pytest.approx(1 / 6, abs=0.03)


@pytest.mark.parametrize(("axis", "high"), [(0, True), (0, False), (1, True)])
def test_the_collector_says_which_way_is_through(axis: int, high: bool) -> None:
    mesh = two_blocks(False)
    points = mesh.points if high else mesh.points * [-1, 1]
    cells = mesh.cells if high else mesh.cells[:, [0, 2, 1]]
    if axis == 1:
        points, cells = points[:, ::-1].copy(), cells[:, [0, 2, 1]]
    turned = domain(replace(mesh, points=points, cells=cells), MPI.COMM_SELF)
    assert orientation(turned) == (axis, high)


def test_a_mesh_without_collector_has_no_orientation() -> None:
    bare = two_blocks(False)
    names = {name: tag for name, tag in bare.boundaries.items() if name != "collector"}
    keep = np.isin(bare.facet_tags, list(names.values()))
    lacking = replace(bare, facets=bare.facets[keep], facet_tags=bare.facet_tags[keep], boundaries=names)
    with pytest.raises(InputError, match="the mesh lacks a boundary"):
        orientation(domain(lacking, MPI.COMM_SELF))
