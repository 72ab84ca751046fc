"""Pictures of resolved runs: where the lithium is, where it enters, what the electrolyte has left.

Moments side by side, a corner cut away, one colour scale for each quantity::

    write_state_pictures(files.snapshots(), folder / "pictures", animation="gif")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..field_files import ELECTROLYTE, SOLID, SURFACE, FieldMesh, Snapshot
from .cutaway import Frame, Layer, backdrop, shared_limits, write_animation, write_pictures
from .sections import ribbon, write_section_animation, write_sections

MOST_MOMENTS = 8
"""Drawn side by side; an animation has all."""

SOL = "State of lithiation"
CURRENT = "Reaction current density [A.m-2]"
SALT = "Electrolyte concentration [mol.m-3]"
FILES = {SOL: "state_of_lithiation", CURRENT: "reaction_current", SALT: "electrolyte_concentration"}
"""Quantity -> name of its picture."""
COLOURS = {SOL: "viridis", CURRENT: "plasma", SALT: "GnBu"}

_BEYOND = 0.03  # share of the surface at either end of its currents that the scale leaves out: sharp corners
_SHOWN = {CURRENT: "Anodic reaction current density [A.m-2]"}  # what stands beside the bar, if not the name
_RIBBON = 0.012  # width of a surface drawn in the plane, of the longest side of the picture
_SOLID, _CONDUCTOR = "#c9ced5", "#6f7883"


def write_state_pictures(
    snapshots: Sequence[Snapshot],
    folder: Path,
    *,
    quantities: Sequence[str] = tuple(FILES),
    through: int = 0,
    collector_low: bool = True,
    stills: Sequence[str] | None = None,
    animation: str = "none",
    seconds: float = 6.0,
    pixels: tuple[int, int] = (480, 480),
) -> dict[str, list[Path]]:
    """Write one PNG for each quantity with all moments, up to eight (the first, the last, some between).

    In 3D a corner is cut away; meshes in the plane are drawn as they are.

    Parameters
    ----------
    snapshots:
        Moments in the order in which they are shown.
    folder:
        Is made if it is not there; gets ``state_of_lithiation.png``, ``reaction_current.png`` and
        ``electrolyte_concentration.png``.
    quantities:
        Those to draw, of :data:`FILES`.
    through:
        Axis of the coordinates across the electrode.
    collector_low:
        Whether the collector is where that coordinate is lowest.
    stills:
        Names of the moments that the pictures show; without them all.
    animation:
        "gif" or "mp4": whether to write a film of all moments beside each picture, and as what.
    seconds:
        How long an animation is [s].
    pixels:
        Width and height of each drawing.

    Returns
    -------
    dict
        Quantity -> its files.

    Raises
    ------
    InputError
        No moments, a quantity that is not known, or what :mod:`.cutaway` and :mod:`.sections` refuse.
    """
    if not snapshots:
        raise InputError("there are no moments to draw", field="snapshots", remedy="Keep fields at moments")
    unknown = [name for name in quantities if name not in FILES]
    if unknown:
        raise InputError(
            "there is no such picture",
            field="quantities",
            value=unknown[0],
            remedy=f"Name one of {list(FILES)}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    place: dict[str, Any] = {"through": through, "collector_low": collector_low}
    place["outline"] = _outline(snapshots[0].meshes.values())
    flat = snapshots[0].meshes[SOLID].kind == "triangle"
    draw = write_sections if flat else write_pictures
    animate = write_section_animation if flat else write_animation
    written = {}
    for name in quantities:
        style = _style(name, snapshots)
        frames: list[Frame] = [(moment_title(s), _LAYERS[name](s, style)) for s in snapshots]
        shown = [f for f, s in zip(frames, snapshots, strict=True) if stills is None or s.name in stills]
        chosen = [(shown or frames)[k] for k in evenly(len(shown or frames), MOST_MOMENTS)]
        paths = [draw(chosen, folder / f"{FILES[name]}.png", pixels=pixels, **place)]
        if animation != "none" and len(frames) > 1:
            paths.append(animate(frames, folder / f"{FILES[name]}.{animation}", seconds, **place))
        written[name] = paths
    return written


def moment_title(snapshot: Snapshot) -> str:
    """Name and time of a moment; the time alone if the name says nothing else."""
    time = duration(snapshot.time)
    return snapshot.name if time in snapshot.name else f"{snapshot.name}, {time}" if snapshot.name else time


def duration(seconds: float) -> str:
    """A time as people say it: ``45 s``, ``12 min``, ``2.5 h``."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length or (seconds >= length and seconds % length == 0):
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` numbers, evenly spaced, the first and the last among them."""
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))})


def _style(name: str, snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    """Limits over all moments and colours of one quantity; about zero if a current goes both ways."""
    if name != CURRENT:
        part = SOLID if name == SOL else ELECTROLYTE
        limits = shared_limits(s.values[part][name] for s in snapshots)
        return {"limits": limits, "colour_map": COLOURS[name]}
    limits = shared_limits(
        _most(s.meshes[SURFACE], s.values[SURFACE][CURRENT], (_BEYOND, 1 - _BEYOND)) for s in snapshots
    )
    smaller, larger = sorted(np.abs(limits))
    if limits[0] < 0 < limits[1] and smaller > 0.02 * larger:
        return {"limits": limits, "centre": 0.0}
    # the strongest reaction is the lightest, whichever way it goes
    return {"limits": limits, "colour_map": COLOURS[name] + ("_r" if limits[0] < 0 else "")}


def _most(mesh: FieldMesh, values: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Values below which those shares of a surface lie."""
    area = np.zeros(len(values))
    np.add.at(area, mesh.cells, (mesh.sizes / mesh.cells.shape[1])[:, None])
    order = np.argsort(values)
    found: np.ndarray = np.interp(shares, np.cumsum(area[order]) / area.sum(), values[order])
    return found


def _active(snapshot: Snapshot) -> np.ndarray:
    """Which cells of the solid have lithium in them."""
    mesh = snapshot.meshes[SOLID]
    found: np.ndarray = np.isfinite(snapshot.values[SOLID][SOL][mesh.cells]).all(axis=1)
    return found


def _solids(snapshot: Snapshot, dense: bool = False) -> list[Layer]:
    """Solid without fields: active material, and other conductors.

    What fills the space between the particles would hide them: the largest of the regions with electrolyte
    is left out; all of them if only dense ones are to be shown.
    """
    mesh, active = snapshot.meshes[SOLID], _active(snapshot)
    electrolyte = snapshot.meshes[ELECTROLYTE]
    wet, place = np.unique(electrolyte.cell_data["Region"], return_inverse=True)
    hidden = wet if dense else wet[[np.argmax(np.bincount(place, electrolyte.sizes))]]
    others = ~active & ~np.isin(mesh.cell_data["Region"], hidden)
    shown = ((active, _SOLID), (others, _CONDUCTOR))
    return [backdrop(mesh.points, mesh.cells[which], colour) for which, colour in shown if which.any()]


def _lithium(snapshot: Snapshot, style: Mapping[str, Any]) -> list[Layer]:
    mesh, active = snapshot.meshes[SOLID], _active(snapshot)
    layers = [Layer(mesh.points, mesh.cells[active], snapshot.values[SOLID][SOL], SOL, **style)]
    return layers + [layer for layer in _solids(snapshot) if layer.plain == _CONDUCTOR]


def _reaction(snapshot: Snapshot, style: Mapping[str, Any]) -> list[Layer]:
    mesh, values = snapshot.meshes[SURFACE], snapshot.values[SURFACE][CURRENT]
    points, cells = mesh.points, mesh.cells
    if mesh.kind == "line":
        width = _RIBBON * float(np.ptp(_outline(snapshot.meshes.values()), axis=0).max())
        points, cells, values = ribbon(points, cells, values, width)
    return [*_solids(snapshot), Layer(points, cells, values, _SHOWN[CURRENT], **style)]


def _salt(snapshot: Snapshot, style: Mapping[str, Any]) -> list[Layer]:
    mesh = snapshot.meshes[ELECTROLYTE]
    salt = Layer(mesh.points, mesh.cells, snapshot.values[ELECTROLYTE][SALT], SALT, **style)
    return [salt, *_solids(snapshot, dense=True)]


_LAYERS: dict[str, Callable[[Snapshot, Mapping[str, Any]], list[Layer]]] = {
    SOL: _lithium,
    CURRENT: _reaction,
    SALT: _salt,
}


def _outline(meshes: Any) -> np.ndarray:
    """Box around everything, so that all pictures show the same part of the cell."""
    points = np.concatenate([mesh.points for mesh in meshes])
    return np.stack([points.min(axis=0), points.max(axis=0)])
