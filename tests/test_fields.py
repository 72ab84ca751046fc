"""Field maps in one, two and three dimensions, and their copy for ParaView."""

import json
from pathlib import Path

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from cells import problem_of

from lithoscape.fields import FieldMaps
from lithoscape.models.observe import Lithiation

SOL, SALT = "State of lithiation", "Electrolyte concentration [mol.m-3]"
MESHES = {
    "1D": {},
    "quadrilaterals": {"lateral": ((40e-6, 3),)},
    "triangles": {"lateral": ((40e-6, 3),), "simplices": True},
    "hexahedra": {"lateral": ((40e-6, 2), (30e-6, 2))},
}


def kept(name: str, file: Path | None = None, moments: int = 2) -> tuple[FieldMaps, list[np.ndarray]]:
    """Maps of a cell whose salt is a plane that moves; and those planes at the nodes."""
    problem = problem_of("Xu2019", 4, **MESHES[name])
    maps = FieldMaps(problem, Lithiation(problem), file)
    salt = problem.unknowns[0].function
    x = salt.function_space.tabulate_dof_coordinates()
    planes = [1000.0 + 1e6 * (k + 1) * x @ [1.0, 2.0, 3.0] for k in range(moments)]
    for k, plane in enumerate(planes):
        salt.x.array[:] = plane
        maps.keep(f"moment {k}", 60.0 * k)
    return maps, planes


@pytest.mark.parametrize("name", MESHES)
def test_moments_nodes_and_units(name: str) -> None:
    maps, planes = kept(name)
    dataset = maps.dataset()
    nodes = planes[0].size
    assert dataset.sizes["moment"] == 2
    assert list(dataset["moment"].values) == ["moment 0", "moment 1"]
    assert dataset["time"].values == pytest.approx([0.0, 60.0])
    for label in FieldMaps.NAMES:
        assert dataset[label].dims == ("moment", "node")
        assert dataset[label].shape == (2, nodes)
    assert np.array_equal(dataset[SALT].values, planes)
    units = {str(v): dataset[v].attrs["units"] for v in [*FieldMaps.NAMES, "x [m]", "y [m]"]}
    assert units == {
        SOL: "1",
        SALT: "mol.m-3",
        "Electrolyte potential [V]": "V",
        "Reaction current density [A.m-2]": "A.m-2",
        "x [m]": "m",
        "y [m]": "m",
    }


@pytest.mark.parametrize(("name", "cells"), [("quadrilaterals", 2 * 3 * 7), ("triangles", 2 * 3 * 7)])
def test_triangles_cover_the_cell_by_region(name: str, cells: int) -> None:
    dataset = kept(name)[0].dataset()
    triangles, region = dataset["triangles"].values, dataset["region"].values
    assert triangles.shape == (cells, 3)
    x, y = dataset["x [m]"].values[triangles], dataset["y [m]"].values[triangles]
    area = 0.5 * abs((x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0]))
    tags = json.loads(dataset["region"].attrs["regions"])
    assert set(tags) == {"separator", "positive"}
    whole = 40e-6 * y.max()
    assert area.sum() / whole == pytest.approx(1)
    assert (area * x.mean(axis=1)).sum() / whole / 20e-6 == pytest.approx(1)  # no overlaps
    assert (area * y.mean(axis=1)).sum() / whole / y.max() == pytest.approx(0.5)
    below = y.max(axis=1) <= y[region == tags["separator"]].max() * (1 + 1e-9)
    assert np.array_equal(below, region == tags["separator"])


@pytest.mark.parametrize("name", ["1D", "hexahedra"])
def test_only_cross_sections_have_triangles(name: str) -> None:
    assert kept(name)[0].dataset().sizes["cell"] == 0


@pytest.mark.parametrize("name", MESHES)
def test_lithiation_is_known_where_there_is_active_material(name: str) -> None:
    dataset = kept(name)[0].dataset()
    sol, reaction = dataset[SOL].values, dataset["Reaction current density [A.m-2]"].values
    known = np.isfinite(sol[0])
    assert 0 < known.sum() < known.size
    assert np.array_equal(np.isfinite(reaction[0]), known)
    assert sol[0][known] == pytest.approx(sol[0][known][0])


@pytest.mark.parametrize("name", MESHES)
def test_restored_moments_are_the_same_in_memory_and_on_disk(name: str, tmp_path: Path) -> None:
    maps, _ = kept(name, tmp_path / "first.bp")
    maps.close()
    maps.close()  # once is enough, twice does no harm
    again, _ = kept(name, tmp_path / "second.bp", moments=0)
    again.restore(maps.moments, maps.times, maps.values)
    again.close()
    assert again.dataset().identical(maps.dataset())
    for file in ("data.0", "md.0"):
        assert (tmp_path / "first.bp" / file).is_file()
    first, second = ((tmp_path / f"{n}.bp" / "data.0").read_bytes() for n in ("first", "second"))
    assert first == second
    for k in range(2):
        assert maps.values[SALT][k].tobytes() in second


def test_maps_without_moments_are_empty() -> None:
    dataset = kept("triangles", moments=0)[0].dataset()
    assert dataset.sizes["moment"] == 0
    assert dataset[SOL].shape == (0, dataset.sizes["node"])
