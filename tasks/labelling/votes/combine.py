"""From several votes on a text to one label: the source's consensus, the mean, the majority, or a label model.

A label model (Dawid & Skene 1979, Applied Statistics 28) weighs voters by how they agree with each other, class by
class, and gives a probability for each class. It knows nothing that the votes do not hold: voters that err together
win, which is why the majority always stands beside it, and why texts on which it contradicts all voters are told.
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
"""Whether a combination keeps labels by the magnitude of the mean vote (`min_score`), or else by their probability
(`min_probability`)."""
DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "consensus": "the consensus of",
        "mean": "the sign of the mean vote of",
        "majority": "the majority of",
        "label-model": "the likeliest label by a model of the votes of",
    }
)
"""What a label is, in words that the voters' names follow."""
DIFFER, WEAK, TIE, UNSURE, NO_VOTE = REASONS = ("votes differ", "weak score", "votes tie", "too unsure", "no vote")
_ITERATIONS, _STILL = 200, 1e-6
_LEAST = 1e-10
"""So that what nobody has done so far is not impossible."""
_SLACK = 1e-9

Polarities = NDArray[np.float64]
"""Votes in [-1, 1], not a number where a voter abstains, shape (n_texts, n_voters)."""


@dataclass(frozen=True)
class Combined:
    """One label a text.

    Args:
        labels: "" for none, shape (n_texts,)
        scores: the mean vote, not a number without any, shape (n_texts,)
        probabilities: of negative, neutral and positive; rows without any vote are not a number, shape (n_texts, 3)
        left_out: why there is no label, "" where there is one, shape (n_texts,)
    """

    labels: Labels
    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    left_out: Labels

    @property
    def weights(self) -> NDArray[np.float64]:
        """Each label's probability, not a number where there is no label, shape (n_texts,)."""
        found = np.full(self.labels.size, np.nan)
        for k, one in enumerate(tables.SENTIMENTS):
            mine = self.labels == one
            found[mine] = self.probabilities[mine, k]
        return found


@dataclass(frozen=True)
class Thresholds:
    """What a label must reach: the magnitude of the mean vote must exceed `min_score`, or its probability be as much
    as `min_probability`.
    """

    min_score: float
    min_probability: float


def labels_of(polarities: NDArray[np.float64]) -> Labels:
    """Return what polarities say by their sign, any shape: negative, neutral, positive, or "" for not a number."""
    said = np.where(polarities == 0, "neutral", np.where(polarities > 0, "positive", "negative"))
    return np.where(np.isnan(polarities), "", said)


def combined(
    polarities: Polarities, how: Combination, thresholds: Thresholds, learns: NDArray[np.bool_] | None = None
) -> Combined:
    """Return the labels that votes come to.

    Args:
        polarities: votes, shape (n_texts, n_voters)
        how: `consensus` (Source, section 4.3.4): all who vote agree in sign, or all are zero, and the magnitude of the
            mean exceeds the threshold unless it is zero; `mean`: the sign of the mean; `majority`: what most voters
            say; `label-model`: the most probable class by Dawid & Skene
        thresholds: what a label must reach
        learns: texts that a label model learns from, shape (n_texts,); None: all
    """
    said = labels_of(polarities)
    n_votes = (said != "").sum(axis=1)
    totals = np.nansum(polarities, axis=1)
    means = np.divide(totals, n_votes, out=np.full(len(said), np.nan), where=n_votes > 0)
    shares = label_model(said, learns) if how == "label-model" else shares_of(said)
    if SCORED[how]:
        labels = labels_of(means)
        reasons = np.where((labels != "neutral") & (np.abs(means) <= thresholds.min_score), WEAK, "")
        if how == "consensus":
            agree = ((said == labels[:, None]) | (said == "")).all(axis=1)
            reasons = np.where(agree, reasons, DIFFER)
    else:
        labels, reasons = _most_probable(shares, thresholds.min_probability)
    reasons = np.where(n_votes == 0, NO_VOTE, reasons)
    return Combined(np.where(reasons == "", labels, ""), means, shares, reasons)


def certainty(found: Combined, how: Combination) -> NDArray[np.float64]:
    """Return what a threshold is set on, shape (n_texts,): the magnitude of the mean vote, or the label's probability.

    No threshold on the mean vote takes a neutral label away, which is as certain as can be then.
    """
    if not SCORED[how]:
        return found.weights
    return np.where(found.labels == "neutral", np.inf, np.abs(found.scores))


def shares_of(said: Labels) -> NDArray[np.float64]:
    """Return the share of the votes that each class has, not a number where nobody votes, shape (n_texts, 3).

    Args:
        said: labels, "" where a voter abstains, shape (n_texts, n_voters)
    """
    counts = np.stack([(said == one).sum(axis=1) for one in tables.SENTIMENTS], axis=1).astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    return shares


def label_model(said: Labels, learns: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Return the probability of each class by a Dawid–Skene model fitted to the votes by expectation maximisation.

    Args:
        said: as `shares_of` takes it
        learns: texts that it is fitted to, shape (n_texts,); None, or none among them with a vote: all

    Returns:
        rows without any vote are not a number, shape (n_texts, 3)
    """
    patterns, of, counts = np.unique(said, axis=0, return_inverse=True, return_counts=True)
    of = of.reshape(-1)
    voted = np.stack([patterns == one for one in tables.SENTIMENTS], axis=2).astype(np.float64)
    any_vote = voted.any(axis=(1, 2))
    found = np.full((len(patterns), len(tables.SENTIMENTS)), np.nan)
    learned = counts if learns is None else np.bincount(of[learns], minlength=len(patterns))
    if any_vote.any():
        weights = learned if learned[any_vote].any() else counts
        found[any_vote] = _dawid_skene(voted[any_vote], weights[any_vote].astype(np.float64))
    return found[of]


def contradicted(said: Labels, labels: Labels) -> NDArray[np.bool_]:
    """Return where voters who all say the same are overruled, shape (n_texts,).

    Args:
        said: votes, shape (n_texts, n_voters)
        labels: what became of them, shape (n_texts,)
    """
    first = said[np.arange(len(said)), (said != "").argmax(axis=1)]
    unanimous = ((said == first[:, None]) | (said == "")).all(axis=1) & (first != "")
    overruled: NDArray[np.bool_] = unanimous & (labels != "") & (labels != first)
    return overruled


def _most_probable(shares: NDArray[np.float64], min_probability: float) -> tuple[Labels, Labels]:
    known = np.nan_to_num(shares)
    best = known.max(axis=1)
    labels = np.array(tables.SENTIMENTS)[known.argmax(axis=1)]
    tied = (known >= best[:, None] - _SLACK).sum(axis=1) > 1
    return labels, np.where(tied, TIE, np.where(best < min_probability - _SLACK, UNSURE, ""))


def _dawid_skene(voted: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability of each class for each pattern of votes.

    Dawid & Skene (1979), section 4: from the shares of votes, in turn each voter's confusions and the classes' shares
    by the texts' probabilities (2.3, 2.4), and the texts' probabilities by those (2.5). Texts with the same votes are
    one pattern, so that a million of them cost what a few hundred do.

    Args:
        voted: 1 where a voter says a class, shape (n_patterns, n_voters, n_classes)
        counts: texts of each pattern that are learned from, shape (n_patterns,)

    Returns:
        shape (n_patterns, n_classes)
    """
    likely: NDArray[np.float64] = voted.sum(axis=1)
    likely /= likely.sum(axis=1, keepdims=True)
    for _ in range(_ITERATIONS):
        weighed = likely * counts[:, None]
        confused = np.einsum("pc,pvk->vck", weighed, voted) + _LEAST
        confused /= confused.sum(axis=2, keepdims=True)
        shares = weighed.sum(axis=0) / counts.sum() + _LEAST
        log = np.log(shares) + np.einsum("pvk,vck->pc", voted, np.log(confused))
        before, likely = likely, np.exp(log - log.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        if np.abs(likely - before).max() < _STILL:
            break
    return likely
