"""NeXus: which dataset a file shows by default, and the axes that belong to it."""

from __future__ import annotations

from typing import Any

import h5py


def text(value: Any) -> str:
    """An attribute as text: bytes are decoded, an array of one is its element."""
    if hasattr(value, "shape") and getattr(value, "size", 0) == 1:
        value = value.item() if not isinstance(value, str) else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def names(value: Any) -> list[str]:
    """A list of names: an array of text, or one text with ``:`` or ``,`` between them."""
    if hasattr(value, "shape") and value.shape:
        return [text(item) for item in value]
    joined = text(value).strip("[] ")
    return [part.strip() for part in joined.replace(",", ":").split(":") if part.strip()]


def default_signal(file: h5py.File) -> h5py.Dataset | None:
    """The dataset that ``default`` and ``signal`` attributes lead to, as the NeXus standard has it.

    Follows ``default`` from the root; where it is missing, a single NXentry or NXdata is taken.
    """
    group: h5py.Group = file
    for _ in range(8):  # a chain of defaults is short; a loop of links is not followed for ever
        if (signal := _signal(group)) is not None:
            return signal
        below = _default(group)
        if below is None:
            return None
        group = below
    return None


def _signal(group: h5py.Group) -> h5py.Dataset | None:
    if "signal" in group.attrs:
        node = group.get(text(group.attrs["signal"]))
        return node if isinstance(node, h5py.Dataset) else None
    # Before 2014 the dataset itself said so.
    old = [
        n for n in _members(group) if isinstance(n, h5py.Dataset) and text(n.attrs.get("signal", "")) == "1"
    ]
    return old[0] if len(old) == 1 else None


def _default(group: h5py.Group) -> h5py.Group | None:
    if "default" in group.attrs:
        node = group.get(text(group.attrs["default"]))
        return node if isinstance(node, h5py.Group) else None
    groups = [n for n in _members(group) if isinstance(n, h5py.Group)]
    for kind in ("NXentry", "NXdata"):
        fitting = [n for n in groups if text(n.attrs.get("NX_class", "")) == kind]
        if len(fitting) == 1:
            return fitting[0]
    return None


def _members(group: h5py.Group) -> list[Any]:
    found = []
    for name in group:
        try:
            found.append(group[name])
        except (KeyError, OSError):  # a link that leads nowhere
            continue
    return found


def axes_of(signal: h5py.Dataset) -> list[h5py.Dataset | None]:
    """The dataset of each axis of ``signal``, None for an axis without one."""
    group = signal.parent
    if "axes" in group.attrs and text(group.attrs.get("signal", "")) == signal.name.rpartition("/")[2]:
        listed = names(group.attrs["axes"])
    elif "axes" in signal.attrs:
        listed = names(signal.attrs["axes"])
    else:
        return [None] * signal.ndim
    listed += ["."] * (signal.ndim - len(listed))
    nodes = [group.get(name) if name != "." else None for name in listed[: signal.ndim]]
    return [node if isinstance(node, h5py.Dataset) else None for node in nodes]
