"""Gain of proposed ratings: macro F1 of labels from the first n ratings of each order, simulated and real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.annotate import queue
from tasks.annotate.candidates import Candidate
from tasks.annotate.rated_segments import Segment, SegmentId
from tasks.core import tables
from tasks.evaluation import scores
from tasks.labelling.quality import rated_texts
from tasks.labelling.votes import combine, stacking

Curve = dict[str, dict[int, float]]
_CLASSES = np.array(tables.SENTIMENTS)
_VOTERS = ("first", "second", "third", "fourth")


def simulated(seed: int, n: int = 2000) -> tuple[NDArray[np.float64], NDArray[np.str_], NDArray[np.str_]]:
    """Return votes of four voters, true labels (three in four neutral) and videos."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, n, p=(0.1, 0.75, 0.15))
    votes = np.full((n, len(_VOTERS)), np.nan)
    for voter in range(len(_VOTERS)):
        right = rng.uniform(0.45, 0.8) + rng.uniform(-0.1, 0.1, 3)
        confused = np.stack([np.insert(rng.dirichlet((1, 1)) * (1 - right[k]), k, right[k]) for k in range(3)])
        answers = (rng.random((n, 1)) > confused.cumsum(axis=1)[truth, :2]).sum(axis=1)
        silent = rng.random(n) < rng.uniform(0, 0.25)
        votes[:, voter] = np.where(silent, np.nan, (answers - 1) * rng.uniform(0.1, 1, n))
    return votes, _CLASSES[truth], np.array([f"v{number // 40}" for number in range(n)])


def curves(
    votes: NDArray[np.float64], truth: NDArray[np.str_], groups: NDArray[np.str_], sizes: Sequence[int], seed: int
) -> Curve:
    """Return by order and number of ratings the macro F1, on 40 % of the groups, of a model trained on the others."""
    rng = np.random.default_rng(seed)
    names = np.unique(groups)
    tested = np.isin(groups, rng.permutation(names)[: int(0.4 * names.size)])
    pool = np.flatnonzero(~tested)
    weak = combine.combined(votes, "consensus", combine.Thresholds(0.25, 0.5))
    rows = {}
    candidates = []
    for row in pool.tolist():
        segment = Segment(SegmentId(f"weak/{groups[row]}/{row}", 0.0, 1.0), str(groups[row]), "")
        shares = weak.probabilities[row]
        likely = {} if np.isnan(shares).any() else dict(zip(tables.SENTIMENTS, shares.tolist(), strict=True))
        polarities = {name: float(vote) for name, vote in zip(_VOTERS, votes[row], strict=False) if not np.isnan(vote)}
        candidates.append(Candidate(segment, "train", str(weak.labels[row]) or None, likely, polarities))
        rows[segment.id] = row
    chances = np.full((*votes.shape, 3), np.nan)

    def score(chosen: list[int]) -> float:
        if len(set(truth[chosen])) < len(_CLASSES):
            # nothing can be trained yet: the combination in use
            labels = np.where(weak.labels[tested] == "", "neutral", weak.labels[tested])
        else:
            model = stacking.fit(votes[chosen], chances[chosen], truth[chosen], _VOTERS[: votes.shape[1]])
            likely = np.nan_to_num(model.probabilities(votes[tested], chances[tested]), nan=1 / 3)
            labels = _CLASSES[likely.argmax(axis=1)]
        matrices = scores.confusions(truth[tested], labels, groups[tested], tables.SENTIMENTS)
        return float(scores.overall(matrices.sum(axis=0))["macro_f1"])

    def of(order: str) -> Iterator[tuple[int, float]]:
        ordered = [rows[item.segment.id] for item in islice(queue.ORDERS[order](candidates, seed), max(sizes))]
        for size in sizes:
            yield size, score(ordered[:size])

    return {order: dict(of(order)) for order in ("random", "stratified", "proposed")}


def averaged(curves_of_seeds: Sequence[Curve]) -> Mapping[str, Mapping[int, float]]:
    """Return the mean over seeds."""
    return {
        order: {size: float(np.mean([curve[order][size] for curve in curves_of_seeds])) for size in sizes}
        for order, sizes in curves_of_seeds[0].items()
    }


def test_proposed_ratings_reach_the_score_of_twice_as_many_random_ones() -> None:
    of_seeds = [curves(*simulated(seed), (60, 120, 240), seed) for seed in range(6)]
    mean = averaged(of_seeds)
    assert mean["proposed"][60] > mean["random"][120] - 0.005
    assert mean["proposed"][120] > mean["random"][240]
    assert sum(curve["proposed"][120] > curve["random"][120] for curve in of_seeds) >= 5


@pytest.mark.bench
def test_orders_on_simulated_ratings(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = (20, 40, 60, 100, 150, 200, 300, 400, 600)
    _print(capsys, "simulated", [curves(*simulated(seed, 4000), sizes, seed) for seed in range(20)])


@pytest.mark.real
@pytest.mark.bench
def test_orders_on_rated_sentences(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tasks.labelling.base import registry

    rated = rated_texts.read(sorted((real_data / "rated_text").glob("*.txt")))
    votes = np.stack(
        [registry.load(name).cast(list(rated.texts)).polarities for name in ("vader", "textblob", "afinn")], 1
    )
    sizes = (20, 40, 60, 100, 150, 200, 300, 400, 600)
    _print(capsys, "9,390 sentences", [curves(votes, rated.labels, rated.groups, sizes, seed) for seed in range(20)])


def _print(capsys: pytest.CaptureFixture[str], title: str, of_seeds: Sequence[Curve]) -> None:
    sizes = sorted(of_seeds[0]["random"])
    with capsys.disabled():
        print(f"\n{title}, {len(of_seeds)} seeds", *sizes, sep="\t")
        for order, mean in averaged(of_seeds).items():
            wins = [np.mean([curve[order][size] > curve["random"][size] for curve in of_seeds]) for size in sizes]
            print(order, *(f"{mean[size]:.3f}" for size in sizes), sep="\t")
            print("above random", *(f"{win:.0%}" for win in wins), sep="\t")
