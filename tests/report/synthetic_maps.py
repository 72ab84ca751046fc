"""Fields over a small cross-section with separator, electrode and crack, as a run keeps them."""

import json

import numpy as np
import xarray as xr

SEPARATOR, THICKNESS, WIDTH = 25e-6, 195e-6, 400e-6
HALF_CRACK, CRACK_DEPTH = 25e-6, 175e-6
REGIONS = {"separator": 1, "positive": 2, "crack": 3}


def make_maps(record, moments=6):
    """Analytic fields at moments spread over the first cycle of ``record``."""
    x = np.concatenate([np.linspace(0, HALF_CRACK, 5), np.linspace(HALF_CRACK, WIDTH, 40)[1:]])
    y = np.concatenate([np.linspace(0, SEPARATOR, 5), np.linspace(SEPARATOR, SEPARATOR + 175e-6, 30)[1:]])
    y = np.concatenate([y, np.linspace(SEPARATOR + 175e-6, SEPARATOR + THICKNESS, 5)[1:]])
    X, Y = np.meshgrid(x, y)
    nodes = np.arange(X.size).reshape(X.shape)
    a, b, c, d = (n.ravel() for n in (nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]))
    cells = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    centre = np.stack([X.ravel()[cells].mean(1), Y.ravel()[cells].mean(1)], 1)
    crack = (centre[:, 0] < HALF_CRACK) & (centre[:, 1] < SEPARATOR + CRACK_DEPTH)
    region = np.where(centre[:, 1] < SEPARATOR, 1, np.where(crack, 3, 2))
    active = np.unique(cells[region == 2])
    times, names = _moments(record, moments)
    depth = np.clip(Y.ravel() - SEPARATOR, 0, None) / THICKNESS
    away = np.clip(X.ravel() - HALF_CRACK, 0, None) / 1e-4
    mean = np.interp(times, record["time"].values, record["Mean state of lithiation"].values)
    sol, salt, reaction = [], [], []
    for k, m in enumerate(mean):
        field = np.full(X.size, np.nan)
        field[active] = np.clip(m + 0.15 * k / moments * (0.5 - depth - 0.3 * np.tanh(away) * depth), 0, 1)[
            active
        ]
        sol.append(field)
        salt.append(1000 * (1 + (0.9 if k < 3 else -0.9) * depth * np.tanh(0.3 + away)))
        reaction.append(np.where(np.isnan(field), np.nan, (1 if k < 3 else -1) * (0.2 - depth)))
    data = {
        "x [m]": ("node", X.ravel()), "y [m]": ("node", Y.ravel()),
        "triangles": (("cell", "corner"), cells),
        "region": ("cell", region, {"regions": json.dumps(REGIONS)}),
        "State of lithiation": (("moment", "node"), np.array(sol)),
        "Electrolyte concentration [mol.m-3]": (("moment", "node"), np.array(salt)),
        "Electrolyte potential [V]": (("moment", "node"), np.array(salt) * 0),
        "Reaction current density [A.m-2]": (("moment", "node"), np.array(reaction)),
    }  # fmt: skip
    return xr.Dataset(data, {"moment": ("moment", names), "time": ("moment", times)})


def _moments(record, count):
    names = ["a  start of charge", "b  30 min of charge", "c  top of charge", "d  18 min of discharge"]
    names += ["e  end of discharge", "f  5 min of slow discharge"]
    minutes = [0, 30, 70, 93, 115, 126]
    names, minutes = names[:count], minutes[:count]
    return record["time"].values[0] + 60.0 * np.array(minutes), names
