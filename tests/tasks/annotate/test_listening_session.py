"""Listening session: every listener's progress in one queue, playback before ratings, practice, repetitions, ties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tasks.annotate import class_definitions
from tasks.annotate.listening_session import ListeningSession
from tasks.annotate.playback_log import PlaybackLog
from tasks.annotate.store import Store
from tasks.annotate.store_schema import Counts
from tasks.core.errors import InputError
from tasks.labelling.people import ratings
from tasks.labelling.people.rating_sheets import Playback

from .conftest import segment

QUEUE = [segment(number) for number in range(4)]
KEYS = [item.id.key for item in QUEUE]


@dataclass
class Clock:
    """A clock that tests turn."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "votes.sqlite") as opened:
        yield opened


@pytest.fixture
def make(store: Store, clock: Clock) -> Callable[..., ListeningSession]:
    def session(queue: Any = QUEUE, **options: Any) -> ListeningSession:
        return ListeningSession(store, queue, {}, **{"with_text": False, **options}, log=PlaybackLog(clock))

    return session


def rated(session: ListeningSession, clock: Clock, name: str, key: str, label: str | None) -> dict[str, Any]:
    """Play an item to its end and rate it."""
    session.play(name, key)
    clock.now += 2.4
    return session.rate(name, key, label, 2.4)


def test_every_listener_has_their_own_progress(make: Callable[..., ListeningSession], clock: Clock) -> None:
    session = make(with_text=True)
    assert session.state("Ada") == {
        "listener": "Ada", "practice": False, "done": 0, "total": 4,
        "segment": {"key": KEYS[0], "text": "some words", "length_s": 2.4},
    }  # fmt: skip
    assert rated(session, clock, "Ada", KEYS[0], "positive")["segment"]["key"] == KEYS[1]
    assert session.rate("Ada", KEYS[1], None, 0.0)["done"] == 2
    assert session.state("Bo")["segment"]["key"] == KEYS[0]
    assert session.undo("Ada")["segment"]["key"] == KEYS[1]
    for key in KEYS[1:]:
        last = rated(session, clock, "Ada", key, "neutral")
    assert (last["segment"], last["done"]) == (None, 4)


def test_a_clip_is_played_before_it_is_rated(make: Callable[..., ListeningSession], clock: Clock, store: Store) -> None:
    session = make()
    with pytest.raises(InputError, match="not played yet: play it first"):
        session.rate("Ada", KEYS[0], "positive", 2.4)
    session.play("Ada", KEYS[0])
    clock.now += 1.0
    with pytest.raises(InputError, match=r"only 1\.0 s of the clip were played, expected 2\.4 s"):
        session.rate("Ada", KEYS[0], "positive", 1.0)
    # a page cannot have played for longer than since the start
    with pytest.raises(InputError, match=r"only 1\.3 s"):
        session.rate("Ada", KEYS[0], "positive", 2.4)
    # what someone else played, or another clip, does not count
    with pytest.raises(InputError, match="not played yet"):
        session.rate("Bo", KEYS[0], "positive", 2.4)
    with pytest.raises(InputError, match="not played yet"):
        session.rate("Ada", KEYS[1], "positive", 2.4)
    assert store.rated_segments() == []
    session.play("Ada", KEYS[0])
    clock.now += 2.5
    assert session.rate("Ada", KEYS[0], "positive", 3.4)["done"] == 1
    session.rate("Ada", KEYS[1], None, 0.0)
    first, second = store.rated_segments()
    assert first.playback == {"Ada": Playback(3.4, 2)}
    assert second.playback == {"Ada": Playback(0.0, 0)}


def test_a_share_of_the_clip_may_be_enough(make: Callable[..., ListeningSession], clock: Clock) -> None:
    session = make(share=0.5)
    session.play("Ada", KEYS[0])
    clock.now += 1.0
    assert session.rate("Ada", KEYS[0], "neutral", 1.0)["done"] == 1
    with pytest.raises(InputError, match="not played yet"):
        make(share=0.0).rate("Ada", KEYS[1], "neutral", 1.0)


def test_other_classes_are_refused(make: Callable[..., ListeningSession], clock: Clock, store: Store) -> None:
    session = make(question=class_definitions.of_labels(["angry", "happy"]))
    with pytest.raises(InputError, match="found the class 'neutral', expected one of angry, happy"):
        rated(session, clock, "Ada", KEYS[0], "neutral")
    rated(session, clock, "Ada", KEYS[0], "angry")
    assert store.rated_segments()[0].ratings == {"Ada": "angry"}


def test_practice_comes_first_and_counts_nowhere(
    make: Callable[..., ListeningSession], clock: Clock, store: Store
) -> None:
    exercises = [segment(number, "train-1") for number in range(2)]
    session = make(practice=exercises)
    state = session.state("Ada")
    assert (state["practice"], state["done"], state["total"]) == (True, 0, 2)
    assert state["segment"]["key"] == exercises[0].id.key
    with pytest.raises(InputError, match="not played yet"):
        session.rate("Ada", exercises[0].id.key, "neutral", 2.4)
    rated(session, clock, "Ada", exercises[0].id.key, "neutral")
    assert session.undo("Ada")["done"] == 0
    rated(session, clock, "Ada", exercises[0].id.key, "positive")
    # the server is restarted
    session = make(practice=exercises)
    assert session.state("Ada")["done"] == 1
    state = rated(session, clock, "Ada", exercises[1].id.key, "neutral")
    assert (state["practice"], state["done"], state["total"]) == (False, 0, 4)
    assert session.undo("Ada")["practice"] is False
    assert store.rated_segments() == []
    rated(session, clock, "Ada", KEYS[0], "neutral")
    assert [item.segment for item in store.rated_segments()] == [QUEUE[0]]
    # whoever has rated already does not practise
    rated(make(), clock, "Bo", KEYS[0], "neutral")
    assert session.state("Bo")["practice"] is False


def test_repetitions_are_hidden_and_stored_apart(
    make: Callable[..., ListeningSession], clock: Clock, store: Store
) -> None:
    queue = [segment(number) for number in range(20)]
    session = make(queue, n_repeats=2)
    keys = []
    state = session.state("Ada")
    assert state["total"] == 22
    while state["segment"]:
        keys.append(state["segment"]["key"])
        assert set(state["segment"]) == {"key", "text", "length_s"}
        label = "positive" if keys[-1] in {item.id.key for item in queue} else "negative"
        state = rated(session, clock, "Ada", keys[-1], label)
    assert len(set(keys)) == 22
    items = store.rated_segments()
    assert len(items) == 20
    assert all(item.ratings == {"Ada": "positive"} for item in items)
    repeated = [item for item in items if item.again]
    assert len(repeated) == 2
    assert all(item.again == {"Ada": "negative"} for item in repeated)
    assert [keys.index(item.segment.id.key) for item in items] == sorted(keys.index(item.id.key) for item in queue)
    assert session.undo("Ada")["done"] == 21
    assert len(make(queue[:5], n_repeats=5)._all) == 5


def test_ratings_outside_the_queue_neither_count_nor_are_undone(
    make: Callable[..., ListeningSession], store: Store
) -> None:
    store.rate(segment(9), "Ada", "positive")
    session = make()
    assert session.state("Ada")["done"] == 0
    session.undo("Ada")
    assert store.rated("Ada") == {segment(9).id}
    for ask in (session.play, lambda name, key: session.rate(name, key, "neutral", 2.4)):
        with pytest.raises(InputError, match="not in the queue"):
            ask("Ada", segment(9).id.key)


def test_a_typing_error_in_the_name_makes_no_second_listener(
    make: Callable[..., ListeningSession], clock: Clock
) -> None:
    session = make()
    rated(session, clock, "Ada", KEYS[0], "positive")
    with pytest.raises(InputError, match="there is a listener 'Ada' already"):
        session.state("ada")


def test_ties_are_adjudicated_once_by_someone_who_did_not_rate_them(
    make: Callable[..., ListeningSession], clock: Clock, store: Store
) -> None:
    for number, names in enumerate([("Ada", "Bo"), ("Ada", "Chen")]):
        for name, label in zip(names, ("positive", "negative"), strict=True):
            store.rate(QUEUE[number], name, label)
    tied = {item.segment.id: frozenset(item.ratings) for item in store.rated_segments() if item.ties}
    session = make(QUEUE[:2], raters=tied)
    assert session.state("Ada")["total"] == 0
    assert session.state("Bo")["segment"]["key"] == KEYS[1]
    with pytest.raises(InputError, match="not in the queue"):
        session.rate("Ada", KEYS[0], "positive", 2.4)
    with pytest.raises(InputError, match="not played yet"):
        session.rate("Dee", KEYS[0], "neutral", 2.4)
    assert rated(session, clock, "Dee", KEYS[0], "neutral")["done"] == 1
    # an existing adjudication is kept and cannot be undone by someone else
    session.rate("Eve", KEYS[0], "positive", 2.4)
    session.undo("Eve")
    first, second = store.rated_segments()
    assert first.adjudication is not None
    assert (first.adjudication.by, first.adjudication.label) == ("Dee", "neutral")
    assert set(first.ratings) == {"Ada", "Bo"}
    assert second.adjudication is None
    assert store.rated("Dee", Counts.ADJUDICATION) == {QUEUE[0].id}
    assert session.undo("Dee")["done"] == 0


def test_a_rating_stores_how_its_segment_was_drawn(
    make: Callable[..., ListeningSession], clock: Clock, store: Store
) -> None:
    session = make()
    drawn = [ratings.PROPOSED, ratings.RANDOM, ratings.PROPOSED, ratings.RANDOM]
    session = replace(session, samplings={item.id: how for item, how in zip(session.queue, drawn, strict=True)})
    # rated as proposed in an earlier queue, drawn at random now
    store.rate(session.queue[1], "Bo", "neutral", sampling=ratings.PROPOSED)
    for key in KEYS[:3]:
        rated(session, clock, "Bo", key, "neutral")
    assert [item.sampling for item in store.rated_segments()] == [ratings.PROPOSED] * 3
    # only what was passed on the way counts as drawn: the rest of the queue may never be rated
    rated(session, clock, "Bo", KEYS[3], "neutral")
    assert [item.sampling for item in store.rated_segments()] == drawn
