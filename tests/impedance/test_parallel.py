"""Spectra on two processes: the serial numbers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
from dataclasses import replace
import numpy as np
from cells import cell_of, problem_of
from lithoscape.impedance import log_frequencies, spectrum
from lithoscape.materials import get_set
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.models.resolved import Phase, ResolvedCell, resolved
f, salt = log_frequencies(1e-2, 1e4, 1), "electrolyte concentration"
cell = cell_of("Xu2019")
regions = tuple(replace(r, double_layer=0.2 if r.electrode else 0.0) for r in cell.regions)
problem = problem_of("Xu2019", 8, replace(cell, regions=regions), lateral=[(1e-5, 3)])
found = [spectrum(problem, f, current_density=12.0, tolerance=1e-7)]
m = get_set("Xu2019")
material = replace(m.positive.material, diffusivity=1e-12)
active = Phase("active", material, 0.5, conductivity=10.0, double_layer=20.0)
separator = Phase("separator", porosity=0.5, transport=0.3)
film = ResolvedCell((active, separator), m.electrolyte, m.negative, 298.15, 20.0)
layers = [Layer("separator", 10e-6, 3), Layer("active", 4e-6, 6)]
problem = resolved(layered_cell(layers, lateral=[(2e-6, 2)] * 2, simplices=True), film)
found += [spectrum(problem, f, current_density=5.0, tolerance=1e-7)]
found += [spectrum(problem, f, current_density=5.0, imposed="voltage", frozen=[salt], tolerance=0)]
if problem.domain.comm.rank == 0:
    z = np.concatenate([s.impedance for s in found])
    print("VALUES", *(f"{v:.15e}" for v in np.concatenate([z.real, z.imag])))
"""


def values_on(processes: int) -> np.ndarray:
    launcher = str(Path(sys.executable).parent / "mpiexec")
    command = [sys.executable, "-c", PROGRAM]
    if processes > 1:
        command = [launcher, "-n", str(processes), *command]
    paths = [str(Path(__file__).parents[1] / "peers"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("VALUES")]
    real, imaginary = np.array(line.split()[1:], dtype=float).reshape(2, -1)
    return real + 1j * imaginary


@pytest.mark.mpi
@pytest.mark.slow
def test_two_processes_give_the_serial_answer() -> None:
    serial = values_on(1)
    assert serial.size == 21
    assert np.abs(values_on(2) / serial - 1).max() < 1e-6
