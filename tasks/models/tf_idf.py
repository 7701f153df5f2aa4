"""Words and pairs of words, weighted by how rare they are, then logistic regression: what text needs before networks.

The vocabulary is learned from the training part and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import NotEnoughData
from tasks.models.base import array_files
from tasks.models.base.checks import above_zero
from tasks.models.base.estimator import Development, Inputs, Model, Scores, reading
from tasks.models.classical import Linear, LogisticSettings, fit_logistic

WORD = r"(?u)\b\w+(?:['’]\w+)*"
"""A word with its apostrophes: scikit-learn's own pattern cuts "don't" to "don" and leaves out "I"."""


@dataclass(frozen=True)
class TfIdfSettings:
    """Settings of TF-IDF and the regression over it.

    Args:
        ngram_max: how many words a term has at most
        min_df: in how many texts of the training part a term must stand; 1 where that would leave none
        max_features: how many terms are kept at most, the most frequent
        c: inverse strength of the L2 penalty
        class_weight: `balanced`: classes weigh alike
    """

    ngram_max: int = 2
    min_df: int = 2
    max_features: int = 50_000
    c: float = 1.0
    class_weight: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        for name in ("ngram_max", "min_df", "max_features", "c"):
            above_zero(name, getattr(self, name))


class TfIdf:
    """TF-IDF with sublinear counts, and logistic regression; scores are probabilities."""

    outputs_: tuple[str, ...]
    curves_: list[dict[str, float]]
    notes_: list[str]

    def __init__(self, settings: TfIdfSettings) -> None:
        self.settings = settings

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: NDArray[np.float64] | None = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Fit to classes, shape (n_rows,), or to labels, shape (n_rows, n_labels).

        Raises:
            NotEnoughData: if no text holds a word, or there are fewer than two classes
        """
        texts = _joined(inputs)
        self._vectorizer, notes = self._learn_words(texts)
        regression = LogisticSettings(c=self.settings.c, class_weight=self.settings.class_weight)
        fitted = fit_logistic(self._vectorizer.transform(texts), target, regression, weights)
        return self._keep(replace(fitted, notes=(*notes, *fitted.notes)))

    def scores(self, inputs: Inputs) -> Scores:
        """Return one probability per output, shape (n_rows, n_outputs)."""
        if not len(inputs):
            return np.empty((0, len(self.outputs_)))
        return self._fitted.scores(self._vectorizer.transform(_joined(inputs)))

    def files(self) -> dict[str, bytes]:
        """Return weights as safetensors, the terms in the order of their columns as JSON."""
        terms = [str(term) for term in self._vectorizer.get_feature_names_out()]
        kept = {**self._fitted.arrays, "idf": self._vectorizer.idf_}
        return array_files.to_files({**self._fitted.card, "terms": terms, "ngram_max": self.settings.ngram_max}, kept)

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `files` gave."""
        card, kept = array_files.from_files(files)
        self._vectorizer = _vectorizer(card["ngram_max"], vocabulary=card["terms"])
        self._vectorizer.idf_ = kept["idf"]
        return self._keep(Linear.of(card, kept))

    def _keep(self, fitted: Linear) -> Self:
        self._fitted, self.outputs_, self.notes_, self.curves_ = fitted, fitted.outputs, list(fitted.notes), []
        return self

    def _learn_words(self, texts: list[str]) -> tuple[Any, tuple[str, ...]]:
        asked = self.settings.min_df
        for min_df in sorted({asked, 1}, reverse=True):
            # scikit-learn refuses more documents than there are, and a vocabulary that comes out empty
            vectorizer = _vectorizer(
                self.settings.ngram_max, min_df=min(min_df, len(texts)), max_features=self.settings.max_features
            )
            try:
                vectorizer.fit(texts)
            except ValueError:
                continue
            told = () if min_df == asked else (f"no term stands in {asked} texts; all terms are kept",)
            return vectorizer, told
        raise NotEnoughData(f"none of the {len(texts)} texts of the training part holds a word")


def _vectorizer(ngram_max: int, **others: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, ngram_max), sublinear_tf=True, token_pattern=WORD, **others)


def _joined(inputs: Inputs) -> list[str]:
    """Return all texts of each row, one after the other."""
    return ["\n".join(row) for row in zip(*inputs.texts.values(), strict=True)]


MODELS: tuple[Model, ...] = (
    Model(
        name="tf-idf",
        title="TF-IDF over words and pairs of words, with logistic regression",
        takes=frozenset({"text"}),
        settings=TfIdfSettings,
        make=lambda settings, seed: TfIdf(settings),
        load=reading(TfIdf),
        tasks=frozenset({"classes", "labels"}),
    ),
)
