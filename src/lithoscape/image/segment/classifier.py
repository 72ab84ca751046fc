"""Pixel classifier: a random forest learns the phases from scribbles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ...errors import InputError
from .blocks import Box, blocks
from .features import margin, names, of_block
from .scribbles import Scribble, drawn, from_file
from .stage import SegmentStep, Stage

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

BLOCK = 96
"""Edge of a block without its margin: about 0.3 GB of features at a largest sigma of 4 voxels."""
WORKERS = 2


class Classify(SegmentStep):
    """Random forest on features at several scales, trained from scribbles (Breiman, 10.1023/A:1010933404324).

    The recipe holds the ``scribbles``, or names a ``file`` of them beside it. Training repeats exactly from
    the seed, so a trained forest is never stored. The scales ``sigmas`` are in voxels. Of scribbles longer
    than ``most_per_phase`` voxels an even selection is learnt.

    Notes
    -----
    The out-of-bag accuracy is that of voxels in the same strokes as the learnt ones, hence optimistic; only
    voxels drawn independently can tell more.
    """

    makes_labels: ClassVar[bool] = True
    step: Literal["classify"] = "classify"
    scribbles: tuple[Scribble, ...] = ()
    file: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0
    trees: Annotated[int, Field(ge=50, le=1000, strict=True)] = 50
    depth: Annotated[int, Field(ge=2, le=40, strict=True)] = 12
    sigmas: Annotated[
        tuple[Annotated[float, Field(ge=0.5, le=32)], ...], Field(min_length=1, max_length=8)
    ] = (1.0, 2.0, 4.0)
    most_per_phase: Annotated[int, Field(ge=100, strict=True)] = 10_000

    def apply(self, stage: Stage) -> Stage:
        """Train and classify."""
        truth, figures = self._truth(stage)
        forest = self._train(stage, truth)
        figures["oob_accuracy"] = float(forest.oob_score_)
        weights = map(float, forest.feature_importances_)
        figures["importances"] = dict(zip(names(self.sigmas), weights, strict=True))
        labels = np.empty(stage.values.shape, np.uint8)
        jobs = list(self._blocks(stage))

        def classify(job: tuple[Box, Box, Box]) -> None:
            outer, core, inner = job
            x = of_block(stage.values, outer, inner, self.sigmas)
            labels[core] = _predict(forest, x).reshape(labels[core].shape)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(classify, jobs))
        return stage.with_labels(labels, (), **figures)

    def _truth(self, stage: Stage) -> tuple[np.ndarray, dict[str, Any]]:
        """Scribbles as an image, and how many voxels each phase has."""
        figures: dict[str, Any] = {}
        if self.file is None:
            truth = drawn(self.scribbles, stage.grid.shape, stage.phases)
        else:
            truth, figures["file_hash"] = from_file(stage.folder / self.file, stage.grid.shape, stage.phases)
        counts = np.bincount(truth.ravel(), minlength=len(stage.phases) + 1)[1:]
        for name, count in zip(stage.phases, counts, strict=True):
            if not count:
                raise InputError(
                    "this phase has no scribble", field="scribbles" if self.file is None else "file",
                    value=name, remedy="Draw every phase at least once",
                )  # fmt: skip
        figures["scribbled_voxels"] = dict(zip(stage.phases, map(int, counts), strict=True))
        return truth, figures

    def _train(self, stage: Stage, truth: np.ndarray) -> RandomForestClassifier:
        from sklearn.ensemble import RandomForestClassifier

        chosen = np.zeros(truth.shape, bool)
        for number in range(1, len(stage.phases) + 1):
            where = np.flatnonzero(truth == number)
            chosen.ravel()[where[:: -(-where.size // self.most_per_phase)]] = True
        rows, targets = [], []
        for outer, core, inner in self._blocks(stage):
            here = chosen[core].ravel()
            if here.any():
                rows.append(of_block(stage.values, outer, inner, self.sigmas)[here])
                targets.append(truth[core].ravel()[here])
        forest = RandomForestClassifier(
            # weighted after the draw: "balanced" draws a rare phase into every bag, and leaves none of it out
            class_weight="balanced_subsample", oob_score=True, n_estimators=self.trees, max_depth=self.depth,
            min_samples_leaf=3, n_jobs=WORKERS, random_state=self.seed,
        )  # fmt: skip
        return forest.fit(np.concatenate(rows), np.concatenate(targets) - 1)

    def _blocks(self, stage: Stage) -> Any:
        return blocks(stage.grid.shape, (BLOCK, BLOCK, BLOCK), margin(self.sigmas))

    def named_phases(self) -> dict[str, str]:
        """The phases of the scribbles."""
        return {f"scribbles[{k}].phase": s.phase for k, s in enumerate(self.scribbles)}

    def check(self, phases: tuple[str, ...]) -> None:
        """Scribbles here or in a file; every phase drawn."""
        if bool(self.scribbles) == (self.file is not None):
            raise InputError(
                "the classifier learns from scribbles", field="scribbles", value=len(self.scribbles),
                remedy="Give scribbles in the recipe, or a file of them",
            )  # fmt: skip
        missing = [name for name in phases if name not in {s.phase for s in self.scribbles}]
        if self.file is None and missing:
            raise InputError(
                "this phase has no scribble", field="scribbles", value=missing[0],
                remedy="Draw every phase at least once",
            )  # fmt: skip


def _predict(forest: RandomForestClassifier, x: np.ndarray) -> np.ndarray:
    """Most probable class; trees are summed in order, as sums in the order of threads would not repeat."""
    total = np.zeros((x.shape[0], forest.n_classes_))
    for tree in forest.estimators_:
        total += tree.predict_proba(x)
    return total.argmax(axis=1).astype(np.uint8)
