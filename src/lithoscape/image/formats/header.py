"""What Lithoscape writes beside the voxels, and what a user writes into a sidecar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import InputError, nearest

Finite = Annotated[float, Field(allow_inf_nan=False)]
Triple = tuple[Finite, Finite, Finite]

_LENGTHS = {
    "m": 1.0, "meter": 1.0, "meters": 1.0, "metre": 1.0, "metres": 1.0,
    "cm": 1e-2, "centimeter": 1e-2, "centimetre": 1e-2,
    "mm": 1e-3, "millimeter": 1e-3, "millimeters": 1e-3, "millimetre": 1e-3, "millimetres": 1e-3,
    "um": 1e-6, "µm": 1e-6, "micron": 1e-6, "microns": 1e-6,
    "micrometer": 1e-6, "micrometers": 1e-6, "micrometre": 1e-6, "micrometres": 1e-6,
    "nm": 1e-9, "nanometer": 1e-9, "nanometers": 1e-9, "nanometre": 1e-9, "nanometres": 1e-9,
    "pm": 1e-12, "å": 1e-10, "angstrom": 1e-10, "angstroms": 1e-10, "inch": 0.0254, "inches": 0.0254,
}  # fmt: skip


def length_unit(text: object) -> float | None:
    """Metres per unit of length, by its name or symbol; None if it is no length.

    Both signs for micro are known, and ImageJ's escape of it (a backslash, ``u00B5``).
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    name = str(text).strip().strip('"').replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("μ", "µ")
    return 1e6 if name == "Mm" else _LENGTHS.get(name.lower())


def metres(value: float, unit: float) -> float:
    """A length in metres; 0.4 um is 0.4e-6, not the next number that the product may round to."""
    return float(f"{value * unit:.15g}")


class Header(BaseModel):
    """Everything about an image but its voxels. SI units.

    ``voxel_size`` and ``origin`` are in metres, one number or three; ``through``, ``collector``, ``phases``
    and ``properties`` are those of :class:`~lithoscape.image.volume.Volume` and its grid; ``phase`` and
    ``table`` those of :class:`~lithoscape.image.volume.Instances`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lithoscape: Literal[1] | None = None
    kind: Literal["volume", "grey", "instances"] | None = None
    voxel_size: float | tuple[float, float, float] | None = None
    origin: Triple | None = None
    through: int | None = None
    collector: str | None = None
    phases: dict[str, int] | None = None
    properties: dict[str, dict[str, float]] = Field(default_factory=dict)
    provenance: dict[str, Any] = Field(default_factory=dict)
    phase: str | None = None
    table: dict[str, Any] | None = None

    @classmethod
    def read(cls, text: str, where: Path) -> Self:
        """The header in a JSON text; InputError if it is none."""
        try:
            content = json.loads(text)
        except ValueError as error:
            raise _unreadable(where, str(error)) from error
        return cls.of(content, where)

    @classmethod
    def of(cls, content: object, where: Path) -> Self:
        """The header of a mapping; InputError names an unknown key and the nearest valid one."""
        if not isinstance(content, Mapping):
            raise _unreadable(where, "keys and values are needed")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise _invalid(cls, error, where) from error

    def text(self) -> str:
        """The header as one line of plain ASCII JSON."""
        content = {k: v for k, v in self.model_dump().items() if v is not None and v != {}}
        return json.dumps(content, default=plain)

    def edges(self) -> tuple[float, float, float] | None:
        """The voxel size as three numbers [m]."""
        if self.voxel_size is None:
            return None
        a, b, c = (self.voxel_size,) * 3 if isinstance(self.voxel_size, float) else self.voxel_size
        return a, b, c


class Sidecar(Header):
    """Description of a file of bare numbers, in ``NAME.raw.json`` or ``NAME.raw.yaml``.

    ``shape`` (pages, rows, columns), ``dtype`` (a NumPy name), ``byte_order``, ``offset`` of the first number
    [bytes], ``order`` (C: columns run fastest; F: pages run fastest), and the voxel size in the unit that
    suits.
    """

    shape: tuple[int, int, int] | None = None
    dtype: str | None = None
    byte_order: Literal["little", "big"] = "little"
    offset: Annotated[int, Field(ge=0)] = 0
    order: Literal["C", "F"] = "C"
    voxel_size_um: float | tuple[float, float, float] | None = None
    voxel_size_nm: float | tuple[float, float, float] | None = None

    def edges(self) -> tuple[float, float, float] | None:
        """The voxel size in metres, whichever of the three keys holds it."""
        for value, unit in ((self.voxel_size_um, 1e-6), (self.voxel_size_nm, 1e-9)):
            if value is not None:
                each = (value,) * 3 if isinstance(value, float) else value
                a, b, c = (metres(v, unit) for v in each)
                return a, b, c
        return super().edges()


def plain(value: Any) -> Any:
    """``value`` as JSON knows it: numbers and arrays of NumPy, mappings, paths and the like."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def _unreadable(where: Path, why: str) -> InputError:
    return InputError(
        f"the description of the image cannot be understood ({why[:200]})", field="path", value=where.name,
        remedy="Such as {\"shape\": [100, 200, 200], \"dtype\": \"uint8\", \"voxel_size_um\": 0.4}",
    )  # fmt: skip


def _invalid(model: type[Header], error: ValidationError, where: Path) -> InputError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return InputError(
            f"{where.name} has an unknown key", field=key, value=first["input"],
            remedy=nearest(key, list(model.model_fields)),
        )  # fmt: skip
    return InputError(
        f"{where.name}: {first['msg'][0].lower()}{first['msg'][1:]}", field=key, value=first["input"],
        remedy="Correct the entry",
    )  # fmt: skip
