"""Orders of the queue: reproducible; stratified over classes and videos; least certain first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest

from tasks.annotate import proposals, queue
from tasks.annotate.candidates import Candidate, probabilities
from tasks.annotate.proposals import PatternOfVotes
from tasks.core import tables
from tasks.labelling.people import ratings

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


def voted(number: int, video: str, *votes: float, n_ratings: int = 0, sampling: str | None = None) -> Candidate:
    """A segment with the votes of several voters."""
    names = ("first", "second", "third")
    return replace(
        candidate(number, video, None),
        votes=dict(zip(names, votes, strict=False)),
        n_ratings=n_ratings,
        sampling=sampling,
    )


def crowd(n: int = 400) -> list[Candidate]:
    """Segments of 10 videos: nearly all voters say neutral; two patterns are disputed, one of them frequent."""
    return [
        voted(number, f"test-{number % 10}", *((0.5, -0.5, 0.0) if number % 8 == 1 else (0.0, 0.0, 0.0)))
        if number % 40
        else voted(number, f"test-{number % 10}", -0.5, -0.5, 0.5)
        for number in range(n)
    ]


def test_three_in_ten_are_drawn_at_random_and_marked() -> None:
    candidates = crowd()
    first = list(islice(queue.proposed(candidates, 1), 100))
    marks = Counter(queue.sampling("proposed", item) for item in first)
    assert marks == {ratings.RANDOM: 30, ratings.PROPOSED: 70}
    # the draws are the first of the reserved ones in random order: a random sample of all
    drawn = [item for item in first if queue.sampling("proposed", item) == ratings.RANDOM]
    reserved = [item for item in queue.at_random(candidates, 1) if queue.sampling("proposed", item) == ratings.RANDOM]
    assert drawn == reserved[:30]


def test_draws_do_not_depend_on_the_votes_or_on_what_was_proposed() -> None:
    candidates = crowd()
    others = [replace(item, votes={"first": 0.7}) for item in candidates]
    rated = {item.segment.id for item in islice(queue.proposed(candidates, 1), 50)}
    later = [replace(item, n_ratings=2 * (item.segment.id in rated)) for item in candidates]

    def draws(crowd: list[Candidate], n: int) -> list[str]:
        chosen = (item for item in queue.proposed(crowd, 1) if queue.sampling("proposed", item) == ratings.RANDOM)
        return [item.segment.id.utterance_id for item in islice(chosen, n)]

    assert draws(candidates, 40) == draws(others, 40)
    # later queues go on with the same sample
    assert draws(candidates, 15) + draws(later, 25) == draws(candidates, 40)


def test_proposals_prefer_frequent_disputed_votes_and_cover_classes_and_videos() -> None:
    candidates = crowd()
    chosen = [
        item
        for item in islice(queue.proposed(candidates, 1), 60)
        if queue.sampling("proposed", item) == ratings.PROPOSED
    ]
    disputed = sum(len(set(item.votes.values())) > 1 for item in chosen)
    # 15 % of all segments are disputed
    assert disputed > 0.4 * len(chosen)
    assert len({item.segment.video_id for item in chosen}) == 10
    assert len({tuple(item.votes.values()) for item in chosen}) == 3


def test_ratings_of_a_pattern_lower_its_expected_change() -> None:
    shared = PatternOfVotes(100, 0, (0.5, 0.3, 0.2))
    assert shared.expected_change() == pytest.approx(62.0)
    assert shared.expected_change(1) == pytest.approx(31.0)
    assert PatternOfVotes(100, 3, (0.5, 0.3, 0.2)).expected_change() == pytest.approx(15.5)
    assert PatternOfVotes(100, 0, (0.9, 0.05, 0.05)).expected_change() < 20


def test_unanimous_votes_are_not_taken_as_certain() -> None:
    unanimous = proposals.patterns_of([voted(number, "test-1", 0.5, 0.5, 0.5) for number in range(9)])
    (shared,) = proposals.counted(unanimous, [False] * 9).values()
    assert (shared.n, shared.likeliest) == (9, 2)
    assert shared.probabilities == pytest.approx((1 / 12, 1 / 12, 10 / 12), abs=1e-6)
    (silent,) = proposals.counted([("", "")], [True]).values()
    assert silent.n_rated == 1
    assert silent.probabilities == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_a_second_listener_continues_marked_segments_only() -> None:
    candidates = [
        voted(0, "test-1", 0.5, n_ratings=1, sampling=ratings.PROPOSED),
        voted(1, "test-1", 0.5, n_ratings=1),
        voted(2, "test-1", 0.5, n_ratings=2, sampling=ratings.RANDOM),
        voted(3, "test-1", 0.5),
    ]
    assert [item.segment.id.utterance_id[-1] for item in queue.begun(candidates, 1)] == ["0"]
    assert next(queue.proposed(candidates, 1)).segment.id.utterance_id[-1] == "3"


@pytest.mark.parametrize(
    ("order", "mark"), [("random", ratings.RANDOM), ("uncertain", ratings.PROPOSED), ("stratified", None)]
)
def test_orders_that_are_no_random_sample_are_marked(order: str, mark: str | None) -> None:
    assert queue.sampling(order, voted(0, "test-1", 0.5)) == mark
    drawn = voted(0, "test-1", 0.5, sampling=ratings.RANDOM)
    assert queue.sampling(order, drawn) == ratings.RANDOM
