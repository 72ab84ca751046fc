"""Reading scenario files: numbers, variants, changes of single keys."""

from pathlib import Path

import pytest

from lithoscape.errors import InputError
from lithoscape.scenario import load_scenario, parse_changes, variant_names

TEXT = """
title: Small
materials: {set: Xu2019, changes: {separator.porosity: 0.5}}
geometry: {kind: layered, cells: 8}
electrode: {thickness_um: 30, transport: 2e-1}
cell: {capacity_mAh_cm2: 1}
protocol: [Rest for 1 s]
solver: {relative_tolerance: 1e-4, newton_update: 1E-8, largest_step_s: .5e2}
default_variant: thick
variants:
  thick: {electrode: {thickness_um: 60}}
  other:
    geometry: {cells: 9}
    protocol: [Rest for 2 s, Rest for 3 s]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_whole_numbers_and_exponents_are_numbers(file: Path) -> None:
    s = load_scenario(file, "base").scenario
    assert s.electrode.thickness_um == 30.0
    assert s.electrode.transport == 0.2
    assert (s.solver.relative_tolerance, s.solver.newton_update, s.solver.largest_step_s) == (
        1e-4,
        1e-8,
        50.0,
    )


def test_variants_are_laid_over_the_base(file: Path) -> None:
    assert variant_names(file) == ["base", "thick", "other"]
    base, default, other = (load_scenario(file, name) for name in ("base", None, "other"))
    assert (base.variant, default.variant, other.variant) == ("base", "thick", "other")
    assert default.scenario.electrode.thickness_um == 60.0
    assert default.scenario.electrode.transport == base.scenario.electrode.transport
    assert other.scenario.geometry.cells == 9
    assert other.scenario.protocol == ["Rest for 2 s", "Rest for 3 s"]
    assert len({loaded.digest() for loaded in (base, default, other)}) == 3
    assert load_scenario(file, "base").digest() == base.digest()


def test_single_changes_come_last(file: Path) -> None:
    entries = [
        "electrode.thickness_um=70",
        "electrode.transport={through: 0.1, in_plane: 3e-1}",
        "protocol=[Rest for 5 s]",
        "materials.changes.positive.particle_radius=4e-6",
        "title=A = B",
    ]
    s = load_scenario(file, "thick", parse_changes(entries)).scenario
    assert s.electrode.thickness_um == 70.0
    assert (s.electrode.transport.through, s.electrode.transport.in_plane) == (0.1, 0.3)
    assert s.protocol == ["Rest for 5 s"]
    assert s.materials.changes == {"separator.porosity": 0.5, "positive.particle_radius": 4e-6}
    assert s.title == "A = B"
    assert load_scenario(file, "thick", parse_changes(["electrode.thickness_um=null"])).scenario == (
        load_scenario(file, "base", {"electrode.thickness_um": None}).scenario
    )


def test_what_is_validated_is_frozen(file: Path) -> None:
    s = load_scenario(file).scenario
    with pytest.raises(ValueError, match="frozen"):
        s.title = "another"


def test_a_variant_that_is_wrong_is_found_only_when_it_is_used(file: Path) -> None:
    file.write_text(TEXT + "  wrong: {electrode: {thickness_um: -1}}\n", encoding="utf-8")
    assert load_scenario(file).variant == "thick"
    with pytest.raises(InputError) as caught:
        load_scenario(file, "wrong")
    assert caught.value.field == "variants.wrong.electrode.thickness_um"
