"""TauFactor beside the voxel solver here."""

from __future__ import annotations

from peer_study import compared

from lithoscape.validation.study import Context, Findings


def study(context: Context) -> Findings:
    """See :mod:`peer_study`."""
    return compared("taufactor", context)
