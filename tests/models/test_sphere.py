"""A sphere at constant current against its closed form, and the depth to which particles are as uneven."""

from dataclasses import replace

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.materials import get_set
from lithoscape.models.sphere import charged_sphere, limited_depth

NMC = get_set("NMC811_half").positive.material


def test_a_sphere_takes_the_parabolic_profile() -> None:
    """x = mean + k (rho^2 - 3/5), k = rate R^2 / (2 * 3 D); <rho^4> = 3/7 (Crank, ch. 6)."""
    D, R, rate, time = 1e-14, 4e-6, 1e-4, 3000.0
    found = charged_sphere(replace(NMC, diffusivity=D), R, 0.3, rate, time)
    k = rate * R**2 / (6 * D)
    assert found.mean == pytest.approx(0.3 + rate * time, abs=1e-9)
    assert found.surface == pytest.approx(found.mean + 0.4 * k, abs=1e-8)
    assert found.spread == pytest.approx(k * (3 / 7 - 9 / 25) ** 0.5, rel=1e-5)
    assert not found.full


def test_a_full_surface_ends_it() -> None:
    found = charged_sphere(NMC, 8e-6, 0.34, 6.1e-4, 3600.0)
    assert found.full
    assert found.time < 3600
    assert found.surface == pytest.approx(0.99, abs=1e-6)
    assert found.mean == pytest.approx(0.34 + 6.1e-4 * found.time, abs=1e-8)
    emptied = charged_sphere(NMC, 8e-6, 0.9, -1e-3, 3600.0)
    assert emptied.full and emptied.surface == pytest.approx(0.005, abs=1e-6)


def test_the_spread_does_not_depend_on_the_number_of_nodes() -> None:
    coarse, fine = (charged_sphere(NMC, 6e-6, 0.34, 3.6e-4, 720.0, nodes=n).spread for n in (24, 60))
    assert coarse == pytest.approx(fine, rel=1e-4)


@pytest.mark.parametrize(("name", "values"), [("radius", (0.0, 1.0)), ("time", (1e-6, -1.0))])
def test_impossible_spheres_are_refused(name: str, values: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=f"{name}: this is not positive"):
        charged_sphere(NMC, values[0], 0.3, 1e-4, values[1])


DEPTH = (np.arange(200) + 0.5) / 200
ONE = np.ones(200)


def test_the_limited_depth_is_where_spreads_fall_below_the_sphere() -> None:
    assert limited_depth(DEPTH, 0.08 - 0.1 * DEPTH, ONE, 0.05, 0.1) == pytest.approx(0.3, abs=3e-3)
    assert limited_depth(DEPTH, 0.06 * ONE, ONE, 0.05, 0.1) == 1.0
    assert limited_depth(DEPTH, 0.04 * ONE, ONE, 0.05, 0.1) == 0.0
    # what comes after the first fall does not count
    assert limited_depth(DEPTH, 0.05 + 0.03 * np.cos(4 * np.pi * DEPTH), ONE, 0.05, 0.02) == pytest.approx(
        0.125, abs=0.01
    )


def test_the_limited_depth_weighs_particles() -> None:
    rng = np.random.default_rng(3)
    noise = np.where(rng.random(200) < 0.3, 0.0, 1.0)  # small ones that mean nothing
    assert limited_depth(DEPTH, (0.08 - 0.1 * DEPTH) * noise, noise, 0.05, 0.1) == pytest.approx(
        0.3, abs=0.02
    )
    assert limited_depth(DEPTH[:0], ONE[:0], ONE[:0], 0.05, 0.1) == 0.0
