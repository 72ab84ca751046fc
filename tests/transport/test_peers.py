"""Other engines through one interface: the same numbers in their own definitions, clear words if missing."""

import importlib.util
import types

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lithoscape.errors import InputError, SolveError
from lithoscape.transport import peers
from lithoscape.transport.peers import ENGINES, PEERS, cross_check, effective_by, installed, require
from lithoscape.transport.voxel import VoxelOptions, effective

PORES = {0: 1.0, 1: 0.0}


def medium(n: int = 24, seed: int = 0) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(n, n - 2, n + 2)), 1.6)
    return (noise > np.quantile(noise, 0.55)).astype(np.uint8)


def peer(name: str):
    missing = [m for m in ENGINES[name].needs if importlib.util.find_spec(m) is None]
    reason = f"{' and '.join(missing)} not installed: {ENGINES[name].remedy}"
    return pytest.param(name, marks=pytest.mark.skipif(bool(missing), reason=reason))


@pytest.mark.parametrize("name", [peer(name) for name in PEERS])
@pytest.mark.parametrize("axis", [0, 2])
def test_peers_agree_in_their_own_definition(name: str, axis: int) -> None:
    labels = medium()
    (found,) = cross_check(labels, {0: 2.0, 1: 0.0}, axis, engines=[name], tolerance=1e-4)
    assert abs(found.difference) < 1e-3
    theirs, ours = found.theirs, found.ours
    assert theirs.effective == pytest.approx(ours.effective, rel=1e-3)
    assert theirs.tau_percolating == pytest.approx(ours.tau_percolating, rel=1e-3)
    assert (theirs.porosity, theirs.porosity_percolating) == (ours.porosity, ours.porosity_percolating)
    assert theirs.boundary == ours.boundary == ENGINES[name].boundaries[0]
    assert found.speedup > 0


@pytest.mark.parametrize("name", [peer(name) for name in PEERS])
def test_peers_keep_the_same_potential(name: str) -> None:
    labels = medium()
    asked = {"tolerance": 1e-5, "boundary": require(name), "keep_potential": True}
    kept = [effective_by(who, labels, PORES, 1, **asked).potential for who in (name, "voxel")]
    both = np.isfinite(kept[0]) & np.isfinite(kept[1])
    assert both.sum() > 0.9 * (labels == 0).sum()
    assert np.abs(kept[0] - kept[1])[both].max() < 0.02


def test_the_voxel_engine_is_the_voxel_solver() -> None:
    labels = medium()
    for boundary in ("face", "node"):
        one = effective_by("voxel", labels, PORES, 1, boundary=boundary, tolerance=1e-6)
        other = effective(labels, PORES, 1, options=VoxelOptions(1e-6, boundary))
        assert one.effective == other.effective


def test_elements_are_an_engine() -> None:
    labels = np.zeros((12, 8, 8), np.uint8)
    labels[4:8] = 1
    found = effective_by("fem", labels, {0: 1.0, 1: 0.2}, 0)
    assert found.tau == pytest.approx((8 + 4 / 0.2) / 12, rel=3e-3)


# -- what an engine is handed and what it answers --------------------------------
def test_a_peer_gets_one_phase_and_its_answer_is_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "installed", lambda name: True)
    seen = {}

    def solver(mask, axis, tolerance):
        seen.update(mask=mask, axis=axis, tolerance=tolerance)
        return 0.25, 7, np.ones(mask.shape)

    monkeypatch.setitem(peers._SOLVERS, "porespy", solver)
    labels = np.array([2, 3, 5], np.uint8)[np.random.default_rng(0).integers(0, 2, (6, 6, 6))]
    labels[:, 0, 0] = 5
    found = effective_by("porespy", labels, {2: 3.0, 3: 0.0, 5: 3.0}, 0, tolerance=1e-4, keep_potential=True)
    assert np.array_equal(seen["mask"], np.isin(labels, [2, 5]))
    assert (seen["axis"], seen["tolerance"]) == (0, 1e-4)
    assert (found.effective, found.efficiency, found.iterations) == (0.75, 0.25, 7)
    assert found.boundary == "node"
    assert found.tau == found.porosity / 0.25
    assert np.isnan(found.potential[labels == 3]).all()


def test_taufactor_that_does_not_converge_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Solver:
        converged = False

        def __init__(self, image, device):
            assert image.dtype == np.uint8

        def solve(self, **options):
            print("Warning: not converged")

    monkeypatch.setattr(peers, "installed", lambda name: True)
    monkeypatch.setitem(__import__("sys").modules, "taufactor", types.SimpleNamespace(Solver=Solver))
    with pytest.raises(SolveError, match="TauFactor"):
        effective_by("taufactor", np.zeros((4, 4, 4), np.uint8), {0: 1.0})


# -- refused ---------------------------------------------------------------------
def test_a_missing_peer_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not installed("taufactor")
    assert installed("voxel")
    for name, extra in (("taufactor", "taufactor"), ("porespy", "peers")):
        with pytest.raises(InputError, match=rf"pip install 'lithoscape\[{extra}\]'") as told:
            effective_by(name, medium(), PORES)
        assert told.value.field == "engine"


@pytest.mark.parametrize(
    ("engine", "options", "word"),
    [
        ("taufacter", {}, "'taufactor'"),
        ("porespy", {"boundary": "face"}, "node"),
        ("taufactor", {"boundary": "node"}, "face"),
        ("fem", {"boundary": "node"}, "face"),
        ("voxel", {"boundary": "edge"}, "face or node"),
        ("porespy", {"conductivity": {0: 1.0, 1: 2.0}}, "one conducting phase"),
        ("taufactor", {"spacing": (1.0, 1.0, 2.0)}, "cubic"),
        ("taufactor", {"labels": np.eye(5, dtype=np.uint8)[:, :, None] * np.ones(5, np.uint8)}, "reaches"),
        ("taufactor", {"conductivity": {0: 1.0}}, "no conductivity"),
        ("fem", {"conductivity": {0: 1.0}}, "no conductivity"),
        ("fem", {"labels": np.ones((5, 1, 5), np.uint8)}, "engine voxel"),
        ("taufactor", {"labels": np.ones((5, 5), np.uint8)}, "three axes"),
    ],
)
def test_what_an_engine_cannot_do(engine, options, word, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "installed", lambda name: True)
    given = {"labels": medium(), "conductivity": {0: 0.0, 1: 1.0}, **options}
    with pytest.raises(InputError, match=word):
        effective_by(engine, given.pop("labels"), given.pop("conductivity"), **given)
