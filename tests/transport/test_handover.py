"""Measured transport on its way into the homogenised model, a scenario file and BPX."""

import os
from dataclasses import replace
from pathlib import Path

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
import yaml
from mpi4py import MPI

from lithoscape.errors import InputError
from lithoscape.materials import get_set
from lithoscape.materials.bpx import write_bpx
from lithoscape.mesh.structured import Layer as MeshLayer
from lithoscape.mesh.structured import layered_cell
from lithoscape.models.cell import cell_from_set
from lithoscape.models.homogenised import _Coefficients
from lithoscape.scenario.schema import Electrode
from lithoscape.transport.handover import (
    Layer,
    bpx_entry,
    region_coefficients,
    scenario_entry,
    scenario_text,
    whole,
    with_transport,
)

UM = 1e-6
THIRDS = [
    Layer("low", 0.0, 20 * UM, 0.10, 0.05, 0.02),
    Layer("middle", 20 * UM, 40 * UM, 0.25, 0.10, 0.06),
    Layer("high", 40 * UM, 60 * UM, 0.40, 0.30, 0.10),
]


def test_layers_in_series_and_side_by_side() -> None:
    one = whole(THIRDS[::-1])
    assert (one.low, one.high) == (0.0, 60 * UM)
    assert one.porosity == pytest.approx(0.25)
    assert one.through == pytest.approx(3 / (1 / 0.05 + 1 / 0.10 + 1 / 0.30))
    assert one.in_plane == pytest.approx(0.06)
    assert whole([replace(THIRDS[0], through=0.0), THIRDS[1]]).through == 0.0
    assert whole([replace(THIRDS[0], in_plane=None), THIRDS[1]]).in_plane is None


@pytest.mark.parametrize("in_plane", [0.02, None])
def test_a_scenario_takes_what_is_handed_over(in_plane: float | None) -> None:
    layer = replace(THIRDS[0], in_plane=in_plane)
    text = yaml.safe_load(scenario_text(layer))
    assert text == {"electrode": scenario_entry(layer)}
    taken = Electrode.model_validate(text["electrode"])
    assert taken.porosity == 0.10
    if in_plane is None:
        assert taken.transport == 0.05
    else:
        assert (taken.transport.through, taken.transport.in_plane) == (0.05, 0.02)


def test_bpx_takes_what_is_handed_over(tmp_path: Path) -> None:
    materials = get_set("Chen2020")
    measured = with_transport(materials.positive, 0.31, 0.123)
    assert measured.transport_efficiency == pytest.approx(0.123, rel=1e-12)
    write_bpx(replace(materials, positive=measured), tmp_path / "cell.json")
    part = yaml.safe_load((tmp_path / "cell.json").read_text())["Parameterisation"]["Positive electrode"]
    expected = bpx_entry(Layer("x", 0, UM, 0.31, 0.123))
    assert {key: pytest.approx(part[key]) for key in expected} == expected


@pytest.mark.parametrize("dim", [1, 2])
def test_the_homogenised_model_takes_layers(dim: int) -> None:
    lateral = [(10 * UM, 2)] * (dim - 1)
    layers = [MeshLayer("separator", 20 * UM, 4), MeshLayer("positive", 60 * UM, 6)]
    cell = layered_cell(layers, lateral=lateral, comm=MPI.COMM_SELF)
    given = region_coefficients(THIRDS, collector=80 * UM, dim=dim)
    built = cell_from_set(get_set("NMC622_half"), 10.0)
    (positive,) = (r for r in built.regions if r.name == "positive")
    quiet = replace(positive, porosity=given.porosity, transport=given.transport, particles=())
    others = tuple(r for r in built.regions if r.name != "positive")
    fields = _Coefficients.build(cell, replace(built, regions=(*others, quiet)))
    here = cell.cells("positive")
    found = fields.porosity.x.array[here]
    tensors = fields.transport.x.array.reshape(-1, dim, dim)[here]
    from dolfinx.mesh import compute_midpoints

    heights = 80 * UM - compute_midpoints(cell.mesh, dim, here)[:, dim - 1]
    index = np.minimum((heights // (20 * UM)).astype(int), 2)
    assert found == pytest.approx(np.array([x.porosity for x in THIRDS])[index])
    assert tensors[:, -1, -1] == pytest.approx(np.array([x.through for x in THIRDS])[index])
    if dim == 2:
        assert tensors[:, 0, 0] == pytest.approx(np.array([x.in_plane for x in THIRDS])[index])
        assert np.abs(tensors[:, 0, 1]).max() == 0
    risen = region_coefficients(THIRDS, collector=0.0, dim=1, rising=True)
    assert risen.porosity(np.array([[-1.0, 5 * UM, 30 * UM, 1.0]])).tolist() == [0.1, 0.1, 0.25, 0.4]


def test_the_published_table_of_the_ice_templated_electrode() -> None:
    """Its D_directional/D is eps/tau in all six entries: the table is what a hand-over makes of it."""
    folder = os.environ.get("LITHOSCAPE_DATA")
    file = Path(folder or ".") / "measured" / "seed_001_compton_nmc811_dit.yaml"
    if not file.is_file():
        pytest.skip("LITHOSCAPE_DATA does not name a folder with the measured data")
    value = {e["id"]: e["value"] for e in yaml.safe_load(file.read_text())["entries"]}
    layers, diffusivities = [], []
    for k, low in ((3, 0), (2, 1), (1, 2)):
        eps = value[f"eps_r{k}"] / 100
        through, in_plane = eps / value[f"tau_yz_r{k}"], eps / value[f"tau_xy_r{k}"]
        layers.append(Layer(f"region {k}", low / 3e3, (low + 1) / 3e3, eps, through, in_plane))
        diffusivities += [value[f"Ddir_yz_r{k}"] / through, value[f"Ddir_xy_r{k}"] / in_plane]
    assert np.ptp(diffusivities) < 0.03 * np.mean(diffusivities)
    one = whole(layers)
    assert one.porosity == pytest.approx(value["eps_avg"] / 100, abs=1e-3)
    assert one.through == pytest.approx(0.0708, abs=1e-4)  # two thirds of the resistance at the collector
    assert scenario_entry(one)["transport"]["in_plane"] == pytest.approx(0.0230, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"porosity": 1.2}, "layers.low.porosity"),
        ({"through": 8.7}, "not tau"),
        ({"in_plane": -0.1}, "in_plane"),
        ({"high": 0.0}, "ascending"),
    ],
)
def test_layers_that_cannot_be(change: dict, word: str) -> None:
    with pytest.raises(InputError, match=word):
        replace(THIRDS[0], **change)


def test_what_cannot_be_handed_over() -> None:
    with pytest.raises(InputError, match="in_plane"):
        scenario_entry(replace(THIRDS[0], in_plane=0.0))
    with pytest.raises(InputError, match="efficiency"):
        with_transport(get_set("Chen2020").positive, 0.3, 1.4)
    with pytest.raises(InputError, match="in-plane"):
        region_coefficients([replace(THIRDS[0], in_plane=None)], 0.0, dim=2)
    with pytest.raises(InputError, match="no layer"):
        whole([])
