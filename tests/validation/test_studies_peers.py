"""Studies against other packages and closed forms: their own pieces, and the quick variants."""

from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "validation"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies import files beside them."""
    monkeypatch.syspath_prepend(str(FOLDER))


def test_the_sphere_series_and_its_limits() -> None:
    from peers_closed_forms import D, R, _roots, charged, half_space

    roots = _roots(50)
    assert np.abs(np.tan(roots[:3]) - roots[:3]).max() < 1e-8
    assert roots[0] == pytest.approx(4.493409457909)
    late = 10 * R**2 / D
    assert charged(late, 1e-7, 0.3) == pytest.approx(0.3 + 1e-7 * (late + R**2 / (15 * D)), rel=1e-12)
    early = 1e-4 * R**2 / D
    rise = charged(early, 1e-4, 0.0) / half_space(early, 1e-4, 0.0)
    assert 1.0 < rise < 1.02


def test_images_are_those_the_others_solved() -> None:
    from peer_images import IMAGES, digest, kept

    for engine in ("taufactor", "porespy"):
        content = kept(FOLDER / f"results_{engine}.json")
        for name in ("channel, 32", "blobs, porosity 0.3, 48"):
            assert content["images"][name]["digest"] == digest(IMAGES[name]())


def test_an_image_that_changed_does_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from types import SimpleNamespace

    import peer_study

    monkeypatch.setattr(peer_study, "IMAGES", {"channel, 32": lambda: np.zeros((8, 8, 8), np.uint8)})
    context = SimpleNamespace(folder=tmp_path, quick=True, say=lambda text: None)
    assert np.isnan(peer_study.compared("taufactor", context).values["kept_difference"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["peers_taufactor", "peers_porespy", "peers_closed_forms", "peers_pybamm"])
def test_quick_variants(name: str, tmp_path: Path) -> None:
    from lithoscape.scenario.validate import find_cases, validate_case

    (case,) = find_cases([name], FOLDER)
    rows = validate_case(case, tmp_path, quick=True).rows
    assert sum(row.verdict == "met" for row in rows) >= 1
    assert not [row.id for row in rows if row.scored and row.verdict == "not met"]
    assert len(list(tmp_path.glob("*.png"))) >= 1
