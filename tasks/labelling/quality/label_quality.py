"""Label quality report: voters, combinations and thresholds against listeners' ratings, ready for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation import scores, soft_labels
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.labelling.quality import error_analysis, phenomena, threshold
from tasks.labelling.votes import combine
from tasks.labelling.votes.combine import Combined, Polarities, Thresholds

_NONE = ""
NESTED = "selected"
"""Name of the labels by a combination that was selected in nested folds."""
_SURELY_NEUTRAL = np.array([0.0, 1.0, 0.0])
_MIN_TEXTS = 20
"""Least number of rated texts with a mark; an accuracy on fewer is too uncertain to report."""
_SCORE_KEYS = ("n", *scores.NAMES, "per_class")


@dataclass(frozen=True)
class VotedTexts:
    """Texts with votes and gold labels.

    Args:
        texts: shape (n_texts,)
        polarities: votes, NaN where a voter abstains, shape (n_texts, n_voters)
        names: the voters, shape (n_voters,)
        gold: listeners' labels, "" where there is no rating or they tie, shape (n_texts,)
        groups: video, article or dialogue of every text, shape (n_texts,)
        training: texts that a label model is fitted to, shape (n_texts,)
        sources: where each text comes from, such as `manual` or `recognised`, shape (n_texts,); None: not known
        stacked: probabilities by a stacked model, NaN where there are none, shape (n_texts, 3); None: no such model
        nested: labels by a combination that was selected without the text's group, shape (n_texts,); None: no such
        chances: probabilities by voter, NaN where it has none, shape (n_texts, n_voters, 3); None: no voter has any
        rated_shares: shares of the ratings of texts that several people rated, NaN for others, shape (n_texts, 3)
    """

    texts: Sequence[str]
    polarities: Polarities
    names: Sequence[str]
    gold: Labels
    groups: Labels
    training: NDArray[np.bool_]
    sources: Labels | None = None
    stacked: NDArray[np.float64] | None = None
    nested: Labels | None = None
    chances: NDArray[np.float64] | None = None
    rated_shares: NDArray[np.float64] | None = None

    def combined(self, how: str, thresholds: Thresholds) -> Combined:
        """Combine the votes to labels.

        Args:
            how: the combination, or a name from `combine.alone`
            thresholds: conditions for a label
        """
        return combine.Votes(self.names, self.polarities, self.stacked, self.training).combined(how, thresholds)

    def combinations(self, used: str) -> tuple[str, ...]:
        """Return the combinations that can be scored, and the labels in use.

        Args:
            used: the combination in use, or a name from `combine.alone`
        """
        names = (*combine.UNTRAINED, "stacking") if self.stacked is not None else combine.UNTRAINED
        return names if used in names else (*names, used)


def measured(texts: VotedTexts, how: str, thresholds: Thresholds, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return all statistics of voters and labels.

    Args:
        texts: votes and gold labels
        how: the combination in use, or a name from `combine.alone`
        thresholds: conditions for its labels
        bootstrap: settings of the intervals, over groups
    """
    votes = combine.labels_of(texts.polarities)
    chosen = texts.combined(how, thresholds)
    rated = texts.gold != _NONE
    return {
        "combine": how,
        "n": len(texts.texts),
        "n_heard": int(rated.sum()),
        "n_groups_heard": int(np.unique(texts.groups[rated]).size),
        "confidence": bootstrap.confidence,
        "voters": [_voter(statistics) for statistics in _voters(texts, bootstrap)],
        "correlations": [
            {"first": first, "second": second, "value": value}
            for (first, second), value in error_analysis.correlations(texts.polarities, texts.names).items()
        ],
        "combinations": list(_combinations(texts, how, thresholds, bootstrap)),
        "soft": list(_soft(texts, how, bootstrap)),
        "by_source": list(_by_source(texts, chosen, bootstrap)),
        "contradicted": int(combine.contradicted(votes, chosen.labels).sum()),
        "coverage": float((chosen.labels != _NONE).mean()) if len(texts.texts) else 0.0,
        "curve": [asdict(point) for point in curve(texts, how, bootstrap)],
        "confusion": _confusion(texts.gold[rated], chosen.labels[rated]),
        "marks": _marks(texts),
    }


def few(report: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the few numbers that `dvc metrics` compares: macro F1 of the labels against listeners, its interval, n.

    Args:
        report: content of `results.json`
    """
    (used,) = (entry["covered"] for entry in report["combinations"] if entry["used"])
    if used is None:
        return {"macro_f1": None, "low": None, "high": None, "n": 0}
    scored = used["macro_f1"]
    values = {"macro_f1": scored["value"], "low": scored["low"], "high": scored["high"]}
    return {name: None if value is None else round(value, 4) for name, value in values.items()} | {"n": used["n"]}


def curve(texts: VotedTexts, how: str, bootstrap: Bootstrap) -> list[threshold.ThresholdPoint]:
    """Return coverage and macro F1 over the threshold of a combination.

    Args:
        texts: votes and gold labels
        how: the combination
        bootstrap: settings of the intervals, over groups
    """
    combination = texts.combined(how, Thresholds(0.0, 0.0))
    certain = combine.certainty(combination, how)
    return threshold.curve(combination.labels, certain, texts.gold, texts.groups, bootstrap)


def disagreements(texts: VotedTexts, combination: Combined, at_most: int) -> NDArray[np.int64]:
    """Return row numbers of labels that differ from the gold label, most certain first, shape (n,).

    Args:
        texts: votes and gold labels
        combination: their labels
        at_most: maximum number of rows
    """
    labels = combination.labels
    wrong = np.flatnonzero((texts.gold != _NONE) & (labels != _NONE) & (labels != texts.gold))
    certain = np.nan_to_num(combination.weights[wrong]) + np.abs(np.nan_to_num(combination.scores[wrong]))
    return wrong[np.argsort(-certain, kind="stable")][:at_most]


def _marks(texts: VotedTexts) -> list[dict[str, Any]]:
    """Return each voter's accuracy on texts with each mark of `phenomena`; marks of few rated texts are left out.

    Args:
        texts: votes and gold labels
    """
    rated = np.flatnonzero(texts.gold != _NONE)
    votes, gold = combine.labels_of(texts.polarities[rated]), texts.gold[rated]
    report = []
    for name, marked in phenomena.marked([texts.texts[k] for k in rated.tolist()]).items():
        if marked.sum() < _MIN_TEXTS:
            continue
        right = {}
        for k, voter in enumerate(texts.names):
            voted = marked & (votes[:, k] != _NONE)
            right[voter] = float((votes[voted, k] == gold[voted]).mean()) if voted.any() else None
        report.append({"mark": name, "n": int(marked.sum()), "right": right})
    return report


def _combinations(
    texts: VotedTexts, used: str, thresholds: Thresholds, bootstrap: Bootstrap
) -> Iterator[dict[str, Any]]:
    for which in texts.combinations(used):
        yield _combination(texts, which, used, thresholds, bootstrap)
    if texts.nested is not None:
        rated = texts.gold != _NONE
        scored = _scored(texts, texts.nested, rated, bootstrap)
        gain = _gain(texts, texts.nested, rated, bootstrap)
        marks = {"name": NESTED, "used": False, "too_good": False}
        yield {**marks, "coverage": 1.0, "covered": scored, "everywhere": scored, "gain": gain}


def _soft(texts: VotedTexts, used: str, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """Yield how near each voter's and combination's probabilities are to the shares of several people's ratings.

    A voter without probabilities, or without a vote, counts as sure of the class of its sign, or of neutral.
    """
    if texts.rated_shares is None:
        return
    several = ~np.isnan(texts.rated_shares).any(axis=1) & (texts.gold != _NONE)
    if not several.any():
        return
    systems = {name: _voter_shares(texts, k) for k, name in enumerate(texts.names)}
    for which in texts.combinations(used):
        systems[which] = texts.combined(which, Thresholds(0.0, 0.0)).probabilities
    for name, shares in systems.items():
        sure = np.where(np.isnan(shares), _SURELY_NEUTRAL, shares)[several]
        rated, groups = texts.rated_shares[several], texts.groups[several]
        yield {"name": name, "used": name == used, **soft_labels.summary(sure, rated, groups, bootstrap)}


def _voter_shares(texts: VotedTexts, k: int) -> NDArray[np.float64]:
    votes = combine.labels_of(texts.polarities[:, k])
    signs = np.stack([votes == label for label in tables.SENTIMENTS], axis=1).astype(np.float64)
    signs[votes == _NONE] = np.nan
    if texts.chances is None:
        return signs
    return np.where(np.isnan(texts.chances[:, k]), signs, texts.chances[:, k])


def _combination(
    texts: VotedTexts, which: str, used: str, thresholds: Thresholds, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Return a combination's scores on the labels it gives, and on all rated texts with missing labels as neutral.

    Args:
        texts: votes and gold labels
        which: the combination
        used: the combination in use
        thresholds: of the combination in use; the others have none
        bootstrap: settings of the intervals
    """
    combination = texts.combined(which, thresholds if which == used else Thresholds(0.0, 0.0))
    rated = texts.gold != _NONE
    covered = rated & (combination.labels != _NONE)
    everywhere = np.where(combination.labels == _NONE, "neutral", combination.labels)
    return {
        "name": which,
        "used": which == used,
        "too_good": False,
        "coverage": float((combination.labels != _NONE).mean()) if combination.labels.size else 0.0,
        "covered": _scored(texts, combination.labels, covered, bootstrap),
        "everywhere": _scored(texts, everywhere, rated, bootstrap),
        "gain": _gain(texts, everywhere, rated, bootstrap),
    }


def _by_source(texts: VotedTexts, chosen: Combined, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """Yield the coverage and the scores of the labels in use for the texts of each source; nothing if there is one."""
    names = np.unique(texts.sources).tolist() if texts.sources is not None else []
    for name in names if len(names) > 1 else ():
        mine = texts.sources == name
        labelled = chosen.labels != _NONE
        rated = mine & (texts.gold != _NONE)
        yield {
            "source": name,
            "n": int(mine.sum()),
            "coverage": float(labelled[mine].mean()),
            "n_heard": int(rated.sum()),
            "covered": _scored(texts, chosen.labels, rated & labelled, bootstrap),
        }


def _voters(texts: VotedTexts, bootstrap: Bootstrap) -> list[error_analysis.VoterStatistics]:
    return error_analysis.voters(texts.polarities, texts.names, texts.gold, texts.groups, bootstrap)


def _voter(statistics: error_analysis.VoterStatistics) -> dict[str, Any]:
    report = {**asdict(statistics), "too_good": False}
    report["gold"] = None if statistics.gold is None else {key: statistics.gold[key] for key in _SCORE_KEYS}
    report["by_group"] = [
        {"group": group, "accuracy": accuracy, "n": n} for group, (accuracy, n) in sorted(statistics.by_group.items())
    ]
    return report


def _scored(texts: VotedTexts, labels: Labels, where: NDArray[np.bool_], bootstrap: Bootstrap) -> dict[str, Any] | None:
    if not where.any():
        return None
    summary = scores.summary(_matrices(texts, labels, where), tables.SENTIMENTS, bootstrap)
    return {key: summary[key] for key in _SCORE_KEYS}


def _gain(texts: VotedTexts, labels: Labels, rated: NDArray[np.bool_], bootstrap: Bootstrap) -> dict[str, Any] | None:
    """Return the difference in macro F1 to the best single voter, whose abstentions count as neutral."""
    if not rated.any():
        return None
    votes = combine.labels_of(texts.polarities)
    alone = {
        name: _matrices(texts, np.where(votes[:, k] == _NONE, "neutral", votes[:, k]), rated)
        for k, name in enumerate(texts.names)
    }
    best = max(alone, key=lambda name: float(scores.overall(alone[name].sum(axis=0))["macro_f1"]))
    mine = _matrices(texts, labels, rated)
    return {"over": best, **scores.intervals(mine[None], bootstrap, other=alone[best][None])["macro_f1"]}


def _matrices(texts: VotedTexts, labels: Labels, where: NDArray[np.bool_]) -> scores.Matrices:
    return scores.confusions(texts.gold[where], labels[where], texts.groups[where], tables.SENTIMENTS)


def _confusion(gold: Labels, labels: Labels) -> Mapping[str, dict[str, int]]:
    columns = {**{name: name for name in tables.SENTIMENTS}, "none": _NONE}
    return {
        row: {name: int(((gold == row) & (labels == label)).sum()) for name, label in columns.items()}
        for row in tables.SENTIMENTS
    }
