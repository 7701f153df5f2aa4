"""Listening session: every listener's progress in one queue, and adjudication of ties."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.annotate.listening_session import ListeningSession
from tasks.annotate.store import Store
from tasks.core.errors import InputError

from .conftest import segment

QUEUE = [segment(number) for number in range(4)]
KEYS = [item.id.key for item in QUEUE]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "votes.sqlite") as opened:
        yield opened


def test_every_listener_has_their_own_progress(store: Store) -> None:
    session = ListeningSession(store, QUEUE, {}, with_text=True)
    assert session.state("Ada") == {
        "listener": "Ada", "done": 0, "total": 4, "segment": {"key": KEYS[0], "text": "some words", "length_s": 2.4},
    }  # fmt: skip
    assert session.rate("Ada", KEYS[0], "positive")["segment"]["key"] == KEYS[1]
    assert session.rate("Ada", KEYS[1], None)["done"] == 2
    assert session.state("Bo")["segment"]["key"] == KEYS[0]
    assert session.undo("Ada")["segment"]["key"] == KEYS[1]
    for key in KEYS[1:]:
        last = session.rate("Ada", key, "neutral")
    assert (last["segment"], last["done"]) == (None, 4)


def test_ratings_outside_the_queue_neither_count_nor_are_undone(store: Store) -> None:
    store.rate(segment(9), "Ada", "positive")
    session = ListeningSession(store, QUEUE, {}, with_text=False)
    assert session.state("Ada")["done"] == 0
    session.undo("Ada")
    assert store.rated("Ada") == {segment(9).id}
    with pytest.raises(InputError, match="not in the queue"):
        session.rate("Ada", segment(9).id.key, "neutral")


def test_a_typing_error_in_the_name_makes_no_second_listener(store: Store) -> None:
    session = ListeningSession(store, QUEUE, {}, with_text=False)
    session.rate("Ada", KEYS[0], "positive")
    with pytest.raises(InputError, match="there is a listener 'Ada' already"):
        session.state("ada")


def test_ties_are_adjudicated_once_by_someone_who_did_not_rate_them(store: Store) -> None:
    for number, names in enumerate([("Ada", "Bo"), ("Ada", "Chen")]):
        for name, label in zip(names, ("positive", "negative"), strict=True):
            store.rate(QUEUE[number], name, label)
    tied = {item.segment.id: frozenset(item.ratings) for item in store.rated_segments() if item.ties}
    session = ListeningSession(store, QUEUE[:2], {}, with_text=False, raters=tied)
    assert session.state("Ada")["total"] == 0
    assert session.state("Bo")["segment"]["key"] == KEYS[1]
    with pytest.raises(InputError, match="not in the queue"):
        session.rate("Ada", KEYS[0], "positive")
    assert session.rate("Dee", KEYS[0], "neutral")["done"] == 1
    # an existing adjudication is kept and cannot be undone by someone else
    session.rate("Eve", KEYS[0], "positive")
    session.undo("Eve")
    first, second = store.rated_segments()
    assert first.adjudication is not None
    assert (first.adjudication.by, first.adjudication.label) == ("Dee", "neutral")
    assert set(first.ratings) == {"Ada", "Bo"}
    assert second.adjudication is None
    assert session.undo("Dee")["done"] == 0
