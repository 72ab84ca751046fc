"""Battery Parameter eXchange (BPX 1.x) files in and out.

Conventions of the format, beside ours:

* i0 = F k sqrt(c_e/c_e0) sqrt(x) sqrt(1-x), k in mol m-2 s-1, to be used in
  i = 2 i0 sinh(F eta/2RT): the factor 2 is outside i0, as here;
* "Transport efficiency" is eps**b; "Surface area per unit volume" 3 eps_s/r;
  "Conductivity" is the effective one of the porous solid;
* Arrhenius factors on D, kappa and k are exp(E/R (1/T_ref - 1/T));
* "Minimum/Maximum stoichiometry" are those of the voltage limits at equilibrium
  (0 and 100 % state of charge); our validity window travels in a User-defined key.

What the format cannot say is kept in its User-defined section under keys that
start with ``Lithoscape``: Bruggeman exponents, bulk conductivity, initial
stoichiometries, concentration-dependent transference number and thermodynamic
factor, lithium metal. A reader that ignores them gets the standard meaning; on
reading here they count only while they agree with the standard fields. Half
cells become ``Model: "Partial"`` without a negative electrode, the only
half-cell form the format has. Text in a file is never handed to Python.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..constants import FARADAY, GAS_CONSTANT, HOUR, REFERENCE_TEMPERATURE
from ..errors import InputError
from .expression import Expression, NotExpressible, express
from .kinetics import ReferenceExchange
from .laws import Activated, arrhenius, evaluate
from .maths import NUMPY, Maths
from .published import lithium_metal
from .schema import ActiveMaterial, Electrode, Electrolyte, LithiumMetal, MaterialSet, Separator
from .tables import Table, ocp_table
from .window import Window, stoichiometry_window

VERSION = "1.1.1"
"""Version of the format that is written."""

PREFIX = "Lithoscape "
"""Start of the User-defined keys that carry what the format cannot say."""

TOLERANCE_V = 1e-3
"""Largest excess of the open-circuit voltage over the voltage limits [V]."""

SAMPLES = 401
"""Points of a table that stands for a law which no expression can say."""


@dataclass(frozen=True)
class OfConcentration:
    """A law of x alone used where (c_e, T) is asked."""

    law: Any

    def __call__(self, c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at ``c_e`` [mol/m3], ``T`` [K]."""
        return self.law(c_e, m)


@dataclass(frozen=True)
class LithiumExchange:
    """Exchange current of lithium metal [A/m2] as a law of c_e alone."""

    law: Any

    def __call__(self, c_e: Any, T: Any, m: Maths = NUMPY) -> Any:
        """Value at ``c_e`` [mol/m3], ``T`` [K]."""
        return self.law(c_e, m)


# ------------------------------------------------------------------ reading


def read_bpx(path: str | Path) -> MaterialSet:
    """The material set in a BPX file (JSON or YAML; 0.x files are converted).

    The file is validated by the ``bpx`` package's schema; expressions are parsed
    here. Blended electrodes and single-particle files are refused.
    """
    path = Path(path)
    raw = _load(path)
    data = _validated(raw, str(path))
    parameters = data["Parameterisation"]
    header, state = data["Header"], data.get("State") or {}
    if header["Model"] == "SPM" or "Electrolyte" not in parameters or "Separator" not in parameters:
        raise InputError(
            "has no electrolyte or separator", field=str(path), value=header["Model"],
            remedy="Give a DFN parameterisation.",
        )  # fmt: skip
    cell, user = parameters["Cell"], parameters.get("User-defined") or {}
    reference = cell.get("Reference temperature [K]") or REFERENCE_TEMPERATURE
    initial = state.get("Initial conditions") or {}
    c_e = float(initial.get("Initial electrolyte concentration [mol.m-3]") or 1000.0)
    soc = initial.get("Initial state-of-charge")
    soc = 1.0 if soc is None else float(soc)
    sides = {
        side: _read_electrode(parameters[f"{side} electrode"], side, user, soc, c_e, reference)
        for side in ("Positive", "Negative")
        if parameters.get(f"{side} electrode")
    }
    if "Positive" not in sides:
        raise InputError("has no positive electrode", field=str(path), remedy="Add 'Positive electrode'.")
    found = MaterialSet(
        name=header.get("Title") or path.stem,
        citation=header.get("References") or f"BPX file {path.name}",
        positive=sides["Positive"],
        negative=sides.get("Negative") or _read_lithium(user),
        separator=_read_separator(parameters["Separator"], user),
        electrolyte=_read_electrolyte(parameters["Electrolyte"], user, c_e, reference),
        temperature=float(initial.get("Initial temperature [K]") or reference),
        voltage_limits=(float(cell["Lower voltage cut-off [V]"]), float(cell["Upper voltage cut-off [V]"])),
    )
    limits = {
        side: (part["Minimum stoichiometry"], part["Maximum stoichiometry"])
        for side in sides
        if (part := parameters[f"{side} electrode"])
    }
    _check_voltages(found, limits)
    return found


def _load(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            "cannot be read", field=str(path), value=error.strerror, remedy="Check the path."
        ) from None
    try:
        if path.suffix in (".yml", ".yaml"):
            import yaml

            raw = yaml.safe_load(text)
        else:
            raw = json.loads(text)
    except ValueError as error:
        raise InputError(
            "is not JSON", field=str(path), value=str(error), remedy="Repair the file."
        ) from None
    if not isinstance(raw, dict) or "Parameterisation" not in raw:
        raise InputError(
            "is not a BPX file", field=str(path), remedy="It must hold 'Header' and 'Parameterisation'."
        )
    return raw


def _validated(raw: dict[str, Any], name: str) -> dict[str, Any]:
    """``raw`` (converted from 0.x if need be), checked by the package's schema.

    The schema would run the text of potentials as Python code; it is shown a
    copy in which every expression has been parsed here and replaced by a table.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parser library's own deprecations
        import bpx
    try:
        if bpx.is_legacy_bpx(raw):
            warnings.warn(f"{name}: BPX 0.x converted to 1.x; it starts fully charged", stacklevel=3)
            raw = bpx.convert_v0_to_v1(raw)
        shown = dict(raw, Parameterisation=_without_text(raw["Parameterisation"], "Parameterisation"))
        bpx.parse_bpx_obj(shown)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise InputError(
            "does not satisfy the BPX schema", field=name, value="; ".join(lines[:6]),
            remedy="Correct the named entries.",
        ) from None  # fmt: skip
    return raw


def _without_text(part: Any, field: str) -> Any:
    """``part`` with every expression checked and replaced by a two-point table."""
    if isinstance(part, Mapping):
        return {
            key: value if key == "description" else _without_text(value, f"{field}.{key}")
            for key, value in part.items()
        }
    if isinstance(part, str):
        Expression(part, field)
        return {"x": [0.0, 1.0], "y": [0.0, 0.0]}
    return part


def _law(value: Any, field: str, potential: bool = False) -> Any:
    """A BPX entry as a law of x: number, expression or table."""
    if isinstance(value, str):
        law = Expression(value, field)
        law(0.5)
        return law
    if isinstance(value, Mapping):
        order = np.argsort(value["x"])
        x, y = np.asarray(value["x"], float)[order], np.asarray(value["y"], float)[order]
        if potential:
            return ocp_table(x, y, field, "BPX file")
        return Table(tuple(x), tuple(y), field, "BPX file", extend="constant")
    return float(value)


def _activated(part: Mapping[str, Any], key: str, energy_key: str, field: str, reference: float) -> Any:
    energy = float(part.get(energy_key) or 0.0)
    law = _law(part[key], f"{field}.{key}")
    return law if isinstance(law, float) and not energy else Activated(law, energy, reference)


def _read_electrode(
    part: Mapping[str, Any], side: str, user: Mapping[str, Any], soc: float, c_e: float, reference: float
) -> Electrode:
    if "Particle" in part:
        raise InputError(
            "is a blend, which is not supported", field=f"{side} electrode",
            remedy="Give one active material per electrode.",
        )  # fmt: skip
    low, high = float(part["Minimum stoichiometry"]), float(part["Maximum stoichiometry"])
    radius, area = float(part["Particle radius [m]"]), float(part["Surface area per unit volume [m-1]"])
    porosity, sigma = float(part["Porosity"]), float(part["Conductivity [S.m-1]"])
    hint = _Hints(user, f"{side} electrode")
    active = hint.agreeing("active material volume fraction", area * radius / 3.0, lambda v: v)
    bulk = hint.raw("bulk conductivity [S.m-1]", sigma)
    solid = hint.agreeing("Bruggeman exponent (solid)", 0.0, lambda b: bulk * active**b, sigma)
    initial = high - soc * (high - low) if side == "Positive" else low + soc * (high - low)
    return Electrode(
        material=_read_material(part, side, c_e, reference, _validity(hint, low, high)),
        thickness=float(part["Thickness [m]"]),
        porosity=porosity,
        active_fraction=active,
        particle_radius=radius,
        conductivity=bulk if solid else sigma,
        bruggeman_electrolyte=_exponent(hint, porosity, float(part["Transport efficiency"])),
        bruggeman_solid=solid,
        initial_stoichiometry=hint.agreeing(
            "initial stoichiometry", initial, lambda v: v, slack=1e-9
        ),
    )  # fmt: skip


def _read_material(
    part: Mapping[str, Any], side: str, c_e: float, reference: float, window: tuple[float, float]
) -> ActiveMaterial:
    field = f"{side} electrode"
    energy = float(part.get("Reaction rate constant activation energy [J.mol-1]") or 0.0)
    at_reference = 0.5 * FARADAY * float(part["Reaction rate constant [mol.m-2.s-1]"])
    i_ref = at_reference * float(arrhenius(energy, REFERENCE_TEMPERATURE, reference=reference))
    potential = _law(part["OCP [V]"], f"{field}.OCP [V]", potential=True)
    if isinstance(potential, float):
        raise InputError("must depend on x", field=f"{field}.OCP [V]", value=potential, remedy="Give a law.")
    return ActiveMaterial(
        name=f"{side.lower()} active material",
        citation="BPX file",
        ocp=potential,
        diffusivity=_activated(
            part, "Diffusivity [m2.s-1]", "Diffusivity activation energy [J.mol-1]", field, reference
        ),
        exchange_current=ReferenceExchange(i_ref, 0.5, energy, c_e),
        c_max=float(part["Maximum concentration [mol.m-3]"]),
        stoichiometry=window,
    )


def _validity(hint: _Hints, low: float, high: float) -> Window:
    """Validity window of the laws: the hint, else the limits of the file."""
    return hint.raw("lowest valid stoichiometry", low), hint.raw("highest valid stoichiometry", high)


def _read_separator(part: Mapping[str, Any], user: Mapping[str, Any]) -> Separator:
    porosity = float(part["Porosity"])
    hint = _Hints(user, "separator")
    exponent = _exponent(hint, porosity, float(part["Transport efficiency"]))
    return Separator(float(part["Thickness [m]"]), porosity, exponent)


def _read_electrolyte(
    part: Mapping[str, Any], user: Mapping[str, Any], c_e: float, reference: float
) -> Electrolyte:
    def activated(name: str, unit: str) -> Any:
        energy = f"{name} activation energy [J.mol-1]"
        law = _activated(part, f"{name} [{unit}]", energy, "Electrolyte", reference)
        return Activated(law) if isinstance(law, float) else law

    standard = float(part["Cation transference number"])
    transference = _user_law(user, "cation transference number", standard)
    if callable(transference) and not _close(float(transference(c_e, reference)), standard, 1e-6):
        transference = standard
    top = user.get(f"{PREFIX}electrolyte highest valid concentration [mol.m-3]", 4000.0)
    bottom = user.get(f"{PREFIX}electrolyte lowest valid concentration [mol.m-3]", 0.0)
    return Electrolyte(
        name="electrolyte of the BPX file",
        citation="BPX file",
        conductivity=activated("Conductivity", "S.m-1"),
        diffusivity=activated("Diffusivity", "m2.s-1"),
        transference=transference,
        thermodynamic_factor=_user_law(user, "thermodynamic factor", 1.0),
        initial_concentration=c_e,
        valid=(float(bottom), float(top)),
    )


def _read_lithium(user: Mapping[str, Any]) -> LithiumMetal:
    key = f"{PREFIX}lithium metal exchange-current density [A.m-2]"
    if key not in user:
        return lithium_metal()
    law = _law(user[key], key)
    return LithiumMetal(LithiumExchange(law) if callable(law) else Activated(law), "BPX file")


def _user_law(user: Mapping[str, Any], name: str, default: float) -> Any:
    value = user.get(f"{PREFIX}{name}")
    if value is None:
        return default
    law = _law(value, f"{PREFIX}{name}")
    return OfConcentration(law) if callable(law) else law


@dataclass(frozen=True)
class _Hints:
    """User-defined entries of one component, trusted while they agree with the standard ones."""

    user: Mapping[str, Any]
    component: str

    def raw(self, name: str, default: float) -> float:
        return float(self.user.get(f"{PREFIX}{self.component} {name}", default))

    def agreeing(
        self,
        name: str,
        default: float,
        implied: Callable[[float], float],
        standard: float | None = None,
        slack: float = 1e-12,
    ) -> float:
        """The hint if ``implied(hint)`` is the ``standard`` value, else ``default``."""
        value = self.raw(name, math.nan)
        target = default if standard is None else standard
        return value if value == value and _close(implied(value), target, slack) else default


def _exponent(hint: _Hints, porosity: float, efficiency: float) -> float:
    """Bruggeman exponent b of eps**b = efficiency."""
    default = 1.5 if porosity == 1.0 else math.log(efficiency) / math.log(porosity)
    return hint.agreeing("Bruggeman exponent (electrolyte)", default, lambda b: porosity**b, efficiency)


def _close(a: float, b: float, slack: float) -> bool:
    return abs(a - b) <= slack * max(abs(a), abs(b))


def _check_voltages(found: MaterialSet, limits: Mapping[str, Window]) -> None:
    """Warn if the stoichiometry limits imply voltages outside the voltage limits."""
    if isinstance(found.negative, LithiumMetal):
        return
    p, n = found.positive.material, found.negative.material
    low, high = found.voltage_limits
    top = float(p.ocp(limits["Positive"][0]) - n.ocp(limits["Negative"][1]))
    bottom = float(p.ocp(limits["Positive"][1]) - n.ocp(limits["Negative"][0]))
    if top > high + TOLERANCE_V or bottom < low - TOLERANCE_V:
        warnings.warn(
            f"{found.name}: stoichiometry limits give {bottom:.3f} to {top:.3f} V, outside {low} to {high} V",
            stacklevel=3,
        )


# ------------------------------------------------------------------ writing


def write_bpx(
    materials: MaterialSet,
    path: str | Path,
    *,
    area: float = 1.0,
    nominal_capacity: float | None = None,
    allow_lossy: bool = False,
) -> list[str]:
    """Write ``materials`` as BPX 1.x JSON; return what could not be said, one note each.

    Parameters
    ----------
    materials:
        The set; a half cell becomes a Partial file without a negative electrode.
    area, nominal_capacity:
        Electrode area [m2] and nominal capacity [A.h]; by default 1 m2 and the
        capacity of the positive electrode between the voltage limits.
    allow_lossy:
        Kinetics that are not of the format's form are refused; ``True`` writes
        the form's value at the initial concentration and x = 0.5 instead.
    """
    notes: list[str] = []
    user: dict[str, Any] = {}
    windows = dict(zip(("Positive", "Negative"), stoichiometry_window(materials), strict=True))
    low, high = windows["Positive"] or (0.0, 1.0)
    capacity = nominal_capacity or materials.positive.capacity * (high - low) * area / HOUR

    def electrode(side: str) -> dict[str, Any]:
        written = _write_electrode(materials, side, user, notes, allow_lossy)
        limits = windows[side] or (0.0, 1.0)
        return written | {"Minimum stoichiometry": limits[0], "Maximum stoichiometry": limits[1]}

    parameters: dict[str, Any] = {
        "Cell": _write_cell(materials, area, capacity),
        "Electrolyte": _write_electrolyte(materials, user, notes),
        "Separator": _write_contact(materials.separator, "separator", user),
        "Positive electrode": electrode("Positive"),
    }
    if isinstance(materials.negative, LithiumMetal):
        exchange = materials.negative.exchange_current
        key = f"{PREFIX}lithium metal exchange-current density [A.m-2]"
        user[key] = _entry(lambda c, m: exchange(c, materials.temperature, m), (1.0, 4000.0))
    else:
        parameters["Negative electrode"] = electrode("Negative")
    parameters["User-defined"] = user
    document = {
        "Header": _write_header(materials),
        "Parameterisation": parameters,
        "State": _write_state(materials, (low, high)),
    }
    _validated(document, "written BPX")
    Path(path).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return notes


def _write_header(materials: MaterialSet) -> dict[str, Any]:
    parts = [f"positive {materials.positive.material.name}", f"electrolyte {materials.electrolyte.name}"]
    negative = materials.negative
    parts.append(f"negative {negative.material.name}" if isinstance(negative, Electrode) else "lithium metal")
    return {
        "BPX": VERSION,
        "Title": materials.name,
        "Description": ", ".join(parts),
        "References": materials.citation,
        "Model": "Partial" if materials.is_half_cell else "DFN",
    }


def _write_cell(materials: MaterialSet, area: float, capacity: float) -> dict[str, Any]:
    thickness = materials.positive.thickness + materials.separator.thickness
    if isinstance(materials.negative, Electrode):
        thickness += materials.negative.thickness
    return {
        "Electrode area [m2]": area,
        "External surface area [m2]": 2.0 * area,
        "Volume [m3]": area * thickness,
        "Number of electrode pairs connected in parallel to make a cell": 1,
        "Lower voltage cut-off [V]": materials.voltage_limits[0],
        "Upper voltage cut-off [V]": materials.voltage_limits[1],
        "Nominal cell capacity [A.h]": capacity,
        "Reference temperature [K]": REFERENCE_TEMPERATURE,
    }


def _write_state(materials: MaterialSet, window: Window) -> dict[str, Any]:
    low, high = window
    soc = (high - materials.positive.initial_stoichiometry) / (high - low)
    return {
        "Initial conditions": {
            "Initial state-of-charge": soc,
            "Initial temperature [K]": materials.temperature,
            "Initial electrolyte concentration [mol.m-3]": materials.electrolyte.initial_concentration,
        },
        "Thermal environment": {"Ambient temperature [K]": materials.temperature},
    }


def _write_contact(part: Separator | Electrode, component: str, user: dict[str, Any]) -> dict[str, Any]:
    user[f"{PREFIX}{component} Bruggeman exponent (electrolyte)"] = part.bruggeman_electrolyte
    return {
        "Thickness [m]": part.thickness,
        "Porosity": part.porosity,
        "Transport efficiency": part.transport_efficiency,
    }


def _write_electrode(
    materials: MaterialSet, side: str, user: dict[str, Any], notes: list[str], allow_lossy: bool
) -> dict[str, Any]:
    electrode = materials.positive if side == "Positive" else materials.negative
    assert isinstance(electrode, Electrode)
    material, component = electrode.material, f"{side} electrode"
    user[f"{PREFIX}{component} active material volume fraction"] = electrode.active_fraction
    user[f"{PREFIX}{component} bulk conductivity [S.m-1]"] = electrode.conductivity
    user[f"{PREFIX}{component} Bruggeman exponent (solid)"] = electrode.bruggeman_solid
    user[f"{PREFIX}{component} lowest valid stoichiometry"] = material.stoichiometry[0]
    user[f"{PREFIX}{component} highest valid stoichiometry"] = material.stoichiometry[1]
    user[f"{PREFIX}{component} initial stoichiometry"] = electrode.initial_stoichiometry
    rate, energy = _rate_constant(materials, material, component, notes, allow_lossy)
    written = _write_contact(electrode, component, user) | {
        "Conductivity [S.m-1]": electrode.effective_conductivity,
        "Maximum concentration [mol.m-3]": material.c_max,
        "Particle radius [m]": electrode.particle_radius,
        "Surface area per unit volume [m-1]": electrode.surface_per_volume,
        "OCP [V]": _entry(material.ocp, material.stoichiometry),
        "Entropic change coefficient [V.K-1]": 0.0,  # laws are isothermal; readers ask for it
        "Reaction rate constant [mol.m-2.s-1]": rate,
        "Reaction rate constant activation energy [J.mol-1]": energy,
    }
    _write_activated(written, "Diffusivity", "m2.s-1", material.diffusivity, (0.0, 1.0), component, notes)
    return written


def _rate_constant(
    materials: MaterialSet, material: ActiveMaterial, component: str, notes: list[str], allow_lossy: bool
) -> tuple[float, float]:
    """k and its activation energy, if i0 has the format's form (tested on a grid)."""
    c_e0, c_max, T = materials.electrolyte.initial_concentration, material.c_max, REFERENCE_TEMPERATURE

    def ratio(c_e: Any, x: Any, T: float = T) -> Any:
        shape = np.sqrt(c_e / c_e0 * x * (1.0 - x))
        return material.exchange_current(c_e, x * c_max, c_max, T) / shape

    grid = ratio(*np.meshgrid(c_e0 * np.array([0.2, 1.0, 2.5]), np.array([0.1, 0.5, 0.9])))
    if np.ptp(grid) > 1e-9 * np.max(grid):
        if not allow_lossy:
            raise InputError(
                "the exchange current has not the form BPX can say",
                field=f"{component}.exchange_current",
                value=material.name,
                remedy="Pass allow_lossy=True to write its value at the initial concentration and x = 0.5.",
            )
        notes.append(f"{component}: exchange current matched only at {c_e0:g} mol/m3 and x = 0.5")
    centre = float(ratio(c_e0, 0.5))
    energy = _activation_energy(lambda T: ratio(c_e0, 0.5, T), f"{component} exchange current", notes)
    return centre / FARADAY, energy


def _write_electrolyte(materials: MaterialSet, user: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    electrolyte = materials.electrolyte
    low, high = electrolyte.valid
    user[f"{PREFIX}electrolyte lowest valid concentration [mol.m-3]"] = low
    user[f"{PREFIX}electrolyte highest valid concentration [mol.m-3]"] = high
    c_e, T = electrolyte.initial_concentration, materials.temperature
    written = {"Cation transference number": float(evaluate(electrolyte.transference, c_e, T))}
    extras = (
        ("cation transference number", electrolyte.transference),
        ("thermodynamic factor", electrolyte.thermodynamic_factor),
    )
    for name, law in extras:
        if callable(law):
            user[f"{PREFIX}{name}"] = _entry(_at_temperature(law, T), (low, high))
            notes.append(f"electrolyte: {name} depends on concentration, kept in User-defined only")
        elif name == "thermodynamic factor" and law != 1.0:
            user[f"{PREFIX}{name}"] = law
            notes.append(f"electrolyte: {name} {law:g}, kept in User-defined only")
    if electrolyte.precipitate is not None:
        notes.append("electrolyte: precipitation is not written; all salt dissolves")
    span = (low, high)
    _write_activated(written, "Diffusivity", "m2.s-1", electrolyte.diffusivity, span, "electrolyte", notes)
    _write_activated(written, "Conductivity", "S.m-1", electrolyte.conductivity, span, "electrolyte", notes)
    return written


def _write_activated(
    written: dict[str, Any],
    name: str,
    unit: str,
    law: Any,
    span: tuple[float, float],
    component: str,
    notes: list[str],
) -> None:
    """Write ``law(x, T)`` as its value at the reference temperature and an activation energy."""
    if not callable(law):
        written[f"{name} [{unit}]"] = float(law)
        return
    label = f"{component} {name.lower()}"
    points = span[0] + np.array([0.2, 0.5, 0.8]) * (span[1] - span[0])
    energy = _activation_energy(lambda T: law(points, T), label, notes)
    written[f"{name} [{unit}]"] = _entry(_at_temperature(law, REFERENCE_TEMPERATURE), span)
    if energy:
        written[f"{name} activation energy [J.mol-1]"] = energy


def _activation_energy(of_temperature: Callable[[float], Any], label: str, notes: list[str]) -> float:
    """Energy of an Arrhenius factor [J/mol]; 0 and a note if the dependence is not of that form."""
    cold, reference, hot = (np.asarray(of_temperature(T), float) for T in (283.15, 298.15, 318.15))

    def energy(values: np.ndarray, T: float) -> np.ndarray:
        return GAS_CONSTANT * np.log(values / reference) / (1.0 / REFERENCE_TEMPERATURE - 1.0 / T)

    found = np.concatenate([np.atleast_1d(energy(cold, 283.15)), np.atleast_1d(energy(hot, 318.15))])
    centre = float(np.mean(found))
    if np.ptp(found) > 1e-6 * max(1.0, abs(centre)):
        notes.append(f"{label}: temperature dependence is not an Arrhenius factor; written at 298.15 K")
        return 0.0
    return 0.0 if abs(centre) < 1e-6 else round(centre, 6)


def _at_temperature(law: Any, T: float) -> Callable[..., Any]:
    inner = law.law if isinstance(law, OfConcentration | Activated) else None
    if isinstance(inner, Table | Expression):
        return inner
    return lambda x, m=NUMPY: law(x, T, m)


def _entry(law: Callable[..., Any], span: tuple[float, float]) -> Any:
    """A law of x as a BPX entry: expression if it can be said, its own or a sampled table if not."""
    if isinstance(law, Table):
        return {"x": list(law.x), "y": list(law.y)}
    try:
        return express(law)
    except NotExpressible:
        x = span[0] + (span[1] - span[0]) * np.linspace(0.0, 1.0, SAMPLES) ** 2  # dense where laws bend
        return {"x": x.tolist(), "y": np.asarray(law(x, NUMPY), float).tolist()}
