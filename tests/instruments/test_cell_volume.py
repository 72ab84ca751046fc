"""Lithium from the cell's volume: round trips, propagated scatter against repeated calibrations."""

import os
from pathlib import Path

import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.instruments import CellVolume, fitted, from_file, nmc622

A3 = 1e-30
TRUE = CellVolume(
    (0.3, 0.5, 1.0), (98 * A3, 100 * A3, 101.4 * A3), np.diag([4e-4, 1e-4, 1e-4]) * A3**2, 0.05 * A3
)
X = np.array([0.31, 0.35, 0.4, 0.46, 0.5, 0.53, 0.56, 0.7, 0.8, 0.9, 1.0, 1.0])


def test_there_and_back() -> None:
    x = np.array([[0.25, 0.3, 0.42], [0.5, 0.77, 1.02]])
    assert TRUE.lithium(TRUE.volume(x), extrapolate=True) == pytest.approx(x, rel=1e-12)
    assert np.isnan(TRUE.lithium(np.array([np.nan]))).all()
    assert TRUE.inside(TRUE.volume(x)).tolist() == [[False, True, True], [True, True, False]]
    assert TRUE.slope([0.4, 0.7]) / A3 == pytest.approx([10.0, 2.8])


def test_exact_anchors_give_the_lines_back() -> None:
    found = fitted(X, TRUE.volume(X), TRUE.knots)
    assert found.values == pytest.approx(TRUE.values, rel=1e-12)
    assert found.scatter / A3 < 1e-10


def test_a_refinement_and_the_calibration_propagate() -> None:
    """Closed forms on the upper line V = V1 + (V2 - V1) (x - 0.5) / 0.5."""
    own, common = TRUE.uncertainty(TRUE.volume(0.8), 0.028 * A3)
    assert own == pytest.approx(0.01, rel=1e-9)
    weights = np.array([0.4, 0.6])
    assert common == pytest.approx(np.sqrt((weights**2 * 1e-4).sum()) / 2.8, rel=1e-9)
    difference, error = TRUE.difference(TRUE.volume(0.9), TRUE.volume(0.8), 0.028 * A3)
    assert difference == pytest.approx(0.1, rel=1e-9)
    assert error == pytest.approx(np.sqrt(2 * 0.01**2 + 2 * 0.2**2 * 1e-4 / 2.8**2), rel=1e-9)


def test_propagated_scatter_is_that_of_repeated_calibrations() -> None:
    rng = np.random.default_rng(1)
    sigma, volume = 0.05 * A3, TRUE.volume(np.array([0.4, 0.62, 0.9]))
    repeats = [fitted(X, TRUE.volume(X) + sigma * rng.normal(size=X.size), TRUE.knots) for _ in range(3000)]
    spread = np.std([c.lithium(volume) for c in repeats], axis=0)
    basis = np.array([np.interp(X, TRUE.knots, np.eye(3)[k]) for k in range(3)]).T
    exact = CellVolume(TRUE.knots, TRUE.values, sigma**2 * np.linalg.inv(basis.T @ basis), sigma)
    assert spread == pytest.approx(exact.uncertainty(volume, 1e-6 * A3)[1], rel=0.05)
    assert np.mean([c.scatter**2 for c in repeats]) == pytest.approx(sigma**2, rel=0.05)
    apart = np.std([c.lithium(volume[2]) - c.lithium(volume[1]) for c in repeats])
    assert apart == pytest.approx(exact.difference(volume[2], volume[1], 1e-6 * A3)[1], rel=0.05)


def test_the_anchors_of_nmc622_scatter_by_three_hundredths() -> None:
    known = nmc622()
    assert known.scatter_in_lithium(0.8) == pytest.approx(0.031, abs=1e-3)
    assert (known.volume(1.0) - known.volume(0.5)) / A3 / 50 == pytest.approx(0.028, abs=1e-3)
    assert "10.1021/acsenergylett.8b00275" in known.citation
    own, common = known.uncertainty(known.volume(0.7), 0.01 * A3)
    assert own < 0.005 < common < 0.03
    apart, error = known.difference(known.volume(0.70), known.volume(0.655), 0.01 * A3)
    assert apart == pytest.approx(0.045)
    assert error < 0.5 * common


@pytest.mark.skipif("LITHOSCAPE_DATA" not in os.environ, reason="LITHOSCAPE_DATA is not set")
def test_the_package_and_the_data_folder_agree() -> None:
    file = Path(os.environ["LITHOSCAPE_DATA"]) / "materials" / "nmc_unit_cell.csv"
    there, here = from_file(file, "NMC622"), nmc622()
    assert there.values == pytest.approx(here.values, rel=1e-12)
    assert there.covariance == pytest.approx(here.covariance, rel=1e-9)
    with pytest.raises(InputError, match="do not determine"):
        from_file(file, "NMC811")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_bad_calibrations(tmp_path: Path) -> None:
    good = write(tmp_path / "a.csv", "material,x_Li,V_A3_quoted,source\nNMC622,1,101.4,s\n")
    cases = [
        (lambda: from_file(good, "NMC62"), "calibration.material", "NMC622"),
        (lambda: from_file(tmp_path / "none.csv", "NMC622"), "calibration", "nmc622()"),
        (lambda: from_file(write(tmp_path / "b.csv", "x,y\n1,2\n"), "NMC622"), "calibration", "x_Li"),
        (lambda: fitted([0.3, 0.5, 1.0], [1.0, 2.0, 3.0]), "calibration", "more than 3"),
        (lambda: fitted([0.6, 0.7, 0.8, 0.9], [1.0, 2.0, 3.0, 4.0]), "calibration", "every knot"),
        (lambda: CellVolume((0.5, 1.0), (2.0, 1.0), np.eye(2), 0.1), "calibration", "knots"),
        (lambda: TRUE.lithium(110 * A3), "cell_volume", "extrapolate"),
        (lambda: TRUE.uncertainty(100 * A3, 0.0), "cell_volume.uncertainty", "scatters"),
        (lambda: TRUE.difference(100 * A3, 100 * A3, -A3), "cell_volume.uncertainty", "scatters"),
    ]
    for act, field, remedy in cases:
        with pytest.raises(InputError) as caught:
            act()
        assert caught.value.field == field
        assert caught.value.value is not None
        assert remedy in str(caught.value.remedy)
    assert TRUE.lithium(110 * A3, extrapolate=True) > 1
