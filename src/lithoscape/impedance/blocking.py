"""Impedance of electrodes that do not react: double layer, ionic and electronic resistance, nothing else.

The measurement of tortuosities in symmetric cells (Landesfeind, Hattendorff, Ehrl, Wall and Gasteiger, J.
Electrochem. Soc. 163 (2016) A1373), on any homogenised or resolved electrode. Of a cell of two such
electrodes half is computed: one electrode with its side of the separator, against the middle plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..materials.schema import ActiveMaterial
from ..mesh.domain import Domain
from ..models.homogenised import HomogenisedCell
from ..models.resolved import ResolvedCell
from ..spectra import Spectrum
from .contributions import build
from .spectrum import spectrum
from .switch import Cell, scaled, with_materials

_INERT, _IDEAL = 1e-20, 1e8
"""Factors to exchange currents: of the electrode, and of the counter electrode, which is to add nothing."""
SALT = "electrolyte concentration"


def blocking_cell(cell: Cell, double_layer: float | None = None) -> Cell:
    """The cell without reaction at active material, against an ideal ionic contact at the separator.

    Parameters
    ----------
    cell:
        A half cell.
    double_layer:
        Capacitance per interface [F/m2]; None: that of the cell.

    Raises
    ------
    InputError
        A full cell; no double layer: an electrode that neither reacts nor charges has no impedance.
    """
    if cell.lithium is None:
        raise InputError(
            "a blocking electrode is taken from a half cell", field="cell", value="full cell",
            remedy="Specify the electrode against lithium",
        )  # fmt: skip
    inert = _factor(_INERT)
    out = with_materials(cell, inert)
    if double_layer is not None:
        active = _is_active
        out = _layered(out, double_layer, active)
    parts = out.phases if isinstance(out, ResolvedCell) else out.regions
    if not any(p.double_layer > 0 for p in parts):
        raise InputError(
            "a blocking electrode without a double layer passes no current", field="double_layer", value=0.0,
            remedy="Give a capacitance, such as 0.1 F/m2",
        )  # fmt: skip
    law = scaled(cell.lithium.exchange_current, _IDEAL)
    return replace(out, lithium=replace(cell.lithium, exchange_current=law))


def _factor(factor: float) -> Callable[[ActiveMaterial], ActiveMaterial]:
    return lambda m: replace(m, exchange_current=scaled(m.exchange_current, factor))


def _is_active(part: object) -> bool:
    return bool(getattr(part, "material", None) or getattr(part, "particles", ()))


def _layered(cell: Cell, capacitance: float, active: Callable[[object], bool]) -> Cell:
    """The cell with a capacitance [F/m2] on the surface of all its active material."""
    if not 0 < capacitance < np.inf:
        raise InputError(
            "a blocking electrode needs a double layer", field="double_layer", value=capacitance,
            remedy="Give a capacitance above zero, such as 0.1 F/m2",
        )  # fmt: skip
    if isinstance(cell, ResolvedCell):
        phases = tuple(replace(p, double_layer=capacitance) if active(p) else p for p in cell.phases)
        return replace(cell, phases=phases)
    regions = tuple(replace(r, double_layer=capacitance) if active(r) else r for r in cell.regions)
    return replace(cell, regions=regions)


def blocking_spectrum(
    domain: Domain,
    cell: HomogenisedCell | ResolvedCell,
    frequencies: np.ndarray,
    *,
    double_layer: float | None = None,
    salt: bool = False,
    tolerance: float | None = None,
) -> Spectrum:
    """Impedance [ohm m2] of half a symmetric cell: an electrode that does not react, and its separator.

    Parameters
    ----------
    domain, cell:
        Mesh and specification of a half cell; its lithium counts as the middle of the symmetric cell.
    frequencies:
        [Hz].
    double_layer:
        Capacitance per interface [F/m2]; None: that of the cell.
    salt:
        Whether the salt's concentration answers; if not, ions only migrate, as the evaluation assumes.

    Raises
    ------
    InputError
        A full cell, no double layer.
    """
    problem = build(domain, blocking_cell(cell, double_layer))
    # at rest as built; a direct current would have no way through
    frozen = () if salt else (SALT,)
    about = {"cell": "blocking electrode"}
    return spectrum(problem, frequencies, frozen=frozen, tolerance=tolerance, about=about)


@dataclass(frozen=True)
class PoreTransport:
    """What an ionic resistance says about pores.

    ``factor`` is tau/eps, the MacMullin number; ``tortuosity`` tau; ``diffusivity`` the directional one in
    the pore network [m2/s], None if that of the electrolyte was not given.
    """

    factor: float
    tortuosity: float
    diffusivity: float | None


def pore_transport(
    ionic_resistance: float,
    thickness: float,
    porosity: float,
    conductivity: float,
    diffusivity: float | None = None,
) -> PoreTransport:
    """Tortuosity and directional diffusivity from the ionic resistance of a transmission line.

    tau / eps = R_ion A K_0 / L and D_directional = D eps / tau (Huang et al., Adv. Sci. 9 (2022) 2105723,
    eqs 3 and 4). That paper calls K_0 "the electrical conductivity of the active material". R_ion is the
    resistance of the electrolyte in the pores, and only with the conductivity of the free **electrolyte**
    does tau become 1 for straight pores, as in the work that the paper cites for it: that is what is meant
    here.

    Parameters
    ----------
    ionic_resistance:
        R_ion A: of the whole ionic rail, per area [ohm m2].
    thickness:
        Of the electrode [m].
    porosity:
        Share of electrolyte.
    conductivity:
        Of the free electrolyte [S/m].
    diffusivity:
        Of salt in the free electrolyte [m2/s].

    Raises
    ------
    InputError
        A value that is not above zero, a porosity above 1.
    """
    values = {
        "ionic_resistance": ionic_resistance, "thickness": thickness, "porosity": porosity,
        "conductivity": conductivity, "diffusivity": 1.0 if diffusivity is None else diffusivity,
    }  # fmt: skip
    for name, value in values.items():
        if not 0 < value < np.inf or (name == "porosity" and value > 1):
            raise InputError("a positive number", field=name, value=value, remedy="In SI, porosity up to 1")
    factor = ionic_resistance * conductivity / thickness
    directional = None if diffusivity is None else diffusivity / factor
    return PoreTransport(factor, factor * porosity, directional)
