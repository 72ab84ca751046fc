"""Galvanostatic intermittent titration (GITT): its protocol, and the diffusivity that it yields.

Weppner and Huggins, J. Electrochem. Soc. 124 (1977) 1569: a pulse of constant current moves the potential
along sqrt(t) while diffusion has not met the centre; with the change of the rest potential that gives

    D = 4 / pi (V / A)^2 [ (dE_s / tau) / (dE / d sqrt(t)) ]^2,    V / A = R / 3 of spheres,

which for a straight line in sqrt(t) is the usual 4 / (pi tau) (V / A)^2 (dE_s / dE_t)^2. What the formula
assumes is not what happens in a porous electrode: :class:`Titration` says how far it holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..errors import InputError

LONGEST = 0.004
"""D tau / R^2 of a pulse beyond which the curvature of a sphere makes D more than an eighth too small."""


@dataclass(frozen=True)
class Titration:
    """One pulse and the rest after it.

    Attributes
    ----------
    time:
        Start of the pulse [s].
    voltage:
        At rest before the pulse [V].
    change:
        Of the rest potential from before to after, dE_s [V].
    slope:
        dE / d sqrt(t) during the pulse [V/s^0.5].
    pulse:
        Duration tau [s].
    diffusivity:
        From the formula [m2/s].
    curvature:
        Largest deviation of the pulse from a straight line in sqrt(t), relative to its extent.
    drift:
        dE/dt at the end of the rest, times its duration, relative to dE_s: near zero where it has come to
        rest.
    depth:
        D tau / R^2; the formula is that of a half space and wants it small.
    """

    time: float
    voltage: float
    change: float
    slope: float
    pulse: float
    diffusivity: float
    curvature: float
    drift: float
    depth: float

    @property
    def doubtful(self) -> str:
        """Why the formula does not hold here; empty if nothing speaks against it."""
        if self.depth > LONGEST:
            return "the pulse is longer than diffusion takes to feel the sphere's curvature"
        if self.curvature > 0.05:
            return "the potential does not follow the square root of time"
        return "the rest was too short" if abs(self.drift) > 0.1 else ""


def gitt_protocol(
    current: str, pulse: str, rest: str, limit: str, pulses: int, direction: str = "Discharge"
) -> list[dict[str, object]]:
    """Protocol of a titration, for :func:`~lithoscape.protocol.parse_protocol` or a scenario file.

    Parameters
    ----------
    current, pulse, rest, limit:
        As in protocol lines, such as "C/10", "10 minutes", "1 hour", "2.5 V".
    pulses:
        How many.
    direction:
        "Discharge" or "Charge".

    Raises
    ------
    InputError
        A direction or a number of pulses that there is not.
    """
    if direction not in ("Discharge", "Charge"):
        raise InputError(
            "a titration discharges or charges", field="direction", value=direction,
            remedy='Valid: "Discharge", "Charge"',
        )  # fmt: skip
    if pulses < 1:
        raise InputError("a titration has pulses", field="pulses", value=pulses, remedy="Give at least 1")
    steps = [f"{direction} at {current} for {pulse} or until {limit}", f"Rest for {rest}"]
    start = {"cycle": "start", "repeat": 1, "steps": ["Rest for 1 minute"]}
    return [start, {"cycle": "GITT", "repeat": pulses, "steps": steps}]


def titrations(
    record: xr.Dataset, radius: float, window: tuple[float, float] = (0.1, 1.0)
) -> list[Titration]:
    """Diffusivities from the record of a titration.

    Parameters
    ----------
    record:
        With "Voltage [V]", "Current density [A.m-2]" and "Step"; pulses between rests.
    radius:
        Of the particles [m].
    window:
        Part of each pulse that is taken, as fractions of its duration: the beginning belongs to the
        resistance.

    Raises
    ------
    InputError
        Variables that the record lacks, no pulse between two rests, a window or a radius that there is not.
    """
    names = ("Voltage [V]", "Current density [A.m-2]", "Step")
    for name in names:
        if name not in record:
            raise InputError("the record lacks a variable", field="record", value=name)
    if not (radius > 0 and 0 <= window[0] < window[1] <= 1):
        raise InputError(
            "a radius above zero and a window within 0 and 1", field="window", value=(radius, window),
            remedy="Such as 5e-6 and (0.1, 1)",
        )  # fmt: skip
    time = record["time"].values
    voltage, current, step = (record[name].values for name in names)
    numbers = np.unique(np.round(step))
    rows = [np.flatnonzero(np.round(step) == number) for number in numbers]
    flows = [bool(np.abs(np.median(current[part])) > 1e-9) for part in rows]
    found = []
    for k in range(1, len(rows) - 1):
        rest, pulse, after = rows[k - 1 : k + 2]
        if flows[k] and not flows[k - 1] and not flows[k + 1] and pulse.size > 3 and after.size > 2:
            before = float(voltage[rest[-1]])
            found.append(_titration(time, voltage, pulse, after, before, radius, window))
    if not found:
        raise InputError(
            "the record holds no pulse between two rests", field="record", value=f"{numbers.size} steps",
            remedy="Run the protocol of gitt_protocol()",
        )  # fmt: skip
    return found


def _titration(
    time: np.ndarray,
    voltage: np.ndarray,
    pulse: np.ndarray,
    rest: np.ndarray,
    before: float,
    radius: float,
    window: tuple[float, float],
) -> Titration:
    start, tau = float(time[pulse[0]]), float(time[pulse[-1]] - time[pulse[0]])
    elapsed = (time[pulse] - start) / tau
    chosen = pulse[(elapsed >= window[0]) & (elapsed <= window[1])]
    root, e = np.sqrt(time[chosen] - start), voltage[chosen]
    # rows are where the solver put them: equal weight along sqrt(t), not by rows
    even = np.linspace(root[0], root[-1], 200)
    level = np.interp(even, root, e)
    slope, offset = np.polyfit(even, level, 1)
    curvature = float(np.abs(level - (offset + slope * even)).max() / max(abs(level[-1] - level[0]), 1e-300))
    change = float(voltage[rest[-1]]) - before
    diffusivity = float(4 / np.pi * (radius / 3) ** 2 * (change / tau / slope) ** 2)
    late = rest[time[rest] >= time[rest[-1]] - 0.1 * (time[rest[-1]] - time[rest[0]])]
    drift = 0.0
    if late.size > 1 and change != 0:
        drift = float(10 * (voltage[late[-1]] - voltage[late[0]]) / change)
    depth = diffusivity * tau / radius**2
    return Titration(start, before, change, float(slope), tau, diffusivity, curvature, drift, depth)
