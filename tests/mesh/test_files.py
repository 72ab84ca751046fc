"""Mesh files: round trips, other programs' readers, foreign meshes, what is refused."""

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import dolfinx_solver  # noqa: F401
import meshio
import numpy as np
import pytest
from dolfinx.io import XDMFFile
from mpi4py import MPI

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.mesh.build import domain
from lithoscape.mesh.domain import Domain
from lithoscape.mesh.file_content import content_of
from lithoscape.mesh.file_meshio import require_same
from lithoscape.mesh.files import read_mesh, write_mesh
from lithoscape.mesh.gmsh_session import session
from lithoscape.mesh.tessellation import Tessellation
from lithoscape.mesh.voxel import voxel_mesh

pytestmark = pytest.mark.filterwarnings("ignore::lithoscape.errors.StaircaseWarning")
KINDS = ("hexahedron", "tetra", "quad", "triangle")
OWN = (".msh", ".xdmf", ".vtu")
OTHERS = (".vtk", ".med", ".mesh", ".inp", ".avs", ".bdf")
UM = 1e-6


def example(kind: str) -> Tessellation:
    shape = (3, 4, 5) if kind in KINDS[:2] else (1, 6, 5)
    rng = np.random.default_rng(2)
    grid = Grid(shape, (1e-6, 0.7e-6, 0.4e-6), through=1, origin=(1e-6, -2e-6, 3e-6))
    volume = Volume(rng.integers(0, 3, shape).astype(np.uint8), grid, {"pore": 0, "active": 1, "binder": 2})
    mesh = voxel_mesh(replace(volume, provenance={"seed": 2, "text": 'say "µm"\n$EndComments'}), kind)
    number = rng.permutation(len(mesh.cells)).astype(np.int32)
    return replace(mesh, cell_data={"particle": number, "size [m]": rng.random(len(mesh.cells))})


def quiet_read(path: Path) -> meshio.Mesh:
    with contextlib.redirect_stdout(io.StringIO()):
        return meshio.read(path)


def require_equal(found: Tessellation, mesh: Tessellation, by_region: bool, exact: bool = True) -> None:
    """Everything alike; cells and facets region by region if the format sorts them."""
    rows = np.argsort(mesh.tags, kind="stable") if by_region else np.arange(len(mesh.tags))
    sides = np.argsort(mesh.facet_tags, kind="stable") if by_region else np.arange(len(mesh.facet_tags))
    assert (found.kind, found.points.shape, found.cells.dtype) == (mesh.kind, mesh.points.shape, np.int32)
    assert np.abs(found.points - mesh.points).max() <= (0 if exact else 1e-15)
    assert np.array_equal(found.cells, mesh.cells[rows])
    assert np.array_equal(found.tags, mesh.tags[rows])
    assert np.array_equal(found.facets, mesh.facets[sides])
    assert np.array_equal(found.facet_tags, mesh.facet_tags[sides])
    for name in ("regions", "boundaries", "interfaces", "provenance"):
        assert getattr(found, name) == getattr(mesh, name)
    assert list(found.cell_data) == list(mesh.cell_data)
    for name, values in mesh.cell_data.items():
        assert np.array_equal(found.cell_data[name], values[rows])
        assert found.cell_data[name].dtype == values.dtype


# -- round trips ---------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", OWN)
def test_everything_survives(kind: str, suffix: str, tmp_path: Path) -> None:
    mesh = example(kind)
    path = write_mesh(mesh, tmp_path / f"mesh{suffix}")
    require_equal(read_mesh(path), mesh, by_region=suffix == ".msh")
    require_equal(read_mesh(path, length_unit="m"), mesh, by_region=suffix == ".msh")
    assert not list(tmp_path.glob("*.part"))
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("kind", KINDS)
def test_gmsh_2_too(kind: str, tmp_path: Path) -> None:
    mesh = example(kind)
    path = write_mesh(mesh, tmp_path / "mesh.msh", version="2.2")
    assert path.read_bytes().startswith(b"$MeshFormat\n2.2 1 8\n")
    require_equal(read_mesh(path), mesh, by_region=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", OTHERS)
def test_other_formats_have_a_sidecar(kind: str, suffix: str, tmp_path: Path) -> None:
    mesh = example(kind)
    path = write_mesh(mesh, tmp_path / f"mesh{suffix}")
    assert json.loads((tmp_path / f"mesh{suffix}.json").read_text())["lithoscape"] == 1
    require_equal(read_mesh(path), mesh, by_region=False, exact=False)
    assert sorted(f.name for f in tmp_path.iterdir()) == [f"mesh{suffix}", f"mesh{suffix}.json"]


@pytest.mark.parametrize("suffix", [*OWN, ".vtk"])
def test_a_mesh_without_named_facets_or_values(suffix: str, tmp_path: Path) -> None:
    mesh = example("quad")
    bare = replace(
        mesh, facets=mesh.facets[:0], facet_tags=mesh.facet_tags[:0], boundaries={}, interfaces={},
        cell_data={},
    )  # fmt: skip
    write_mesh(mesh, tmp_path / f"mesh{suffix}")
    path = write_mesh(bare, tmp_path / f"mesh{suffix}")
    require_equal(read_mesh(path), bare, by_region=suffix == ".msh")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = example("tetra")
    path = write_mesh(mesh, tmp_path / "mesh.msh")
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lithoscape.mesh.file_gmsh._elements_41", fail)
    with pytest.raises(InputError, match="No space left"):
        write_mesh(replace(mesh, cell_data={}), path)
    assert path.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["mesh.msh"]


def test_an_hdf5_file_of_another_kind_is_not_overwritten(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["grey"] = np.zeros(3)
    with pytest.raises(InputError, match="holds something else"):
        write_mesh(example("quad"), tmp_path / "scan.xdmf")
    assert [f.name for f in tmp_path.iterdir()] == ["scan.h5"]


# -- other readers -------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", OWN)
def test_meshio_reads_what_is_written(kind: str, suffix: str, tmp_path: Path) -> None:
    mesh = example(kind)
    found = quiet_read(write_mesh(mesh, tmp_path / f"mesh{suffix}"))
    cells = np.concatenate([block.data for block in found.cells if block.type == kind])
    rows = np.argsort(mesh.tags, kind="stable") if suffix == ".msh" else np.arange(len(mesh.tags))
    assert np.array_equal(cells, mesh.cells[rows])
    tag = "gmsh:physical" if suffix == ".msh" else "region"
    blocks = [k for k, block in enumerate(found.cells) if block.type == kind]
    for name, values in {tag: mesh.tags, "particle": mesh.cell_data["particle"]}.items():
        assert np.array_equal(np.concatenate([found.cell_data[name][k] for k in blocks]), values[rows])
    if suffix != ".vtu":
        named = {name: tuple(map(int, pair)) for name, pair in found.field_data.items()}
        expected = {name: (tag, mesh.dim) for name, tag in mesh.regions.items()}
        expected |= {n: (tag, mesh.dim - 1) for n, tag in {**mesh.boundaries, **mesh.interfaces}.items()}
        assert named == expected


def test_meshio_reads_gmsh_2(tmp_path: Path) -> None:
    mesh = replace(example("tetra"), cell_data={})  # meshio 5.3 stumbles over values by cell in this version
    found = quiet_read(write_mesh(mesh, tmp_path / "mesh.msh", version="2.2"))
    assert np.array_equal(found.cells_dict["tetra"], mesh.cells[np.argsort(mesh.tags, kind="stable")])
    assert np.array_equal(found.cell_data_dict["gmsh:physical"]["tetra"], np.sort(mesh.tags))


@pytest.mark.parametrize("kind", KINDS)
def test_paraview_reads_vtu(kind: str, tmp_path: Path) -> None:
    import pyvista

    mesh = example(kind)
    grid = pyvista.read(write_mesh(mesh, tmp_path / "mesh.vtu"))
    cells = grid.threshold(0.5, scalars="region")
    assert cells.n_cells == len(mesh.cells)
    sizes = cells.compute_cell_sizes()
    total = sizes["Volume" if mesh.dim == 3 else "Area"]
    for name, size in mesh.region_sizes().items():
        here = cells["region"] == mesh.regions[name]
        assert total[here].sum() == pytest.approx(size, rel=1e-9, abs=0)
    assert np.array_equal(cells["particle"], mesh.cell_data["particle"])
    facets = grid.threshold(0.5, scalars="facet")
    assert facets.n_cells == len(mesh.facets)


def load_xdmf(path: Path) -> object:
    """What ParaView's reader makes of the file."""
    import pyvista
    from vtkmodules.vtkIOXdmf2 import vtkXdmfReader

    reader = vtkXdmfReader()
    reader.SetFileName(str(path))
    reader.Update()
    return pyvista.wrap(reader.GetOutputDataObject(0))


@pytest.mark.parametrize("kind", KINDS)
def test_paraview_reads_xdmf(kind: str, tmp_path: Path) -> None:
    mesh = example(kind)
    grid = load_xdmf(write_mesh(mesh, tmp_path / "mesh.xdmf"))
    assert grid.n_cells == len(mesh.cells)
    assert np.array_equal(grid["region"], mesh.tags)
    assert np.array_equal(grid["particle"], mesh.cell_data["particle"])
    assert grid.points[:, : mesh.dim] == pytest.approx(mesh.points, rel=1e-6, abs=0)
    facets = load_xdmf(tmp_path / "mesh.facets.xdmf")
    assert facets.n_cells == len(mesh.facets)
    assert np.array_equal(facets["facet"], mesh.facet_tags)


@pytest.mark.parametrize("kind", KINDS)
def test_dolfinx_reads_xdmf_with_its_tags(kind: str, tmp_path: Path) -> None:
    mesh = example(kind)
    write_mesh(mesh, tmp_path / "mesh.xdmf")
    with XDMFFile(MPI.COMM_SELF, tmp_path / "mesh.xdmf", "r") as file:
        msh = file.read_mesh(name="mesh")
        msh.topology.create_connectivity(mesh.dim - 1, mesh.dim)
        cells = file.read_meshtags(msh, "mesh", "region")
    with XDMFFile(MPI.COMM_SELF, tmp_path / "mesh.facets.xdmf", "r") as file:
        facets = file.read_meshtags(msh, "facets", "facet")
    found = Domain(msh, cells, facets, mesh.regions, mesh.boundaries, interfaces=mesh.interfaces)
    assert found.digest() == domain(mesh, MPI.COMM_SELF).digest()
    for name, size in mesh.facet_sizes().items():
        part = "boundary" if name in mesh.boundaries else "interface"
        assert found.measure(part, name) == pytest.approx(size, rel=1e-12, abs=0)


# -- foreign meshes ------------------------------------------------------------
POINTS = np.array(
    [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 1], [0.5, 0.5, -1], [9, 9, 9]], float
)
FOUR = np.array([[0, 1, 2, 4], [0, 2, 3, 4], [0, 2, 1, 5], [0, 3, 2, 5]])
SKIN = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4], [0, 1, 2]])


def foreign(path: Path, file_format: str | None = None, **changes: object) -> Path:
    """Two pyramids of two tetrahedra each, tags 10 above and 20 below, one cell inverted, a spare point."""
    cells = FOUR.copy()
    cells[1] = cells[1][[1, 0, 2, 3]]
    parts = {"points": POINTS, "cells": cells, "tags": np.array([10, 10, 20, 20]), **changes}
    skin = parts.get("skin")
    blocks, tags = [("tetra", parts["cells"])], [parts["tags"]]
    if skin is not None:
        blocks.append(("triangle", SKIN[: len(skin)]))
        tags.append(np.asarray(skin))
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags} if path.suffix == ".msh" else {"mat": tags}
    mesh = meshio.Mesh(parts["points"], blocks, cell_data=data, field_data=parts.get("names", {}))
    with contextlib.redirect_stdout(io.StringIO()):
        meshio.write(path, mesh, file_format=file_format)
    return path


NAMES = {"solid": np.array([10, 3]), "fluid": np.array([20, 3]), "skin": np.array([7, 2])}


@pytest.mark.parametrize("name", ["x.msh", "x.vtu", "x.vtk"])
@pytest.mark.parametrize(("unit", "metres"), [("um", 1e-6), ("m", 1.0), ("nm", 1e-9)])
def test_tags_become_phases(name: str, unit: str, metres: float, tmp_path: Path) -> None:
    path = foreign(tmp_path / name, "gmsh22" if name == "x.msh" else None)
    mesh = read_mesh(path, {"active": 10, "pore": 20}, length_unit=unit, through=2)
    assert mesh.kind == "tetra"
    assert len(mesh.points) == 6
    assert (mesh.sizes() > 0).all()
    third = metres**3 / 3
    assert mesh.region_sizes() == pytest.approx({"active": third, "pore": third}, rel=1e-12, abs=0)
    assert mesh.facet_sizes()["active | pore"] == pytest.approx(metres**2, rel=1e-12, abs=0)
    assert mesh.provenance["file"] == name
    assert mesh.provenance["notes"] == ["1 inverted cells were turned"]
    assert mesh.boundaries == {}  # no facet lies on the box around it


def test_names_in_the_file_are_taken(tmp_path: Path) -> None:
    path = foreign(tmp_path / "x.msh", "gmsh22", names=NAMES, skin=[7, 7, 7, 7])
    mesh = read_mesh(path, length_unit="um")
    assert set(mesh.regions) == {"solid", "fluid"}
    assert set(mesh.boundaries) == {"skin"}
    assert set(mesh.interfaces) == {"fluid | solid"}
    assert mesh.facet_sizes() == pytest.approx(
        {"skin": 2 * np.sqrt(1.25) * 1e-12, "fluid | solid": 1e-12}, rel=1e-12, abs=0
    )


def test_names_and_tags_may_be_mixed_and_joined(tmp_path: Path) -> None:
    path = foreign(tmp_path / "x.msh", "gmsh22", names=NAMES, skin=[7, 7, 8, 8])
    mesh = read_mesh(path, {"all": ["solid", 20]}, {"low": "skin", "high": 8}, length_unit="um")
    assert mesh.region_sizes() == pytest.approx({"all": 2e-18 / 3}, rel=1e-12, abs=0)
    half = np.sqrt(1.25) * 1e-12
    assert mesh.facet_sizes() == pytest.approx({"low": half, "high": half}, rel=1e-12, abs=0)


def test_planes_of_the_box_if_the_file_has_none(tmp_path: Path) -> None:
    given = example("tetra")
    cells = {"tetra": given.cells}
    points = given.points * 1e6
    meshio.Mesh(points, cells, cell_data={"material": [given.tags]}).write(tmp_path / "x.vtu")
    mesh = read_mesh(tmp_path / "x.vtu", given.regions, length_unit="um", through=1)
    assert mesh.facet_sizes() == pytest.approx(given.facet_sizes(), rel=1e-9, abs=0)
    turned = read_mesh(tmp_path / "x.vtu", given.regions, length_unit="um", through=1, collector="high")
    z = turned.points[turned.facets[turned.facet_tags == turned.boundaries["collector"]], 1]
    assert z == pytest.approx(points[:, 1].max() * UM, rel=1e-9, abs=0)


def test_a_plane_mesh_loses_its_third_coordinate(tmp_path: Path) -> None:
    points = np.array([[0, 5, 0], [2, 5, 0], [2, 5, 1], [0, 5, 1.0]])
    for kind, cells in {"triangle": [[0, 1, 2], [0, 2, 3]], "quad": [[0, 3, 2, 1]]}.items():
        mesh = meshio.Mesh(points, {kind: np.array(cells)})
        mesh.write(tmp_path / "x.vtu")
        found = read_mesh(tmp_path / "x.vtu", {"pore": 0}, length_unit="um", through=1)
        assert found.points.shape == (4, 2)
        assert found.region_sizes() == pytest.approx({"pore": 2e-12}, rel=1e-12, abs=0)
        assert (found.sizes() > 0).all()
        assert found.facet_sizes()["separator"] == pytest.approx(2e-6, rel=1e-12, abs=0)


@pytest.mark.parametrize("kind", KINDS)
def test_dolfinx_files_are_read_with_their_tags(kind: str, tmp_path: Path) -> None:
    mesh = example(kind)
    built = domain(mesh, MPI.COMM_SELF)
    with XDMFFile(MPI.COMM_SELF, tmp_path / "x.xdmf", "w") as file:
        file.write_mesh(built.mesh)
        for tags, name in ((built.cell_tags, "parts"), (built.facet_tags, "sides")):
            tags.name = name
            file.write_meshtags(tags, built.mesh.geometry)
    found = read_mesh(tmp_path / "x.xdmf", mesh.regions, mesh.boundaries, length_unit="m")
    assert found.region_sizes() == pytest.approx(mesh.region_sizes(), rel=1e-12, abs=0)
    assert found.facet_sizes() == pytest.approx(mesh.facet_sizes(), rel=1e-12, abs=0)


@pytest.mark.parametrize("suffix", [*OWN, ".vtk"])
def test_own_regions_can_be_renamed(suffix: str, tmp_path: Path) -> None:
    mesh = example("tetra")
    path = write_mesh(mesh, tmp_path / f"mesh{suffix}")
    found = read_mesh(path, {"solid": ["active", "binder"], "pore": "pore"})
    before, after = mesh.region_sizes(), found.region_sizes()
    assert after["solid"] == pytest.approx(before["active"] + before["binder"], rel=1e-12, abs=0)
    sides = mesh.facet_sizes()
    wall = sides["active | pore"] + sides["binder | pore"]
    assert found.facet_sizes()["pore | solid"] == pytest.approx(wall, rel=1e-12, abs=0)
    assert set(found.boundaries) == set(mesh.boundaries)
    assert found.provenance["route"] == "voxels"


def test_an_array_is_chosen(tmp_path: Path) -> None:
    data = {"a": [np.array([1, 1, 2, 2])], "b": [np.array([5, 6, 5, 6])]}
    meshio.Mesh(POINTS, {"tetra": FOUR}, cell_data=data).write(tmp_path / "x.vtu")
    with pytest.raises(InputError, match="several arrays") as caught:
        read_mesh(tmp_path / "x.vtu", {"x": 1, "y": 2}, length_unit="um")
    assert caught.value.field == "array"
    mesh = read_mesh(tmp_path / "x.vtu", {"x": 5, "y": 6}, length_unit="um", array="b")
    assert mesh.tags.tolist() == [1, 2, 1, 2]
    assert mesh.cell_data["a"].tolist() == [1, 1, 2, 2]
    with pytest.raises(InputError, match="Valid: a, b"):
        read_mesh(tmp_path / "x.vtu", {"x": 5, "y": 6}, length_unit="um", array="c")


# -- what is refused -----------------------------------------------------------
MAP = {"active": 10, "pore": 20}


@pytest.mark.parametrize(
    ("options", "field", "match"),
    [
        ({"regions": MAP}, "length_unit", "unit of the coordinates must be given"),
        ({"regions": MAP, "length_unit": "furlong"}, "length_unit", "unit of the coordinates"),
        ({"regions": {"active": 10}, "length_unit": "um"}, "regions", "belong to no region; cells by tag"),
        ({"length_unit": "um"}, "regions", "belong to no region; cells by tag: 10: 2, 20: 2"),
        ({"regions": {**MAP, "x": 3}, "length_unit": "um"}, "regions.x", "nothing in the file has this tag"),
        ({"regions": {**MAP, "x": "poer"}, "length_unit": "um"}, "regions.x", "has this name"),
        ({"regions": {**MAP, "x": 20}, "length_unit": "um"}, "regions.x", "given to two regions"),
        ({"regions": MAP, "boundaries": {"in": 4}, "length_unit": "um"}, "boundaries.in", "has this tag"),
        ({"regions": MAP, "boundaries": {"in": 9}, "length_unit": "um"}, "boundaries.in", "inside the mesh"),
        ({"regions": MAP, "length_unit": "um", "through": 3}, "through", "low or high end"),
        ({"regions": MAP, "length_unit": "um", "collector": "up"}, "through", "low or high end"),
    ],
)
def test_unclear_orders_are_refused(options: dict, field: str, match: str, tmp_path: Path) -> None:
    path = foreign(tmp_path / "x.msh", "gmsh22", skin=[7, 7, 7, 7, 9])
    with pytest.raises(InputError, match=match) as caught:
        read_mesh(path, **options)
    assert caught.value.field == field
    assert caught.value.remedy


def wedges(path: Path, cells: dict, points: np.ndarray = POINTS) -> Path:
    meshio.Mesh(points, {kind: np.array(rows) for kind, rows in cells.items()}).write(path)
    return path


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        ({"tetra": [[0, 1, 2, 4]], "pyramid": [[0, 1, 2, 3, 5]]}, "all cells must be of one kind"),
        ({"wedge": [[0, 1, 2, 3, 4, 5]]}, "all cells must be of one kind"),
        ({"triangle": [[0, 1, 2], [0, 1, 4]]}, "a surface in space"),
        ({"line": [[0, 1]]}, "no cells that fill"),
        ({"quad": [[0, 1, 2, 3]], "triangle": [[0, 1, 2]]}, "all cells must be of one kind"),
        ({"tetra": [[0, 1, 2, 4], [0, 1, 2, 5], [0, 1, 2, 6]]}, "1 facets belong to more than two cells"),
    ],
)
def test_cells_that_are_no_mesh_are_refused(cells: dict, match: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=match):
        read_mesh(wedges(tmp_path / "x.vtu", cells), {"pore": 0}, length_unit="um")


def test_skew_quadrilaterals_are_refused(tmp_path: Path) -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [1.5, 1, 0], [0, 1, 0.0]])
    with pytest.raises(InputError, match="boxes or parallelepipeds"):
        read_mesh(wedges(tmp_path / "x.vtu", {"quad": [[0, 1, 2, 3]]}, points), {"a": 0}, length_unit="um")
    corners = np.array(
        [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1.2], [0, 1, 1]]
    )
    path = wedges(tmp_path / "y.vtu", {"hexahedron": [list(range(8))]}, corners)
    with pytest.raises(InputError, match="boxes or parallelepipeds"):
        read_mesh(path, {"a": 0}, length_unit="um")


@pytest.mark.parametrize("suffix", [*OWN, ".vtk", ".mesh", ".med"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99])
def test_files_that_break_off_are_refused(suffix: str, share: float, tmp_path: Path) -> None:
    path = write_mesh(example("tetra"), tmp_path / f"mesh{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError) as caught:
        read_mesh(path)
    assert caught.value.field in ("path", "length_unit")  # a text cut between two sections is a foreign file


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    path = write_mesh(example("tetra"), tmp_path / "mesh.xdmf")
    (tmp_path / "mesh.facets.xdmf").rename(tmp_path / "kept")
    with pytest.raises(InputError, match=r"mesh\.facets\.xdmf is missing"):
        read_mesh(path)
    (tmp_path / "kept").rename(tmp_path / "mesh.facets.xdmf")
    write_mesh(example("hexahedron"), tmp_path / "other.xdmf")
    (tmp_path / "other.h5").replace(tmp_path / "mesh.h5")
    with pytest.raises(InputError, match="damaged"):
        read_mesh(path)
    (tmp_path / "mesh.h5").unlink()
    with pytest.raises(InputError, match="HDF5 file that belongs to the mesh is missing"):
        read_mesh(path)
    path = write_mesh(example("tetra"), tmp_path / "mesh.vtk")
    write_mesh(example("hexahedron"), tmp_path / "other.vtk")
    (tmp_path / "other.vtk").replace(path)
    with pytest.raises(InputError, match=r"mesh\.vtk\.json describes another mesh"):
        read_mesh(path)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("points", 7, "were written"),
        ("regions", {"pore": 1, "active": 2}, r"tags \[3\] have no name"),
        ("columns", {"gone": "<f8"}, r"values \['gone'\] are missing"),
        ("lithoscape", 2, "none of the meshes"),
        ("kind", "volume", "none of the meshes"),
    ],
)
def test_a_header_that_contradicts_the_cells_is_refused(key: str, value, match: str, tmp_path: Path) -> None:
    path = write_mesh(example("tetra"), tmp_path / "mesh.vtk")
    sidecar = tmp_path / "mesh.vtk.json"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), key: value}))
    with pytest.raises(InputError, match=match):
        read_mesh(path)


def test_formats_that_change_a_mesh_are_found_out() -> None:
    content = content_of(example("quad"))
    require_same(content, content, ".vtk")
    cells = content.parts[0]
    turned = replace(content, parts=(replace(cells, cells=cells.cells[::-1]), *content.parts[1:]))
    with pytest.raises(InputError, match="does not keep the quad cells"):
        require_same(content, turned, ".vtk")
    with pytest.raises(InputError, match="nine digits"):
        require_same(content, replace(content, points=content.points * (1 + 1e-8)), ".vtk")


def test_cells_of_several_physical_groups_are_refused(tmp_path: Path) -> None:
    with session("two groups") as gmsh:
        box = gmsh.model.occ.addBox(0, 0, 0, 1, 1, 1)
        gmsh.model.occ.synchronize()
        for tag in (1, 2):
            gmsh.model.addPhysicalGroup(3, [box], tag)
        gmsh.option.setNumber("Mesh.MeshSizeMax", 1)
        gmsh.model.mesh.generate(3)
        gmsh.write(str(tmp_path / "x.msh"))
    with pytest.raises(InputError, match="several physical groups"):
        read_mesh(tmp_path / "x.msh", {"a": 1}, length_unit="um")


def test_reading_leaves_a_running_gmsh_alone(tmp_path: Path) -> None:
    path = write_mesh(example("tetra"), tmp_path / "mesh.msh")
    with session("mine") as gmsh:
        gmsh.model.occ.addBox(0, 0, 0, 1, 1, 1)
        gmsh.model.occ.synchronize()
        read_mesh(path)
        assert gmsh.model.getCurrent() == "mine"
        assert len(gmsh.model.getEntities(3)) == 1
        assert not len(gmsh.view.getTags())


def test_missing_files_and_formats(tmp_path: Path) -> None:
    write_mesh(example("quad"), tmp_path / "mesh.msh")
    with pytest.raises(InputError, match=r"no such file.*Did you mean 'mesh\.msh'"):
        read_mesh(tmp_path / "mehs.msh")
    for suffix in (".step", "", ".stl"):
        with pytest.raises(InputError, match="names no mesh format"):
            read_mesh(tmp_path / f"mesh{suffix}")
        with pytest.raises(InputError, match="names no mesh format"):
            write_mesh(example("quad"), tmp_path / f"mesh{suffix}")
    with pytest.raises(InputError, match="no such folder"):
        write_mesh(example("quad"), tmp_path / "none" / "mesh.msh")
    with pytest.raises(InputError, match=r"4\.1 or 2\.2"):
        write_mesh(example("quad"), tmp_path / "mesh.msh", version="4.0")
    with pytest.raises(InputError, match="Lithoscape wrote this file, in metres"):
        read_mesh(tmp_path / "mesh.msh", length_unit="um")


def test_meshes_with_tags_of_no_name_are_not_written(tmp_path: Path) -> None:
    mesh = example("quad")
    for wrong, field in (
        (replace(mesh, regions={"pore": 1, "active": 2}), "regions"),
        (replace(mesh, regions={**mesh.regions, "zero": 0}), "regions"),
        (replace(mesh, boundaries={}), "boundaries"),
        (replace(mesh, interfaces={**mesh.interfaces, "collector": 99}), "interfaces"),
    ):
        with pytest.raises(InputError) as caught:
            write_mesh(wrong, tmp_path / "mesh.msh")
        assert caught.value.field == field
    assert not list(tmp_path.iterdir())
