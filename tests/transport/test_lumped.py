"""Pores and binder as one domain: porosity and transport factor that give the detailed image's transport."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lithoscape.errors import InputError
from lithoscape.image import Grid, Volume
from lithoscape.transport.lumped import OPEN, Inner, lumped
from lithoscape.transport.voxel import VoxelOptions, effective

OPTIONS = VoxelOptions(1e-8)


def image(labels: np.ndarray) -> Volume:
    return Volume(labels.astype(np.uint8), Grid(labels.shape, 1e-6), {"pore": 0, "active": 1, "binder": 2})


def medium() -> Volume:
    noise = gaussian_filter(np.random.default_rng(4).normal(size=(20, 18, 16)), 1.5)
    return image(np.digitize(noise, np.quantile(noise, [0.4, 0.8])) * 2 % 3)  # pore, binder, active


def test_layers_have_their_formula() -> None:
    """Straight walls of a fourth active, a fourth binder: side by side along, in series across."""
    labels = np.repeat([0, 0, 2, 1], 2)[None, :, None] * np.ones((6, 1, 5))
    volume, given = image(labels), {"pore": 1.0, "binder": Inner(0.4, 0.1)}
    along = lumped(volume, given, 0, options=OPTIONS)
    assert (along.share, along.porosity) == pytest.approx((0.75, 0.6))
    assert along.efficiency == pytest.approx(0.5 + 0.25 * 0.1, rel=1e-7)
    assert along.phase_porosity == pytest.approx(0.8)
    assert along.phase_transport == pytest.approx(0.525 / 0.75, rel=1e-7)
    assert along.tau == pytest.approx(0.6 / 0.525, rel=1e-7)


def test_the_factor_on_the_lumped_domain_gives_the_detailed_transport() -> None:
    volume = medium()
    found = lumped(volume, {"pore": OPEN, "binder": Inner(0.47)}, options=OPTIONS)
    t = found.phase_transport
    whole = effective(volume.labels, {0: t, 1: 0.0, 2: t}, 0, options=OPTIONS)
    assert whole.effective == pytest.approx(found.efficiency, rel=1e-6)
    detail = effective(volume.labels, {0: 1.0, 1: 0.0, 2: 0.47**1.5}, 0, options=OPTIONS)
    assert detail.effective == pytest.approx(found.efficiency, rel=1e-7)


def test_limits() -> None:
    volume = medium()
    open_ = lumped(volume, {"pore": 1.0, "binder": 1.0}, options=OPTIONS)
    assert (open_.phase_transport, open_.phase_porosity) == pytest.approx((1, 1), rel=1e-6)
    pores = lumped(volume, {"pore": 1.0}, options=OPTIONS)
    assert pores.tau == pytest.approx(effective(volume.labels, {0: 1, 1: 0, 2: 0}, options=OPTIONS).tau)
    tight = lumped(volume, {"pore": 1.0, "binder": 0.0}, options=OPTIONS)
    assert tight.efficiency == pytest.approx(pores.efficiency, rel=1e-6)
    assert tight.porosity == pytest.approx(volume.fractions()["pore"])


def test_what_cannot_be_is_refused() -> None:
    for given, word in (
        ({}, "phases"), ({"pores": 1.0}, "'pore'"), ({"pore": 1.2}, "porosity"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=word):
            lumped(medium(), given)
    with pytest.raises(InputError, match="transport"):
        Inner(0.5, -0.1)
