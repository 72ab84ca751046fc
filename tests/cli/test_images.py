"""Verbs of images: what they write, what they print, what they refuse."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

RECIPE = {
    "title": "Two walls and a scan",
    "seed": 1,
    "size_um": [10, 12, 12],
    "voxel_um": 0.5,
    "steps": [{"make": "spheres", "phase": "active", "fraction": 0.3, "diameter_um": 4}],
    "scan": {"grey": {"pore": 100, "active": 200}, "blur_um": 0.5, "noise": 5, "bits": 8},
}
SEGMENTATION = {"phases": ["pore", "active"], "steps": [{"step": "otsu"}]}


@pytest.fixture
def recipe(here: Path) -> Path:
    file = here / "small.yaml"
    file.write_text(yaml.safe_dump(RECIPE))
    return file


@pytest.fixture
def stack(here: Path) -> Path:
    """Labels 0 and 7 without a voxel size."""
    labels = np.zeros((12, 10, 8), np.uint8)
    labels[:6] = 7
    tifffile.imwrite(here / "stack.tif", labels)
    return here / "stack.tif"


def test_generate_segment_measure_from_end_to_end(recipe: Path, command, here: Path) -> None:
    done = command("generate", recipe, "-o", "v.tif", "--particles")
    assert (done.code, done.err) == (0, "")
    assert "active: target fraction: 0.3" in done.out
    names = {"v.tif", "v.json", "v.png", "v-scan.tif", "v.active-particles.tif"}
    assert names <= {file.name for file in here.iterdir()}

    (here / "seg.yaml").write_text(yaml.safe_dump(SEGMENTATION))
    done = command("segment", "v-scan.tif", "seg.yaml", "-o", "found.tif")
    assert (done.code, done.err) == (0, "")
    assert (here / "found-steps" / "01_otsu.png").is_file()

    for image in ("v.tif", "found.tif"):
        done = command("measure", image, "--what", "fractions", "--what", "surface", "--slabs", "2")
        assert (done.code, done.err) == (0, "")
        assert "Specific surface area [µm⁻¹]" in done.out
    told = [json.loads((here / f"{n}-measures" / "measures.json").read_text()) for n in ("v", "found")]
    first, second = (t["measures"]["Volume fraction"]["active"] for t in told)
    assert first == pytest.approx(0.3, rel=0.03)
    assert second == pytest.approx(first, rel=0.05)


def test_generate_is_quiet_and_machine_readable(recipe: Path, command, here: Path) -> None:
    assert command("generate", recipe, "--quiet", "--no-preview").out == ""
    assert (here / "small.tif").is_file()
    told = json.loads(command("generate", recipe, "--json", "--no-preview", "--seed", "2").out)
    assert told["recipe"]["seed"] == 2
    assert told["files"][0] == "small.tif"


def test_measure_takes_everything_the_file_lacks(stack: Path, command) -> None:
    words = ("--voxel-um", "2,1,1", "--phase", "pore=0", "--phase", "active=7", "--crop", "2:,:,0:4")
    done = command("measure", stack, *words, "--what", "fractions", "--region", "low=0:8", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert told["image"]["shape"] == [10, 10, 4]
    assert told["image"]["voxel_size_m"] == pytest.approx([2e-6, 1e-6, 1e-6])
    assert told["measures"]["Volume fraction"] == pytest.approx({"pore": 0.6, "active": 0.4})
    assert told["regions"]["Volume fraction"]["values"] == [pytest.approx([0.0, 1.0])]


VOXEL = ("--voxel-um", "1")
NAMES = ("--phase", "pore=0", "--phase", "active=7")
BAD = {
    "no voxel size": (NAMES, ("voxel size", "--voxel-um")),
    "voxel in metres": (("--voxel-um", "1e9", *NAMES), ("voxel_size",)),
    "voxel as text": (("--voxel-um", "one", *NAMES), ("--voxel-um", "one")),
    "unknown label": ((*VOXEL, "--phase", "pore=0"), ("7",)),
    "empty phase": ((*VOXEL, *NAMES, "--phase", "binder=3"), ("binder", "3")),
    "phase grammar": ((*VOXEL, "--phase", "pore"), ("--phase", "pore")),
    "phase twice": ((*VOXEL, "--phase", "pore=0", "--phase", "pore=7"), ("--phase", "pore=7")),
    "measure": ((*VOXEL, *NAMES, "--what", "surfaces"), ("surfaces", "'surface'")),
    "slabs": ((*VOXEL, *NAMES, "--slabs", "11"), ("slab", "11")),
    "region": ((*VOXEL, *NAMES, "--region", "top=20:30"), ("regions.top",)),
    "region grammar": ((*VOXEL, *NAMES, "--region", "top"), ("--region", "top")),
    "crop grammar": ((*VOXEL, *NAMES, "--crop", "1:2"), ("--crop", "1:2")),
    "crop": ((*VOXEL, *NAMES, "--crop", "50:60,:,:"), ("crop", "50")),
    "collector": ((*VOXEL, *NAMES, "--collector", "top"), ("collector", "top")),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_measure_requests(name: str, stack: Path, command, here: Path) -> None:
    words, parts = BAD[name]
    done = command("measure", stack, *words)
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1
    for part in parts:
        assert part in done.err
    assert [file.name for file in here.iterdir()] == ["stack.tif"]


def test_bad_files(command, here: Path, recipe: Path) -> None:
    (here / "cut.tif").write_bytes(b"II*\0\x08\0\0\0\x05\0")
    (here / "flat.tif").write_bytes(b"")
    tifffile.imwrite(here / "page.tif", np.zeros((4, 4), np.uint8))
    cases = [
        (("measure", "none.tif"), "none.tif"),
        (("measure", "cut.tif"), "cut.tif"),
        (("measure", "flat.tif"), "flat.tif"),
        (("measure", "page.tif", "--voxel-um", "1"), "page.tif"),
        (("generate", "none.yaml"), "none.yaml"),
        (("generate", recipe, "-o", "v.png"), ".tif"),
        (("generate", recipe, "-o", "nowhere/v.tif"), "nowhere"),
        (("segment", "page.tif", "none.yaml"), "none.yaml"),
    ]
    before = {file.name for file in here.iterdir()}
    for words, part in cases:
        done = command(*words)
        assert done.code == 2, words
        assert part in done.err, words
        assert "Traceback" not in done.err
    assert {file.name for file in here.iterdir()} == before


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"fraction": 0.95}, ("steps[0]", "0.95")),
        ({"fraction": 1.2}, ("steps[0].fraction", "1.2")),
        ({"diameter_um": 30}, ("steps[0].fraction", "larger box")),
    ],
)
def test_packings_that_cannot_be(step: dict, words: tuple[str, ...], command, here: Path) -> None:
    (here / "bad.yaml").write_text(yaml.safe_dump({**RECIPE, "steps": [{**RECIPE["steps"][0], **step}]}))
    done = command("generate", "bad.yaml")
    assert done.code in (1, 2)
    for word in words:
        assert word in done.err
    assert [file.name for file in here.iterdir()] == ["bad.yaml"]
