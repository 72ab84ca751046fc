"""The maths a material law may use, for numbers (NumPy) and for forms (UFL).

A law is written once against this small vocabulary and then serves plots and
tests (NumPy arrays, real or complex) and variational forms (UFL, which
differentiates it). The NumPy side accepts complex arrays so that the complex
step gives derivatives to round-off: branches look at the real part only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

Maths = Any
"""A namespace with exp, log, sqrt, tanh, sinh, cosh, asinh, where_less, clip."""


def _where_less(a: Any, b: Any, yes: Any, no: Any) -> Any:
    return np.where(np.real(a) < np.real(b), yes, no)


def _clip(x: Any, low: float, high: float) -> Any:
    return _where_less(x, low, low, _where_less(high, x, high, x))


NUMPY: Maths = SimpleNamespace(
    exp=np.exp,
    log=np.log,
    sqrt=np.sqrt,
    tanh=np.tanh,
    sinh=np.sinh,
    cosh=np.cosh,
    asinh=np.arcsinh,
    where_less=_where_less,
    clip=_clip,
)
"""Laws evaluated on NumPy arrays."""


@lru_cache(maxsize=1)
def ufl_maths() -> Maths:
    """Laws as UFL expressions (UFL is imported on first use)."""
    import ufl

    def where_less(a: Any, b: Any, yes: Any, no: Any) -> Any:
        return ufl.conditional(ufl.lt(a, b), yes, no)

    def asinh(x: Any) -> Any:
        # odd in x without cancellation for large negative arguments
        return ufl.sign(x) * ufl.ln(abs(x) + ufl.sqrt(x**2 + 1))

    return SimpleNamespace(
        exp=ufl.exp,
        log=ufl.ln,
        sqrt=ufl.sqrt,
        tanh=ufl.tanh,
        sinh=ufl.sinh,
        cosh=ufl.cosh,
        asinh=asinh,
        where_less=where_less,
        clip=lambda x, low, high: where_less(x, low, low, where_less(high, x, high, x)),
    )


def derivative(law: Callable[[Any], Any], x: Any, step: float = 1e-30) -> np.ndarray:
    """Derivative of ``law`` at real ``x`` by the complex step, exact to round-off.

    Source: Squire and Trapp, SIAM Review 40 (1998) 110.
    """
    return np.imag(law(np.asarray(x, dtype=float) + 1j * step)) / step
