"""One fit of an experiment as a work item, and the schemas of what a fit returns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pyarrow as pa

from tasks.core import paths
from tasks.core.item_files import ItemFile, digested
from tasks.experiments.plan import Plan
from tasks.features.base import store

FINAL = -1
"""Number of the fold that trains on all rows, to keep the model."""
RECIPE, SHUFFLED, ONLY, HELD_OUT = "recipe", "shuffled", "only", "held-out"
ADAPTED, ADAPTED_HELD_OUT = "adapted", "adapted held-out"
ADAPTING = frozenset({ADAPTED, ADAPTED_HELD_OUT})
"""Variants whose vectors are adapted to each speaker."""
MAPS = "maps"
"""Not a fit but the maps of the rows' features, which take as long as several: they are computed beside the trials."""
FAMILY = "family|"
"""Beginning of the names of probes with a family of features from other rows."""
INSIDE_TRAINING = frozenset({HELD_OUT, ADAPTED_HELD_OUT})
"""Variants on folds inside the training part."""
TUNED_THRESHOLD = "tuned"

FITTED = pa.schema(
    [
        ("ids", pa.list_(pa.string())),
        ("outputs", pa.list_(pa.string())),
        ("scores", pa.list_(pa.list_(pa.float64()))),
        ("thresholds", pa.list_(pa.float64())),
        ("n_train", pa.int64()),
        ("curves", pa.string()),
        ("notes", pa.list_(pa.string())),
        ("files", pa.map_(pa.string(), pa.binary())),
        ("probes", pa.map_(pa.string(), pa.list_(pa.list_(pa.float64())))),
        ("seconds", pa.float64()),
        ("peak_mb", pa.float64()),
    ]
)
TUNED = pa.schema([("score", pa.float64()), ("maps", pa.string())])
"""The score of a trial, or the maps of `MAPS` as JSON."""


@dataclass(frozen=True)
class Fit:
    """A fold, a seed and a point of the grid.

    Args:
        plan: the resolved recipe
        data: digest of the rows
        code: digest of the model's code
        fold: number of the fold (of a `held-out` fit: inside the training part), or `FINAL`
        seed: random seed
        point: index of the point of the grid
        variant: the recipe itself; its labels shuffled; `only`: a part of its features, named in `features`; or
            `held-out`: the recipe on a part of the only fold's training part, to calibrate by the rest; or one of
            `ADAPTING`: the recipe, or a held-out fit, adapted to each speaker; or `MAPS`
        number: number of the shuffle
        features: features that an `only` variant trains on
        keep: whether the fitted model is kept
    """

    plan: Plan = field(repr=False, compare=False)
    data: str
    code: str
    fold: int
    seed: int
    point: int = 0
    variant: str = RECIPE
    number: int = 0
    features: tuple[str, ...] = ()
    keep: bool = False

    @property
    def id(self) -> str:
        """Name for messages and logs."""
        fold = "all rows" if self.fold == FINAL else f"fold {self.fold + 1}"
        variant = {
            RECIPE: "",
            SHUFFLED: f", labels shuffled ({self.number + 1})",
            ONLY: f", {'+'.join(self.features)} only",
            HELD_OUT: " of the training part",
            ADAPTED: ", adapted to speakers",
            ADAPTED_HELD_OUT: " of the training part, adapted to speakers",
            MAPS: ", maps of the features",
        }[self.variant]
        point = f", point {self.point + 1} of {len(self.plan.points)}" if len(self.plan.points) > 1 else ""
        return f"{self.plan.name}, {fold}, seed {self.seed}{point}{variant}"

    @property
    def content(self) -> str:
        """Cache key: the rows, the split, and all of the recipe that affects a fit."""
        if self.variant == MAPS:
            return json.dumps([MAPS, self.data, self.seed])
        recipe = self.plan.recipe
        entries = recipe.model_dump(include={"target", "protocol", "scale", "balance", "threshold", "branches_see"})
        entries |= {"model": self.plan.model.name, "settings": dict(self.plan.points[self.point])}
        entries |= {"folds": recipe.tune.folds, "by": recipe.tune.by} if recipe.tune else {}
        entries |= {"calibration_folds": recipe.calibration_folds} if self.variant in INSIDE_TRAINING else {}
        if self.variant in ADAPTING and recipe.adapt:
            entries |= {"adapt": recipe.adapt.model_dump()}
        fit = [self.fold, self.seed, self.variant, self.number, list(self.features), self.keep]
        return json.dumps([entries, self.data, self.code, fit], sort_keys=True)

    def reads(self) -> tuple[ItemFile, ...]:
        """Return the utterances and all files of the feature sets."""
        corpus = self.plan.recipe.corpus
        folders = [paths.features(corpus, part.name) for part in self.plan.parts]
        files = (folder / name for folder in folders for name in store.FILES)
        return digested([paths.utterances(corpus), *files])
