import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.generate import HalfSpace, Structure, rasterise
from lithoscape.image import Grid, Instances

GRID = Grid((10, 4, 3), 1e-6)
BELOW_6 = HalfSpace(0, 6e-6)
ABOVE_4 = HalfSpace(0, 4e-6, above=True)


def agrees(structure: Structure, phase: str) -> bool:
    return bool((rasterise(structure.shapes[phase], GRID) == structure.volume.mask(phase)).all())


def test_painting_takes_only_what_gives_way() -> None:
    s = Structure.empty(GRID).paint("active", shape=BELOW_6).paint("binder", shape=ABOVE_4)
    assert s.volume.fractions() == pytest.approx({"pore": 0, "active": 0.6, "binder": 0.4})
    assert agrees(s, "active")
    assert agrees(s, "binder")


def test_painting_over_a_phase_cuts_its_shape() -> None:
    s = Structure.empty(GRID).paint("active", shape=BELOW_6)
    s = s.paint("binder", shape=ABOVE_4, over=("pore", "active"))
    assert s.volume.fractions() == pytest.approx({"pore": 0, "active": 0.4, "binder": 0.6})
    assert agrees(s, "active")
    assert agrees(s, "binder")


def test_painting_pore_cuts() -> None:
    s = Structure.empty(GRID).paint("active", shape=BELOW_6).paint("pore", shape=ABOVE_4, over=("active",))
    assert s.fraction("active") == pytest.approx(0.4)
    assert agrees(s, "active")
    assert "pore" not in s.shapes


def test_painting_a_phase_again_adds() -> None:
    s = Structure.empty(GRID).paint("active", shape=HalfSpace(0, 2e-6))
    s = s.paint("active", shape=HalfSpace(0, 8e-6, above=True))
    assert s.fraction("active") == pytest.approx(0.4)
    assert agrees(s, "active")


def test_voxel_masks_end_exactness_only_where_they_cut() -> None:
    s = Structure.empty(GRID).paint("active", shape=BELOW_6)
    mask = rasterise(ABOVE_4, GRID)
    assert "active" in s.paint("binder", mask).shapes
    assert "binder" not in s.paint("binder", mask).shapes
    assert "active" not in s.paint("binder", mask, over=("active",)).shapes


def test_particles_lose_what_is_cut() -> None:
    labels = np.zeros(GRID.shape, int)
    labels[:6] = 1
    s = Structure.empty(GRID).paint("active", shape=BELOW_6)
    s = Structure(s.volume, s.shapes, {"active": Instances(labels, GRID, "active")})
    s = s.paint("pore", shape=ABOVE_4, over=("active",))
    assert (s.particles["active"].labels > 0).sum() == s.volume.mask("active").sum()


def test_paint_needs_something_to_paint() -> None:
    with pytest.raises(InputError, match="mask or a shape"):
        Structure.empty(GRID).paint("active")
