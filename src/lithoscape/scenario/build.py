"""From a validated scenario to the objects that run."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any

from mpi4py import MPI

from ..constants import HOUR, MILLIAMPERE_HOUR_PER_CM2
from ..errors import InputError
from ..materials import MaterialSet, change, get_electrolyte, get_set
from ..materials.ablate import ablate, graded_diffusivity
from ..materials.change import value_at
from ..materials.solubility import limited_solubility
from ..mesh.cad import CrackedCell, cracked_cell
from ..mesh.domain import Domain
from ..mesh.structured import Layer, layered_cell
from ..models.cell import cell_from_set, open_region, porous_region
from ..models.homogenised import HomogenisedCell, Region, homogenised
from ..models.resolved import ResolvedCell, resolved
from ..problem import Problem
from ..protocol import Base, Sequence, check_protocol, parse_protocol
from ..simulate import Moment
from ..specification import relocated
from .devices import Devices, devices
from .microstructure import Microstructure, Progress, microstructure, shared_mesh
from .phases import active_phases, on_mesh, resolved_cell, roles
from .schema import Cracked, Layered, LayerSpec, Materials, Resolved, Scenario, Transport
from .start import check_start

Geometry = CrackedCell | tuple[Layer, ...] | Microstructure
UM = 1e-6
FRAME = "frame "
"""Beginning of the names of moments that are kept for a film only."""
SLACK = 0.5
"""How far beyond the set's voltage limits a protocol may go before it is refused [V]."""


@dataclass(frozen=True)
class Plan:
    """Everything a scenario means, before anything is meshed or solved."""

    scenario: Scenario
    materials: MaterialSet
    geometry: Geometry
    cell: HomogenisedCell | ResolvedCell
    sequence: Sequence
    base: Base
    moments: tuple[Moment, ...]
    devices: Devices
    surface: float
    """Through-plane coordinate of the separator-side surface of the positive electrode [m]."""

    def mesh(self, comm: MPI.Comm = MPI.COMM_WORLD) -> Domain:
        """Mesh the geometry."""
        return self._mesh(comm, None, None)[0]

    def problem(
        self, comm: MPI.Comm = MPI.COMM_WORLD, kept: Path | None = None, progress: Progress | None = None
    ) -> tuple[Problem, list[str]]:
        """Mesh the geometry and state the equations on it; what the mesh lost, in words.

        ``kept`` is where the mesh of a microstructure is written to, or read from if it is there.
        """
        made, notes = self._mesh(comm, kept, progress)
        if isinstance(self.cell, ResolvedCell):
            return resolved(made, on_mesh(self.cell, made.regions)), notes
        return homogenised(made, self.cell), notes

    def _mesh(self, comm: MPI.Comm, kept: Path | None, progress: Progress | None) -> tuple[Domain, list[str]]:
        if isinstance(self.geometry, Microstructure):
            return shared_mesh(self.geometry, kept, comm, progress)
        if isinstance(self.geometry, CrackedCell):
            return cracked_cell(self.geometry, comm=comm), []
        g = self.scenario.geometry
        assert isinstance(g, Layered)
        lateral = [(w * UM, g.lateral_cells) for w in g.lateral_um]
        return layered_cell(self.geometry, lateral=lateral, comm=comm), []


def build_plan(scenario: Scenario, folder: Path | None = None) -> Plan:
    """Resolve materials, geometry, protocol and instruments, and check that they fit together.

    Files that the scenario names are relative to ``folder`` (default: the working one).

    Raises
    ------
    InputError
        Whatever does not fit, by its key in the scenario file.
    """
    materials, geometry = _materials(scenario)
    base = _base(scenario)
    cell: HomogenisedCell | ResolvedCell
    if isinstance(scenario.geometry, Resolved):
        cell = resolved_cell(scenario, materials, base.c_rate_current_density)
        geometry = microstructure(
            scenario.geometry, folder or Path(), materials.separator.thickness,
            next(iter(active_phases(cell))), roles(cell),
        )  # fmt: skip
    else:
        cell = _cell(scenario, materials, base)
    sequence = parse_protocol([_plain(entry) for entry in scenario.protocol])
    low, high = materials.voltage_limits
    check_protocol(sequence, (low - SLACK, high + SLACK), base)
    check_start(materials, sequence, SLACK, given=scenario.initial is not None)
    surface = materials.separator.thickness
    if not materials.is_half_cell:
        surface += materials.negative.thickness  # type: ignore[union-attr]
    found = devices(scenario.instruments, scenario.geometry.kind, geometry, materials.positive.thickness)
    _check_film(scenario)
    moments = (*_moments(scenario, sequence), *_frames(scenario, sequence, base))
    return Plan(scenario, materials, geometry, cell, sequence, base, moments, found, surface)


def _materials(scenario: Scenario) -> tuple[MaterialSet, Geometry]:
    """The set with its changes, then everything that the electrode says, at once."""
    m, e = _named(scenario), scenario.electrode
    thickness = m.positive.thickness if e.thickness_um is None else e.thickness_um * UM
    if e.layers:
        thickness = sum(layer.thickness_um for layer in e.layers) * UM
    geometry = _geometry(scenario, m, thickness)
    given: dict[str, Any] = {
        "thickness": thickness,
        "porosity": e.porosity,
        "active_fraction": e.active_fraction,
        "particle_radius": None if e.particle_radius_um is None else e.particle_radius_um * UM,
        "initial_stoichiometry": None if scenario.initial is None else scenario.initial.state_of_lithiation,
    }
    for key in ("porosity", "active_fraction") if e.layers else ():
        given[key] = sum(getattr(x, key) * x.thickness_um for x in e.layers) * UM / thickness
    if e.active_loading_mg_cm2 is not None:
        porosity = m.positive.porosity if e.porosity is None else e.porosity
        given["active_fraction"] = _fraction(e.active_loading_mg_cm2, m, thickness, porosity, geometry)
    try:
        positive = replace(m.positive, **{k: v for k, v in given.items() if v is not None})
    except InputError as error:
        raise relocated(error, str(error.field)) from None
    return replace(m, positive=positive), geometry


_BY_ELECTRODE = {
    "positive.thickness": "thickness_um",
    "positive.porosity": "porosity",
    "positive.active_fraction": "active_fraction",
    "positive.particle_radius": "particle_radius_um",
}


def _named(scenario: Scenario) -> MaterialSet:
    """The named set with another electrolyte and other parameters."""
    spec = scenario.materials
    try:
        m = get_set(spec.set)
    except InputError as error:
        raise relocated(error, "materials.set") from None
    if spec.electrolyte is not None:
        try:
            m = change(m, {"electrolyte": get_electrolyte(spec.electrolyte, clamped=spec.clamped)})
        except InputError as error:
            raise relocated(error, "materials.electrolyte") from None
    for name, value in spec.changes.items():
        key = _BY_ELECTRODE.get(name)
        if key is not None and getattr(scenario.electrode, key) is not None:
            raise InputError(
                "this value is given twice", field=f"materials.changes.{name}", value=value,
                remedy=f"Keep either this or electrode.{key}",
            )  # fmt: skip
        try:
            if is_dataclass(value_at(m, name)):
                raise InputError("this is a group of parameters", remedy="Name one of them, after a dot")
            m = change(m, {name: value})
        except InputError as error:
            raise relocated(error, f"materials.changes.{name}", value) from None
    return _switched(m, spec)


def _switched(m: MaterialSet, spec: Materials) -> MaterialSet:
    """The set with dependences added and taken away."""
    for key, given, apply in (
        ("solid_diffusivity_decades", spec.solid_diffusivity_decades, graded_diffusivity),
        ("ablate", spec.ablate or None, ablate),
        ("solubility_mol_m3", spec.solubility_mol_m3, limited_solubility),
    ):
        if given is not None:
            try:
                m = apply(m, given)  # type: ignore[arg-type]
            except InputError as error:
                raise relocated(error, f"materials.{key}") from None
    return m


def _geometry(scenario: Scenario, m: MaterialSet, thickness: float) -> Geometry:
    g = scenario.geometry
    if scenario.electrode.layers and not isinstance(g, Layered):
        raise InputError(
            "a graded electrode has no cracks or particles of its own", field="electrode.layers",
            value=g.kind, remedy="Use geometry.kind layered",
        )  # fmt: skip
    if isinstance(g, Cracked):
        if not m.is_half_cell:
            raise InputError(
                "cracked geometries are half cells", field="materials.set", value=m.name,
                remedy="Choose a half-cell set, or geometry.kind layered",
            )  # fmt: skip
        return CrackedCell(
            thickness, m.separator.thickness, g.half_width_um * UM, g.crack.width_um * UM,
            g.crack.bottom_width_um * UM, g.crack.depth_um * UM, g.cell_size_um * UM, g.refinement,
        )  # fmt: skip
    if isinstance(g, Resolved):
        return ()  # the caller fills it in, once it knows the phases
    layers = [
        Layer("separator", m.separator.thickness, max(4, g.cells // 2), g.clustering),
        *_positive_layers(scenario, g, thickness),
    ]
    if not m.is_half_cell:
        layers.insert(0, Layer("negative", m.negative.thickness, g.cells, g.clustering))  # type: ignore[union-attr]
    return tuple(layers)


def _positive_layers(scenario: Scenario, g: Layered, thickness: float) -> list[Layer]:
    """The positive electrode of the mesh; cells of a graded one are shared out by thickness."""
    if not scenario.electrode.layers:
        return [Layer("positive", thickness, g.cells, g.clustering)]
    parts = [(x.name, x.thickness_um * UM) for x in scenario.electrode.layers]
    return [Layer(name, h, max(4, round(g.cells * h / thickness)), g.clustering) for name, h in parts]


def _fraction(loading: float, m: MaterialSet, thickness: float, porosity: float, geometry: Geometry) -> float:
    """Active fraction of the uncracked matrix from the active mass per plan area."""
    if m.positive.material.density is None:
        raise InputError(
            "the material set has no crystal density", field="electrode.active_loading_mg_cm2",
            value=loading, remedy="Give active_fraction instead",
        )  # fmt: skip
    open_share = geometry.crack_volume_fraction if isinstance(geometry, CrackedCell) else 0.0
    fraction = loading * 1e-2 / (m.positive.material.density * thickness * (1 - open_share))
    if fraction + porosity > 1:
        raise InputError(
            f"the loading needs an active fraction of {fraction:.3f}, too much beside a porosity of "
            f"{porosity:g}",
            field="electrode.active_loading_mg_cm2",
            value=loading,
            remedy="Reduce the loading or the porosity, or increase the thickness",
        )
    return fraction


def _base(scenario: Scenario) -> Base:
    area = scenario.cell.area_cm2
    one_c = scenario.cell.capacity_mAh_cm2 * MILLIAMPERE_HOUR_PER_CM2 / 3600.0
    return Base(one_c, None if area is None else area * 1e-4)


def _plain(entry: object) -> object:
    return entry if isinstance(entry, str) else entry.model_dump()  # type: ignore[attr-defined]


def _cell(scenario: Scenario, m: MaterialSet, base: Base) -> HomogenisedCell:
    e, dim = scenario.electrode, _dimension(scenario)
    cell = cell_from_set(
        m,
        base.c_rate_current_density,
        contact_resistance=e.contact_resistance_ohm_cm2 * 1e-4,
        radial_nodes=scenario.solver.radial_nodes,
    )
    regions = list(cell.regions)
    if e.layers:
        regions = [r for r in regions if r.name != "positive"]
        regions += [_layer_region(layer, m, dim) for layer in e.layers]
    elif e.transport != "bruggeman":
        region = porous_region("positive", "positive", m.positive, **_tensor(e.transport, dim))
        regions = [region if r.name == "positive" else r for r in regions]
    if isinstance(scenario.geometry, Cracked):
        regions.append(open_region("crack", scenario.geometry.crack.transport))
    return replace(cell, regions=tuple(regions))


def _layer_region(layer: LayerSpec, m: MaterialSet, dim: int) -> Region:
    """One layer of a graded electrode."""
    filled = replace(m.positive, porosity=layer.porosity, active_fraction=layer.active_fraction)
    return porous_region(layer.name, "positive", filled, **_tensor(layer.transport, dim))


def _tensor(transport: str | float | Transport, dim: int) -> dict[str, Any]:
    """Transport along the axes of the mesh, the last one through; nothing if the set's own law holds."""
    if isinstance(transport, str):
        return {}
    if isinstance(transport, Transport):
        return {"transport": (transport.in_plane,) * (dim - 1) + (transport.through,)}
    return {"transport": transport}


def _dimension(scenario: Scenario) -> int:
    g = scenario.geometry
    return 1 + len(g.lateral_um) if isinstance(g, Layered) else 2


def _moments(scenario: Scenario, sequence: Sequence) -> tuple[Moment, ...]:
    known = {(t.cycle, t.index) for t in sequence.turns()}
    moments: list[Moment] = []
    for i, m in enumerate(scenario.output.moments):
        if m.name in ("start", "end") or m.name in [other.name for other in moments]:
            raise InputError(
                "moments need names of their own", field=f"output.moments[{i}].name", value=m.name,
                remedy="Choose another name",
            )  # fmt: skip
        place = (m.cycle - 1, m.step - 1)
        if place not in known:
            raise InputError(
                "the protocol has no such step", field=f"output.moments[{i}]",
                value=f"cycle {m.cycle}, step {m.step}",
                remedy="Count cycles, and the steps within each, from 1",
            )  # fmt: skip
        after = m.at if m.at is not None else 60.0 * float(m.after_min or 0)
        moments.append(Moment(m.name, *place, after))
    return tuple(moments)


def _check_film(scenario: Scenario) -> None:
    """Refuse a film that could not be written once everything has been computed."""
    if scenario.output.animation != "mp4":
        return
    from ..report.cutaway import ffmpeg

    try:
        ffmpeg()
    except InputError:
        raise InputError(
            "ffmpeg, which writes MP4, is not there", field="output.animation", value="mp4",
            remedy="Install ffmpeg or imageio-ffmpeg, or choose gif",
        ) from None  # fmt: skip


def _frames(scenario: Scenario, sequence: Sequence, base: Base) -> list[Moment]:
    """Times of the film of a resolved electrode, evenly over what the protocol can last."""
    if not isinstance(scenario.geometry, Resolved) or scenario.output.animation == "none":
        return []
    lasting = []
    for turn in sequence.turns():
        step = turn.spec
        if step.kind == "impedance":
            continue
        limits = [stop.value for stop in step.stops if stop.quantity == "time"]
        if step.kind == "current":
            limits.append(1.2 * HOUR * base.c_rate_current_density / max(abs(step.setpoint(base)), 1e-9))
        lasting.append((turn, min(limits, default=HOUR)))
    pause = sum(time for _, time in lasting) / scenario.output.frames
    return [
        Moment(f"{FRAME}{turn.cycle + 1}.{turn.index + 1}.{k}", turn.cycle, turn.index, k * pause, True)
        for turn, time in lasting
        for k in range(1, 1 + int(time / pause))
    ]
