"""Diffusion impedance of a phase of a labelled image, voxel by voxel.

In the voxels of the phase, lap C - (i omega / D) C = 0; C = 1 on the inlet face; on the outlet face C = 0
(absorbing) or no flux (reflecting); no flux through walls and sides. Z is the concentration imposed over the
flux that enters, and normalised

    Z~ = Z A D / L

with A and L the area and the length of the whole block, solid included (Huang et al., Adv. Sci. 9 (2022)
2105723, eqs 1-2; Cooper et al., J. Power Sources 247 (2014) 1033). So Z~ of an absorbing outlet tends to the
MacMullin number tau / eps at low frequency. Here Z is that of a unit of area: C over flux density [s/m].

Finite volumes as of the steady problem (:mod:`lithoscape.transport.voxel`): one concentration for each voxel,
harmonic means over faces, the inlet half a voxel from the first centres; so Z of the voxel model ends at the
resistance of that half voxel at high frequency, and frequencies at which the diffusion length is less than
three voxels are warned of.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..errors import InputError
from ..spectra import Spectrum
from ..transport.checks import (
    available_memory,
    check_conductivity,
    check_labels,
    check_spacing,
    count_labels,
    needs_double,
)
from ..transport.dirichlet import Conduction
from ..transport.pose import face_conductances, phases, transcode
from .diffusion_reduction import Reduction
from .voxel_shifted import ShiftedGrid

OUTLETS, INLETS = ("absorbing", "reflecting"), ("low", "high")
FREQUENCIES = 26
DECADES = (-2.0, 3.0)
"""Usual range of angular frequencies, in powers of ten of the characteristic one."""
RESOLVED = 3.0
"""Voxels in a diffusion length from which on the voxel model is trusted."""
BYTES = {"single": 150, "double": 420}
"""Memory per voxel, with the vectors of a dozen solves in single and three dozen in double precision."""


class DiffusionLengthWarning(UserWarning):
    """Concentrations vary over lengths that voxels do not resolve."""


class Blocked(InputError):
    """The phase does not get to where it has to."""


@dataclass(frozen=True)
class DiffusionOptions:
    """How to solve.

    Parameters
    ----------
    tolerance:
        Relative error of the impedance of the voxel model at every frequency, 1e-8 to 0.1.
    max_iterations:
        Steps of conjugate gradients at which a solve is given up.

    Raises
    ------
    InputError
        A value out of range.
    """

    tolerance: float = 3e-4
    max_iterations: int = 200

    def __post_init__(self) -> None:
        if not 1e-8 <= self.tolerance <= 0.1:
            raise InputError(
                "this is not a relative error that is estimated", field="tolerance", value=self.tolerance,
                remedy="Give 1e-8 to 0.1",
            )  # fmt: skip
        most = self.max_iterations
        if isinstance(most, bool) or not isinstance(most, int | np.integer) or most < 1:
            raise InputError(
                "this is not a positive number", field="max_iterations", value=most, remedy="Give 1 or more"
            )


@dataclass(frozen=True, eq=False)
class DiffusionSpectrum:
    """Diffusion impedance of a block of an image along one axis.

    Attributes
    ----------
    axis, inlet, outlet:
        Axis of the image, the end of it at which C = 1, and what the other end does.
    frequencies:
        [Hz], shape (n,), rising.
    impedance:
        C over flux density through the whole cross-section [s/m], complex, shape (n,).
    diffusivity, length:
        D [m2/s], the largest of several, and L [m].
    porosity, porosity_reached:
        Volume fraction of what conducts, and of those of its voxels that hang together with the inlet; the
        others are left out.
    instantaneous, poles, residues:
        Z(s) = instantaneous + sum residues / (s - poles) for all s = i omega up to the highest frequency
        [s/m, 1/s, 1/m]; poles are negative or 0, residues positive.
    error:
        Estimate of the relative error of the impedances of the voxel model; the largest.
    solves, iterations, seconds:
        Real solves, their steps of conjugate gradients, wall time [s].
    """

    axis: int
    inlet: str
    outlet: str
    frequencies: np.ndarray
    impedance: np.ndarray
    diffusivity: float
    length: float
    porosity: float
    porosity_reached: float
    instantaneous: float
    poles: np.ndarray
    residues: np.ndarray
    error: float
    solves: int
    iterations: int
    seconds: float

    @property
    def normalised(self) -> np.ndarray:
        """Z~ = Z A D / L."""
        return self.impedance * (self.diffusivity / self.length)

    @property
    def characteristic_frequency(self) -> float:
        """omega_c / (2 pi) [Hz] with omega_c = D / L^2 [rad/s]."""
        return self.diffusivity / self.length**2 / (2 * np.pi)

    @property
    def steady(self) -> float | None:
        """Z~ at no frequency, the MacMullin number tau / eps; None if nothing passes the outlet."""
        if self.outlet == "reflecting":
            return None
        return float(self.at(np.zeros(1))[0].real * self.diffusivity / self.length)

    @property
    def tau(self) -> float | None:
        """Tortuosity factor, porosity / efficiency; None if nothing passes the outlet."""
        return None if self.steady is None else self.porosity * self.steady

    def at(self, frequencies: np.ndarray) -> np.ndarray:
        """Impedance [s/m] at any frequencies [Hz], as good as between the given ones."""
        s = 2j * np.pi * np.asarray(frequencies, dtype=float)
        return np.asarray(self.instantaneous + (self.residues / (s[..., None] - self.poles)).sum(axis=-1))

    def spectrum(self) -> Spectrum:
        """Z~ as other spectra are; its xarray form is ``spectrum().dataset()``."""
        about = {
            "axis": self.axis, "inlet": self.inlet, "outlet": self.outlet,
            "Diffusivity [m2.s-1]": self.diffusivity, "Length [m]": self.length, "Porosity": self.porosity,
            "Porosity reached": self.porosity_reached,
            "Characteristic frequency [Hz]": self.characteristic_frequency,
            "Instantaneous [s.m-1]": self.instantaneous, "Poles [s-1]": self.poles.tolist(),
            "Residues [m-1]": self.residues.tolist(), "error": self.error, "solves": self.solves,
        }  # fmt: skip
        if self.steady is not None:
            about |= {"MacMullin number": self.steady, "Tortuosity factor": self.tau}
        return Spectrum(self.frequencies, self.normalised, "1", about)


def diffusion_impedance(
    labels: np.ndarray,
    conductors: int | Mapping[int, float],
    axis: int = 0,
    *,
    frequencies: Sequence[float] | np.ndarray | None = None,
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
    diffusivity: float = 1.0,
    outlet: str = "absorbing",
    inlet: str = "low",
    box: Sequence[slice] | None = None,
    options: DiffusionOptions | None = None,
    name: str | None = None,
) -> DiffusionSpectrum:
    """Diffusion impedance of an image along an axis, no flux through the other faces.

    Parameters
    ----------
    labels:
        Phase of the voxels, integers, two or three axes.
    conductors:
        Label of the phase through which it diffuses; or for each label that occurs its diffusivity in units
        of ``diffusivity``, 0 for none. Every voxel that conducts stores its own volume.
    axis:
        Axis along which it diffuses.
    frequencies:
        [Hz]. Not given: 26 from 0.01 to 1000 times the characteristic angular frequency D / L^2, the upper
        end lowered to where the diffusion length is three voxels.
    spacing:
        Size of a voxel along each axis [m].
    diffusivity:
        [m2/s].
    outlet:
        "absorbing" (C = 0) or "reflecting" (no flux).
    inlet:
        End of the axis with the inlet: "low" or "high".
    box:
        Slices, one for each axis: only this part of the image.
    options:
        Tolerance, iterations.
    name:
        What the phase is called in messages.

    Raises
    ------
    Blocked
        The phase does not touch the inlet or (absorbing) does not connect it with the outlet.
    InputError
        A phase that does not occur, diffusivity or frequencies that are not positive, an image of a single
        layer or too large for the memory, a box outside the image, no such axis, outlet or inlet.
    SolveError
        The tolerance was not met.
    """
    begun = time.perf_counter()
    options = options or DiffusionOptions()
    _check_ends(outlet, inlet, diffusivity)
    given = check_labels(_inside(labels, box), axis, 2)
    spacing = check_spacing(spacing, given.ndim)
    values = _conductors(count_labels(given), conductors, name)
    _check_memory(given.size, needs_double(values.values(), options.tolerance))
    order = (axis, *(a for a in (0, 1, 2) if a != axis)) if given.ndim == 3 else (axis, 2, 1 - axis)
    grid = np.transpose(given if given.ndim == 3 else given[:, :, None], order)
    sizes = np.array([*spacing, 1.0][:3])[list(order)]
    reference = max(values.values()) * diffusivity
    length = grid.shape[0] * sizes[0]
    rates = _rates(frequencies, reference, length, max(spacing))
    told = name or " + ".join(f"label {k}" for k, v in values.items() if v)
    problem, conducting = _pose(
        grid[::-1] if inlet == "high" else grid, values, sizes, outlet, (told, axis, inlet)
    )
    double = needs_double(values.values(), options.tolerance)
    shifted = ShiftedGrid(problem, np.dtype(np.float64 if double else np.float32))
    unit = reference / sizes[0] ** 2
    reduction = Reduction(shifted, rates / unit, options.tolerance, options.max_iterations)
    reduction.run(outlet == "reflecting")
    at_once, poles, residues = reduction.model.relaxations(outlet == "reflecting")
    scale = grid.shape[1] * grid.shape[2] * sizes[0] / reference
    s = 1j * rates[:, None]
    return DiffusionSpectrum(
        axis=axis,
        inlet=inlet,
        outlet=outlet,
        frequencies=rates / (2 * np.pi),
        impedance=scale * (at_once + (residues * unit / (s - poles * unit)).sum(axis=1)),
        diffusivity=float(reference),
        length=float(length),
        porosity=conducting / given.size,
        porosity_reached=int(np.count_nonzero(problem.code)) / given.size,
        instantaneous=float(scale * at_once),
        poles=poles * unit,
        residues=scale * residues * unit,
        error=float(reduction.error.max()),
        solves=len(reduction.iterations),
        iterations=sum(reduction.iterations),
        seconds=time.perf_counter() - begun,
    )


def _check_ends(outlet: str, inlet: str, diffusivity: float) -> None:
    for field, value, valid in (("outlet", outlet, OUTLETS), ("inlet", inlet, INLETS)):
        if value not in valid:
            raise InputError(
                f"there is no such {field}", field=field, value=value, remedy=f"Give {' or '.join(valid)}"
            )
    if not 0 < diffusivity < np.inf:
        raise InputError(
            "a diffusivity is a positive number", field="diffusivity", value=diffusivity,
            remedy="Give it in m2/s, such as 3e-10",
        )  # fmt: skip


def _inside(labels: np.ndarray, box: Sequence[slice] | None) -> np.ndarray:
    given = np.asarray(labels)
    if box is None:
        return given
    sizes = [len(range(*s.indices(n))) for s, n in zip(box, given.shape, strict=False)]
    if len(box) != given.ndim or not all(sizes) or any(s.step not in (None, 1) for s in box):
        raise InputError(
            "this is no block of the image", field="box", value=tuple(box),
            remedy=f"Give a slice for each axis of the image of {given.shape} voxels",
        )  # fmt: skip
    return given[tuple(box)]


def _conductors(
    counts: Mapping[int, int], conductors: int | Mapping[int, float], name: str | None
) -> dict[int, float]:
    """Diffusivity of every label that occurs."""
    if isinstance(conductors, Mapping):
        return check_conductivity(counts, conductors)
    if isinstance(conductors, bool) or conductors not in counts:
        what = f"the phase {name}" if name else "the phase"
        raise InputError(
            f"{what} does not occur", field="phase", value=conductors,
            remedy=f"Labels of the image: {', '.join(str(label) for label in counts)}",
        )  # fmt: skip
    return {label: float(label == conductors) for label in counts}


def _check_memory(voxels: int, double: bool) -> None:
    needed, available = voxels * BYTES["double" if double else "single"], available_memory()
    if available is not None and needed > available:
        raise InputError(
            f"the solution takes about {needed / 2**30:.1f} GiB and {available / 2**30:.1f} GiB are free",
            field="labels", value=f"{voxels} voxels",
            remedy="Take a part of the image, coarsen it, or use a machine with more memory",
        )  # fmt: skip


def _rates(
    frequencies: Sequence[float] | np.ndarray | None, diffusivity: float, length: float, size: float
) -> np.ndarray:
    """Angular frequencies [rad/s], rising."""
    finest = diffusivity / (RESOLVED * size) ** 2
    if frequencies is None:
        low, high = (diffusivity / length**2 * 10**d for d in DECADES)
        return np.geomspace(low, min(high, finest), FREQUENCIES)
    given = np.unique(np.asarray(frequencies, dtype=float))
    if given.ndim != 1 or not given.size or not (np.isfinite(given).all() and given[0] > 0):
        raise InputError(
            "frequencies are positive numbers", field="frequencies [Hz]", value=frequencies,
            remedy="Such as those of log_frequencies(1e-3, 1e3)",
        )  # fmt: skip
    rates = 2 * np.pi * given
    if rates[-1] > finest * (1 + 1e-9):
        shortest = np.sqrt(diffusivity / rates[-1]) / size
        warnings.warn(
            f"at {given[-1]:.3g} Hz the diffusion length is {shortest:.2g} voxels; above "
            f"{finest / 2 / np.pi:.3g} Hz it is less than {RESOLVED:g}",
            DiffusionLengthWarning,
            stacklevel=3,
        )
    return np.asarray(rates)


def _pose(
    grid: np.ndarray, values: Mapping[int, float], sizes: np.ndarray, outlet: str, told: tuple[str, int, str]
) -> tuple[Conduction, int]:
    """The problem without what does not hang together with the inlet, and how many voxels conduct.

    Conductances are over the volume of a voxel, in units of the largest diffusivity over the square of its
    edge along the first axis.
    """
    largest = max(values.values())
    levels, phase = phases({label: value / largest for label, value in values.items()})
    code = transcode(grid, phase)
    conducting = int(np.count_nonzero(code))
    clusters, count = ndimage.label(code)
    touching = np.zeros(count + 1, dtype=np.bool_)
    touching[clusters[0]] = True
    touching[0] = False
    reached = touching[clusters]
    del clusters
    code[~reached] = 0
    layers = np.flatnonzero(reached.any(axis=(1, 2)))
    blocked = outlet == "absorbing" and not reached[-1].any()
    if not layers.size or blocked:
        raise _blocked(int(layers[-1]) + 1 if layers.size else 0, grid.shape[0], *told)
    relative = sizes / sizes[0]
    face = face_conductances(levels, relative) / np.prod(relative)
    own = 2 * face[0].diagonal()
    first, last = own[code[0]], own[code[-1]] * (outlet == "absorbing")
    return Conduction(code, face, first, last), conducting


def _blocked(reach: int, layers: int, told: str, axis: int, inlet: str) -> Blocked:
    how = f"from the {inlet} end it gets to layer {reach} of {layers} ({reach / layers:.0%})"
    if not reach:
        how = f"it does not touch the {inlet} end"
    return Blocked(
        f"{told} does not connect inlet and outlet along axis {axis} (over faces of voxels): {how}",
        field="labels",
        remedy="Check phase, axis and segmentation"
        + (", or take a reflecting outlet" if reach else ", or take the other end as the inlet"),
    )
