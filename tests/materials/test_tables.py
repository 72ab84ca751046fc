"""Tables: exact interpolation and derivatives, extension, refusal of bad data."""

import math

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from lithoscape.errors import InputError
from lithoscape.materials import (
    Table,
    derivative,
    ocp_table,
    packaged_ocp,
    read_table,
    strauss2018_nmc622_volume_ratio,
    ufl_maths,
)

NAMES = ("nmc622_hanyang_ocp", "nmc811_hanyang_ocp", "nmc811_sturm2019_ocp")


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_scipy_s_pchip_with_exact_derivatives(name):
    table = packaged_ocp(name)
    peer = PchipInterpolator(table.x, table.y)
    x = np.linspace(table.x[0], table.x[-1] - 1e-9, 2003)
    assert np.max(np.abs(table(x) - peer(x))) < 1e-14 * 10
    slope = peer.derivative()(x)
    assert np.max(np.abs(derivative(table, x) - slope)) < 1e-12 * np.max(np.abs(slope))


@pytest.mark.parametrize("name", NAMES)
def test_potentials_fall_and_meet_their_extension(name):
    table = packaged_ocp(name)
    x = np.linspace(0.001, 0.999, 5001)
    assert np.all(derivative(table, x) < 0.0)
    for edge in (table.x[0], table.x[-1]):
        step = 1e-9
        assert table(edge - step) == pytest.approx(table(edge + step), abs=1e-6)
        left, right = derivative(table, np.array([edge - step, edge + step]))
        assert left == pytest.approx(right, rel=1e-4)


def test_shapes_and_types_are_kept():
    table = packaged_ocp("nmc622_hanyang_ocp")
    x = np.array([[0.4, 0.5, 0.9], [0.1, 0.99, 0.6]])
    assert table(x).shape == x.shape
    assert np.array_equal(table(x)[1], table(x[1]))
    assert np.ndim(table(0.5)) == 0
    assert float(table(0.5)) == pytest.approx(3.92886)
    assert np.iscomplexobj(table(0.5 + 1e-30j))


def test_the_tree_agrees_with_the_array_at_and_around_every_knot():
    import ufl

    table = Table((0.0, 0.2, 0.5, 0.6), (1.0, 0.7, 0.4, 0.35), extend="constant")
    m = ufl_maths()
    for x in (-0.5, -1e-12, *table.x, 0.2 - 1e-12, 0.3, 0.55, 0.6 + 1e-12, 2.0):
        assert float(ufl.as_ufl(table(ufl.as_ufl(x), m))(())) == pytest.approx(float(table(x)), rel=1e-14)


def test_in_an_assembled_form():
    import dolfinx_solver  # noqa: F401
    import ufl
    from dolfinx import fem, mesh
    from mpi4py import MPI

    table = packaged_ocp("nmc622_hanyang_ocp")
    square = mesh.create_unit_interval(MPI.COMM_SELF, 1)
    x = fem.Constant(square, 0.61)
    stoichiometry = ufl.variable(x)
    potential = table(stoichiometry, ufl_maths())
    total = fem.assemble_scalar(fem.form(potential * ufl.dx(square)))
    slope = fem.assemble_scalar(fem.form(ufl.diff(potential, stoichiometry) * ufl.dx(square)))
    assert total == pytest.approx(float(table(0.61)), rel=1e-14)
    assert slope == pytest.approx(float(derivative(table, 0.61)), rel=1e-12)


def test_extensions():
    points = ((0.0, 0.5, 1.0), (2.0, 1.0, 0.5))
    constant = Table(*points, extend="constant")
    linear = Table(*points, extend="linear")
    assert constant(5.0) == 0.5 and constant(-5.0) == 2.0
    assert linear(2.0) == pytest.approx(0.5 + derivative(linear, 1.0))
    with pytest.raises(InputError, match="extend"):
        Table(*points, extend="cubic")


def test_a_potential_with_a_flat_end_still_falls_outside():
    table = ocp_table([0.1, 0.5, 0.9], [4.0, 3.5, 3.4])
    assert derivative(table, 0.99) < 0.0
    with pytest.warns(UserWarning, match="does not fall"):
        flat = ocp_table([0.1, 0.4, 0.6, 0.9], [4.0, 3.6, 3.5, 3.5])
    assert derivative(flat, 0.99) < 0.0


def test_a_rising_potential_is_made_to_fall_and_says_so():
    with pytest.warns(UserWarning, match=r"changed by up to 5\.00 mV"):
        table = ocp_table([0.1, 0.3, 0.5, 0.7], [4.0, 3.60, 3.61, 3.4], "noisy")
    assert np.all(np.diff(table.y) <= 0.0)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ((0.1, 0.2), (4.0, 3.9), "three points"),
        ((0.1, 0.2, 0.3), (4.0, math.nan, 3.8), "row 2"),
        ((0.1, math.inf, 0.3), (4.0, 3.9, 3.8), "row 2"),
        ((0.1, 0.3, 0.2), (4.0, 3.9, 3.8), "row 3"),
        ((0.1, 0.1, 0.2), (4.0, 3.9, 3.8), "row 2"),
        ((0.1, 0.2, 0.3), (4.0, 3.9), "length"),
    ],
)
def test_bad_tables_are_refused(x, y, message):
    for build in (lambda: ocp_table(x, y, "positive.ocp"), lambda: Table(x, y, "positive.ocp")):
        with pytest.raises(InputError, match=message) as caught:
            build()
        assert caught.value.field == "positive.ocp" and caught.value.remedy and caught.value.value is not None


def test_packaged_tables_carry_their_source():
    for name in (*NAMES, "nmc622_unit_cell"):
        x, y, citation = read_table(name)
        assert len(x) == len(y) >= 3 and citation


def test_unit_cell_volume_shrinks_with_delithiation():
    ratio = strauss2018_nmc622_volume_ratio()
    assert ratio(1.0) == pytest.approx(1.0)
    assert ratio(0.5) == pytest.approx(0.986)
    assert np.all(derivative(ratio, np.linspace(0.31, 0.99, 50)) > 0.0)
