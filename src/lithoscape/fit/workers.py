"""Who evaluates: this process, or a cluster of processes with one thread each (dask.distributed)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr

from ..errors import LithoscapeError
from .store import Store

FAILED = "failed"
WALL_TIME = "wall_time_s"
"""Attribute of a record: seconds that the evaluation took."""


class Experiment(Protocol):
    """What is evaluated: frozen, and sendable to another process."""

    @property
    def name(self) -> str:
        """Its name."""

    def digest(self, values: Mapping[str, float]) -> str:
        """Hash of all that decides the record at these parameters."""

    def simulate(self, values: Mapping[str, float]) -> xr.Dataset:
        """The record at natural parameter values, by name."""


@dataclass(frozen=True)
class Task:
    """One evaluation: an experiment at parameter values, and the key of its record."""

    experiment: Experiment
    values: Mapping[str, float]
    key: str

    @classmethod
    def of(cls, experiment: Experiment, values: Mapping[str, float]) -> Task:
        """The task with its key."""
        return cls(experiment, dict(values), f"{experiment.digest(values)}")


Work = Callable[[Sequence[Task], Callable[[int], None]], list[xr.Dataset]]
"""Tasks, and what is called with the number of each that is done -> their records, in order."""


def evaluate(task: Task, store: Store | None) -> xr.Dataset:
    """The record of ``task``, from the store or computed; a failure is a record that says so.

    Only what simulations raise on purpose, and what arithmetic raises, counts as a failure of the
    simulation; any other exception is a fault of the program and goes through.
    """
    if store is not None and (found := store.get(task.key)) is not None:
        return found
    begun = time.perf_counter()
    try:
        record = task.experiment.simulate(task.values)
    except (LithoscapeError, ArithmeticError, np.linalg.LinAlgError) as error:
        text = error.describe() if isinstance(error, LithoscapeError) else f"{type(error).__name__}: {error}"
        record = xr.Dataset(attrs={"status": FAILED, "message": text})
    record.attrs[WALL_TIME] = time.perf_counter() - begun
    if store is not None:
        store.put(task.key, record)
    return record


@contextmanager
def workers(count: int, store: Store | None, address: str | None = None) -> Iterator[Work]:
    """Something that evaluates tasks.

    Parameters
    ----------
    count:
        Processes on this machine; 1 works in this process, without dask.
    store:
        Where records are kept; workers write into it, so it has to be on a disk that they share.
    address:
        Scheduler of a dask cluster to use instead of processes of our own.
    """
    if count == 1 and address is None:
        yield lambda tasks, done: _here(tasks, done, store)
        return
    from dask.distributed import Client, LocalCluster

    options: dict[str, Any] = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    cluster = None if address else LocalCluster(n_workers=count, **options)
    client = Client(address or cluster)
    try:
        yield lambda tasks, done: _there(client, tasks, done, store)
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _here(tasks: Sequence[Task], done: Callable[[int], None], store: Store | None) -> list[xr.Dataset]:
    found = []
    for k, task in enumerate(tasks):
        found.append(evaluate(task, store))
        done(k)
    return found


def _there(
    client: Any, tasks: Sequence[Task], done: Callable[[int], None], store: Store | None
) -> list[xr.Dataset]:
    from dask.distributed import as_completed

    futures = client.map(evaluate, tasks, store=store, pure=False)
    place = {future.key: k for k, future in enumerate(futures)}
    found: dict[int, xr.Dataset] = {}
    try:
        for future, record in as_completed(futures, with_results=True):
            found[place[future.key]] = record
            done(place[future.key])
    except BaseException:
        client.cancel(futures, force=True)
        raise
    return [found[k] for k in range(len(tasks))]
