"""Detection of clips that look as if they came from a single class, by which adapting to a speaker does harm.

The measure is the Jensen-Shannon divergence of the plain model's class probabilities of the clips (Lin 1991, IEEE
Transactions on Information Theory 37): the entropy of their mean minus their mean entropy, in nats. It is small if all
clips are predicted alike, whatever the class is: also if the plain model mistakes a speaker's voice for an emotion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.splits import Labels
from tasks.experiments.adaptation import drawn, of_speakers
from tasks.models.base.estimator import Scores

FALSE_ALARMS = 0.05
"""Share of random draws of a training speaker's clips that are below the bound."""
SIZES = (3, 5, 10, 20, 50)
LEAST = SIZES[0]
"""Fewest clips that are judged: two clips are often of the same class."""
_DRAWS = 40

Folds = NDArray[np.int64]


def divergence(probabilities: Scores) -> float:
    """Return the Jensen-Shannon divergence of clips, 0 if all have the same probabilities.

    Args:
        probabilities: of the clips, shape (n_clips, n_classes)
    """
    return float(_entropy(probabilities.mean(axis=0)) - _entropy(probabilities).mean())


def bounds(probabilities: Scores, ids: Labels, speakers: Labels) -> dict[int, float]:
    """Return the divergence below which clips are one-sided, by the number of clips.

    Args:
        probabilities: of rows by models that were not trained on them, shape (n_rows, n_classes)
        ids: of the rows
        speakers: of the rows

    Returns:
        the quantile `FALSE_ALARMS` of random draws, each speaker counting alike; sizes that no speaker exceeds are
        left out
    """
    limits = {}
    for size in SIZES:
        values = [
            divergence(probabilities[rows[drawn(ids[rows], size, size, draw)]])
            for _, rows in of_speakers(speakers)
            if rows.size > size
            for draw in range(_DRAWS)
        ]
        if values:
            limits[size] = float(np.quantile(values, FALSE_ALARMS))
    return limits


def is_one_sided(probabilities: Scores, limits: Mapping[int, float]) -> bool | None:
    """Return whether clips look as if they came from a single class.

    Args:
        probabilities: of the clips, shape (n_clips, n_classes)
        limits: from `bounds`

    Returns:
        None if there are fewer clips than any bound is for
    """
    fitting = [size for size in limits if size <= len(probabilities)]
    return divergence(probabilities) < limits[max(fitting)] if fitting else None


def measured(
    probabilities: Scores,
    ids: Labels,
    speakers: Labels,
    folds: Folds,
    *,
    draws: Mapping[str, Sequence[Mapping[str, Labels]]],
    limits: Mapping[int, float] | None,
) -> dict[str, Any]:
    """Return how often clips of test speakers are called one-sided.

    Args:
        probabilities: of the test rows by the plain model, shape (n_rows, n_classes)
        ids: of the test rows
        speakers: of the test rows
        folds: of the test rows
        draws: kind → draws: speaker → ids of his clips
        limits: bounds of the training part; None: for each fold the bounds of the speakers of all others, who are the
            speakers that it was trained on

    Returns:
        kind → number of sets of clips, the share that is called one-sided, and speaker → number of these draws
    """
    row_of = {name: row for row, name in enumerate(ids.tolist())}
    by_fold = {
        number: limits if limits is not None else bounds(probabilities[out], ids[out], speakers[out])
        for number in np.unique(folds).tolist()
        if (out := folds != number).any() or limits is not None
    }
    summary = {}
    for kind, of_kind in draws.items():
        judged, flagged = 0, dict[str, int]()
        for clips in of_kind:
            for speaker, names in clips.items():
                rows = [row_of[name] for name in names.tolist()]
                verdict = is_one_sided(probabilities[rows], by_fold.get(int(folds[rows[0]]), {}))
                judged += verdict is not None
                if verdict:
                    flagged[speaker] = flagged.get(speaker, 0) + 1
        total = sum(flagged.values())
        summary[kind] = {"n": judged, "share": total / judged if judged else None, "speakers": flagged}
    return summary


def _entropy(probabilities: Scores) -> NDArray[np.float64]:
    entropy: NDArray[np.float64] = -(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(axis=-1)
    return entropy
