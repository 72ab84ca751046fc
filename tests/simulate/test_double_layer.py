"""What is recorded at once where double layers carry the current first."""

from dataclasses import replace

import numpy as np
import pytest

from lithoscape.materials import get_set
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.models.cell import cell_from_set
from lithoscape.models.homogenised import homogenised
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Simulation


def test_every_row_of_a_step_has_its_current() -> None:
    m = get_set("Xu2019")
    m = replace(m, positive=replace(m.positive, double_layer=0.2, initial_stoichiometry=0.5))
    layers = [Layer("separator", m.separator.thickness, 5), Layer("positive", m.positive.thickness, 10)]
    problem = homogenised(layered_cell(layers), cell_from_set(m, current_scale=24.0))
    protocol = parse_protocol(
        ["Discharge at 1C for 5 seconds", "Rest for 5 seconds", "Charge at 2C for 5 seconds"]
    )
    record = Simulation(problem, protocol, Base(24.0, None)).run().record
    step, current = record["Step"].values, record["Current density [A.m-2]"].values
    for number, applied in enumerate((24.0, 0.0, -48.0)):
        rows = current[step == number]
        assert rows.size > 3
        assert rows == pytest.approx(np.full(rows.size, applied), abs=1e-5)
