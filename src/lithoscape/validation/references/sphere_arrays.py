"""Exact effective conductivity of cubic arrays of spheres, by Rayleigh's method to any order.

Rayleigh (Phil. Mag. 34 (1892) 481) matched multipoles of one sphere with the field of all others; McPhedran
and McKenzie (Proc. R. Soc. A 359 (1978) 45) did so for the simple cubic array to high order, McKenzie,
McPhedran and Derrick (ibid. 362 (1978) 211) for the body- and the face-centred one. Here with complex solid
harmonics, every order and azimuth kept, and lattice sums with a smooth cut-off: a sum over all other sites
of an irregular harmonic of degree four or more is that of the harmonic times exp(-(r/R)^8), but for terms
that fall exponentially with R, because the harmonic has no mean over angles.
"""

from functools import lru_cache
from itertools import product
from math import factorial, pi, sqrt

import numpy as np
from scipy.special import lpmv

BASES = {
    "simple": np.eye(3),
    "body-centred": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2,
    "face-centred": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
}
"""Lattice vectors in edges of the cubic cell."""
SITES: dict[str, list[tuple[float, float, float]]] = {
    "simple": [(0, 0, 0)],
    "body-centred": [(0, 0, 0), (0.5, 0.5, 0.5)],
    "face-centred": [(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)],
}
"""Centres of the spheres in a cubic cell, in edges."""
TOUCHING = {"simple": pi / 6, "body-centred": pi * sqrt(3) / 8, "face-centred": pi * sqrt(2) / 6}
"""Fraction at which spheres touch."""
# Sangani and Acrivos (Proc. R. Soc. A 386 (1983) 263), coefficients of their series
SERIES = {
    "simple": (1.305, 0.231, 0.405, 0.0723, 0.153, 0.0105),
    "body-centred": (0.129, -0.413, 0.764, 0.257, 0.0113, 0.00562),
}


def radius(array: str, fraction: float) -> float:
    """Radius of the spheres in edges of the cubic cell."""
    return (3 * fraction / (4 * pi * len(SITES[array]))) ** (1 / 3)


def multipoles(array: str, fraction: float, ratio: float, highest: int = 15) -> float:
    """Conductivity of the array over that of the matrix; spheres conduct ``ratio`` times the matrix.

    ``highest`` is the degree of the highest multipole (odd).
    """
    a, volume = radius(array, fraction), 1 / len(SITES[array])
    terms = [(j, k) for j in range(1, highest + 1, 2) for k in range(-(j - j % 4), j + 1) if k % 4 == 0]
    sums = lattice_sums(array, 2 * highest)
    # unknown: moments B of irregular harmonics, scaled so that all are of one size
    matrix, right = np.eye(len(terms)), np.zeros(len(terms))
    size = [sqrt(factorial(j - k) * factorial(j + k)) / a ** (j + 0.5) for j, k in terms]
    for row, (j, k) in enumerate(terms):
        answer = (ratio - 1) * j / (ratio * j + j + 1) if np.isfinite(ratio) else 1.0
        answer *= a ** (2 * j + 1) / (factorial(j - k) * factorial(j + k))
        if (j, k) == (1, 0):
            right[row] = answer * size[row]  # a local field of one along z: the potential -z
        for column, (degree, m) in enumerate(terms):
            if degree + j >= 4:  # the sum of degree two vanishes by symmetry
                scale = answer * size[row] / size[column]
                matrix[row, column] -= scale * sums.get((degree + j, m + k), 0.0)
    return _effective(terms, matrix, right, size, volume)


def _effective(
    terms: list[tuple[int, int]], matrix: np.ndarray, right: np.ndarray, size: list[float], volume: float
) -> float:
    swap = [terms.index((j, -k)) for j, k in terms]
    # rows hold B_(j,-k); odd l and even k leave no other sign
    full = np.eye(len(terms)) - (np.eye(len(terms)) - matrix)[swap]
    moments = np.linalg.solve(full, right[swap])
    dipole = moments[terms.index((1, 0))] / size[terms.index((1, 0))]
    mean_field = 1 - 4 * pi / 3 * dipole / volume  # Lorentz: local field of a cubic array
    return float(1 + 4 * pi * dipole / volume / mean_field)


@lru_cache(maxsize=8)
def lattice_sums(array: str, highest: int, cut: float = 9.0) -> dict[tuple[int, int], float]:
    """Sums over the other sites of (l-m)! P_lm exp(i m phi) / r^(l+1), even l from 4, m a multiple of 4."""
    reach = int(np.ceil(cut * 1.6 * 2))
    n = np.array(list(product(range(-reach, reach + 1), repeat=3)))
    x = n @ BASES[array]
    r = np.linalg.norm(x, axis=1)
    x, r = x[(r > 0) & (r < 1.6 * cut)], r[(r > 0) & (r < 1.6 * cut)]
    cosine, phi, weight = x[:, 2] / r, np.arctan2(x[:, 1], x[:, 0]), np.exp(-((r / cut) ** 8))
    found = {}
    for degree in range(4, highest + 1, 2):
        for m in range(0, degree + 1, 4):
            values = lpmv(m, degree, cosine) * np.cos(m * phi) * weight / r ** (degree + 1)
            found[degree, m] = factorial(degree - m) * float(values.sum())
            # P of -m is (l-m)!/(l+m)! P of m for even m
            found[degree, -m] = found[degree, m]
    return found


def series(array: str, fraction: float, ratio: float) -> float:
    """Sangani and Acrivos' series; what it leaves out is of the order fraction^(25/3)."""
    c1, c2, c3, c4, c5, c6 = SERIES[array]
    f = fraction
    l1, l2, l3, l4, l5 = (
        ((ratio - 1) / (ratio + 2 * i / (2 * i - 1)) if np.isfinite(ratio) else 1.0) for i in range(1, 6)
    )
    below = (
        -1 / l1 + f + c1 * l2 * f ** (10 / 3) * (1 + c2 * l3 * f ** (11 / 3)) / (1 - c3 * l2 * f ** (7 / 3))
    )
    below += c4 * l3 * f ** (14 / 3) + c5 * l4 * f**6 + c6 * l5 * f ** (22 / 3)
    return 1 - 3 * f / below
