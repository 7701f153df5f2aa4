"""Gradient-boosted trees by XGBoost, with the library's defaults, as in the MELD notebook; saved as UBJSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np

from tasks.core import distribution
from tasks.core.errors import InputError
from tasks.models.base import array_files
from tasks.models.base.checks import above_zero, check_width, classes_of
from tasks.models.base.estimator import Development, Estimator, Inputs, Model, Scores, TrainingPart

_TREES = "trees.ubj"


@dataclass(frozen=True)
class XgboostSettings:
    """Settings of XGBoost, under its own names.

    Args:
        n_estimators: rounds; each adds one tree per class
        max_depth: of a tree
        learning_rate: shrinkage of each tree, up to 1
        subsample: share of the rows drawn for each tree, up to 1
        reg_lambda: L2 penalty on the leaves
        tree_method: how splits are searched
    """

    n_estimators: int = 100
    max_depth: int = 6
    learning_rate: float = 0.3
    subsample: float = 1.0
    reg_lambda: float = 1.0
    tree_method: Literal["hist", "exact", "approx"] = "hist"

    def __post_init__(self) -> None:
        for name in ("n_estimators", "max_depth", "learning_rate", "subsample"):
            above_zero(name, getattr(self, name))
        for name in ("learning_rate", "subsample"):
            if getattr(self, name) > 1:
                raise ValueError(f"{name} must be at most 1, found {getattr(self, name)}")
        if not self.reg_lambda >= 0:
            raise ValueError(f"reg_lambda must be 0 or more, found {self.reg_lambda}")


class Xgboost(Estimator):
    """XGBoost's classifier; NaN in the features counts as missing.

    It runs on one thread, so that the number of cores does not affect the result.
    """

    settings: XgboostSettings

    def files(self) -> dict[str, bytes]:
        """Return the trees as XGBoost's UBJSON, the classes as JSON."""
        return {
            _TREES: bytes(self.booster_.save_raw("ubj")),
            array_files.CARD: array_files.to_json({"outputs": self.outputs_}),
        }

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        settings = self.settings
        classifier = _xgboost().XGBClassifier(
            n_estimators=settings.n_estimators,
            max_depth=settings.max_depth,
            learning_rate=settings.learning_rate,
            subsample=settings.subsample,
            reg_lambda=settings.reg_lambda,
            tree_method=settings.tree_method,
            n_jobs=1,
            random_state=self.seed,
        )
        self.outputs_ = classes_of(part.target)
        codes = np.searchsorted(self.outputs_, part.target.astype(str))
        classifier.fit(part.inputs.matrix(), codes, sample_weight=part.weights)
        self.booster_ = classifier.get_booster()

    def _scores(self, inputs: Inputs) -> Scores:
        features = inputs.matrix()
        check_width(features, self.booster_.num_features())
        scores = np.asarray(self.booster_.inplace_predict(features), dtype=np.float64)
        # for two classes XGBoost gives one column, the probability of the second
        return scores if scores.ndim == 2 else np.stack([1 - scores, scores], axis=1)

    def _read(self, files: Mapping[str, bytes]) -> None:
        self.outputs_ = tuple(json.loads(files[array_files.CARD])["outputs"])
        self.booster_ = _xgboost().Booster({"nthread": 1})
        self.booster_.load_model(bytearray(files[_TREES]))


def _xgboost() -> ModuleType:
    try:
        import xgboost
    except ImportError:
        raise InputError(f"the model 'xgboost' needs XGBoost: {distribution.how_to_install('deep')}") from None
    return xgboost


MODELS: tuple[Model, ...] = (
    Model(
        name="xgboost",
        title="Gradient-boosted trees (XGBoost)",
        takes=frozenset({"vector"}),
        settings=XgboostSettings,
        make=Xgboost,
    ),
)
