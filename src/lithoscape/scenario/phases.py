"""Phases of a resolved cell: from the scenario's words and material sets to the model's phases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

from ..errors import InputError
from ..materials import MaterialSet, get_set
from ..materials.schema import Electrode, LithiumMetal
from ..mesh.quality import WITHOUT
from ..models import Phase, ResolvedCell
from ..specification import relocated
from .schema import Electrode as ElectrodeSpec
from .schema import PhaseSpec, Resolved, Scenario

BRUGGEMAN = 1.5
SEPARATOR = "separator"


def resolved_cell(scenario: Scenario, materials: MaterialSet, current_scale: float) -> ResolvedCell:
    """Everything but the mesh.

    Raises
    ------
    InputError
        A full-cell set, electrode keys that the microstructure decides, no active phase or no electrolyte,
        materials that there are not.
    """
    g = scenario.geometry
    assert isinstance(g, Resolved)
    if not isinstance(materials.negative, LithiumMetal):
        raise InputError(
            "resolved geometries are half cells", field="materials.set", value=materials.name,
            remedy="Choose a half-cell set; `lithoscape materials list`",
        )  # fmt: skip
    for key in (f for f in ElectrodeSpec.model_fields if f in scenario.electrode.model_fields_set):
        raise InputError(
            "the microstructure decides this", field=f"electrode.{key}",
            value=getattr(scenario.electrode, key),
            remedy="Remove it; what phases are made of stands in geometry.phases",
        )  # fmt: skip
    phases = [_phase(name, spec, materials) for name, spec in g.phases.items()]
    if SEPARATOR not in g.phases:
        s = materials.separator
        phases.append(Phase(SEPARATOR, porosity=s.porosity, transport=s.transport_efficiency))
    for what, there in (
        ("active material", any(p.material is not None for p in phases)),
        ("electrolyte", any(p.porosity > 0 and p.name != SEPARATOR for p in phases)),
    ):
        if not there:
            raise InputError(
                f"no phase holds {what}", field="geometry.phases", value=list(g.phases),
                remedy="Give one phase a material, and another a porosity",
            )  # fmt: skip
    return ResolvedCell(
        tuple(phases), materials.electrolyte, materials.negative, materials.temperature, current_scale
    )


def active_phases(cell: ResolvedCell) -> dict[str, float]:
    """Active phase -> c_max [mol/m3]."""
    return {p.name: p.material.c_max for p in cell.phases if p.material is not None}


def roles(cell: ResolvedCell) -> Mapping[str, tuple[str, ...]]:
    """Regions through which ions go, and electrons."""
    return {
        "electrolyte": tuple(p.name for p in cell.phases if p.porosity > 0),
        "conductor": tuple(p.name for p in cell.phases if p.conductivity is not None),
    }


def on_mesh(cell: ResolvedCell, regions: Iterable[str]) -> ResolvedCell:
    """The cell with phases for regions that lack the path of ions or of electrons."""
    known = {p.name: p for p in cell.phases}
    more = []
    for region in regions:
        for way, suffix in WITHOUT.items():
            phase = known.get(region.removesuffix(suffix)) if region.endswith(suffix) else None
            if phase is not None:
                less = {"porosity": 0.0} if way == "ions" else {"conductivity": None}
                more.append(replace(phase, name=region, **less))
    there = set(regions)
    return replace(cell, phases=(*(p for p in cell.phases if p.name in there), *more))


def _phase(name: str, spec: PhaseSpec, materials: MaterialSet) -> Phase:
    field = f"geometry.phases.{name}"
    electrode = _electrode(spec, materials, field)
    transport = spec.porosity**BRUGGEMAN if spec.transport is None else spec.transport
    common = {"porosity": spec.porosity, "transport": transport, "wetted": spec.wetted}
    if electrode is None:
        for key in ("initial_stoichiometry", "double_layer_F_m2"):
            if key in spec.model_fields_set:
                raise InputError(
                    "only active material has this", field=f"{field}.{key}", value=getattr(spec, key),
                    remedy=f"Give {field}.material, or remove it",
                )  # fmt: skip
        if spec.porosity == 0 and spec.conductivity_S_m is None:
            common["transport"] = 1.0
        return _made(field, name=name, conductivity=spec.conductivity_S_m, **common)
    x = electrode.initial_stoichiometry if spec.initial_stoichiometry is None else spec.initial_stoichiometry
    low, high = electrode.material.stoichiometry
    if not low <= x <= high:
        raise InputError(
            f"{electrode.material.name} is not known at this state of lithiation",
            field=f"{field}.initial_stoichiometry", value=x, remedy=f"Choose {low:g} to {high:g}",
        )  # fmt: skip
    sigma = electrode.conductivity if spec.conductivity_S_m is None else spec.conductivity_S_m
    return _made(
        field, name=name, material=electrode.material, initial_stoichiometry=x, conductivity=sigma,
        double_layer=spec.double_layer_F_m2, **common,
    )  # fmt: skip


def _electrode(spec: PhaseSpec, materials: MaterialSet, field: str) -> Electrode | None:
    """The electrode whose active material a phase is made of."""
    if spec.material is None:
        return None
    if spec.material == "positive":
        return materials.positive
    try:
        return get_set(spec.material).positive
    except InputError as error:
        raise relocated(error, f"{field}.material") from None


def _made(field: str, **given: object) -> Phase:
    """A phase; errors carry the keys of the scenario."""
    units = {"conductivity": "conductivity_S_m", "double_layer": "double_layer_F_m2"}
    try:
        return Phase(**given)  # type: ignore[arg-type]
    except InputError as error:
        last = str(error.field).split(".")[-1]
        known = [f.name for f in fields(Phase)]
        raise relocated(error, f"{field}.{units.get(last, last)}" if last in known else field) from None
