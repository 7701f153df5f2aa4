"""Orders of the queue: reproducible; stratified over classes and videos; least certain first."""

from __future__ import annotations

from collections import Counter

import pytest

from tasks.annotate import queue
from tasks.annotate.candidates import Candidate, probabilities
from tasks.core import tables

from .conftest import candidate

CLASSES = (None, *tables.SENTIMENTS)


def skewed() -> list[Candidate]:
    """Ten videos of 40 segments, nearly all neutral; all negatives are in one video."""
    ordered = []
    for video in range(10):
        for number in range(40):
            weak = "neutral"
            if video == 3 and number < 3:
                weak = "negative"
            elif number == 7:
                weak = "positive"
            ordered.append(candidate(number, f"test-{video}", None if number == 9 else weak))
    return ordered


@pytest.mark.parametrize("order", sorted(queue.ORDERS))
def test_an_order_keeps_everything_and_depends_on_the_seed_alone(order: str) -> None:
    candidates = skewed()
    ordered = list(queue.ORDERS[order](candidates, 1))
    assert sorted(candidate.segment.id for candidate in ordered) == sorted(
        candidate.segment.id for candidate in candidates
    )
    assert list(queue.ORDERS[order](candidates[::-1], 1)) == ordered
    assert list(queue.ORDERS[order](candidates, 2)) != ordered


def test_an_added_segment_does_not_reorder_a_random_sample() -> None:
    candidates = skewed()
    more = queue.at_random([*candidates, candidate(99, "test-3", "neutral")], 1)
    assert [
        candidate for candidate in more if candidate.segment.id.utterance_id != "weak/test-3/0099"
    ] == queue.at_random(candidates, 1)


def test_stratified_covers_all_classes_and_videos_early() -> None:
    ordered = list(queue.stratified(skewed(), 1))
    assert {candidate.weak for candidate in ordered[:4]} == set(CLASSES)
    assert {candidate.segment.video_id for candidate in ordered[:12]} == {f"test-{video}" for video in range(10)}
    labels = Counter(candidate.weak for candidate in ordered[:12])
    assert {labels[name] for name in CLASSES} == {3}
    # after the three negatives the other labels stay balanced
    labels = Counter(candidate.weak for candidate in ordered[:30])
    assert labels["negative"] == 3
    assert {labels[name] for name in (None, "neutral", "positive")} == {9}
    # a random sample of that length does not cover all labels
    assert len({candidate.weak for candidate in queue.at_random(skewed(), 1)[:4]}) < 4


def test_the_least_certain_come_first() -> None:
    candidates = [
        candidate(0, "test-1", "positive", 0.0, 0.0, 1.0),
        candidate(1, "test-1", None, 0.4, 0.2, 0.4),
        candidate(2, "test-1", "positive", 0.7, 0.1, 0.2),
        candidate(3, "test-1", None, 0.1, 0.2, 0.7),
        candidate(4, "test-1", "neutral", 0.3, 0.4, 0.3),
    ]
    ordered = queue.uncertain(candidates, 1)
    # 2 is labelled positive against its probabilities: a conflict, which comes before mere uncertainty
    assert [candidate.segment.id.utterance_id[-1] for candidate in ordered] == ["2", "1", "4", "3", "0"]


@pytest.mark.parametrize(
    ("label", "shares", "score"),
    [
        ("positive", (0.0, 0.0, 1.0), 1.0),
        ("positive", (1.0, 0.0, 0.0), 0.0),
        ("neutral", (0.3, 0.4, 0.3), 0.55),
        (None, (0.5, 0.0, 0.5), 0.5),
        (None, (0.1, 0.2, 0.7), 0.75),
    ],
)
def test_label_quality_is_the_normalised_margin(
    label: str | None, shares: tuple[float, float, float], score: float
) -> None:
    assert queue.quality(label, dict(zip(tables.SENTIMENTS, shares, strict=True))) == pytest.approx(score)


def test_without_probabilities_the_quality_is_one_half() -> None:
    assert queue.quality(None, {}) == 0.5


def test_probabilities_are_empty_without_votes() -> None:
    columns = {"negative": 0.7, "neutral": 0.2, "positive": 0.1}
    assert probabilities({"votes": [("vader", -0.4)], **columns}) == columns
    assert probabilities({"votes": [], **dict.fromkeys(columns)}) == {}
