"""Combination of several votes on a text to one label: consensus (the source's), mean, majority, or label model.

The label model (Dawid & Skene 1979, Applied Statistics 28) weighs voters by their agreement with each other, per class,
and gives a probability of each class. It uses nothing but the votes, so voters with the same errors outweigh a better
one: the majority is always reported next to it, and labels that contradict all voters are counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation.splits import Labels

Combination = Literal["consensus", "mean", "majority", "label-model"]
SCORED: Mapping[Combination, bool] = MappingProxyType(
    {"consensus": True, "mean": True, "majority": False, "label-model": False}
)
"""Whether a combination keeps labels by the magnitude of the mean vote (`min_score`) or by the label's probability
(`min_probability`)."""
DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "consensus": "the consensus of",
        "mean": "the sign of the mean vote of",
        "majority": "the majority of",
        "label-model": "the likeliest label by a model of the votes of",
    }
)
"""Definition of a label, to be followed by the voters' names."""
DIFFER, WEAK, TIE, UNSURE, NO_VOTE = REASONS = ("votes differ", "weak score", "votes tie", "too unsure", "no vote")
_ITERATIONS, _CONVERGED = 200, 1e-6
_SMOOTHING = 1e-10
"""Added to relative frequencies: an event that did not occur must not get probability 0."""
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


def labels_of(polarities: NDArray[np.float64]) -> Labels:
    """Return the sign of votes as a label: negative, neutral, positive, or "" for NaN.

    Args:
        polarities: in [-1, 1] or NaN, any shape
    """
    signs = np.where(polarities == 0, "neutral", np.where(polarities > 0, "positive", "negative"))
    return np.where(np.isnan(polarities), "", signs)


def combined(
    polarities: Polarities, how: Combination, thresholds: Thresholds, training: NDArray[np.bool_] | None = None
) -> Combined:
    """Combine votes to labels.

    Args:
        polarities: votes, NaN where a voter abstains, shape (n_texts, n_voters)
        how: `consensus` (Source, section 4.3.4): all votes agree in sign, or all are zero, and the mean's magnitude
            exceeds the threshold unless it is zero; `mean`: sign of the mean; `majority`: most frequent sign;
            `label-model`: most probable class by Dawid & Skene
        thresholds: conditions for a label
        training: texts that a label model is fitted to, shape (n_texts,); None: all
    """
    votes = labels_of(polarities)
    n_votes = (votes != "").sum(axis=1)
    totals = np.nansum(polarities, axis=1)
    means = np.divide(totals, n_votes, out=np.full(len(votes), np.nan), where=n_votes > 0)
    shares = label_model(votes, training) if how == "label-model" else _shares_of(votes)
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


def certainty(combination: Combined, how: Combination) -> NDArray[np.float64]:
    """Return the quantity that a threshold applies to: magnitude of the mean vote, or probability of the label.

    With a threshold on the mean vote neutral labels get infinity, since no such threshold removes them.

    Args:
        combination: labels from `combined`
        how: the combination they are from

    Returns:
        NaN where there is no label, shape (n_texts,)
    """
    if not SCORED[how]:
        return combination.weights
    return np.where(combination.labels == "neutral", np.inf, np.abs(combination.scores))


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
    # texts with the same votes form one pattern: a million texts then cost as much as a few hundred
    patterns, pattern_of, counts = np.unique(votes, axis=0, return_inverse=True, return_counts=True)
    pattern_of = pattern_of.reshape(-1)
    one_hot = np.stack([patterns == label for label in tables.SENTIMENTS], axis=2).astype(np.float64)
    any_vote = one_hot.any(axis=(1, 2))
    probabilities = np.full((len(patterns), len(tables.SENTIMENTS)), np.nan)
    fitted_to = counts if training is None else np.bincount(pattern_of[training], minlength=len(patterns))
    if any_vote.any():
        weights = fitted_to if fitted_to[any_vote].any() else counts
        probabilities[any_vote] = _dawid_skene(one_hot[any_vote], weights[any_vote].astype(np.float64))
    return probabilities[pattern_of]


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


def _dawid_skene(one_hot: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each class's probability for each pattern of votes.

    Dawid & Skene (1979), section 4. Start from the shares of votes; alternate the M step (voters' confusion matrices
    and class shares, equations 2.3 and 2.4) and the E step (class probabilities of each text, equation 2.5).

    Args:
        one_hot: 1 where a voter votes for a class, shape (n_patterns, n_voters, n_classes)
        counts: number of texts with each pattern that the model is fitted to, shape (n_patterns,)

    Returns:
        shape (n_patterns, n_classes)
    """
    likely: NDArray[np.float64] = one_hot.sum(axis=1)
    likely /= likely.sum(axis=1, keepdims=True)
    for _ in range(_ITERATIONS):
        weighed = likely * counts[:, None]
        confused = np.einsum("pc,pvk->vck", weighed, one_hot) + _SMOOTHING
        confused /= confused.sum(axis=2, keepdims=True)
        shares = weighed.sum(axis=0) / counts.sum() + _SMOOTHING
        log = np.log(shares) + np.einsum("pvk,vck->pc", one_hot, np.log(confused))
        # subtract the maximum before exp: products of many small probabilities would underflow
        before, likely = likely, np.exp(log - log.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        if np.abs(likely - before).max() < _CONVERGED:
            break
    return likely
