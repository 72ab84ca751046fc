"""The ready meshes are what their recipes make."""

from pathlib import Path

import pytest
import yaml

from lithoscape.generate import load_recipe, make
from lithoscape.mesh import MeshOptions, check, mesh_volume, read_mesh

READY = Path(__file__).parents[2] / "meshes" / "ready"


@pytest.mark.parametrize("name", ["packing", "three_phases"])
def test_a_ready_mesh_is_what_its_recipe_makes(name: str) -> None:
    file = READY / f"{name}.yaml"
    words = yaml.safe_load(file.read_text())["notes"].split()
    structure = make(load_recipe(file))
    options = MeshOptions(
        size=1e-6 * float(words[words.index("--size-um") + 1]),
        separator=1e-6 * float(words[words.index("--separator-um") + 1]),
    )
    shapes = None if "--no-exact" in words else structure.shapes
    made = check(mesh_volume(structure.volume, shapes=shapes, options=options), on_disconnected="drop").mesh
    stored = read_mesh(READY / f"{name}.vtu")
    assert len(stored.cells) == pytest.approx(len(made.cells), rel=0.01)
    sizes = made.region_sizes()
    assert stored.region_sizes() == pytest.approx(sizes, rel=5e-3, abs=1e-3 * max(sizes.values()))
    assert (READY / f"{name}.vtu").stat().st_size < 2e6
