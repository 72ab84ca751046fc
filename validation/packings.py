"""Resolved packings against what Lu et al. computed: depth limited by the solid, rates, mixing, turning.

    python validation/packings.py [--runs runs] [--only packing_d8 graded_reversed] [--tables]

Runs the variants of the scenarios that are not yet in ``--runs`` (minutes each), then prints the tables of
docs/packings.md. ``--tables`` prints what is there and runs nothing. Source of the other numbers: Lu et al.,
Energy Environ. Sci. 14 (2021) 5929, doi 10.1039/d1ee01388b, sections 3.3 and 3.4; simulated there, with laws
that are not printed in the article. Those here are substitutes, see the scenarios.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import xarray as xr

from lithoscape import records
from lithoscape.models.sphere import limited_depth
from lithoscape.scenario import load_scenario, run_scenario

SCENARIOS = Path(__file__).parents[1] / "scenarios"
SIZES = {"packing_d8": 8, "packing_d12": 12, "packing_d16": 16}
POROSITIES = {"high": "", "low": "low_porosity"}
RATES = {"1C": "1C", "3C": "", "5C": "5C"}
THEIRS = {(8, "high"): 83, (12, "high"): 100, (16, "high"): 100, (8, "low"): 55, (12, "low"): 75}
"""(diameter [um], porosity) -> depth limited by the solid at 3C and 60 % of the charge [%]."""
NOMINAL = 15.0
"""Capacity that 1C moves in an hour [A h/m2]."""


COLUMNS = (
    "diameter [um]", "porosity", "rate", "capacity [mAh/cm2]", "limited depth [%]",
    "to 85 % of the sphere [%]", "theirs [%]", "spread in a sphere", "spread by thirds from the separator",
    "SoL > 0.95 at 60 %", "at the end", "lowest c_e at 60 % [mol/m3]",
)  # fmt: skip


def nearly(record: xr.Dataset, there: xr.Dataset, size: float) -> float:
    """Depth to which particles spread 85 % as much as the sphere by itself: how sharp the criterion is."""
    whole = record["Particle volume [m3]"].values > 0.25 * np.pi * (size * 1e-6) ** 3 / 3
    columns = (record["Particle depth"], there["Spread within particle"], record["Particle volume [m3]"])
    reference = 0.85 * attribute(record, "single_particle_spread", "60 % DoD")
    return limited_depth(*(c.values[whole] for c in columns), reference, size / 60)


def variant(*parts: str) -> str:
    """Name of a variant from its parts; the scenario itself if there are none."""
    return "_".join(p for p in parts if p) or "base"


def wanted() -> list[tuple[str, str]]:
    """Every run the tables need, the most telling first."""
    packings = [
        (name, variant(p, r)) for r in ("", "5C", "1C") for name in SIZES for p in POROSITIES.values()
    ]
    mixed = [("bimodal_d8_d12", variant(way, r)) for r in ("", "5C", "1C") for way in ("", "layered")]
    turned = [("graded_reversed", variant(way, r)) for r in ("", "2C", "1C") for way in ("", "reversed")]
    tomogram = [("nmc532_tomography", "base"), ("nmc532_tomography", "3C")]
    return [*packings, *mixed, *turned, *tomogram]


def record_of(runs: Path, name: str, which: str) -> xr.Dataset | None:
    """The record of a run that has finished; None if there is none."""
    file = runs / f"{name}-{which}" / "record.nc"
    found = records.load(file) if file.is_file() else None
    return found if found is not None and found.attrs.get("status") == "finished" else None


def attribute(record: xr.Dataset, name: str, moment: str) -> float:
    """A figure of a moment that the run left."""
    return float(json.loads(record.attrs.get(name, "{}")).get(moment, np.nan))


def at_moment(record: xr.Dataset, share: float) -> xr.Dataset:
    """The record when a share of the nominal capacity has passed."""
    row = int(np.argmin(np.abs(record["Discharge capacity [A.h.m-2]"].values - share * NOMINAL)))
    return record.isel(time=row)


def saturated(record: xr.Dataset) -> float:
    """Share of the active volume above a state of lithiation of 0.95."""
    shares = record["Share of active material by state of lithiation"]
    return float(shares.where(record["sol"] > 0.95, 0.0).sum())


def by_thirds(values: np.ndarray, record: xr.Dataset) -> np.ndarray:
    """Mean over the particles of every third of the depth, by volume."""
    weight, third = (
        record["Particle volume [m3]"].values,
        np.digitize(record["Particle depth"].values, [1 / 3, 2 / 3]),
    )
    return np.array([np.average(values[third == k], weights=weight[third == k]) for k in range(3)])


def turning_points(record: xr.Dataset) -> str:
    """Mean state of lithiation where the unevenness of the particles next to the separator turns."""
    high, low = (record[f"{w} state of lithiation in particle"].values for w in ("Highest", "Lowest"))
    curve = np.array([by_thirds(row, record)[0] for row in high - low])
    mean = record["Mean state of lithiation"].values
    grid = np.linspace(mean[0] + 0.03, mean[-1] - 0.01, 120)
    smooth = np.convolve(np.interp(grid, mean, curve), np.ones(5) / 5, "valid")
    turn = np.flatnonzero(np.diff(np.sign(np.diff(smooth)))) + 3
    names = ("rises to", "falls to")
    first = 0 if smooth[1] > smooth[0] else 1
    told = [f"{names[(first + k) % 2]} {grid[t]:.2f}" for k, t in enumerate(turn[:4])]
    return ", ".join(told) or "no turn"


def packings(runs: Path) -> None:
    """Depth limited by the solid, and rated capacity."""
    print(" | ".join(COLUMNS))
    for name, size in SIZES.items():
        for porosity, way in POROSITIES.items():
            for rate, suffix in RATES.items():
                record = record_of(runs, name, variant(way, suffix))
                if record is None:
                    continue
                there = at_moment(record, 0.6)
                if record["Discharge capacity [A.h.m-2]"].values[-1] < 0.6 * NOMINAL * 0.99:
                    print(f"{size} | {porosity} | {rate} | {capacity(record)} | ended before 60 %")
                    continue
                theirs = THEIRS.get((size, porosity), "-")
                spread = by_thirds(there["Spread within particle"].values, record)
                depth = 100 * attribute(record, "solid_limited_depth", "60 % DoD")
                cells = [
                    size, porosity, rate, f"{record['Discharge capacity [A.h.m-2]'].values[-1] / 10:.3f}",
                    f"{depth:.0f}", f"{100 * nearly(record, there, size):.0f}",
                    theirs if rate == "3C" else "-",
                    f"{attribute(record, 'single_particle_spread', '60 % DoD'):.4f}",
                    ", ".join(f"{s:.4f}" for s in spread), f"{saturated(there):.3f}",
                    f"{saturated(record.isel(time=-1)):.3f}",
                    f"{float(there['Minimum electrolyte concentration [mol.m-3]']):.0f}",
                ]  # fmt: skip
                print(" | ".join(map(str, cells)))


def fronts(runs: Path) -> None:
    """Where the unevenness within particles turns: the reaction front that shuttles."""
    for name, way in (
        ("packing_d8", ""),
        ("packing_d8", "low_porosity"),
        ("packing_d16", ""),
        ("packing_d16", "low_porosity"),
    ):
        record = record_of(runs, name, variant(way))
        if record is not None:
            print(f"{name} {way or 'high porosity'}, 3C, next to the separator: {turning_points(record)}")


def capacity(record: xr.Dataset | None) -> str:
    """What a discharge gave [mAh/cm2]."""
    return "-" if record is None else f"{float(record['Discharge capacity [A.h.m-2]'].values[-1]) / 10:.3f}"


def rated(runs: Path, title: str, rates: tuple[str, ...], columns: dict[str, tuple[str, str]]) -> None:
    """Capacities to the cut-off of several electrodes, ``columns`` name -> (scenario, its way), by rate."""
    print(f"{title}, capacity [mAh/cm2] at " + " | ".join(["rate", *columns]))
    for rate in rates:
        suffix = "" if rate == "3C" else rate
        found = [record_of(runs, name, variant(way, suffix)) for name, way in columns.values()]
        print(" | ".join([rate, *(capacity(r) for r in found)]))


def tomography(runs: Path) -> None:
    """The electrode of the tomogram at 1C (its base) and 3C."""
    print("nmc532_tomography: rate | capacity [mAh/cm2] | mean SoL at the end | lowest, highest c_e [mol/m3]")
    for rate, which in {"1C": "base", "3C": "3C"}.items():
        record = record_of(runs, "nmc532_tomography", which)
        if record is not None:
            salt = [record[f"{w} electrolyte concentration [mol.m-3]"].values for w in ("Minimum", "Maximum")]
            mean = float(record["Mean state of lithiation"].values[-1])
            ends = f"{salt[0].min():.0f}, {salt[1].max():.0f}"
            print(" | ".join([rate, capacity(record), f"{mean:.3f}", ends]))


MIXING = {
    "8 um alone": ("packing_d8", "low_porosity"), "12 um alone": ("packing_d12", "low_porosity"),
    "mixed": ("bimodal_d8_d12", ""), "30 um of 8 um over 12 um": ("bimodal_d8_d12", "layered"),
}  # fmt: skip
TURNING = {"dense at the collector": ("graded_reversed", ""), "turned round": ("graded_reversed", "reversed")}


def main() -> None:
    """Run what is missing, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--only", nargs="+", default=None, help="names of scenarios")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    given = parser.parse_args()
    for name, which in wanted() if not given.tables else []:
        if (given.only is None or name in given.only) and record_of(given.runs, name, which) is None:
            print(f"{name}, {which}", flush=True)
            run_scenario(load_scenario(SCENARIOS / f"{name}.yaml", which), given.runs / f"{name}-{which}")
    packings(given.runs)
    fronts(given.runs)
    rated(given.runs, "two sizes, low porosity", ("1C", "3C", "5C"), MIXING)
    rated(given.runs, "gradient", ("1C", "2C", "3C"), TURNING)
    tomography(given.runs)


if __name__ == "__main__":
    main()
