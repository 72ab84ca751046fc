"""Averages over gauge volumes, plain or weighted by what diffracts, and their uncertainty.

Diffracted intensity is proportional to the active material in the beam. A refinement of every pattern by
itself, averaged afterwards, gives the plain mean; one of all patterns added together the mean weighted by
signal. Within a crack the signal is sparse, and the two differ.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError, nearest
from .checks import uncertainty
from .gauge_volume import GaugeMap, mean_of_signal

WEIGHTINGS = ("plain", "signal")
ALL = "all"
"""Name of the average over every position of a depth."""


def weighted_mean(sol: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Mean over the last axis weighted by ``signal``; NaN without any. Points without signal do not count."""
    weight = np.where(np.isnan(sol), 0.0, np.broadcast_to(signal, sol.shape))
    total = weight.sum(axis=-1)
    value = (weight * np.where(weight > 0, sol, 0.0)).sum(axis=-1)
    return np.asarray(np.where(total > 0, value / np.where(total > 0, total, 1.0), np.nan))


def averages(gauge: GaugeMap, sol: np.ndarray, signal: np.ndarray, weighting: str = "plain") -> np.ndarray:
    """Averages over every group, and over all positions last.

    Parameters
    ----------
    gauge, sol:
        The map and its state of lithiation (..., depth, position).
    signal:
        Active fraction seen, broadcast against ``sol``.
    weighting:
        ``"plain"`` or ``"signal"``.

    Returns
    -------
    (..., depth, group), in the order of :func:`group_names`.

    Raises
    ------
    InputError
        Unknown weighting.
    """
    check_weighting(weighting)
    signal = np.broadcast_to(signal, sol.shape)
    columns = []
    for members in _members(gauge):
        part = sol[..., members]
        columns.append(
            mean_of_signal(part) if weighting == "plain" else weighted_mean(part, signal[..., members])
        )
    return np.stack(columns, axis=-1)


def group_names(gauge: GaugeMap) -> list[str]:
    """Names of the averages: the groups, then all."""
    return [*gauge.groups, ALL]


def pattern_uncertainty(signal: np.ndarray, full: float, full_signal: float) -> np.ndarray:
    """Standard uncertainty of every pattern's state of lithiation from counting statistics.

    ``full`` is that of a pattern of bulk electrode, whose signal is ``full_signal``; a refined parameter
    scatters with 1/sqrt(counts), so that a volume with less active material is known less well. Inf without
    signal.

    Raises
    ------
    InputError
        ``full`` or ``full_signal`` not positive.
    """
    uncertainty("instruments.gauge_map.sol_uncertainty", full)
    uncertainty("instruments.gauge_map.full_signal", full_signal)
    with np.errstate(divide="ignore"):
        return np.asarray(full * np.sqrt(full_signal / np.asarray(signal, dtype=float)))


def average_uncertainty(
    gauge: GaugeMap, each: np.ndarray, signal: np.ndarray, weighting: str = "plain"
) -> np.ndarray:
    """Standard uncertainty of :func:`averages` when patterns scatter independently by ``each``.

    ``each`` and ``signal`` are (..., depth, position); the result is (..., depth, group). Points without
    signal (inf) do not count; the uncertainty is inf where none is left.
    """
    check_weighting(weighting)
    signal = np.broadcast_to(signal, each.shape)
    columns = []
    for members in _members(gauge):
        seen = np.isfinite(each[..., members]) & (signal[..., members] > 0)
        weight = np.where(seen, signal[..., members] if weighting == "signal" else 1.0, 0.0)
        square = ((weight * np.where(seen, each[..., members], 0.0)) ** 2).sum(axis=-1)
        total = weight.sum(axis=-1)
        columns.append(np.where(total > 0, np.sqrt(square) / np.where(total > 0, total, 1.0), np.inf))
    return np.stack(columns, axis=-1)


def check_weighting(name: str) -> None:
    """InputError if ``name`` is no weighting."""
    if name not in WEIGHTINGS:
        raise InputError(
            "there is no such weighting", field="instruments.gauge_map.weighting", value=name,
            remedy=nearest(name, WEIGHTINGS),
        )  # fmt: skip


def _members(gauge: GaugeMap) -> list[list[int]]:
    return [*(gauge.members(name) for name in gauge.groups), list(range(gauge.shape[1]))]
