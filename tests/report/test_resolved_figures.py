"""The particles of a resolved run in its report: what the figures show, and runs that have little to show."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection, PathCollection, QuadMesh

from lithoscape.field_files import FieldMesh, write_vtu
from lithoscape.mesh import read_mesh, write_mesh
from lithoscape.report import resolved_figures as figures
from lithoscape.report import write_report
from lithoscape.report.document import Details, kept_moments, region_sizes, render

READY = Path(__file__).parents[2] / "meshes" / "ready"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def course(hours: float = 0.4, rows: int = 41) -> tuple[np.ndarray, np.ndarray]:
    """Times [s] and mean state of lithiation of one discharge."""
    return np.linspace(0, 3600 * hours, rows), np.linspace(0.3, 0.9, rows)


def electrode(
    particles: int = 30, time: np.ndarray | None = None, mean: np.ndarray | None = None, unit: str = "m3"
) -> xr.Dataset:
    """Particles near the separator are ahead at first; those near the collector catch up."""
    time, mean = course() if time is None or mean is None else (time, mean)
    random = np.random.default_rng(1)
    depth = random.uniform(0.05, 0.95, particles) if particles > 1 else np.array([0.5])
    size = random.uniform(4e-6, 9e-6, particles)
    volume = np.pi / 6 * size**3 if unit == "m3" else np.pi / 4 * size**2
    area = np.pi * size**2 if unit == "m3" else np.pi * size
    full = np.clip((mean - 0.3) / 0.6, 0, 1)
    inside = mean[:, None] + 0.1 * np.sin(np.pi * full)[:, None] * (0.5 - depth)
    spread = 0.05 * full[:, None] * (1.2 - depth)
    flow = -2.0 * (1 + (0.6 - 1.2 * full[:, None]) * (0.5 - depth))
    sol, slab = (np.arange(100) + 0.5) / 100, (np.arange(24) + 0.5) / 24
    bell = np.exp(-0.5 * ((sol - mean[:, None]) / 0.04) ** 2)
    over = ("time", "particle")
    data = {
        figures.MEAN: (over, inside),
        figures.SPREAD: (over, spread),
        figures.LOWEST: (over, inside - 2 * spread),
        figures.HIGHEST: (over, np.minimum(inside + 2 * spread, 1.0)),
        figures.CURRENT: (over, flow),
        figures.SLAB_MEAN: (("time", "slab"), mean[:, None] + 0.05 * (0.5 - slab)),
        figures.SLAB_SPREAD: (("time", "slab"), 0.03 + 0.0 * mean[:, None] * slab),
        figures.SHARES: (("time", "sol"), bell / bell.sum(axis=1, keepdims=True)),
        figures.WHOLE: ("time", mean),
        "Discharge capacity [A.h.m-2]": ("time", 30 * (mean - mean[0])),
        figures.DEPTH: ("particle", depth),
        figures.VOLUME: ("particle", volume, {"units": unit}),
        figures.DIAMETER: ("particle", size, {"units": "m"}),
        figures.AREA: ("particle", area),
    }
    coordinates = {"time": time, "particle": np.arange(1, particles + 1), "slab": slab, "sol": sol}
    return xr.Dataset(data, coordinates, {"title": "Packing", "status": "finished"})


@pytest.fixture(scope="module")
def record():
    return electrode()


def dots(axis):
    return next(c for c in axis.collections if isinstance(c, PathCollection))


# ------------------------------------------------------------------ which moments
def test_named_moments_are_shown_in_order_of_time(record):
    kept = [("end", 1440.0), ("60 % DoD", 864.0), ("after the end", 2000.0)]
    assert figures.moments(record, kept) == [
        figures.Moment("60 % DoD", 24, 864.0), figures.Moment("end", 40, 1440.0)
    ]  # fmt: skip


def test_of_many_moments_four_are_shown_with_the_first_and_last(record):
    shown = figures.moments(record, [(f"m{k}", 100.0 * k) for k in range(9)])
    assert [m.name for m in shown] == ["m0", "m3", "m5", "m8"]


def test_without_names_each_shows_a_quarter_of_the_charge_whichever_way_it_passed():
    time = np.arange(9.0)
    up_and_down = 0.3 + 0.1 * np.array([0, 1, 2, 3, 4, 3, 2, 1, 0])
    shown = figures.moments(electrode(5, time, up_and_down), [("end", 8.0)])
    assert [m.row for m in shown] == [2, 4, 6, 8]
    assert [m.name for m in shown] == [f"{k} % of the charge" for k in (25, 50, 75, 100)]


@pytest.mark.parametrize("mean", [[0.4], [0.4, 0.4, 0.4]], ids=["one row", "at rest"])
def test_without_charge_the_last_record_is_shown(mean):
    (one,) = figures.moments(electrode(5, np.arange(float(len(mean))), np.array(mean)))
    assert (one.name, one.row) == ("last record", len(mean) - 1)


# ------------------------------------------------------------------ figures at moments
def test_particles_are_dots_by_volume_with_their_spread_over_the_mean_of_a_depth(record):
    shown = figures.moments(record)
    drawn = figures.particles_by_depth(record, shown)
    assert len(drawn.axes) == 4 and len({axis.get_ylim() for axis in drawn.axes}) == 1
    for axis, moment in zip(drawn.axes, shown, strict=True):
        at = record.isel(time=moment.row)
        assert np.allclose(dots(axis).get_offsets(), np.column_stack([at[figures.DEPTH], at[figures.MEAN]]))
        per_volume = dots(axis).get_sizes() / at[figures.VOLUME].values
        assert np.allclose(per_volume, per_volume[0])
        bars = next(c for c in axis.collections if isinstance(c, LineCollection))
        lengths = [np.ptp(segment[:, 1]) for segment in bars.get_segments()]
        assert np.allclose(lengths, 2 * at[figures.SPREAD])
        assert np.array_equal(axis.lines[0].get_ydata(), at[figures.SLAB_MEAN])
        assert axis.get_xlim() == (0, 1)
        assert [t.get_text() for t in axis.get_xticklabels()] == ["separator", "0.5", "collector"]


def test_a_name_that_is_the_time_stands_once(record):
    shown = figures.moments(record, [("12 min", 720.0), ("end", 1440.0)])
    titles = [axis.get_title() for axis in figures.particles_by_depth(record, shown).axes]
    assert titles == ["12 min\nmean 0.60", "end\n24 min, mean 0.90"]
    (axis,) = figures.lithiation_histogram(record, shown).axes
    assert axis.get_legend_handles_labels()[1][0].startswith("12 min: ")


def test_equal_particles_are_not_drawn_apart_by_rounding(record):
    even = record.isel(time=[0]).assign({figures.SPREAD: 0 * record[figures.SPREAD][:1]})
    even = even.drop_vars(figures.SLAB_MEAN)
    even[figures.MEAN] = 0.34 + 1e-14 * record[figures.DEPTH] * xr.ones_like(even["time"])
    low, high = figures.particles_by_depth(even, figures.moments(even)).axes[0].get_ylim()
    assert high - low == pytest.approx(0.02) and low < 0.34 < high


def test_dots_of_many_particles_are_pixels():
    def rasterized(particles):
        record = electrode(particles)
        axis = figures.particles_by_depth(record, figures.moments(record)[-1:]).axes[0]
        return dots(axis).get_rasterized()

    assert rasterized(500) and not rasterized(100)


def test_the_nearly_full_share_is_that_above_95_percent(record):
    shown = figures.moments(record)
    (axis,) = figures.lithiation_histogram(record, shown).axes
    share = record[figures.SHARES].values[-1]
    found = figures.nearly_full(record["sol"].values, share)
    assert found == pytest.approx(share[95:].sum()) and found > 0.05
    labels = axis.get_legend_handles_labels()[1]
    assert labels[-1] == f"100 % of the charge, 24 min: {100 * found:.0f} % above 0.95"
    assert figures.nearly_full(np.array([0.25, 0.75]), np.array([0.0, 1.0])) == pytest.approx(0.1)


def test_a_sphere_by_itself_and_the_depth_it_limits_are_marked_at_their_moments(record):
    told = record.assign_attrs(single_particle_spread='{"b": 0.2}', solid_limited_depth='{"b": 0.42}')
    first, second = figures.spread_by_depth(told, figures.moments(told, [("a", 500.0), ("b", 900.0)])).axes
    assert not first.texts and "42 %" in second.texts[0].get_text()
    dashed = [line for line in second.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [0.2]
    assert second.get_ylim()[1] > 0.2 and first.get_ylim() == second.get_ylim()


@pytest.mark.parametrize("text", ["{", "[1]", '{"b": "x"}', '{"b": NaN}', "3"])
def test_attributes_that_say_nothing_are_left_out(text, record):
    assert figures.told(record.assign_attrs(single_particle_spread=text), figures.SINGLE) == {}


def test_names_with_dollars_are_no_mathematics(record):
    shown = figures.moments(record, [("a $x^{ $ b", 500.0)])
    for draw in (figures.particles_by_depth, figures.spread_by_depth, figures.lithiation_histogram):
        draw(record, shown).canvas.draw()


# ------------------------------------------------------------------ figures of the whole run
def meshes(figure):
    return [
        np.ma.filled(c.get_array().astype(float), np.nan).reshape(c.get_coordinates().shape[0] - 1, -1)
        for axis in figure.axes
        for c in axis.collections
        if isinstance(c, QuadMesh) and axis.get_xlabel()
    ]


def test_differences_are_means_by_volume_in_slices_of_the_depth(record):
    drawn = figures.differences(record)
    within, ratio = meshes(drawn)
    assert within.shape == ratio.shape == (7, 41)
    assert [axis.yaxis_inverted() for axis in drawn.axes[:4]] == [False, False, True, True]
    assert [t.get_text() for t in drawn.axes[2].get_yticklabels()] == ["separator", "0.5", "collector"]
    depth, volume = record[figures.DEPTH].values, record[figures.VOLUME].values
    there = (depth * 7).astype(int) == 3
    expected = (record[figures.HIGHEST] - record[figures.LOWEST]).values[20, there]
    assert within[3, 20] == pytest.approx(np.average(expected, weights=volume[there]))


def test_slices_beside_particles_are_filled_and_far_ones_are_not():
    means = np.array([[np.nan, 1.0, np.nan, np.nan, np.nan, np.nan, np.nan, 2.0]])
    assert np.array_equal(
        figures._neighboured(means), [[1.0, 1.0, 1.0, 1.0, np.nan, 2.0, 2.0, 2.0]], equal_nan=True
    )


def test_a_fragment_does_not_stand_for_a_slice():
    values, depth = np.array([[1.0, 2.0, 9.0]]), np.array([0.1, 0.2, 0.9])
    assert figures._binned(values, np.array([1.0, 1.0, 0.1]), depth, 2).tolist() == [[1.5, 9.0]]
    assert np.array_equal(
        figures._binned(values, np.array([1.0, 1.0, 0.01]), depth, 2), [[1.5, np.nan]], equal_nan=True
    )


def test_currents_are_relative_to_the_mean_over_the_reacting_surface(record):
    even = record.assign({figures.CURRENT: record[figures.CURRENT] * 0 - 1.7})
    assert np.allclose(meshes(figures.differences(even))[1][0], 1.0)
    ratio = figures._relative_current(record)
    area = record[figures.AREA].values
    assert np.allclose(ratio @ area / area.sum(), 1.0)


def test_the_reaction_moves_from_the_separator_to_the_collector(record):
    axis = figures.differences(record).axes[3]
    drawn = {line.get_label(): line.get_ydata() for line in axis.lines}
    front, even = drawn["mean depth of the reaction"], drawn["with one current everywhere"][0]
    assert front[0] < even - 0.01 and front[-1] > even + 0.01


def test_at_rest_there_is_no_relative_current_and_time_runs_along():
    mean = np.concatenate([np.linspace(0.3, 0.6, 8), np.full(4, 0.6), np.linspace(0.6, 0.4, 6)])
    record = electrode(12, np.linspace(0, 1700, mean.size), mean)
    record[figures.CURRENT][8:12] = 1e-5
    record[figures.CURRENT][12:] *= -1
    drawn = figures.differences(record)
    assert [a.get_xlabel() for a in drawn.axes if a.get_xlabel()] == ["Time (min)"] * 2
    ratio = meshes(drawn)[1]
    assert np.isnan(ratio[:, 8:12]).all() and np.nanmin(ratio) > 0


def test_a_charge_runs_from_left_to_right():
    drawn = figures.differences(electrode(6, course()[0], course()[1][::-1]))
    low, high = drawn.axes[0].get_xlim()
    assert low == pytest.approx(0.9) and high == pytest.approx(0.3)


# ------------------------------------------------------------------ the section
def unknown_currents(record):
    return record.assign({figures.CURRENT: record[figures.CURRENT] * np.nan})


def brief(**given):
    """Start and middle of a run: panels side by side, and maps, of little cost."""
    return electrode(**given).isel(time=[0, 20])


def without_surface():
    record = brief()
    lost = record["particle"] == 3
    areas = record[figures.AREA].where(~lost, 0.0)
    return record.assign({figures.CURRENT: record[figures.CURRENT].where(~lost), figures.AREA: areas})


def gaps():
    record = brief()
    return record.assign({figures.SLAB_MEAN: record[figures.SLAB_MEAN].where(record["slab"] > 0.3)})


DEGENERATE = {
    "one row": (lambda: electrode().isel(time=[0]), 3),
    "no rows": (lambda: electrode().isel(time=slice(0, 0)), 0),
    "one particle": (lambda: brief(particles=1), 4),
    "no currents, no slabs": (lambda: unknown_currents(brief()).drop_vars(figures.SLAB_MEAN), 4),
    "a particle without surface": (without_surface, 4),
    "gaps in depth, in the plane": (
        lambda: gaps().assign({figures.VOLUME: brief(unit="m2")[figures.VOLUME]}),
        4,
    ),
    "only where": (lambda: electrode()[[figures.DEPTH, figures.VOLUME]], 0),
    "all zero": (lambda: brief() * 0, 4),
    "nothing finite": (lambda: brief() * np.nan, 0),
}


@pytest.mark.parametrize(("make", "count"), DEGENERATE.values(), ids=DEGENERATE)
def test_runs_with_little_to_show_still_have_their_section(make, count):
    text = render(make(), None, None, Details())
    assert 'id="particles"' in text and "Particles and electrode" in text
    assert text.count("<img ") == count


def test_a_record_without_particles_has_no_such_section(record):
    assert 'id="particles"' not in render(record.drop_dims("particle"), None, None, Details())
    none = record.isel(particle=slice(0, 0))
    assert 'id="particles"' not in render(none, None, None, Details())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "fields").mkdir()
    (tmp_path / "pictures").mkdir()
    kept = [["frame 1", 10.0], ["<b>60 % & more</b>", 864.0], ["end", 1440.0]]
    (tmp_path / "fields" / "moments.json").write_text(json.dumps(kept))
    for name in ("state_of_lithiation.png", "<i>own & view.png", "reaction_current.png"):
        (tmp_path / "pictures" / name).write_bytes(PIXEL)
    (tmp_path / "pictures" / "state_of_lithiation.gif").write_bytes(b"GIF89a" + bytes(20))
    (tmp_path / "pictures" / "electrolyte_concentration.png").write_bytes(b"no picture")
    (tmp_path / "pictures" / "state_of_lithiation.mp4").write_bytes(bytes(20))
    (tmp_path / "pictures" / "notes.txt").write_text("not a picture")
    return tmp_path


def test_pictures_and_films_are_inside_the_page_in_order_and_escaped(folder, record):
    text = write_report(folder, record.isel(time=[0, 20, 40])).read_text(encoding="utf-8")
    assert text.count("<img ") == 4 + 3 + 1 and text.count("data:image/gif") == 1
    section = text[text.index('id="particles"') :]
    shown = ("State of lithiation in the", "electrolyte_concentration.png is damaged", "Film of the run")
    places = [section.index(part) for part in (shown[0], "Reaction current density at", *shown[1:])]
    assert places[0] < places[1] and places[-1] == max(places)
    assert "pictures/state_of_lithiation.mp4" in text and "notes.txt" not in text
    assert "<i>" not in text and "<b>60" not in text and "&lt;i&gt;own &amp; view." in text


def test_large_pictures_stay_outside(folder, record, monkeypatch):
    monkeypatch.setattr("lithoscape.report.document.LARGEST_PICTURE", 30)
    text = write_report(folder, still(record)).read_text(encoding="utf-8")
    assert text.count("Too large for this page") == 3 and "data:image/gif" in text


def test_moments_come_from_the_folder_without_those_of_a_film(folder):
    assert kept_moments(folder) == [("<b>60 % & more</b>", 864.0), ("end", 1440.0)]


@pytest.mark.parametrize("listed", ["{", "[[1]]", "3", '[["a", "x"]]', '[["a", null]]', "[5]"])
def test_a_damaged_list_of_moments_is_no_obstacle(listed, folder):
    (folder / "fields" / "moments.json").write_text(listed)
    assert kept_moments(folder) == []


def facts(text):
    section = text[text.index("Particles and electrode") :]
    rows = re.findall("<tr><td>(.*?)</td><td>(.*?)</td></tr>", section[: section.index("</section>")])
    return dict(rows)


def still(record):
    """What does not change with time: a section without figures."""
    return record[[figures.DEPTH, figures.VOLUME, figures.DIAMETER, figures.AREA]].drop_dims(
        "time", errors="ignore"
    )


def test_sizes_and_shares_of_the_electrode(tmp_path, record):
    source = read_mesh(READY / "three_phases.vtu")
    write_mesh(source, tmp_path / "mesh.vtu")
    sizes = {k: v for k, v in source.region_sizes().items() if k != "separator"}
    specification = {"geometry": {"phases": {"pore": {"porosity": 1.0}, "binder": {"porosity": 0.5}}}}
    told = still(record).assign_attrs(specification=json.dumps(specification))
    found = facts(write_report(tmp_path, told).read_text(encoding="utf-8"))
    total, surface = sum(sizes.values()), float(record[figures.AREA].sum())
    assert found["Particles"] == "30"
    assert f"active: {sizes['active'] / total:.3g}" in found["Shares of the electrode&#x27;s volume"]
    wet = (sizes["pore"] + 0.5 * sizes["binder"]) / total
    assert float(found["Filled with electrolyte"]) == pytest.approx(wet, rel=5e-3)
    per = float(found["Reaction area per volume of electrode [1/µm]"])
    assert per == pytest.approx(1e-6 * surface / total, rel=5e-3)
    per = float(found["Reaction area per volume of active material [1/µm]"])
    assert per == pytest.approx(1e-6 * surface / float(record[figures.VOLUME].sum()), rel=5e-3)


def test_without_the_mesh_the_shares_come_from_the_fields(tmp_path):
    source = read_mesh(READY / "three_phases.vtu")
    (tmp_path / "fields").mkdir()
    (tmp_path / "fields" / "regions.json").write_text(json.dumps(source.regions))
    for part, names in (("solid", ("active", "binder")), ("electrolyte", ("binder", "pore", "separator"))):
        which = np.isin(source.tags, [source.regions[name] for name in names])
        mesh = FieldMesh("tetra", source.points, source.cells[which], {"Region": source.tags[which]})
        write_vtu(mesh, {}, tmp_path / "fields" / f"end_{part}.vtu")
    whole = {name: size for name, size in source.region_sizes().items() if name != "inactive"}
    assert region_sizes(tmp_path) == pytest.approx(whole, rel=1e-9, abs=0)
    assert region_sizes(tmp_path / "fields") == {}


def test_a_section_in_the_plane_counts_areas_and_lengths():
    found = facts(render(still(electrode(unit="m2")), None, None, Details()))
    assert "Reaction length per area of active material [1/µm]" in found
    assert "Diameter of a circle of the same area [µm]" in found


def test_where_the_time_went():
    direct = {"wall_time_s": 20.0, "assembly_time_s": 5.0}
    krylov = direct | {
        "preconditioner_time_s": 2.0, "krylov_time_s": 8.0, "krylov_iterations": 900, "newton_iterations": 100
    }  # fmt: skip
    text = render(still(electrode(3)), None, None, Details(statistics=direct))
    assert "factorisation, solves and the rest" in text and ">75.0<" in text
    text = render(still(electrode(3)), None, None, Details(statistics=krylov))
    assert "900, 9.0 for each Newton iteration" in text and ">40.0<" in text and ">25.0<" in text
    for nothing in ({}, {"wall_time_s": None, "assembly_time_s": 1.0}, {"wall_time_s": 3.0}):
        assert "Where the time went" not in render(
            still(electrode(3)), None, None, Details(statistics=nothing)
        )
