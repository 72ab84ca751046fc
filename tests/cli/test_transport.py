"""The verb tortuosity: what it writes, what it prints, what it refuses."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from scipy.ndimage import gaussian_filter

from lithoscape.image import Grid, Volume
from lithoscape.image.io import write_volume


@pytest.fixture
def stack(here: Path) -> Path:
    """Labels without names or a voxel size."""
    noise = gaussian_filter(np.random.default_rng(1).normal(size=(16, 14, 12)), 1.5)
    tifffile.imwrite(here / "stack.tif", np.digitize(noise, [0.0, 0.12]).astype(np.uint8))
    return here / "stack.tif"


VOXEL = ("--voxel-um", "0.5")
NAMES = ("--phase", "pore=0", "--phase", "active=1", "--phase", "binder=2")
GIVEN = (*VOXEL, *NAMES)


def test_all_directions(stack: Path, command, here: Path) -> None:
    done = command("tortuosity", stack, *GIVEN, "--phase", "pore", "--direction", "all")
    assert (done.code, done.err) == (0, "")
    for word in ("axis 0 (through)", "tortuosity factor τ", "τ with the percolating", "MacMullin number"):
        assert word in done.out
    assert "separator third" in done.out
    text = done.out.split("for a scenario file:\n")[1].split("files:")[0]
    told = json.loads((here / "stack-transport" / "transport.json").read_text())
    assert yaml.safe_load(text) == told["hand_over"]["scenario"]
    names = {"transport.json", "flux.png", "profile.png"}
    assert {file.name for file in (here / "stack-transport").iterdir()} == names
    for name in ("flux.png", "profile.png"):
        assert (here / "stack-transport" / name).read_bytes()[:4] == b"\x89PNG"


def test_the_names_of_the_file_are_used(here: Path, command) -> None:
    labels = np.ones((8, 6, 6), np.uint8)
    labels[:, :3] = 0
    write_volume(Volume(labels, Grid(labels.shape, 1e-6), {"pore": 0, "active": 1}), here / "v.tif")
    told = json.loads(command("tortuosity", "v.tif", "--json", "--no-pictures").out)
    assert told["conductors"] == {"pore": 1.0}
    assert told["directions"][0]["tau"] == pytest.approx(1.0)
    assert told["files"] == ["v-transport/transport.json"]
    told = json.loads(command("tortuosity", "v.tif", "--json", "--no-pictures", "--phase", "active").out)
    assert told["conductors"] == {"active": 1.0}
    assert "scenario" not in told["hand_over"]


def test_options_reach_the_solver(stack: Path, command, here: Path) -> None:
    words = ("tortuosity", stack, *GIVEN, "--json", "--no-pictures", "--tolerance", "1e-6")
    face = json.loads(command(*words).out)["directions"][0]
    node = json.loads(command(*words, "--boundary", "node", "--slabs", "4").out)
    assert node["boundary"] == "node"
    assert len(node["profile"]["height"]["values"]) == 4
    assert node["directions"][0]["efficiency"] != pytest.approx(face["efficiency"], rel=1e-4)
    assert face["error"] <= 1e-6
    several = ("--conductivity", "active=10", "--conductivity", "binder=300", "--region", "low=0:4")
    mixed = json.loads(command(*words, *several).out)
    assert mixed["conductors"] == {"active": 10.0, "binder": 300.0}
    assert mixed["regions"]["region"]["values"] == ["low"]
    fem = json.loads(command(*words, "--engine", "fem").out)["directions"][0]
    assert fem["efficiency"] > face["efficiency"]  # from above, the other from below


def test_quiet(stack: Path, command, here: Path) -> None:
    done = command("tortuosity", stack, *GIVEN, "--quiet", "--out", "there")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (here / "there" / "transport.json").is_file()


BAD = {
    "unknown phase": ((*GIVEN, "--phase", "pores"), ("phase", "'pore'")),
    "no pore": ((*VOXEL, "--phase", "a=0", "--phase", "b=1", "--phase", "c=2"), ("phase", "pore")),
    "blocked": ((*GIVEN, "--phase", "binder"), ("no cluster", "axis 0", "binder")),
    "direction": ((*GIVEN, "--direction", "sideways"), ("direction", "sideways", "in-plane")),
    "engine": ((*GIVEN, "--engine", "voxels"), ("engine", "'voxel'")),
    "boundary": ((*GIVEN, "--boundary", "edge"), ("boundary", "edge", "face")),
    "boundary of the engine": ((*GIVEN, "--engine", "fem", "--boundary", "node"), ("boundary", "face")),
    "tolerance": ((*GIVEN, "--tolerance", "3"), ("tolerance", "3")),
    "slabs": ((*GIVEN, "--slabs", "12"), ("slab", "12")),
    "region": ((*GIVEN, "--region", "top=20:30"), ("regions.top",)),
    "conductivity grammar": ((*GIVEN, "--conductivity", "pore"), ("--conductivity", "pore")),
    "conductivity": ((*GIVEN, "--conductivity", "pore=-1"), ("conductivity.pore", "-1")),
    "no voxel size": (NAMES, ("voxel size",)),
    "no file": (None, ("none.tif",)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests(name: str, stack: Path, command, here: Path) -> None:
    words, parts = BAD[name]
    done = command("tortuosity", *(("none.tif",) if words is None else (stack, *words)))
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1
    for part in parts:
        assert part in done.err
    assert [file.name for file in here.iterdir()] == ["stack.tif"]


def test_a_missing_peer(stack: Path, command, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else real(name, *rest)
    )
    done = command("tortuosity", stack, *GIVEN, "--engine", "taufactor")
    assert done.code == 2
    assert "pip install 'lithoscape[taufactor]'" in done.err
    assert len(done.err.strip().splitlines()) == 1
