"""Diffusion impedance of images against closed forms, direct solves and the steady problem."""

import re
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.ndimage import gaussian_filter
from scipy.sparse.linalg import splu

from lithoscape.errors import InputError, SolveError
from lithoscape.impedance.diffusion import (
    DiffusionLengthWarning,
    DiffusionOptions,
    diffusion_impedance,
)
from lithoscape.impedance.warburg import film_closed, film_held
from lithoscape.spectra import Spectrum
from lithoscape.transport.voxel import VoxelOptions, effective

FILMS = {"absorbing": film_held, "reflecting": film_closed}
TIGHT = DiffusionOptions(tolerance=1e-8)
OUTLETS = ("absorbing", "reflecting")


def frequencies(length: float, diffusivity: float, low: float, high: float, count: int = 26) -> np.ndarray:
    """Between multiples of the characteristic frequency [Hz]."""
    return np.geomspace(low, high, count) * diffusivity / length**2 / (2 * np.pi)


def blobs(shape: tuple[int, ...], share: float = 0.5, seed: int = 1, width: float = 1.6) -> np.ndarray:
    """A random medium; label 0 is the pore."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), width)
    return (noise > np.quantile(noise, share)).astype(np.uint8)


def direct(
    labels: np.ndarray,
    conductors: dict[int, float],
    axis: int,
    outlet: str,
    spacing: tuple[float, ...],
    diffusivity: float,
    omegas: np.ndarray,
) -> np.ndarray:
    """Z [s/m] by direct solves of the voxel equations, one for each frequency, blobs apart left in."""
    d = np.vectorize(lambda k: conductors.get(int(k), 0.0))(labels) * diffusivity
    n, number = np.count_nonzero(d), np.full(labels.shape, -1)
    number[d > 0] = np.arange(n)
    volume, rows = np.prod(spacing), []
    for k in range(3):
        to, num = np.moveaxis(d, k, 0), np.moveaxis(number, k, 0)
        both = (to[:-1] > 0) & (to[1:] > 0)
        a, b = num[:-1][both], num[1:][both]
        w = 2 * volume / spacing[k] ** 2 / (1 / to[:-1][both] + 1 / to[1:][both])
        rows.append((a, b, w))
    a, b, w = (np.concatenate(part) for part in zip(*rows, strict=True))
    links = sparse.coo_matrix((w, (a, b)), (n, n)).tocsr()
    links = links + links.T
    ends = []
    for layer in (0, -1):
        g, num = np.zeros(n), np.moveaxis(number, axis, 0)[layer]
        g[num[num >= 0]] = 2 * np.moveaxis(d, axis, 0)[layer][num >= 0] * volume / spacing[axis] ** 2
        ends.append(g)
    last = ends[1] * (outlet == "absorbing")
    diagonal = np.asarray(links.sum(axis=1)).ravel() + ends[0] + last
    area = np.prod(spacing) * labels.size / (spacing[axis] * labels.shape[axis])
    found = []
    for omega in omegas:
        c = splu((sparse.diags(diagonal + 1j * omega * volume) - links).tocsc()).solve(ends[0] + 0j)
        # what leaves and what is stored: no cancellation at either end of the spectrum
        found.append(area / (last @ c + 1j * omega * volume * c.sum()))
    return np.array(found)


# -- closed forms ----------------------------------------------------------------------
def chain(n: int, omega: np.ndarray, outlet: str) -> np.ndarray:
    """Z~ of n voxels in a row of length 1, their equations solved in closed form."""
    # c_{k+1} + c_{k-1} = (2 + s h^2) c_k, so c_k = cosh or sinh((k + 1/2 - n) m) from the outlet face
    h = 1 / n
    m = np.arccosh(1 + 0.5j * omega * h**2)
    near, before = (0.5 - n) * m, (-0.5 - n) * m
    f = np.sinh if outlet == "absorbing" else np.cosh
    # the concentration on the inlet face is the mean over the voxel before it, mirrored
    return (f(near) + f(before)) / 2 * h / (f(before) - f(near))


@pytest.mark.parametrize("outlet", OUTLETS)
def test_a_straight_channel_is_exact_for_the_voxel_scheme(outlet: str) -> None:
    labels = np.ones((7, 24, 5), dtype=np.uint8)
    labels[2:4, :, 1:4] = 0
    spacing, d = (1.5e-6, 1e-6, 5e-7), 3e-10
    f = frequencies(24e-6, d, 0.01, 28)
    found = diffusion_impedance(
        labels, 0, 1, frequencies=f, spacing=spacing, diffusivity=d, outlet=outlet, options=TIGHT
    )
    z = chain(24, 2 * np.pi * f * (24e-6) ** 2 / d, outlet) / (6 / 35)
    np.testing.assert_allclose(found.normalised, z, rtol=1e-7)
    assert found.length == pytest.approx(24e-6, rel=1e-12)
    assert found.porosity == found.porosity_reached == pytest.approx(6 / 35)
    assert found.characteristic_frequency == pytest.approx(d / 24e-6**2 / 2 / np.pi)
    np.testing.assert_allclose(found.impedance * d / 24e-6, found.normalised)


@pytest.mark.parametrize("outlet", OUTLETS)
def test_a_film_is_approached_with_order_two(outlet: str) -> None:
    errors = []
    for n in (16, 32, 64):
        f = frequencies(1.0, 1.0, 0.05, 25)
        z = diffusion_impedance(
            np.zeros((n, 2), dtype=int),
            0,
            frequencies=f,
            spacing=(1 / n, 1 / n),
            outlet=outlet,
            options=TIGHT,
        ).normalised
        errors.append(np.abs(z / FILMS[outlet](2 * np.pi * f, 1.0, 1.0) - 1).max())
    orders = [np.log2(a / b) for a, b in pairwise(errors)]
    assert orders == pytest.approx([2, 2], abs=0.02)
    assert errors[-1] < 8e-4


# -- channels that are not straight ----------------------------------------------------
def in_line(areas: np.ndarray, h: float, omega: np.ndarray, outlet: str) -> np.ndarray:
    """Z of a channel of given areas in one dimension, by continued fractions (float, from the outlet)."""
    y = np.full(omega.size, 2 * areas[-1] / h if outlet == "absorbing" else 0.0, dtype=complex)
    for k in range(areas.size - 1, -1, -1):
        y = y + 1j * omega * areas[k] * h  # what the voxel passes on and stores
        if k:
            w = min(areas[k], areas[k - 1]) / h
            y = y * w / (y + w)
    w = 2 * areas[0] / h
    return (y + w) / (y * w)


@pytest.mark.parametrize("outlet", OUTLETS)
@pytest.mark.parametrize("inlet", ["low", "high"])
def test_a_stepped_channel_of_thin_parts_follows_its_line(outlet: str, inlet: str) -> None:
    # two channels side by side, one two voxels wide; each part is uniform across, so one dimension is exact
    labels = np.ones((30, 5), dtype=np.uint8)
    labels[:, 0] = 0
    labels[:12, 2] = 0
    labels[12:, 4] = 0  # not connected with the part before: a blind pore, and one that nothing reaches
    f = frequencies(30, 1.0, 0.01, 90)
    found = diffusion_impedance(labels, 0, frequencies=f, outlet=outlet, inlet=inlet, options=TIGHT)
    omega = 2 * np.pi * f
    long = in_line(np.ones(30), 1.0, omega, outlet)
    blind = in_line(np.ones(12 if inlet == "low" else 18), 1.0, omega, "reflecting")
    np.testing.assert_allclose(found.impedance, 5 / (1 / long + 1 / blind), rtol=1e-7)
    assert found.porosity == pytest.approx(60 / 150)
    assert found.porosity_reached == pytest.approx((42 if inlet == "low" else 48) / 150)


def graded(r: tuple[float, float], omega: np.ndarray, outlet: str) -> np.ndarray:
    """Z between two places of a medium of diffusivity r^2: (r^2 c')' = i omega c is Euler's equation."""
    root = np.sqrt(0.25 + 1j * omega)
    m = np.array([-0.5 + root, -0.5 - root])
    here, there = (x**m for x in np.array(r)[:, None, None])
    end = there if outlet == "absorbing" else m * there
    a = np.array([end[1], -end[0]])  # so that the outlet is as it is
    flux = (a * m * here).sum(axis=0) * r[0] * (-1 if r[1] > r[0] else 1)
    return np.asarray((a * here).sum(axis=0) / flux)


@pytest.mark.parametrize("outlet", OUTLETS)
@pytest.mark.parametrize("inlet", ["low", "high"])
def test_a_graded_medium_is_approached_with_order_two(outlet: str, inlet: str) -> None:
    errors = []
    for n in (20, 40, 80):
        f = np.geomspace(0.05, 40, 26) / 2 / np.pi
        labels = np.repeat(np.arange(n)[:, None], 2, axis=1)
        conductors = {k: (1 + (k + 0.5) / n) ** 2 for k in range(n)}
        z = diffusion_impedance(
            labels, conductors, frequencies=f, spacing=(1 / n, 1 / n), outlet=outlet, inlet=inlet,
            options=TIGHT,
        ).impedance  # fmt: skip
        ends = (1.0, 2.0) if inlet == "low" else (2.0, 1.0)
        errors.append(np.abs(z / graded(ends, 2 * np.pi * f, outlet) - 1).max())
    orders = [np.log2(a / b) for a, b in pairwise(errors)]
    assert orders == pytest.approx([2, 2], abs=0.02)
    assert errors[-1] < 2e-3


# -- random media ----------------------------------------------------------------------
@pytest.mark.parametrize("outlet", OUTLETS)
@pytest.mark.parametrize(("axis", "inlet"), [(0, "low"), (1, "high"), (2, "low")])
def test_random_media_agree_with_direct_solves(outlet: str, axis: int, inlet: str) -> None:
    labels, spacing = blobs((17, 22, 19)), (1.0, 0.8, 1.2)
    length = labels.shape[axis] * spacing[axis]
    f = frequencies(length, 2.0, 0.01, 20)
    found = diffusion_impedance(
        labels, 0, axis, frequencies=f, spacing=spacing, diffusivity=2.0, outlet=outlet, inlet=inlet
    )
    turned = np.flip(labels, axis) if inlet == "high" else labels
    z = direct(turned, {0: 1.0}, axis, outlet, spacing, 2.0, 2 * np.pi * f)
    error = np.abs(found.impedance / z - 1).max()
    assert error <= 3e-4
    assert error <= found.error <= 3e-4
    if axis == 0:
        tight = diffusion_impedance(
            labels, 0, axis, frequencies=f, spacing=spacing, diffusivity=2.0, outlet=outlet,
            options=DiffusionOptions(1e-7),
        )  # fmt: skip
        error = np.abs(tight.impedance / z - 1).max()
        assert error <= tight.error <= 1e-7
        assert tight.solves > found.solves


@pytest.mark.parametrize("outlet", OUTLETS)
def test_several_phases_agree_with_direct_solves(outlet: str) -> None:
    labels = blobs((16, 20, 18), 0.6)
    labels[blobs(labels.shape, 0.4, seed=7) == 0] += 2
    conductors = {0: 1.0, 1: 0.0, 2: 0.3, 3: 0.01}
    f = frequencies(16.0, 3.0, 0.01, 28)
    found = diffusion_impedance(labels, conductors, frequencies=f, diffusivity=3.0, outlet=outlet)
    z = direct(labels, conductors, 0, outlet, (1.0, 1.0, 1.0), 3.0, 2 * np.pi * f)
    error = np.abs(found.impedance / z - 1).max()
    assert error <= found.error <= 3e-4


def test_high_contrast_keeps_the_tolerance() -> None:
    labels = blobs((14, 12, 13), 0.6)
    conductors = {0: 1.0, 1: 1e-5}
    f = frequencies(14.0, 1.0, 0.01, 20, 8)
    found = diffusion_impedance(labels, conductors, frequencies=f, options=DiffusionOptions(1e-6))
    z = direct(labels, conductors, 0, "absorbing", (1.0, 1.0, 1.0), 1.0, 2 * np.pi * f)
    assert np.abs(found.impedance / z - 1).max() <= found.error <= 1e-6


def test_a_block_is_the_image_cut() -> None:
    labels = blobs((20, 24, 22))
    box = (slice(2, 16), slice(None), slice(4, 20))
    whole = diffusion_impedance(labels, 0, 1, box=box)
    cut = diffusion_impedance(np.ascontiguousarray(labels[box]), 0, 1)
    np.testing.assert_array_equal(whole.impedance, cut.impedance)
    assert whole.porosity == np.mean(labels[box] == 0)
    assert not np.allclose(whole.impedance, diffusion_impedance(labels, 0, 1).impedance, rtol=0.01)


# -- limits and properties -------------------------------------------------------------
def test_the_low_limit_is_the_steady_tortuosity() -> None:
    labels = blobs((30, 26, 28), 0.45)
    found = diffusion_impedance(labels, 0, 2, spacing=(1.0, 2.0, 1.5), options=DiffusionOptions(1e-7))
    steady = effective(labels, {0: 1.0, 1: 0.0}, 2, spacing=(1.0, 2.0, 1.5), options=VoxelOptions(1e-8))
    assert found.steady == pytest.approx(steady.macmullin, rel=1e-7)
    assert found.tau == pytest.approx(steady.tau, rel=1e-7)
    assert found.normalised[0].real == pytest.approx(steady.macmullin, rel=0.01)


def test_a_closed_block_fills() -> None:
    found = diffusion_impedance(blobs((20, 20, 20)), 0, outlet="reflecting", options=TIGHT)
    assert found.steady is None
    assert found.tau is None
    # Z~ -> omega_c / (i omega porosity reached)
    assert found.poles[0] == 0.0
    assert found.residues[0] == pytest.approx(1 / (found.porosity_reached * found.length), rel=1e-10)


@pytest.mark.parametrize("outlet", OUTLETS)
def test_the_model_is_passive_and_causal(outlet: str) -> None:
    found = diffusion_impedance(blobs((24, 20, 22)), 0, outlet=outlet)
    assert np.all(found.poles <= 0)
    assert np.count_nonzero(found.poles) == found.poles.size - (outlet == "reflecting")
    assert np.all(found.residues > 0)
    assert found.instantaneous > 0
    np.testing.assert_allclose(found.at(found.frequencies), found.impedance, rtol=1e-12)
    everywhere = found.at(np.geomspace(1e-6, 1e6, 100))
    assert np.all(everywhere.real > 0)
    assert np.all(everywhere.imag < 0)
    # Kramers and Kronig: the real part from the imaginary part, by quadrature over all frequencies
    omega = np.geomspace(1e-9, 1e9, 40_001)
    minus = -found.at(omega / 2 / np.pi).imag - found.residues[found.poles == 0].sum() / omega
    for k in (2, 13, 24):
        own = 2 * np.pi * found.frequencies[k]
        mine = -found.impedance[k].imag - found.residues[found.poles == 0].sum() / own
        integrand = (omega * minus - own * mine) / (omega**2 - own**2) * omega
        real = found.instantaneous + 2 / np.pi * np.trapezoid(integrand, np.log(omega))
        assert real == pytest.approx(found.impedance[k].real, rel=1e-4)


def test_either_end_is_the_same_in_a_symmetric_image_only() -> None:
    half = blobs((12, 20, 20))
    symmetric = np.concatenate([half, half[::-1]])
    graded = np.concatenate([blobs((12, 20, 20), 0.7), blobs((12, 20, 20), 0.4, seed=5)])
    for labels, same in ((symmetric, True), (graded, False)):
        low, high = (
            diffusion_impedance(labels, 0, inlet=inlet, options=DiffusionOptions(1e-6))
            for inlet in ("low", "high")
        )
        assert np.allclose(low.impedance, high.impedance, rtol=1e-5) == same
        assert low.steady == pytest.approx(high.steady, rel=1e-5)  # reciprocity


def test_the_usual_frequencies_are_resolved() -> None:
    found = diffusion_impedance(np.zeros((200, 2), dtype=int), 0, spacing=(1e-6, 1e-6), diffusivity=3e-10)
    assert found.frequencies.size == 26
    ends = found.frequencies[[0, -1]] / found.characteristic_frequency
    np.testing.assert_allclose(ends, [0.01, 1000])
    short = diffusion_impedance(np.zeros((30, 2), dtype=int), 0)
    assert short.frequencies[-1] / short.characteristic_frequency == pytest.approx(100)


def test_it_is_a_spectrum_as_others() -> None:
    found = diffusion_impedance(blobs((16, 16, 16)), 0)
    spectrum = Spectrum.from_dataset(found.spectrum().dataset())
    np.testing.assert_array_equal(spectrum.impedance, found.normalised)
    assert spectrum.unit == "1"
    assert spectrum.about["Tortuosity factor"] == found.tau
    assert spectrum.about["Poles [s-1]"] == found.poles.tolist()


# -- refusals --------------------------------------------------------------------------
BLOCKED = np.zeros((12, 6), dtype=np.uint8)
BLOCKED[7] = 1


@pytest.mark.parametrize(
    ("labels", "given", "message"),
    [
        (BLOCKED, {}, "label 0 does not connect inlet and outlet along axis 0 .* layer 7 of 12 (58%)"),
        (
            BLOCKED,
            {"inlet": "high", "name": "pore"},
            "pore does not .* from the high end it gets to layer 4 of",
        ),
        (BLOCKED[7:], {"outlet": "reflecting"}, "does not touch the low end"),
        (BLOCKED, {"conductors": 5}, "phase: the phase does not occur (got 5). Labels of the image: 0, 1"),
        (BLOCKED, {"conductors": {0: 1.0}}, "conductivity: labels of the image have no conductivity"),
        (BLOCKED, {"axis": 2}, "axis: the image has no such axis"),
        (BLOCKED[:1], {}, "too thin along the first axis"),
        (BLOCKED, {"diffusivity": 0.0}, "diffusivity: a diffusivity is a positive number (got 0.0)"),
        (BLOCKED, {"frequencies": [0.1, -1.0]}, "frequencies [Hz]: frequencies are positive numbers"),
        (BLOCKED, {"frequencies": []}, "frequencies [Hz]: frequencies are positive numbers"),
        (BLOCKED, {"outlet": "open"}, "outlet: there is no such outlet (got 'open')"),
        (BLOCKED, {"inlet": "top"}, "inlet: there is no such inlet"),
        (BLOCKED, {"spacing": (1.0, 0.0)}, "spacing"),
        (BLOCKED, {"box": (slice(0, 5),)}, "box: this is no block of the image"),
        (BLOCKED, {"box": (slice(20, 25), slice(None))}, "box: this is no block of the image"),
    ],
)
def test_what_cannot_be_is_refused(labels: np.ndarray, given: dict, message: str) -> None:
    given = {"conductors": 0, "axis": 0, **given}
    with pytest.raises(InputError) as caught:
        diffusion_impedance(labels, **given)
    pattern = ".*".join(re.escape(part) for part in message.split(".*"))
    assert re.search(pattern, str(caught.value)), str(caught.value)


@pytest.mark.parametrize("given", [{"tolerance": 1e-12}, {"max_iterations": 0}, {"max_iterations": True}])
def test_options_out_of_range_are_refused(given: dict) -> None:
    with pytest.raises(InputError, match=next(iter(given))):
        DiffusionOptions(**given)


def test_too_few_iterations_are_an_error() -> None:
    with pytest.raises(SolveError, match="is not solved after 1 iterations"):
        diffusion_impedance(blobs((16, 16, 16)), 0, options=DiffusionOptions(max_iterations=1))


def test_more_than_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import lithoscape.impedance.diffusion as module

    monkeypatch.setattr(module, "available_memory", lambda: 1000)
    with pytest.raises(InputError, match=r"takes about 0.0 GiB and 0.0 GiB are free"):
        diffusion_impedance(blobs((16, 16, 16)), 0)


def test_short_diffusion_lengths_are_warned_of() -> None:
    labels = np.zeros((20, 4), dtype=int)
    with pytest.warns(DiffusionLengthWarning, match="the diffusion length is 2 voxels; above 0.0177 Hz"):
        found = diffusion_impedance(labels, 0, frequencies=[0.25 / 2 / np.pi])
    assert found.frequencies.size == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diffusion_impedance(labels, 0, frequencies=[0.017])
