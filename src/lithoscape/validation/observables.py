"""What the experiments report, computed from a record: one pure function per kind of target.

Every function takes a :class:`~.reading.Reading` and the arguments written in the
case file, and returns one value: a float in SI units (fractions for percentages,
seconds, 1/m, A.h.m-2) or a short text for a pattern. It raises ``NotTestable`` if
the record lacks what it needs and ``NotSeen`` if the feature does not occur.
"CC discharge" is the first discharge step of a cycle, "slow discharge" the second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from .reading import NotSeen, NotTestable, Reading, Span

Value = float | str
MICRO = 1e-6
DELITHIATING = "Delithiating share of active material"


# -- what a study found ----------------------------------------------------
def finding(reading: Reading, name: str) -> Value:
    """A number (SI) or pattern that the study of the case reports by this name."""
    if name in reading.unseen:
        raise NotSeen(reading.unseen[name])
    if name in reading.missing:
        raise NotTestable(reading.missing[name])
    if name not in reading.findings:
        raise NotTestable(f"the study did not report {name!r}")
    value = reading.findings[name]
    if not isinstance(value, str) and not np.isfinite(value):
        raise NotTestable(f"the study could not determine {name!r}")
    return value if isinstance(value, str) else float(value)


# -- state of lithiation at a moment ---------------------------------------
def _moment(reading: Reading, cycle: str, moment: str) -> int:
    """Row of a named moment of a cycle."""
    if moment == "start of charge":
        return reading.step(cycle, "charge").start
    if moment == "end of CC charge":
        return reading.step(cycle, "charge").end
    if moment == "top of charge":
        return reading.step(cycle, "hold").end
    if moment == "end of CC discharge":
        return reading.step(cycle, "discharge").end
    raise NotTestable(f"no moment {moment!r} is defined")


def mean_sol(reading: Reading, cycle: str, moment: str) -> float:
    """Mean SoL over all levels of the frame, each the mean of its gauge points."""
    row = _moment(reading, cycle, moment)
    return float(np.mean([reading.level(name)[row] for name in reading.frame.levels_um]))


def time_of_top_of_charge(reading: Reading, cycle: str) -> float:
    """Time from the start of the charge to the end of the constant-voltage hold [s]."""
    start = reading.step(cycle, "charge").start
    return float(reading.time[reading.step(cycle, "hold").end] - reading.time[start])


# -- separations -----------------------------------------------------------
def vertical_separation(reading: Reading, cycle: str, upper: str, lower: str) -> float:
    """Level average of ``upper`` minus ``lower`` at the end of the CC discharge."""
    row = reading.step(cycle, "discharge").end
    return float(reading.level(upper)[row] - reading.level(lower)[row])


def lateral_separation(reading: Reading, cycle: str, level: str) -> float:
    """Near crack minus bulk in a level at the end of the CC discharge."""
    return float(_lateral(reading, level)[reading.step(cycle, "discharge").end])


def vertical_gradient(reading: Reading, cycle: str, upper: str, lower: str, distance_um: float) -> float:
    """Vertical separation over the stated distance [1/m]."""
    return vertical_separation(reading, cycle, upper, lower) / (MICRO * distance_um)


def lateral_gradient(reading: Reading, cycle: str, level: str, distance_um: float) -> float:
    """Lateral separation over the stated distance [1/m]."""
    return lateral_separation(reading, cycle, level) / (MICRO * distance_um)


def gradient_ratio(
    reading: Reading,
    cycle: str,
    upper: str,
    lower: str,
    level: str,
    vertical_um: float,
    lateral_um: float,
) -> float:
    """Vertical over lateral gradient at the end of the CC discharge."""
    lateral = lateral_gradient(reading, cycle, level, lateral_um)
    if lateral == 0:
        raise NotSeen(f"the {level} level has no lateral gradient to divide by")
    return vertical_gradient(reading, cycle, upper, lower, vertical_um) / lateral


def _lateral(reading: Reading, level: str) -> np.ndarray:
    return reading.group(level, "near") - reading.group(level, "bulk")


def lateral_at(reading: Reading, cycle: str, level: str, moment: str) -> float:
    """Near crack minus bulk in a level at a moment."""
    return float(_lateral(reading, level)[_moment(reading, cycle, moment)])


def lateral_order(reading: Reading, level: str, slow: str, fast: str, margin: float) -> str:
    """Which of two cycles ends its CC discharge with the larger lateral separation; margin in SoL."""
    ends = [lateral_separation(reading, cycle, level) for cycle in (slow, fast)]
    return _ranked_as_listed((slow, fast), ends, margin)


def lateral_speed_order(reading: Reading, level: str, slow: str, fast: str, threshold: float) -> str:
    """Which of two cycles separates faster laterally, from the onset to the end of its CC discharge."""
    speeds = []
    for cycle in (slow, fast):
        left = onset_left(reading, cycle, level, threshold)
        gained = abs(lateral_separation(reading, cycle, level)) - threshold
        speeds.append(gained / max(left, 1e-9))
    return rank((slow, fast), speeds, 0.0)


def vertical_on_charge(reading: Reading, cycle: str, upper: str, lower: str) -> float:
    """Largest difference between two levels' averages during the CC charge, without sign."""
    rows = reading.step(cycle, "charge").rows
    return float(np.abs(reading.level(upper)[rows] - reading.level(lower)[rows]).max())


def vertical_order(reading: Reading, cycle: str, upper: str, lower: str, margin: float) -> str:
    """Whether the levels differ more at the end of the CC discharge than anywhere in the CC charge."""
    ends = (
        abs(vertical_separation(reading, cycle, upper, lower)),
        vertical_on_charge(reading, cycle, upper, lower),
    )
    return rank(("discharge", "charge"), ends, margin)


# -- when ------------------------------------------------------------------
def onset_left(reading: Reading, cycle: str, level: str, threshold: float) -> float:
    """Time left in the CC discharge [s] when |near - bulk| passes ``threshold`` for good.

    Of several crossings the last upward one counts: from then on the groups are apart until the end, which is
    what is told of curves that end apart by the time left to that end. A separation that comes and goes
    before it does not count, nor does its sign. The whole discharge if they are apart from its start;
    ``NotSeen`` if they are not apart at its end, whatever was before. Rows are joined by straight lines.

    Where a curve crosses once, the result is continuous in the parameters of a model, down to 0 as the last
    value comes down to the threshold. It jumps where a dip of an already separated curve touches the
    threshold (from the crossing before the dip to that after it), and from 0 to ``NotSeen`` at the end.
    """
    rows = reading.step(cycle, "discharge").rows
    time, size = reading.time[rows], np.abs(_lateral(reading, level)[rows])
    below = np.flatnonzero(size <= threshold)
    if below.size and below[-1] == size.size - 1:
        text = f"near and bulk of the {level} level differ by {100 * size[-1]:.2g} % at the end"
        raise NotSeen(f"{text}, not above {100 * threshold:g} %")
    if not below.size:
        return float(time[-1] - time[0])
    k = int(below[-1])
    share = (threshold - size[k]) / (size[k + 1] - size[k])
    return float(time[-1] - (time[k] + share * (time[k + 1] - time[k])))


def onset_delay(reading: Reading, cycle: str, first: str, second: str, threshold: float) -> float:
    """How much later ``second`` separates laterally than ``first`` [s]."""
    early = onset_left(reading, cycle, first, threshold)
    return early - onset_left(reading, cycle, second, threshold)


def rate_drop(reading: Reading, cycle: str, level: str, ratio: float) -> float:
    """Time after the start of the CC discharge [s] at which a level's lithiation slows down.

    The knee of the best continuous two-piece linear fit of the level average; it
    counts if the later rate is below ``ratio`` times the earlier one.
    """
    rows = reading.step(cycle, "discharge").rows
    time = reading.time[rows] - reading.time[rows[0]]
    knee, before, after = _knee(time, reading.level(level)[rows])
    if not after < ratio * before:
        rates = f"{6000 * before:.2g} and {6000 * after:.2g} % per minute"
        raise NotSeen(f"the rate of the {level} level does not drop ({rates} before and after the knee)")
    return knee


def _knee(time: np.ndarray, values: np.ndarray, points: int = 201) -> tuple[float, float, float]:
    """Knee time and the slopes on both sides, on an even grid of ``points`` times."""
    if time[-1] <= 0:
        raise NotTestable("the step has no duration")
    t = np.linspace(0.0, time[-1], points)
    y = np.interp(t, time, values)
    best = (np.inf, 0.0, 0.0, 0.0)
    for k in range(points // 20, points - points // 20):
        basis = np.stack([np.ones(points), t, np.maximum(t - t[k], 0.0)], axis=1)
        weights = np.linalg.lstsq(basis, y, rcond=None)[0]
        misfit = float(np.sum((basis @ weights - y) ** 2))
        if misfit < best[0]:
            best = (misfit, float(t[k]), float(weights[1]), float(weights[1] + weights[2]))
    return best[1:]


# -- patterns --------------------------------------------------------------
def rank(names: Sequence[str], values: Sequence[float], margin: float) -> str:
    """Names from the largest value down, ``"a > b = c"``; ``=`` for neighbours within ``margin``."""
    order = sorted(range(len(names)), key=lambda k: (-values[k], k))
    text = names[order[0]]
    for before, after in pairwise(order):
        text += f" {'=' if values[before] - values[after] <= margin else '>'} {names[after]}"
    return text


def _ranked_as_listed(names: Sequence[str], values: Sequence[float], margin: float) -> str:
    """Like :func:`rank`, but names that differ by up to ``margin`` keep the order of ``names``."""
    close = all(a - b >= -margin for a, b in pairwise(values))
    if not close:
        return rank(names, values, margin)
    pairs = zip(values, values[1:], names[1:], strict=False)
    return names[0] + "".join(f" {'=' if a - b <= margin else '>'} {name}" for a, b, name in pairs)


def order_on_charge(reading: Reading, cycle: str, margin: float) -> str:
    """Levels from the fastest to the slowest delithiation over the CC charge; margin in SoL."""
    span = reading.step(cycle, "charge")
    return _ranked_levels(reading, span, margin, sign=-1.0)


def order_on_discharge(reading: Reading, cycle: str, margin: float) -> str:
    """Levels from the largest to the smallest SoL gain over the CC discharge; margin in SoL."""
    return _ranked_levels(reading, reading.step(cycle, "discharge"), margin, sign=1.0)


def _ranked_levels(reading: Reading, span: Span, margin: float, sign: float) -> str:
    names = list(reading.frame.levels_um)
    series = [reading.level(name) for name in names]
    return _ranked_as_listed(names, [sign * float(s[span.end] - s[span.start]) for s in series], margin)


def shape_on_charge(reading: Reading, cycle: str, margin: float) -> str:
    """Whether each level's delithiation slows, keeps or gains speed over the CC charge.

    Compared are the SoL lost in the first and second half of the step; a difference of
    up to ``margin`` times their mean counts as constant.
    """
    rows = reading.step(cycle, "charge").rows
    time = reading.time[rows]
    halves = np.array([time[0], 0.5 * (time[0] + time[-1]), time[-1]])
    words = []
    for name in reading.frame.levels_um:
        first, second = -np.diff(np.interp(halves, time, reading.level(name)[rows]))
        change = (second - first) / max(0.5 * abs(first + second), 1e-12)
        verb = "constant" if abs(change) <= margin else ("accelerates" if change > 0 else "decelerates")
        words.append(f"{name} {verb}")
    return ", ".join(words)


def level_spread(reading: Reading, cycle: str, moment: str) -> float:
    """Largest minus smallest level average at a moment."""
    row = _moment(reading, cycle, moment)
    values = [reading.level(name)[row] for name in reading.frame.levels_um]
    return float(max(values) - min(values))


def lateral_on_charge(reading: Reading, cycle: str) -> float:
    """Largest |near - bulk| of any level during charge and hold."""
    rows = np.concatenate([reading.step(cycle, mode).rows for mode in ("charge", "hold")])
    return float(max(np.abs(_lateral(reading, name)[rows]).max() for name in reading.frame.levels_um))


def lateral_pattern(reading: Reading, cycle: str, level: str, threshold: float) -> str:
    """Groups of a level at the end of the CC discharge: ``"near > middle = bulk"``."""
    row = reading.step(cycle, "discharge").end
    roles = list(reading.frame.groups)
    return _ranked_as_listed(roles, [float(reading.group(level, r)[row]) for r in roles], threshold)


def level_gain(reading: Reading, cycle: str, level: str) -> float:
    """SoL gained by a level over the CC discharge."""
    span, series = reading.step(cycle, "discharge"), reading.level(level)
    return float(series[span.end] - series[span.start])


# -- currents against the trend --------------------------------------------
def held_on_charge(reading: Reading, cycle: str, level: str, threshold: float) -> float:
    """SoL change of a level's bulk from the start of the charge until near has come down to it.

    The rows up to the first with near - bulk <= ``threshold`` count; the largest loss
    within them is returned if there is one, else the largest gain.
    """
    rows = reading.step(cycle, "charge").rows
    apart, bulk = _lateral(reading, level)[rows], reading.group(level, "bulk")[rows]
    if apart[0] <= threshold:
        text = f"the {level} level starts the charge with near - bulk = {100 * apart[0]:.2g} %"
        raise NotSeen(f"{text}: nothing is carried over from the discharge before")
    met = np.flatnonzero(apart <= threshold)
    change = bulk[: (int(met[0]) if met.size else rows.size - 1) + 1] - bulk[0]
    return float(change.min() if change.min() < -1e-12 else change.max())


def start_order(reading: Reading, cycle: str, level: str, drop: float, margin_min: float) -> str:
    """Groups of a level in the order in which they have lost ``drop`` SoL after the charge began.

    ``=`` where the times differ by up to ``margin_min`` minutes.
    """
    rows = np.concatenate([reading.step(cycle, mode).rows for mode in ("charge", "hold")])
    roles, times = list(reading.frame.groups), []
    for role in roles:
        series = reading.group(level, role)[rows]
        lost = np.flatnonzero(series <= series[0] - drop)
        if not lost.size:
            raise NotSeen(f"{role} of the {level} level never loses {100 * drop:g} % on charge")
        times.append(float(reading.time[rows[lost[0]]]))
    return _ranked_as_listed(roles, [-t for t in times], 60.0 * margin_min)


def _slow_loss(reading: Reading, cycle: str, level: str) -> tuple[float, float, float]:
    """SoL at the start of the slow discharge, its largest loss in it, and the time to that [s]."""
    rows = reading.step(cycle, "discharge", 1).rows
    series = reading.level(level)[rows]
    k = int(np.argmin(series))
    if series[k] >= series[0]:
        raise NotSeen(f"the {level} level loses no lithium during the slow discharge")
    return (
        float(series[0]),
        float(series[0] - series[k]),
        float(reading.time[rows[k]] - reading.time[rows[0]]),
    )


def slow_discharge_loss(reading: Reading, cycle: str, level: str, relative: bool) -> float:
    """Largest SoL loss of a level during the slow discharge, over its SoL then if ``relative``."""
    start, loss, _ = _slow_loss(reading, cycle, level)
    return loss / start if relative else loss


def slow_discharge_loss_time(reading: Reading, cycle: str, level: str) -> float:
    """Time from the start of the slow discharge to a level's lowest SoL [s]."""
    return _slow_loss(reading, cycle, level)[2]


def slow_lateral_growth(reading: Reading, cycle: str, level: str) -> float:
    """Largest growth of near minus bulk in a level during the slow discharge."""
    apart = _lateral(reading, level)[reading.step(cycle, "discharge", 1).rows]
    return float(apart.max() - apart[0])


def divergent_share(reading: Reading, cycle: str, mode: str, index: int, after_min: float) -> float:
    """Largest share of the active volume that reacts against the cell in the ``index``-th step of ``mode``.

    Delithiating while the cell discharges, lithiating while it charges; from ``after_min`` minutes into the
    step, so that what relaxes within one map of the experiment does not count.
    """
    if mode not in ("charge", "discharge"):
        raise NotTestable(f"the cell has no direction in a step {mode!r}")
    rows = reading.step(cycle, mode, index).rows
    later = rows[reading.time[rows] > reading.time[rows[0]] + 60.0 * after_min]
    if not later.size:
        raise NotTestable(f"the step ended within {after_min:g} min")
    share = reading.values(DELITHIATING)[later]
    return float(share.max() if mode == "discharge" else 1.0 - share.min())


# -- capacity --------------------------------------------------------------
def discharge_capacity_share(reading: Reading, cycle: str) -> float:
    """Charge of the CC discharge over the nominal areal capacity."""
    span, charge = reading.step(cycle, "discharge"), reading.values("Discharge capacity [A.h.m-2]")
    return float(charge[span.end] - charge[span.start]) / nominal_capacity(reading)


def nominal_capacity(reading: Reading) -> float:
    """Nominal areal capacity the run was given [A.h.m-2]."""
    value = float(reading.attribute("capacity_A_h_m2"))
    if value <= 0:
        raise NotTestable("the nominal capacity of the record is not positive")
    return value


OBSERVABLES: dict[str, Callable[..., Value]] = {
    function.__name__: function
    for function in (
        finding,
        mean_sol,
        time_of_top_of_charge,
        vertical_separation,
        lateral_separation,
        vertical_gradient,
        lateral_gradient,
        gradient_ratio,
        onset_left,
        onset_delay,
        rate_drop,
        order_on_charge,
        order_on_discharge,
        shape_on_charge,
        level_spread,
        lateral_on_charge,
        lateral_pattern,
        level_gain,
        held_on_charge,
        start_order,
        slow_discharge_loss,
        slow_discharge_loss_time,
        lateral_at,
        lateral_order,
        lateral_speed_order,
        vertical_on_charge,
        vertical_order,
        slow_lateral_growth,
        divergent_share,
        discharge_capacity_share,
        nominal_capacity,
    )
}
"""Every observable a case file may name."""
