"""Votes in SQLite: kept under the span they were given on, taken back, merged all or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.annotate import rated_segments
from tasks.annotate.rated_segments import Adjudication, RatedSegment, Segment, SegmentId
from tasks.annotate.store import Store
from tasks.core.errors import InputError

from .conftest import segment


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "new" / "votes.sqlite") as opened:
        yield opened


def test_votes_and_skips_come_back(store: Store) -> None:
    store.vote(segment(1), "Ada", "positive")
    store.vote(segment(0), "Bo", None)
    store.vote(segment(1), "Bo", "neutral")
    assert store.ballots() == [
        RatedSegment(segment(0), {"Bo": None}),
        RatedSegment(segment(1), {"Ada": "positive", "Bo": "neutral"}),
    ]
    assert store.voted("Bo") == {segment(0).span, segment(1).span}
    assert store.listeners() == ["Ada", "Bo"]


def test_the_first_vote_stands(store: Store) -> None:
    assert store.vote(segment(), "Ada", "positive")
    assert not store.vote(segment(), "Ada", "negative")
    assert store.ballots()[0].votes == {"Ada": "positive"}


def test_a_segment_cut_anew_has_no_votes_of_the_old_one(store: Store) -> None:
    old = segment()
    new = Segment(SegmentId(old.span.utterance_id, 0.1, old.span.end_s), old.video_id, old.text)
    store.vote(old, "Ada", "positive")
    assert new.span not in store.voted("Ada")
    store.vote(new, "Ada", "negative")
    assert [(one.segment.span.start_s, one.votes["Ada"]) for one in store.ballots()] == [
        (0.0, "positive"),
        (0.1, "negative"),
    ]


def test_the_last_vote_among_some_spans_is_taken_back(store: Store) -> None:
    for number in range(3):
        store.vote(segment(number), "Ada", "positive")
    store.vote(segment(2), "Bo", "positive")
    among = {segment(0).span, segment(1).span}
    assert store.take_back_vote("Ada", among)
    assert store.voted("Ada") == {segment(0).span, segment(2).span}
    assert store.take_back_vote("Ada", among)
    assert not store.take_back_vote("Ada", among)
    assert store.voted("Bo") == {segment(2).span}


def test_a_verdict_is_no_vote(store: Store) -> None:
    store.vote(segment(), "Ada", "positive")
    store.vote(segment(), "Bo", "negative")
    assert store.ballots()[0].ties
    assert store.judge(segment(), "Chen", "neutral")
    assert not store.judge(segment(), "Dee", "positive")
    (found,) = store.ballots()
    assert found.verdict == Adjudication("Chen", "neutral")
    assert set(found.votes) == {"Ada", "Bo"}
    assert store.take_back_verdict("Chen", {segment().span})
    assert store.judged() == set()


@pytest.mark.parametrize(
    ("votes", "ties"),
    [
        ({"Ada": "positive", "Bo": "negative"}, True),
        ({"Ada": "positive", "Bo": "negative", "Chen": None}, True),
        ({"Ada": "positive"}, False),
        ({"Ada": None, "Bo": None}, False),
        ({}, False),
    ],
)
def test_ties(votes: dict[str, str | None], ties: bool) -> None:
    assert RatedSegment(segment(), votes).ties == ties


def test_a_merge_is_all_or_nothing(store: Store) -> None:
    store.vote(segment(1), "Ada", "positive")
    new = [RatedSegment(segment(0), {"Ada": "neutral"}), RatedSegment(segment(1), {"Ada": "negative"})]
    with pytest.raises(
        InputError,
        match=r"row or task 2 \(test-1, 2.5 to 4.9 s\): Ada says negative, but the store has positive of Ada",
    ):
        store.merge(new)
    assert store.voted("Ada") == {segment(1).span}
    assert store.merge(new, replace=True) == 2
    assert store.merge(new) == 0
    assert [one.votes["Ada"] for one in store.ballots()] == ["neutral", "negative"]


def test_merged_verdicts_differ_too(store: Store) -> None:
    store.judge(segment(), "Chen", "neutral")
    with pytest.raises(InputError, match="Dee says skipped, but the store has neutral of Chen"):
        store.merge([RatedSegment(segment(), {}, Adjudication("Dee", None))])
    assert store.merge([RatedSegment(segment(), {}, Adjudication("Dee", None))], replace=True) == 1
    assert store.ballots()[0].verdict == Adjudication("Dee", None)


def test_two_processes_may_have_it_open(tmp_path: Path) -> None:
    with Store(tmp_path / "votes.sqlite") as one, Store(tmp_path / "votes.sqlite") as other:
        one.vote(segment(0), "Ada", "positive")
        other.vote(segment(1), "Bo", "negative")
        assert one.ballots() == other.ballots()
        assert len(one.ballots()) == 2


def test_another_file_or_version_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    path.write_bytes(b"something else that is no database at all" * 50)
    with pytest.raises(InputError, match=r"votes.sqlite: not a store of votes"):
        Store(path)
    path.unlink()
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(InputError, match=r"another undertone \(version 7, expected 1\)"):
        Store(path)


@pytest.mark.parametrize("name", ["Ada", "Zoë", "J. R.", "ada@example.org", "user-10", "A", "Ada_2"])
def test_names(name: str) -> None:
    assert rated_segments.listener(f" {name} ") == name


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "text", "Text", "Id", "start_s", "end_s", "adjudicated", "=cmd()", "1st", "a,b", "a\nb", "<b>",
        "x" * 65, "a@undertone.invalid",
    ],
)  # fmt: skip
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InputError, match="listener"):
        rated_segments.listener(name)


def test_a_name_in_another_case_is_a_slip_and_accents_are_one() -> None:
    with pytest.raises(InputError, match="there is a listener 'Ada' already"):
        rated_segments.listener("ada", ["Ada"])
    assert rated_segments.listener("Zoe\u0308") == "Zoë"
