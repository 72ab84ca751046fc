"""The verb impedance on images."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lithoscape.image import Grid, Volume
from lithoscape.image.io import write_volume
from lithoscape.impedance.diffusion import diffusion_impedance
from lithoscape.impedance.diffusion_study import diffusion_study
from lithoscape.spectra import Spectrum

QUICK = ("--phase", "pore", "--diffusivity", "2e-10")


@pytest.fixture
def electrode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pages from the collector up: narrow straight pores, above them wide ones, joined in the upper half."""
    labels = np.ones((24, 12, 10), dtype=np.uint8)
    labels[:, 2:4, 3:5] = 0
    labels[12:, 2:9, 3:9] = 0
    labels[15:18] = 0
    monkeypatch.chdir(tmp_path)
    volume = Volume(labels, Grid(labels.shape, 2e-6, through=0, collector="low"), {"pore": 0, "active": 1})
    write_volume(volume, tmp_path / "electrode.tif")
    return tmp_path / "electrode.tif"


def test_an_image_gives_a_table_and_a_picture(command, electrode: Path) -> None:
    done = command("impedance", electrode, *QUICK)
    assert (done.code, done.err) == (0, "")
    assert "24 × 12 × 10 voxels, pore" in done.out
    assert "0 through" in done.out
    folder = electrode.parent / "impedance" / "electrode"
    with Image.open(folder / "nyquist.png") as picture:
        assert picture.size[0] > 500
    kept = Spectrum.load(folder / "spectrum_1.nc")
    assert kept.unit == "1"
    assert kept.about["inlet"] == "high"  # the separator
    assert kept.about["direction"] == "through (axis 0)"
    assert command("impedance", electrode, *QUICK, "-q").out == ""


def test_frequencies_may_be_chosen(command, electrode: Path) -> None:
    ends = ("--from", "1 mHz", "--to", "1 Hz", "--per-decade", "2")
    done = command("impedance", electrode, *QUICK, *ends, "--json", "--out", "x")
    told = json.loads(done.out)
    assert sorted(told["spectra"][0]["frequency_Hz"]) == pytest.approx(np.logspace(-3, 0, 7))
    (note,) = told["notes"]  # sqrt(2e-10 / 2 pi) is 5.6 um, and three voxels are 6 um
    assert "at 1 Hz the diffusion length is 2.8 voxels" in note


@pytest.mark.parametrize(
    ("name", "words", "option"),
    [
        ("electrode.tif", ("--fit", "randles"), "--fit"),
        ("electrode.tif", ("--at", "end"), "--at"),
        ("electrode.tif", ("--set", "a=1"), "--set"),
        ("cell.yaml", ("--phase", "pore"), "--phase"),
        ("cell.yaml", ("--sweep", "2"), "--sweep"),
        ("cell.DTA", ("--from", "1 Hz"), "--from"),
    ],
)
def test_options_that_would_be_ignored_are_refused(command, electrode, name, words, option) -> None:
    done = command("impedance", electrode.parent / name, *words)
    assert done.code == 2
    assert f"error: {option}: this means nothing for the impedance of this" in done.err


def test_all_directions_by_region_for_machines(command, electrode: Path) -> None:
    done = command(
        "impedance", electrode, *QUICK, "--direction", "all", "--regions", "2", "--json", "--out", "x"
    )
    assert done.code == 0
    told = json.loads(done.out)
    places = [(s["region"], s["direction"]) for s in told["spectra"]]
    assert places == [
        ("region 1", "through (axis 0)"),
        ("region 1", "in plane (axis 1)"),
        ("region 1", "in plane (axis 2)"),
        ("region 2", "through (axis 0)"),
    ]
    assert [(b["region"], b["axis"]) for b in told["blocked"]] == [("region 2", 1), ("region 2", 2)]
    assert "pore does not connect inlet and outlet along axis 1" in told["blocked"][0]["why"]
    labels = np.ones((12, 12, 10), dtype=np.uint8)  # at the separator
    labels[:, 2:9, 3:9] = 0
    labels[3:6] = 0
    alone = diffusion_impedance(labels, 0, 1, spacing=(2e-6,) * 3, diffusivity=2e-10)
    z = np.array(told["spectra"][1]["real"]) + 1j * np.array(told["spectra"][1]["imaginary"])
    np.testing.assert_allclose(z, alone.normalised, rtol=1e-12)
    straight = told["spectra"][3]
    assert straight["about"]["MacMullin number"] == pytest.approx(30, rel=1e-4)
    assert straight["about"]["Porosity"] == pytest.approx(1 / 30)
    assert len(told["files"]) == 5
    assert all((electrode.parent / file).is_file() for file in told["files"])


def test_a_closed_collector_stores(command, electrode: Path) -> None:
    done = command("impedance", electrode, *QUICK, "--outlet", "reflecting", "--json")
    about = json.loads(done.out)["spectra"][0]["about"]
    assert about["outlet"] == "reflecting"
    assert "MacMullin number" not in about
    assert about["Poles [s-1]"][0] == 0
    assert "–" in command("impedance", electrode, *QUICK, "--outlet", "reflecting").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--phase", "binder"), "binder"),
        (("--outlet", "open"), "outlet: there is no such outlet"),
        (("--inlet", "top"), "inlet: there is no such side"),
        (("--direction", "up"), "direction: there is no such direction"),
        (("--regions", "13"), "regions: regions are of two layers"),
        (("--diffusivity", "0"), "diffusivity: a diffusivity is a positive number"),
        (("--crop", "0:10,:,:", "--direction", "1"), "phase: pore connects inlet and outlet nowhere"),
    ],
)
def test_what_cannot_be_is_one_line(command, electrode: Path, words: tuple, message: str) -> None:
    done = command("impedance", electrode, *words)
    assert (done.code, done.out.count("Traceback")) == (2, 0)
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_the_inlet_is_at_the_separator_whichever_end_that_is() -> None:
    labels = np.ones((12, 6, 6), dtype=np.uint8)
    labels[:, 1:3, 1:3] = 0
    labels[6:, 1:5, 1:5] = 0
    grid = Grid(labels.shape, 1e-6, through=0, collector="low")
    up = Volume(labels, grid, {"pore": 0, "active": 1})
    down = Volume(labels[::-1], Grid(labels.shape, 1e-6, through=0, collector="high"), up.phases)
    spectra = [
        diffusion_study(v, {"pore": 1.0}, inlet=inlet).spectra["whole", 0]
        for v in (up, down)
        for inlet in ("separator", "collector")
    ]
    np.testing.assert_allclose(spectra[0].impedance, spectra[2].impedance, rtol=1e-5)
    np.testing.assert_allclose(spectra[1].impedance, spectra[3].impedance, rtol=1e-5)
    assert abs(spectra[1].impedance[-1]) > 2 * abs(spectra[0].impedance[-1])
