"""Images on which solvers of other packages are compared with the voxel solver here.

    python validation/peer_images.py taufactor validation/results_taufactor.json

keeps what another solver finds on them, for environments that do not have it. Images are made from seeds; a
digest tells whether they are still the same.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from lithoscape.transport.peers import effective_by, installed, require

PORES = {0: 1.0, 1: 0.0}
TOLERANCE = {"taufactor": 1e-4, "porespy": 1e-5}
"""As each understands it; TauFactor's single precision ends near 1e-5."""
PACKAGES = {"taufactor": ("taufactor", "torch"), "porespy": ("porespy", "openpnm")}


def blobs(n: int, porosity: float, seed: int) -> np.ndarray:
    """Pores (0) of a smoothed random field, correlated over three voxels."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(n, n, n)), 3.0, mode="wrap")
    return (noise > np.quantile(noise, porosity)).astype(np.uint8)


def spheres(n: int, radius: float, seed: int, solid: float) -> np.ndarray:
    """Overlapping solid spheres (1) until their volume fraction is reached."""
    rng = np.random.default_rng(seed)
    image, grid = np.zeros((n, n, n), np.uint8), np.indices((n, n, n))
    while image.mean() < solid:
        centre = rng.uniform(0, n, 3)[:, None, None, None]
        image[((grid - centre) ** 2).sum(axis=0) < radius**2] = 1
    return image


def channels(n: int) -> np.ndarray:
    """Straight square pores of a quarter of the edge: tau is 1."""
    image = np.ones((n, n, n), np.uint8)
    image[:, n // 4 : n // 2, n // 4 : n // 2] = 0
    return image


def dead_ends(n: int) -> np.ndarray:
    """The channel with a chamber that leads nowhere and one that is closed."""
    image = channels(n)
    image[n // 3 : 2 * n // 3, n // 2 : 3 * n // 4, n // 4 : n // 2] = 0
    image[n // 3 : 2 * n // 3, 1 : n // 8, 1 : n // 8] = 0
    return image


IMAGES: Mapping[str, Callable[[], np.ndarray]] = {
    "channel, 32": lambda: channels(32),
    "channel with dead ends, 32": lambda: dead_ends(32),
    "blobs, porosity 0.5, 48": lambda: blobs(48, 0.5, 1),
    "blobs, porosity 0.3, 48": lambda: blobs(48, 0.3, 2),
    "overlapping spheres, porosity 0.4, 48": lambda: spheres(48, 6.0, 3, 0.6),
}
QUICK = ("channel, 32", "channel with dead ends, 32", "blobs, porosity 0.5, 48")


def digest(image: np.ndarray) -> str:
    """Of the voxels."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:16]


def theirs(engine: str, image: np.ndarray) -> dict[str, float]:
    """What another solver finds along the first axis."""
    found = effective_by(engine, image, PORES, 0, tolerance=TOLERANCE[engine])
    return {"efficiency": found.efficiency, "porosity": found.porosity}


def ours(engine: str, image: np.ndarray) -> dict[str, float]:
    """The same here, potentials imposed where the other imposes them."""
    boundary = {"taufactor": "face", "porespy": "node"}[engine]
    found = effective_by("voxel", image, PORES, 0, tolerance=1e-7, boundary=boundary)
    return {"efficiency": found.efficiency, "porosity": found.porosity}


def keep(engine: str, file: Path) -> None:
    """Solve every image by another package and write what it found."""
    require(engine)
    versions = {name: metadata.version(name) for name in PACKAGES[engine]}
    rows: dict[str, Any] = {}
    for name, build in IMAGES.items():
        image = build()
        rows[name] = {"digest": digest(image), **theirs(engine, image)}
    made = f"python validation/peer_images.py {engine} validation/{file.name}, in an environment that has it"
    content = {"made_by": made, "engine": engine, "versions": versions,
               "tolerance": TOLERANCE[engine], "images": rows}  # fmt: skip
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def kept(file: Path) -> dict[str, Any]:
    """What :func:`keep` wrote."""
    return dict(json.loads(file.read_text(encoding="utf-8")))


def available(engine: str) -> bool:
    """Whether it can be run here."""
    return installed(engine)


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]))
