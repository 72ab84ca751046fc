"""The verb mesh: what it writes, what it prints, what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from lithoscape.mesh.files import read_mesh

RECIPE = {
    "title": "A few particles",
    "seed": 1,
    "size_um": [12, 12, 12],
    "voxel_um": 1,
    "steps": [{"make": "spheres", "phase": "active", "fraction": 0.45, "diameter_um": 5, "walls": "cut"}],
}


@pytest.fixture
def recipe(here: Path) -> Path:
    file = here / "small.yaml"
    file.write_text(yaml.safe_dump(RECIPE))
    return file


def test_a_recipe_becomes_a_mesh_with_picture_and_figures(recipe: Path, command, here: Path) -> None:
    done = command("mesh", recipe, "-o", "m.xdmf", "--separator-um", "4")
    assert (done.code, done.err) == (0, "")
    for text in ("separator", "counter electrode", "active | pore", "smallest, largest angle"):
        assert text in done.out
    told = json.loads((here / "m.json").read_text())
    assert abs(told["volume_errors"]["active"]) < 0.1  # what is cut off counts as inactive
    assert told["region_sizes"]["separator"] == pytest.approx(12 * 12 * 4e-18, rel=1e-9, abs=0)
    assert told["statistics"]["smallest_angle"] > 5
    mesh = read_mesh(here / "m.xdmf")
    assert mesh.sizes().sum() == pytest.approx(12 * 12 * 16e-18, rel=1e-9, abs=0)
    assert {"active", "pore", "separator"} <= set(mesh.regions)
    assert (here / "m.png").stat().st_size > 10_000


def test_an_image_becomes_a_mesh_of_voxels_or_of_numbered_particles(
    recipe: Path, command, here: Path
) -> None:
    assert command("generate", recipe, "-o", "v.tif", "--no-preview").code == 0
    done = command("mesh", "v.tif", "-o", "m.vtu", "--particles", "active", "--no-picture", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert not (here / "m.png").exists()
    mesh = read_mesh(here / "m.vtu")
    active = np.isin(mesh.tags, [mesh.regions["active"]])
    assert mesh.cell_data["particle"][active].min() > 0
    assert told["cells"] == len(mesh.cells)
    done = command("mesh", "v.tif", "-o", "h.vtu", "--route", "hexahedron", "--no-picture")
    assert done.code == 0
    assert "staircase" in done.out
    assert read_mesh(here / "h.vtu").kind == "hexahedron"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--route", "cubes"), "--route"),
        (("-o", "m.stl"), ".xdmf"),
        (("--size-um", "50"), "size"),
        (("--separator-um", "0.5"), "separator"),
        (("--particles", "binder"), "binder"),
        (("--disconnected", "burn"), "--disconnected"),
    ],
)
def test_bad_options_are_named_and_nothing_is_written(
    recipe: Path, command, here: Path, words: tuple[str, ...], told: str
) -> None:
    done = command("mesh", recipe, *words)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.err
    assert {file.name for file in here.iterdir()} == {"small.yaml"}


def test_a_refused_mesh_is_kept_for_a_look(command, here: Path) -> None:
    labels = np.zeros((16, 12, 12), np.uint8)
    labels[5:11] = 1  # a wall of active material: no way through the pore, and none to the collector
    np.save(here / "wall.npy", labels)
    done = command(
        "mesh", "wall.npy", "--voxel-um", "1", "--phase", "pore=0", "--phase", "active=1", "-o", "w.msh"
    )
    assert done.code == 1
    assert "pore does not percolate" in done.err
    assert "w.refused.vtu" in done.err
    assert "Traceback" not in done.err
    assert not (here / "w.msh").exists()
    assert set(read_mesh(here / "w.refused.vtu").regions) == {"pore", "active"}


def test_a_page_becomes_a_mesh_of_triangles(command, here: Path) -> None:
    labels = np.zeros((20, 16, 4), np.uint8)
    labels[:8, :9] = 1
    np.save(here / "v.npy", labels)
    image = ["v.npy", "--voxel-um", "1", "--phase", "pore=0", "--phase", "active=1", "--no-picture"]
    done = command("mesh", *image, "--crop", "0:20,0:16,1:2", "-o", "page.vtu", "--disconnected", "keep")
    assert (done.code, done.err) == (0, "")
    mesh = read_mesh(here / "page.vtu")
    assert mesh.kind == "triangle"
    assert mesh.region_sizes()["active"] == pytest.approx(72e-12, rel=0.01, abs=0)
    done = command("mesh", *image, "--crop", "3:4,0:16,0:4", "-o", "flat.vtu")
    assert done.code == 2
    assert "one page across its through axis 0" in done.err
