"""Circuits: their text, their impedance, their fit; the Kramers-Kronig test; relaxation times."""

import numpy as np
import pytest
from cells import cell_of, problem_of
from impedance.models.circuits import CustomCircuit

from lithoscape.errors import InputError
from lithoscape.impedance import (
    Spectrum,
    fit,
    kramers_kronig,
    log_frequencies,
    parse_circuit,
    relaxation_times,
    spectrum,
)

F = log_frequencies(1e-2, 1e5, 8)
TRUE = {"R0": 2e-3, "R1": 5e-3, "W1": 4e-4, "CPE1_0": 8.0, "CPE1_1": 0.9}


def randles(noise: float = 0.0, seed: int = 1) -> Spectrum:
    """The circuit with diffusion, with relative noise."""
    z = parse_circuit("randles").evaluate(F, np.array(list(TRUE.values())))
    rng = np.random.default_rng(seed)
    return Spectrum(F, z * (1 + noise * (rng.normal(size=F.size) + 1j * rng.normal(size=F.size))))


CIRCUITS = [
    ("R0-p(R1-W1,CPE1)", list(TRUE.values())),
    ("R0 - p(R1, C1) - Wo1", [1.0, 2.0, 3e-4, 5.0, 20.0]),
    ("p(R0,p(C1,R2-L1))-Ws2", [1.0, 3e-4, 2.0, 1e-6, 5.0, 20.0]),
    ("R0-TLMQ1", [1.0, 2.0, 0.3, 0.95]),
    ("R0", [3.0]),
]


@pytest.mark.parametrize(("text", "values"), CIRCUITS)
@pytest.mark.filterwarnings("ignore:Simulating circuit based on initial parameters")
def test_circuits_mean_what_the_package_says(text: str, values: list[float]) -> None:
    ours = parse_circuit(text)
    peer = CustomCircuit(text.replace(" ", ""), initial_guess=values)
    np.testing.assert_allclose(
        ours.evaluate(F, np.array(values)), peer.predict(F, use_initial=True), rtol=1e-12
    )
    assert list(ours.names) == peer.get_param_names()[0]
    assert list(ours.units) == peer.get_param_names()[1]


REFUSED = [
    ("", "an element is missing"),
    ("R0-", "an element is missing"),
    ("R0-p(R1)", "two branches"),
    ("R0-p(R1,C1", "closing bracket"),
    ("R0)", "left over"),
    ("R0-X1", "no element 'X'"),
    ("R0-R0", "name of its own"),
    ("__import__('os')", "cannot read|no element"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_other_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_circuit(text)


def test_parameters_are_recovered() -> None:
    found = fit(randles(), "randles")
    assert found.values == pytest.approx(TRUE, rel=1e-6)
    assert found.residual < 1e-9
    assert np.abs(found.spectrum(F).impedance / randles().impedance - 1).max() < 1e-8


def test_confidence_intervals_hold_the_truth() -> None:
    inside = total = 0
    for seed in range(12):
        found = fit(randles(3e-3, seed), "randles", guess=list(TRUE.values()))
        assert found.residual == pytest.approx(3e-3 * np.sqrt(2), rel=0.3)
        for name, value in TRUE.items():
            assert found.low[name] < found.values[name] < found.high[name]
            inside, total = inside + (found.low[name] <= value <= found.high[name]), total + 1
    assert 0.85 < inside / total < 1.0 + 1e-12
    assert found.high["W1"] - found.low["W1"] == pytest.approx(4 * found.errors["W1"], rel=0.05)


def test_guesses_and_data_must_suffice() -> None:
    with pytest.raises(InputError, match="one positive number per parameter"):
        fit(randles(), "randles", guess=[1.0])
    few = Spectrum(F[:2], randles().impedance[:2])
    with pytest.raises(InputError, match="more parameters than numbers"):
        fit(few, "randles")


# -- consistency ----------------------------------------------------------------------------------
@pytest.mark.parametrize("current", [0.0, 24.0])
def test_a_model_satisfies_the_relations(current: float) -> None:
    from dataclasses import replace

    cell = cell_of("Xu2019")
    regions = tuple(replace(r, double_layer=0.2 if r.electrode else 0.0) for r in cell.regions)
    problem = problem_of("Xu2019", 12, replace(cell, regions=regions))
    found = spectrum(problem, log_frequencies(1e-3, 1e5, 10), current_density=current)
    assert kramers_kronig(found).largest < 1e-6


def test_noise_is_found_and_not_followed() -> None:
    test = kramers_kronig(randles(1e-2))
    assert test.rms == pytest.approx(1e-2 * np.sqrt(2), rel=0.25)
    assert test.elements < F.size / 2


def test_a_drifting_cell_is_found_out() -> None:
    # the resistance doubles from the first (highest) frequency to the last: no stationary system does
    drift = Spectrum(F, randles().impedance * (1 + np.linspace(0.5, 0, F.size)))
    steady, drifting = kramers_kronig(randles(1e-4)), kramers_kronig(drift)
    assert drifting.rms > 20 * steady.rms
    with pytest.raises(InputError, match="five frequencies"):
        kramers_kronig(Spectrum(F[:4], F[:4]))


# -- relaxation times -------------------------------------------------------------------------------
def two_arcs(frequencies: np.ndarray = F) -> Spectrum:
    """Resistance 1e-3, arcs of 2e-3 at 1 ms and of 1e-3 at 0.3 s."""
    w = 2 * np.pi * frequencies
    return Spectrum(frequencies, 1e-3 + 2e-3 / (1 + 1e-3j * w) + 1e-3 / (1 + 0.3j * w))


def test_two_arcs_are_told_apart() -> None:
    found = relaxation_times(two_arcs(), 1e-4, 20)
    assert found.residual < 1e-3
    (fast, _), (slow, _) = found.peaks()[:2]
    assert (fast, slow) == pytest.approx((1e-3, 0.3), rel=0.1)
    assert found.resistance == pytest.approx(1e-3, rel=1e-2)
    middle = np.sqrt(1e-3 * 0.3)
    assert found.polarisation(high=middle) == pytest.approx(2e-3, rel=1e-2)
    assert found.polarisation(low=middle) == pytest.approx(1e-3, rel=1e-2)


def test_a_capacitance_in_series_is_kept_apart() -> None:
    s = two_arcs()
    with_capacitance = Spectrum(F, s.impedance + 1 / (2j * np.pi * F * 500.0))
    found = relaxation_times(with_capacitance, 1e-4)
    assert found.elastance == pytest.approx(1 / 500.0, rel=0.02)
    assert found.polarisation(high=1.0) == pytest.approx(3e-3, rel=0.02)


@pytest.mark.slow
def test_relaxation_times_against_pyimpspec() -> None:
    from pyimpspec import DataSet, calculate_drt

    s = two_arcs()
    peer = calculate_drt(DataSet(F, s.impedance), method="tr-nnls", mode="complex", lambda_value=1e-4)
    tau, gamma = peer.get_drt_data()[:2]
    ours = relaxation_times(s, 1e-4)
    top = np.argsort(gamma)[::-1]
    assert ours.peaks()[0][0] == pytest.approx(tau[top[0]], rel=0.3)
    for low, high in ((1e-5, 1e-2), (1e-2, 10.0)):
        chosen = (tau > low) & (tau < high)
        area = abs(np.trapezoid(gamma[chosen], np.log(tau[chosen])))
        assert ours.polarisation(low, high) == pytest.approx(area, rel=0.1)


def test_relaxation_times_are_asked_for_sensibly() -> None:
    with pytest.raises(InputError, match="strength"):
        relaxation_times(two_arcs(), 0.0)
    with pytest.raises(InputError, match="five frequencies"):
        relaxation_times(two_arcs(F[:4]))
