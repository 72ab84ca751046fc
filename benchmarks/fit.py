"""Coverage of the intervals of a fit, with the real model: the half cell of scenarios/fit_half_cell.yaml.

python benchmarks/fit.py FOLDER [--replicas 60] [--full 4] [--figure docs/images/fit_coverage.png]

Synthetic data at the truth with the noise that the file states, refitted for every replica on the true
model: Gauss-Newton from the truth with Broyden's update of the Jacobian. Some replicas are refitted in full,
from the file's start with differenced Jacobians, and compared. Simulations are kept in FOLDER, so it can be
interrupted.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from lithoscape.fit import Follower, Objective, Store, best_fit, best_step, derivatives, identify, workers
from lithoscape.scenario.fit import load_fit

FILE = Path(__file__).parents[1] / "scenarios" / "fit_half_cell.yaml"
TRUTH = {"through": 0.12, "D_s": 8e-15, "contact": 6.0}
Z95 = 1.959963984540054


def replica(measurements, predictions, rng):
    return [
        replace(m, values=p.values + m.sigma * rng.normal(size=m.size))
        for m, p in zip(measurements, predictions, strict=True)
    ]


def measured(folder: Path, count: int, full: int) -> dict:
    loaded = load_fit(FILE)
    with workers(1, Store(folder)) as work:

        def objective(data):
            return Objective(loaded.parameters, data, loaded.experiments, work)

        exact = objective(loaded.measurements)
        t = loaded.parameters.internal(TRUTH)
        predictions = exact.at(t).predictions
        everything = np.ones(exact.size, dtype=bool)
        at = derivatives(exact, t, 0.2 * best_step(loaded.plan.solver_tolerance))
        deviation = identify(loaded.parameters, at, (), everything).deviations
        rng, errors, chi2, evaluations, compared = np.random.default_rng(5), [], [], 0, []
        for k in range(count):
            o = objective(replica(loaded.measurements, predictions, rng))
            jacobian = np.concatenate([at.jacobian, loaded.parameters.prior_jacobian(t)])
            found, least = Follower(o, everything, jacobian).minimise(t.copy(), np.ones(t.size, dtype=bool))
            errors.append((found - t) / deviation)
            chi2.append(least)
            evaluations += o.simulations
            if k < full:
                step = best_step(loaded.plan.solver_tolerance, central=False)
                whole = best_fit(o, loaded.parameters.start, step=step)
                local = derivatives(o, whole.t, 0.2 * best_step(loaded.plan.solver_tolerance))
                own = identify(loaded.parameters, local, (), everything).deviations
                compared.append({
                    "difference_in_deviations": (whole.t - found) / deviation,
                    "deviation_ratio": own / deviation,
                    "chi2": [whole.chi2 + whole.priors, least],
                })  # fmt: skip
            print(k, np.round(errors[-1], 2), round(least, 1), flush=True)
    errors = np.array(errors)
    return {
        "names": list(loaded.parameters.names), "deviations": deviation, "errors": errors, "chi2": chi2,
        "numbers": exact.size, "covered": np.mean(np.abs(errors) < Z95, axis=0),
        "spread": errors.std(axis=0, ddof=1),
        "bias": errors.mean(axis=0), "simulations_per_replica": evaluations / count, "full_refits": compared,
    }  # fmt: skip


def figure(found: dict, file: Path) -> None:
    from matplotlib.figure import Figure
    from scipy.stats import chi2 as law

    errors, names = np.asarray(found["errors"]), found["names"]
    drawn = Figure(figsize=(9, 3.8), layout="constrained", dpi=150)
    left, right = drawn.subplots(1, 2)
    claimed = np.linspace(0.02, 0.995, 100)
    ends = np.sqrt(law.ppf(claimed, 1))
    n = len(errors)
    band = 1.96 * np.sqrt(claimed * (1 - claimed) / n)
    left.fill_between(claimed, claimed - band, claimed + band, color="0.9", lw=0, label="95 % of such counts")
    left.plot([0, 1], [0, 1], color="0.4", lw=0.8)
    for k, (name, colour) in enumerate(zip(names, ("#1f5fa8", "#c8641b", "#2b9348"), strict=True)):
        left.plot(
            claimed, [np.mean(np.abs(errors[:, k]) < e) for e in ends], color=colour, lw=1.6, label=name
        )
    left.set_xlabel("stated confidence of the interval")
    left.set_ylabel(f"share of {n} intervals that hold the truth")
    left.legend(frameon=False, fontsize=9)
    dof = found["numbers"] + 1 - len(names)  # one prior informs
    x = np.linspace(0, max(found["chi2"]) * 1.1, 200)
    right.hist(found["chi2"], 14, density=True, color="#9bb8dd", lw=0, label="refits")
    right.plot(x, law.pdf(x, dof), color="#1d2430", lw=1.4, label=f"chi² of {dof} degrees of freedom")
    right.set_xlabel("least chi² with priors")
    right.set_ylabel("density")
    right.set_yticks([])
    right.margins(y=0.3)  # room for the legend
    right.set_ylim(bottom=0)
    right.legend(frameon=False, fontsize=9)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    drawn.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--replicas", type=int, default=60)
    parser.add_argument("--full", type=int, default=4)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    began = time.perf_counter()
    found = measured(asked.folder, asked.replicas, asked.full)
    found["seconds"] = time.perf_counter() - began
    text = json.dumps(found, default=lambda v: v.tolist(), indent=1)
    (asked.folder / "coverage.json").write_text(text)
    if asked.figure is not None:
        figure(found, asked.figure)
    for key in ("covered", "spread", "bias", "simulations_per_replica", "seconds"):
        print(key, found[key])


if __name__ == "__main__":
    main()
