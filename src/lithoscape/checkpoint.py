"""Checkpoints: everything a run needs to continue to the same numbers.

One file per rank, written atomically. Only plain arrays and JSON are stored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from .errors import InputError
from .solver.time import History, State


def _file(path: Path, comm: MPI.Comm) -> Path:
    return path.with_name(f"{path.name}.{comm.rank}of{comm.size}.npz")


def exists(path: Path, comm: MPI.Comm) -> bool:
    """Whether every rank has its part of a checkpoint."""
    return bool(comm.allreduce(_file(path, comm).is_file(), op=MPI.LAND))


def write(
    path: Path,
    comm: MPI.Comm,
    identity: str,
    history: History,
    cursor: dict[str, Any],
    rows: dict[str, np.ndarray],
) -> None:
    """Store history, place in the protocol and the record so far."""
    arrays: dict[str, np.ndarray] = {}
    for i, s in enumerate(history.states):
        arrays[f"{i}/scalar"] = np.array([s.time, s.charge, s.current])
        arrays[f"{i}/stored"] = s.stored
        for kind in ("fields", "internal", "fluxes"):
            for k, values in enumerate(getattr(s, kind)):
                arrays[f"{i}/{kind}/{k}"] = values
    names = list(rows)
    arrays |= {f"rows/{n}": rows[name] for n, name in enumerate(names)}
    meta = {"identity": identity, "cursor": cursor, "states": len(history.states), "rows": names}
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    target = _file(path, comm)
    temporary = target.with_name(target.name + ".part")
    with temporary.open("wb") as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]
    comm.Barrier()
    temporary.replace(target)


def read(path: Path, comm: MPI.Comm, identity: str) -> tuple[History, dict[str, Any], dict[str, np.ndarray]]:
    """History, cursor and recorded rows; InputError if it belongs to another run."""
    if not exists(path, comm):
        raise InputError(
            f"there is no checkpoint for {comm.size} rank(s)",
            field="--resume",
            value=str(path.parent),
            remedy="Run without --resume, or with as many ranks as before",
        )
    with np.load(_file(path, comm)) as data:
        meta = json.loads(bytes(data["meta"]).decode())
        if meta["identity"] != identity:
            raise InputError(
                "the checkpoint belongs to another scenario, mesh or version",
                field="--resume",
                value=meta["identity"],
                remedy="Run without --resume to start anew, or restore the scenario file",
            )
        states = tuple(_state(data, i) for i in range(meta["states"]))
        rows = {name: data[f"rows/{n}"] for n, name in enumerate(meta["rows"])}
    return History(states), meta["cursor"], rows


def _state(data: Any, i: int) -> State:
    def series(kind: str) -> list[np.ndarray]:
        out: list[np.ndarray] = []
        while f"{i}/{kind}/{len(out)}" in data:
            out.append(data[f"{i}/{kind}/{len(out)}"])
        return out

    time, charge, current = (float(v) for v in data[f"{i}/scalar"])
    fields, internal, fluxes = (series(kind) for kind in ("fields", "internal", "fluxes"))
    return State(time, fields, internal, fluxes, data[f"{i}/stored"], charge, current)
