"""How voters vote: how often, how often alone, against whom, and how often they are right where people have listened.

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
    """One voter's figures.

    Args:
        name: how params.yaml calls it
        coverage: share of the texts on which it votes
        polar: share on which it votes positive or negative
        overlap: share on which another voter votes, too
        conflict: share on which another voter votes otherwise: positive, negative and neutral are three votes
        gold: scores on what people have listened to and this voter votes on, as `scores.summary` has them; None: nobody
            has listened
        by_group: accuracy and number of such texts in each video
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
    """Return every voter's figures.

    Args:
        polarities: votes, shape (n_texts, n_voters)
        names: of the voters
        gold: what people heard, "" where nobody has listened or they tie, shape (n_texts,)
        groups: the video of every text, shape (n_texts,)
        bootstrap: of the intervals, over videos
    """
    said = labels_of(polarities)
    found = []
    for k, name in enumerate(names):
        mine, others = said[:, k], np.delete(said, k, axis=1)
        votes = mine != ""
        also, against = others != "", (others != "") & (others != mine[:, None])
        heard = votes & (gold != "")
        found.append(
            VoterStatistics(
                name,
                _share(votes),
                _share(votes & (mine != "neutral")),
                _share(votes & also.any(axis=1)),
                _share(votes & against.any(axis=1)),
                _scored(gold[heard], mine[heard], groups[heard], bootstrap),
                _by_group(gold[heard], mine[heard], groups[heard]),
            )
        )
    return found


def correlations(polarities: Polarities, names: Sequence[str]) -> dict[tuple[str, str], float | None]:
    """Return Spearman's correlation of every two voters over texts on which both vote; None where one never varies."""
    found: dict[tuple[str, str], float | None] = {}
    for (j, one), (k, other) in combinations(enumerate(names), 2):
        both = ~np.isnan(polarities[:, [j, k]]).any(axis=1)
        ranks = [_ranks(polarities[both, column]) for column in (j, k)]
        varies = both.sum() > 1 and all(np.ptp(one) > 0 for one in ranks)
        found[one, other] = float(np.corrcoef(ranks[0], ranks[1])[0, 1]) if varies else None
    return found


def _ranks(votes: NDArray[np.float64]) -> NDArray[np.float64]:
    # scipy.stats.rankdata, whose import takes a second
    _, place, sizes = np.unique(votes, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(sizes) - (sizes - 1) / 2)[place]
    return ranks


def _scored(actual: Labels, said: Labels, groups: Labels, bootstrap: Bootstrap) -> dict[str, Any] | None:
    if not actual.size:
        return None
    counted = scores.confusions(actual, said, groups, tables.SENTIMENTS)
    return scores.summary(counted, tables.SENTIMENTS, bootstrap)


def _by_group(actual: Labels, said: Labels, groups: Labels) -> dict[str, tuple[float, int]]:
    found = {}
    for group in np.unique(groups).tolist():
        here = groups == group
        found[group] = (float((actual[here] == said[here]).mean()), int(here.sum()))
    return found


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else 0.0
