"""A record of three cycles whose state of lithiation is piecewise linear, so that every observable is exact.

Per step and level: knots (minute, bulk SoL, near - bulk, middle - bulk). Points of the crack's own width that
belong to no group and the two at its centre without active material must not disturb the averages.
"""

import json

import numpy as np
import xarray as xr

LEVELS = {"top": 25e-6, "middle": 80e-6, "bottom": 135e-6}
POSITIONS = np.round(np.arange(-35, 125, 10) * 1e-6, 9)
GROUPS = {
    "near crack": [-15e-6, -5e-6, 5e-6, 15e-6, 25e-6],
    "middle": [45e-6, 55e-6],
    "bulk": [105e-6, 115e-6],
}
EMPTY = {-5e-6, 5e-6}
MINUTE, PERIOD = 60.0, 0.1
ONE_C, CAPACITY = 54.7, 54.7
SEEN = len(POSITIONS) - len(EMPTY)
SHARE = (3 / SEEN, 2 / SEEN)
"""Shares of the near and the middle group in a level's points with signal."""


def flat(sol, near=0.0, middle=0.0):
    """All levels at one state."""
    return {name: [(0, sol, near, middle)] for name in LEVELS}


def at(average, near=0.0, middle=0.0):
    """Bulk SoL and differences so that the level average is ``average``."""
    return average - SHARE[0] * near - SHARE[1] * middle, near, middle


def cycle_08():
    charge = {
        "top": [(0, 0.9, 0, 0), (27.5, 0.6, 0, 0), (55, 0.48, 0, 0)],
        "middle": [(0, 0.9, 0, 0), (55, 0.52, 0, 0)],
        "bottom": [(0, 0.9, 0, 0), (27.5, 0.78, 0.004, 0), (55, 0.56, 0, 0)],
    }
    hold = {name: [(0, *knots[-1][1:]), (15, 0.4, 0, 0)] for name, knots in charge.items()}
    # knee of the bottom average at 15 min; near leaves bulk 20 min (middle level: 9 min) before the end
    discharge = {
        "top": [(0, 0.4, 0, 0), (40, *at(0.8, 0.005))],
        "middle": [(0, 0.4, 0, 0), (31, 0.617, 0, 0), (40, *at(0.68, 0.045))],
        "bottom": [(0, 0.4, 0, 0), (15, 0.475, 0, 0), (20, 0.4854, 0, 0), (40, *at(0.527, 0.045, 0.0225))],
    }
    end = {name: [(0, *knots[-1][1:])] for name, knots in discharge.items()}
    slow = {
        "top": [*end["top"], (20, 0.88, 0, 0)],
        "middle": [*end["middle"], (20, 0.86, 0, 0)],
        "bottom": [*end["bottom"], (20, 0.75, 0.05, 0.03)],
    }
    rest = flat(0.4)
    return [
        ("Charge at 0.8C until 4.3 V", "charge", -0.8, 55, charge),
        ("Hold at 4.3 V until 0.4C", "hold", -0.5, 15, hold),
        ("Rest for 5 minutes", "rest", 0.0, 5, rest),
        ("Discharge at 0.8C until 2.5 V", "discharge", 0.8, 40, discharge),
        ("Rest until 3.6 V", "rest", 0.0, 6, end),
        ("Discharge at 0.4C until 2.5 V", "discharge", 0.4, 20, slow),
    ]


def cycle_05():
    charge = {
        "top": [(0, 0.88, 0, 0), (70, 0.46, 0, 0)],
        "middle": [(0, 0.86, 0, 0), (70, 0.46, 0, 0)],
        # near 0.80 -> 0.78 -> 0.76 -> 0.45; middle waits at 0.78 for near; bulk rises until both are there
        "bottom": [(0, 0.75, 0.05, 0.03), (7, 0.755, 0.025, 0.025), (14, 0.76, 0, 0), (70, 0.45, 0, 0)],
    }
    hold = {name: [(0, *knots[-1][1:]), (20, 0.4, 0, 0)] for name, knots in charge.items()}
    discharge = {
        "top": [(0, 0.4, 0, 0), (70, *at(0.8, 0.005))],
        "middle": [(0, 0.4, 0, 0), (50, 0.55, 0, 0), (70, *at(0.68, 0.041))],
        "bottom": [(0, 0.4, 0, 0), (14, 0.475, 0, 0), (35, 0.4945, 0, 0), (70, *at(0.527, 0.073, 0.036))],
    }
    end = {name: [(0, *knots[-1][1:])] for name, knots in discharge.items()}
    slow = {name: [*end[name], (20, 0.88, 0, 0)] for name in LEVELS}
    slow["bottom"] = [*end["bottom"], (20, 0.88, 0.083, 0.036)]
    return [
        ("Charge at 0.5C until 4.3 V", "charge", -0.5, 70, charge),
        ("Hold at 4.3 V until 0.25C", "hold", -0.3, 20, hold),
        ("Rest for 5 minutes", "rest", 0.0, 5, flat(0.4)),
        ("Discharge at 0.5C until 2.5 V", "discharge", 0.5, 70, discharge),
        ("Rest until 3.6 V", "rest", 0.0, 6, end),
        ("Discharge at 0.25C until 2.5 V", "discharge", 0.25, 20, slow),
    ]


def cycle_15():
    charge = {name: [(0, 0.88, 0, 0), (60, 0.44, 0, 0)] for name in LEVELS}
    hold = {name: [(0, 0.44, 0, 0), (20, 0.4, 0, 0)] for name in LEVELS}
    discharge = {
        "top": [(0, 0.4, 0, 0), (12, *at(0.8, 0.005))],
        "middle": [(0, 0.4, 0, 0), (12, *at(0.55, 0.02))],
        "bottom": [(0, 0.4, 0, 0), (12, 0.42, 0, 0)],
    }
    end = {name: [(0, *knots[-1][1:])] for name, knots in discharge.items()}
    slow = {
        "top": [*end["top"], (20, *at(0.665, 0.005)), (60, 0.7, 0, 0)],
        "middle": [*end["middle"], (10, *at(0.54, 0.02)), (60, 0.68, 0, 0)],
        "bottom": [*end["bottom"], (60, 0.6, 0, 0)],
    }
    return [
        ("Charge at 0.6C until 4.3 V", "charge", -0.6, 60, charge),
        ("Hold at 4.3 V until 0.3C", "hold", -0.4, 20, hold),
        ("Rest for 5 minutes", "rest", 0.0, 5, flat(0.4)),
        ("Discharge at 1.5C until 2.5 V", "discharge", 1.5, 12, discharge),
        ("Rest until 3.6 V", "rest", 0.0, 6, end),
        ("Discharge at 0.1C until 2.5 V", "discharge", 0.1, 60, slow),
    ]


EXPECTED = {
    "sol_start": 90, "sol_top_charge": 40, "t_top_charge": 70,
    "vert_sep_08": 27.3, "vert_sep_05": 27.3, "vert_grad_08": 27.3 / 110, "vert_grad_05": 27.3 / 110,
    "lat_sep_08": 4.5, "lat_sep_08_middle": 4.5, "lat_sep_05_bottom": 7.3, "lat_sep_05_middle": 4.1,
    "lat_sep_top_08": 0.5, "lat_sep_top_05": 0.5, "lat_grad_08": 0.045, "lat_grad_05": 0.073,
    "grad_ratio_08": 27.3 / 110 / 0.045, "grad_ratio_05": 27.3 / 110 / 0.073,
    "onset_08_bottom_1.0": 20 * (1 - 1 / 4.5), "onset_08_bottom_1.5": 20 * (1 - 1.5 / 4.5),
    "onset_08_middle_1.0": 9 * (1 - 1 / 4.5), "onset_08_middle_1.5": 9 * (1 - 1.5 / 4.5),
    "onset_05_bottom_1.0": 35 * (1 - 1 / 7.3), "onset_05_bottom_1.5": 35 * (1 - 1.5 / 7.3),
    "onset_05_middle_1.0": 20 * (1 - 1 / 4.1), "onset_05_middle_1.5": 20 * (1 - 1.5 / 4.1),
    "onset_delay_08_1.0": 11 * (1 - 1 / 4.5), "onset_delay_08_1.5": 11 * (1 - 1.5 / 4.5),
    "bottom_rate_drop_08": 15, "bottom_rate_drop_05": 14,
    "middle_pattern_08": "near > middle = bulk", "middle_pattern_05": "near > middle = bulk",
    "bottom_pattern_08": "near > middle > bulk", "bottom_pattern_05": "near > middle > bulk",
    "order_charge": "top > middle > bottom", "merge_cv": 0,
    "shape_charge": "top decelerates, middle constant, bottom accelerates",
    "asym_lateral": 0.4, "div_charge_hold": 100 * 0.01 * 12.6 / 14,
    "div_charge_order": "near > middle > bulk",
    "div_discharge_points": 13.5, "div_discharge_relative": 100 * 0.135 / 0.8, "div_discharge_dur": 20,
    "fast_order": "top > middle > bottom", "fast_top_even": 0.5, "fast_middle_lateral": 2.0,
    "fast_bottom_idle": 2.0, "capacity_08": 100 * 0.8 * 40 / 60, "capacity_05": 100 * 0.5 * 70 / 60,
    "capacity_15": 100 * 1.5 * 12 / 60, "cap_formation": 5.47,
    "rate_contrast": "0.5C > 0.8C", "rate_speed": "0.8C > 0.5C", "asym_vertical": "discharge > charge",
    "no_reset": 5.0, "slow_grows_05": 1.0, "div_discharge_middle": 1.0,
    "div_share_discharge": 0.0, "div_share_slow": 30.0, "div_share_charge": 2.0,
}  # fmt: skip
"""What every target of the case reads from :func:`make_record`, in the target's unit."""


def gauge(minutes, levels):
    """SoL (row, depth, position) of one step."""
    sol = np.empty((minutes.size, len(LEVELS), POSITIONS.size))
    for k, name in enumerate(LEVELS):
        knots = np.array(levels[name], dtype=float)
        bulk, near, middle = (np.interp(minutes, knots[:, 0], knots[:, j]) for j in (1, 2, 3))
        for p, x in enumerate(POSITIONS):
            offset = near if x in GROUPS["near crack"] else middle if x in GROUPS["middle"] else 0.0
            sol[:, k, p] = np.nan if x in EMPTY else bulk + offset
    return sol


def voltage(mode, share, sol):
    """A curve of the right shape [V]."""
    if mode == "hold":
        return np.full(share.size, 4.3)
    if mode == "rest":
        return 4.25 + 0 * share if np.nanmean(sol[0]) < 0.45 else 2.5 + 1.1 * np.sqrt(share)
    ramp = 3.75 + 0.55 * share if mode == "charge" else 4.1 - 0.6 * share - share**8
    return ramp


AGAINST = {"Charge at 0.5C until 4.3 V": (14, 0.02), "Discharge at 0.1C until 2.5 V": (20, 0.30)}
"""Steps in which part of the material reacts against the cell: for how many minutes, and which share."""


def delithiating(text, mode, minutes):
    """Share of the material that delithiates; in the first minute of a step half of it, whatever the mode."""
    along = {"charge": 1.0, "hold": 1.0, "discharge": 0.0}.get(mode, 0.5)
    until, share = AGAINST.get(text, (0, 0.0))
    out = np.where(minutes < until, abs(along - share), along)
    out[minutes < 1] = 0.5
    return out


def make_record(cycles=None, *, status="finished", gauge_map=True):
    """The record of ``cycles`` (default: all three), as a run writes it."""
    cycles = [cycle_08(), cycle_05(), cycle_15()] if cycles is None else cycles
    columns = {name: [] for name in ("time", "V", "C", "step", "cycle", "sol", "against")}
    steps, clock = [], 0.0
    for number, cycle in enumerate(cycles):
        for text, mode, rate, minutes, levels in cycle:
            t = np.linspace(0, minutes, round(minutes / PERIOD) + 1)
            sol = gauge(t, levels)
            columns["time"].append(clock + MINUTE * t)
            columns["V"].append(voltage(mode, t / minutes, sol))
            columns["C"].append(np.full(t.size, rate))
            columns["step"].append(np.full(t.size, len(steps)))
            columns["cycle"].append(np.full(t.size, number))
            columns["sol"].append(sol)
            columns["against"].append(delithiating(text, mode, t))
            steps.append({"cycle": number, "step": len(steps), "text": text, "mode": mode})
            clock += MINUTE * minutes
    data = {name: np.concatenate(values) for name, values in columns.items()}
    return dataset(data, steps, status, gauge_map)


def dataset(data, steps, status, gauge_map):
    time, rate = data["time"], data["C"]
    charge = np.concatenate([[0], np.cumsum(np.diff(time) * rate[1:])]) * ONE_C / 3600
    mean = np.nanmean(data["sol"], axis=(1, 2))
    variables = {
        "Voltage [V]": ("time", data["V"], {"units": "V"}),
        "Current density [A.m-2]": ("time", rate * ONE_C, {"units": "A.m-2"}),
        "C-rate": ("time", rate),
        "Discharge capacity [A.h.m-2]": ("time", charge, {"units": "A.h.m-2"}),
        "Mean state of lithiation": ("time", mean),
        "Minimum electrolyte concentration [mol.m-3]": ("time", 1000 - 500 * np.abs(rate)),
        "Maximum electrolyte concentration [mol.m-3]": ("time", 1000 + 1500 * np.abs(rate)),
        "Step": ("time", data["step"].astype(float)),
        "Cycle": ("time", data["cycle"].astype(float)),
        "Lithium balance error": ("time", 1e-12 * np.sin(time)),
        "Delithiating share of active material": ("time", data["against"]),
    }
    coords = {"time": ("time", time, {"units": "s"})}
    attributes = {
        "status": status, "scenario": "cracked_nmc622", "title": "Cracked NMC622 half cell",
        "variant": "base",
        "c_rate_A_m2": ONE_C, "capacity_A_h_m2": CAPACITY, "steps": json.dumps(steps),
        "provenance": json.dumps({"versions": {"lithoscape": "0.1", "numpy": "2.5"}, "revision": "abc"}),
    }  # fmt: skip
    if gauge_map:
        signal = np.isfinite(data["sol"][0]) * 0.35
        variables["Gauge state of lithiation"] = (("time", "depth", "position"), data["sol"])
        variables["Gauge signal"] = (("depth", "position"), signal)
        coords["depth"] = ("depth", list(LEVELS.values()), {"units": "m"})
        coords["position"] = ("position", POSITIONS, {"units": "m"})
        attributes["gauge_groups"] = json.dumps(GROUPS)
    return xr.Dataset(variables, coords, attributes)
