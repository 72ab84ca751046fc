"""The frequency solver on diffusion in one dimension, whose impedance is known in closed form."""

from collections.abc import Callable

import basix.ufl
import dolfinx_solver  # noqa: F401
import numpy as np
import pytest
import ufl
from dolfinx import fem

from lithoscape.impedance import log_frequencies, spectrum
from lithoscape.impedance.warburg import film_closed, film_held, half_space, sphere
from lithoscape.mesh.structured import Layer, layered_cell
from lithoscape.problem import Control, Problem, Unknown

LENGTH, D, CONDUCTANCE = 2e-5, 3e-11, 50.0
TAU = LENGTH**2 / D
FREQUENCIES = log_frequencies(1e-2 / TAU, 30 / TAU, 5)


def film(cells: int, degree: int, held: bool) -> Problem:
    """dc/dt = D c'', a current G (phi_n - c) in at one end, the other end held at zero or closed.

    The voltage is - phi_n, so that Z = 1/G + (c per current).
    """
    domain = layered_cell([Layer("film", LENGTH, cells)])
    V = fem.functionspace(domain.mesh, ("Lagrange", degree))
    R = fem.functionspace(domain.mesh, basix.ufl.real_element(domain.mesh.basix_cell(), ()))
    c, phi = fem.Function(V), fem.Function(R)
    v, q = ufl.TestFunction(V), ufl.TestFunction(R)
    ds = ufl.Measure("ds", domain.mesh, subdomain_data=domain.facet_tags)(domain.boundary("negative"))
    control = Control(*(fem.Constant(domain.mesh, 0.0) for _ in range(6)))
    i = CONDUCTANCE * (phi - c)
    row = control.weight_current * (i - control.current)
    row += control.weight_voltage * CONDUCTANCE * (control.voltage + phi)
    still = np.empty(0, dtype=np.int32)
    if held:
        facets = domain.facet_tags.find(domain.boundary("positive")[0])
        domain.mesh.topology.create_connectivity(0, 1)
        still = fem.locate_dofs_topological(V, 0, facets)
    unknowns = (
        Unknown("concentration", "1", c, 1.0, 1.0, 1.0, True, still),
        Unknown("potential", "V", phi, 1.0, 1.0, 1.0, False),
    )
    rows = (D * ufl.inner(ufl.grad(c), ufl.grad(v)) * ufl.dx - i * v * ds, row * q * ds)
    storage = (c * v * ufl.dx, None)
    return Problem(domain, unknowns, storage, rows, (), control, {"current": i * ds}, 1.0, 1)


@pytest.mark.parametrize(("held", "closed"), [(True, film_held), (False, film_closed)])
@pytest.mark.parametrize("imposed", ["current", "voltage"])
def test_finite_length_warburg(held: bool, closed: Callable[..., np.ndarray], imposed: str) -> None:
    found = spectrum(film(16, 4, held), FREQUENCIES, current_density=0.0, imposed=imposed)
    exact = 1 / CONDUCTANCE + closed(found.omega, LENGTH / D, TAU)
    assert np.abs(found.impedance / exact - 1).max() < 1e-7


@pytest.mark.parametrize(("held", "closed"), [(True, film_held), (False, film_closed)])
def test_the_error_falls_with_the_mesh(held: bool, closed: Callable[..., np.ndarray]) -> None:
    errors = []
    for cells in (20, 40):
        found = spectrum(film(cells, 1, held), FREQUENCIES, current_density=0.0)
        exact = 1 / CONDUCTANCE + closed(found.omega, LENGTH / D, TAU)
        errors.append(np.abs(found.impedance / exact - 1).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)


def test_limits_of_the_closed_forms() -> None:
    fast, slow = 1e6, 1e-6
    for shape in (film_held, film_closed, sphere):
        # a sphere's curvature is the next term: 1 / (s - 1)
        close = 2e-3 if shape is sphere else 1e-9
        assert shape(fast, 2.0, 1.0) == pytest.approx(half_space(fast, 2.0, 1.0), rel=close)
    assert film_held(slow, 2.0, 1.0) == pytest.approx(2.0, rel=1e-6)
    assert film_closed(slow, 2.0, 1.0) == pytest.approx(2.0 / (1j * slow) + 2.0 / 3, rel=1e-9)
    assert sphere(slow, 2.0, 1.0) == pytest.approx(6.0 / (1j * slow) + 2.0 / 5, rel=1e-5)
