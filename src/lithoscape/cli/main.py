"""Entry point of the command."""

from __future__ import annotations

import sys

from ..errors import LithoscapeError
from . import (  # noqa: F401  each registers its verbs
    fit,
    images,
    impedance,
    materials,
    meshes,
    runs,
    transport,
    validate,
)
from .app import app
from .console import complain

_CTRL_C = 130
"""What typer turns a KeyboardInterrupt into."""


def main() -> None:
    """Entry point: errors become one line and an exit code, never a traceback."""
    try:
        code = app(prog_name="lithoscape", standalone_mode=False)  # what typer.Exit was raised with
        if code == _CTRL_C:
            complain("interrupted before there was anything to keep. Run it again")
            code = 1
        if isinstance(code, int) and code:
            sys.exit(code)
    except LithoscapeError as error:
        if _is_first():
            complain(error.describe())
        sys.exit(error.exit_code)
    except OSError as error:
        place = "" if error.filename is None else f" (got {str(error.filename)!r})"
        complain(f"file system: {error.strerror or error}{place}. Check the path, its rights and free space")
        sys.exit(1)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")):
            error.show()  # type: ignore[attr-defined]
            sys.exit(2)
        raise


def _is_first() -> bool:
    """Whether this is the process that speaks; every process meets the same error."""
    if "mpi4py.MPI" not in sys.modules:
        return True
    from mpi4py import MPI

    return bool(MPI.COMM_WORLD.rank == 0)
