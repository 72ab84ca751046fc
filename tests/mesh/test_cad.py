"""The cracked cell: areas, names and lengths, shapes, provenance, errors."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from dolfinx import mesh

from lithoscape.errors import InputError
from lithoscape.mesh.cad import CrackedCell, cracked_cell

UM = 1e-6
PAPER = CrackedCell(195 * UM, 25 * UM, 150 * UM, 50 * UM, 42 * UM, 175 * UM, size=20 * UM)
CELLS = {
    "paper": PAPER,
    "to the collector": replace(PAPER, crack_depth=195 * UM),
    "no taper": replace(PAPER, crack_width_bottom=50 * UM),
    "straight to the collector": replace(PAPER, crack_width_bottom=50 * UM, crack_depth=195 * UM),
    "thin bottom": replace(PAPER, crack_depth=194 * UM),
    "nearly closed": replace(PAPER, crack_width_bottom=1 * UM),
    "shallow": replace(PAPER, crack_depth=20 * UM),
    "narrow matrix": replace(PAPER, half_width=27 * UM),
    "uniform": replace(PAPER, refine=1.0),
}


def triangles(domain) -> np.ndarray:
    """Corners of all cells, (cell, corner, 2)."""
    return domain.mesh.geometry.x[domain.mesh.geometry.dofmaps[0]][:, :, :2]


def doubled_areas(x: np.ndarray) -> np.ndarray:
    a, b = x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def angles(x: np.ndarray) -> np.ndarray:
    """All angles in degrees."""
    out = []
    for k in range(3):
        a, b = x[:, (k + 1) % 3] - x[:, k], x[:, (k + 2) % 3] - x[:, k]
        cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        out.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.array(out)


@pytest.mark.parametrize("name", CELLS)
def test_areas_and_lengths_are_exact(name: str) -> None:
    cell = CELLS[name]
    domain = cracked_cell(cell)
    crack = cell.crack_depth * (cell.crack_width + cell.crack_width_bottom) / 4
    assert set(domain.regions) == {"separator", "positive", "crack"}
    # ratios, because approx lets absolute differences of 1e-12 pass
    assert domain.measure("region", "crack") / crack == pytest.approx(1, rel=1e-10)
    separator = cell.half_width * cell.separator
    assert domain.measure("region", "separator") / separator == pytest.approx(1, rel=1e-10)
    matrix = cell.half_width * cell.thickness - crack
    assert domain.measure("region", "positive") / matrix == pytest.approx(1, rel=1e-10)
    assert set(domain.boundaries) == {"negative", "positive"}
    for boundary in domain.boundaries:
        assert domain.measure("boundary", boundary) / cell.half_width == pytest.approx(1, rel=1e-10)
    assert cell.crack_volume_fraction == pytest.approx(crack / cell.half_width / cell.thickness)
    assert cell.crack_area_fraction == pytest.approx(cell.crack_width / 2 / cell.half_width)


@pytest.mark.parametrize("name", CELLS)
def test_cells_are_not_inverted(name: str) -> None:
    x = triangles(cracked_cell(CELLS[name]))
    areas = doubled_areas(x)
    assert abs(areas).min() > 1e-3 * np.median(abs(areas))
    # numbering may turn a triangle over, but no two overlap: together they fill the cell once
    cell = CELLS[name]
    whole = cell.half_width * (cell.thickness + cell.separator)
    assert abs(areas).sum() / 2 / whole == pytest.approx(1, rel=1e-10)


@pytest.mark.parametrize("name", ["no taper", "straight to the collector"])
def test_cells_are_right_angled_without_taper(name: str) -> None:
    """No obtuse angle: P1 diffusion keeps the maximum principle."""
    assert angles(triangles(cracked_cell(CELLS[name]))).max(axis=0) == pytest.approx(90.0, abs=1e-6)


def test_taper_shears_only_a_little() -> None:
    domain = cracked_cell(PAPER)
    x = triangles(domain)
    largest = angles(x).max(axis=0)
    below = x[:, :, 1].max(axis=1) <= PAPER.separator * (1 + 1e-9)
    assert largest[below] == pytest.approx(90.0, abs=1e-6)
    slope = np.degrees(np.arctan(4 / 175))
    assert largest.max() < 90 + 1.05 * slope


def test_the_mesh_is_finest_at_the_surface_and_at_the_crack() -> None:
    x = triangles(cracked_cell(replace(PAPER, half_width=600 * UM)))
    height, width = np.ptp(x[:, :, 1], axis=1), np.ptp(x[:, :, 0], axis=1)
    electrode = x[:, :, 1].mean(axis=1) > PAPER.separator
    top, deep = x[:, :, 1].min(axis=1) < 26 * UM, x[:, :, 1].max(axis=1) > 180 * UM
    assert height[electrode & top].max() < 0.7 * height[electrode & deep].max()
    near, far = x[:, :, 0].max(axis=1) < 45 * UM, x[:, :, 0].min(axis=1) > 500 * UM
    assert width[near].max() < 0.5 * width[far].min()


# -- provenance ----------------------------------------------------------------
PROGRAM = """
import sys
from lithoscape.mesh.cad import CrackedCell, cracked_cell
from lithoscape.mesh.structured import Layer, layered_cell
UM = 1e-6
one = cracked_cell(CrackedCell(195 * UM, 25 * UM, 150 * UM, 50 * UM, 42 * UM, 175 * UM, size=20 * UM))
lateral = ((50 * UM, 3), (40 * UM, 4))
two = layered_cell([Layer("separator", 20 * UM, 3), Layer("positive", 80 * UM, 7)], lateral=lateral)
digests = one.digest(), two.digest(), layered_cell(
    [Layer("separator", 20 * UM, 3), Layer("positive", 80 * UM, 7)], lateral=lateral, simplices=True
).digest()
if one.comm.rank == 0:
    print("DIGESTS", *digests)
"""


def digests_on(processes: int) -> list[str]:
    command = [sys.executable, "-c", PROGRAM]
    if processes > 1:
        command = [str(Path(sys.executable).parent / "mpiexec"), "-n", str(processes), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("DIGESTS")]
    return line.split()[1:]


def test_the_digest_knows_geometry_mesh_and_regions() -> None:
    digest = cracked_cell(PAPER).digest()
    assert len(digest) == 12
    assert cracked_cell(PAPER).digest() == digest
    others = [
        replace(PAPER, size=19 * UM),
        replace(PAPER, half_width=150.001 * UM),
        replace(PAPER, crack_width_bottom=42.001 * UM),
    ]
    assert len({digest, *(cracked_cell(c).digest() for c in others)}) == 4
    domain = cracked_cell(PAPER)
    tags = domain.cell_tags
    closed = mesh.meshtags(domain.mesh, 2, tags.indices, np.minimum(tags.values, 2))
    assert replace(domain, cell_tags=closed).digest() != digest


@pytest.mark.mpi
@pytest.mark.slow
def test_the_digest_does_not_know_the_number_of_processes() -> None:
    one = digests_on(1)
    assert one[0] == cracked_cell(PAPER).digest()
    assert len(set(one)) == 3
    assert digests_on(2) == one


# -- errors --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"crack_width": 300 * UM}, "geometry.crack.width_um", "300 um"),
        ({"crack_width_bottom": 51 * UM}, "geometry.crack.bottom_width_um", "51 um"),
        ({"crack_depth": 195.1 * UM}, "geometry.crack.depth_um", "195.1 um"),
        ({"crack_width_bottom": 0.0}, "geometry.crack.bottom_width_um", 0.0),
        ({"half_width": -1.0}, "geometry.half_width_um", -1.0),
        ({"thickness": 0.0}, "electrode.thickness_um", 0.0),
        ({"separator": 0.0}, "separator.thickness", 0.0),
        ({"size": np.inf}, "geometry.cell_size_um", np.inf),
        ({"refine": 0.5}, "geometry.refinement", 0.5),
    ],
)
def test_impossible_cells_are_refused(change: dict, field: str, value) -> None:
    with pytest.raises(InputError) as caught:
        replace(PAPER, **change)
    assert (caught.value.field, caught.value.value) == (field, value)
    assert caught.value.remedy


def test_unknown_names_are_refused_with_the_nearest() -> None:
    domain = cracked_cell(PAPER)
    with pytest.raises(InputError, match="Did you mean 'crack'"):
        domain.cells("crak")
    with pytest.raises(InputError, match="no such boundary"):
        domain.measure("boundary", "crack")
