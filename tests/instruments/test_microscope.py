"""Pictures: sampling of a plane through a probe, blur, pixels, photons and bits, against closed forms."""

import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
from dolfinx import fem
from scipy.special import ndtr

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.instruments import Optics, Plane, averaged_value, by_phase, by_value, photograph
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.probe import BoxAverages

UM = 1e-6


def test_a_plane_through_a_linear_field_is_exact() -> None:
    """u = 0.2 + 2e3 x - 1e3 y + 4e3 z in 3D, read at the points of a plane across y."""
    domain = layered_cell(
        [Layer("separator", 20 * UM, 3), Layer("positive", 80 * UM, 5)],
        lateral=((50 * UM, 3), (40 * UM, 4)),
    )
    space = fem.functionspace(domain.mesh, ("Lagrange", 1))
    active = fem.Function(fem.functionspace(domain.mesh, ("DG", 0)))
    active.x.array[domain.cells("positive")] = 0.5
    plane = Plane((0.0, 13 * UM, 10 * UM), (50 * UM, 13 * UM, 100 * UM), 10 * UM)
    assert plane.axes == (0, 2)
    assert plane.shape == (9, 5)
    probe = BoxAverages(domain, space, [active], plane.boxes(), per_axis=1)
    values = probe([0.2 + space.tabulate_dof_coordinates() @ [2e3, -1e3, 4e3]]).reshape(plane.shape)
    x, z = (np.arange(5) + 0.5) * 10 * UM, (np.arange(9) + 1.5) * 10 * UM
    expected = 0.2 + 2e3 * x - 1e3 * 13 * UM + 4e3 * z[:, None]
    assert np.isnan(values[0]).all()
    assert values[1:] == pytest.approx(expected[1:], rel=1e-10)
    assert probe.signal.reshape(plane.shape)[:, 2] == pytest.approx([0.0, *[0.5] * 8])
    outside = Plane((0.0, 50 * UM, 0.0), (50 * UM, 50 * UM, 50 * UM), 10 * UM)
    with pytest.raises(InputError, match="outside the mesh"):
        BoxAverages(domain, space, [active], outside.boxes(), per_axis=1)


def test_an_edge_is_blurred_to_the_resolution() -> None:
    """A step becomes an error function whose width is the resolution."""
    step, n = 0.05 * UM, 800
    grey = np.zeros((8, n))
    grey[:, n // 2 :] = 1.0
    picture = photograph(grey, step, Optics(step, 2 * UM))
    x = (np.arange(n) + 0.5 - n // 2) * step
    sigma = 2 * UM / (2 * np.sqrt(2 * np.log(2)))
    assert picture.grey[3] == pytest.approx(ndtr(x / sigma), abs=5e-5)
    # resolution is a full width: a thin line at half its height
    line = np.zeros((4, n + 1))
    line[:, n // 2] = 1.0
    seen = photograph(line, step, Optics(step, 2 * UM)).grey[1]
    above = np.count_nonzero(seen >= 0.5 * seen.max()) * step
    assert above == pytest.approx(2 * UM, abs=1.5 * step)


def test_pixels_are_means() -> None:
    grey = np.linspace(0, 1, 36).reshape(6, 6)
    picture = photograph(grey, 1 * UM, Optics(3 * UM, 1e-9))
    assert picture.grey == pytest.approx(grey.reshape(2, 3, 2, 3).mean(axis=(1, 3)), rel=1e-12)
    assert picture.pixel == 3 * UM
    assert photograph(np.ones((7, 5)), 1 * UM, Optics(3 * UM, 1e-9)).grey.shape == (2, 1)


def test_noise_has_the_uncertainty_stated() -> None:
    optics = Optics(1 * UM, 1e-9, photons=400.0, bits=8)
    picture = photograph(np.full((200, 200), 0.25), 1 * UM, optics, seed=4)
    assert picture.uncertainty == pytest.approx(np.sqrt(0.25 / 400 + 1 / (12 * 255**2)))
    assert picture.grey.std() == pytest.approx(picture.uncertainty[0, 0], rel=0.02)
    assert np.round(picture.grey * 255) == pytest.approx(picture.grey * 255, abs=1e-9)
    same = photograph(np.full((200, 200), 0.25), 1 * UM, optics, seed=4)
    assert same.grey.tolist() == picture.grey.tolist()
    mean, error = averaged_value(picture, 0.4, 0.8)
    assert error == pytest.approx(0.4 * picture.uncertainty[0, 0] / 200)
    assert abs(mean - 0.5) < 4 * error


def test_grey_levels_by_value_and_by_phase() -> None:
    levels = by_value(np.array([0.2, 0.5, 0.65, 0.9, np.nan]), 0.3, 0.8, without=0.05)
    assert levels == pytest.approx([0.0, 0.4, 0.7, 1.0, 0.05])
    labels = np.zeros((2, 3, 4), dtype=np.uint8)
    labels[1, :, 2:] = 1
    volume = Volume(labels, Grid((2, 3, 4), (1 * UM,) * 3), {"pore": 0, "active": 1})
    plane = by_phase(volume, 0, 1, {"pore": 0.1, "active": 0.9})
    assert plane == pytest.approx(np.tile([0.1, 0.1, 0.9, 0.9], (3, 1)))
    assert by_phase(volume, 2, 3, {"pore": 0.1, "active": 0.9}).shape == (2, 3)
    with pytest.raises(InputError, match="every phase needs a grey level"):
        by_phase(volume, 0, 1, {"pore": 0.1})
    with pytest.raises(InputError, match="outside the image"):
        by_phase(volume, 0, 2, {"pore": 0.1, "active": 0.9})
    with pytest.raises(InputError, match="no such phase"):
        by_phase(volume, 0, 1, {"pores": 0.1})


OPTICS = Optics(1 * UM, 1 * UM)
BAD = {
    "line": (lambda: Plane((0.0, 0.0), (1.0, 0.0), 0.1), "microscope.upper"),
    "box": (lambda: Plane((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.1), "microscope.upper"),
    "reversed": (lambda: Plane((1.0, 1.0), (0.0, 0.0), 0.1), "microscope.upper"),
    "step 0": (lambda: Plane((0.0, 0.0), (1.0, 1.0), 0.0), "microscope.step"),
    "large step": (lambda: Plane((0.0, 0.0), (1.0, 0.2), 0.3), "microscope.step"),
    "pixel": (lambda: Optics(0.0, 1.0), "microscope.pixel"),
    "resolution": (lambda: Optics(1.0, -1.0), "microscope.resolution"),
    "photons": (lambda: Optics(1.0, 1.0, photons=0.0), "microscope.photons"),
    "bits": (lambda: Optics(1.0, 1.0, bits=0), "microscope.bits"),
    "levels": (lambda: photograph(np.full((3, 3), 1.2), 1 * UM, OPTICS), "microscope.grey"),
    "nan": (lambda: photograph(np.full((3, 3), np.nan), 1 * UM, OPTICS), "microscope.grey"),
    "fraction": (lambda: photograph(np.ones((3, 3)), 0.7 * UM, OPTICS), "microscope.pixel"),
    "small": (lambda: photograph(np.ones((3, 3)), 0.1 * UM, OPTICS), "microscope.pixel"),
    "range": (lambda: by_value(np.ones(3), 0.5, 0.5), "microscope.range"),
    "no error": (
        lambda: averaged_value(photograph(np.ones((3, 3)), 1 * UM, OPTICS), 0.0, 1.0),
        "microscope.uncertainty",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_pictures_that_cannot_be_taken(name: str) -> None:
    act, field = BAD[name]
    with pytest.raises(InputError) as caught:
        act()
    assert caught.value.field == field
    assert caught.value.value is not None
    assert caught.value.remedy
