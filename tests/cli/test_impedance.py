"""The verb impedance: scenarios, measured files, fits."""

import json
from pathlib import Path

import numpy as np
import pytest

from lithoscape.spectra import Spectrum

ROOT = Path(__file__).parents[2]
HALF = ROOT / "scenarios" / "half_cell_xu2019.yaml"
LAYER = ("--set", "materials.changes.positive.double_layer=0.2")
SMALL = ("--set", "geometry.cells=6", "--set", "solver.radial_nodes=8")
FEW = ("--from", "1 Hz", "--to", "10 kHz", "--per-decade", "3")


def test_a_scenario(command, here: Path) -> None:
    done = command("impedance", HALF, *LAYER, *SMALL, *FEW)
    assert (done.code, done.err) == (0, "")
    assert "at the start, 3.650 V" in done.out
    folder = here / "impedance" / "half_cell_xu2019-base"
    assert {f.name for f in folder.iterdir()} == {"spectrum_1.nc", "nyquist.png", "bode.png"}
    s = Spectrum.load(folder / "spectrum_1.nc")
    assert s.frequencies.size == 13
    assert (s.impedance.real > 0).all()
    assert command("impedance", HALF, *LAYER, *SMALL, *FEW, "-q").out == ""


def test_machine_readable_with_a_fit(command, here: Path) -> None:
    done = command("impedance", HALF, *LAYER, *SMALL, *FEW, "--fit", "R0-p(R1,C1)", "--json", "--out", "x")
    out = json.loads(done.out)
    (s,), (fit,) = out["spectra"], out["fits"]
    assert (s["unit"], len(s["real"]), len(s["frequency_Hz"])) == ("ohm.m2", 13, 13)
    assert fit["circuit"] == "R0-p(R1,C1)"
    for value in fit["parameters"].values():
        assert value["low"] < value["value"] < value["high"]
    assert [Path(f).name for f in out["files"]] == ["spectrum_1.nc", "nyquist.png", "bode.png"]


def test_after_the_protocol(command, here: Path) -> None:
    lines = "protocol=[Discharge at 1C for 30 s, EIS from 1 Hz to 10 Hz, Rest for 10 s]"
    start = ("--set", lines, "--set", "initial.state_of_lithiation=0.5")
    done = command("impedance", HALF, *LAYER, *SMALL, *FEW, *start, "--at", "end", "--json")
    told = [s["about"] for s in json.loads(done.out)["spectra"]]
    assert [a["Time [s]"] for a in told] == pytest.approx([30.0, 40.0])
    assert [round(a["Current density [A.m-2]"], 3) for a in told] == [15.584, 0.0]


def test_contributions(command, here: Path) -> None:
    done = command("impedance", HALF, *LAYER, *SMALL, *FEW, "--parts", "--json")
    spectra = {s["label"]: np.array(s["real"]) for s in json.loads(done.out)["spectra"]}
    assert len(spectra) == 8
    assert spectra["without charge transfer"][0] < 0.7 * spectra["all"][0]
    assert spectra["without double layer"][-1] > 1.5 * spectra["all"][-1]


def test_a_blocking_electrode(command, here: Path) -> None:
    span = ("--from", "10 Hz", "--to", "100 kHz", "--per-decade", "5")
    done = command("impedance", HALF, *span, "--blocking", "0.1")
    assert done.code == 0
    tau = float(done.out.split("Tortuosity: ")[1].split()[0])
    assert tau == pytest.approx(0.331**-0.5, rel=0.01)
    refused = command("impedance", HALF, *span, "--blocking", "0")
    assert (refused.code, refused.out) == (2, "")
    assert "double layer" in refused.err


def test_a_measured_file(command, here: Path) -> None:
    f = np.geomspace(1e4, 0.1, 26)
    z = 1.0 + 2.0 / (1 + 2j * np.pi * f * 1e-2)
    rows = [f"{a:.9e} {b.real:.9e} {b.imag:.9e}" for a, b in zip(f, z, strict=True)]
    Path("cell.z").write_text("\n".join(["Freq(Hz) Z'(a) Z''(b)", "End Comments", *rows]))
    done = command("impedance", "cell.z", "--fit", "R0-p(R1,C1)")
    assert (done.code, done.err) == (0, "")
    assert "Kramers-Kronig residual, rms" in done.out
    assert "R1" in done.out and "5e-0" not in done.out
    assert (here / "impedance" / "cell" / "nyquist.png").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("x.png",), "no impedance is known"),
        ((HALF, "--at", "middle"), "--at: no such state"),
        ((HALF, "--from", "1 V"), "cannot read this frequency"),
        ((HALF, "--per-decade", "0.1"), "points per decade"),
        ((HALF, *SMALL, *FEW, "--fit", "R0-Q1"), "no element 'Q'"),
        (("none.mpt",), "cannot be read"),
    ],
)
def test_bad_input_is_one_line(command, here: Path, words: tuple, message: str) -> None:
    done = command("impedance", *words)
    assert (done.code, done.out.count("Traceback")) == (2, 0)
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_run_keeps_its_spectra_and_reports_them(command, here: Path) -> None:
    lines = "protocol=[EIS from 1 Hz to 10 kHz, Discharge at 1C for 10 s, EIS from 10 Hz to 10 kHz]"
    start = ("--set", lines, "--set", "initial.state_of_lithiation=0.5")
    done = command("run", HALF, *LAYER, *SMALL, *start, "--out", "there", "--quiet")
    assert (done.code, done.err) == (0, "")
    kept = sorted(f.name for f in (here / "there").glob("spectrum_*.nc"))
    assert kept == ["spectrum_1.nc", "spectrum_3.nc"]
    assert Spectrum.load(here / "there" / "spectrum_3.nc").about["Time [s]"] == pytest.approx(10.0)
    page = (here / "there" / "report.html").read_text(encoding="utf-8")
    assert 'id="impedance"' in page
    assert "at the start" in page and "after 0.1667 min" in page
    # a run without impedance steps forgets them
    command("run", HALF, *SMALL, "--set", "protocol=[Rest for 1 s]", "--out", "there", "--quiet")
    assert not list((here / "there").glob("spectrum_*.nc"))
    assert 'id="impedance"' not in (here / "there" / "report.html").read_text(encoding="utf-8")
