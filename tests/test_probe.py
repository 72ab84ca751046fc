"""Box averages: exact for linear fields, weighted by what is active, equal on two processes."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from dolfinx import fem

from lithoscape.errors import InputError
from lithoscape.mesh.cad import CrackedCell, cracked_cell
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.probe import Box, BoxAverages

UM = 1e-6
LAYERS = [Layer("separator", 20 * UM, 3), Layer("positive", 80 * UM, 7, 3.0)]
AXES = {
    "1D": {},
    "quadrilaterals": {"lateral": ((50 * UM, 5),)},
    "triangles": {"lateral": ((50 * UM, 5),), "simplices": True},
    "hexahedra": {"lateral": ((50 * UM, 3), (40 * UM, 4))},
    "tetrahedra": {"lateral": ((50 * UM, 3), (40 * UM, 4)), "simplices": True},
}
SLOPE = np.array([3e3, -7e3, 5e3])


def space_of(domain):
    return fem.functionspace(domain.mesh, ("Lagrange", 1))


def linear(space) -> np.ndarray:
    """2 + SLOPE . x at the nodes."""
    return 2.0 + space.tabulate_dof_coordinates() @ SLOPE


def weight(domain, **values: float) -> fem.Function:
    """A constant in each region, 0 elsewhere."""
    w = fem.Function(fem.functionspace(domain.mesh, ("DG", 0)))
    for name, value in values.items():
        w.x.array[domain.cells(name)] = value
    return w


def at_centre(box: Box) -> float:
    centre = np.zeros(3)
    centre[: len(box.lower)] = 0.5 * (np.array(box.lower) + np.array(box.upper))
    return float(2.0 + centre @ SLOPE)


@pytest.mark.parametrize("name", AXES)
def test_linear_fields_average_to_their_value_at_the_centre(name: str) -> None:
    domain = layered_cell(LAYERS, **AXES[name])
    space, dim = space_of(domain), domain.dim
    boxes = [
        Box((11 * UM, 7 * UM, 33 * UM)[3 - dim :], (29 * UM, 31 * UM, 71 * UM)[3 - dim :]),
        Box((0.0, 0.0, 0.0)[3 - dim :], (50 * UM, 40 * UM, 100 * UM)[3 - dim :] if dim == 3 else
            (50 * UM, 100 * UM)[2 - dim :]),
    ]  # fmt: skip
    averages = BoxAverages(
        domain, space, [weight(domain, separator=1.0, positive=1.0)], boxes, per_axis=6 if dim == 3 else 16
    )
    assert averages.signal == pytest.approx(1.0, rel=1e-12)
    assert averages([linear(space)]) == pytest.approx([at_centre(b) for b in boxes], rel=1e-12)


@pytest.mark.parametrize("name", ["quadrilaterals", "triangles"])
def test_cells_of_any_shape(name: str) -> None:
    """A sheared and tapered mesh: reference coordinates are found by iteration."""
    domain = layered_cell(LAYERS, **AXES[name])
    x = domain.mesh.geometry.x
    x[:, 0] += 0.2 * x[:, 1] + 0.3 * x[:, 0] * x[:, 1] / (100 * UM)
    x[:, 1] += 0.2 * x[:, 0] * x[:, 1] / (100 * UM)
    space = space_of(domain)
    box = Box((25 * UM, 30 * UM), (45 * UM, 70 * UM))
    averages = BoxAverages(domain, space, [weight(domain, positive=1.0)], [box])
    assert averages([linear(space)]) == pytest.approx(at_centre(box), rel=1e-12)


def test_what_is_not_active_does_not_count() -> None:
    """Box across the separator's face: only the part in the electrode is seen, with its fraction."""
    domain = layered_cell(LAYERS, **AXES["quadrilaterals"])
    space = space_of(domain)
    boxes = [Box((10 * UM, 10 * UM), (20 * UM, 50 * UM)), Box((10 * UM, 1 * UM), (20 * UM, 19 * UM))]
    averages = BoxAverages(domain, space, [weight(domain, positive=0.4)], boxes)
    assert averages.signal == pytest.approx([0.4 * 0.75, 0.0], rel=1e-12)
    seen = averages([linear(space)])
    assert seen[0] == pytest.approx(at_centre(Box((10 * UM, 20 * UM), (20 * UM, 50 * UM))), rel=1e-12)
    assert np.isnan(seen[1])


def test_classes_count_by_their_active_fractions() -> None:
    domain = layered_cell(LAYERS, **AXES["triangles"])
    space = space_of(domain)
    box = Box((10 * UM, 30 * UM), (20 * UM, 50 * UM))
    weights = [weight(domain, positive=0.3), weight(domain, positive=0.1)]
    averages = BoxAverages(domain, space, weights, [box])
    ones = np.ones(linear(space).size)
    assert averages([0.8 * ones, 0.4 * ones]) == pytest.approx((0.3 * 0.8 + 0.1 * 0.4) / 0.4, rel=1e-12)
    assert averages.signal == pytest.approx(0.4, rel=1e-12)


def test_mirrored_boxes() -> None:
    """Left of the plane of symmetry is seen at its mirror image; a box across it is folded."""
    domain = layered_cell(LAYERS, **AXES["triangles"])
    space = space_of(domain)
    spans = [(-30, -10), (10, 30), (-5, 5), (-10, 20)]
    boxes = [Box((a * UM, 40 * UM), (b * UM, 60 * UM), mirrored=True) for a, b in spans]
    averages = BoxAverages(domain, space, [weight(domain, positive=1.0)], boxes, per_axis=24)
    x = np.array([20.0, 20.0, 2.5, (5 * 10 + 10 * 20) / 30]) * UM
    assert averages([linear(space)]) == pytest.approx(2.0 + SLOPE[0] * x + SLOPE[1] * 50 * UM, rel=1e-12)
    with pytest.raises(InputError, match="outside the mesh"):
        BoxAverages(domain, space, [weight(domain, positive=1.0)], [replace(boxes[0], mirrored=False)])


def test_boxes_that_leave_the_mesh_are_refused() -> None:
    domain = layered_cell(LAYERS, **AXES["quadrilaterals"])
    inside, outside = (
        Box((10 * UM, 30 * UM), (20 * UM, 50 * UM)),
        Box((10 * UM, 90 * UM), (20 * UM, 101 * UM)),
    )
    with pytest.raises(InputError) as caught:
        BoxAverages(domain, space_of(domain), [weight(domain, positive=1.0)], [inside, outside])
    assert caught.value.field == "instruments"
    assert caught.value.value == {"lower_um": [10.0, 90.0], "upper_um": [20.0, 101.0]}
    assert caught.value.remedy


# -- across the edge of a crack ----------------------------------------------------
CRACK = CrackedCell(195 * UM, 25 * UM, 150 * UM, 50 * UM, 42 * UM, 175 * UM, size=20 * UM)


def exactly(box: Box, cell: CrackedCell, n: int = 4000) -> tuple[float, float]:
    """Share of a box in the matrix and mean of the linear field there; row by row in closed form."""
    y = box.lower[1] + (np.arange(n) + 0.5) / n * (box.upper[1] - box.lower[1])
    taper = (cell.crack_width - cell.crack_width_bottom) / 2 / cell.crack_depth
    edge = cell.crack_width / 2 - taper * (y - cell.separator)
    edge = np.where(y - cell.separator > cell.crack_depth, 0.0, edge)
    left = np.clip(edge, box.lower[0], box.upper[0])
    share = (box.upper[0] - left) / (box.upper[0] - box.lower[0])
    value = 2.0 + SLOPE[0] * 0.5 * (left + box.upper[0]) + SLOPE[1] * y
    return float(share.mean()), float((share * value).sum() / share.sum())


def errors_at_the_edge(per_axis: int) -> tuple[float, float]:
    """Largest error of the share and of the mean position [um] over boxes of 10 um at the edge."""
    domain = cracked_cell(CRACK)
    space = space_of(domain)
    centres = [(x * UM, y * UM) for x in np.arange(20.1, 29.0, 0.7) for y in (50.0, 105.0, 160.0, 200.0)]
    boxes = [Box((x - 5 * UM, y - 5 * UM), (x + 5 * UM, y + 5 * UM), True) for x, y in centres]
    averages = BoxAverages(domain, space, [weight(domain, positive=1.0)], boxes, per_axis)
    exact = np.array([exactly(box, CRACK) for box in boxes])
    means = averages([linear(space)])
    share = abs(averages.signal - exact[:, 0]).max()
    return share, abs(means - exact[:, 1]).max() / np.hypot(*SLOPE[:2]) / UM


def test_sixteen_samples_resolve_the_edge_of_a_crack() -> None:
    """2 % of the box in the share seen, 0.3 um in the mean place: 0.02 % SoL at measured gradients."""
    coarse, fine = errors_at_the_edge(16), errors_at_the_edge(64)
    assert coarse[0] < 0.021
    assert coarse[1] < 0.3
    assert fine[0] < 0.002
    assert fine[1] < 0.02


def test_a_whole_map_takes_little_time() -> None:
    """48 boxes with 256 points each; it was seconds with a loop over points."""
    domain = cracked_cell(replace(CRACK, half_width=300 * UM, size=6 * UM))
    space = space_of(domain)
    boxes = [
        Box((x * UM, y * UM), ((x + 10) * UM, (y + 10) * UM), True)
        for x in range(-40, 120, 10)
        for y in (45, 100, 155)
    ]
    began = time.perf_counter()
    averages = BoxAverages(domain, space, [weight(domain, positive=1.0)], boxes)
    assert time.perf_counter() - began < 1.0
    assert averages.signal.shape == (48,)


# -- several processes -----------------------------------------------------------------
PROGRAM = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("probes", sys.argv[1])
probes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(probes)
from lithoscape.probe import Box, BoxAverages
UM = 1e-6
for name in ("quadrilaterals", "tetrahedra"):
    domain = probes.layered_cell(probes.LAYERS, **probes.AXES[name])
    space = probes.space_of(domain)
    low, high = [3 * UM, 5 * UM][: domain.dim - 1], [47 * UM, 22 * UM][: domain.dim - 1]
    boxes = [Box((*low, y * UM), (*high, (y + 20) * UM)) for y in (10.0, 33.0, 75.0)]
    field = probes.linear(space) ** 2
    averages = BoxAverages(domain, space, [probes.weight(domain, positive=0.4)], boxes, 6)
    values = [*averages([field]), *averages.signal]
    if domain.comm.rank == 0:
        print("VALUES", *(f"{v:.14e}" for v in values))
"""


def values_on(processes: int) -> np.ndarray:
    command = [sys.executable, "-c", PROGRAM, __file__]
    if processes > 1:
        command = [str(Path(sys.executable).parent / "mpiexec"), "-n", str(processes), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("VALUES")]
    return np.array(lines, dtype=float)


@pytest.mark.mpi
@pytest.mark.slow
def test_two_processes_give_the_serial_averages() -> None:
    serial = values_on(1)
    assert serial.shape == (2, 6)
    assert values_on(2) == pytest.approx(serial, rel=1e-12)
