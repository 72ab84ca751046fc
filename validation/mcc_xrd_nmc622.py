"""Study of the cracked NMC622 electrode: three cycles of scenarios/cracked_nmc622.yaml."""

from __future__ import annotations

from pathlib import Path

from lithoscape.validation.fitted import fitted_file, read_fitted
from lithoscape.validation.study import Context, Findings

SCENARIO = "../scenarios/cracked_nmc622.yaml"


def study(context: Context) -> Findings:
    """Run the cycles with the fitted parameters if there are any, else as the scenario stands."""
    fitted = read_fitted(fitted_file(Path(__file__).with_suffix(".yaml")))
    changes = dict(fitted.changes) if fitted is not None else {}
    found = Findings()
    found.records["cycles"] = context.run(SCENARIO, "quick" if context.quick else "three_cycles", changes)
    return found
