"""Virtual instruments: what a device in the laboratory would have seen.

``GaugeMap(depths, positions, beam, groups)`` is a multi-channel-collimator XRD map;
``gauge.boxes(surface)`` places its gauge volumes in the mesh for a probe;
``gauge.level_average(sol)`` and ``gauge.group_average(name, sol)`` average the
probed values as the experiment did.
"""

from .gauge_volume import GaugeMap, mean_of_signal

__all__ = ["GaugeMap", "mean_of_signal"]
