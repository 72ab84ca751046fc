import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from lithoscape.errors import InputError
from lithoscape.generate.agglomerates import Agglomerates, agglomerate_sizes, fill
from lithoscape.generate.shapes import HalfSpace, rasterise
from lithoscape.generate.structure import Structure
from lithoscape.image import Grid

UM = 1e-6
GRID = Grid((40, 60, 60), 3 * UM)
FULL = Structure.empty(GRID).paint("x", shape=HalfSpace(0, 1.0))
INSIDE = {"silicon": 0.25, "FeSi2": 0.2, "graphite": 0.15, "pore": 0.4}
AROUND = {"graphite": 0.65, "pore": 0.35}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def agglomerates(seed: int = 0, structure: Structure | None = None, **keys: object) -> Structure:
    plain = {
        "make": "agglomerates",
        "fraction": 0.12,
        "median_radius_um": 20,
        "sigma": 0.3,
        "composition": INSIDE,
        "matrix": AROUND,
        "feature_um": 5,
        **keys,
    }
    return Agglomerates.model_validate(plain).apply(structure or Structure.empty(GRID), rng(seed))


def test_composition_is_met_inside_and_around() -> None:
    s = agglomerates()
    inside = s.particles["agglomerate"].labels > 0
    for region, composition in ((inside, INSIDE), (~inside, AROUND)):
        for phase, share in composition.items():
            assert abs(s.volume.mask(phase)[region].sum() - share * region.sum()) <= 1
    assert not s.volume.mask("silicon")[~inside].any()


def test_share_is_met() -> None:
    s = agglomerates()
    inside = s.particles["agglomerate"].labels > 0
    assert s.figures["agglomerates: exact fraction"] == pytest.approx(0.12, abs=1e-4)
    assert inside.mean() == pytest.approx(0.12, rel=0.02)  # voxels of 3 um
    table = s.particles["agglomerate"].table
    np.testing.assert_allclose(table["Volume [m3]"], 4 / 3 * np.pi * table["Radius [m]"] ** 3)


def test_share_on_voxels_converges() -> None:
    errors = []
    for n in (10, 20, 60):
        s = agglomerates(
            structure=Structure.empty(Grid((n, n, n), 150 * UM / n)), resolved=False, matrix=None
        )
        errors.append(abs(s.fraction("agglomerate") / 0.12 - 1))
    assert errors[2] < 0.003
    assert errors[2] < errors[0]


def test_radii_follow_the_cut_log_normal() -> None:
    law = agglomerate_sizes(20 * UM, 0.4, (200 * UM, 600 * UM, 600 * UM), 3 * UM)
    grid = Grid((67, 200, 200), 3 * UM)
    s = agglomerates(structure=Structure.empty(grid), sigma=0.4, resolved=False, matrix=None)
    radii = s.particles["agglomerate"].table["Radius [m]"].values
    assert len(radii) > 80
    assert law.test(2 * radii)[1] > 0.05
    assert np.median(radii) == pytest.approx(20 * UM, rel=0.1)
    wrong = agglomerate_sizes(26 * UM, 0.4, (200 * UM, 600 * UM, 600 * UM), 3 * UM)
    assert wrong.test(2 * radii)[1] < 0.01


def test_sizes_end_where_the_box_does() -> None:
    law = agglomerate_sizes(20 * UM, 0.5, (60 * UM, 90 * UM, 90 * UM), 2 * UM)
    drawn = law.sample(2000, rng()) / 2
    assert 2 * UM <= drawn.min() < drawn.max() <= 27 * UM
    assert (
        agglomerate_sizes(20 * UM, 0.5, (60 * UM,) * 3, 2 * UM, 30 * UM).sample(2000, rng()).max() > 54 * UM
    )


def test_agglomerates_do_not_overlap_and_stay_inside() -> None:
    table = agglomerates().particles["agglomerate"].table
    radius, centre = table["Radius [m]"].values, table["Centroid [m]"].values
    assert (centre[:, 0] - radius > -1e-9).all()
    assert (centre[:, 0] + radius < GRID.size[0] + 1e-9).all()
    apart = centre[:, None] - centre[None]
    apart[..., 1:] -= GRID.size[1] * np.round(apart[..., 1:] / GRID.size[1])
    gap = np.linalg.norm(apart, axis=2) - radius[:, None] - radius[None]
    assert gap[np.triu_indices(len(radius), 1)].min() > -1e-9


def test_homogenised_agglomerates_are_one_phase_with_an_exact_shape() -> None:
    s = agglomerates(resolved=False, matrix=None)
    assert set(s.volume.phases) == {"pore", "agglomerate"}
    assert s.volume.properties["agglomerate"]["silicon fraction"] == 0.25
    assert (rasterise(s.shapes["agglomerate"], GRID) == s.volume.mask("agglomerate")).all()


def test_fill_takes_only_its_region() -> None:
    region = np.indices(GRID.shape)[0] < 10
    s = fill(Structure.empty(GRID), region, {"a": 0.3, "b": 0.3}, 5 * UM, rng())
    assert not s.volume.mask(["a", "b"])[~region].any()
    assert s.volume.mask("a").sum() == round(0.3 * region.sum())


STEPS = """
import hashlib, numpy as np
from lithoscape.generate.agglomerates import Agglomerates
from lithoscape.generate.binder import Binder
from lithoscape.generate.defects import ParticleCracks, Voids
from lithoscape.generate.fields import GaussianField
from lithoscape.generate.grains import Grains, Particle
from lithoscape.generate.porespy_media import PoreSpy
from lithoscape.generate.structure import Structure
from lithoscape.image import Grid

def run(*steps):
    s = Structure.empty(Grid((32, 32, 32), 0.4e-6))
    for k, step in enumerate(steps):
        s = step.apply(s, np.random.default_rng([7, k]))
    parts = [s.volume.labels.tobytes()]
    for name, p in sorted(s.particles.items()):
        parts += [p.labels.tobytes(), *(p.table[v].values.tobytes() for v in sorted(p.table.data_vars))]
    return hashlib.sha256(b"".join(parts)).hexdigest()

def everything():
    grains = Grains(make="grains", pattern="double_layer", grain_size_um=2)
    return [
        run(Particle(make="particle", diameter_um=10), grains,
            Voids(make="voids", fraction=0.04, diameter_um=1.5, sigma=0.3),
            ParticleCracks(make="particle_cracks", kind="surface", fraction=0.03, width_um=0.8,
                           along="grains"),
            ParticleCracks(make="particle_cracks", kind="internal", fraction=0.01, width_um=0.8, number=2),
            Binder(make="binder", fraction=0.05, bridging=0.5, patchiness=0.3)),
        run(GaussianField(make="gaussian_field", fractions={"a": 0.3, "b": 0.2}, correlation_um=2,
                          rule="nested")),
        run(PoreSpy(make="porespy", generator="random_spheres", fraction=0.2, arguments={"r": 4})),
        run(Agglomerates(make="agglomerates", fraction=0.1, median_radius_um=2, sigma=0.2,
                         composition={"silicon": 0.5, "graphite": 0.2}, matrix={"graphite": 0.6})),
    ]
"""


@pytest.mark.slow
def test_every_step_makes_the_same_bytes_in_every_process() -> None:
    code = STEPS + "\nprint(*everything())"
    found = []
    for threads, order in (("1", "0"), ("2", "1")):
        surroundings = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "NUMBA_NUM_THREADS": threads,
            "PYTHONHASHSEED": order,
        }
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=surroundings
        )
        found.append(run.stdout.split())
    assert found[0] == found[1]
    assert len(set(found[0])) == 4


def test_same_seed_same_agglomerates() -> None:
    first, second, other = (hashlib.sha256(agglomerates(k).volume.labels).hexdigest() for k in (0, 0, 1))
    assert first == second != other


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: agglomerates(composition={"silicon": 0.8, "graphite": 0.5}), "at most 1"),
        (lambda: agglomerates(matrix={"silicon": 0.8, "graphite": 0.5}), "at most 1"),
        (lambda: agglomerates(composition={}), "at most 1"),
        (lambda: agglomerates(composition={"silicon": 0.5, "pore": 0.2}), "add up to 1"),
        (lambda: agglomerates(composition={"agglomerate": 0.5}), "to itself"),
        (lambda: agglomerates(composition={"silicon": 1e-9}), "single voxel"),
        (lambda: agglomerates(median_radius_um=200, sigma=0), "do not fit"),
        (lambda: agglomerates(largest_radius_um=100), "does not fit"),
        (lambda: agglomerates(largest_radius_um=2), "do not fit"),
        (lambda: agglomerates(structure=FULL), "no pore left"),
        (lambda: fill(agglomerates(), np.ones(GRID.shape, bool), {"a": 0.5}, UM, rng()), "not empty"),
    ],
)  # fmt: skip
def test_bad_input_is_named(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    "keys", [{"fraction": 0}, {"fraction": 1.2}, {"composition": {"silicon": 0.0}}, {"median_um": 20}]
)
def test_keys_are_checked(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        agglomerates(**keys)
