"""The head of a learned voter: standardisation, penalties, temperature."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tasks.core import tables
from tasks.labelling.learned import head, selection, text_inputs
from tasks.labelling.learned.selection import FrozenTrainer, HeadRows

SENTIMENTS = np.array(tables.SENTIMENTS)


def rows(n: int = 600, noise: float = 1.0, shares: tuple[float, ...] = (0.2, 0.6, 0.2)) -> HeadRows:
    """Two inputs that tell the classes apart, three without content and one that never changes."""
    rng = np.random.default_rng(0)
    labels = rng.choice(SENTIMENTS, n, p=shares)
    plain = rng.normal(size=(n, 6)).astype(np.float32) * noise
    plain[:, 0] += head.codes(labels) - 1
    plain[:, 1] = 50 * (plain[:, 1] + (labels == "neutral"))
    plain[:, 5] = 7
    other = plain + rng.normal(size=plain.shape).astype(np.float32) * 0.1
    return HeadRows((plain, other), labels, np.arange(n) // 4)


def test_it_is_the_regression_of_scikit_learn_on_standardised_inputs() -> None:
    data = rows()
    for fitted, penalty in zip(head.fit(data.inputs[0], data.labels, (1.0, 0.1)), (1.0, 0.1), strict=True):
        scaler = StandardScaler().fit(data.inputs[0])
        model = LogisticRegression(C=1 / (penalty * 600), tol=1e-6, max_iter=1000)
        expected = model.fit(scaler.transform(data.inputs[0]), data.labels).predict_proba(
            scaler.transform(data.inputs[0])
        )
        assert np.abs(head.softmax(fitted.logits(data.inputs[0])) - expected).max() < 0.01
    assert not np.abs(fitted.weights[:, 5]).any()


def test_a_penalty_means_the_same_for_any_number_of_rows() -> None:
    data = rows()
    (once,), (twice,) = (head.fit(np.tile(data.inputs[0], (n, 1)), np.tile(data.labels, n), (0.3,)) for n in (1, 2))
    assert np.abs(once.weights - twice.weights).max() < 1e-2


def test_a_temperature_restores_probabilities_that_are_too_extreme() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(20_000, 3))
    likely = head.softmax(logits)
    labels = SENTIMENTS[(likely.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)]
    assert head.best_temperature(2 * logits, labels) == pytest.approx(2, rel=0.05)
    assert head.calibration_error(likely, labels) < 0.02
    assert head.calibration_error(head.softmax(3 * logits), labels) > 0.1
    assert head.log_loss(logits, labels) < head.log_loss(2 * logits, labels)


def test_a_calibrated_head_gives_the_calibrated_probabilities() -> None:
    data = rows()
    (fitted,) = head.fit(data.inputs[0], data.labels, (0.3,))
    expected = head.softmax(fitted.logits(data.inputs[0]) / 1.7)
    assert np.allclose(head.softmax(fitted.calibrated(1.7).logits(data.inputs[0])), expected)


def test_the_penalty_follows_the_content_of_the_inputs() -> None:
    clear, noisy = selection.chosen(rows(900, 0.3), 0), selection.chosen(rows(200, 20.0), 0)
    assert clear.penalty == min(selection.PENALTIES)
    assert noisy.penalty > clear.penalty
    assert 0.5 <= clear.temperature <= 3


def test_held_out_rows_have_no_part_in_their_probabilities() -> None:
    data = rows(60)
    before = selection.held_out(FrozenTrainer(data, 0), data.labels, data.groups, 0, lambda _: None)
    assert before.n_folds == 5
    # a group whose inputs change does not change the probabilities of its own fold's other groups
    changed = HeadRows(tuple(values.copy() for values in data.inputs), data.labels, data.groups)
    for values in changed.inputs:
        values[:4] += 1000
    after = selection.held_out(FrozenTrainer(changed, 0), data.labels, data.groups, 0, lambda _: None)
    same = np.isclose(before.renderings[0], after.renderings[0], atol=1e-9).all(axis=1)
    assert not same[:4].any()
    assert 8 <= same.sum() < 60


def test_layers_at_two_thirds_and_the_last() -> None:
    assert text_inputs.default_layers(6) == (4, 6)
    assert text_inputs.default_layers(12) == (8, 12)
    assert text_inputs.default_layers(2) == (1, 2)
    assert text_inputs.default_layers(1) == (1,)
