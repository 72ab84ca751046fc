"""The domain between the particles as one phase: open pores and a porous binder lumped together.

A resolved model that does not mesh the binder takes everything that is not active material as one phase
with a porosity and a transport factor. Both follow from the image that shows the binder:

    porosity within the phase  = (v_pore + sum v_b eps_b) / (v_pore + sum v_b)
    transport factor           = B(pores 1, binder t_b) / B(the whole domain 1)

where B is the effective transport over that of the free electrolyte. With that factor on every point of the
lumped domain its transport is that of the detailed image, in the direction it was measured in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InputError
from ..image import Volume
from .voxel import Transport, VoxelOptions, effective

BRUGGEMAN = 1.5
"""Exponent of the porosity where the transport within a binder is not known."""


@dataclass(frozen=True)
class Inner:
    """A porous phase from within.

    Parameters
    ----------
    porosity:
        Electrolyte per volume of the phase; 1 for an open pore.
    transport:
        eps/tau within it; porosity^1.5 if not given.

    Raises
    ------
    InputError
        A share outside 0 to 1.
    """

    porosity: float
    transport: float | None = None

    def __post_init__(self) -> None:
        for key in ("porosity", "transport"):
            value = getattr(self, key)
            if value is not None and not 0 <= value <= 1:
                raise InputError(
                    "this is a share between 0 and 1", field=key, value=value,
                    remedy="Give the share of the phase that is electrolyte, and its eps/tau",
                )  # fmt: skip

    @property
    def factor(self) -> float:
        """eps/tau within the phase."""
        return self.porosity**BRUGGEMAN if self.transport is None else self.transport


OPEN = Inner(1.0, 1.0)
"""A pore."""


@dataclass(frozen=True)
class LumpedDomain:
    """Pores and binder as one phase.

    Parameters
    ----------
    share:
        Of the image.
    porosity:
        Electrolyte per volume of the image: what a homogenised model takes.
    efficiency:
        eps/tau of the image with the binder as it is.
    phase_porosity, phase_transport:
        Porosity and eps/tau within the lumped phase: what a resolved model takes for it.
    detailed, plain:
        The two solves: with the binder as it is, and with all of the domain open.
    """

    share: float
    porosity: float
    efficiency: float
    phase_porosity: float
    phase_transport: float
    detailed: Transport
    plain: Transport

    @property
    def tau(self) -> float:
        """Tortuosity factor: electrolyte per volume of the image over the efficiency."""
        return self.porosity / self.efficiency


def lumped(
    volume: Volume,
    phases: Mapping[str, Inner | float],
    axis: int | None = None,
    *,
    options: VoxelOptions | None = None,
) -> LumpedDomain:
    """Porosity and transport of several porous phases taken as one.

    Parameters
    ----------
    volume:
        Image with these phases apart.
    phases:
        Name -> porosity, or porosity and transport within; :data:`OPEN` or 1 for a pore. All others are
        solid.
    axis:
        Along which; the through axis if not given.
    options:
        Of the two solves.

    Raises
    ------
    InputError
        An unknown phase, a share outside 0 to 1, no path across.
    """
    if not phases:
        raise InputError(
            "name the phases that hold electrolyte", field="phases", value={},
            remedy="Such as {'pore': 1.0, 'binder': 0.5}",
        )  # fmt: skip
    inner = {n: p if isinstance(p, Inner) else Inner(float(p)) for n, p in phases.items()}
    labels = {volume.label(name): inner[name] for name in inner}
    axis = volume.grid.through if axis is None else axis
    everywhere = dict.fromkeys(volume.phases.values(), 0.0)
    found = [
        effective(volume.labels, everywhere | values, axis, spacing=volume.grid.voxel_size, options=options)
        for values in ({k: p.factor for k, p in labels.items()}, dict.fromkeys(labels, 1.0))
    ]
    detailed, plain = found
    shares = volume.fractions()
    share = sum(shares[name] for name in inner)
    held = sum(shares[name] * p.porosity for name, p in inner.items())
    return LumpedDomain(
        share, held, detailed.effective, held / share, detailed.effective / plain.effective, detailed, plain
    )
