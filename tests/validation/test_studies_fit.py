"""The fit on the page of the thick cracked electrode: what is kept of it, what is said of it."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import xarray as xr
import yaml

from lithoscape.errors import InputError
from lithoscape.validation import Findings

ROOT = Path(__file__).parents[2]
FIT = ROOT / "scenarios" / "fit_mcc_xrd.yaml"
FITTED = {"electrode.transport.through": 0.05, "initial.state_of_lithiation": 0.9}
KNOWN = {"voltage only": (), "SoL only": ("through",), "all data": ("through", "crack")}


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies import files beside them."""
    monkeypatch.syspath_prepend(str(ROOT / "validation"))


def results() -> dict:
    """A results.json of the joint fit, as far as it is read; the voltage confines no parameter."""
    said = yaml.safe_load(FIT.read_text(encoding="utf-8"))["parameters"]
    of = {"transform": "log", "unit": "", "identified": False, "at_bound": False, "prior": "uniform"}
    parameters = {
        n: of | {k: p[k] for k in ("start", "transform", "unit") if k in p}
        | {"bounds": [p["low"], p["high"]], "value": p["start"], "interval_95": [p["low"], p["high"]]}
        for n, p in said.items()
    }  # fmt: skip
    parameters["through"] |= {"identified": True, "value": 0.05, "interval_95": [0.04, 0.06]}
    parameters["initial"]["at_bound"] = True
    datum = {"numbers": 1, "missing": "", "chi2_at_start": 50.0}
    data = [
        datum | {"name": "t_top_charge", "group": "voltage", "unit": "min", "measured": 70.0,
                 "uncertainty": 3.0, "fitted": 76.0, "chi2": 4.0},
        datum | {"name": "onset_08_middle_1.0", "group": "SoL", "unit": "min", "measured": 8.0,
                 "uncertainty": 3.0, "fitted": None, "chi2": 900.0, "missing": "not above 1 %"},
    ]  # fmt: skip
    subsets = {}
    for k, (name, known) in enumerate(KNOWN.items()):
        members = ["voltage", "SoL"] if name == "all data" else [name.split()[0]]
        combinations = [{"direction": f"1.00 {n}", "identified": i <= k} for i, n in enumerate(said)]
        deviation = {n: 0.1 if n in known else (None if k == 0 else 2.0) for n in said}
        subsets[name] = {"groups": members, "numbers": [2, 7, 9][k], "combinations": combinations,
                         "identified": {n: n in known for n in said},
                         "deviation_without_priors": deviation}  # fmt: skip
    flat = {"open": [True, True], "delta_chi2": [1.0, 0.0, 1.0]}
    profiles = {
        n: flat | {"interval_95": [p["low"], p["high"]], "values": [p["low"], p["start"], p["high"]]}
        for n, p in said.items()
    }
    profiles["through"] = {"interval_95": [0.049, 0.051], "open": [False, True],
                           "values": [0.049, 0.05, 0.051], "delta_chi2": [0.0, 1.5, 9.0]}  # fmt: skip
    none = dict.fromkeys(said, 0.01)
    return {
        "title": "x", "parameters": parameters, "data": data, "identifiability": subsets,
        "profiles": {"all data": profiles}, "chi2": 904.0, "chi2_at_start": 1000.0, "chi2_of_priors": 0.5,
        "numbers": 9, "degrees_of_freedom": 2, "converged": True, "message": "ended", "simulations": 80,
        "time": {"runs_s": [60.0, 120.0], "whole_s": 180.0, "median_simulation_s": 2.0, "timed": 70},
        "failed": [{}, {}], "provenance": {"revision": "abc"},
        "derivatives": {"change_with_step": none | {"crack": 0.5}, "error_from_noise": none},
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a fit."""
    made = tmp_path / "fit"
    (made / "fitted").mkdir(parents=True)
    (made / "results.json").write_text(json.dumps(results()))
    content = {"changes": FITTED, "fitted_on": ["t_top_charge"], "note": "x"}
    (made / "fitted" / "mcc_xrd_nmc622.fitted.yaml").write_text(yaml.safe_dump(content))
    return made


@pytest.fixture
def summary(folder: Path, tmp_path: Path):
    import keep_fit
    import mcc_xrd_fit

    keep_fit.keep(folder, FIT, tmp_path / "kept")
    return mcc_xrd_fit.read_summary("mcc_xrd_nmc622", tmp_path / "kept")


def test_what_is_kept(summary, tmp_path: Path) -> None:
    from lithoscape.validation import read_fitted

    fitted = read_fitted(tmp_path / "kept" / "mcc_xrd_nmc622.yaml")
    assert dict(fitted.changes) == FITTED and summary["fitted_on"] == ["t_top_charge"]
    assert [d["residual"] for d in summary["data"]] == [2.0, None]
    assert summary["parameters"]["ratio"]["prior"] == "lognormal, 1 within a factor of 1.5"
    assert summary["parameters"]["initial"]["prior"] == "normal, 0.9 ± 0.02"
    assert summary["parameters"]["D_s_slope"]["scale"] == pytest.approx(0.75)
    assert summary["parameters"]["through"]["scale"] == pytest.approx(0.9284, abs=1e-4)
    assert len((tmp_path / "kept" / "mcc_xrd_nmc622.json").read_bytes()) < 20_000


def test_nothing_half_kept(folder: Path, summary, tmp_path: Path) -> None:
    import keep_fit
    import mcc_xrd_fit as page

    assert page.read_summary("mcc_xrd_nmc622", tmp_path / "none") is None
    file = tmp_path / "kept" / "mcc_xrd_nmc622.yaml"
    file.write_text(file.read_text().replace("0.05", "0.06"))
    with pytest.raises(InputError, match="different fits"):
        page.read_summary("mcc_xrd_nmc622", tmp_path / "kept")
    file.unlink()
    assert page.read_summary("mcc_xrd_nmc622", tmp_path / "kept") is None
    other = results()
    other["parameters"]["crack"]["bounds"][0] = 0.03
    (folder / "results.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="not the file of this fit"):
        keep_fit.keep(folder, FIT, tmp_path / "kept")
    (folder / "results.json").unlink()
    with pytest.raises(InputError, match="no finished fit"):
        keep_fit.keep(folder, FIT, tmp_path / "kept")


def test_the_page(summary, case, tmp_path: Path) -> None:
    import mcc_xrd_fit as page

    found = Findings()
    page.add(found, case, summary, tmp_path / "out")
    parameters, data, known, numbers, times = found.tables
    rows = {row[0].split(":")[0]: row for row in parameters.rows}
    assert [rows[n][-1] for n in ("through", "ratio", "initial")] == ["yes", "no", "at a bound"]
    assert rows["through"][2:7] == [
        0.06, "0.01 to 0.41", "uniform within the bounds", 0.05, "0.04 to 0.06",
    ]  # fmt: skip
    assert "`t_top_charge`" in data.rows[0][0]
    assert data.rows[0][3:8] == [70.0, 3.0, 76.0, "+2.00", 4.0]
    assert data.rows[1][5:] == [None, None, 900.0, 50.0, "not above 1 %"]
    cells = {row[0].split()[0]: row[1:] for row in known.rows}
    assert known.columns[1:4] == ("voltage only", "SoL only", "all data")
    assert cells["through"] == ["not confined", "0.1, yes", "0.1, yes", "0.049 to ≥ 0.051"]
    assert cells["crack"][:3] == ["not confined", "2, no", "0.1, yes"]
    assert cells["combinations"][:3] == ["1 of 7", "2 of 7", "3 of 7"]
    assert cells["measured"][:3] == ["2", "7", "9"]
    assert dict(numbers.rows)["of these short of some of the data"] == 2
    assert times.timing and dict(times.rows)["runs that were timed, together [min]"] == 3.0
    assert found.pictures[0].file.read_bytes().startswith(b"\x89PNG")


def test_what_is_said(summary) -> None:
    import mcc_xrd_fit as page

    text = page.verdict(summary)
    assert "452 per degree of freedom" in text and "too narrow" in text
    assert "away: `onset_08_middle_1.0`." in text
    assert "crack (50 %)" in text and "curvature says: through." in text
    assert "lower by 1.5 than at the best fit" in text
    good = dict(summary) | {"chi2": 3.0, "found_below": 0.0}
    assert not any(said in page.verdict(good) for said in ("too narrow", "lower by"))


def test_the_answer_to_the_source(summary) -> None:
    import mcc_xrd_fit as page

    text = page.answer(summary)
    assert "**They do**: through and crack are identified once the SoL are added" in text
    assert (
        "(2 numbers) identifies 0 of 7" in text and "them 1; with the SoL (7 numbers) it is 2, and 3" in text
    )
    assert "ratio, D_s, D_s_slope, i0 and initial stay open" in text
    assert "2 numbers cannot confine more than 2" in text
    other = copy.deepcopy(dict(summary))
    other["identifiability"]["voltage only"]["identified"]["crack"] = True
    assert "**They do**: through is identified once" in page.answer(other)
    whole = other["identifiability"]["all data"]
    whole["identified"] = dict.fromkeys(whole["identified"], False)
    assert "**They do in part**: combinations gained: 2, but" in page.answer(other)
    whole["combinations_identified"] = whole["combinations_identified"][:1]
    assert "**They do not here**" in page.answer(other)


def test_the_study_with_and_without_a_fit(
    summary, record: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mcc_xrd_fit as page
    import mcc_xrd_nmc622

    monkeypatch.setattr(page, "HERE", tmp_path)
    context = SimpleNamespace(quick=True, folder=tmp_path, run=lambda *_: record, say=print)
    for kept, count in ((None, 0), (summary, 5)):
        monkeypatch.setattr(page, "read_summary", lambda name, kept=kept: kept)
        assert len(mcc_xrd_nmc622.study(context).tables) == count
