"""Options with a little grammar of their own."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError


def parse_phases(entries: Sequence[str] | None) -> dict[str, int] | None:
    """``["pore=0", "active=1"]`` as a mapping; None if there are none."""
    if not entries:
        return None
    phases: dict[str, int] = {}
    for entry in entries:
        name, _, label = entry.partition("=")
        if not name or not label.isdecimal() or name in phases:
            raise InputError(
                "a phase is a name of its own and a label", field="--phase", value=entry,
                remedy="For example --phase pore=0 --phase active=1",
            )  # fmt: skip
        phases[name] = int(label)
    return phases


def parse_conductors(
    phases: Sequence[str] | None, conductivities: Sequence[str] | None
) -> tuple[dict[str, int] | None, dict[str, float]]:
    """Names of labels (``"pore=0"``), and what conducts: ``"pore"`` with 1, ``"binder=0.2"`` with that.

    The phase ``pore`` conducts if none is named.
    """
    entries = list(phases or ())
    labels = parse_phases([entry for entry in entries if "=" in entry])
    conductors = {entry: 1.0 for entry in entries if "=" not in entry}
    for entry in conductivities or ():
        name, _, text = entry.partition("=")
        value = _numbers(text, ",")
        if not name or len(value) != 1:
            raise InputError(
                "a conductivity is the name of a phase and a number", field="--conductivity", value=entry,
                remedy="For example --conductivity active=10 --conductivity binder=300",
            )  # fmt: skip
        conductors[name] = value[0]
    return labels, conductors or {"pore": 1.0}


def parse_regions(entries: Sequence[str] | None) -> dict[str, tuple[float, float]] | None:
    """``["top=40:60"]`` in micrometres as heights in metres; None if there are none."""
    if not entries:
        return None
    regions: dict[str, tuple[float, float]] = {}
    for entry in entries:
        name, _, bounds = entry.partition("=")
        numbers = _numbers(bounds, ":")
        if not name or len(numbers) != 2 or name in regions:
            raise InputError(
                "a region is a name of its own and two heights above the collector", field="--region",
                value=entry, remedy="For example --region top=40:60, in micrometres",
            )  # fmt: skip
        regions[name] = (numbers[0] * 1e-6, numbers[1] * 1e-6)
    return regions


def parse_voxel(text: str | None) -> float | list[float] | None:
    """``"0.4"`` or ``"1,0.4,0.4"`` in micrometres as metres."""
    if text is None:
        return None
    numbers = [x * 1e-6 for x in _numbers(text, ",")]
    if len(numbers) not in (1, 3):
        raise InputError(
            "a voxel size is one length or three", field="--voxel-um", value=text,
            remedy="For example --voxel-um 0.4, or 1,0.4,0.4 for pages, rows, columns",
        )  # fmt: skip
    return numbers[0] if len(numbers) == 1 else numbers


def parse_crop(text: str | None) -> tuple[slice, ...] | None:
    """``"0:100,20:120,:"`` as slices; None if there is no text."""
    if text is None:
        return None
    parts = text.split(",")
    try:
        bounds = [[int(n) if n.strip() else None for n in part.split(":")] for part in parts]
    except ValueError:
        bounds = []
    if len(bounds) != 3 or any(len(b) != 2 for b in bounds):
        raise InputError(
            "a crop is start:stop for pages, rows, columns", field="--crop", value=text,
            remedy="For example --crop 0:100,20:120,:",
        )  # fmt: skip
    return tuple(slice(*b) for b in bounds)


def _numbers(text: str, by: str) -> list[float]:
    """The numbers in a text; none if one of them is not a number."""
    try:
        return [float(part) for part in text.split(by)]
    except ValueError:
        return []
