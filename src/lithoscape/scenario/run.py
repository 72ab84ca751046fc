"""Running a scenario into a run folder: record, maps, fields, comparison, report."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from mpi4py import MPI

from .. import checkpoint as store
from .. import records
from ..constants import FARADAY, HOUR
from ..errors import InputError
from ..models.resolved import ResolvedCell
from ..problem import Problem
from ..report import Details, write_report
from ..simulate import Options, Simulation, Solution
from ..solver import NewtonOptions, TimeOptions
from ..specification import relocated
from ..spectra import Spectrum
from ..validation.cases import Case, load_case
from ..validation.compare import compare
from .build import Plan, build_plan
from .load import Loaded
from .log import RunLog
from .observers import MOMENTS, HomogenisedObservers
from .resolved_observers import FIELDS, PICTURES, ResolvedObservers

CHECKPOINT = "checkpoint"
MESH = "mesh.vtu"
SPECTRUM = "spectrum_{}.nc"
"""Impedance of the step of that number in the run, from 1."""
Observers = HomogenisedObservers | ResolvedObservers


@dataclass(frozen=True)
class RunResult:
    """What a run left: its folder, the solution, comparison rows (rank 0)."""

    folder: Path
    solution: Solution
    comparison: list[Any] | None


def run_scenario(
    loaded: Loaded,
    folder: Path,
    *,
    resume: bool = False,
    progress: Callable[[float, str], None] | None = None,
    comm: MPI.Comm = MPI.COMM_WORLD,
) -> RunResult:
    """Run a loaded scenario into ``folder``; with ``resume`` continue from its checkpoint.

    Whatever was computed is written even if the solve fails or is interrupted.
    """
    plan, case = prepare(loaded)
    if resume and not store.exists(folder / CHECKPOINT, comm):
        raise InputError(
            "there is no checkpoint to resume from", field="--resume", value=str(folder),
            remedy="Run without --resume, or give the folder of the interrupted run with --out, "
            "and as many ranks as before",
        )  # fmt: skip
    _make(folder)
    if not resume:
        _start_anew(folder, comm)
    problem, lost = plan.problem(comm, folder / MESH, progress)
    identity = f"{loaded.digest()} {problem.domain.digest()} {comm.size}"
    landed = _landed(plan, folder, identity, comm) if resume else frozenset()
    observers = _observers(plan, problem, folder)
    log = _log(loaded, folder, problem, resume)
    for note in lost:
        log.line(f"mesh: {note}")

    def watched(fraction: float, text: str) -> None:
        log.progress(fraction, text)
        if progress is not None:
            progress(fraction, text)

    simulation = Simulation(
        problem, plan.sequence, plan.base,
        probes=observers.probes, coordinates=observers.coordinates,
        moments=plan.moments, on_moment=observers.keep,
        options=_options(loaded), checkpoint=folder / CHECKPOINT, identity=identity, progress=watched,
        on_spectrum=_keeper(folder, comm),
    )  # fmt: skip
    observers.start(simulation)
    observers.restore(landed)
    solution = simulation.run(resume=resume)
    solution.statistics["warnings"][:0] = lost
    result = _write(loaded, plan, case, folder, problem, observers, solution)
    log.end(result.solution.record, solution.outcome, solution.statistics)
    return result


def _keeper(folder: Path, comm: MPI.Comm) -> Callable[[int, Spectrum], None]:
    """What writes spectra into the run folder as they come."""

    def keep(step: int, spectrum: Spectrum) -> None:
        if comm.rank == 0:
            spectrum.save(folder / SPECTRUM.format(step + 1))

    return keep


def _observers(plan: Plan, problem: Problem, folder: Path) -> Observers:
    if isinstance(plan.cell, ResolvedCell):
        return ResolvedObservers(plan, problem, folder)
    return HomogenisedObservers(plan, problem, folder)


def _log(loaded: Loaded, folder: Path, problem: Problem, resume: bool) -> RunLog:
    log = RunLog(folder, active=problem.domain.comm.rank == 0)
    log.line(f"{'resumed' if resume else 'started'}: {loaded.name}, variant {loaded.variant}")
    log.line(f"provenance {json.dumps(records.provenance())}")
    log.line(f"mesh {json.dumps(_mesh_facts(problem, problem.domain.digest()))}")
    return log


def prepare(loaded: Loaded) -> tuple[Plan, Case | None]:
    """Everything that can be checked without meshing: the plan and the measured targets.

    Raises
    ------
    InputError
        Whatever does not fit, by its key in the scenario file.
    """
    return build_plan(loaded.scenario, loaded.path.parent), _case(loaded)


def _make(folder: Path) -> None:
    """Make the run folder; InputError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = None if os.access(folder, os.W_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror
    if reason is not None:
        raise InputError(
            f"the run folder cannot be written: {reason}", field="--out", value=str(folder),
            remedy="Choose another folder",
        )  # fmt: skip


def _start_anew(folder: Path, comm: MPI.Comm) -> None:
    """Remove what an earlier run left to resume from."""
    if comm.rank == 0:
        earlier = [folder / name for name in (MOMENTS, MESH, "log.txt")]
        earlier += folder.glob(SPECTRUM.format("*"))
        for kept in (FIELDS, PICTURES):
            shutil.rmtree(folder / kept, ignore_errors=True)
        for file in (*folder.glob(f"{CHECKPOINT}.*of*.npz"), *earlier):
            file.unlink(missing_ok=True)
    comm.Barrier()


def _landed(plan: Plan, folder: Path, identity: str, comm: MPI.Comm) -> frozenset[str]:
    """Names of the moments that lie before the checkpoint; InputError if it is another run's."""
    _, cursor, _ = store.read(folder / CHECKPOINT, comm, identity)
    done = {(t.cycle, t.index) for t in list(plan.sequence.turns())[: cursor["turn"]]}
    return frozenset({m.name for m in plan.moments if (m.cycle, m.step) in done} | set(cursor["landed"]))


def _options(loaded: Loaded) -> Options:
    s = loaded.scenario.solver
    return Options(
        NewtonOptions(update=s.newton_update, residual=s.newton_residual),
        TimeOptions(relative=s.relative_tolerance, largest=s.largest_step_s),
        checkpoint_every=s.checkpoint_every,
    )


def _write(
    loaded: Loaded,
    plan: Plan,
    case: Case | None,
    folder: Path,
    problem: Problem,
    observers: Observers,
    solution: Solution,
) -> RunResult:
    """Record, maps, comparison and report; rank 0 writes."""
    digest = problem.domain.digest()
    record = _record(loaded, plan, digest, observers, solution)
    root = problem.domain.comm.rank == 0
    if root:
        for name in ("maps.nc", "comparison.json"):  # of an earlier run
            (folder / name).unlink(missing_ok=True)
        records.save(record, folder / "record.nc")
    maps = observers.finish(record)
    if not root:
        return RunResult(folder, solution, None)
    if maps is not None:
        records.save(maps, folder / "maps.nc")
    rows = None if case is None else compare(record, case)
    (folder / "statistics.json").write_text(json.dumps(solution.statistics, indent=2) + "\n")
    if rows is not None:
        (folder / "comparison.json").write_text(json.dumps([row.as_dict() for row in rows], indent=2) + "\n")
    details = Details(
        materials=plan.materials,
        case=case,
        outcome=solution.outcome,
        statistics=solution.statistics,
        mesh=_mesh_facts(problem, digest),
        specification=loaded.scenario.model_dump(mode="json", exclude_none=True),
        notes=loaded.scenario.description,
    )
    write_report(folder, record, maps, rows, details)
    kept = Solution(record, solution.outcome, solution.statistics, solution.spectra)
    return RunResult(folder, kept, rows)


def _mesh_facts(problem: Problem, digest: str) -> dict[str, Any]:
    topology = problem.domain.mesh.topology
    return {
        "geometry": problem.domain.description,
        "nodes": int(topology.index_map(0).size_global),
        "cells": int(topology.index_map(problem.domain.dim).size_global),
        "hash": digest,
    }


def _record(
    loaded: Loaded, plan: Plan, mesh_digest: str, observers: Observers, solution: Solution
) -> xr.Dataset:
    s = loaded.scenario
    record = observers.annotated(solution.record)
    if record.sizes.get("time", 0):
        record["Lithium balance error"] = ("time", _balance(plan, record), {"units": "1"})
    steps = [
        {"cycle": t.cycle, "step": t.step, "text": t.spec.text, "mode": t.spec.mode}
        for t in plan.sequence.turns()
    ]
    attributes = {
        "title": s.title,
        "scenario": loaded.name,
        "variant": loaded.variant,
        "status": solution.outcome.status,
        "message": solution.outcome.message,
        "steps": steps,
        "c_rate_A_m2": plan.base.c_rate_current_density,
        "capacity_A_h_m2": s.cell.capacity_mAh_cm2 * 10.0,
        "materials": plan.materials.name,
        "provenance": {**records.provenance(), "scenario": loaded.digest(), "mesh": mesh_digest},
        "mesh": observers.problem.domain.description,
        "specification": s.model_dump(mode="json"),
    }
    encoded = {k: v if isinstance(v, str | int | float) else json.dumps(v) for k, v in attributes.items()}
    return record.assign_attrs(encoded)


def _balance(plan: Plan, record: xr.Dataset) -> np.ndarray:
    """Lithium gained by the cell's positive side minus the charge passed, over what was there.

    In a half cell the salt counts too (lithium metal is the source); in a full
    cell the salt is constant and the positive electrode's particles gain the charge.
    """
    solid = record["Lithium in solid [mol.m-2]"].values
    charge = record["Discharge capacity [A.h.m-2]"].values * HOUR
    gained = solid - solid[0]
    if plan.materials.is_half_cell:
        salt = record["Lithium in electrolyte [mol.m-2]"].values
        gained = gained + salt - salt[0]
    return np.asarray((gained - (charge - charge[0]) / FARADAY) / solid[0])


def _case(loaded: Loaded) -> Case | None:
    """The measured targets that the scenario names."""
    name = loaded.scenario.validation
    if name is None:
        return None
    file = (loaded.path.parent / name).resolve()
    if not file.is_file():
        raise InputError(
            "there is no such file of measured targets", field="validation", value=name,
            remedy="Give its path relative to the scenario file, or leave the key out",
        )  # fmt: skip
    try:
        return load_case(file)
    except InputError as error:
        at = "" if error.field in (None, str(file)) else f" {error.field}"
        raise relocated(error, f"validation: {file.name}:{at}") from None


def rewrite_report(folder: Path, loaded: Loaded | None = None) -> Path:
    """Compare and report an earlier run again, from its folder.

    Raises
    ------
    InputError
        The folder holds no record.
    """
    if not (folder / "record.nc").is_file():
        raise InputError(
            "there is no record of a run in this folder", field="folder", value=str(folder),
            remedy="Give the folder that `lithoscape run` printed",
        )  # fmt: skip
    record = records.load(folder / "record.nc")
    maps = records.load(folder / "maps.nc") if (folder / "maps.nc").is_file() else None
    case = None if loaded is None else _case(loaded)
    rows = None if case is None else compare(record, case)
    statistics = folder / "statistics.json"
    details = Details(
        materials=None if loaded is None else build_plan(loaded.scenario, loaded.path.parent).materials,
        case=case,
        statistics=json.loads(statistics.read_text()) if statistics.is_file() else {},
    )
    return write_report(folder, record, maps, rows, details)
