"""What the figures show: data, scales, labels. No picture is written here."""

import matplotlib.colors as colours
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import TriMesh

from lithoscape.report import figures, maps
from lithoscape.report.phases import BANDS, GROUP_COLOURS, LEVEL_COLOURS, level_series


def test_nothing_is_left_with_pyplot(short):
    figures.level_averages(short)
    assert plt.get_fignums() == []


def test_voltage_is_drawn_as_recorded_over_the_bands(record):
    upper, lower = figures.voltage_and_current(record).axes
    drawn = np.concatenate([line.get_ydata() for line in upper.lines])
    assert np.array_equal(drawn, record["Voltage [V]"].values)
    assert np.array_equal(lower.lines[0].get_xdata(), upper.lines[0].get_xdata())
    faces = {colours.to_hex(patch.get_facecolor()) for patch in upper.patches}
    assert faces == set(BANDS.values())
    assert "(h)" in lower.get_xlabel() and "V" in upper.get_ylabel()


def test_capacity_counts_from_the_start_of_each_cycle(record):
    (axis,) = figures.voltage_against_capacity(record).axes
    stars = [line for line in axis.lines if line.get_marker() == "*"]
    assert len(stars) == 3 and all(line.get_xdata()[0] == 0 for line in stars)
    charge = -0.1 * record["Discharge capacity [A.h.m-2]"].values
    last = record["Cycle"].values == 2
    ends = charge[last][-1] - charge[last][0]
    assert stars[2].get_xdata()[1] == pytest.approx(ends)


def test_levels_are_solid_then_dotted_in_their_colours(short):
    axis, _ = figures.level_averages(short).axes
    series = level_series(short)
    for d, colour in enumerate(LEVEL_COLOURS):
        lines = [line for line in axis.lines if line.get_color() == colour]
        assert np.array_equal(np.concatenate([line.get_ydata() for line in lines]), series[:, d])
        assert [line.is_dashed() for line in lines] == [False] * 5 + [True]


def test_groups_are_shifted_by_the_stated_offset(short):
    axis, _ = figures.lateral_groups(short).axes
    near = [line for line in axis.lines if line.get_color() == GROUP_COLOURS[0]]
    starts = [line.get_ydata()[0] for line in near[:: len(near) // 3]]
    assert starts == pytest.approx([0.9 + 2 * figures.OFFSET, 0.9 + figures.OFFSET, 0.9])
    assert [text.get_text() for text in axis.texts] == ["top\n+0.26", "middle\n+0.13", "bottom"]


def test_multiples_share_one_scale_and_are_not_shifted(record):
    axes = figures.lateral_multiples(record).axes
    assert len(axes) == 9 and len({axis.get_ylim() for axis in axes}) == 1
    assert axes[0].lines[0].get_ydata()[0] == pytest.approx(0.9)


def test_the_electrolyte_limit_is_marked_only_if_it_is_near(record):
    hatched = [
        [patch.get_hatch() for patch in figures.electrolyte_extremes(record, valid).axes[0].patches]
        for valid in ((0.0, 2000.0), (0.0, 9000.0), None)
    ]
    assert ["//" in found for found in hatched] == [True, False, False]


def test_deviations_are_in_tolerances_and_never_off_the_picture(rows):
    import dataclasses

    far = dataclasses.replace(rows[3], simulated=90.0, verdict="not met")
    axis = figures.targets([rows[0], far]).axes[0]
    marks = [line for line in axis.lines if line.get_marker() not in ("None", None, "")]
    assert [line.get_marker() for line in marks] == ["o", ">"]
    assert float(np.ravel(marks[1].get_xdata())[0]) == figures.FARTHEST
    assert float(np.ravel(marks[0].get_xdata())[0]) == pytest.approx(rows[0].deviation / rows[0].tolerance)
    assert any("27.3 % SoL" in text.get_text() for text in axis.texts)


def test_what_does_not_happen_is_listed_without_a_mark(rows):
    import dataclasses

    unseen = dataclasses.replace(rows[3], simulated=None, verdict="not met")
    untested = dataclasses.replace(rows[4], simulated=None, verdict="not testable")
    axis = figures.targets([unseen, untested]).axes[0]
    assert [line.get_marker() for line in axis.lines] == ["None"]
    assert sum(text.get_text() == "not seen" for text in axis.texts) == 1
    assert not any("0.5C" in text.get_text() for text in axis.texts)


# ------------------------------------------------------------------ fields
def test_depth_counts_from_the_electrode_surface(fields):
    section = maps.Section(fields)
    assert section.depth.min() == pytest.approx(-25) and section.depth.max() == pytest.approx(195)
    corners = section.borders.reshape(-1, 2)
    assert {float(x) for x in np.round(corners[:, 0][corners[:, 1] > 1], 6)} >= {25.0}
    assert corners[:, 1].max() == pytest.approx(175)


def test_maps_have_true_aspect_one_scale_and_titles(record, fields):
    figure = maps.sol_maps(record, fields)
    panels = [axis for axis in figure.axes if axis.get_title(loc="left")]
    assert len(panels) == 6
    assert panels[0].get_title(loc="left") == "a  start of charge\n0.0 min, 3.75 V"
    assert panels[4].get_title(loc="left") == "e  end of discharge\n115.0 min, 2.50 V"
    assert all(axis.get_aspect() == 1 and axis.get_xlim() == (-50, 200) for axis in panels)
    assert all(axis.yaxis_inverted() for axis in panels)
    meshes = [c for axis in panels for c in axis.collections if isinstance(c, TriMesh)]
    assert len(meshes) == 12
    assert len({c.get_clim() for c in meshes}) == 1
    low, high = meshes[0].get_clim()
    assert low <= np.nanmin(record["Gauge state of lithiation"]) and high >= 0.9


def test_the_sampled_row_has_a_circle_at_every_point(record, fields):
    figure = maps.sol_maps(record, fields)
    below = figure.axes[3]
    counts = [len(c.get_offsets()) for c in below.collections if len(c.get_offsets()) > 1]
    assert sorted(counts) == [6, 42]  # 3 levels: 2 of 16 positions without active material


def test_nothing_is_drawn_where_there_is_no_active_material(fields):
    section = maps.Section(fields)
    values = fields["State of lithiation"].values[0]
    mesh = maps._triangulation(section, values, mirrored=False)
    shown = section.cells[~mesh.mask]
    assert np.isfinite(values[shown]).all()
    assert (section.x[shown].min(axis=1) <= 200).all()
    assert set(section.region[~mesh.mask]) == {section.regions["positive"]}


def test_a_stray_gap_hides_its_cells_only(fields):
    section = maps.Section(fields)
    values = fields["State of lithiation"].values[0].copy()
    before = maps._triangulation(section, values, mirrored=False).mask.sum()
    values[np.flatnonzero(np.isfinite(values))[200]] = np.nan
    assert 0 < maps._triangulation(section, values, mirrored=False).mask.sum() - before <= 8


def test_the_validity_limit_is_a_line_on_the_concentration(record, fields):
    def red(valid):
        axis = maps.concentration_maps(record, fields.isel(moment=[1]), valid).axes[0]
        edges = [c.get_edgecolor() for c in axis.collections]
        return any(len(e) and colours.to_hex(e[0]) == "#e02020" for e in edges)

    assert red((0.0, 1500.0)) and not red((0.0, 2500.0)) and not red(None)


def test_a_moment_at_a_switch_takes_the_side_its_name_asks_for(record):
    switch = 75 * 60.0
    assert (
        maps._row_at(record, switch, "start of discharge") == maps._row_at(record, switch, "end of rest") + 1
    )


def test_reaction_is_symmetric_about_zero(record, fields):
    axis = maps.reaction_maps(record, fields.isel(moment=[0])).axes[0]
    low, high = next(c.get_clim() for c in axis.collections if isinstance(c, TriMesh))
    assert low == -high


def test_what_cannot_be_drawn_is_known(fields):
    assert maps.drawable(fields)
    assert not maps.drawable(None)
    assert not maps.drawable(fields.drop_vars("triangles"))
    assert not maps.drawable(fields.isel(moment=slice(0, 0)))
    assert not maps.drawable(fields.isel(cell=slice(0, 0)))
    assert not maps.drawable(fields, "Temperature [K]")
