"""Equivalent circuits: text such as "R0-p(R1-W1,C1)" to impedances, and their fit to a spectrum.

The text is that of the package impedance.py (Murbach et al., J. Open Source Softw. 5 (2020) 2349), whose
elements are used: "-" in series, "p(a,b)" in parallel, elements R, C, L, W (half space), Wo and Ws (finite,
closed and held), CPE, Zarc and others, each with a number. It is parsed here; nothing of it is ever
executed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError, SolveError, nearest
from ..spectra import Spectrum

RANDLES = "R0-p(R1-W1,CPE1)"
"""Ohmic resistance, charge transfer with diffusion behind it, double layer: the circuit of Huang et al.
(Adv. Sci. 9 (2022) 2105723, text of fig. S9: R_e, R_CT, W) with the double layer that a cell has."""
CIRCUITS = {"randles": RANDLES, "line": "R0-TLMQ1"}
_NAME = re.compile(r"([A-Za-z]+)\d*")
_STARTS, _SEED, _SPREAD = 24, 7, 1.5


@dataclass(frozen=True)
class Circuit:
    """A circuit ready to be evaluated: names of its parameters with units, and the function."""

    text: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    elements: tuple[str, ...]
    """Kind of element that each parameter belongs to."""
    evaluate: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """(frequencies [Hz], parameters) -> impedances."""


def parse_circuit(text: str) -> Circuit:
    """Read a circuit.

    Raises
    ------
    InputError
        Unknown element, brackets that do not close, one name for two elements, a package that is missing.
    """
    elements = _elements()
    source = CIRCUITS.get(text.lower(), text).replace(" ", "")
    reader = _Reader(source, elements)
    tree = reader.series()
    if reader.left:
        raise _unreadable(text, f"{reader.left!r} is left over")
    names, units, kinds = [], [], []
    for label, kind in reader.found:
        count, unit = elements[kind].num_params, elements[kind].units
        names += [label if count == 1 else f"{label}_{k}" for k in range(count)]
        units += list(unit)
        kinds += [f"{kind}{k}" for k in range(count)]
    if len(set(names)) < len(names):
        raise InputError(
            "every element has a name of its own", field="circuit", value=text,
            remedy="Number the elements: R0, R1, ...",
        )  # fmt: skip

    def evaluate(frequencies: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return tree(np.asarray(frequencies, dtype=float), iter(parameters))

    return Circuit(source, tuple(names), tuple(units), tuple(kinds), evaluate)


Branch = Callable[[np.ndarray, Iterator[float]], np.ndarray]


class _Reader:
    """Recursive descent: series := part ("-" part)*, part := "p(" series ("," series)+ ")" | element."""

    def __init__(self, text: str, elements: dict[str, Any]) -> None:
        self.text, self.left, self.elements = text, text, elements
        self.found: list[tuple[str, str]] = []

    def series(self) -> Branch:
        """Parts one after another."""
        parts = [self._part()]
        while self.left.startswith("-"):
            self.left = self.left[1:]
            parts.append(self._part())
        return lambda f, p: sum((part(f, p) for part in parts), np.zeros(f.size, dtype=complex))

    def _part(self) -> Branch:
        if self.left.startswith("p("):
            return self._parallel()
        match = _NAME.match(self.left)
        if match is None:
            raise _unreadable(self.text, f"an element is missing before {self.left or 'the end'!r}")
        kind = match[1]
        if kind not in self.elements:
            raise InputError(
                f"there is no element {kind!r}", field="circuit", value=self.text,
                remedy=nearest(kind, sorted(self.elements)),
            )  # fmt: skip
        self.left = self.left[match.end() :]
        self.found.append((match[0], kind))
        element = self.elements[kind]
        return lambda f, p: np.asarray(
            element([next(p) for _ in range(element.num_params)], f), dtype=complex
        )

    def _parallel(self) -> Branch:
        self.left = self.left[2:]
        branches = [self.series()]
        while self.left.startswith(","):
            self.left = self.left[1:]
            branches.append(self.series())
        if not self.left.startswith(")") or len(branches) < 2:
            raise _unreadable(self.text, "p( needs two branches or more, and a closing bracket")
        self.left = self.left[1:]
        return lambda f, p: (
            1.0 / sum((1.0 / branch(f, p) for branch in branches), np.zeros(f.size, dtype=complex))
        )


def _unreadable(text: str, why: str) -> InputError:
    return InputError(
        f"cannot read this circuit: {why}", field="circuit", value=text,
        remedy=f"Write such as {RANDLES!r}, or one of {', '.join(CIRCUITS)}",
    )  # fmt: skip


def _elements() -> dict[str, Any]:
    """Elements of the package impedance.py by name."""
    try:
        from impedance.models.circuits.elements import circuit_elements
    except ImportError:
        raise InputError(
            "circuits need the package impedance", field="circuit", value="not installed",
            remedy="Install lithoscape[circuits]",
        ) from None  # fmt: skip
    return {name: f for name, f in circuit_elements.items() if hasattr(f, "num_params")}


@dataclass(frozen=True)
class CircuitFit:
    """A circuit fitted to a spectrum.

    ``values``, ``errors`` (standard errors), ``low`` and ``high`` (95 % confidence) by parameter;
    impedances in the spectrum's unit, so capacitances are per area for a spectrum in ohm m2. ``residual``
    is the root mean square of the relative deviations.
    """

    circuit: Circuit
    values: dict[str, float]
    errors: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    residual: float

    def spectrum(self, frequencies: np.ndarray, unit: str = "ohm.m2") -> Spectrum:
        """The fitted circuit at frequencies [Hz]."""
        z = self.circuit.evaluate(np.asarray(frequencies), np.array(list(self.values.values())))
        return Spectrum(frequencies, z, unit, {"cell": f"fit of {self.circuit.text}"})


def fit(spectrum: Spectrum, circuit: str, guess: Sequence[float] | None = None) -> CircuitFit:
    """Least squares of relative deviations, over the logarithms of the parameters, from several starts.

    Parameters
    ----------
    spectrum:
        What is fitted.
    circuit:
        Text, or one of the names in ``CIRCUITS``.
    guess:
        First values by parameter; None: estimated from the spectrum, and scattered around that.

    Raises
    ------
    InputError
        Unreadable circuit, a guess of another length or with values that are not positive, fewer points than
        parameters.
    SolveError
        No start converges.
    """
    from scipy.optimize import least_squares
    from scipy.stats import t as student

    model = parse_circuit(circuit)
    f, z = spectrum.frequencies, spectrum.impedance
    if 2 * f.size <= len(model.names):
        raise InputError(
            "more parameters than numbers", field="circuit", value=circuit,
            remedy=f"Measure more than {f.size} frequencies, or simplify the circuit",
        )  # fmt: skip
    first = _estimates(model, spectrum) if guess is None else _checked_guess(model, guess)
    upper = np.array([1.0 if k in _EXPONENTS else np.inf for k in model.elements])

    def gap(p: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            d = model.evaluate(f, np.exp(p)) / z - 1
        d = np.nan_to_num(d, nan=1e3, posinf=1e3, neginf=-1e3)
        return np.concatenate([d.real, d.imag])

    best = None
    for start in _starts(first, upper, guess is None):
        found = least_squares(gap, np.log(start), bounds=(-np.inf, np.log(upper) + 1e-12), max_nfev=1000)
        if found.success and (best is None or found.cost < best.cost):
            best = found
    if best is None:
        raise SolveError("no fit converges", field="circuit", value=circuit, remedy="Give a guess")
    free = max(best.fun.size - best.x.size, 1)
    variance = np.diag(np.linalg.pinv(best.jac.T @ best.jac)) * float(best.fun @ best.fun) / free
    spread = np.sqrt(np.maximum(variance, 0.0))
    reach = np.exp(np.minimum(student.ppf(0.975, free) * spread, 700.0))
    value = np.exp(best.x)
    by_name = lambda numbers: dict(zip(model.names, map(float, numbers), strict=True))  # noqa: E731
    return CircuitFit(
        model, by_name(value), by_name(value * spread), by_name(value / reach), by_name(value * reach),
        float(np.sqrt(np.mean(best.fun**2) * 2)),
    )  # fmt: skip


_EXPONENTS = ("CPE1", "La1", "TLMQ2", "Zarc2")
"""Parameters that lie between 0 and 1."""


def _starts(first: np.ndarray, upper: np.ndarray, scattered: bool) -> Iterator[np.ndarray]:
    """The first guess, then others around it by orders of magnitude."""
    yield np.minimum(first, upper)
    generator = np.random.default_rng(_SEED)
    for _ in range(_STARTS if scattered else 0):
        factor = np.exp(generator.uniform(-_SPREAD, _SPREAD, first.size) * np.log(10))
        yield np.where(np.isfinite(upper), generator.uniform(0.5, 1.0, first.size), first * factor)


def _checked_guess(model: Circuit, guess: Sequence[float]) -> np.ndarray:
    values = np.asarray(guess, dtype=float)
    if values.shape != (len(model.names),) or not (np.isfinite(values).all() and values.min() > 0):
        raise InputError(
            "a guess is one positive number per parameter", field="guess", value=list(guess),
            remedy=f"Parameters: {', '.join(model.names)}",
        )  # fmt: skip
    return values


def _estimates(model: Circuit, spectrum: Spectrum) -> np.ndarray:
    """Orders of magnitude: resistances from the span, times from where the imaginary part peaks."""
    z, omega = spectrum.impedance, spectrum.omega
    high = max(float(z.real[-1]), 1e-3 * float(np.abs(z[-1])))
    span = max(float(z.real.max() - z.real.min()), 1e-3 * high)
    peak = float(omega[int(np.argmax(-z.imag[1:-1])) + 1]) if z.size > 2 else float(omega[-1])
    slow = float(omega[0])
    seconds = {
        "Wo1": 1 / slow,
        "Ws1": 1 / slow,
        "G1": 1 / slow,
        "Gs1": 1 / slow,
        "K1": 1 / peak,
        "Zarc1": 1 / peak,
    }
    out, first_resistance = [], True
    for kind, unit in zip(model.elements, model.units, strict=True):
        if kind in _EXPONENTS:
            out.append(0.85)
        elif kind in seconds:
            out.append(seconds[kind])
        elif kind in ("C0", "CPE0"):
            out.append(1 / (peak * span))
        elif kind == "TLMQ1":
            out.append(1 / (slow * float(np.abs(z[0]))))
        elif kind == "L0":
            out.append(1e-3 * high / float(omega[-1]))
        elif kind == "W0":
            out.append(0.5 * span * np.sqrt(slow))
        elif kind == "R0" and first_resistance:
            out.append(high)
            first_resistance = False
        else:
            out.append(span if "Ohm" in unit else 1.0)
    return np.array(out)
