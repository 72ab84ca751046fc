import numpy as np
import pytest
from pydantic import ValidationError

from lithoscape.errors import InputError
from lithoscape.generate.fields import (
    GaussianField,
    correlation,
    cut_covariance,
    gaussian_field,
    whole_numbers,
)
from lithoscape.generate.sampled import Sampled, as_distance, lowest
from lithoscape.generate.shapes import rasterise
from lithoscape.generate.structure import Structure
from lithoscape.image import Grid

UM = 1e-6
GRID = Grid((40, 40, 40), 0.5 * UM)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def step(**keys: object) -> GaussianField:
    return GaussianField.model_validate({"make": "gaussian_field", "correlation_um": 1.5, **keys})


def along(values: np.ndarray, lag: int) -> float:
    """Mean product of a periodic array with itself, moved along each axis."""
    return float(np.mean([(values * np.roll(values, lag, axis)).mean() for axis in range(3)]))


def test_correlations_join_at_their_limits() -> None:
    r = np.linspace(0, 5, 41)
    np.testing.assert_allclose(correlation(r, "matern", 0.5), correlation(r, "exponential"), atol=1e-12)
    exact = (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r)
    np.testing.assert_allclose(correlation(r, "matern", 1.5), exact, atol=1e-12)
    np.testing.assert_allclose(correlation(r, "matern", 50), correlation(r), atol=0.01)


@pytest.mark.parametrize("covariance", ["gaussian", "exponential", "matern"])
def test_field_has_the_asked_covariance(covariance: str) -> None:
    fields = [gaussian_field(GRID, 2 * UM, rng(k), covariance=covariance) for k in range(12)]  # type: ignore[arg-type]
    # standard error: the volume holds about (24 um / (2.5 * 2 um))^3 = 110 independent pieces per field
    for lag in (0, 2, 4, 8):
        found = np.mean([along(f, lag) for f in fields])
        assert found == pytest.approx(float(correlation(np.array(lag / 4), covariance)), abs=0.06)  # type: ignore[arg-type]


def test_variance_is_one_on_average() -> None:
    grid = Grid((24, 24, 24), UM)
    squares = [np.mean(gaussian_field(grid, 1.5 * UM, rng(k)) ** 2) for k in range(300)]
    assert np.mean(squares) == pytest.approx(1.0, abs=4 * np.std(squares) / np.sqrt(len(squares)))
    assert np.std(squares) / np.sqrt(len(squares)) < 0.01


def test_lengths_per_axis() -> None:
    field = np.stack([gaussian_field(GRID, [1 * UM, 2 * UM, 4 * UM], rng(k)) for k in range(4)])
    drop = [float((field * np.roll(field, 4, axis)).mean()) for axis in (1, 2, 3)]
    np.testing.assert_allclose(drop, np.exp([-2.0, -0.5, -0.125]), atol=0.08)


def test_two_point_statistics_of_a_cut_converge_to_the_closed_form() -> None:
    lags = (1, 2, 3, 4)
    cuts = [(gaussian_field(Grid((24, 24, 24), UM), 2 * UM, rng(k)) < 0).astype(float) for k in range(256)]
    found = np.array([[along(cut, lag) for lag in lags] for cut in cuts])
    rho = np.exp(-0.5 * (np.array(lags) / 2) ** 2)
    misfit = found - 0.25 - np.arcsin(rho) / (2 * np.pi)
    spread = misfit.std(axis=0)
    assert (np.abs(misfit.mean(axis=0)) < 3.5 * spread / 16).all()
    assert (spread / 16 < 0.003).all()
    few = np.sqrt((misfit.reshape(16, 16, 4).mean(axis=1) ** 2).mean(axis=0))
    np.testing.assert_allclose(few, spread / 4, rtol=0.5)  # the 1/sqrt(n) rate


def test_closed_form_of_a_cut() -> None:
    rho = np.array([-0.5, 0.0, 0.3, 0.9, 1.0])
    np.testing.assert_allclose(cut_covariance(rho, 0.5), np.arcsin(rho) / (2 * np.pi), atol=1e-12)
    np.testing.assert_allclose(cut_covariance(np.array([1.0, 0.0]), 0.2), [0.2 * 0.8, 0.0], atol=1e-9)


def test_cut_away_from_the_middle_follows_the_closed_form() -> None:
    from scipy.special import ndtri

    fields = [gaussian_field(Grid((32, 32, 32), UM), 2 * UM, rng(k)) < ndtri(0.2) for k in range(48)]
    found = [np.mean([along(f.astype(float), lag) for f in fields]) - 0.04 for lag in (1, 2, 4)]
    rho = np.exp(-0.5 * (np.array([1, 2, 4]) / 2) ** 2)
    np.testing.assert_allclose(found, cut_covariance(rho, 0.2), atol=0.004)


def test_a_field_that_is_not_periodic_does_not_repeat() -> None:
    def jump(periodic: bool) -> float:
        field = gaussian_field(GRID, 3 * UM, rng(), periodic=periodic)
        return float(np.sqrt(np.mean((field[0] - field[-1]) ** 2)))

    assert jump(True) < 0.3
    assert jump(False) > 1.0


@pytest.mark.parametrize("rule", ["levels", "nested"])
def test_fractions_are_met_to_a_voxel(rule: str) -> None:
    shares = {"graphite": 0.45, "silicon": 0.1, "binder": 0.05}
    made = step(fractions=shares, rule=rule).apply(Structure.empty(GRID), rng())
    for phase, share in shares.items():
        assert abs(made.volume.mask(phase).sum() - share * GRID.voxels) <= 1
        assert (rasterise(made.shapes[phase], GRID) == made.volume.mask(phase)).all()


def test_levels_touch_in_order_and_nested_fields_all_touch() -> None:
    def touch(rule: str) -> bool:
        shares = {"a": 0.3, "b": 0.3, "c": 0.3}
        s = step(fractions=shares, rule=rule, correlation_um=3).apply(Structure.empty(GRID), rng())
        a, c = s.volume.mask("a"), s.volume.mask("c")
        return any((a & np.roll(c, k, axis)).any() for axis in range(3) for k in (1, -1))

    assert not touch("levels")
    assert touch("nested")


def test_same_seed_same_field() -> None:
    first, second = (gaussian_field(GRID, 2 * UM, rng(3)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert gaussian_field(GRID, 2 * UM, rng(4)).tobytes() != first.tobytes()


def test_splines_pass_through_the_samples_and_converge() -> None:
    errors = []
    for n in (10, 20, 40):
        grid = Grid((n, n, 1), (8 * UM / n, 8 * UM / n, UM), origin=(UM, 0.0, 0.0))
        at = grid.points()

        def wave(p: np.ndarray) -> np.ndarray:
            return np.cos(np.pi * (p[:, 0] - UM) / (4 * UM)) * np.cos(np.pi * p[:, 1] / (4 * UM))

        shape = Sampled(grid, wave(at).reshape(grid.shape))
        np.testing.assert_allclose(shape(at), wave(at), atol=1e-12)
        probe = np.column_stack([rng(1).uniform(2.5, 7.5, (200, 2)) * UM, np.full(200, 0.3 * UM)])
        errors.append(np.abs(shape(probe) - wave(probe)).max())
    assert np.log2(errors[1] / errors[2]) > 3.5


def test_as_distance_has_unit_slope_at_the_level() -> None:
    at = GRID.points() - 10 * UM
    distance = as_distance((np.sum(at**2, axis=1) - (7 * UM) ** 2).reshape(GRID.shape), GRID).ravel()
    near = np.abs(np.linalg.norm(at, axis=1) - 7 * UM) < 0.5 * UM
    np.testing.assert_allclose(distance[near], (np.linalg.norm(at, axis=1) - 7 * UM)[near], atol=0.03 * UM)


def test_lowest_parts_ties_by_index() -> None:
    values = np.zeros((4, 4, 4))
    mask, level = lowest(values, np.ones_like(values, bool), 5)
    assert mask.ravel()[:5].all()
    assert mask.sum() == 5
    assert level == 0.0
    everything, level = lowest(values, values == 0, 64)
    assert everything.all()
    assert level > 0
    nothing, level = lowest(values, values == 0, 0)
    assert not nothing.any()
    assert level < 0


def test_whole_numbers_add_up() -> None:
    assert whole_numbers({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, 100) == {"a": 33, "b": 34, "c": 33}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: step(fractions={"a": 0.6, "b": 0.5}).apply(Structure.empty(GRID), rng()), "at most 1"),
        (lambda: step(fractions={"a": 1e-9}).apply(Structure.empty(GRID), rng()), "single voxel"),
        (lambda: step(fractions={}).apply(Structure.empty(GRID), rng()), "at most 1"),
        (lambda: step(fractions={"pore": 0.5}).apply(Structure.empty(GRID), rng()), "to itself"),
        (lambda: step(fractions={"a": 0.5}, over=["por"]).apply(Structure.empty(GRID), rng()), "'pore'"),
        (lambda: whole_numbers({"a": -0.1}, 10), "between 0 and 1"),
        (lambda: whole_numbers({"a": float("nan")}, 10), "between 0 and 1"),
        (lambda: gaussian_field(GRID, 0.0, rng()), "positive"),
        (lambda: gaussian_field(GRID, [UM, UM], rng()), "one number or three"),
        (lambda: gaussian_field(GRID, 40 * UM, rng(), covariance="exponential"), "too long for the box"),
        (lambda: gaussian_field(GRID, UM, rng(), covariance="gausian"), "'gaussian'"),  # type: ignore[arg-type]
        (lambda: correlation(np.zeros(1), "matern", 0.0), "smoothness"),
        (lambda: cut_covariance(np.zeros(1), 1.0), "between 0 and 1"),
        (lambda: Sampled(GRID, np.full(GRID.shape, np.nan)), "finite"),
        (lambda: Sampled(GRID, np.zeros((2, 2, 2))), "shape"),
        (lambda: lowest(np.zeros((2, 2, 2)), np.zeros((2, 2, 2), bool), 1), "available"),
    ],
)
def test_bad_input_is_named(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    "keys",
    [{"fractions": {"a": 0.0}}, {"fractions": {"a": 1.2}}, {"fractions": {"a": 0.5}, "covarianc": "x"}],
)
def test_keys_are_checked(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        step(**keys)


def test_too_much_of_what_is_left_is_refused() -> None:
    s = step(fractions={"a": 0.8}).apply(Structure.empty(GRID), rng())
    with pytest.raises(InputError, match="available"):
        step(fractions={"b": 0.3}).apply(s, rng())
