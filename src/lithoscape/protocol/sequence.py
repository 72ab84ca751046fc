"""A protocol: named cycles of steps, each repeated some number of times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import InputError
from .step import Step


@dataclass(frozen=True)
class Cycle:
    """Steps that belong together.

    Parameters
    ----------
    name:
        Label for reports; may be empty.
    steps:
        The steps, in order.
    repeat:
        How many times they are run.
    """

    name: str
    steps: tuple[Step, ...]
    repeat: int = 1

    def __post_init__(self) -> None:
        if not self.steps:
            raise InputError("a cycle needs at least one step", value=self.name or None)
        if isinstance(self.repeat, bool) or not isinstance(self.repeat, int) or self.repeat < 1:
            raise InputError("repeat must be a whole number of at least 1", field="repeat", value=self.repeat)


@dataclass(frozen=True)
class Turn:
    """One step as it is run: its place in the protocol and its number in the run.

    ``cycle`` and ``step`` count from 0 over the whole run, repeats included; ``entry`` and
    ``index`` are the positions in the protocol as written (cycle entry, step within it).
    """

    cycle: int
    step: int
    entry: int
    index: int
    spec: Step


@dataclass(frozen=True)
class Sequence:
    """The whole protocol, a tuple of cycles."""

    cycles: tuple[Cycle, ...]

    def __post_init__(self) -> None:
        if not self.cycles:
            remedy = 'List at least one step, such as "Discharge at 1C until 2.5 V"'
            raise InputError("the protocol is empty", field="protocol", remedy=remedy)

    def __iter__(self) -> Iterator[Step]:
        return (turn.spec for turn in self.turns())

    def __len__(self) -> int:
        """Count the steps of the run, repeats included."""
        return sum(cycle.repeat * len(cycle.steps) for cycle in self.cycles)

    def turns(self) -> Iterator[Turn]:
        """Every step in the order it is run, repeats included."""
        number = count = 0
        for entry, cycle in enumerate(self.cycles):
            for _ in range(cycle.repeat):
                for index, step in enumerate(cycle.steps):
                    yield Turn(number, count, entry, index, step)
                    count += 1
                number += 1

    def location(self, entry: int, index: int) -> str:
        """Name of a step for messages: ``"protocol[1].steps[3]"``, or ``"protocol[1]"`` if alone."""
        alone = len(self.cycles[entry].steps) == 1 and not self.cycles[entry].name
        return f"protocol[{entry}]" if alone else f"protocol[{entry}].steps[{index}]"

    def to_list(self) -> list[dict[str, object]]:
        """Plain mappings that :func:`parse_protocol` reads back to an equal sequence."""
        return [
            {"cycle": cycle.name, "repeat": cycle.repeat, "steps": [step.describe() for step in cycle.steps]}
            for cycle in self.cycles
        ]
