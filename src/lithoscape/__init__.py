"""Lithoscape: where the lithium is in an electrode, and why.

``run("scenarios/cracked_nmc622.yaml")`` runs a scenario file into a folder and
returns its :class:`~lithoscape.simulate.Solution`;
``solution["Voltage [V]"]`` is a labelled array.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .scenario.run import RunResult
    from .simulate import Simulation

__all__ = ["Simulation", "run"]


def __getattr__(name: str) -> Any:
    """``Simulation`` on first use: importing the package stays light."""
    if name == "Simulation":
        from .simulate import Simulation

        return Simulation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def run(scenario: str | Path, variant: str | None = None, out: str | Path | None = None) -> RunResult:
    """Run a scenario file.

    Parameters
    ----------
    scenario:
        Path of the YAML file.
    variant:
        One of the file's variants; None is its default, "base" the file as written.
    out:
        Run folder; None is ``runs/<scenario>-<variant>``.

    Raises
    ------
    InputError
        Anything wrong with the file.
    """
    from .scenario import load_scenario, run_scenario

    loaded = load_scenario(Path(scenario), variant)
    folder = Path(out) if out is not None else Path("runs") / f"{loaded.name}-{loaded.variant}"
    return run_scenario(loaded, folder)
