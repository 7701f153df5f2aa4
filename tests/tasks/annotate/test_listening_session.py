"""What is next for whom: everyone's own place in one queue, and ties for one who did not vote on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.annotate.listening_session import ListeningSession
from tasks.annotate.store import Store
from tasks.core.errors import InputError

from .conftest import segment

QUEUE = [segment(number) for number in range(4)]
KEYS = [one.span.key for one in QUEUE]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "votes.sqlite") as opened:
        yield opened


def test_everyone_has_a_place_of_their_own(store: Store) -> None:
    sitting = ListeningSession(store, QUEUE, {}, with_text=True)
    assert sitting.state("Ada") == {
        "listener": "Ada", "done": 0, "total": 4, "segment": {"key": KEYS[0], "text": "some words", "length_s": 2.4},
    }  # fmt: skip
    assert sitting.vote("Ada", KEYS[0], "positive")["segment"]["key"] == KEYS[1]
    assert sitting.vote("Ada", KEYS[1], None)["done"] == 2
    assert sitting.state("Bo")["segment"]["key"] == KEYS[0]
    assert sitting.undo("Ada")["segment"]["key"] == KEYS[1]
    for key in KEYS[1:]:
        last = sitting.vote("Ada", key, "neutral")
    assert (last["segment"], last["done"]) == (None, 4)


def test_votes_outside_the_queue_neither_count_nor_are_taken_back(store: Store) -> None:
    store.vote(segment(9), "Ada", "positive")
    sitting = ListeningSession(store, QUEUE, {}, with_text=False)
    assert sitting.state("Ada")["done"] == 0
    sitting.undo("Ada")
    assert store.voted("Ada") == {segment(9).span}
    with pytest.raises(InputError, match="not in the queue"):
        sitting.vote("Ada", segment(9).span.key, "neutral")


def test_a_slip_in_the_name_makes_no_second_listener(store: Store) -> None:
    sitting = ListeningSession(store, QUEUE, {}, with_text=False)
    sitting.vote("Ada", KEYS[0], "positive")
    with pytest.raises(InputError, match="there is a listener 'Ada' already"):
        sitting.state("ada")


def test_ties_are_decided_once_by_one_who_did_not_vote_on_them(store: Store) -> None:
    for number, names in enumerate([("Ada", "Bo"), ("Ada", "Chen")]):
        for name, label in zip(names, ("positive", "negative"), strict=True):
            store.vote(QUEUE[number], name, label)
    tied = {one.segment.span: frozenset(one.votes) for one in store.ballots() if one.ties}
    sitting = ListeningSession(store, QUEUE[:2], {}, with_text=False, voters=tied)
    assert sitting.state("Ada")["total"] == 0
    assert sitting.state("Bo")["segment"]["key"] == KEYS[1]
    with pytest.raises(InputError, match="not in the queue"):
        sitting.vote("Ada", KEYS[0], "positive")
    assert sitting.vote("Dee", KEYS[0], "neutral")["done"] == 1
    # someone else's verdict stands, and is not taken back by another
    sitting.vote("Eve", KEYS[0], "positive")
    sitting.undo("Eve")
    first, second = store.ballots()
    assert first.verdict is not None
    assert (first.verdict.by, first.verdict.label) == ("Dee", "neutral")
    assert set(first.votes) == {"Ada", "Bo"}
    assert second.verdict is None
    assert sitting.undo("Dee")["done"] == 0
