"""Compton regions of resolved particles: a linear field over a meshed block, region by region."""

from types import SimpleNamespace

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from mpi4py import MPI

from lithoscape.errors import InputError
from lithoscape.scenario.placing import ResolvedCompton
from lithoscape.scenario.schema import ComptonSpec

UM = 1e-6
AREA = 400 * UM**2


def block(cells: int = 3000) -> SimpleNamespace:
    """Active cells of one size, evenly over 90 um of depth; state of lithiation 0.9 - depth / 300 um."""
    share = (np.arange(cells) + 0.5) / cells
    return SimpleNamespace(
        depth=share, thickness=90 * UM, volume=np.full(cells, 2e-18), comm=MPI.COMM_SELF,
        cells=lambda: 0.9 - share * 90 / 300,
    )  # fmt: skip


def test_thirds_and_slits() -> None:
    thirds = ResolvedCompton(ComptonSpec(), block(), AREA)
    assert thirds() == pytest.approx([0.85, 0.75, 0.65], rel=1e-12)
    assert thirds.signal == pytest.approx(6e-15 / (90 * UM * AREA), rel=1e-12)
    slits = ResolvedCompton(ComptonSpec(edges_um=[0.0, 30.0, 90.0], beam_um=15.0), block(), AREA)
    assert slits() == pytest.approx([0.85, 0.70], rel=1e-12)


def test_regions_without_active_material_are_nan() -> None:
    there = block()
    there.volume = np.where(there.depth < 1 / 3, 0.0, there.volume)
    assert ResolvedCompton(ComptonSpec(), there, AREA)() == pytest.approx([np.nan, 0.75, 0.65], nan_ok=True)


def test_regions_outside_are_refused() -> None:
    with pytest.raises(InputError, match="leaves the electrode"):
        ResolvedCompton(ComptonSpec(edges_um=[0.0, 100.0]), block(), AREA)
