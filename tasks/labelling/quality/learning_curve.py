"""Learning curve of label quality: macro F1 on other videos against the number of ratings that labels are fitted to.

Two ways to use ratings are compared: choosing a voter or a combination, and training a stacked model of the votes. In
each fold, n of the training ratings in random order are used, for several n; the rest of them is ignored. All texts
count (a missing label is neutral), and whole videos are in one fold. Intervals are from a bootstrap over videos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation import scores
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.labelling.quality import rated_folds
from tasks.labelling.votes import combine, stacking
from tasks.labelling.votes.combine import Polarities, Thresholds

CHOSEN, STACKED = WAYS = ("best voter or combination", "stacking")
LEAST_RATINGS = 20
_FOLDS, _REPEATS = 5, 4
_FEWEST = 10
"""Smallest number of ratings on the curve."""
_MOST_POINTS = 9
_WIDE = 0.05
"""With a longer interval, a difference in macro F1 that includes 0 says nothing."""
_BOUNDS = ("value", "low", "high")


@dataclass(frozen=True)
class RatedTexts:
    """Votes on rated texts, and labels that need no ratings.

    Args:
        polarities: NaN where a voter abstains, shape (n_texts, n_voters)
        chances: probabilities by voter, NaN where it has none, shape (n_texts, n_voters, 3)
        names: the voters, shape (n_voters,)
        gold: listeners' labels, shape (n_texts,)
        groups: video of every text, shape (n_texts,)
        candidates: labels of each voter and of each combination that needs no ratings, "" for none, shape (n_texts,)
        used: labels of the combination in use, "" for none, shape (n_texts,)
    """

    polarities: Polarities
    chances: NDArray[np.float64]
    names: Sequence[str]
    gold: Labels
    groups: Labels
    candidates: Mapping[str, Labels]
    used: Labels


def measured(texts: RatedTexts, bootstrap: Bootstrap, *, repeats: int = _REPEATS) -> dict[str, Any] | None:
    """Return the curve of each way to use ratings, ready for JSON; None with fewer than `LEAST_RATINGS` ratings.

    Args:
        texts: rated texts, a random sample
        bootstrap: settings of the intervals, over videos
        repeats: of the folds and of the order of ratings
    """
    if texts.gold.size < LEAST_RATINGS:
        return None
    runs = [rated_folds.folds(texts.gold, texts.groups, _FOLDS, bootstrap.seed + run) for run in range(repeats)]
    if any(len(run.test) < 2 for run in runs):
        return None
    most = min(texts.gold.size - fold.size for run in runs for fold in run.test)
    sizes = grid(most)
    # shape of an array: (n_sizes, n_repeats, n_units, 3, 3)
    stacks: dict[str, list[Any]] = {way: [] for way in WAYS}
    for number, run in enumerate(runs):
        labels = _held_out(texts, run.test, sizes, bootstrap.seed + number)
        for way in WAYS:
            stacks[way].append([_confusions(texts.gold, row, run.units) for row in labels[way]])
    matrices = {way: np.array(stack).swapaxes(0, 1) for way, stack in stacks.items()}
    used = _confusions(texts.gold, combine.or_neutral(texts.used), runs[0].units)
    ways = [_way(way, matrices[way], sizes, used, bootstrap) for way in WAYS]
    best = max(ways, key=lambda way: round(way["points"][-1]["value"], 9))
    report = {
        "n": int(texts.gold.size),
        "n_groups": int(np.unique(texts.groups).size),
        "by": runs[0].by,
        "folds": len(runs[0].test),
        "repeats": repeats,
        "used": scores.intervals(used[None], bootstrap)["macro_f1"],
        "ways": ways,
        "best": best["name"],
    }
    return report | {"in_words": in_words(report, bootstrap.confidence)}


def grid(most: int) -> list[int]:
    """Return numbers of ratings, ascending, two steps for a doubling: half of the last is the last but two.

    Args:
        most: the largest number
    """
    sizes = [round(most / 2 ** (step / 2)) for step in range(_MOST_POINTS)]
    return sorted({size for size in sizes if size >= min(_FEWEST, most)})


def in_words(report: Mapping[str, Any], confidence: float) -> str:
    """Return in a sentence what more ratings would bring.

    Args:
        report: of `measured`
        confidence: of the intervals
    """
    (best,) = (way for way in report["ways"] if way["name"] == report["best"])
    doubling = best["doubling"]
    if doubling is None:
        return f"{report['n']} ratings are too few for the shape of the curve."
    value, low, high = (doubling[name] for name in _BOUNDS)
    last = f"from {doubling['from']} to {doubling['to']} ratings macro F1 ({best['name']}) changed by {value:+.3f}"
    if low is None or high is None:
        return f"{last}; without an interval, this says little."
    last = f"{last} ({confidence:.0%} interval {low:+.3f} to {high:+.3f})".replace("-", "−")
    if low > 0:
        return f"More ratings help: {last}; twice as many ratings should bring about as much again, or less."
    if high < 0 or high - low > _WIDE:
        return f"Whether more ratings would help cannot be said yet: {last}."
    return f"The curve is flat: {last}; more ratings would hardly change the labels."


def _held_out(
    texts: RatedTexts, folds: Sequence[NDArray[np.int64]], sizes: Sequence[int], seed: int
) -> dict[str, list[Labels]]:
    """Return by way the labels of every text for each number of ratings, by ratings of other folds only."""
    labels = {way: [np.empty(texts.gold.size, dtype="U8") for _ in sizes] for way in WAYS}
    rng = np.random.default_rng(seed)
    for test in folds:
        training = rng.permutation(np.setdiff1d(np.arange(texts.gold.size), test))
        for number, size in enumerate(sizes):
            for way, of_test in _labels(texts, training[:size], test).items():
                labels[way][number][test] = of_test
    return labels


def _labels(texts: RatedTexts, rows: NDArray[np.int64], test: NDArray[np.int64]) -> dict[str, Labels]:
    """Return the labels of test rows by each way to use the ratings of other rows."""
    chosen = max(texts.candidates, key=lambda name: _macro_f1(texts.gold[rows], texts.candidates[name][rows]))
    simple = combine.or_neutral(texts.candidates[chosen][test])
    if set(tables.SENTIMENTS) - set(texts.gold[rows].tolist()):
        # a model of fewer classes than three cannot be trained
        return {CHOSEN: simple, STACKED: simple}
    model = stacking.fit(texts.polarities[rows], texts.chances[rows], texts.gold[rows], texts.names)
    likely = model.probabilities(texts.polarities[test], texts.chances[test])
    silent = np.isnan(likely).any(axis=1)
    stacked = np.array(tables.SENTIMENTS)[np.nan_to_num(likely).argmax(axis=1)]
    return {CHOSEN: simple, STACKED: np.where(silent, tables.SENTIMENTS[1], stacked)}


def _way(
    name: str, matrices: scores.Matrices, sizes: Sequence[int], used: scores.Matrices, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Return points, the gain of the last doubling, and the gain over the labels in use."""
    points = [
        {"n": size, **scores.intervals(of_size, bootstrap)["macro_f1"]}
        for size, of_size in zip(sizes, matrices, strict=True)
    ]
    half = sizes.index(round(sizes[-1] / 2)) if round(sizes[-1] / 2) in sizes else None
    doubling = None
    if half is not None:
        gain = scores.intervals(matrices[-1], bootstrap, other=matrices[half])["macro_f1"]
        doubling = {"from": sizes[half], "to": sizes[-1], **gain}
    everywhere = np.broadcast_to(used, matrices[-1].shape)
    gain = scores.intervals(matrices[-1], bootstrap, other=everywhere)["macro_f1"]
    return {"name": name, "points": points, "doubling": doubling, "gain": gain}


def labels_without_ratings(votes: combine.Votes) -> dict[str, Labels]:
    """Return the labels of each voter, and of each combination that needs no ratings, "" for none, shape (n_texts,).

    Args:
        votes: of all texts
    """
    several = combine.UNTRAINED if len(votes.names) > 1 else ()
    candidates = (*map(combine.alone, votes.names), *several)
    return {name: votes.combined(name, Thresholds(0.0, 0.0)).labels for name in candidates}


def _macro_f1(gold: Labels, labels: Labels) -> float:
    matrix = _confusions(gold, combine.or_neutral(labels), np.zeros(gold.size, dtype=str)).sum(axis=0)
    # rounded: equal scores must tie on every machine, and the first wins
    return round(float(scores.overall(matrix)["macro_f1"]), 9)


def _confusions(gold: Labels, labels: Labels, units: Labels) -> scores.Matrices:
    return scores.confusions(gold, labels, units, tables.SENTIMENTS)
