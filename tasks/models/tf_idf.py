"""TF-IDF over words and word pairs with logistic regression: the text baseline.

The vocabulary is learned from the training part only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tasks.core.errors import NotEnoughData
from tasks.models.base import array_files
from tasks.models.base.checks import above_zero
from tasks.models.base.estimator import Development, Inputs, Model, Scores, TrainingPart
from tasks.models.classical import Linear, LinearEstimator, LogisticSettings, fit_logistic

_WORD = r"(?u)\b\w+(?:['’]\w+)*"
"""A word with its apostrophes: scikit-learn's own pattern cuts "don't" to "don" and omits "I"."""


@dataclass(frozen=True)
class TfIdfSettings:
    """Settings of TF-IDF and of the regression over it.

    Args:
        ngram_max: words of a term at most
        min_df: training texts that must contain a term; 1 where that would leave no term
        max_features: terms kept at most, the most frequent
        c: inverse strength of the L2 penalty
        class_weight: `balanced`: all classes have the same weight
    """

    ngram_max: int = 2
    min_df: int = 2
    max_features: int = 50_000
    c: float = 1.0
    class_weight: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        for name in ("ngram_max", "min_df", "max_features", "c"):
            above_zero(name, getattr(self, name))


class TfIdf(LinearEstimator):
    """TF-IDF with sublinear counts, and logistic regression, for classes or labels; scores are probabilities."""

    settings: TfIdfSettings

    def files(self) -> dict[str, bytes]:
        """Return weights as safetensors, the terms in the order of their columns as JSON."""
        terms = [str(term) for term in self._vectorizer.get_feature_names_out()]
        arrays = {**self.linear_.arrays, "idf": self._vectorizer.idf_}
        return array_files.to_files({**self.linear_.card, "terms": terms, "ngram_max": self.settings.ngram_max}, arrays)

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        texts = _joined(part.inputs)
        self._vectorizer, notes = self._learn_words(texts)
        regression = LogisticSettings(c=self.settings.c, class_weight=self.settings.class_weight)
        fitted = fit_logistic(self._vectorizer.transform(texts), part.target, regression, part.weights)
        self._set_linear(replace(fitted, notes=(*notes, *fitted.notes)))

    def _scores(self, inputs: Inputs) -> Scores:
        return self.linear_.scores(self._vectorizer.transform(_joined(inputs)))

    def _read(self, files: Mapping[str, bytes]) -> None:
        card, arrays = array_files.from_files(files)
        self._vectorizer = _vectorizer(card["ngram_max"], vocabulary=card["terms"])
        self._vectorizer.idf_ = arrays["idf"]
        self._set_linear(Linear.of(card, arrays))

    def _learn_words(self, texts: list[str]) -> tuple[Any, tuple[str, ...]]:
        asked = self.settings.min_df
        for min_df in sorted({asked, 1}, reverse=True):
            # scikit-learn refuses a min_df above the number of texts, and an empty vocabulary
            vectorizer = _vectorizer(
                self.settings.ngram_max, min_df=min(min_df, len(texts)), max_features=self.settings.max_features
            )
            try:
                vectorizer.fit(texts)
            except ValueError:
                continue
            return vectorizer, () if min_df == asked else (f"no term stands in {asked} texts; all terms are kept",)
        raise NotEnoughData(f"none of the {len(texts)} texts of the training part contains a word")


def _vectorizer(ngram_max: int, **others: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, ngram_max), sublinear_tf=True, token_pattern=_WORD, **others)


def _joined(inputs: Inputs) -> list[str]:
    """Return all texts of each row, one after the other."""
    return ["\n".join(row) for row in zip(*inputs.texts.values(), strict=True)]


MODELS: tuple[Model, ...] = (
    Model(
        name="tf-idf",
        title="TF-IDF over words and pairs of words, with logistic regression",
        takes=frozenset({"text"}),
        settings=TfIdfSettings,
        make=TfIdf,
        tasks=frozenset({"classes", "labels"}),
    ),
)
