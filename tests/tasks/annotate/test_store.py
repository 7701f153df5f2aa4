"""Store of ratings: keyed by the cut, undo, merge all or none."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.annotate import rated_segments
from tasks.annotate.rated_segments import UNNAMED, Adjudication, RatedSegment, Segment, SegmentId
from tasks.annotate.store import Store
from tasks.annotate.store_schema import Counts
from tasks.core.errors import InputError
from tasks.labelling.people.rating_sheets import Playback
from tasks.labelling.people.ratings import PROPOSED, RANDOM

from .conftest import segment


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "new" / "votes.sqlite") as opened:
        yield opened


def test_ratings_and_skips_are_stored(store: Store) -> None:
    store.rate(segment(1), "Ada", "positive")
    store.rate(segment(0), "Bo", None)
    store.rate(segment(1), "Bo", "neutral")
    assert store.rated_segments() == [
        RatedSegment(segment(0), {"Bo": None}),
        RatedSegment(segment(1), {"Ada": "positive", "Bo": "neutral"}),
    ]
    assert store.rated("Bo") == {segment(0).id, segment(1).id}
    assert store.listeners() == ["Ada", "Bo"]


def test_the_files_are_private_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0)
    modes: set[int] = set()
    connect = sqlite3.connect

    def watched(path: Path, *arguments: Any, **options: Any) -> sqlite3.Connection:
        modes.add(stat.S_IMODE(path.stat().st_mode))
        return connect(path, *arguments, **options)

    monkeypatch.setattr("tasks.annotate.store.sqlite3.connect", watched)
    try:
        with Store(tmp_path / "votes.sqlite") as store:
            store.rate(segment(), "Ada", "positive")
            files = sorted(tmp_path.iterdir())
            modes |= {stat.S_IMODE(file.stat().st_mode) for file in files}
    finally:
        os.umask(before)
    assert [file.name for file in files] == ["votes.sqlite", "votes.sqlite-shm", "votes.sqlite-wal"]
    assert modes == {0o600}


def test_files_of_earlier_versions_are_tightened(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    with Store(path) as store:
        store.rate(segment(), "Ada", "positive")
        # as a killed server leaves them
        files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    for file, content in files.items():
        file.write_bytes(content)
        file.chmod(0o664)
    with Store(path) as store:
        assert store.listeners() == ["Ada"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_the_first_rating_is_kept(store: Store) -> None:
    assert store.rate(segment(), "Ada", "positive")
    assert not store.rate(segment(), "Ada", "negative")
    assert store.rated_segments()[0].ratings == {"Ada": "positive"}


def test_a_segment_with_another_cut_has_no_ratings(store: Store) -> None:
    old = segment()
    new = Segment(SegmentId(old.id.utterance_id, 0.1, old.id.end_s), old.video_id, old.text)
    store.rate(old, "Ada", "positive")
    assert new.id not in store.rated("Ada")
    store.rate(new, "Ada", "negative")
    assert [(rated.segment.id.start_s, rated.ratings["Ada"]) for rated in store.rated_segments()] == [
        (0.0, "positive"),
        (0.1, "negative"),
    ]


def test_undo_deletes_the_last_rating_among_some_segments(store: Store) -> None:
    for number in range(3):
        store.rate(segment(number), "Ada", "positive")
    store.rate(segment(2), "Bo", "positive")
    among = {segment(0).id, segment(1).id}
    assert store.undo("Ada", {Counts.RATING: among})
    assert store.rated("Ada") == {segment(0).id, segment(2).id}
    assert store.undo("Ada", {Counts.RATING: among})
    assert not store.undo("Ada", {Counts.RATING: among})
    assert store.rated("Bo") == {segment(2).id}


def test_the_last_of_ratings_and_repetitions_is_undone(store: Store) -> None:
    ids = {segment(number).id for number in range(3)}
    both = {Counts.RATING: ids, Counts.REPETITION: ids}
    store.rate(segment(0), "Ada", "positive")
    store.rate(segment(1), "Ada", "neutral")
    store.rate(segment(0), "Ada", "negative", counts=Counts.REPETITION)
    assert store.undo("Ada", both)
    assert store.rated("Ada", Counts.REPETITION) == set()
    store.rate(segment(0), "Ada", "negative", counts=Counts.REPETITION)
    store.rate(segment(2), "Ada", "neutral")
    assert store.undo("Ada", both)
    assert store.rated("Ada") == {segment(0).id, segment(1).id}
    assert store.rated("Ada", Counts.REPETITION) == {segment(0).id}


def test_playback_is_stored_and_repetitions_and_practice_are_no_ratings(store: Store) -> None:
    store.rate(segment(0), "Ada", "positive", Playback(2.5, 1))
    store.rate(segment(0), "Ada", "neutral", Playback(2.4, 1), Counts.REPETITION)
    store.rate(segment(1), "Ada", "negative", Playback(4.8, 2), Counts.PRACTICE)
    (rated,) = store.rated_segments()
    assert rated == RatedSegment(segment(0), {"Ada": "positive"}, None, {"Ada": Playback(2.5, 1)}, {"Ada": "neutral"})
    assert store.rated("Ada", Counts.PRACTICE) == {segment(1).id}


def test_a_file_of_version_1_keeps_its_ratings(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    old = sqlite3.connect(path)
    check = "label TEXT CHECK (label IN ('negative', 'neutral', 'positive')), at TEXT NOT NULL"
    old.executescript(f"""
        CREATE TABLE segments (id INTEGER PRIMARY KEY, utterance_id TEXT NOT NULL, start_s REAL NOT NULL,
            end_s REAL NOT NULL, video_id TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (utterance_id, start_s, end_s));
        CREATE TABLE votes (id INTEGER PRIMARY KEY AUTOINCREMENT, segment INTEGER NOT NULL REFERENCES segments,
            listener TEXT NOT NULL, {check}, UNIQUE (segment, listener));
        CREATE TABLE verdicts (id INTEGER PRIMARY KEY AUTOINCREMENT, segment INTEGER NOT NULL UNIQUE
            REFERENCES segments, listener TEXT NOT NULL, {check});
        CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        INSERT INTO segments VALUES (1, 'weak/test-1/0000', 0.0, 2.4, 'test-1', 'some words');
        INSERT INTO votes VALUES (5, 1, 'Ada', 'positive', '2026-01-02T03:04:05+00:00');
        INSERT INTO verdicts VALUES (1, 1, 'Chen', NULL, '2026-01-02T03:04:05+00:00');
        PRAGMA user_version = 1;
    """)
    old.close()
    for _ in range(2):
        with Store(path) as store:
            assert store.rated_segments() == [RatedSegment(segment(), {"Ada": "positive"}, Adjudication("Chen", None))]
    with Store(path) as store:
        store.rate(segment(1), "Ada", "angry", Playback(2.4, 1))
        assert store.undo("Ada", {Counts.RATING: {segment(0).id, segment(1).id}})
        assert store.rated("Ada") == {segment(0).id}


def test_a_merge_adds_playback_and_repetitions(store: Store) -> None:
    store.rate(segment(), "Ada", "positive")
    theirs = RatedSegment(segment(), {"Ada": "positive"}, None, {"Ada": Playback(2.4, 1)}, {"Ada": "positive"})
    assert store.merge([theirs]) == 1
    assert store.rated_segments() == [theirs]
    other = RatedSegment(segment(), {"Ada": "positive"}, None, {"Ada": Playback(9.0, 3)}, {"Ada": None})
    with pytest.raises(InputError, match="the file has skipped by Ada, but the store has positive by Ada"):
        store.merge([other])
    assert store.rated_segments() == [theirs]


def test_an_adjudication_is_no_rating(store: Store) -> None:
    store.rate(segment(), "Ada", "positive")
    store.rate(segment(), "Bo", "negative")
    assert store.rated_segments()[0].ties
    assert store.rate(segment(), "Chen", "neutral", counts=Counts.ADJUDICATION)
    assert not store.rate(segment(), "Dee", "positive", counts=Counts.ADJUDICATION)
    (rated,) = store.rated_segments()
    assert rated.adjudication == Adjudication("Chen", "neutral")
    assert set(rated.ratings) == {"Ada", "Bo"}
    assert store.undo("Chen", {Counts.ADJUDICATION: {segment().id}})
    assert store.adjudicated() == set()


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
    store.rate(segment(1), "Ada", "positive")
    new = [RatedSegment(segment(0), {"Ada": "neutral"}), RatedSegment(segment(1), {"Ada": "negative"})]
    with pytest.raises(
        InputError,
        match=r"task 2 \(test-1, 2.5 to 4.9 s\): the file has negative by Ada, but the store has positive by Ada",
    ):
        store.merge(new)
    assert store.rated("Ada") == {segment(1).id}
    assert store.merge(new, replace=True) == 2
    assert store.merge(new) == 0
    assert [rated.ratings["Ada"] for rated in store.rated_segments()] == ["neutral", "negative"]


def test_a_differing_adjudication_is_an_error(store: Store) -> None:
    store.rate(segment(), "Chen", "neutral", counts=Counts.ADJUDICATION)
    with pytest.raises(InputError, match="the file has skipped by Dee, but the store has neutral by Chen"):
        store.merge([RatedSegment(segment(), {}, Adjudication("Dee", None))])
    assert store.merge([RatedSegment(segment(), {}, Adjudication("Dee", None))], replace=True) == 1
    assert store.rated_segments()[0].adjudication == Adjudication("Dee", None)


def test_an_adjudication_from_a_csv_file_has_no_name_and_takes_one(store: Store) -> None:
    nameless, named = Adjudication(UNNAMED, "neutral"), Adjudication("Chen", "neutral")
    assert store.merge([RatedSegment(segment(), {}, nameless)]) == 1
    assert store.merge([RatedSegment(segment(), {}, named)]) == 1
    assert store.merge([RatedSegment(segment(), {}, nameless)]) == 0
    assert store.rated_segments()[0].adjudication == named
    with pytest.raises(InputError, match="the file has positive by adjudicator, but the store has neutral by Chen"):
        store.merge([RatedSegment(segment(), {}, Adjudication(UNNAMED, "positive"))])


def test_two_processes_may_have_it_open(tmp_path: Path) -> None:
    with Store(tmp_path / "votes.sqlite") as first, Store(tmp_path / "votes.sqlite") as second:
        first.rate(segment(0), "Ada", "positive")
        second.rate(segment(1), "Bo", "negative")
        assert first.rated_segments() == second.rated_segments()
        assert len(first.rated_segments()) == 2


def test_another_file_or_version_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    path.write_bytes(b"something else that is no database at all" * 50)
    with pytest.raises(InputError, match=r"votes.sqlite: not a usable store of ratings"):
        Store(path)
    path.unlink()
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(InputError, match=r"another undertone \(version 7, expected 2\)"):
        Store(path)


@pytest.mark.parametrize("name", ["Ada", "Zoë", "J. R.", "ada@example.org", "user-10", "A", "Ada_2"])
def test_names(name: str) -> None:
    assert rated_segments.checked_name(f" {name} ") == name


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "text", "Text", "Id", "start_s", "end_s", "adjudicated", "=cmd()", "1st", "a,b", "a\nb", "<b>",
        "x" * 65, "a@undertone.invalid",
    ],
)  # fmt: skip
def test_invalid_names(name: str) -> None:
    with pytest.raises(InputError, match="listener"):
        rated_segments.checked_name(name)


def test_names_that_differ_in_case_are_refused_and_accents_are_normalised() -> None:
    with pytest.raises(InputError, match="there is a listener 'Ada' already"):
        rated_segments.checked_name("ada", ["Ada"])
    assert rated_segments.checked_name("Zoe\u0308") == "Zoë"


def marks(store: Store) -> list[str | None]:
    return [item.sampling for item in store.rated_segments()]


def test_the_first_rating_marks_how_a_segment_was_drawn(store: Store) -> None:
    store.rate(segment(0), "Ada", "positive", sampling=PROPOSED)
    store.rate(segment(0), "Bo", "positive", sampling=None)
    # rated before it was proposed: its first rating counts, and so does this one
    store.rate(segment(1), "Ada", "neutral")
    store.rate(segment(1), "Bo", "neutral", sampling=PROPOSED)
    assert marks(store) == [PROPOSED, None]
    store.undo("Ada", {Counts.RATING: {segment(1).id}})
    store.undo("Bo", {Counts.RATING: {segment(1).id}})
    store.rate(segment(1), "Bo", "neutral", sampling=PROPOSED)
    assert marks(store) == [PROPOSED, PROPOSED]
    store.mark_random([segment(0), segment(5)])
    assert marks(store) == [RANDOM, PROPOSED]


def test_an_import_takes_no_counted_rating_out_of_the_scores(store: Store) -> None:
    store.rate(segment(0), "Ada", "positive")
    store.mark_random([segment(1)])
    store.rate(segment(1), "Ada", "positive", sampling=RANDOM)
    store.merge([RatedSegment(segment(n), {"Bo": "neutral"}, sampling=PROPOSED) for n in range(3)])
    assert marks(store) == [None, RANDOM, PROPOSED]
    store.merge([RatedSegment(segment(2), {"Bo": "neutral"}, sampling=RANDOM)])
    assert marks(store) == [None, RANDOM, RANDOM]


def test_a_store_without_marks_is_opened(tmp_path: Path) -> None:
    with Store(tmp_path / "votes.sqlite") as store:
        store.rate(segment(0), "Ada", "positive")
    run = sqlite3.connect(tmp_path / "votes.sqlite")
    run.execute("DROP TABLE samplings")
    run.close()
    with Store(tmp_path / "votes.sqlite") as store:
        assert marks(store) == [None]
