"""Finding the step size at which something happens."""

from __future__ import annotations

from collections.abc import Callable


def locate[T](
    attempt: Callable[[float], tuple[T, float] | None],
    upper: float,
    gap_lower: float,
    gap_upper: float,
    tolerance: float,
    iterations: int = 25,
) -> tuple[float, T] | None:
    """Step size in (0, upper) at which ``gap`` crosses zero, by the Illinois method.

    Parameters
    ----------
    attempt:
        Takes a step size; returns what came out and its gap, or None if the
        step failed (the interval then shrinks from above).
    upper, gap_lower, gap_upper:
        A step size past the event and the gaps at 0 and there (> 0, <= 0).
    tolerance:
        Largest |gap| that counts as met.

    Returns
    -------
    tuple or None
        Step size and what came out of it; None if it could not be found.
    """
    low, high, f_low, f_high, side = 0.0, upper, gap_lower, gap_upper, 0
    for k in range(iterations):
        slope = f_low - f_high
        middle = low + (high - low) * f_low / slope if slope > 0 else 0.5 * (low + high)
        if k % 4 == 3:  # a nearly vertical gap defeats interpolation
            middle = 0.5 * (low + high)
        margin = 1e-3 * (high - low)
        middle = min(max(middle, low + margin), high - margin)
        tried = attempt(middle)
        if tried is None:
            high, f_high = middle, min(f_high, -tolerance)
            continue
        found, gap = tried
        if abs(gap) <= tolerance:
            return middle, found
        if gap > 0:
            low, f_low, f_high, side = middle, gap, f_high * (0.5 if side > 0 else 1.0), 1
        else:
            high, f_high, f_low, side = middle, gap, f_low * (0.5 if side < 0 else 1.0), -1
    return None
