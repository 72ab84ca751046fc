"""Small cells that the tests of models, solvers and runs share."""

from typing import Any

import dolfinx_solver  # noqa: F401

from lithoscape.materials import MaterialSet, get_set
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.models.cell import cell_from_set
from lithoscape.models.homogenised import HomogenisedCell, homogenised
from lithoscape.problem import Problem
from lithoscape.protocol import Base, parse_protocol
from lithoscape.simulate import Options, Simulation
from lithoscape.solver import NewtonOptions, TimeOptions

ONE_C = {"Xu2019": 24.0, "Chen2020": 48.6, "Chen2020_half": 48.6, "ORegan2022_half": 48.6}
"""Round 1C current densities [A/m2]."""


def layers(materials: MaterialSet, cells: int, clustering: float = 1.0) -> list[Layer]:
    """Separator and electrodes of a set, ``cells`` across each electrode."""
    stack = [Layer("separator", materials.separator.thickness, max(cells // 2, 3), clustering)]
    stack.append(Layer("positive", materials.positive.thickness, cells, clustering))
    if not materials.is_half_cell:
        stack.insert(0, Layer("negative", materials.negative.thickness, cells, clustering))
    return stack


def cell_of(name: str, **options: Any) -> HomogenisedCell:
    """The homogenised cell of a named set, 8 radial nodes unless told."""
    return cell_from_set(get_set(name), ONE_C[name], **{"radial_nodes": 8, **options})


def problem_of(name: str, cells: int = 8, cell: HomogenisedCell | None = None, **mesh: Any) -> Problem:
    """Problem of a named set; ``mesh`` are options of :func:`layered_cell`."""
    return homogenised(layered_cell(layers(get_set(name), cells), **mesh), cell or cell_of(name))


TIGHT = NewtonOptions(update=1e-10, residual=1e-13)
"""Newton to round-off, for balances."""


def simulation(
    problem: Problem, name: str, lines: list[str], relative: float = 1e-4, newton: Any = None, **options: Any
) -> Simulation:
    """A run of ``lines`` at a chosen tolerance of the time steps; ``every`` steps a checkpoint."""
    chosen = Options(
        newton=newton or NewtonOptions(),
        time=TimeOptions(relative=relative),
        checkpoint_every=options.pop("every", 50),
    )
    return Simulation(problem, parse_protocol(lines), Base(ONE_C[name], 1.0), options=chosen, **options)
