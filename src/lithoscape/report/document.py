"""The report of a run: one HTML file that needs nothing else, for a screen, a phone or paper.

Works with whatever a run left: a failed or interrupted run, no maps, no gauge volumes, one dimension.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..errors import InputError, nearest
from ..materials.schema import MaterialSet
from ..validation.cases import Case
from ..validation.compare import MET, NOT_MET, NOT_TESTABLE, Row, as_html, summary
from . import captions, figures, maps, page, resolved_figures, spectrum_figures
from .materials import parameter_rows
from .phases import by_cycle, group_series, has_gauge

LOWEST, HIGHEST = "Minimum electrolyte concentration [mol.m-3]", "Maximum electrolyte concentration [mol.m-3]"
BALANCE = "Lithium balance error"
BALANCE_LIMIT = 1e-6
"""Relative lithium balance error above which the report warns."""
DEPLETED = 1.0
"""Concentration below which the electrolyte counts as depleted [mol/m3]."""
LARGEST_PICTURE = 6_000_000
"""Pictures of more bytes stay beside the page."""


@dataclass(frozen=True)
class Details:
    """What a report says beyond record, maps and comparison; every part may be missing.

    Parameters
    ----------
    materials:
        The set the run used.
    case:
        The measured case, for its citation and notes.
    outcome:
        Anything with ``status``, ``message`` and ``remedy``, as attributes or keys.
    statistics:
        Solver statistics, name -> value; its "warnings" join ``warnings``.
    mesh:
        Text, or name -> value.
    specification:
        The scenario as plain data, shown folded.
    variants:
        One mapping per variant run; its keys are the columns of a table.
    warnings:
        Sentences a reader must not miss.
    electrolyte_valid:
        Validity of the electrolyte's laws [mol/m3]; taken from ``materials`` if missing.
    notes:
        Free text under the title.
    """

    materials: MaterialSet | None = None
    case: Case | None = None
    outcome: Any = None
    statistics: Mapping[str, Any] = field(default_factory=dict)
    mesh: Any = None
    specification: Any = None
    variants: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    electrolyte_valid: tuple[float, float] | None = None
    notes: str = ""

    @property
    def valid(self) -> tuple[float, float] | None:
        """Validity of the electrolyte's laws [mol/m3]."""
        if self.electrolyte_valid is not None or self.materials is None:
            return self.electrolyte_valid
        return self.materials.electrolyte.valid


def write_report(
    folder: str | Path,
    record: xr.Dataset,
    fields_at_moments: xr.Dataset | None = None,
    comparison: Sequence[Row] | None = None,
    extra: Mapping[str, Any] | Details | None = None,
) -> Path:
    """Write ``report.html`` into ``folder`` and return its path.

    Parameters
    ----------
    folder:
        Run folder; made if it is not there.
    record, fields_at_moments, comparison:
        What the run left; all but the record may be None.
    extra:
        :class:`Details`, or a mapping with its fields; unknown keys are refused.
    """
    details = _details(extra)
    path = Path(folder) / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = render(record, fields_at_moments, comparison, details, path.parent)
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return path


def render(
    record: xr.Dataset,
    fields_at_moments: xr.Dataset | None,
    comparison: Sequence[Row] | None,
    details: Details,
    folder: Path | None = None,
) -> str:
    """The report as HTML; pictures and fields of a resolved run are looked for in ``folder``."""
    sections = [
        ("comparison", "Measured and simulated", _comparison(comparison, details)),
        ("curves", "Voltage and current", _curves(record, details)),
        ("impedance", "Impedance", _impedance(folder)),
        ("lithiation", "State of lithiation as the instrument sees it", _lithiation(record)),
        ("particles", "State of lithiation of the particles", _particles(record, details, folder)),
        ("maps", "Fields near the crack", _maps(record, fields_at_moments, details)),
        (
            "targets",
            "Every target",
            [f'<div class="scroll">{as_html(comparison)}</div>'] if comparison else [],
        ),
        ("variants", "Variants", [_variants(details.variants)]),
        ("run", "What was run", _run(record, fields_at_moments, details)),
        ("numerics", "Conservation and solver", _numerics(record, details)),
    ]
    shown = [(anchor, title, page.section(anchor, title, parts)) for anchor, title, parts in sections]
    links = " ".join(f'<a href="#{a}">{escape(t)}</a>' for a, t, text in shown if text)
    title = str(record.attrs.get("title") or "Run")
    body = [
        *_head(record, details, title),
        f"<nav>{links}</nav>",
        *(text for *_, text in shown),
        _foot(record),
    ]
    return page.document(title, body)


def warnings(record: xr.Dataset, details: Details) -> list[str]:
    """What a reader must not miss: given warnings, and what the record itself shows."""
    found = [*map(str, details.warnings), *map(str, details.statistics.get("warnings", ()))]
    rows, valid = record.sizes.get("time", 0), details.valid
    if rows and HIGHEST in record and valid is not None:
        high = float(record[HIGHEST].max())
        if high > valid[1]:
            found.append(
                f"The electrolyte reached {high:.0f} mol/m³; its laws are stated up to {valid[1]:.0f} "
                "mol/m³. Beyond that they are extrapolated or held constant."
            )
    if rows and LOWEST in record and (low := float(record[LOWEST].min())) < DEPLETED:
        found.append(f"The electrolyte is depleted somewhere: its concentration falls to {low:.2g} mol/m³.")
    if rows and BALANCE in record:
        error = float(np.abs(record[BALANCE].values).max())
        if not error <= BALANCE_LIMIT:
            found.append(f"Lithium is conserved only to {error:.1e} (relative).")
    return found


# ------------------------------------------------------------------ head and foot
def _head(record: xr.Dataset, details: Details, title: str) -> list[str]:
    status = _outcome(record, details, "status") or "unknown"
    kind = status if status in ("finished", "failed", "interrupted") else ""
    identity = [
        f"{label} {record.attrs[key]}"
        for key, label in (("scenario", "scenario"), ("variant", "variant"), ("materials", "materials"))
        if record.attrs.get(key)
    ]
    if record.sizes.get("time", 0):
        hours = float(record["time"].values[-1] - record["time"].values[0]) / 3600
        identity.append(f"{hours:.2f} h simulated in {record.sizes['time']} records")
    badge = f'<span class="badge {kind}">{escape(status)}</span>'
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{badge} {escape(' · '.join(identity))}</p>"]
    if details.notes:
        parts.append(page.paragraph(details.notes))
    if status != "finished":
        told = [_outcome(record, details, name) for name in ("message", "remedy")]
        text = ". ".join(t.rstrip(". ") for t in told if t) or "The run did not reach the end of its protocol"
        parts.append(page.box([f"{text}. What follows shows everything computed up to then."], status))
    return [*parts, page.box(warnings(record, details))]


def _outcome(record: xr.Dataset, details: Details, name: str) -> str:
    given = details.outcome
    found = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
    return str(found or record.attrs.get(name, "") or "")


def _foot(record: xr.Dataset) -> str:
    versions = _decoded(record, "provenance").get("versions", {})
    made = f"lithoscape {versions['lithoscape']}" if "lithoscape" in versions else "lithoscape"
    return f"<footer>Written by {escape(made)}. Pictures and tables are part of this file.</footer>"


# ------------------------------------------------------------------ comparison
def _comparison(rows: Sequence[Row] | None, details: Details) -> list[str]:
    if not rows:
        return []
    count = summary(rows)
    colours = {MET: "met", NOT_MET: "not-met", NOT_TESTABLE: "not-testable"}
    tally = "".join(
        f'<li><b class="verdict {kind}">{count[verdict]}</b>{verdict}</li>'
        for verdict, kind in colours.items()
    )
    parts = [f'<ul class="tally">{tally}</ul>']
    if details.case is not None:
        c = details.case.citation
        parts.append(
            f"<p>Measured by {escape(c.authors)}, <i>{escape(c.title)}</i>, {escape(c.journal)} {c.year}, "
            f"doi {escape(c.doi)}.</p>"
        )
        parts.append(page.paragraph(details.case.notes, "note"))
    if any(row.deviation is not None and row.tolerance for row in rows):
        parts.append(page.picture(figures.targets(rows), captions.TARGETS, vector=True))
    return parts


def _variants(variants: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for row in variants for key in row))
    return page.table(columns, [[row.get(name) for name in columns] for row in variants])


# ------------------------------------------------------------------ pictures
def _curves(record: xr.Dataset, details: Details) -> list[str]:
    if record.sizes.get("time", 0) < 2:
        return [page.paragraph("No time step was completed, so there are no curves.")]
    parts = []
    if {"Voltage [V]", "Current density [A.m-2]"} <= set(record):
        parts.append(page.picture(figures.voltage_and_current(record), captions.VOLTAGE, vector=True))
    if {"Voltage [V]", "Discharge capacity [A.h.m-2]"} <= set(record) and by_cycle(record):
        drawn = figures.voltage_against_capacity(record)
        parts.append(page.picture(drawn, captions.CAPACITY, vector=True, shape="narrow"))
    if {LOWEST, HIGHEST} <= set(record):
        salt = figures.electrolyte_extremes(record, details.valid)
        parts.append(page.picture(salt, captions.SALT, vector=True))
    return parts


def _impedance(folder: Path | None) -> list[str]:
    """Spectra of the impedance steps that the folder holds."""
    kept = [] if folder is None else spectrum_figures.kept_spectra(folder)
    if not kept:
        return []
    parts = [
        page.picture(spectrum_figures.nyquist(kept), captions.NYQUIST, vector=True, shape="narrow"),
        page.picture(spectrum_figures.bode(kept), captions.BODE, vector=True),
    ]
    return [*parts, page.table(spectrum_figures.HEAD, [spectrum_figures.row(label, s) for label, s in kept])]


def _lithiation(record: xr.Dataset) -> list[str]:
    if not has_gauge(record) or not by_cycle(record) or record.sizes["time"] < 2:
        return []
    parts = [page.picture(figures.level_averages(record), captions.LEVELS, vector=True)]
    if group_series(record):
        parts.append(page.picture(figures.lateral_groups(record), captions.GROUPS, vector=True))
        parts.append(page.picture(figures.lateral_multiples(record), captions.MULTIPLES, vector=True))
    return parts


def _maps(record: xr.Dataset, fields_at: xr.Dataset | None, details: Details) -> list[str]:
    if fields_at is None or not maps.drawable(fields_at):
        return []
    first = captions.SECTION + (captions.SAMPLED if has_gauge(record) else "")
    drawn: list[tuple[str, Callable[[], Any], str]] = [
        (maps.SOL, lambda: maps.sol_maps(record, fields_at), first),
        (
            maps.CONCENTRATION,
            lambda: maps.concentration_maps(record, fields_at, details.valid),
            captions.CONCENTRATION,
        ),
        (maps.REACTION, lambda: maps.reaction_maps(record, fields_at), captions.REACTION),
    ]
    return [page.picture(draw(), text) for name, draw, text in drawn if maps.drawable(fields_at, name)]


# ------------------------------------------------------------------ particles of a resolved run
def _particles(record: xr.Dataset, details: Details, folder: Path | None) -> list[str]:
    if not resolved_figures.has_particles(record):
        return []
    kept = [] if folder is None else kept_moments(folder)
    shown = resolved_figures.moments(record, kept)
    parts = [
        page.picture(
            drawn := draw(), text, vector=True, shape="narrow" if drawn.get_figwidth() < 7 else "wide"
        )
        for draw, text in _particle_figures(record, shown)
    ]
    parts += [] if folder is None else _kept_pictures(folder)
    parts.append("<h3>Particles and electrode</h3>")
    parts.append(page.pairs(_particle_facts(record, {} if folder is None else region_sizes(folder))))
    if rows := _solver_time(details.statistics):
        parts.append("<h3>Where the time went</h3>")
        parts.append(page.table(("Part of the solve", "Time [s]", "Share [%]"), rows))
        parts.append(page.pairs(_krylov(details.statistics)))
    return parts


def _particle_figures(
    record: xr.Dataset, shown: Sequence[resolved_figures.Moment]
) -> Iterator[tuple[Callable[[], Any], str]]:
    """Figures that the record suffices for, with their captions."""
    f, names = resolved_figures, set(record)
    if f.MEAN in names and not np.isfinite(record[f.MEAN].values).any():
        return
    if shown and {f.MEAN, f.SPREAD} <= names:
        yield lambda: f.particles_by_depth(record, shown), captions.PARTICLES
    if shown and f.SHARES in names:
        yield lambda: f.lithiation_histogram(record, shown), captions.HISTOGRAM
    if shown and f.SPREAD in names:
        told = captions.SPHERE if any(m.name in f.told(record, f.SINGLE) for m in shown) else ""
        yield lambda: f.spread_by_depth(record, shown), captions.SPREADS + told
    if record.sizes.get("time", 0) > 1 and {f.LOWEST, f.HIGHEST} <= names:
        text = captions.DIFFERENCES if f.reacts(record) else captions.ONLY_DIFFERENCES
        yield lambda: f.differences(record), text


def kept_moments(folder: Path) -> list[tuple[str, float]]:
    """Name and time [s] of the moments that were kept, without the pictures of a film."""
    try:
        listed = json.loads((folder / "fields" / "moments.json").read_text(encoding="utf-8"))
        found = [(str(name), float(time)) for name, time in listed]
    except (OSError, ValueError, TypeError):
        return []
    return [(name, time) for name, time in found if not name.startswith("frame ") and np.isfinite(time)]


def _kept_pictures(folder: Path) -> list[str]:
    """Pictures and films of the folder, inside the page; a note for what is too large or cannot be shown."""
    order = list(captions.PICTURES)
    files = sorted(
        (p for p in (folder / "pictures").glob("*") if p.suffix in (".png", ".gif", ".mp4")),
        key=lambda p: (p.suffix != ".png", order.index(p.stem) if p.stem in order else len(order), p.name),
    )
    parts = []
    for file in files:
        text = captions.PICTURES.get(file.stem, f"{file.stem.replace('_', ' ').capitalize()}.")
        text = text if file.suffix == ".png" else captions.FILM + text
        mime = {".png": "image/png", ".gif": "image/gif"}.get(file.suffix)
        where = f"pictures/{file.name}"
        if mime is None:
            parts.append(page.paragraph(f"{text} It is the file {where} beside this page.", "note"))
        elif file.stat().st_size > LARGEST_PICTURE:
            size = f"{file.stat().st_size / 1e6:.1f} MB"
            parts.append(page.paragraph(f"{text} Too large for this page ({size}): {where}", "note"))
        elif (data := file.read_bytes()).startswith((b"\x89PNG", b"GIF8")):
            parts.append(page.embedded(data, mime, text))
        else:
            parts.append(page.paragraph(f"{where} is damaged and cannot be shown.", "note"))
    return parts


def _particle_facts(record: xr.Dataset, sizes: Mapping[str, float]) -> dict[str, Any]:
    """Count, size and surface of the particles; shares of the electrode from the sizes of its regions."""
    f = resolved_figures
    volume = np.nan_to_num(record[f.VOLUME].values)
    word, per = ("area", "length") if record[f.VOLUME].attrs.get("units") == "m2" else ("volume", "area")
    facts: dict[str, Any] = {"Particles": int(volume.size)}
    sizes_um = 1e6 * record[f.DIAMETER].values if f.DIAMETER in record else volume[:0]
    if np.isfinite(sizes_um).any():
        low, middle, high = np.nanquantile(sizes_um, (0, 0.5, 1))
        circle = "circle of the same area" if word == "area" else "sphere of the same volume"
        facts[f"Diameter of a {circle} [µm]"] = f"smallest {low:.3g}, median {middle:.3g}, largest {high:.3g}"
    electrode = {name: size for name, size in sizes.items() if name != "separator" and size > 0}
    total = sum(electrode.values())
    if total > 0:
        facts[f"Shares of the electrode's {word}"] = {
            k: f"{size / total:.3g}" for k, size in electrode.items()
        }
        wet = sum(_porosity(record).get(name, 0.0) * size for name, size in electrode.items()) / total
        facts |= {"Filled with electrolyte": f"{wet:.3g}"} if wet > 0 else {}
    if f.AREA in record and volume.sum() > 0:
        area = float(np.nansum(record[f.AREA].values))
        facts[f"Reaction {per} per {word} of active material [1/µm]"] = f"{1e-6 * area / volume.sum():.3g}"
        if total > 0:
            facts[f"Reaction {per} per {word} of electrode [1/µm]"] = f"{1e-6 * area / total:.3g}"
    return facts


def _porosity(record: xr.Dataset) -> dict[str, float]:
    """Region -> share of it that is electrolyte, as the scenario says."""
    try:
        phases = _decoded(record, "specification")["geometry"]["phases"]
        return {str(name): float(phase.get("porosity", 0.0)) for name, phase in phases.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def region_sizes(folder: Path) -> dict[str, float]:
    """Volume [m3] (area in 2D) of every region, from the mesh that was kept; else nothing.

    A mesh of the user's own is not kept: what conducts or holds electrolyte is in the fields.
    """
    from ..field_files import read_vtu
    from ..mesh import read_mesh

    try:
        if (folder / "mesh.vtu").is_file():
            return read_mesh(folder / "mesh.vtu").region_sizes()
        numbers = json.loads((folder / "fields" / "regions.json").read_text(encoding="utf-8"))
        found: dict[str, float] = {}
        for part in ("solid", "electrolyte"):
            mesh, _ = read_vtu(min((folder / "fields").glob(f"*_{part}.vtu")))
            total = np.bincount(mesh.cell_data["Region"], mesh.sizes, max(numbers.values()) + 1)
            found |= {name: float(total[n]) for name, n in numbers.items() if total[n] > 0}
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError):
        return {}


def _solver_time(statistics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Part, seconds and share of the whole time, as far as they were measured."""
    whole = _number(statistics.get("wall_time_s"))
    if not whole > 0:
        return []
    parts = {
        "assembly": "assembly_time_s",
        "preconditioner": "preconditioner_time_s",
        "Krylov iterations": "krylov_time_s",
    }
    seconds = {text: t for text, name in parts.items() if (t := _number(statistics.get(name))) >= 0}
    if not seconds:
        return []
    direct = "krylov_time_s" not in statistics
    rest = "factorisation, solves and the rest" if direct else "the rest"
    seconds[rest] = max(whole - sum(seconds.values()), 0.0)
    return [(text, f"{t:.2f}", f"{100 * t / whole:.1f}") for text, t in seconds.items()]


def _krylov(statistics: Mapping[str, Any]) -> dict[str, Any]:
    """How often the iterative solver iterated."""
    count, newton = (_number(statistics.get(name)) for name in ("krylov_iterations", "newton_iterations"))
    if not count >= 0:
        return {}
    per = f"{count:.0f}, {count / newton:.1f} for each Newton iteration" if newton > 0 else f"{count:.0f}"
    return {"Krylov iterations": per}


# ------------------------------------------------------------------ what was run
def _run(record: xr.Dataset, fields_at: xr.Dataset | None, details: Details) -> list[str]:
    provenance = _decoded(record, "provenance")
    facts: dict[str, Any] = {
        name.capitalize(): record.attrs[name] for name in ("scenario", "variant") if record.attrs.get(name)
    }
    mesh = details.mesh if details.mesh is not None else record.attrs.get("mesh")
    if mesh:
        facts["Mesh"] = mesh
    if fields_at is not None and {"node", "cell"} <= set(fields_at.sizes):
        facts["Mesh size"] = f"{fields_at.sizes['node']} nodes, {fields_at.sizes['cell']} triangles as drawn"
    for name, unit in (("c_rate_A_m2", "1C [A/m²]"), ("capacity_A_h_m2", "Nominal capacity [Ah/m²]")):
        if name in record.attrs:
            facts[unit] = float(record.attrs[name])
    facts |= {f"Hash of the {k}": provenance[k] for k in ("scenario", "mesh") if k in provenance}
    facts |= {"Source revision": provenance["revision"]} if "revision" in provenance else {}
    facts |= {"Python": provenance["python"]} if "python" in provenance else {}
    facts |= {"Versions": provenance["versions"]} if "versions" in provenance else {}
    specification = details.specification or _decoded(record, "specification")
    parts = [page.pairs(facts), *_materials(details.materials)]
    if specification:
        text = json.dumps(specification, indent=2, ensure_ascii=False, default=str)
        parts.append(f"<details><summary>Scenario in full</summary><pre>{escape(text)}</pre></details>")
    return parts


def _materials(materials: MaterialSet | None) -> list[str]:
    if materials is None:
        return []
    rows = list(parameter_rows(materials))
    parts = [f"<h3>{escape(f'Materials: {materials.name}')}</h3>", page.paragraph(materials.citation, "note")]
    head = ("Parameter", "Value", "Unit", "Note")
    parts.append(page.table(head, rows, (row[3].startswith("assumed") for row in rows)))
    if materials.assumed:
        told = [
            (path, a.low, a.high, "log-uniform" if a.log else "uniform", a.reason)
            for path, a in sorted(materials.assumed.items())
        ]
        parts.append("<h3>Assumed values and their priors</h3>")
        parts.append(page.paragraph(captions.PRIORS, "note"))
        parts.append(page.table(("Parameter", "Low", "High", "Prior", "Reason"), told, [True] * len(told)))
    return parts


def _numerics(record: xr.Dataset, details: Details) -> list[str]:
    facts: dict[str, Any] = {}
    if BALANCE in record and record.sizes.get("time", 0):
        facts["Largest lithium balance error (relative)"] = float(np.abs(record[BALANCE].values).max())
    for name in (LOWEST, HIGHEST):
        if name in record and record.sizes.get("time", 0):
            series = record[name].values
            facts[name.replace(" [mol.m-3]", " [mol/m³]")] = float(
                series.min() if name == LOWEST else series.max()
            )
    facts |= {
        name.replace("_", " ").capitalize(): value
        for name, value in details.statistics.items()
        if name != "warnings"
    }
    return [page.pairs(facts)]


# ------------------------------------------------------------------ readers
def _number(value: Any) -> float:
    """A number as it is, NaN for anything else."""
    return float(value) if isinstance(value, int | float) else float("nan")


def _details(extra: Mapping[str, Any] | Details | None) -> Details:
    if isinstance(extra, Details):
        return extra
    known = [f.name for f in fields(Details)]
    for key in extra or {}:
        if key not in known:
            raise InputError(
                "unknown part of a report", field="extra", value=key, remedy=nearest(str(key), known)
            )
    return Details(**{k: v for k, v in (extra or {}).items() if v is not None})


def _decoded(record: xr.Dataset, name: str) -> dict[str, Any]:
    """A JSON attribute that holds a mapping; empty if it is missing or something else."""
    try:
        found = json.loads(record.attrs.get(name, "{}"))
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
