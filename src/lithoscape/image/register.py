"""Images of one sample laid on each other: rotation, shift and scale between two states (SimpleITK)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args, overload

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation
from scipy.stats import entropy
from skimage.registration import phase_cross_correlation

from ..errors import InputError, SolveError
from .grid import Grid
from .particle_table import particle_table
from .volume import GreyImage, Instances, Volume

Vector = tuple[float, float, float]
Metric = Literal["correlation", "mutual information"]
Place = sitk.Similarity3DTransform | sitk.Euler3DTransform

SMALLEST = 8
"""Voxels along an axis below which there is too little to align."""
SEED = 20240229
"""Of the sample points; fixed, so that the same images always give the same transform."""
UNRELATED = {"correlation": 0.5, "mutual information": 0.12}
"""Value of the metric below which two images have nothing in common.

Measured on packings of spheres: different ones, laid on each other as well as they go, reach 0.5 and 0.08;
the same one with noise of 40 % of the contrast in both images has 0.94 and 0.27.
"""


@dataclass(frozen=True)
class Transform:
    """Similarity that takes a point of the fixed image to the same material point in the moving one.

    ``y = centre + translation + scale R (x - centre)``, coordinate k along array axis k [m].

    Parameters
    ----------
    rotation:
        Rotation vector: axis times angle [rad].
    translation:
        Shift of the centre [m].
    scale:
        Isotropic; 1.01 if the sample appears 1 % larger in the moving image.
    centre:
        Point about which it turns and scales [m].
    metric, start:
        How alike the smoothed images are, at the end and before: correlation coefficient, or mutual
        information over the mean entropy; nan if no images were compared.
    iterations:
        Steps of the optimiser, all resolutions together.
    converged:
        Whether the last resolution ended by its step length, not by the number of steps.
    """

    rotation: Vector = (0.0, 0.0, 0.0)
    translation: Vector = (0.0, 0.0, 0.0)
    scale: float = 1.0
    centre: Vector = (0.0, 0.0, 0.0)
    metric: float = float("nan")
    start: float = float("nan")
    iterations: int = 0
    converged: bool = True

    def __post_init__(self) -> None:
        for name in ("rotation", "translation", "centre"):
            values = tuple(float(v) for v in getattr(self, name))
            if len(values) != 3 or not np.isfinite(values).all():
                raise InputError(
                    "three numbers are needed, one along each array axis", field=name, value=values,
                    remedy="Angles are in radians, lengths in metres",
                )  # fmt: skip
            object.__setattr__(self, name, values)
        if not 0 < self.scale < float("inf"):
            raise InputError(
                "a scale is positive", field="scale", value=self.scale, remedy="1 leaves the size as it is"
            )

    @property
    def matrix(self) -> np.ndarray:
        """Scale times rotation, shape (3, 3)."""
        return self.scale * Rotation.from_rotvec(self.rotation).as_matrix()

    @property
    def offset(self) -> np.ndarray:
        """Image of the origin [m]: ``y = matrix x + offset``."""
        return np.array(self.centre) + self.translation - self.matrix @ self.centre

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Where the points (n, 3) [m] of the fixed image lie in the moving one."""
        return np.asarray(points) @ self.matrix.T + self.offset

    def inverse(self) -> Transform:
        """From the moving image back to the fixed one."""
        back = -np.linalg.solve(self.matrix, self.translation)
        rotation = -np.array(self.rotation)
        return replace(self, rotation=_vector(rotation), translation=_vector(back), scale=1 / self.scale)

    def after(self, first: Transform) -> Transform:
        """The transform that does ``first`` and then this one."""
        turn = Rotation.from_rotvec(self.rotation) * Rotation.from_rotvec(first.rotation)
        centre = np.array(first.centre)
        shift = self.apply(first.apply(centre[None]))[0] - centre
        return Transform(_vector(turn.as_rotvec()), _vector(shift), self.scale * first.scale, first.centre)


def register(
    fixed: GreyImage | Volume,
    moving: GreyImage | Volume,
    *,
    phase: str | None = None,
    scale: bool = True,
    metric: Metric = "correlation",
    initial: Transform | None = None,
    levels: Sequence[int] = (4, 2, 1),
    samples: int = 200_000,
    min_overlap: float = 0.4,
    max_scale: float = 0.1,
    max_iterations: int = 200,
) -> Transform:
    """Transform that lays ``moving`` on ``fixed``.

    Coarse to fine: at every level both images are smoothed and the fixed one is thinned, and a gradient
    descent of adaptive step improves the metric. It runs in one thread with fixed sample points, so the
    result is the same to the last bit.

    Parameters
    ----------
    fixed, moving:
        Grey levels, or labelled volumes of which the phase's mask is used. Voxel sizes may differ. Unless
        ``initial`` says otherwise both have the same coordinates up to a shift of less than half the image;
        the shift of the highest cross-correlation is tried besides none.
    phase:
        Name of the phase, for volumes.
    scale:
        Whether the scale is free; otherwise it is that of ``initial``, or 1.
    metric:
        ``"correlation"`` for images of one kind, ``"mutual information"`` (Mattes et al. 2003,
        doi:10.1109/TMI.2003.809072) if grey levels of the same matter differ.
    initial:
        Where to start.
    levels:
        Thinning of the fixed image, level by level; those that leave fewer than 16 voxels are skipped.
    samples:
        Most voxels at which the metric is evaluated at a level.
    min_overlap:
        Least share of the fixed image that must lie inside the moving one.
    max_scale:
        Largest change of scale, as a share, that is believed.
    max_iterations:
        Steps per level.

    Returns
    -------
    Transform
        From coordinates of ``fixed`` to those of ``moving``; ``resample(moving, transform, fixed.grid)``
        shows the moving image in the fixed one's place.

    Raises
    ------
    InputError
        A constant image, values that are not finite, fewer than eight voxels along an axis, boxes that do not
        overlap, a volume without ``phase``, a bad option.
    SolveError
        The optimiser made it worse, left the image, or found nothing in common.
    """
    if metric not in get_args(Metric):
        raise InputError(
            "there is no such metric", field="metric", value=metric,
            remedy=f"Give one of {', '.join(get_args(Metric))}",
        )  # fmt: skip
    unit = fixed.grid.voxel_volume ** (1 / 3)
    pair = (_image(fixed, phase, unit, "fixed"), _image(moving, phase, unit, "moving"))
    centre = np.array(fixed.grid.origin) + np.array(fixed.grid.size) / 2
    start = _start(pair, initial, unit, centre, min_overlap)
    current = _to_sitk(start, scale, unit, centre)
    iterations, stop = 0, ""
    for level in _usable(levels, fixed.grid):
        coarse, seen = (_softened(image, max(1.0, 0.5 * level)) for image in pair)
        coarse = sitk.Shrink(coarse, [level] * 3)
        method = _method(coarse, level, metric, samples, max_iterations)
        method.SetInitialTransform(current, inPlace=True)
        try:
            with _one_thread():
                method.Execute(coarse, seen)
        except RuntimeError as error:
            raise _failed("the images lost each other on the way", start) from error
        iterations += method.GetOptimizerIteration()
        stop = method.GetOptimizerStopConditionDescription()
    found = _from_sitk(current, unit)
    found = replace(found, iterations=iterations, converged="aximum number" not in stop)
    return _judged(pair, found, start, unit, metric, (min_overlap, max_scale))


@overload
def resample(image: GreyImage, transform: Transform, grid: Grid, *, outside: float = 0) -> GreyImage: ...
@overload
def resample(image: Volume, transform: Transform, grid: Grid, *, outside: str | None = None) -> Volume: ...
@overload
def resample(image: Instances, transform: Transform, grid: Grid) -> Instances: ...
def resample(
    image: GreyImage | Volume | Instances,
    transform: Transform,
    grid: Grid,
    *,
    outside: float | str | None = None,
) -> GreyImage | Volume | Instances:
    """The image as it appears on ``grid``, whose points ``transform`` takes into the image's coordinates.

    Parameters
    ----------
    image:
        Grey levels are interpolated linearly and become ``float32``; labels take the nearest voxel's, and the
        table of particles is made anew.
    transform:
        As :func:`register` returns it, with ``image`` as the moving one.
    grid:
        Voxels wanted.
    outside:
        Grey level (0 unless given), or name of the phase (the first unless given), of voxels that lie outside
        the image.

    Raises
    ------
    InputError
        An unknown phase ``outside``; no particle left inside the grid.
    """
    unit = grid.voxel_volume ** (1 / 3)
    place = _to_sitk(transform, True, unit, np.array(transform.centre))
    target = _empty(grid, unit)
    if isinstance(image, GreyImage):
        source = _to_image(np.asarray(image.values, dtype=np.float32), image.grid, unit)
        grey = sitk.Resample(source, target, place, sitk.sitkLinear, float(outside or 0), sitk.sitkFloat32)
        return GreyImage(sitk.GetArrayFromImage(grey), grid, image.provenance)
    source, fill = _to_image(np.asarray(image.labels), image.grid, unit), 0
    if isinstance(image, Volume):
        fill = image.label(str(outside)) if outside is not None else next(iter(image.phases.values()))
    labels = sitk.GetArrayFromImage(sitk.Resample(source, target, place, sitk.sitkNearestNeighbor, fill))
    if isinstance(image, Volume):
        return replace(image, labels=labels, grid=grid)
    return Instances(labels, grid, image.phase, particle_table(labels, grid))


def _image(image: GreyImage | Volume, phase: str | None, unit: float, field: str) -> sitk.Image:
    """Single-precision picture in units of ``unit``; a mask is as good as grey levels once smoothed."""
    if min(image.grid.shape) < SMALLEST:
        raise InputError(
            f"an image to align has at least {SMALLEST} voxels along each axis", field=field,
            value=image.grid.shape, remedy="Take a thicker stack",
        )  # fmt: skip
    if isinstance(image, Volume):
        if phase is None:
            raise InputError(
                "a labelled volume is aligned by one of its phases", field="phase",
                remedy=f"Give one of {', '.join(image.phases)}",
            )  # fmt: skip
        values = image.occupied(phase).astype(np.float32)
    else:
        values = np.asarray(image.values, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise InputError(
            "grey levels must be finite numbers", field=field, value=(low, high),
            remedy="Replace nan and infinite values, or crop them away",
        )  # fmt: skip
    if high <= low:
        raise InputError(
            "an image without contrast cannot be aligned", field=field, value=low,
            remedy="Check the file, the crop or the phase",
        )  # fmt: skip
    return _to_image((values - low) / (high - low), image.grid, unit)


def _to_image(values: np.ndarray, grid: Grid, unit: float) -> sitk.Image:
    """SimpleITK image; its axes x, y, z are the array axes 2, 1, 0."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values))
    image.SetSpacing([h / unit for h in reversed(grid.voxel_size)])
    image.SetOrigin([grid.centres(k)[0] / unit for k in (2, 1, 0)])
    return image


def _empty(grid: Grid, unit: float) -> sitk.Image:
    """Image that only says where its voxels lie."""
    image = sitk.Image([1, 1, 1], sitk.sitkUInt8)
    image = sitk.Resample(
        image, list(reversed(grid.shape)), sitk.Transform(3, sitk.sitkIdentity), sitk.sitkNearestNeighbor,
        [grid.centres(k)[0] / unit for k in (2, 1, 0)], [h / unit for h in reversed(grid.voxel_size)],
    )  # fmt: skip
    return image


def _to_sitk(transform: Transform, scale: bool, unit: float, centre: np.ndarray) -> Place:
    """The transform about another centre, in the axes of SimpleITK."""
    shift = transform.apply(centre[None])[0] - centre
    turn = Rotation.from_rotvec(transform.rotation).as_matrix()[::-1, ::-1].ravel().tolist()
    place: Place = sitk.Euler3DTransform()
    if scale or transform.scale != 1.0:
        place = sitk.Similarity3DTransform()
        place.SetMatrix([v * transform.scale for v in turn])
    else:
        place.SetMatrix(turn)
    place.SetCenter((centre[::-1] / unit).tolist())
    place.SetTranslation((shift[::-1] / unit).tolist())
    return place


def _from_sitk(place: Place, unit: float) -> Transform:
    matrix = np.array(place.GetMatrix()).reshape(3, 3)[::-1, ::-1]
    size = float(np.cbrt(np.linalg.det(matrix)))
    return Transform(
        _vector(Rotation.from_matrix(matrix / size).as_rotvec()),
        _vector(np.array(place.GetTranslation())[::-1] * unit),
        size,
        _vector(np.array(place.GetCenter())[::-1] * unit),
    )


def _vector(values: np.ndarray) -> Vector:
    a, b, c = (float(v) for v in values)
    return a, b, c


def _usable(levels: Sequence[int], grid: Grid) -> list[int]:
    """Thinnings that leave enough voxels; the finest always."""
    if not levels or any(level != int(level) or level < 1 for level in levels):
        raise InputError(
            "a level is a whole number of voxels, 1 or more", field="levels", value=tuple(levels),
            remedy="Such as (4, 2, 1), coarse to fine",
        )  # fmt: skip
    chosen = [int(level) for level in levels if min(grid.shape) // level >= 16]
    return chosen or [int(min(levels))]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in a fixed order: the metric takes its threads from the process's default only."""
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


def _softened(image: sitk.Image, width: float) -> sitk.Image:
    """The image smoothed, without the border that the filter had to make up (it would bias the scale)."""
    soft = sitk.SmoothingRecursiveGaussian(image, width)
    margin = [
        min(math.ceil(2 * width / h), (n - 4) // 2)
        for h, n in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return sitk.Crop(soft, margin, margin)


def _method(
    fixed: sitk.Image, level: int, metric: str, samples: int, steps: int
) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    if metric == "correlation":
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
    voxels = fixed.GetNumberOfPixels()
    if samples < voxels:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(samples / voxels, SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([1])
    method.SetSmoothingSigmasPerLevel([0.0])
    # lengths are in voxels: from steps of half a (thinned) voxel down to a thousandth
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=0.5 * level, minStep=1e-3 * level, numberOfIterations=steps, relaxationFactor=0.5,
        gradientMagnitudeTolerance=1e-10,
    )  # fmt: skip
    method.SetOptimizerScalesFromPhysicalShift()
    return method


def _laid(
    pair: tuple[sitk.Image, sitk.Image], place: sitk.Transform, thin: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Values of both images at the fixed one's voxels (thinned) inside the moving one; the share of those."""
    fixed = sitk.BinShrink(pair[0], [thin] * 3)
    moving = sitk.BinShrink(pair[1], [thin] * 3)
    nowhere = -1.0  # grey levels lie between 0 and 1
    seen = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, place, sitk.sitkLinear, nowhere))
    inside = seen > 0.5 * nowhere
    return sitk.GetArrayFromImage(fixed)[inside], seen[inside], float(inside.mean())


def _start(
    pair: tuple[sitk.Image, sitk.Image],
    initial: Transform | None,
    unit: float,
    centre: np.ndarray,
    min_overlap: float,
) -> Transform:
    """Where to begin: as told, or unmoved, or shifted by the peak of the cross-correlation."""
    thin = max(1, min(pair[0].GetSize()) // 24)
    start = initial or Transform(centre=_vector(centre))
    first, second, share = _laid(pair, _to_sitk(start, True, unit, centre), thin)
    if initial is None and share > 0:
        shifted = replace(start, translation=_peak(pair, thin, unit))
        one, two, inside = _laid(pair, _to_sitk(shifted, True, unit, centre), thin)
        if inside >= min_overlap and _correlation(one, two) > _correlation(first, second):
            return shifted
    if share < min_overlap:
        raise InputError(
            f"the images share {share:.0%} of the fixed one", field="moving", value=round(share, 3),
            remedy="Give an initial transform, or a smaller min_overlap",
        )  # fmt: skip
    return start


def _peak(pair: tuple[sitk.Image, sitk.Image], thin: int, unit: float) -> Vector:
    """Shift of the highest cross-correlation of the thinned images [m]."""
    fixed, moving = (sitk.BinShrink(image, [thin] * 3) for image in pair)
    moving = sitk.Resample(moving, fixed, sitk.Transform(3, sitk.sitkIdentity))
    arrays = [sitk.GetArrayFromImage(image) for image in (fixed, moving)]
    shift = phase_cross_correlation(*(a - a.mean() for a in arrays), normalization=None)[0]
    return _vector(-shift * np.array(fixed.GetSpacing())[::-1] * unit)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's coefficient; 0 if one is constant. Plain sums: BLAS would depend on the threads."""
    if first.size < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    a, b = (v - v.mean(dtype=float) for v in (first, second))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def _information(first: np.ndarray, second: np.ndarray) -> float:
    """Mutual information of grey levels in 32 classes over their mean entropy: 0 unrelated, 1 a function."""
    counts, _, _ = np.histogram2d(first.ravel(), second.ravel(), bins=32)
    joint = counts / counts.sum()
    whole, a, b = (entropy(p.ravel()) for p in (joint, joint.sum(axis=1), joint.sum(axis=0)))
    return float(2 * (a + b - whole) / (a + b)) if a + b > 0 else 0.0


def _judged(
    pair: tuple[sitk.Image, sitk.Image],
    found: Transform,
    start: Transform,
    unit: float,
    metric: str,
    limits: tuple[float, float],
) -> Transform:
    """The transform with its figures; SolveError if it is none."""
    thin = max(1, round((pair[0].GetNumberOfPixels() / 4e6) ** (1 / 3)))
    measure = _correlation if metric == "correlation" else _information
    pair = (_softened(pair[0], 1.0), _softened(pair[1], 1.0))  # what noise hides is no difference
    values = []
    for transform in (start, found):
        place = _to_sitk(transform, True, unit, np.array(transform.centre))
        first, second, share = _laid(pair, place, thin)
        values.append(measure(first, second) if first.size else 0.0)
    before, after = values
    found = replace(found, metric=after, start=before)
    if share < limits[0]:
        raise _failed(f"only {share:.0%} of the fixed image would lie inside the moving one", found)
    if abs(np.log(found.scale / start.scale)) > np.log1p(limits[1]):
        raise _failed("no sample changes its size so much", found)
    if after < UNRELATED[metric]:
        raise _failed("the images have nothing in common", found)
    if after < before - 1e-3:
        raise _failed("the images lie worse on each other than before", found)
    return found


def _failed(why: str, state: Transform) -> SolveError:
    return SolveError(
        f"registration failed: {why}", field="moving",
        value={name: round(getattr(state, name), 4) for name in ("metric", "start", "scale")},
        remedy="Give an initial transform, crop to the same region, or check that the images show one sample",
    )  # fmt: skip
