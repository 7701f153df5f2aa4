"""What labels are worth: voters, combinations and thresholds beside what people heard, as plain figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation import scores
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.labelling.quality import error_analysis, phenomena, threshold
from tasks.labelling.votes import combine
from tasks.labelling.votes.combine import Combination, Combined, Polarities, Thresholds

NONE = ""
_FEWEST = 20
"""Texts people have heard: under this many a mark's share of right votes says nothing."""
_KEPT = ("n", *scores.NAMES)


@dataclass(frozen=True)
class VotedTexts:
    """Texts, the votes on them, and what people heard.

    Args:
        texts: shape (n_texts,)
        polarities: votes, not a number where a voter abstains, shape (n_texts, n_voters)
        names: of the voters
        gold: what people heard, "" where nobody has listened or they tie, shape (n_texts,)
        groups: the video, article or dialogue of every text, shape (n_texts,)
        learns: texts that a label model learns from, shape (n_texts,)
    """

    texts: Sequence[str]
    polarities: Polarities
    names: Sequence[str]
    gold: Labels
    groups: Labels
    learns: NDArray[np.bool_]

    def combined(self, how: Combination, thresholds: Thresholds) -> Combined:
        """Return the labels that the votes come to."""
        return combine.combined(self.polarities, how, thresholds, self.learns)


def measured(judged: VotedTexts, how: Combination, thresholds: Thresholds, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return all figures about voters and labels, ready for JSON.

    Args:
        judged: texts and votes
        how: the combination that is used
        thresholds: what its labels must reach
        bootstrap: of the intervals, over groups
    """
    said = combine.labels_of(judged.polarities)
    chosen = judged.combined(how, thresholds)
    heard = judged.gold != NONE
    return {
        "combine": how,
        "n": len(judged.texts),
        "n_heard": int(heard.sum()),
        "n_groups_heard": int(np.unique(judged.groups[heard]).size),
        "confidence": bootstrap.confidence,
        "voters": [_voter(one) for one in _voters(judged, bootstrap)],
        "correlations": [
            {"first": first, "second": second, "value": value}
            for (first, second), value in error_analysis.correlations(judged.polarities, judged.names).items()
        ],
        "combinations": [combination(judged, one, how, thresholds, bootstrap) for one in combine.SCORED],
        "contradicted": int(combine.contradicted(said, chosen.labels).sum()),
        "coverage": float((chosen.labels != NONE).mean()) if len(judged.texts) else 0.0,
        "curve": [asdict(one) for one in curve(judged, how, bootstrap)],
        "confusion": _confusion(judged.gold[heard], chosen.labels[heard]),
        "marks": marks(judged),
    }


def combination(
    judged: VotedTexts, which: Combination, used: Combination, thresholds: Thresholds, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Return how one combination does: on what it covers, and everywhere, where no label counts as neutral.

    Args:
        judged: texts and votes
        which: the combination
        used: the one that makes the labels
        thresholds: of the one that is used; others have none
        bootstrap: of the intervals
    """
    found = judged.combined(which, thresholds if which == used else Thresholds(0.0, 0.0))
    heard = judged.gold != NONE
    covered = heard & (found.labels != NONE)
    everywhere = np.where(found.labels == NONE, "neutral", found.labels)
    return {
        "name": which,
        "used": which == used,
        "coverage": float((found.labels != NONE).mean()) if found.labels.size else 0.0,
        "covered": _scored(judged, found.labels, covered, bootstrap),
        "everywhere": _scored(judged, everywhere, heard, bootstrap),
        "gain": _gain(judged, everywhere, heard, bootstrap),
    }


def curve(judged: VotedTexts, how: Combination, bootstrap: Bootstrap) -> list[threshold.ThresholdPoint]:
    """Return what a threshold on a combination's certainty costs in coverage and brings in macro F1."""
    found = judged.combined(how, Thresholds(0.0, 0.0))
    certain = combine.certainty(found, how)
    return threshold.curve(found.labels, certain, judged.gold, judged.groups, bootstrap)


def disagreements(judged: VotedTexts, labels: Combined, at_most: int) -> NDArray[np.int64]:
    """Return the texts on which labels and people differ, the surest labels first, shape (n,)."""
    wrong = np.flatnonzero((judged.gold != NONE) & (labels.labels != NONE) & (labels.labels != judged.gold))
    sure = np.nan_to_num(labels.weights[wrong]) + np.abs(np.nan_to_num(labels.scores[wrong]))
    return wrong[np.argsort(-sure, kind="stable")][:at_most]


def marks(judged: VotedTexts) -> list[dict[str, Any]]:
    """Return, for every mark that enough heard texts bear, how often each voter is right there."""
    heard = np.flatnonzero(judged.gold != NONE)
    said, gold = combine.labels_of(judged.polarities[heard]), judged.gold[heard]
    told = []
    for name, there in phenomena.marked([judged.texts[k] for k in heard.tolist()]).items():
        if there.sum() < _FEWEST:
            continue
        right = {}
        for k, voter in enumerate(judged.names):
            votes = there & (said[:, k] != NONE)
            right[voter] = float((said[votes, k] == gold[votes]).mean()) if votes.any() else None
        told.append({"mark": name, "n": int(there.sum()), "right": right})
    return told


def _voters(judged: VotedTexts, bootstrap: Bootstrap) -> list[error_analysis.VoterStatistics]:
    return error_analysis.voters(judged.polarities, judged.names, judged.gold, judged.groups, bootstrap)


def _voter(found: error_analysis.VoterStatistics) -> dict[str, Any]:
    told = asdict(found)
    told["gold"] = None if found.gold is None else {key: found.gold[key] for key in _KEPT}
    told["by_group"] = [
        {"group": group, "accuracy": right, "n": n} for group, (right, n) in sorted(found.by_group.items())
    ]
    return told


def _scored(
    judged: VotedTexts, labels: Labels, where: NDArray[np.bool_], bootstrap: Bootstrap
) -> dict[str, Any] | None:
    if not where.any():
        return None
    found = scores.summary(_counted(judged, labels, where), tables.SENTIMENTS, bootstrap)
    return {key: found[key] for key in _KEPT}


def _gain(judged: VotedTexts, labels: Labels, heard: NDArray[np.bool_], bootstrap: Bootstrap) -> dict[str, Any] | None:
    """Return by how much macro F1 is above that of the best voter alone; no label counts as neutral."""
    if not heard.any():
        return None
    said = combine.labels_of(judged.polarities)
    alone = {
        name: _counted(judged, np.where(said[:, k] == NONE, "neutral", said[:, k]), heard)
        for k, name in enumerate(judged.names)
    }
    best = max(alone, key=lambda name: float(scores.overall(alone[name].sum(axis=0))["macro_f1"]))
    mine = _counted(judged, labels, heard)
    return {"over": best, **scores.paired(mine[None], alone[best][None], bootstrap)["macro_f1"]}


def _counted(judged: VotedTexts, labels: Labels, where: NDArray[np.bool_]) -> scores.Matrices:
    return scores.confusions(judged.gold[where], labels[where], judged.groups[where], tables.SENTIMENTS)


def _confusion(gold: Labels, labels: Labels) -> Mapping[str, dict[str, int]]:
    columns = {**{name: name for name in tables.SENTIMENTS}, "none": NONE}
    return {
        row: {told: int(((gold == row) & (labels == column)).sum()) for told, column in columns.items()}
        for row in tables.SENTIMENTS
    }
