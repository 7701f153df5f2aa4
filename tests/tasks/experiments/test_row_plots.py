"""What is drawn: counts by part, maps of the features, the words that tell a class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tasks.core.config import Config
from tasks.experiments import data, folds, plan, row_plots

Toy = Callable[..., Config]


def test_counts_by_part(toy: Toy) -> None:
    made = plan.plan("trial", toy(protocol="official"))
    rows = data.load(made)
    found = row_plots.counts(rows, folds.folds(made, rows, 7))
    assert list(found) == ["training", "development", "test"]
    assert sum(sum(part.values()) for part in found.values()) == 72
    made = plan.plan("trial", toy(protocol="speaker-out(4)"))
    assert list(row_plots.counts(rows, folds.folds(made, rows, 7))) == ["all"]


def test_a_map_puts_classes_apart_and_is_the_same_again(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan.plan("trial", toy(features=["toy-voice", "toy-more"], strength=9.0))
    rows = data.load(made)
    monkeypatch.setattr(row_plots, "MAX_POINTS", 60)
    first, second = row_plots.maps(rows, 3)
    assert (first.features, second.features) == ("toy-voice", "toy-more")
    assert (first.n, first.of) == (60, 72)
    assert first.perplexity == pytest.approx(59 / 3)
    assert first.divergence > 0
    middles = {one: first.points[first.classes == one].mean(axis=0) for one in rows.outputs}
    nearest = [min(middles, key=lambda one, p=point: np.linalg.norm(p - middles[one])) for point in first.points]  # type: ignore[misc]
    assert np.mean(np.array(nearest) == first.classes) > 0.9
    assert (row_plots.maps(rows, 3)[0].points == first.points).all()


def test_features_that_never_change_have_no_map(toy: Toy) -> None:
    made = plan.plan("trial", toy())
    rows = data.load(made)
    rows.inputs.vectors["toy-voice"][:] = 1.0  # type: ignore[index]
    assert row_plots.maps(rows, 3) == []
    rows.inputs.vectors["toy-voice"][:40] = np.arange(40)[:, None]  # type: ignore[index]
    assert np.isfinite(row_plots.maps(rows, 3)[0].points).all()
    data._load.cache_clear()


def test_words_that_tell_a_class_come_first(toy: Toy) -> None:
    rows = data.load(plan.plan("trial", toy()))
    said = {"anger": "stop it now", "happiness": "wonderful, isn't it?", "neutral": "well it is"}
    texts = {one: said[label] for one, label in zip(rows.ids.tolist(), rows.target.tolist(), strict=True)}
    found = row_plots.words(rows, texts)
    assert {word for word, _ in found["anger"]} >= {"stop", "now"}
    assert found["happiness"][0][0] in ("wonderful", "isn't")
    assert "it" not in {word for word, strength in found["anger"] if strength > 2}
    assert row_plots.words(rows, {}) == {}
