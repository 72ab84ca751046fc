import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from scipy import ndimage

from lithoscape.errors import InputError
from lithoscape.image import GreyImage, Grid, Volume
from lithoscape.image.segment import (
    SegmentRecipe,
    check_recipe,
    load_recipe,
    run_recipe,
    save_recipe,
    segment,
)

H = 0.5e-6
STROKES = [
    {"phase": "pore", "slice": 5, "line": [[2, 2], [2, 20]], "width_voxels": 3},
    {"phase": "active", "axis": 1, "slice": 12, "line": [[14, 3], [20, 3], [20, 18]]},
    {"phase": "active", "box": [[16, 18], [4, 6], [4, 6]]},
]
RECIPE: dict[str, Any] = {
    "phases": ["pore", "active"],
    "steps": [
        {"step": "non_local_means", "reach_voxels": 2},
        {"step": "polynomial_background", "order": 1},
        {"step": "otsu"},
        {"step": "islands", "smallest_um3": 0.7},
        {"step": "mode", "radius_um": 0.5},
    ],
}
CLASSIFY: dict[str, Any] = {"step": "classify", "scribbles": STROKES, "sigmas": [1.0]}


def image() -> GreyImage:
    """Dark below page 12, bright above, noisy; made of whole numbers so that any machine makes the same."""
    rng = np.random.default_rng(5)
    values = np.full((24, 24, 24), 80)
    values[12:] = 150
    return GreyImage((values + rng.integers(-70, 71, values.shape)).astype(np.uint8), Grid(values.shape, H))


def truth() -> Volume:
    return Volume((np.arange(24) >= 12).astype(np.uint8)[:, None, None] * np.ones((24, 24, 24), np.uint8),
                  Grid((24, 24, 24), H), {"pore": 0, "active": 1})  # fmt: skip


def recipe(**changes: Any) -> dict[str, Any]:
    return {**RECIPE, **changes}


def written(folder: Path, text: str) -> Path:
    path = folder / "segment.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def digest(volume: Volume) -> str:
    return hashlib.sha256(volume.labels.tobytes()).hexdigest()


# ------------------------------------------------------------------ files
def test_a_recipe_survives_its_file(tmp_path: Path) -> None:
    made = check_recipe(recipe(steps=[*RECIPE["steps"][:2], CLASSIFY, *RECIPE["steps"][3:]]))
    again = load_recipe(save_recipe(made, tmp_path / "r.yaml"))
    assert again.plain() == made.plain()
    assert again == made.beside(tmp_path)


OTHER_PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
from test_segment_recipe import digest, image
from lithoscape.image.segment import load_recipe, segment
print(*(digest(segment(image(), load_recipe(path))) for path in sys.argv[2:]))
"""


def test_the_same_file_gives_the_same_labels_in_another_process(tmp_path: Path) -> None:
    paths, here = [], []
    for maker in ({"step": "otsu"}, CLASSIFY):
        raw = recipe(steps=[*RECIPE["steps"][:2], maker])
        paths.append(str(save_recipe(check_recipe(raw), tmp_path / f"{maker['step']}.yaml")))
        volume = segment(image(), load_recipe(paths[-1]))
        here.append(digest(volume))
        assert np.count_nonzero(volume.labels != truth().labels) < 0.02 * volume.labels.size
    command = [sys.executable, "-c", OTHER_PROCESS, str(Path(__file__).parent), *paths]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert there == here


def test_provenance_is_plain_and_complete() -> None:
    told = segment(image(), check_recipe(RECIPE)).provenance
    assert check_recipe(json.loads(json.dumps(told["recipe"]))) == check_recipe(RECIPE)
    (level,) = told["found"][2]["levels"]
    assert 95 < level < 135
    assert {"numpy", "scikit-image", "scikit-learn"} <= set(told["versions"])


def test_progress_is_reported() -> None:
    heard: list[tuple[float, str]] = []
    segment(image(), check_recipe(RECIPE), progress=lambda share, text: heard.append((share, text)))
    assert heard[0] == (0.0, "non_local_means")
    assert heard[-1] == (1.0, "done")
    assert [share for share, _ in heard] == sorted(share for share, _ in heard)


# ------------------------------------------------------------------ folder
def test_a_run_leaves_pictures_and_what_is_needed_to_repeat_it(tmp_path: Path) -> None:
    scribbles = np.zeros((24, 24, 24), np.uint8)
    scribbles[3, 4, 2:20], scribbles[20, 4, 2:20] = 1, 2
    (tmp_path / "strokes").mkdir()
    np.save(tmp_path / "strokes" / "drawn.npy", scribbles)
    steps = [
        RECIPE["steps"][1],
        {"step": "classify", "file": "strokes/drawn.npy", "sigmas": [1.0]},
        *RECIPE["steps"][3:],
    ]
    path = save_recipe(check_recipe(recipe(steps=steps)), tmp_path / "r.yaml")
    volume = run_recipe(image(), load_recipe(path), tmp_path / "out")
    pictures = sorted(p.name for p in (tmp_path / "out").glob("*.png"))
    assert pictures == ["01_polynomial_background.png", "02_classify.png", "03_islands.png", "04_mode.png"]
    for name in pictures:
        picture = matplotlib.image.imread(tmp_path / "out" / name)
        assert picture.shape[1] > 1000
        assert picture[..., :3].std() > 0.05
    (tmp_path / "strokes" / "drawn.npy").unlink()
    again = segment(image(), load_recipe(tmp_path / "out" / "recipe.yaml"))
    assert (
        digest(again)
        == digest(volume)
        == digest(segment(image(), load_recipe(tmp_path / "out" / "recipe.yaml")))
    )
    found = json.loads((tmp_path / "out" / "found.json").read_text())
    assert found["fractions"] == volume.fractions()
    assert len(found["found"][1]["file_hash"]) == 12


# ------------------------------------------------------------------ classifier
def test_the_classifier_tells_its_accuracy_and_what_it_looked_at() -> None:
    volume = segment(image(), check_recipe(recipe(steps=[CLASSIFY])))
    told = volume.provenance["found"][0]
    assert np.count_nonzero(volume.labels != truth().labels) < 0.05 * volume.labels.size
    assert 0.9 < told["oob_accuracy"] <= 1
    assert sum(told["importances"].values()) == pytest.approx(1)
    assert told["importances"]["gaussian, sigma 1"] > told["importances"]["gradient, sigma 1"]
    assert told["scribbled_voxels"] == {"pore": 3 * 19 + 2, "active": 7 + 15 + 27}


def test_few_strokes_of_a_rare_phase_are_scored_out_of_bag() -> None:
    # one voxel of active to a hundred of pore: it must not be in the bag of every tree (sklearn warns then)
    strokes = [
        {"phase": "pore", "box": [[0, 8], [0, 20], [0, 3]]},
        {"phase": "active", "box": [[20, 20], [3, 3], [2, 8]]},
    ]
    volume = segment(image(), check_recipe(recipe(steps=[{**CLASSIFY, "scribbles": strokes}])))
    assert volume.provenance["found"][0]["oob_accuracy"] > 0.95


def test_another_seed_is_another_forest() -> None:
    noisy = GreyImage(image().values[:, :, ::-1].copy(), image().grid)
    a, b = (segment(noisy, check_recipe(recipe(steps=[{**CLASSIFY, "seed": s}]))) for s in (0, 1))
    assert digest(a) != digest(b)


def test_strokes_are_where_they_are_drawn() -> None:
    from lithoscape.image.segment.scribbles import Scribble, drawn

    thin, sideways, box = (Scribble(**s) for s in STROKES)
    shape, phases = (24, 24, 24), ("pore", "active")
    labels = drawn((thin,), shape, phases)
    assert np.unique(np.argwhere(labels)[:, 0]).tolist() == [5]
    assert (labels[5, 1:4, 2:21] == 1).all()
    assert set(map(tuple, np.argwhere(drawn((sideways,), shape, phases) == 2))) == {
        *((r, 12, 3) for r in range(14, 21)), *((20, 12, c) for c in range(3, 19))
    }  # fmt: skip
    assert (drawn((box,), shape, phases)[16:19, 4:7, 4:7] == 2).all()
    assert ndimage.label(drawn((box,), shape, phases))[1] == 1


# ------------------------------------------------------------------ bad recipes
THREE = ["pore", "binder", "active"]


def steps(*given: dict[str, Any]) -> dict[str, Any]:
    return recipe(steps=list(given))


def scribbled(*given: dict[str, Any]) -> dict[str, Any]:
    return steps({**CLASSIFY, "scribbles": list(given)})


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (recipe(stepz=1), "unknown key.*'stepz'.*'steps'"),
        (steps({"step": "median", "edge_voxel": 3}), r"steps\[0\].edge_voxel: unknown key.*'edge_voxels'"),
        (steps({"step": "ottsu"}), r"steps\[0\].step: there is no such kind.*'otsu'"),
        (steps({"step": "median", "edge_voxels": 4}), r"steps\[0\].edge_voxels.*Valid: 3, 5, 7 or 9"),
        (steps({"step": "gaussian", "sigma_um": -1}, {"step": "otsu"}), r"steps\[0\].sigma_um.*above 0"),
        (recipe(phases=["pore"]), "phases.*at least 2"),
        (recipe(phases=["pore", "pore"]), "same name"),
        (recipe(phases=THREE), r"steps\[2\].phases: otsu tells two phases apart"),
        (steps({"step": "multi_otsu", "classes": 3}), r"steps\[0\].classes: the recipe names 2 phases"),
        (steps({"step": "manual", "levels": [3, 2]}), "do not ascend"),
        (steps({"step": "manual", "levels": [2, 3]}), "2 phases have 1 levels"),
        (steps({"step": "watershed", "levels": [2, 3]}), "2 phases have 1 levels"),
        (steps({"step": "hysteresis", "low": 3, "high": 2}), r"low, high: the levels do not ascend"),
        (steps({"step": "otsu"}, {"step": "opening", "phase": "activ", "radius_um": 1}), "'active'"),
        (
            steps({"step": "otsu"}, {"step": "closing", "phase": "pore", "radius_um": 1, "over": ["bindr"]}),
            r"steps\[1\].over\[0\]: there is no such phase",
        ),
        (steps({"step": "islands", "smallest_voxels": 3}, {"step": "otsu"}), r"steps\[0\].*cleans labels"),
        (steps({"step": "median"}), "no step makes labels"),
        (steps({"step": "otsu"}, {"step": "islands"}), r"steps\[1\].smallest_um3.*Give smallest_voxels or"),
        (steps({**CLASSIFY, "file": "x.npy"}), "learns from scribbles"),
        (scribbled(STROKES[0]), r"steps\[0\].scribbles: this phase has no scribble.*'active'"),
        (scribbled({**STROKES[0], "phase": "poer"}, *STROKES[1:]), r"\[0\].phase: .*Did you mean 'pore'"),
    ],
)  # fmt: skip
def test_bad_recipes_are_named(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_recipe(raw)


@pytest.mark.parametrize(
    ("scribbles", "words"),
    [
        ([{"phase": "pore", "slice": 3}, *STROKES[1:]], "a line in a slice, or a box"),
        ([{"phase": "pore", "line": [[1, 1]]}, *STROKES[1:]], "a line in a slice, or a box"),
        ([{**STROKES[0], "slice": 24}, *STROKES[1:]], "leaves the image"),
        ([{**STROKES[0], "line": [[1, 24]]}, *STROKES[1:]], "leaves the image"),
        ([{"phase": "pore", "box": [[0, 1], [5, 4], [0, 1]]}, *STROKES[1:]], "first before last"),
        ([STROKES[0], {**STROKES[0], "phase": "active"}], r"scribbles\[1\]: 59 voxels are drawn"),
    ],
)
def test_bad_scribbles_are_named(scribbles: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        segment(image(), check_recipe(scribbled(*scribbles)))


@pytest.mark.parametrize(
    ("labels", "name", "words"),
    [
        (None, "drawn.npy", r"steps\[0\].file: there is no such file"),
        (np.ones((3, 3, 3), np.uint8), "drawn.npy", "have the shape of the image"),
        (np.full((24, 24, 24), 3), "drawn.npy", "0 is not drawn; 1 is pore, 2 is active"),
        (np.ones((24, 24, 24), np.uint8), "drawn.npy", "this phase has no scribble.*'active'"),
        (np.ones((24, 24, 24), np.uint8), "drawn.txt", ".npy or .tif"),
        (b"no array", "drawn.npy", "cannot be read"),
    ],
)
def test_bad_scribble_files_are_named(labels: Any, name: str, words: str, tmp_path: Path) -> None:
    if isinstance(labels, bytes):
        (tmp_path / name).write_bytes(labels)
    elif labels is not None:
        with (tmp_path / name).open("wb") as file:
            np.save(file, labels)
    made = check_recipe(steps({"step": "classify", "file": name})).beside(tmp_path)
    with pytest.raises(InputError, match=words):
        segment(image(), made)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("phases: [pore, active]\nphases: [a, b]", "stands twice"),
        ("", "an empty file"),
        ("phases: [pore, active", "not valid YAML"),
    ],
)
def test_bad_files_are_named(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        load_recipe(written(tmp_path, text))
    with pytest.raises(InputError, match="no such recipe file"):
        load_recipe(tmp_path / "none.yaml")


def test_recipes_are_frozen() -> None:
    made: SegmentRecipe = check_recipe(RECIPE)
    with pytest.raises(ValueError, match="frozen"):
        made.phases = ("a", "b")  # type: ignore[misc]
