"""Layered cells in one, two and three dimensions: measures, names, gradation, errors."""

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest

from lithoscape.errors import InputError
from lithoscape.mesh.structured import Layer, layered_cell

UM = 1e-6
LAYERS = [
    Layer("negative", 50 * UM, 5, 3.0),
    Layer("separator", 20 * UM, 3),
    Layer("positive", 70 * UM, 7, 9.0),
]
CASES = [
    ((), False),
    (((40 * UM, 4),), False),
    (((40 * UM, 4),), True),
    (((40 * UM, 2), (30 * UM, 3)), False),
    (((40 * UM, 2), (30 * UM, 3)), True),
]


@pytest.mark.parametrize(("lateral", "simplices"), CASES)
def test_measures_are_exact(lateral, simplices) -> None:
    domain = layered_cell(LAYERS, lateral=lateral, simplices=simplices)
    area = float(np.prod([width for width, _ in lateral]))
    assert domain.dim == 1 + len(lateral)
    for layer in LAYERS:
        # ratios, because approx lets absolute differences of 1e-12 pass
        volume = domain.measure("region", layer.name)
        assert volume / (area * layer.thickness) == pytest.approx(1, rel=1e-10)
    for boundary in ("negative", "positive"):
        assert domain.measure("boundary", boundary) / area == pytest.approx(1, rel=1e-10)
    x = domain.mesh.geometry.x
    assert x.min(axis=0)[: domain.dim] == pytest.approx(0.0, abs=1e-15)
    assert x[:, domain.dim - 1].max() == pytest.approx(140 * UM)


@pytest.mark.parametrize(("lateral", "simplices"), CASES)
def test_cells_belong_to_the_layer_they_lie_in(lateral, simplices) -> None:
    domain = layered_cell(LAYERS, lateral=lateral, simplices=simplices)
    corners = domain.mesh.geometry.x[domain.mesh.geometry.dofmaps[0]]
    depth = corners[:, :, domain.dim - 1].mean(axis=1)
    start, per_slab = 0.0, {False: 1, True: {2: 2, 3: 6}.get(domain.dim)}[simplices]
    for layer in LAYERS:
        inside = domain.cells(layer.name)
        assert np.all((depth[inside] > start) & (depth[inside] < start + layer.thickness))
        assert inside.size == layer.cells * per_slab * np.prod([n for _, n in lateral])
        start += layer.thickness


def test_the_current_enters_at_the_first_face() -> None:
    domain = layered_cell(LAYERS, lateral=((40 * UM, 4),))
    tags = domain.facet_tags
    midpoints = {
        name: tags.indices[tags.values == tag].size for name, tag in domain.boundaries.items()
    }  # fmt: skip
    assert midpoints == {"negative": 4, "positive": 4}


def test_clustering_makes_the_cells_at_the_faces_small() -> None:
    uniform, graded = Layer("a", 1.0, 10).nodes(), Layer("a", 1.0, 10, 9.0).nodes()
    assert np.diff(uniform) == pytest.approx(0.1)
    sizes = np.diff(graded)
    assert (graded[0], graded[-1]) == (0.0, pytest.approx(1.0))
    assert sizes == pytest.approx(sizes[::-1])
    assert np.all(np.diff(sizes[:5]) > 0)
    assert 4 < sizes[4] / sizes[0] < 9


@pytest.mark.parametrize(
    ("layers", "lateral", "field"),
    [
        ([], (), "layers"),
        ([Layer("a", UM, 1), Layer("a", UM, 1)], (), "layers"),
        ([Layer("a", UM, 1)], ((UM, 1),) * 3, "layers"),
        ([Layer("a", 0.0, 1)], (), "layer a"),
        ([Layer("a", np.nan, 1)], (), "layer a"),
        ([Layer("a", np.inf, 1)], (), "layer a"),
        ([Layer("a", UM, 0)], (), "layer a"),
        ([Layer("a", UM, 1, 0.5)], (), "layer a"),
        ([Layer("a", UM, 1)], ((0.0, 1),), "lateral"),
        ([Layer("a", UM, 1)], ((UM, 0),), "lateral"),
    ],
)
def test_impossible_layers_are_refused(layers, lateral, field: str) -> None:
    with pytest.raises(InputError) as caught:
        layered_cell(layers, lateral=lateral)
    assert caught.value.field == field
    assert caught.value.remedy
