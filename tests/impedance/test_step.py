"""Impedance as a step of a protocol: its line, the run, what is kept."""

from dataclasses import replace

import numpy as np
import pytest
from cells import cell_of, problem_of, simulation

from lithoscape.errors import InputError
from lithoscape.protocol import (
    Base,
    FrequencyRange,
    check_protocol,
    parse_frequency,
    parse_protocol,
    parse_step,
)

LINES = [
    ("EIS from 10 mHz to 100 kHz", (1e-2, 1e5, 10.0)),
    ("eis  FROM 1e5 Hz to 0.01hz", (1e-2, 1e5, 10.0)),
    ("EIS from 1 MHz to 1 mHz with 5 points per decade", (1e-3, 1e6, 5.0)),
    ("EIS from 5 uHz to 2.5 kHz with 1 point per decade", (5e-6, 2.5e3, 1.0)),
]


@pytest.mark.parametrize(("line", "meant"), LINES)
def test_lines(line: str, meant: tuple[float, float, float]) -> None:
    step = parse_step(line)
    assert (step.kind, step.mode, step.stops, step.text) == ("impedance", "impedance", (), line)
    assert step.frequencies is not None
    r = step.frequencies
    assert (r.lowest, r.highest, r.per_decade) == pytest.approx(meant)
    assert parse_step(step.describe()) == step
    assert step.setpoint(Base(10.0)) == 0.0


REFUSED = [
    ("EIS", "cannot read this impedance step"),
    ("EIS from 1 Hz", "cannot read this impedance step"),
    ("EIS from 1 Hz to 1 Hz", "two ends"),
    ("EIS from 0 Hz to 1 Hz", "two ends"),
    ("EIS from 1 V to 1 kHz", "cannot read this frequency"),
    ("EIS from 1 GHz to 1 kHz", "cannot read this frequency"),
    ("EIS from 1 to 1 kHz", "cannot read this frequency"),
    ("EIS from 1 Hz to 1 kHz with many points per decade", "not a number of points"),
    ("EIS from 1 Hz to 1 kHz with 0.1 points per decade", "1 to 1000 points"),
    ("EIS from 1 Hz to 1 kHz until 2.5 V", "cannot read this"),
    ("EI from 1 Hz to 1 kHz", "starts with what to do"),
]


@pytest.mark.parametrize(("line", "message"), REFUSED)
def test_refusals(line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_step(line)


def test_milli_is_not_mega() -> None:
    assert (parse_frequency("1 mHz"), parse_frequency("1 MHz")) == (1e-3, 1e6)


def test_an_impedance_has_frequencies_and_nothing_else_has() -> None:
    rest = parse_step("Rest for 1 s")
    with pytest.raises(InputError, match="nothing else, has frequencies"):
        replace(rest, frequencies=FrequencyRange(1.0, 2.0))
    with pytest.raises(InputError, match="takes no time"):
        replace(parse_step(LINES[0][0]), stops=rest.stops)


def test_a_hold_is_judged_by_the_step_before_the_impedance() -> None:
    lines = ["Charge at 1C until 4.2 V", "EIS from 1 Hz to 1 kHz", "Hold at 4.2 V until 2C"]
    with pytest.raises(InputError, match="over at once"):
        check_protocol(parse_protocol(lines), (2.5, 4.3), Base(10.0))


PLAIN = ["Discharge at 1C for 60 s", "Rest for 30 s"]
MEASURED = [
    "EIS from 1 Hz to 10 kHz with 3 points per decade", PLAIN[0],
    "EIS from 10 kHz to 1 Hz with 3 points per decade", PLAIN[1], "EIS from 1 Hz to 10 Hz",
]  # fmt: skip


def test_measuring_changes_nothing_and_takes_no_time() -> None:
    cell = cell_of("Xu2019")
    regions = tuple(replace(r, double_layer=0.2 if r.electrode else 0.0) for r in cell.regions)
    told = []
    runs = [
        simulation(
            problem_of("Xu2019", 5, replace(cell, regions=regions)), "Xu2019", lines,
            on_spectrum=lambda step, s: told.append((step, s)),
        ).run()
        for lines in (PLAIN, MEASURED)
    ]  # fmt: skip
    a, b = (run.record for run in runs)
    assert np.array_equal(a["Voltage [V]"].values, b["Voltage [V]"].values)
    assert np.array_equal(a["time"].values, b["time"].values)
    assert runs[0].spectra == ()
    assert [step for step, _ in told] == [0, 2, 4]
    first, load, last = runs[1].spectra
    assert [s.about["Time [s]"] for s in (first, load, last)] == pytest.approx([0.0, 60.0, 90.0])
    assert first.about["Current density [A.m-2]"] == pytest.approx(0.0, abs=1e-6)
    assert load.about["Current density [A.m-2]"] == pytest.approx(24.0, rel=1e-6)
    assert load.about["Voltage [V]"] == pytest.approx(float(b["Voltage [V]"].sel(time=60.0)[0]), abs=1e-9)
    assert first.frequencies.size == 13
    # under load, and later at another state, it is another impedance
    assert abs(load.impedance[0] / first.impedance[0] - 1) > 0.01
