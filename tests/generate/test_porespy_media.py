import sys

import numba
import numpy as np
import pytest
from pydantic import ValidationError

from lithoscape.errors import InputError
from lithoscape.generate.porespy_media import GENERATORS, PoreSpy, arguments_of, porespy_medium, seeded
from lithoscape.generate.shapes import rasterise
from lithoscape.generate.structure import Structure
from lithoscape.image import Grid

GRID = Grid((36, 34, 32), 0.5e-6)
CASES: list[tuple[str, float | None, dict[str, object]]] = [
    ("blobs", 0.4, {"blobiness": 1}),
    ("overlapping_spheres", 0.4, {"r": 5}),
    ("lattice_spheres", None, {"r": 6, "spacing": 14}),
    ("voronoi_edges", None, {"ncells": 15, "r": 2}),
    ("random_spheres", 0.2, {"r": 4}),
    ("pseudo_gravity_packing", 0.3, {"r": 5}),
    ("pseudo_electrostatic_packing", 0.3, {"r": 5}),
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def medium(seed: int = 0, grid: Grid = GRID, **keys: object) -> Structure:
    plain = {"make": "porespy", "generator": "blobs", **keys}
    return PoreSpy.model_validate(plain).apply(Structure.empty(grid), rng(seed))


@pytest.mark.parametrize(("generator", "fraction", "arguments"), CASES)
def test_media_are_seeded_and_meet_their_fraction(
    generator: str, fraction: float | None, arguments: dict[str, object]
) -> None:
    first, second = (medium(1, generator=generator, fraction=fraction, arguments=arguments) for _ in range(2))
    assert first.volume.labels.tobytes() == second.volume.labels.tobytes()
    solid = first.volume.mask("active")
    if fraction is not None:
        assert abs(solid.sum() - fraction * GRID.voxels) <= 1
        other = medium(2, generator=generator, fraction=fraction, arguments=arguments)
        assert (other.volume.labels != first.volume.labels).any()
    assert 0.02 < solid.mean() < 0.6
    if "active" in first.shapes:
        assert (rasterise(first.shapes["active"], GRID) == solid).all()


def test_solid_is_where_porespy_has_it() -> None:
    from porespy.generators import lattice_spheres

    pore = lattice_spheres(list(GRID.shape), r=6, spacing=14)
    solid = medium(generator="lattice_spheres", arguments={"r": 6, "spacing": 14}).volume.mask("active")
    assert (solid == ~pore).all()


@pytest.mark.slow  # PoreSpy compiles for ten seconds
def test_cylinders() -> None:
    s = medium(generator="cylinders", fraction=0.3, arguments={"r": 3, "phi_max": 0, "theta_max": 90})
    assert abs(s.volume.mask("active").sum() - 0.3 * GRID.voxels) <= 1


def test_global_random_states_are_put_back() -> None:
    @numba.njit
    def compiled() -> float:
        return np.random.random()

    compiled()
    np.random.seed(5)
    with seeded(7):
        one = compiled(), np.random.random()
    with seeded(7):
        assert (compiled(), np.random.random()) == one
    with seeded(5):
        kept = compiled()
        medium(generator="random_spheres", fraction=0.1, arguments={"r": 4})
        following = compiled()
    with seeded(5):
        assert (compiled(), compiled()) == (kept, following)
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    medium(generator="blobs", fraction=0.3)
    assert np.random.random() == expected


def test_single_page_is_made_in_two_dimensions() -> None:
    s = medium(grid=Grid((60, 50, 1), 0.5e-6), fraction=0.3)
    assert s.volume.mask("active").sum() == 900


def test_arguments_are_those_of_the_installed_version() -> None:
    for name in GENERATORS:
        known = arguments_of(name)
        assert not {"shape", "seed", "im", "porosity"} & set(known)
    assert {"blobiness", "periodic"} == set(arguments_of("blobs"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyfastnoisesimd", None)
    with pytest.raises(InputError, match="not installed"):
        medium(generator="fractal_noise", fraction=0.3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: medium(generator="blob", fraction=0.3), "'blobs'"),
        (lambda: medium(fraction=0.3, arguments={"blobines": 1}), "'blobiness'"),
        (lambda: medium(fraction=0.3, arguments={"seed": 1}), "no such argument"),
        (lambda: medium(fraction=0.3, arguments={"blobiness": "much"}), "does not take"),
        (lambda: medium(), "needs a fraction"),
        (lambda: medium(generator="lattice_spheres", fraction=0.9, arguments={"r": 6}), "comes to"),
        (lambda: medium(generator="lattice_spheres", arguments={"r": 40}), "nothing but"),
        (lambda: medium(fraction=0.3, over=["active"]), "to itself"),
        (lambda: medium(grid=Grid((9, 9, 9), (1e-6, 1e-6, 2e-6)), fraction=0.3), "cubic"),
        (lambda: porespy_medium((9, 9, 9), "eval", {}, None, rng()), "no such generator"),
    ],
)  # fmt: skip
def test_bad_input_is_named(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("keys", [{"fraction": 1.0}, {"generato": "blobs"}, {"arguments": {"r": None}}])
def test_keys_are_checked(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        medium(**keys)
