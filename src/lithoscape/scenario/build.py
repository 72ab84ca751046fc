"""From a validated scenario to the objects that run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mpi4py import MPI

from ..constants import MILLIAMPERE_HOUR_PER_CM2
from ..errors import InputError
from ..instruments.gauge_volume import GaugeMap
from ..materials import MaterialSet, change, get_electrolyte, get_set
from ..mesh.cad import CrackedCell, cracked_cell
from ..mesh.domain import Domain
from ..mesh.structured import Layer, layered_cell
from ..models.cell import cell_from_set, open_region, porous_region
from ..models.homogenised import HomogenisedCell
from ..protocol import Base, Sequence, check_protocol, parse_protocol
from ..simulate import Moment
from .schema import Cracked, Scenario, Transport

UM = 1e-6
SLACK = 0.5
"""How far beyond the set's voltage limits a protocol may go before it is refused [V]."""


@dataclass(frozen=True)
class Plan:
    """Everything a scenario means, before anything is meshed or solved."""

    scenario: Scenario
    materials: MaterialSet
    geometry: CrackedCell | tuple[Layer, ...]
    cell: HomogenisedCell
    sequence: Sequence
    base: Base
    moments: tuple[Moment, ...]
    gauge: GaugeMap | None
    surface: float
    """Through-plane coordinate of the separator-side surface of the positive electrode [m]."""

    def mesh(self, comm: MPI.Comm = MPI.COMM_WORLD) -> Domain:
        """Mesh the geometry."""
        if isinstance(self.geometry, CrackedCell):
            return cracked_cell(self.geometry, comm=comm)
        g = self.scenario.geometry
        assert not isinstance(g, Cracked)
        lateral = [(w * UM, g.lateral_cells) for w in g.lateral_um]
        return layered_cell(self.geometry, lateral=lateral, comm=comm)


def build_plan(scenario: Scenario) -> Plan:
    """Resolve materials, geometry, protocol and instruments, and check that they fit together.

    Raises
    ------
    InputError
        Whatever does not fit, by its key in the scenario file.
    """
    materials = _materials(scenario)
    geometry = _geometry(scenario, materials)
    materials = _loading(scenario, materials, geometry)
    base = _base(scenario)
    sequence = parse_protocol([_plain(entry) for entry in scenario.protocol])
    low, high = materials.voltage_limits
    check_protocol(sequence, (low - SLACK, high + SLACK), base)
    surface = materials.separator.thickness
    if not materials.is_half_cell:
        surface += materials.negative.thickness  # type: ignore[union-attr]
    gauge = _gauge(scenario, materials, geometry)
    cell = _cell(scenario, materials, base)
    return Plan(
        scenario, materials, geometry, cell, sequence, base, _moments(scenario, sequence), gauge, surface
    )


def _materials(scenario: Scenario) -> MaterialSet:
    spec, e = scenario.materials, scenario.electrode
    materials = get_set(spec.set)
    changes: dict[str, object] = dict(spec.changes)
    if spec.electrolyte is not None:
        changes["electrolyte"] = get_electrolyte(spec.electrolyte, clamped=spec.clamped)
    if e.thickness_um is not None:
        changes["positive.thickness"] = e.thickness_um * UM
    if e.porosity is not None:
        changes["positive.porosity"] = e.porosity
    if e.active_fraction is not None:
        changes["positive.active_fraction"] = e.active_fraction
    if e.particle_radius_um is not None:
        changes["positive.particle_radius"] = e.particle_radius_um * UM
    if scenario.initial is not None:
        changes["positive.initial_stoichiometry"] = scenario.initial.state_of_lithiation
    return change(materials, changes)


def _geometry(scenario: Scenario, m: MaterialSet) -> CrackedCell | tuple[Layer, ...]:
    g = scenario.geometry
    if isinstance(g, Cracked):
        if not m.is_half_cell:
            raise InputError(
                "cracked geometries are half cells", field="materials.set", value=m.name,
                remedy="Choose a half-cell set, or geometry.kind layered",
            )  # fmt: skip
        return CrackedCell(
            m.positive.thickness, m.separator.thickness, g.half_width_um * UM, g.crack.width_um * UM,
            g.crack.bottom_width_um * UM, g.crack.depth_um * UM, g.cell_size_um * UM, g.refinement,
        )  # fmt: skip
    layers = [
        Layer("separator", m.separator.thickness, max(4, g.cells // 2), g.clustering),
        Layer("positive", m.positive.thickness, g.cells, g.clustering),
    ]
    if not m.is_half_cell:
        layers.insert(0, Layer("negative", m.negative.thickness, g.cells, g.clustering))  # type: ignore[union-attr]
    return tuple(layers)


def _loading(scenario: Scenario, m: MaterialSet, geometry: CrackedCell | tuple[Layer, ...]) -> MaterialSet:
    """Active fraction of the uncracked matrix from the active mass per plan area."""
    loading = scenario.electrode.active_loading_mg_cm2
    if loading is None:
        return m
    if m.positive.material.density is None:
        raise InputError(
            "the material set has no crystal density", field="electrode.active_loading_mg_cm2",
            value=loading, remedy="Give active_fraction instead",
        )  # fmt: skip
    open_share = geometry.crack_volume_fraction if isinstance(geometry, CrackedCell) else 0.0
    volume = m.positive.thickness * (1 - open_share)
    fraction = loading * 1e-2 / (m.positive.material.density * volume)
    if fraction + m.positive.porosity > 1:
        raise InputError(
            f"the loading needs an active fraction of {fraction:.3f}, too much beside a porosity of "
            f"{m.positive.porosity:g}",
            field="electrode.active_loading_mg_cm2",
            value=loading,
            remedy="Reduce the loading or the porosity, or increase the thickness",
        )
    return change(m, {"positive.active_fraction": fraction})


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
    if e.transport != "bruggeman":
        tensor = e.transport
        if isinstance(tensor, Transport):
            tensor = (tensor.in_plane,) * (dim - 1) + (tensor.through,)  # type: ignore[assignment]
        region = porous_region("positive", "positive", m.positive, transport=tensor)
        regions = [region if r.name == "positive" else r for r in regions]
    if isinstance(scenario.geometry, Cracked):
        regions.append(open_region("crack", scenario.geometry.crack.transport))
    return replace(cell, regions=tuple(regions))


def _dimension(scenario: Scenario) -> int:
    g = scenario.geometry
    return 2 if isinstance(g, Cracked) else 1 + len(g.lateral_um)


def _moments(scenario: Scenario, sequence: Sequence) -> tuple[Moment, ...]:
    known = {(t.cycle, t.index) for t in sequence.turns()}
    moments = []
    for i, m in enumerate(scenario.output.moments):
        place = (m.cycle - 1, m.step - 1)
        if place not in known:
            raise InputError(
                "the protocol has no such step", field=f"output.moments.{i}",
                value=f"cycle {m.cycle}, step {m.step}", remedy="Count cycles and steps from 1",
            )  # fmt: skip
        after = m.at if m.at is not None else 60.0 * float(m.after_min or 0)
        moments.append(Moment(m.name, *place, after))
    return tuple(moments)


def _gauge(scenario: Scenario, m: MaterialSet, geometry: CrackedCell | tuple[Layer, ...]) -> GaugeMap | None:
    spec = scenario.instruments.gauge_map
    if spec is None:
        return None
    if not isinstance(geometry, CrackedCell):
        raise InputError(
            "a gauge map needs a cross-section", field="instruments.gauge_map",
            value=scenario.geometry.kind, remedy="Use geometry.kind cracked",
        )  # fmt: skip
    gauge = GaugeMap(
        tuple(d * UM for d in spec.depths_um),
        tuple(x * UM for x in spec.positions_um),
        (spec.beam_um[0] * UM, spec.beam_um[1] * UM),
        {name: tuple(x * UM for x in members) for name, members in spec.groups.items()},
    )
    deepest = max(gauge.depths) + gauge.beam[1] / 2
    if deepest > m.positive.thickness or min(gauge.depths) - gauge.beam[1] / 2 < 0:
        raise InputError(
            "a gauge volume leaves the electrode", field="instruments.gauge_map.depths_um",
            value=list(spec.depths_um), remedy=f"Keep depths within {1e6 * m.positive.thickness:g} um",
        )  # fmt: skip
    return gauge
