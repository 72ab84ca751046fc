"""The ``lithoscape`` command: verbs only, the work is done in the rooms below.

Exit codes: 0 done, 1 a computation failed (what was computed is kept), 2 bad input.
"""

from .app import app
from .main import main
from .materials import materials_app

__all__ = ["app", "main", "materials_app"]
