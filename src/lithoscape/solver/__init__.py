"""Solvers: compile a problem, solve it, step it in time.

``System(problem)`` assembles; ``Newton(system)`` solves one nonlinear system;
``Stepper(system, newton)`` takes BDF2 steps, state in and state out;
``lithoscape.simulate`` drives them through a protocol.
"""

from .linear import DirectSolver, KrylovSolver
from .newton import Newton, NewtonOptions, NewtonResult
from .system import System
from .time import Attempt, History, State, Stepper, TimeOptions

__all__ = [
    "Attempt",
    "DirectSolver",
    "History",
    "KrylovSolver",
    "Newton",
    "NewtonOptions",
    "NewtonResult",
    "State",
    "Stepper",
    "System",
    "TimeOptions",
]
