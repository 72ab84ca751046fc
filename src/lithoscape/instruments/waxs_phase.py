"""Phases of graphite and NMC by the window of q a reflection falls into: labels, never numbers.

Windows after Table 1 of 10.1039/d4ee00590b. They leave gaps (graphite 1.73-1.78 1/A; x from 0.5 to 1 has no
label), two touch, and those of NMC belong to two different reflections: lithiated is 113, delithiated is 110.
As the cell delithiates, 113 moves out of its window upwards (to 4.64), not towards the other; 110 of the
lithiated cell (4.38) lies in none. So there is nothing to interpolate between: outside all windows a
reflection is "unassigned", in two at once "ambiguous".
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import ndtr

from ..errors import InputError, nearest
from .checks import finite, ordered, uncertainty

UNASSIGNED, AMBIGUOUS = "unassigned", "ambiguous"
PER_ANGSTROM = 1e10
OVERLAPS = ("refuse", "ambiguous")


@dataclass(frozen=True)
class Window:
    """A phase's window.

    Parameters
    ----------
    label:
        Name of the phase.
    low, high:
        Momentum transfer [1/m]; both ends belong to it.
    lithium:
        Lithium contents that the source gives the phase, (low, high); None if none.
    reflection:
        Which reflection it is meant for, as told by the source.
    """

    label: str
    low: float
    high: float
    lithium: tuple[float, float] | None = None
    reflection: str = ""

    def __post_init__(self) -> None:
        ordered(f"waxs.windows.{self.label}", (self.low, self.high))
        if self.label in (UNASSIGNED, AMBIGUOUS):
            raise InputError(
                "this name is kept for what is in no window or in two", field="waxs.windows",
                value=self.label, remedy="Name the phase",
            )  # fmt: skip


@dataclass(frozen=True)
class Windows:
    """The windows of one material.

    Parameters
    ----------
    windows:
        At least one, each with its own label.
    overlaps:
        ``"refuse"`` windows that share more than an end, or call what lies in two ``"ambiguous"``. A q on the
        common end of two is ambiguous either way.

    Raises
    ------
    InputError
        No window, a label twice, or an overlap that is refused (such as 1.82-1.92 for graphite, as a figure
        caption of the source has it, beside another phase up to 1.90).
    """

    windows: tuple[Window, ...]
    overlaps: str = "refuse"

    def __post_init__(self) -> None:
        names = [w.label for w in self.windows]
        if not names or len(set(names)) < len(names):
            raise InputError(
                "needs at least one window, each with its own label", field="waxs.windows", value=names,
                remedy="Give one per phase",
            )  # fmt: skip
        if self.overlaps not in OVERLAPS:
            raise InputError(
                "there is no such rule", field="waxs.overlaps", value=self.overlaps,
                remedy=nearest(self.overlaps, OVERLAPS),
            )  # fmt: skip
        by_low = sorted(self.windows, key=lambda w: w.low)
        for first, second in pairwise(by_low):
            if second.low < first.high * (1 - 1e-12) and self.overlaps == "refuse":
                raise InputError(
                    f"the windows of {first.label!r} and {second.label!r} overlap", field="waxs.windows",
                    value=[second.low, first.high],
                    remedy="Narrow one, or give overlaps='ambiguous'",
                )  # fmt: skip

    @property
    def labels(self) -> list[str]:
        """Labels of the windows, then unassigned and ambiguous."""
        return [*(w.label for w in self.windows), UNASSIGNED, AMBIGUOUS]

    def label(self, q: Any) -> np.ndarray:
        """Label of every ``q`` [1/m], same shape; "unassigned" outside all windows and for NaN."""
        q = np.asarray(q, dtype=float)
        slack = 1e-12
        hits = np.stack([(q >= w.low * (1 - slack)) & (q <= w.high * (1 + slack)) for w in self.windows])
        names = np.array([w.label for w in self.windows], dtype=object)
        chosen = np.where(hits.any(axis=0), names[hits.argmax(axis=0)], UNASSIGNED)
        return np.where(hits.sum(axis=0) > 1, AMBIGUOUS, chosen).astype(str)

    def probabilities(self, q: Any, of_q: Any) -> np.ndarray:
        """Probability of every label of :attr:`labels` if q has the standard uncertainty ``of_q`` [1/m].

        Normal; shape of ``q`` + (labels,), sum 1.

        Raises
        ------
        InputError
            ``of_q`` not positive, ``q`` not finite.
        """
        q, sigma = finite("waxs.q", q)[..., None], uncertainty("waxs.q_uncertainty", of_q)
        sigma = np.asarray(sigma)[..., None] if sigma.ndim else sigma
        cuts = np.unique([edge for w in self.windows for edge in (w.low, w.high)])
        below = ndtr((cuts - q) / sigma)
        between = np.diff(below, axis=-1)
        names = self.label(0.5 * (cuts[1:] + cuts[:-1]))
        inner = [between[..., names == name].sum(axis=-1) for name in self.labels]
        out = np.stack(inner, axis=-1)
        out[..., self.labels.index(UNASSIGNED)] += below[..., 0] + 1.0 - below[..., -1]
        return np.asarray(out)

    def of_lithium(self, x: Any) -> np.ndarray:
        """Label of lithium contents after the source's table: no window says anything between its ends.

        Where two meet the one of more lithium counts (the source says x < 0.2 for graphite). InputError if a
        window has no lithium content (NMC: its two labels belong to two reflections).
        """
        if missing := [w.label for w in self.windows if w.lithium is None]:
            raise InputError(
                "these windows are labels without a lithium content", field="waxs.windows", value=missing,
                remedy="Label by q instead",
            )  # fmt: skip
        x = np.asarray(x, dtype=float)
        out = np.full(x.shape, UNASSIGNED, dtype=object)
        for w in sorted(self.windows, key=lambda w: w.lithium[0]):  # type: ignore[index]
            low, high = w.lithium  # type: ignore[misc]
            out[(x >= low - 1e-12) & (x <= high + 1e-12)] = w.label
        return out.astype(str)


def shares(
    windows: Windows, labels: np.ndarray, weights: Any = 1.0, axis: int | None = None
) -> dict[str, np.ndarray]:
    """Share of the weight (volumes, intensities) that has each label; along ``axis``, or of all.

    Sum 1. InputError without any weight.
    """
    weights = np.broadcast_to(np.asarray(weights, dtype=float), labels.shape)
    total = weights.sum(axis=axis)
    if not np.all(total > 0):
        raise InputError(
            "nothing to share out", field="waxs.weights", value=float(np.min(total)),
            remedy="Give volumes or intensities above zero",
        )  # fmt: skip
    return {n: np.asarray(np.where(labels == n, weights, 0.0).sum(axis=axis) / total) for n in windows.labels}


def phases(lithium: xr.DataArray, windows: Windows, volumes: xr.DataArray) -> xr.DataArray:
    """Volume share of every label against time, from recorded lithium contents.

    Such as those of graphite particles: ``phases(record["Particle state of lithiation"], table("graphite"),
    record["Particle volume [m3]"])``, which assumes that a particle is of one phase.

    Parameters
    ----------
    lithium:
        (time, ...), any further dimensions.
    volumes:
        Over the further dimensions.

    Returns
    -------
    (time, label), sum 1.

    Raises
    ------
    InputError
        Windows without lithium contents, or no volume.
    """
    rest = [d for d in lithium.dims if d != "time"]
    values = lithium.transpose("time", *rest).values.reshape(lithium.sizes["time"], -1)
    weights = np.broadcast_to(volumes.transpose(*rest).values.ravel(), values.shape)
    found = shares(windows, windows.of_lithium(values), weights, axis=1)
    coords = {"label": windows.labels} | ({"time": lithium["time"]} if "time" in lithium.coords else {})
    return xr.DataArray(
        np.stack(list(found.values()), axis=1), coords, ("time", "label"), attrs={"units": "1"}
    )


def intensities(windows: Windows, q: Any, counts: Any) -> tuple[np.ndarray, np.ndarray]:
    """Counts of a pattern that fall into every window, and their standard uncertainty (Poisson).

    Parameters
    ----------
    q, counts:
        Middles of the bins, rising [1/m], and photons counted in each. Background is not taken off.

    Raises
    ------
    InputError
        Bins that do not rise, negative counts, or a window that no bin falls into.
    """
    q, counts = finite("waxs.q", q), finite("waxs.counts", counts)
    if q.ndim != 1 or q.shape != counts.shape or np.any(np.diff(q) <= 0) or np.any(counts < 0):
        raise InputError(
            "a pattern has rising q and counts that are not negative", field="waxs.counts",
            value=[q.shape, counts.shape], remedy="Sort by q; give photons counted",
        )  # fmt: skip
    found = []
    for w in windows.windows:
        inside = (q >= w.low) & (q <= w.high)
        if not inside.any():
            raise InputError(
                f"the pattern has no point in the window of {w.label!r}", field="waxs.q",
                value=[float(q.min()), float(q.max())] if q.size else [],
                remedy=f"Measure from {w.low:g} to {w.high:g} 1/m",
            )  # fmt: skip
        found.append(counts[inside].sum())
    total = np.array(found)
    return total, np.sqrt(np.maximum(total, 1.0))


def table(material: str, overlaps: str = "refuse") -> Windows:
    """Windows of ``"graphite"`` or ``"NMC622"`` (10.1039/d4ee00590b, Table 1); InputError for others."""
    text = (resources.files("lithoscape.instruments") / "data" / "swaxs_windows_2024.csv").read_text("utf-8")
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    known: Sequence[str] = sorted({row["material"] for row in rows})
    if material not in known:
        raise InputError(
            "there are no windows for this material", field="waxs.material", value=material,
            remedy=nearest(material, list(known)),
        )  # fmt: skip
    return Windows(tuple(_window(row) for row in rows if row["material"] == material), overlaps)


def _window(row: dict[str, str]) -> Window:
    lithium = (float(row["lithium_low"]), float(row["lithium_high"])) if row["lithium_low"] else None
    low, high = (round(float(row[key]) * PER_ANGSTROM, 3) for key in ("low", "high"))
    return Window(row["label"], low, high, lithium, row["reflection"])
