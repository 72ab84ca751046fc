"""Study of the thick cracked NMC622 electrode under multi-channel-collimator XRD.

Three cycles of scenarios/cracked_nmc622.yaml, with fitted parameters if there are any; where the local
reaction runs against the cell; which dependence of the model makes charge and discharge differ; what the
source's two readings of its own protocol change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mcc_xrd_ablation as ablation
import mcc_xrd_figures as figures
import mcc_xrd_fit as fit
import numpy as np
import xarray as xr
from mcc_xrd_parameters import (
    COARSE,
    MOMENTS,
    SCENARIO,
    Model,
    implied_transport,
    limited_model,
    own_model,
    with_moments,
)

from lithoscape.validation.cases import Case, load_case
from lithoscape.validation.compare import compare, measured_text, simulated_text
from lithoscape.validation.reading import Reading
from lithoscape.validation.study import Context, Findings, Picture, Table

CASE = Path(__file__).with_suffix(".yaml")


def study(context: Context) -> Findings:
    """Run what the variant asks for."""
    case, own, limited = load_case(CASE), own_model(), limited_model()
    found = Findings()
    if context.quick:
        found.records["cycles"] = context.run(SCENARIO, "quick", own.changes)
        found.remarks.append(f"First cycle only, on a coarse mesh: {own.words}.")
        _fit(context, case, found)
        return found
    context.say(f"three cycles, {own.words}")
    record = context.run(SCENARIO, "three_cycles", {**own.changes, **with_moments()})
    found.records["cycles"] = record
    shown, model = record, own
    if limited.name != own.name:
        context.say(f"three cycles, {limited.words}")
        shown = context.run(SCENARIO, "three_cycles", {**limited.changes, **COARSE, **with_moments()})
        model = limited
        found.records[limited.name] = shown
        found.tables.append(beside(case, own, record, limited, shown))
    _pictures(context, case, found, shown, model)
    _ablations(context, case, found, model)
    found.tables.append(readings_of_the_protocol(context, case, model))
    found.tables.append(implied())
    one = context.run(SCENARIO, "quick", {**model.changes, **COARSE})
    found.tables.append(times({**found.records, f"first cycle alone, {model.name}, mesh of 12 µm": one}))
    found.remarks[:0] = [introduction(own, limited)]
    _fit(context, case, found)
    return found


def _fit(context: Context, case: Case, found: Findings) -> None:
    """What the fit found, if one is kept."""
    if (summary := fit.read_summary(case.name)) is not None:
        fit.add(found, case, summary, context.folder)


def introduction(own: Model, limited: Model) -> str:
    """What stands on the page."""
    text = f"The verdicts below belong to {own.words}. "
    if own.name != limited.name:
        text += (
            "In that model nothing limits the transport, so most of what was seen does not occur. To have "
            f"anything to look at, pictures, ablations and a second column use another: {limited.words}. "
            "It is matched to one number of the source and is no fit."
        )
    return text


def _pictures(context: Context, case: Case, found: Findings, record: xr.Dataset, model: Model) -> None:
    file = figures.courses(record, case, context.folder / "courses.png")
    text = f"State of lithiation in the three cycles; {model.words}."
    found.pictures.append(Picture(file, text))
    modes = {name: mode for name, (_, _, _, mode) in MOMENTS.items()}
    file = figures.divergence(record, case.frame, modes, context.folder / "divergence.png")
    text = (
        "Above: share of the active volume whose reaction runs against the cell (delithiating while it "
        "discharges, lithiating while it charges). Below: the local reaction beside the crack, red where it "
        "runs against the cell; dotted lines are the instrument's levels. "
        f"{model.words[0].upper()}{model.words[1:]}."
    )
    found.pictures.append(Picture(file, text))
    found.tables.append(shares(record, case, model))


def shares(record: xr.Dataset, case: Case, model: Model) -> Table:
    """Largest and mean share against the cell in every step with current."""
    reading = Reading(record, case.frame)
    share, number = figures.against(reading), np.round(reading.values("Step")).astype(int)
    rows = []
    for step in reading.steps:
        at = np.flatnonzero(number == int(step["step"]))[1:]
        if at.size < 2 or step["mode"] == "rest":
            continue
        time, part = reading.time[at], share[at]
        seen = np.flatnonzero(part > 0.005)
        last = (time[seen[-1]] - time[0]) / 60 if seen.size else None
        mean = np.trapezoid(part, time) / np.ptp(time)
        rows.append(
            [int(step["cycle"]) + 1, step["text"], f"{100 * part.max():.1f}", f"{100 * mean:.1f}",
             "never" if last is None else f"{last:.0f}"]
        )  # fmt: skip
    columns = ("cycle", "step", "largest share [%]", "mean share [%]", "last above 0.5 % [min into the step]")
    note = f"Share of the active volume whose local reaction runs against the cell; {model.words}."
    return Table("Where the local current runs against the cell", columns, rows, note)


def _ablations(context: Context, case: Case, found: Findings, model: Model) -> None:
    results = ablation.ablated(context, model, case.frame)
    found.tables.append(ablation.as_table(results, model))
    found.remarks.append(ablation.told(results))
    file = figures.bars(results, context.folder / "ablation.png")
    text = "Separations with one dependence taken away at a time; numbers beside the bars are the asymmetry."
    found.pictures.append(Picture(file, text))
    for name, m in results.items():
        if not isinstance(m, str):
            found.values[f"vertical asymmetry, {name}"] = m.asymmetry(m.vertical)
            found.values[f"lateral asymmetry, {name}"] = m.asymmetry(m.lateral)


def beside(case: Case, own: Model, one: xr.Dataset, limited: Model, two: xr.Dataset) -> Table:
    """Every target by both models."""
    pairs = zip(compare(one, case), compare(two, case), strict=True)
    rows = [
        (
            a.quantity,
            a.conditions,
            measured_text(a),
            simulated_text(a),
            simulated_text(b),
            b.verdict,
            f"`{a.id}`",
        )
        for a, b in pairs
    ]
    columns = (
        "quantity",
        "conditions",
        "measured",
        own.name,
        limited.name,
        f"verdict of {limited.name}",
        "target",
    )
    note = f"{own.name}: {own.words}. {limited.name}: {limited.words}; mesh of 12 µm."
    return Table("The same targets with transport that limits", columns, rows, note)


TOUCHED = (
    "no_reset", "div_charge_hold", "div_charge_order", "lat_sep_05_bottom", "vert_sep_05", "div_share_charge",
    "capacity_15", "fast_order",
    "fast_middle_lateral", "fast_bottom_idle", "div_discharge_points", "div_discharge_dur", "div_share_slow",
)  # fmt: skip
"""Targets that come after the disputed step."""


def readings_of_the_protocol(context: Context, case: Case, model: Model) -> Table:
    """The source's two statements about the first slow discharge and about the third charge, all run."""
    first, second = protocol("0.8C", 0.8, 0.8, 0.4), protocol("0.5C", 0.5, 0.5, 0.25)
    third, slower = protocol("0.65C/1.5C", 0.65, 1.5, 0.1), protocol("0.6C/1.5C", 0.6, 1.5, 0.1)
    ways: dict[str, dict[str, Any]] = {
        "0.4C, 0.65C": {},
        "C/10, 0.65C": {"protocol": [protocol("0.8C", 0.8, 0.8, 0.1), second, third]},
        "0.4C, 0.6C": {"protocol": [first, second, slower]},
    }
    columns: dict[str, dict[str, Any]] = {}
    for name, way in ways.items():
        context.say(f"slow discharge after 0.8C, third charge: {name}")
        changes = {**model.changes, **COARSE, **with_moments(), **way}
        record = context.run(SCENARIO, "three_cycles", changes)
        columns[name] = {row.id: row for row in compare(record, case)}
    rows = []
    for target in TOUCHED:
        some = [column[target] for column in columns.values()]
        label = f"{some[0].quantity} ({some[0].conditions})"
        rows.append([label, measured_text(some[0]), *(f"{simulated_text(r)}, {r.verdict}" for r in some)])
    note = (
        "Rate of the slow discharge after 0.8C, rate of the third charge (variants `slow_tenth` and "
        f"`charge_0.6C` of the scenario). {model.words[0].upper()}{model.words[1:]}; mesh of 12 µm."
    )
    return Table(
        "What the two readings of the source's protocol change", ("target", "measured", *ways), rows, note
    )


def protocol(name: str, charge: float, discharge: float, slow: float) -> dict[str, Any]:
    """A cycle of the source."""
    steps = [
        f"Charge at {charge:g}C until 4.3 V", f"Hold at 4.3 V until {charge / 2:g}C", "Rest for 5 minutes",
        f"Discharge at {discharge:g}C until 2.5 V", "Rest until 3.6 V or for 1 hour",
        f"Discharge at {slow:g}C until 2.5 V",
    ]  # fmt: skip
    return {"cycle": name, "steps": steps}


def implied() -> Table:
    """27.3 % at both rates: what each asks for."""
    columns = (
        "rate",
        "reading of the simulated field",
        "eps/tau",
        "tau at porosity 0.55",
        "separation there",
    )
    note = """
From `validation/transport_match.py` (one discharge from a uniform SoL of 0.40, isotropic transport). The
source prints 27.3 % for both rates; no single eps/tau gives both, in any reading. Neither number is dropped:
0.8C is scored, 0.5C is shown beside it.
"""
    return Table("What 27.3 % at both rates implies", columns, implied_transport(), note)


def times(records: dict[str, xr.Dataset]) -> Table:
    """What the records cost."""
    rows = [(name, f"{r.attrs['wall_time_s']:.0f}", r.sizes["time"]) for name, r in records.items()]
    note = "One process and one thread; the machine was shared with other work."
    return Table("Three cycles, and one", ("record", "wall time [s]", "rows"), rows, note, timing=True)
