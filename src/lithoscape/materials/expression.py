"""Arithmetic expressions in one variable ``x``: read safely, write from a law.

Text from a file is never evaluated by Python. :class:`Expression` parses it to a
syntax tree, admits arithmetic, numbers, ``x`` and a few functions, and walks the
tree with the maths namespace, so an expression serves numbers and forms.
:func:`express` goes the other way: it runs a law on a recording operand.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from ..errors import InputError
from .maths import NUMPY, Maths

FUNCTIONS = ("exp", "tanh", "cosh", "sinh", "sqrt", "log")
"""Functions an expression may call (BPX itself writes exp, tanh, cosh)."""

LONGEST = 20_000
"""Longest admitted expression [characters]."""

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Expression:
    """A law of one variable written as text, e.g. ``"0.19 + 1.5 * exp(-120 * x)"``.

    Anything but numbers, ``x``, ``+ - * / **``, parentheses and the functions in
    :data:`FUNCTIONS` is refused at construction.
    """

    text: str
    field: str = "expression"

    def __post_init__(self) -> None:
        self._admit(self.tree)

    def __call__(self, x: Any, m: Maths = NUMPY) -> Any:
        """Value at ``x``."""
        try:
            return _walk(self.tree, x, m)
        except (OverflowError, ZeroDivisionError) as error:
            raise InputError(
                f"expression cannot be evaluated ({error})",
                field=self.field,
                value=self.text,
                remedy="Correct the expression.",
            ) from None

    @cached_property
    def tree(self) -> ast.expr:
        """Syntax tree of the text."""
        if len(self.text) > LONGEST:
            raise InputError(
                "expression is too long", field=self.field, value=len(self.text), remedy="Give a table."
            )
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self._refusal("is not an arithmetic expression") from None

    def _admit(self, node: ast.AST, depth: int = 0) -> None:
        """Refuse every node that is not on the list of admitted ones."""
        if depth > 200:
            raise self._refusal("is nested too deeply")
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                if abs(value) > 1e100:
                    raise self._refusal("has a number beyond 1e100")
                return
            case ast.Name(id="x"):
                return
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                parts = [operand]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                parts = [left, right]
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                parts = [argument]
            case _:
                raise self._refusal(f"contains something other than arithmetic ({type(node).__name__})")
        for part in parts:
            self._admit(part, depth + 1)

    def _refusal(self, why: str) -> InputError:
        shown = self.text if len(self.text) < 80 else self.text[:77] + "..."
        return InputError(
            why,
            field=self.field,
            value=shown,
            remedy=f"Use numbers, x, + - * / ** and {', '.join(FUNCTIONS)}.",
        )


def _walk(node: ast.AST, x: Any, m: Maths) -> Any:
    match node:
        case ast.Constant(value=value):
            return float(value)  # type: ignore[arg-type]
        case ast.Name():
            return x
        case ast.UnaryOp(op=op, operand=operand):
            value = _walk(operand, x, m)
            return -value if isinstance(op, ast.USub) else value
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if power < 64:
            return _walk(left, x, m) ** power
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_walk(left, x, m), _walk(right, x, m))
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return getattr(m, name)(_walk(argument, x, m))
    raise AssertionError("admitted at construction")


class NotExpressible(Exception):
    """The law uses something a plain expression cannot say (a branch, a table)."""


@dataclass(frozen=True)
class _Text:
    """Operand that records what is done to it; ``rank`` is its binding strength."""

    text: str
    rank: int = 9

    __array_ufunc__ = None  # NumPy scalars hand over to the reflected operators

    def __add__(self, other: Any) -> _Text:
        return _join(self, "+", other, 1)

    def __radd__(self, other: Any) -> _Text:
        return _join(other, "+", self, 1)

    def __sub__(self, other: Any) -> _Text:
        return _join(self, "-", other, 1)

    def __rsub__(self, other: Any) -> _Text:
        return _join(other, "-", self, 1)

    def __mul__(self, other: Any) -> _Text:
        return _join(self, "*", other, 3)

    def __rmul__(self, other: Any) -> _Text:
        return _join(other, "*", self, 3)

    def __truediv__(self, other: Any) -> _Text:
        return _join(self, "/", other, 3)

    def __rtruediv__(self, other: Any) -> _Text:
        return _join(other, "/", self, 3)

    def __pow__(self, other: Any) -> _Text:
        return _join(self, "**", other, 4)

    def __rpow__(self, other: Any) -> _Text:
        return _join(other, "**", self, 4)

    def __neg__(self) -> _Text:
        return _Text(f"-{_wrapped(self, 5)}", 2)

    def __float__(self) -> float:
        raise NotExpressible("needs a number")


def _operand(value: Any) -> _Text:
    if isinstance(value, _Text):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return _Text(str(value), 9 if value >= 0 else 2)
    number = float(value)
    return _Text(repr(number), 9 if number >= 0 else 2)


def _wrapped(part: _Text, least: int) -> str:
    return part.text if part.rank >= least else f"({part.text})"


def _join(left: Any, sign: str, right: Any, rank: int) -> _Text:
    a, b = _operand(left), _operand(right)
    if sign == "*" and "1.0" in (a.text, b.text):
        return b if a.text == "1.0" else a
    # operands of equal strength keep their brackets on the right: evaluation order is kept
    text = f"{_wrapped(a, rank + (sign == '**'))}{sign}{_wrapped(b, rank + 1)}"
    return _Text(text, rank)


def _call(name: str, number: Callable[[float], float]) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        return _Text(f"{name}({x.text})") if isinstance(x, _Text) else number(x)

    return function


def _refuse(*_: Any) -> Any:
    raise NotExpressible("a branch or a function outside the format")


def _root(x: Any) -> Any:
    return x**0.5


def _recording_log(x: Any) -> Any:
    return _refuse() if isinstance(x, _Text) else math.log(x)


_RECORDING: Maths = SimpleNamespace(
    exp=_call("exp", math.exp),
    tanh=_call("tanh", math.tanh),
    cosh=_call("cosh", math.cosh),
    sqrt=_root,
    log=_recording_log,
    sinh=_refuse,
    asinh=_refuse,
    where_less=_refuse,
    clip=_refuse,
)


def express(law: Callable[[Any, Maths], Any]) -> str:
    """``law(x, m)`` as text in BPX's grammar; NotExpressible if it cannot be said."""
    if isinstance(law, Expression):
        return law.text
    return _operand(law(_Text("x"), _RECORDING)).text
