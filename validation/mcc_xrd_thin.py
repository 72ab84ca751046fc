"""Study of the thinner cracked NMC622 electrode: parameters of the thick one, nothing fitted here."""

from __future__ import annotations

from pathlib import Path

import mcc_xrd_figures as figures
import xarray as xr
from mcc_xrd_parameters import COARSE, SCENARIO, THIN, limited_model, thin_changes, with_moments

from lithoscape.validation import observables as seen
from lithoscape.validation.cases import load_case
from lithoscape.validation.reading import Frame, Reading
from lithoscape.validation.study import Context, Findings, Picture, Table

HERE = Path(__file__).resolve().parent
THICK_RATES = ("0.8C", "0.5C")


def study(context: Context) -> Findings:
    """One cycle at 0.6C, or all four."""
    case, model = load_case(HERE / "mcc_xrd_thin.yaml"), limited_model()
    found = Findings()
    changes = {**thin_changes(model), **COARSE}
    record = context.run(THIN, "quick" if context.quick else "four_cycles", changes)
    found.records["cycles"] = record
    found.remarks.append(
        f"Simulated with the parameters of the thick electrode: {model.words}; mesh of 12 µm. "
        "All rows are predictions."
    )
    if context.quick:
        return found
    reading = Reading(record, case.frame)
    ends = [seen.vertical_separation(reading, rate, "top", "bottom") for rate in ("1.35C", "1.5C")]
    found.values["order of the fast rates"] = seen.rank(("1.35C", "1.5C"), ends, 0.01)
    thick = context.run(SCENARIO, "three_cycles", {**model.changes, **COARSE, **with_moments()})
    gradients = thick_gradients(thick)
    thin = seen.vertical_gradient(reading, "0.6C", "top", "bottom", 80)
    below = all(thin < g for g in gradients.values())
    found.values["thin below thick"] = "yes, below" if below else "no, not below both"
    rows = [["thin", "0.6C", f"{1e-4 * thin:.4f}"]]
    rows += [["thick", rate, f"{1e-4 * g:.4f}"] for rate, g in gradients.items()]
    found.tables.append(
        Table("Vertical gradient, thin and thick", ("electrode", "rate", "gradient [%/µm]"), rows)
    )
    picture = figures.courses(record, case, context.folder / "courses.png")
    found.pictures.append(Picture(picture, f"State of lithiation in the four cycles; {model.words}."))
    seconds = f"{record.attrs['wall_time_s']:.0f}"
    found.tables.append(Table("Four cycles", ("record", "wall time [s]"), [("thin", seconds)], timing=True))
    return found


def thick_gradients(record: xr.Dataset) -> dict[str, float]:
    """Vertical gradients of the thick electrode [1/m]."""
    frame: Frame = load_case(HERE / "mcc_xrd_nmc622.yaml").frame
    reading = Reading(record, frame)
    return {rate: seen.vertical_gradient(reading, rate, "top", "bottom", 110) for rate in THICK_RATES}
