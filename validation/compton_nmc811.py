"""Freeze-cast NMC811 electrode imaged by Compton scattering: structure, transport, lithium by depth.

Three questions: does a generated structure with the published porosities have the published transport; does
a half cell with the published transport do what was measured; what do the published numbers say about each
other. The nominal rate cannot be carried, so lithium profiles are compared at the rate at which the mean
swing of 1-x is the published one; nothing else is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import ice_electrode as paper
import numpy as np
from drawing import BLUE, GREY, RED, REGION_COLOURS, label, panels, picture
from ice_contradictions import Cell, figures, table
from ice_imaging import energies, energy_table, image_table, line_picture, line_table, map_picture
from ice_runs import CAMERA, SCENARIO, Cycle, in_pixels, read_cycle, run_cycle, search, weighted
from ice_structure import Steady, built, coarsened, impedances, line_fit, steady

from lithoscape.impedance import DiffusionSpectrum
from lithoscape.instruments import nmc811
from lithoscape.materials.window import stoichiometry_window
from lithoscape.scenario import build_plan, load_scenario
from lithoscape.validation.study import Context, Findings, Table

PARALLEL, COLUMNS = "freeze_cast_nmc811", "freeze_cast_nmc811_columns"
SMALL = {"size_um": [1000, 160, 160], "voxel_um": 2.5}
FINE = {
    "size_um": [330, 160, 160],
    "voxel_um": 1,
    "steps": [
        {
            "make": "freeze_cast", "porosity": 0.096, "pore_width_um": [[0, 2.5], [330, 7.45]],
            "pattern": "lamellar", "correlation_um": 400, "phase": "active",
        }
    ],
}  # fmt: skip
"""Region 3 by itself in voxels that resolve it."""
REACHABLE = 0.97
"""Share of what a slow cycle swings that is asked for where the published swing cannot be had."""
EQUAL = 0.03
"""1-x that counts as no difference in an order: what the source's table and capacity disagree by."""


def study(context: Context) -> Findings:
    """See the module."""
    found = Findings()
    cell = _cell()
    context.say("structures")
    _structures(context, found)
    context.say("half cell at the nominal rate")
    nominal = _nominal(context, found, cell)
    context.say("rate and transport that carry the capacity")
    _free(context, found, cell, nominal)
    context.say("contradictions")
    found.values |= figures(cell) | energies()
    found.tables.append(table(cell, ranked(paper.swings(), 0.005)))
    return found


# -- structure --------------------------------------------------------------
def _structures(context: Context, found: Findings) -> None:
    volumes = {name: built(name, SMALL if context.quick else None) for name in (PARALLEL, COLUMNS)}
    lamellae, columns = (steady(volume) for volume in volumes.values())
    small = volumes[PARALLEL] if context.quick else built(PARALLEL, {**SMALL, "voxel_um": 2})
    spectra = impedances(small, _cell().diffusivity)
    fitted = {key: line_fit(s) for key, s in spectra.items()}
    through = small.grid.through
    for k in range(3):
        eps = lamellae.porosity[k]
        found.values[f"porosity_{k + 1}"] = float(eps)
        found.values[f"through_{k + 1}"] = float(lamellae.through[k])
        found.values[f"in_plane_{k + 1}"] = float(lamellae.in_plane[k])
        found.values[f"line_{k + 1}"] = spectra[k + 1, through].porosity / fitted[k + 1, through][0]
    found.remarks.append(_between(lamellae, columns))
    found.values["share_3"] = float(lamellae.share[2])
    found.values["order_through"] = ranked(lamellae.through, 1e-3)
    found.values["order_in_plane"] = ranked(lamellae.in_plane, 1e-3)
    found.tables += [_transport_table(lamellae, columns), _impedance_table(spectra, fitted, through)]
    found.pictures += [
        _structure_picture(context, volumes), _transport_picture(context, lamellae, columns, spectra, fitted),
        _nyquist_picture(context, spectra, through),
    ]  # fmt: skip
    found.tables.append(_resolution_table())


def _between(lamellae: Steady, columns: Steady) -> str:
    """Which published efficiencies lie between those of the two generated shapes."""
    inside = []
    for way, published, one, two in (
        ("through", paper.TAU_THROUGH, lamellae.through, columns.through),
        ("in plane", paper.TAU_IN_PLANE, lamellae.in_plane, columns.in_plane),
    ):
        for k, tau in enumerate(published):
            low, high = sorted((float(one[k]), float(two[k])))
            if low <= paper.POROSITY[k] / tau <= high:
                inside.append(f"region {k + 1} {way}")
    return (
        f"Of the six published efficiencies, {len(inside)} lie between those of generated lamellae and "
        f"columns "
        f"({', '.join(inside) or 'none'}): the same porosity and pore width leave a factor of two to six "
        f"open, which "
        "how ice branches decides. Targets are scored on the lamellae."
    )


def _transport_table(lamellae: Steady, columns: Steady) -> Table:
    rows = []
    for k in range(3):
        eps, one, two = paper.POROSITY[k], paper.TAU_THROUGH[k], paper.TAU_IN_PLANE[k]
        rows += [
            [k + 1, "published", eps, eps / one, eps / two, "", ""],
            [
                "", "lamellae", lamellae.porosity[k], lamellae.through[k], lamellae.in_plane[k],
                " and ".join(f"{s:.3g}" for s in lamellae.sides[k]), lamellae.alone[k],
            ],
            [
                "", "columns", columns.porosity[k], columns.through[k], columns.in_plane[k],
                "", columns.alone[k],
            ],
        ]  # fmt: skip
    head = ["region", "", "porosity", "eps/tau through", "in plane", "along and across", "through, cut out"]
    note = (
        "Region 1 is at the separator. Through: in place, so that resistances add up; in plane: mean of both "
        "directions. 0: nothing gets through within the box."
    )
    return Table("Transport of the generated structures", head, rows, note)


def _impedance_table(
    spectra: dict[tuple[int, int], DiffusionSpectrum],
    fitted: dict[tuple[int, int], tuple[float, float]],
    through: int,
) -> Table:
    rows = []
    for (region, axis), s in sorted(spectra.items()):
        if s.tau is None:
            continue
        d = s.diffusivity * s.porosity / s.tau
        rows.append(
            [region, "through" if axis == through else f"in plane ({axis})", s.porosity, s.tau,
             fitted[region, axis][0], fitted[region, axis][1], d]
        )  # fmt: skip
    head = ["region", "direction", "porosity", "tau, zero frequency", "tau, line fitted", "misfit",
            "D eps/tau [m2/s]"]  # fmt: skip
    note = (
        "Regions cut out. The source fits a uniform transmission line to such spectra; where the pores "
        "widen along the way the fit's tau is not that of the steady state."
    )
    return Table("Diffusion impedance by region", head, rows, note)


def _resolution_table() -> Table:
    """Region 3 as the two tomographs would see it."""
    volume = built(PARALLEL, FINE)
    mask = volume.mask("pore")
    rows = [["1.00 (as generated)", paper.PORE_WIDTH / 1e-6, float(mask.mean())]]
    for voxel in paper.VOXELS:
        factor = round(voxel / 1e-6)
        seen = float(coarsened(mask, factor).mean())
        rows.append([f"{1e6 * voxel:.2f} (here {factor})", paper.PORE_WIDTH / voxel, seen])
    note = (
        "Blocks count as pore if half of them is. Eight voxels across a pore of 3 um, enough for 10 % in "
        "tau, "
        f"need voxels of {1e6 * paper.PORE_WIDTH / 8:.2f} um."
    )
    head = ["voxel [um]", "voxels across a 3 um pore", "porosity of region 3"]
    return Table("Region 3 at the resolution of the tomographs", head, rows, note)


def _structure_picture(context: Context, volumes: dict[str, Any]) -> Any:
    figure, axes = panels(4, width=2.1, height=3.6, gridspec_kw={"width_ratios": [0.6, 1, 0.6, 1]})
    for pair, (name, volume) in zip(axes[0].reshape(2, 2), volumes.items(), strict=True):
        h = 1e6 * volume.grid.voxel_size[0]
        pore = volume.mask("pore")
        side = pore.shape[1] * h
        pair[0].imshow(
            pore[:, pore.shape[1] // 2, :], cmap="Greys_r", origin="lower", vmin=-0.6,
            extent=(0, side, 0, 1000), interpolation="nearest",
        )  # fmt: skip
        label(pair[0], "µm", "height above collector [µm]", "columns" if name == COLUMNS else "lamellae")
        pair[1].imshow(
            pore[int(0.84 * pore.shape[0])], cmap="Greys_r", vmin=-0.6, extent=(0, side, 0, side),
            interpolation="nearest", origin="lower",
        )  # fmt: skip
        label(pair[1], "µm", "", "in plane, region 1")
    caption = (
        "Generated structures, pores light: cut through the height (separator at the top) and in plane, "
        "160 µm "
        "below the separator."
    )
    return picture(figure, context.folder, "structures", caption)


def _transport_picture(
    context: Context, lamellae: Steady, columns: Steady, spectra: dict, fitted: dict
) -> Any:
    figure, axes = panels(2, width=4.2, height=3.1, sharex=True)
    place, width = np.arange(3), 0.2
    eps = np.array(paper.POROSITY)
    line = [spectra[k, 0].porosity / fitted[k, 0][0] for k in (1, 2, 3)]
    for axis, title, theirs, bars in (
        (axes[0, 0], "through", paper.TAU_THROUGH,
         {"lamellae, steady": lamellae.through, "lamellae, line fit": line,
          "columns, steady": columns.through}),
        (axes[0, 1], "in plane", paper.TAU_IN_PLANE,
         {"lamellae, along": lamellae.sides.max(axis=1), "lamellae, mean of both": lamellae.in_plane,
          "columns": columns.in_plane}),
    ):  # fmt: skip
        axis.bar(place - 1.5 * width, eps / theirs, width, color=GREY, label="published")
        for n, (name, values) in enumerate(bars.items()):
            axis.bar(place + (n - 0.5) * width, values, width, color=REGION_COLOURS[n], label=name)
            for x, v in zip(place, values, strict=True):
                if v <= 0:
                    axis.text(x + (n - 0.5) * width, 3.6e-4, "0", ha="center", fontsize=8)
        axis.set_yscale("log")
        axis.set_ylim(3e-4, 2)
        axis.set_xticks(place, ["1, separator", "2", "3, collector"])
        label(axis, "region", "efficiency ε/τ", title)
        axis.legend(fontsize=7.5, frameon=False, loc="upper right")
    caption = "Transport efficiency of the three regions. Columns are closed to each other in plane."
    return picture(figure, context.folder, "transport", caption)


def _nyquist_picture(
    context: Context, spectra: dict[tuple[int, int], DiffusionSpectrum], through: int
) -> Any:
    figure, axes = panels(2, width=4.1, height=3.0)
    for axis, title, ways in (
        (axes[0, 0], "through", [through]), (axes[0, 1], "in plane, along the lamellae", [1, 2])
    ):  # fmt: skip
        for (region, way), s in sorted(spectra.items()):
            if way not in ways:
                continue
            z = s.normalised
            colour = REGION_COLOURS[region - 1]
            axis.plot(z.real, -z.imag, "o-", ms=2.5, lw=1, color=colour, label=f"region {region}")
            near = int(np.argmin(np.abs(np.log(s.frequencies / s.characteristic_frequency))))
            axis.plot(z.real[near], -z.imag[near], "o", ms=6, mfc="none", mec=RED)
        axis.plot([], [], "o", ms=6, mfc="none", mec=RED, label="ω = D / L²")
        top = axis.get_xlim()[1]
        axis.set_xlim(0, top)
        axis.set_ylim(0, 0.6 * top)
        axis.set_aspect("equal")
        label(axis, "Re Z A D / L", "-Im Z A D / L", title)
        axis.legend(fontsize=8, frameon=False)
    caption = (
        "Diffusion impedance of the regions of the lamellar structure, absorbing outlet; the limit at low "
        "frequency is τ/ε."
    )
    return picture(figure, context.folder, "nyquist", caption)


# -- half cell ---------------------------------------------------------------
def _cell() -> Cell:
    plan = build_plan(load_scenario(SCENARIO, "base").scenario, SCENARIO.parent)
    m = plan.materials
    layers = plan.scenario.electrode.layers
    active = np.array([x.active_fraction for x in layers])
    height = 1e-6 * np.array([x.thickness_um for x in layers])
    t = m.temperature
    e = m.electrolyte
    low, high = stoichiometry_window(m)[0]
    return Cell(
        active, float(active @ height) * float(m.positive.material.density or np.nan),
        float(e.diffusivity(1000.0, t)), float(e.conductivity(1000.0, t)),
        float(e.transference(1000.0, t)) if callable(e.transference) else float(e.transference),
        plan.base.c_rate_current_density, (low, high),
    )  # fmt: skip


def _nominal(context: Context, found: Findings, cell: Cell) -> Cycle:
    variant = "quick" if context.quick else "base"
    record = context.run("../scenarios/freeze_cast_nmc811.yaml", variant, CAMERA)
    found.records["nominal"] = record
    cycle = read_cycle(record, paper.RATE)
    found.values["nominal_charge"] = 3600 * cycle.capacities[0] / cell.mass
    found.values["nominal_discharge"] = 3600 * cycle.capacities[1] / cell.mass
    return cycle


def _free(context: Context, found: Findings, cell: Cell, nominal: Cycle) -> None:
    """Rate with the published transport, and transport at the nominal rate, for the published swing."""
    folder, quick = context.folder, context.quick
    precision = 0.03 if quick else 0.005

    def swing(cycle: Cycle) -> float:
        return weighted(cycle, cell.active)

    wanted = paper.mean_swing()
    rate, rates = search(lambda r: run_cycle(r, 1.0, folder, quick), swing, wanted, 0.005, 0.06, precision)
    unbound = run_cycle(paper.RATE, 1e4, folder, quick)
    there = min(wanted, REACHABLE * swing(unbound))
    factor, factors = search(
        lambda f: run_cycle(paper.RATE, f, folder, quick), swing, there, 10.0, 1e3, precision
    )
    found.values |= {
        "free_rate": rate, "free_factor": factor, "free_factor_swing": there,
        "unbound_capacity": 3600 * unbound.capacities[1] / cell.mass,
    }  # fmt: skip
    by_rate = min((c for _, c in rates), key=lambda c: abs(swing(c) - wanted))
    by_factor = min((c for _, c in factors), key=lambda c: abs(swing(c) - there))
    found.records["free rate"] = by_rate.record
    context.say("better electrolyte and finer particles")
    radius, carried = _carried(context, found, cell)
    for prefix, cycle in (("rate", by_rate), ("factor", by_factor), ("carried", carried)):
        found.values |= _profile_values(prefix, cycle)
    found.tables.append(_runs_table(cell, [nominal, by_rate, by_factor, unbound, carried], swing, radius))
    found.tables.append(_lithium_table(by_rate, by_factor, carried))
    found.pictures += [
        _search_picture(context, cell, rates, factors, swing),
        _profile_picture(context, by_rate, by_factor, carried),
    ]
    found.remarks += _remarks(cell, rate, factor, there, unbound, swing)
    found.remarks.append(_needs(radius, carried, cell))
    _imaged(context, found, by_rate, carried, radius)


RADIUS = 4.5
"""Of the scenario's particles [um]."""


def _carried(context: Context, found: Findings, cell: Cell) -> tuple[float, Cycle]:
    """Particle radius [um] and electrolyte with which the cell gives its capacity at the nominal rate.

    First the radius with which an electrolyte that limits nothing gives 3 % more, then the factor on the
    electrolyte. The smallest radius tried is taken if none does.
    """
    folder, quick = context.folder, context.quick
    precision = 0.05 if quick else 0.01

    def capacity(cycle: Cycle) -> float:
        return cycle.capacities[1] / cell.mass

    def run(factor: float, radius: float) -> Cycle:
        return run_cycle(paper.RATE, factor, folder, quick, {"electrode.particle_radius_um": radius})

    radius, tried = search(
        lambda r: run(1e4, r), capacity, paper.CAPACITY / REACHABLE, 0.5, RADIUS, precision
    )
    if np.isnan(radius):
        radius = tried[0][0]
    wanted = min(paper.CAPACITY, REACHABLE * capacity(tried[0][1]))
    factor, cycles = search(lambda f: run(f, radius), capacity, wanted, 10.0, 1e3, precision)
    found.values |= {"carried_radius": 1e-6 * radius, "carried_factor": factor}
    best = min((c for _, c in cycles), key=lambda c: abs(capacity(c) - wanted))
    found.values["carried_capacity"] = 3600 * capacity(best)
    return radius, best


def _needs(radius: float, carried: Cycle, cell: Cell) -> str:
    """What better transport in both phases comes to at the nominal rate."""
    reached = carried.capacities[1] / cell.mass
    text = (
        f"With an electrolyte that diffuses and conducts **{carried.factor:.3g} times** as well and "
        f"diffusion in the solid **{(RADIUS / radius) ** 2:.2g} times** as fast (particles of "
        f"{radius:.2g} um in radius in place of {RADIUS:g}) the cell gives **{reached:.0f} mAh/g** at 0.5C"
    )
    if reached < REACHABLE * paper.CAPACITY:
        text += (
            f", still not the published {paper.CAPACITY:g}. What stays are the electrons (0.85 S/m "
            "over 1 mm) and the lithium electrode at 28.5 mA/cm2; neither was varied"
        )
    return text + ". None of this is claimed to be so: it is what the published numbers ask for."


def _imaged(context: Context, found: Findings, by_rate: Cycle, carried: Cycle, radius: float) -> None:
    """Both cells through pixels, photons and S; in the full variant in two dimensions."""
    line, wide = nmc811(), in_pixels(context.quick)
    if wide:
        context.say("pixels")
        size = {"electrode.particle_radius_um": radius}
        by_rate = run_cycle(by_rate.rate, 1.0, context.folder, False, wide)
        carried = run_cycle(paper.RATE, carried.factor, context.folder, False, wide | size)
    name = "0.5C, better electrolyte, finer particles"
    cycles = {f"{by_rate.rate:.3g}C, transport as published": by_rate, name: carried}
    found.tables += [image_table(cycles, line), line_table(line), energy_table()]
    found.pictures += [
        map_picture(context, carried, name, line), line_picture(context, carried, name, line)
    ]  # fmt: skip
    found.values["pixel_spread"] = float(np.ptp(carried.pixels, axis=2).max())


def _profile_values(prefix: str, cycle: Cycle) -> dict[str, float | str]:
    """What targets ask of a cycle: steps between regions, orders, swings relative to their mean."""
    values: dict[str, float | str] = {}
    for state, x in (("charged", cycle.charged), ("discharged", cycle.discharged), ("swing", cycle.swing)):
        values[f"{prefix}_{state}_12"] = float(x[0] - x[1])
        values[f"{prefix}_{state}_23"] = float(x[1] - x[2])
        values[f"{prefix}_{state}_order"] = ranked(x, EQUAL * (2**0.5 if state == "swing" else 1))
        for k in range(3):
            values[f"{prefix}_{state}_{k + 1}"] = float(x[k])
    return values


def ranked(values: Sequence[float] | np.ndarray, margin: float) -> str:
    """Regions by falling value, such as ``"1 > 2 = 3"``; neighbours within ``margin`` are equal."""
    order = sorted(range(len(values)), key=lambda k: -float(values[k]))
    groups = [[order[0]]]
    for a, b in pairwise(order):
        if float(values[a]) - float(values[b]) > margin + 1e-9:
            groups.append([])
        groups[-1].append(b)
    return " > ".join(" = ".join(str(k + 1) for k in sorted(group)) for group in groups)


def _runs_table(cell: Cell, cycles: list[Cycle], swing: Any, radius: float) -> Table:
    rows = [
        [
            f"{c.rate:.4g}C", f"{cell.one_c * c.rate:.3g}", f"{c.factor:.4g}",
            f"{radius if c is cycles[-1] else RADIUS:.2g}",
            c.capacities[0] / cell.mass, c.capacities[1] / cell.mass, swing(c),
            f"{c.salt[0]:.0f} to {c.salt[1]:.0f}",
        ]
        for c in cycles
    ]  # fmt: skip
    head = [
        "rate", "A/m2", "factor on D and kappa", "particle radius [um]", "charge [mAh/g]",
        "discharge [mAh/g]", "mean swing of 1-x", "salt [mol/m3]",
    ]  # fmt: skip
    note = (
        f"Published: {paper.CAPACITY:g} mAh/g at 0.5C, mean swing {paper.mean_swing():.3f}. eps/tau as "
        f"published; "
        "separator 25 um, 39 % (not published). Salt in solution stays below about 4 M in reality."
    )
    return Table("Half cell between 2.8 and 4.3 V", head, rows, note)


def _lithium_table(by_rate: Cycle, by_factor: Cycle, carried: Cycle) -> Table:
    theirs = {"charged": paper.CHARGED, "discharged": paper.DISCHARGED, "swing": tuple(paper.swings())}
    rows = []
    for state, published in theirs.items():
        for name, values in (
            ("published", published), (f"{by_rate.rate:.3g}C", getattr(by_rate, state)),
            (f"0.5C, electrolyte x {by_factor.factor:.3g}", getattr(by_factor, state)),
            ("0.5C, better electrolyte, finer particles", getattr(carried, state)),
        ):  # fmt: skip
            values = np.asarray(values, dtype=float)
            rows.append([state, name, *values, values[0] - values[1], values[1] - values[2]])
    head = ["state", "", "region 1", "region 2", "region 3", "1 less 2", "2 less 3"]
    note = (
        "1-x in a sheet beam of 0.25 mm in the middle of every region, 12 min each, one after the other from "
        "the separator on, in the rests of 36 min."
    )
    return Table("1-x by region as Compton imaging sees it", head, rows, note)


def _search_picture(context: Context, cell: Cell, rates: Any, factors: Any, swing: Any) -> Any:
    figure, axes = panels(2, width=3.9, height=3.0, sharey=True)
    for axis, series, x, nominal in (
        (axes[0, 0], rates, "rate [C], transport as published", paper.RATE),
        (axes[0, 1], factors, "factor on D and κ at 0.5C", 1.0),
    ):
        axis.plot([v for v, _ in series], [swing(c) for _, c in series], "o-", color=BLUE, ms=4)
        axis.axhline(paper.mean_swing(), color=GREY, lw=1, ls="--")
        axis.axvline(nominal, color=RED, lw=1, ls=":")
        axis.set_xscale("log")
        label(axis, x, "mean swing of 1-x")
    axes[0, 1].text(0.98, paper.mean_swing() + 0.01, "published swing", fontsize=8, color=GREY, ha="right",
                    transform=axes[0, 1].get_yaxis_transform())  # fmt: skip
    axes[0, 0].text(paper.RATE * 0.93, 0.05, "nominal", fontsize=8, color=RED, rotation=90, ha="right")
    axes[0, 1].text(1.07, 0.05, "published", fontsize=8, color=RED, rotation=90)
    axes[0, 0].set_ylim(0, 0.85)
    caption = (
        "What a charge and a discharge move, against the rate with the published transport (left) and "
        "against a "
        "factor on the electrolyte's diffusivity and conductivity at the nominal rate (right)."
    )
    return picture(figure, context.folder, "search", caption)


def _profile_picture(context: Context, by_rate: Cycle, by_factor: Cycle, carried: Cycle) -> Any:
    figure, axes = panels(3, width=3.4, height=3.5, sharey=True)
    for axis, c, title in (
        (axes[0, 0], by_rate, f"{by_rate.rate:.3g}C, transport as published"),
        (axes[0, 1], by_factor, f"0.5C, electrolyte × {by_factor.factor:.3g}"),
        (axes[0, 2], carried, f"0.5C, electrolyte × {carried.factor:.3g}, finer particles"),
    ):
        for values, seen, theirs, colour, name in (
            (c.full, c.charged, paper.CHARGED, RED, "charged"),
            (c.empty, c.discharged, paper.DISCHARGED, BLUE, "discharged"),
        ):
            axis.plot(c.slab, values, color=colour, lw=1.4, label=f"{name}, end of current")
            middle = (np.arange(3) + 0.5) / 3
            axis.errorbar(
                middle,
                seen,
                xerr=0.125,
                fmt="o",
                ms=4,
                color=colour,
                label=f"{name}, imaged, simulated",
            )
            axis.errorbar(
                middle, theirs, yerr=0.03, xerr=0.125, fmt="s", ms=5, mfc="none", color=colour, alpha=0.7,
                label=f"{name}, imaged, published",
            )  # fmt: skip
        axis.set_ylim(-0.05, 1.05)
        label(axis, "depth from the separator [mm]", "1 - x" if axis is axes[0, 0] else "", title)
    handles, names = axes[0, 1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", fontsize=8, frameon=False, ncols=3)
    caption = (
        "Lithium over the depth at the ends of charge and discharge, as the instrument averages it in "
        "the rests "
        "after them, and as published. Absolute values differ by the frame of 1-x (see the table of "
        "contradictions); "
        "differences are compared."
    )
    return picture(figure, context.folder, "profiles", caption)


def _remarks(cell: Cell, rate: float, factor: float, there: float, unbound: Cycle, swing: Any) -> list[str]:
    first = (
        f"With the published eps/tau and a usual electrolyte the electrode swings by the published mean of "
        f"{paper.mean_swing():.3f} at **{rate:.3g}C**, not at 0.5C. At 0.5C the electrolyte would have to "
        f"conduct "
        f"**{factor:.3g} times** as well to come to {there:.3f}"
    )
    if there < paper.mean_swing():
        first += (
            f"; the published mean is out of reach there, because solid diffusion in 9 um particles alone "
            f"stops "
            f"at {swing(unbound):.3f} (diffusivity of the set, not measured here)"
        )
    second = (
        "A limit by the electrolyte leaves *less* lithium at the separator after charge and *more* after "
        "discharge; a "
        "limit by the electrons does the reverse in both states (region 3 is ahead at 0.5C with the "
        "better electrolyte: "
        "0.85 S/m and 28.5 mA/cm2 over 1 mm). The published table has more at the separator in both "
        "states, which no "
        "single limit gives. An offset of 1-x that falls with depth cancels in the swing of each region."
    )
    return [first + ".", second]
