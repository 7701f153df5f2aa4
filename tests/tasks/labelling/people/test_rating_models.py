"""Listeners' ratings by majority, Dawid–Skene and MACE: a spammer must not cost the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tasks.core import tables
from tasks.evaluation import scores
from tasks.labelling.people import rating_models
from tasks.labelling.people.rating_models import Adding

CLASSES = np.array(tables.SENTIMENTS)


def listened(seed: int, *, spammer: str = "", n: int = 400) -> tuple[np.ndarray, list[dict[str, str]]]:
    """Four listeners with an accuracy of 0.75 to 0.9, and possibly one who presses keys without listening."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, size=n, p=(0.3, 0.4, 0.3))
    columns = {
        f"l{k}": np.where(rng.random(n) < accuracy, truth, (truth + rng.integers(1, 3, size=n)) % 3)
        for k, accuracy in enumerate((0.75, 0.8, 0.85, 0.9))
    }
    if spammer:
        columns["spammer"] = rng.integers(3, size=n) if spammer == "random" else np.full(n, 1)
    return CLASSES[truth], [{name: str(CLASSES[codes[k]]) for name, codes in columns.items()} for k in range(n)]


def macro_f1(truth: np.ndarray, given: Sequence[str | None]) -> float:
    """Macro F1 over all rows; a tie counts as neutral."""
    predicted = np.array([label or "neutral" for label in given])
    matrices = scores.confusions(truth, predicted, np.zeros(truth.size, dtype=str), tables.SENTIMENTS)
    return float(scores.overall(matrices.sum(axis=0))["macro_f1"])


@pytest.mark.parametrize("how", ["dawid-skene", "mace"])
@pytest.mark.parametrize("spammer", ["random", "constant"])
def test_a_spammer_among_listeners_costs_at_most_a_hundredth(how: Adding, spammer: str) -> None:
    losses = []
    for seed in range(8):
        truth, without = listened(seed)
        _, together = listened(seed, spammer=spammer)
        losses.append(
            macro_f1(truth, rating_models.labels(without, how)) - macro_f1(truth, rating_models.labels(together, how))
        )
    assert np.mean(losses) <= 0.01
    assert max(losses) <= 0.02


def test_models_are_better_than_the_majority_where_listeners_differ_in_care() -> None:
    gains = []
    for seed in range(5):
        truth, ratings = listened(seed, spammer="random")
        by_majority = macro_f1(truth, rating_models.labels(ratings, "majority"))
        gains.append(macro_f1(truth, rating_models.labels(ratings, "mace")) - by_majority)
    assert np.mean(gains) > 0.02


def test_shares_and_ties() -> None:
    ratings = [{"a": "positive", "b": "positive", "c": "neutral"}, {"a": "positive", "b": "negative"}, {}]
    np.testing.assert_allclose(rating_models.shares(ratings)[0], [0, 1 / 3, 2 / 3])
    assert rating_models.labels(ratings, "majority") == ["positive", None, None]
    assert np.isnan(rating_models.shares(ratings)[2]).all()
    assert rating_models.labels(ratings, "mace")[2] is None
    assert rating_models.shares([]).shape == (0, 3)
    assert rating_models.labels([], "dawid-skene") == []
