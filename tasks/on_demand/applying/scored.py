"""Scored utterances of one medium: class or value, probability, novelty; the rows of every output format."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.evaluation.scores import PRESENT_ABOVE, SEVERAL_VALUES, kind_of
from tasks.experiments import scoring
from tasks.experiments.kept_model import KeptModel
from tasks.experiments.windows import NONE
from tasks.models.base.estimator import Inputs
from tasks.on_demand.applying.utterances import NewUtterance

UNSURE_BELOW = 0.5
"""A class with a calibrated probability below this is more likely wrong than right."""
ABSTAINED = "unsure"
"""In words, a class that was left open."""
_BOUNDS = {"labels": scoring.THRESHOLD, SEVERAL_VALUES: max(PRESENT_ABOVE.values())}
_ROWS_TOGETHER = 1024


@dataclass(frozen=True)
class ScoredUtterance:
    """A scored utterance.

    Args:
        start_s: start in seconds
        end_s: end in seconds
        predicted: the class, "" if it was left open; the labels that are set, or the emotions of an intensity above
            0.5; or the value
        probability: of the likeliest class; None for labels, values, `none`, and scores that are no probabilities
        unsure: whether the probability is below the bound, or no class was predicted; None without probabilities
        probabilities: class → probability; empty without probabilities
        scores: output → score, as the predictions of the experiment have them
        novelty: distance from the training rows, about 1 for these; None if unknown
        outside: whether the novelty exceeds that of 99 % of the training rows; None if unknown
        text: of its captions, "" if unknown
    """

    start_s: float
    end_s: float
    predicted: str | list[str] | float
    probability: float | None
    unsure: bool | None
    probabilities: Mapping[str, float]
    scores: Mapping[str, float]
    novelty: float | None
    outside: bool | None
    text: str

    @property
    def drawn(self) -> Mapping[str, float]:
        """Probabilities, or scores where there are none."""
        return self.probabilities or self.scores

    @property
    def in_words(self) -> str:
        """Prediction in words, such as `negative 62 %`."""
        if isinstance(self.predicted, float):
            return f"{next(iter(self.scores))} {self.predicted:.2f}"
        if isinstance(self.predicted, list):
            return ", ".join(self.predicted) or NONE
        if not self.predicted:
            return ABSTAINED
        percent = "" if self.probability is None else f" {100 * self.probability:.0f} %"
        return f"{self.predicted}{percent}{' (unsure)' if self.unsure else ''}"


class RatedUtterance(ScoredUtterance):
    """An utterance with several intensities, which its words name."""

    @property
    def in_words(self) -> str:
        """The emotions that are present and their intensities, the strongest first, such as `anger 1.33`.

        Where none is present, the strongest is named behind `none`.
        """
        assert isinstance(self.predicted, list)
        strongest = sorted(self.scores, key=lambda name: -self.scores[name])
        words = [f"{name} {self.scores[name]:.2f}" for name in strongest]
        return ", ".join(words[: len(self.predicted)]) or f"{NONE} (strongest: {words[0]})"


@dataclass(frozen=True)
class Certainty:
    """Calibrated probabilities below which a class is unsure, and below which it is left open."""

    unsure_below: float = UNSURE_BELOW
    abstain_below: float = 0.0


DEFAULT_CERTAINTY = Certainty()


def score(
    model: KeptModel, inputs: Inputs, utterances: Sequence[NewUtterance], duration_s: float, certainty: Certainty
) -> list[ScoredUtterance]:
    """Apply a model to utterances.

    Args:
        model: the model
        inputs: features of the utterances
        utterances: in the same order
        duration_s: of the medium, the end of an utterance without one
        certainty: bounds of the probabilities
    """
    rows = list[ScoredUtterance]()
    for start in range(0, len(utterances), _ROWS_TOGETHER):
        part = np.arange(start, min(start + _ROWS_TOGETHER, len(utterances)))
        rows += _scored(model, inputs.rows(part), utterances[start : start + _ROWS_TOGETHER], duration_s, certainty)
    return rows


def _scored(
    model: KeptModel, inputs: Inputs, utterances: Sequence[NewUtterance], duration_s: float, certainty: Certainty
) -> list[ScoredUtterance]:
    scores = model.scores(inputs)
    probabilities, novelty = model.probabilities(scores), model.novelty(inputs)
    rows = []
    several = kind_of(model.card.task, len(model.outputs)) == SEVERAL_VALUES
    make = RatedUtterance if several else ScoredUtterance
    for number, utterance in enumerate(utterances):
        by_output = dict(zip(model.outputs, scores[number].tolist(), strict=True))
        by_class = (
            {} if probabilities is None else dict(zip(model.classes, probabilities[number].tolist(), strict=True))
        )
        predicted = _predicted(model, scores[number])
        probability = by_class.get(predicted) if isinstance(predicted, str) else None
        bound = max(certainty.unsure_below, certainty.abstain_below)
        unsure = (probability is None or probability < bound) if by_class else None
        if isinstance(predicted, str) and probability is not None and probability < certainty.abstain_below:
            predicted = ""
        distance = None if novelty is None or math.isnan(novelty[number]) else float(novelty[number])
        farthest = model.card.novelty.bound if model.card.novelty else math.inf
        rows.append(
            make(
                start_s=utterance.start_s,
                end_s=duration_s if utterance.end_s is None else utterance.end_s,
                predicted=predicted,
                probability=probability,
                unsure=unsure,
                probabilities=by_class,
                scores=by_output,
                novelty=distance,
                outside=None if distance is None else distance > farthest,
                text=utterance.text,
            )
        )
    return rows


def _predicted(model: KeptModel, scores: Any) -> str | list[str] | float:
    kind = kind_of(model.card.task, len(model.outputs))
    if kind == "values":
        return float(scores[0])
    if kind in _BOUNDS:
        return [name for name, value in zip(model.outputs, scores, strict=True) if value > _BOUNDS[kind]]
    return str(scoring.predicted(scores[None, :], model.outputs)[0])
