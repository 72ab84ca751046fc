"""What `generate` leaves: the image, a preview of it, and what was asked and came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..generate import Structure
from ..image import GreyImage
from ..image.io import write_grey, write_instances, write_volume
from ..image.measures import finite
from .slices import preview


def write_generated(
    structure: Structure,
    path: Path,
    *,
    title: str = "",
    scan: GreyImage | None = None,
    particles: bool = False,
    picture: bool = True,
) -> list[Path]:
    """Write ``path`` and beside it ``NAME.json``, ``NAME.png``, the scan and the particles.

    Parameters
    ----------
    structure:
        What was generated.
    path:
        Image file; its suffix chooses the format.
    title:
        Heading of the preview.
    scan:
        Grey-level scan of it, written as ``NAME-scan.tif``.
    particles:
        Whether to write the particle numbers too, as ``NAME.PHASE-particles.tif``.
    picture:
        Whether to draw the preview.

    Returns
    -------
    list of Path
        The files written, the image first.
    """
    written = [write_volume(structure.volume, path)]
    beside = path.with_name(path.name.split(".")[0])
    if scan is not None:
        written.append(write_grey(scan, beside.with_name(f"{beside.name}-scan.tif")))
    if particles:
        for phase, instances in structure.particles.items():
            name = f"{beside.name}.{phase.replace(' ', '-')}-particles.tif"
            written.append(write_instances(instances, beside.with_name(name)))
    written.append(_write_text(beside.with_suffix(".json"), json.dumps(facts(structure), indent=2)))
    if picture:
        kinds = structure.particles
        grains = next((p for name, p in kinds.items() if "grain" in name), None)
        shown = next(iter(kinds.values()), None) if grains is None else grains
        drawn = preview(
            structure.volume, title=title, instances=shown, inside=grains is not None, facts=structure.figures
        )
        part = beside.with_suffix(".png.part")
        drawn.savefig(part, dpi=110, format="png", metadata={"Software": None}, facecolor="white")
        written.append(part.replace(beside.with_suffix(".png")))
    return written


def facts(structure: Structure) -> dict[str, Any]:
    """Fractions, figures and provenance as plain data."""
    volume = structure.volume
    return {
        "shape": list(volume.grid.shape),
        "voxel_size_m": list(volume.grid.voxel_size),
        "through": volume.grid.through,
        "collector": volume.grid.collector,
        "phases": dict(volume.phases),
        "fractions": volume.fractions(),
        "exact_shapes": sorted(structure.shapes),
        "particles": {name: int(p.numbers.size) for name, p in structure.particles.items()},
        "figures": finite(structure.figures),
        "recipe": finite(volume.provenance.get("recipe")),
        "hash": volume.provenance.get("hash"),
        "versions": volume.provenance.get("versions"),
    }


def _write_text(path: Path, text: str) -> Path:
    part = path.with_name(path.name + ".part")
    part.write_text(text + "\n", encoding="utf-8")
    return part.replace(path)
