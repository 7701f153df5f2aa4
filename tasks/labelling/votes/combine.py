"""Combination of several votes on a text to one label: consensus (the source's), mean, majority, models, or stacking.

The label model (Dawid & Skene 1979, Applied Statistics 28) weighs voters by their agreement with each other, per class,
and gives a probability of each class; MACE (Hovy et al. 2013) does so with one number per voter. They use nothing but
the votes, so voters with the same errors outweigh a better one: the majority is always reported next to them, and
labels that contradict all voters are counted. Stacking (`tasks.labelling.votes.stacking`) is trained on rated texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation.splits import Labels
from tasks.labelling.votes import annotator_models
from tasks.labelling.votes.annotator_models import Annotations

Combination = Literal["consensus", "mean", "majority", "label-model", "mace", "stacking"]
SCORED: Mapping[Combination, bool] = MappingProxyType(
    {"consensus": True, "mean": True, "majority": False, "label-model": False, "mace": False, "stacking": False}
)
"""Whether a combination keeps labels by the magnitude of the mean vote (`min_score`) or by the label's probability
(`min_probability`)."""
_ALONE = " alone"
UNTRAINED: tuple[Combination, ...] = ("consensus", "mean", "majority", "label-model", "mace")
"""Combinations that need no rated texts."""
DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "consensus": "the consensus of",
        "mean": "the sign of the mean vote of",
        "majority": "the majority of",
        "label-model": "the likeliest label by a model of the votes of",
        "mace": "the likeliest label by MACE, a model of the votes of",
        "stacking": "the likeliest label by a regression on the votes of",
        "selected": "the label by the combination selected on rated texts from the votes of",
    }
)
"""Definition of a label, to be followed by the voters' names."""
DIFFER, WEAK, TIE, UNSURE, NO_VOTE = REASONS = ("votes differ", "weak score", "votes tie", "too unsure", "no vote")
_TOLERANCE = 1e-9

Polarities = NDArray[np.float64]
"""Votes in [-1, 1], NaN where a voter abstains, shape (n_texts, n_voters)."""


@dataclass(frozen=True)
class Combined:
    """One label per text.

    Args:
        labels: "" for none, shape (n_texts,)
        scores: mean vote, NaN without votes, shape (n_texts,)
        probabilities: of negative, neutral and positive, NaN without votes, shape (n_texts, 3)
        left_out: reason for no label, one of `REASONS`, "" where there is a label, shape (n_texts,)
    """

    labels: Labels
    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    left_out: Labels

    @property
    def weights(self) -> NDArray[np.float64]:
        """Each label's probability, NaN where there is no label, shape (n_texts,)."""
        weights = np.full(self.labels.size, np.nan)
        for k, label in enumerate(tables.SENTIMENTS):
            rows = self.labels == label
            weights[rows] = self.probabilities[rows, k]
        return weights


@dataclass(frozen=True)
class Thresholds:
    """Conditions for a label: the mean vote's magnitude exceeds `min_score`, or its probability is at least
    `min_probability`, depending on the combination (`SCORED`).
    """

    min_score: float
    min_probability: float


def alone(voter: str) -> str:
    """Return the name of the labels that are a single voter's votes.

    Args:
        voter: its name
    """
    return voter + _ALONE


def voter_of(how: str) -> str | None:
    """Return the voter whose votes are the labels, None for a combination.

    Args:
        how: a combination, or a name from `alone`
    """
    return how.removesuffix(_ALONE) if how.endswith(_ALONE) else None


def combination_of(how: str) -> Combination:
    """Return the combination that makes the labels; a single voter's are the sign of the mean of one vote.

    Args:
        how: a combination, or a name from `alone`
    """
    return "mean" if voter_of(how) is not None else next(name for name in SCORED if name == how)


def labels_of(polarities: NDArray[np.float64]) -> Labels:
    """Return the sign of votes as a label: negative, neutral, positive, or "" for NaN.

    Args:
        polarities: in [-1, 1] or NaN, any shape
    """
    signs = np.where(polarities == 0, "neutral", np.where(polarities > 0, "positive", "negative"))
    return np.where(np.isnan(polarities), "", signs)


def or_neutral(labels: Labels) -> Labels:
    """Return labels with neutral where there is none.

    Args:
        labels: "" for none, any shape
    """
    return np.where(labels == "", "neutral", labels)


@dataclass(frozen=True)
class Votes:
    """All votes on texts, as arrays.

    Args:
        names: the voters, shape (n_voters,)
        polarities: NaN where a voter abstains, shape (n_texts, n_voters)
        stacked: probabilities by a stacked model, NaN without votes, shape (n_texts, 3); None: there is no such model
        training: texts that a model of the votes is fitted to, shape (n_texts,); None: all
    """

    names: Sequence[str]
    polarities: Polarities
    stacked: NDArray[np.float64] | None = None
    training: NDArray[np.bool_] | None = None

    def combined(self, how: str, thresholds: Thresholds) -> Combined:
        """Combine the votes to labels.

        Args:
            how: a combination, or a name from `alone`
            thresholds: conditions for a label
        """
        voter = voter_of(how)
        polarities = self.polarities if voter is None else self.polarities[:, [list(self.names).index(voter)]]
        return combined(polarities, combination_of(how), thresholds, self.training, self.stacked)


def combined(
    polarities: Polarities,
    how: Combination,
    thresholds: Thresholds,
    training: NDArray[np.bool_] | None = None,
    stacked: NDArray[np.float64] | None = None,
) -> Combined:
    """Combine votes to labels.

    Args:
        polarities: votes, NaN where a voter abstains, shape (n_texts, n_voters)
        how: `consensus` (Source, section 4.3.4): all votes agree in sign, or all are zero, and the mean's magnitude
            exceeds the threshold unless it is zero; `mean`: sign of the mean; `majority`: most frequent sign;
            `label-model`, `mace`: most probable class by Dawid & Skene or MACE; `stacking`: by `stacked`
        thresholds: conditions for a label
        training: texts that a model of the votes is fitted to, shape (n_texts,); None: all
        stacked: probabilities by a stacked model, NaN without votes, shape (n_texts, 3); `stacking` needs them
    """
    votes = labels_of(polarities)
    n_votes = (votes != "").sum(axis=1)
    totals = np.nansum(polarities, axis=1)
    means = np.divide(totals, n_votes, out=np.full(len(votes), np.nan), where=n_votes > 0)
    shares = _shares(votes, how, training, stacked)
    if SCORED[how]:
        labels = labels_of(means)
        reasons = np.where((labels != "neutral") & (np.abs(means) <= thresholds.min_score), WEAK, "")
        if how == "consensus":
            agree = ((votes == labels[:, None]) | (votes == "")).all(axis=1)
            reasons = np.where(agree, reasons, DIFFER)
    else:
        labels, reasons = _most_probable(shares, thresholds.min_probability)
    reasons = np.where(n_votes == 0, NO_VOTE, reasons)
    return Combined(np.where(reasons == "", labels, ""), means, shares, reasons)


def certainty(combination: Combined, how: str) -> NDArray[np.float64]:
    """Return the quantity that a threshold applies to: magnitude of the mean vote, or probability of the label.

    With a threshold on the mean vote neutral labels get infinity, since no such threshold removes them.

    Args:
        combination: labels from `combined`
        how: the combination they are from, or a name from `alone`

    Returns:
        NaN where there is no label, shape (n_texts,)
    """
    if not SCORED[combination_of(how)]:
        return combination.weights
    return np.where(combination.labels == "neutral", np.inf, np.abs(combination.scores))


def _shares(
    votes: Labels, how: Combination, training: NDArray[np.bool_] | None, stacked: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    if how == "stacking":
        if stacked is None:
            raise ValueError("stacking needs the probabilities of a stacked model")
        return stacked
    if how == "mace":
        return annotator_models.mace(_annotations(votes, training))
    return label_model(votes, training) if how == "label-model" else _shares_of(votes)


def _shares_of(votes: Labels) -> NDArray[np.float64]:
    """Return each class's share of the votes, NaN without votes, shape (n_texts, 3)."""
    counts = np.stack([(votes == label).sum(axis=1) for label in tables.SENTIMENTS], axis=1).astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    return shares


def label_model(votes: Labels, training: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Return each class's probability by a Dawid–Skene model, fitted to the votes by expectation maximisation.

    Args:
        votes: labels, "" where a voter abstains, shape (n_texts, n_voters)
        training: texts that the model is fitted to, shape (n_texts,); None, or none among them with a vote: all

    Returns:
        NaN without votes, shape (n_texts, 3)
    """
    return annotator_models.dawid_skene(_annotations(votes, training))


def _annotations(votes: Labels, training: NDArray[np.bool_] | None) -> Annotations:
    codes = np.full(votes.shape, -1)
    for k, label in enumerate(tables.SENTIMENTS):
        codes[votes == label] = k
    return Annotations(codes, len(tables.SENTIMENTS), training)


def contradicted(votes: Labels, labels: Labels) -> NDArray[np.bool_]:
    """Return where a label differs from the votes although all voters agree, shape (n_texts,).

    Args:
        votes: labels by voter, "" where a voter abstains, shape (n_texts, n_voters)
        labels: the combined labels, "" for none, shape (n_texts,)
    """
    first = votes[np.arange(len(votes)), (votes != "").argmax(axis=1)]
    unanimous = ((votes == first[:, None]) | (votes == "")).all(axis=1) & (first != "")
    overruled: NDArray[np.bool_] = unanimous & (labels != "") & (labels != first)
    return overruled


def _most_probable(shares: NDArray[np.float64], min_probability: float) -> tuple[Labels, Labels]:
    probabilities = np.nan_to_num(shares)
    best = probabilities.max(axis=1)
    labels = np.array(tables.SENTIMENTS)[probabilities.argmax(axis=1)]
    tied = (probabilities >= best[:, None] - _TOLERANCE).sum(axis=1) > 1
    return labels, np.where(tied, TIE, np.where(best < min_probability - _TOLERANCE, UNSURE, ""))
