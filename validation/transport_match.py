"""Which eps/tau gives the measured vertical separation? A table, not a setting.

Runs the variant ``discharge_only`` of scenarios/cracked_nmc622.yaml (one discharge
from a uniform state of lithiation of 0.40) for isotropic transport efficiencies
until top minus bottom equals the measured value. Three readings: the instrument's
average beside an open crack, beside a crack that hardly conducts, and far from any.

    uv run python validation/transport_match.py [--out validation/transport_match.json]
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import griddata
from scipy.optimize import brentq

from lithoscape import records
from lithoscape.errors import SolveError
from lithoscape.scenario import load_scenario, run_scenario
from lithoscape.validation import load_case

HERE = Path(__file__).resolve().parent
SCENARIO = HERE.parent / "scenarios" / "cracked_nmc622.yaml"
CASE = HERE / "mcc_xrd_nmc622.yaml"
FAR = 1.0e-3
"""Distance from the crack that counts as far [m]."""
BRACKET = (0.008, 0.08)
"""Range of eps/tau searched."""


def discharge(transport: float, rate: float, electrolyte: str, crack: float) -> dict[str, float]:
    """Separations [% SoL] and capacity [% of nominal] of one discharge."""
    changes: dict[str, Any] = {
        "materials.electrolyte": electrolyte,
        "electrode.transport": transport,
        "geometry.crack.transport": crack,
        "protocol": [{"cycle": f"{rate:g}C", "steps": [f"Discharge at {rate:g}C until 2.5 V"]}],
    }
    loaded = load_scenario(SCENARIO, "discharge_only", changes)
    with tempfile.TemporaryDirectory() as folder:
        result = run_scenario(loaded, Path(folder))
        if not result.solution.outcome.ok:
            raise SolveError(result.solution.outcome.message, field="eps/tau", value=transport)
        maps = records.load(Path(folder) / "maps.nc")
    return {**_gauge(result.solution.record), "far vertical": _far(maps), "eps/tau": transport}


def _gauge(record: Any) -> dict[str, float]:
    sol = record["Gauge state of lithiation"].values[-1]
    groups = json.loads(record.attrs["gauge_groups"])
    at = {
        name: [int(np.argmin(abs(record["position"].values - x))) for x in xs] for name, xs in groups.items()
    }
    level = np.nanmean(sol, axis=1)
    lateral = np.nanmean(sol[:, at["near crack"]], axis=1) - np.nanmean(sol[:, at["bulk"]], axis=1)
    capacity = record["Discharge capacity [A.h.m-2]"].values[-1] / record.attrs["capacity_A_h_m2"]
    return {
        "vertical": 100 * float(level[0] - level[-1]),
        "lateral bottom": 100 * float(lateral[-1]),
        "capacity": 100 * float(capacity),
    }


def _far(maps: Any) -> float:
    """Top minus bottom level far from the crack [% SoL]."""
    x, y, sol = maps["x [m]"].values, maps["y [m]"].values, maps["State of lithiation"].values[-1]
    seen = ~np.isnan(sol)
    surface = y[seen].min()
    depths = surface + np.array([25e-6, 135e-6])
    # the lateral axis is shrunk so that interpolation stays local in depth on stretched cells
    top, bottom = griddata((0.1 * x[seen], y[seen]), sol[seen], (np.full(2, 0.1 * FAR), depths))
    return 100 * float(top - bottom)


def match(quantity: str, target: float, run: Callable[[float], dict[str, float]]) -> dict[str, Any]:
    """The eps/tau at which ``quantity`` meets ``target``, to 1 % SoL, and what else holds there."""
    tried: dict[float, dict[str, float]] = {}

    def gap(log_k: float) -> float:
        k = round(math.exp(log_k), 5)
        tried.setdefault(k, run(k))
        return tried[k][quantity] - target

    low, high = (math.log(k) for k in BRACKET)
    if gap(low) < 0:
        # salt-limited: the separation passes through a maximum; report the best there is
        best = max(tried.values(), key=lambda r: r[quantity])
        for k in np.geomspace(BRACKET[0], BRACKET[1], 6)[1:-1]:
            gap(math.log(k))
            best = max(tried.values(), key=lambda r: r[quantity])
        if best[quantity] < target:
            return {"met": False, "best": best}
        low = math.log(best["eps/tau"])
    root = brentq(gap, low, high, xtol=0.02, rtol=1e-3)
    k = round(math.exp(root), 5)
    return {"met": True, "best": tried.get(k) or run(k)}


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "transport_match.json")
    parser.add_argument("--electrolyte", default="Landesfeind2019_EC_EMC_3_7")
    arguments = parser.parse_args()
    targets = {t.id: t.value for t in load_case(CASE).targets}
    rows = []
    for rate, target in ((0.8, targets["vert_sep_08"]), (0.5, targets["vert_sep_05"])):
        for reading, quantity, crack in (
            ("far from any crack", "far vertical", 1.0),
            ("gauge average, open crack", "vertical", 1.0),
            ("gauge average, crack eps/tau 0.05", "vertical", 0.05),
        ):

            def run(k: float, rate: float = rate, crack: float = crack) -> dict[str, float]:
                return discharge(k, rate, arguments.electrolyte, crack)

            found = match(quantity, float(target), run)
            rows.append({"rate": rate, "reading": reading, "measured": target, **found})
            print(json.dumps(rows[-1]), flush=True)
    arguments.out.write_text(
        json.dumps({"electrolyte": arguments.electrolyte, "rows": rows}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
