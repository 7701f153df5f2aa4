"""Novelty: about 1 for rows like those of training, large for others, and restored from its file."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.experiments import novelty
from tasks.features.base.sequences import Sequences
from tasks.models.base.estimator import Inputs


def rows(n: int = 400, shift: float = 0.0, seed: int = 1) -> Inputs:
    """Return rows with a block of vectors, the last of them constant, a block of sequences, and texts."""
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(n, 5)) * [1, 10, 100, 1e-3, 0] + 7 + shift * np.array([1, 10, 100, 1e-3, 1])).astype(
        np.float32
    )
    steps = rng.normal(size=(n * 3, 2)).astype(np.float32) + np.float32(shift)
    sequences = Sequences(steps, np.arange(n) * 3, np.full(n, 3))
    texts = np.array(["a text"] * n, dtype=object)
    return Inputs(np.full(n, ""), {"voice": vectors}, {"steps": sequences}, {"words": texts})


def measured(inputs: Inputs) -> novelty.TrainingSpread:
    spread = novelty.measure(inputs)
    assert spread is not None
    return spread


def test_training_rows_are_not_novel_and_others_are() -> None:
    spread = measured(rows())
    own = spread.novelty(rows())
    assert own.mean() == pytest.approx(1, abs=0.05)
    bound = novelty.bound(own)
    assert (own > bound).mean() == pytest.approx(0.01, abs=0.004)
    assert (spread.novelty(rows(seed=2)) > bound).mean() < 0.05
    assert (spread.novelty(rows(shift=5.0)) > bound).all()


def test_a_feature_without_spread_does_not_count() -> None:
    inputs = rows()
    changed = inputs.vectors["voice"].copy()
    changed[:, 4] = 1e9
    other = Inputs(inputs.units, {"voice": changed}, inputs.sequences)
    spread = measured(inputs)
    assert spread.novelty(other).tolist() == spread.novelty(inputs).tolist()


def test_a_missing_sequence_does_not_count() -> None:
    inputs = rows()
    spread = measured(inputs)
    lengths = np.where(np.arange(400) == 0, 0, 3)
    some = Sequences(inputs.sequences["steps"].steps, inputs.sequences["steps"].starts, lengths)
    without = spread.novelty(Inputs(inputs.units, inputs.vectors, {"steps": some}))
    vectors_only = measured(Inputs(inputs.units, inputs.vectors)).novelty(Inputs(inputs.units, inputs.vectors))
    assert without[0] == pytest.approx(vectors_only[0])
    assert without[1] == spread.novelty(inputs)[1]


def test_a_row_without_any_block_has_none() -> None:
    inputs = rows()
    steps = inputs.sequences["steps"]
    spread = measured(Inputs(inputs.units, sequences=inputs.sequences))
    empty = Inputs(inputs.units, sequences={"steps": Sequences(steps.steps, steps.starts, np.zeros(400, dtype=int))})
    assert np.isnan(spread.novelty(empty)).all()


def test_texts_have_no_novelty() -> None:
    inputs = rows()
    assert novelty.measure(Inputs(inputs.units, texts=inputs.texts)) is None
    constant = {"voice": np.ones((400, 3))}
    assert novelty.measure(Inputs(inputs.units, constant)) is None


def test_it_is_restored_exactly() -> None:
    spread = measured(rows())
    again = novelty.from_bytes(spread.to_bytes())
    assert again.to_bytes() == spread.to_bytes()
    assert again.novelty(rows(seed=3)).tolist() == spread.novelty(rows(seed=3)).tolist()
