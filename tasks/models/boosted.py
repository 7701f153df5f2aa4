"""Gradient-boosted trees by XGBoost, with the library's defaults, as the MELD notebook runs them; kept as UBJSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.models.base import array_files
from tasks.models.base.checks import above_zero, classes_of
from tasks.models.base.estimator import Development, Inputs, Model, Scores, reading

TREES = "trees.ubj"


@dataclass(frozen=True)
class XgboostSettings:
    """Settings of XGBoost, under its own names.

    Args:
        n_estimators: rounds; each adds one tree per class
        max_depth: of a tree
        learning_rate: by which each tree is shrunk, up to 1
        subsample: share of the rows that each tree sees, up to 1
        reg_lambda: L2 penalty on the leaves
        tree_method: how splits are looked for
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


class Xgboost:
    """XGBoost's classifier, on one thread, so that the number of cores decides nothing.

    Args:
        settings: trees, their size and rate
        seed: of the rows that each tree sees, with `subsample` below 1
    """

    outputs_: tuple[str, ...]
    curves_: list[dict[str, float]]

    def __init__(self, settings: XgboostSettings, seed: int = 0) -> None:
        self.settings, self.seed = settings, seed

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: NDArray[np.float64] | None = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Fit to classes, shape (n_rows,); NaN in the features is taken for missing."""
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
        self.outputs_, self.curves_ = classes_of(target), []
        codes = np.searchsorted(self.outputs_, target.astype(str))
        classifier.fit(inputs.matrix(), codes, sample_weight=weights)
        self.booster_ = classifier.get_booster()
        return self

    def scores(self, inputs: Inputs) -> Scores:
        """Return the probability of each class, shape (n_rows, n_classes)."""
        features = inputs.matrix()
        if features.shape[1] != self.booster_.num_features():
            raise ValueError(
                f"expected features of shape (n_rows, {self.booster_.num_features()}), found {features.shape}"
            )
        if not len(features):
            return np.empty((0, len(self.outputs_)))
        found = np.asarray(self.booster_.inplace_predict(features), dtype=np.float64)
        return found if found.ndim == 2 else np.stack([1 - found, found], axis=1)

    def files(self) -> dict[str, bytes]:
        """Return the trees as XGBoost's UBJSON, the classes as JSON."""
        return {
            TREES: bytes(self.booster_.save_raw("ubj")),
            array_files.CARD: array_files.to_json({"outputs": self.outputs_}),
        }

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `files` gave."""
        self.outputs_, self.curves_ = tuple(json.loads(files[array_files.CARD])["outputs"]), []
        self.booster_ = _xgboost().Booster({"nthread": 1})
        self.booster_.load_model(bytearray(files[TREES]))
        return self


def _xgboost() -> ModuleType:
    try:
        import xgboost
    except ImportError:
        raise InputError("the model 'xgboost' needs XGBoost: pip install 'undertone[deep]'") from None
    return xgboost


MODELS: tuple[Model, ...] = (
    Model(
        name="xgboost",
        title="Gradient-boosted trees (XGBoost)",
        takes=frozenset({"vector"}),
        settings=XgboostSettings,
        make=Xgboost,
        load=reading(Xgboost),
    ),
)
