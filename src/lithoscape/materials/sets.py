"""The registry of material sets."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import InputError, nearest
from . import assembled, published
from .schema import MaterialSet

_FACTORIES: dict[str, Callable[[], MaterialSet]] = {
    "Xu2019": published.xu2019,
    "Chen2020": published.chen2020,
    "Chen2020_half": published.chen2020_half,
    "ORegan2022": published.oregan2022,
    "ORegan2022_half": published.oregan2022_half,
    "Marquis2019": published.marquis2019,
    "NMC622_half": assembled.nmc622_half,
    "NMC811_half": assembled.nmc811_half,
}


def list_sets() -> list[str]:
    """Names that :func:`get_set` knows."""
    return sorted(_FACTORIES)


def get_set(name: str) -> MaterialSet:
    """The material set ``name``; an unknown name is refused with the nearest valid one."""
    try:
        factory = _FACTORIES[name]
    except KeyError:
        raise InputError(
            "no such material set", field="materials", value=name, remedy=nearest(name, list_sets())
        ) from None
    return factory()
