"""Statistics of single voters: coverage, overlap, conflict, correlation, and scores against listeners' ratings.

Coverage, overlap and conflict are those of labelling functions (Ratner et al. 2017, "Snorkel", VLDB, section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation import scores
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.labelling.votes.combine import Polarities, labels_of


@dataclass(frozen=True)
class VoterStatistics:
    """Statistics of one voter.

    Args:
        name: its name in params.yaml
        coverage: share of the texts on which it votes
        polar: share on which it votes positive or negative
        overlap: share on which it and another voter vote
        conflict: share on which it and another voter vote differently (as negative, neutral, positive)
        gold: scores of its votes on rated texts, from `scores.summary`; None without such texts
        by_group: accuracy and number of such texts, per video
    """

    name: str
    coverage: float
    polar: float
    overlap: float
    conflict: float
    gold: Mapping[str, Any] | None
    by_group: Mapping[str, tuple[float, int]]


def voters(
    polarities: Polarities, names: Sequence[str], gold: Labels, groups: Labels, bootstrap: Bootstrap
) -> list[VoterStatistics]:
    """Return every voter's statistics.

    Args:
        polarities: votes, NaN where a voter abstains, shape (n_texts, n_voters)
        names: the voters, shape (n_voters,)
        gold: listeners' labels, "" where there is no rating or they tie, shape (n_texts,)
        groups: video of every text, shape (n_texts,)
        bootstrap: settings of the intervals, over videos
    """
    votes = labels_of(polarities)
    statistics = []
    for k, name in enumerate(names):
        own, others = votes[:, k], np.delete(votes, k, axis=1)
        voted = own != ""
        also, against = others != "", (others != "") & (others != own[:, None])
        rated = voted & (gold != "")
        statistics.append(
            VoterStatistics(
                name,
                _share(voted),
                _share(voted & (own != "neutral")),
                _share(voted & also.any(axis=1)),
                _share(voted & against.any(axis=1)),
                _scored(gold[rated], own[rated], groups[rated], bootstrap),
                _by_group(gold[rated], own[rated], groups[rated]),
            )
        )
    return statistics


def correlations(polarities: Polarities, names: Sequence[str]) -> dict[tuple[str, str], float | None]:
    """Return Spearman's correlation of every two voters on texts with both votes; None where one is constant.

    Args:
        polarities: votes, NaN where a voter abstains, shape (n_texts, n_voters)
        names: the voters, shape (n_voters,)
    """
    coefficients: dict[tuple[str, str], float | None] = {}
    for (j, first), (k, second) in combinations(enumerate(names), 2):
        both = ~np.isnan(polarities[:, [j, k]]).any(axis=1)
        ranks = [_ranks(polarities[both, column]) for column in (j, k)]
        varies = both.sum() > 1 and all(np.ptp(ranked) > 0 for ranked in ranks)
        coefficients[first, second] = float(np.corrcoef(ranks[0], ranks[1])[0, 1]) if varies else None
    return coefficients


def _ranks(votes: NDArray[np.float64]) -> NDArray[np.float64]:
    # average ranks, as scipy.stats.rankdata, whose import takes a second
    _, position, sizes = np.unique(votes, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(sizes) - (sizes - 1) / 2)[position]
    return ranks


def _scored(actual: Labels, predicted: Labels, groups: Labels, bootstrap: Bootstrap) -> dict[str, Any] | None:
    if not actual.size:
        return None
    matrices = scores.confusions(actual, predicted, groups, tables.SENTIMENTS)
    return scores.summary(matrices, tables.SENTIMENTS, bootstrap)


def _by_group(actual: Labels, predicted: Labels, groups: Labels) -> dict[str, tuple[float, int]]:
    accuracies = {}
    for group in np.unique(groups).tolist():
        rows = groups == group
        accuracies[group] = (float((actual[rows] == predicted[rows]).mean()), int(rows.sum()))
    return accuracies


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else 0.0
