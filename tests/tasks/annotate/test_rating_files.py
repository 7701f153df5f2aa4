"""Export and import of ratings: round trips without loss, errors that name row or task."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from tasks.annotate import csv_ratings, label_studio, rating_files
from tasks.annotate.rated_segments import Adjudication, RatedSegment, Segment, SegmentId
from tasks.annotate.store import Store
from tasks.core import tables
from tasks.core.errors import InputError
from tasks.labelling.people import ratings
from tasks.labelling.people.rating_sheets import Playback

from .conftest import segment

LABELS = st.sampled_from([*tables.SENTIMENTS, None])
NAMES = st.sampled_from(["Ada", "Bo", "ada@example.org", "Zoë", "user-10", "J. R."])
# captions have no spaces at their ends
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40).map(str.strip)
TIMES = st.floats(0, 7200, allow_subnormal=False)


@st.composite
def polls(draw: st.DrawFn) -> list[RatedSegment]:
    by_id = {}
    for number in range(draw(st.integers(1, 5))):
        start_s, length_s = draw(TIMES), draw(st.floats(0.5, 30))
        video = draw(st.sampled_from(["test-1", "train-x_9"]))
        span = SegmentId(f"weak/{video}/{number:04d}", start_s, start_s + length_s)
        verdict = draw(st.none() | st.builds(Adjudication, st.just("Dee"), LABELS))
        votes = draw(st.dictionaries(NAMES, LABELS, min_size=1))
        sampling = draw(st.sampled_from([None, *ratings.SAMPLINGS]))
        by_id[span] = RatedSegment(Segment(span, video, draw(TEXTS)), votes, verdict, sampling=sampling)
    return list(by_id.values())


def stored(rated: list[RatedSegment]) -> list[RatedSegment]:
    """Return the content of a new store after importing ratings."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "votes.sqlite") as store:
        store.merge(rated)
        return store.rated_segments()


@trying(max_examples=60, deadline=None)
@given(polls())
def test_label_studio_and_back_loses_nothing(rated: list[RatedSegment]) -> None:
    before = stored(rated)
    with tempfile.TemporaryDirectory() as folder:
        rating_files.write(path := Path(folder) / "tasks.json", before, {before[0].segment.id.key: b"fLaC"})
        assert stored(rating_files.read(path, [])) == before


@trying(max_examples=60, deadline=None)
@given(polls())
def test_csv_and_back_loses_nothing(rated: list[RatedSegment]) -> None:
    before = stored(rated)
    with tempfile.TemporaryDirectory() as folder:
        rating_files.write(path := Path(folder) / "votes.csv", before, {})
        imported = stored(rating_files.read(path, [item.segment for item in before]))
        again = Path(folder) / "again.csv"
        rating_files.write(again, imported, {})
        assert again.read_bytes() == path.read_bytes()
    # the adjudicator's name is the only thing that a CSV file lacks
    assert [
        (item.segment, item.ratings, item.adjudication and item.adjudication.label, item.sampling) for item in imported
    ] == [(item.segment, item.ratings, item.adjudication and item.adjudication.label, item.sampling) for item in before]
    assert [item.adjudication is None for item in imported] == [item.adjudication is None for item in before]


def test_what_evaluate_reads(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    rated = [
        RatedSegment(segment(0), {"Ada": "positive", "Bo": None}),
        RatedSegment(
            segment(1, text='well, "yes"'), {"Ada": "positive", "Bo": "negative"}, Adjudication("Dee", "neutral")
        ),
    ]
    csv_ratings.write(path, rated)
    assert path.read_text() == (
        "Id,start_s,end_s,Ada,Bo,adjudicated,text\n"
        "test-1,0.0,2.4,positive,skipped,,some words\n"
        'test-1,2.5,4.9,positive,negative,neutral,"well, ""yes"""\n'
    )
    file = ratings.read(path)
    assert file.listeners == ("Ada", "Bo")
    assert [(dict(span.ratings), span.adjudicated) for span in file.spans] == [
        ({"Ada": "positive"}, None),
        ({"Ada": "positive", "Bo": "negative"}, "neutral"),
    ]


def test_the_sampling_of_a_row_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    rated = [
        RatedSegment(segment(0), {"Ada": "positive"}, sampling=ratings.PROPOSED),
        RatedSegment(segment(1), {"Ada": "neutral"}),
    ]
    csv_ratings.write(path, rated)
    assert path.read_text() == (
        "Id,start_s,end_s,Ada,sampling,text\n"
        "test-1,0.0,2.4,positive,proposed,some words\n"
        "test-1,2.5,4.9,neutral,,some words\n"
    )
    assert [span.sampling for span in ratings.read(path).spans] == ["proposed", None]
    path.write_text("Id,start_s,end_s,Ada,sampling\n1,0,2,neutral,chosen\n")
    with pytest.raises(InputError, match="row 1: found sampling 'chosen', expected one of random, proposed, or an emp"):
        ratings.read(path)


def test_playback_and_repetitions_are_columns_that_are_no_listeners(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    rated = [
        RatedSegment(segment(0), {"Ada": "positive", "Bo": None}, None, {"Ada": Playback(2.41, 1)}, {"Ada": "neutral"}),
        RatedSegment(segment(1), {"Ada": "positive"}, None, {"Ada": Playback(4.8, 2)}, {"Bo": None}),
        # practice of someone who rated nothing
        RatedSegment(segment(2), {"Ada": None}, None, {"Dee": Playback(1.0, 1)}, {"Dee": "neutral"}),
    ]
    csv_ratings.write(path, rated)
    assert path.read_text() == (
        "Id,start_s,end_s,Ada,Bo,text,Ada:played_s,Ada:plays,Ada:again,Bo:again\n"
        "test-1,0.0,2.4,positive,skipped,some words,2.41,1,neutral,\n"
        "test-1,2.5,4.9,positive,,some words,4.8,2,,skipped\n"
        "test-1,5.0,7.4,skipped,,some words,,,,\n"
    )
    file = ratings.read(path)
    assert file.listeners == ("Ada", "Bo")
    assert [(dict(span.playback), dict(span.again)) for span in file.spans] == [
        ({"Ada": Playback(2.41, 1)}, {"Ada": "neutral"}),
        ({"Ada": Playback(4.8, 2)}, {"Bo": None}),
        ({}, {}),
    ]
    imported = stored(rating_files.read(path, [segment(number) for number in range(3)]))
    assert imported == [*rated[:2], RatedSegment(segment(2), {"Ada": None})]
    path.write_text("Id,start_s,end_s,Ada,text,Ada:played_s,Ada:plays\n1,0,2,neutral,x,2.4,often\n")
    with pytest.raises(InputError, match=r"row 1, columns Ada:played_s and plays: found '2\.4' and 'often'"):
        ratings.read(path)
    path.write_text("Id,start_s,end_s,Ada,text,Bo:again\n1,0,2,neutral,x,again\n")
    with pytest.raises(InputError, match="column Bo:again: found the rating"):
        ratings.read(path)


def test_a_name_that_differs_only_in_case_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    rating_files.write(path, [RatedSegment(segment(1), {"ada": "neutral"}), RatedSegment(segment(2), {"Bo": None})], {})
    with Store(tmp_path / "votes.sqlite") as store:
        store.rate(segment(0), "Ada", "positive")
        with pytest.raises(
            InputError, match=r"theirs\.csv: there is a listener 'Ada' already; write the name like that"
        ):
            rating_files.import_file(store, path, [segment(1), segment(2)])
        assert store.listeners() == ["Ada"], "all or none"


def test_a_row_with_other_times_matches_no_segment(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("Id,start_s,end_s,Ada,text\n1,0,2.4,positive,x\n1,0.1,2.4,negative,x\n2,0,2.4,neutral,x\n")
    same, moved, other = rating_files.read(path, [segment(0)])
    assert same.segment == segment(0)
    assert moved.segment.id.utterance_id.startswith("heard/test-1/")
    assert other.segment.id.utterance_id.startswith("heard/test-2/")
    assert len({item.segment.id for item in (same, moved, other)}) == 3


def test_two_utterances_with_the_same_times_are_matched_by_text(tmp_path: Path) -> None:
    first, second = segment(0, text="one"), Segment(SegmentId("weak/test-1/0009", 0.0, 2.4), "test-1", "two")
    csv_ratings.write(
        tmp_path / "votes.csv", [RatedSegment(first, {"Ada": "positive"}), RatedSegment(second, {"Ada": "negative"})]
    )
    imported = rating_files.read(tmp_path / "votes.csv", [second, first])
    assert [(item.segment, item.ratings["Ada"]) for item in imported] == [(first, "positive"), (second, "negative")]


def test_nothing_to_write_and_another_ending(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no ratings yet"):
        rating_files.write(tmp_path / "votes.csv", [], {})
    for act in (lambda path: rating_files.write(path, [], {}), lambda path: rating_files.read(path, [])):
        with pytest.raises(InputError, match=r"votes.tsv: found the ending '.tsv', expected .csv, or .json"):
            act(tmp_path / "votes.tsv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Id,start_s,end_s,Ada\n1,0,1,positive\n1,0,1,huh\n", "row 2, column Ada: found the rating 'huh'"),
        ("Id,start_s,end_s,Ada\n1,2,1,positive\n", "row 1: found start_s '2' and end_s '1'"),
        ("Id,start_s,end_s,=Ada()\n1,0,1,positive\n", "found the listener's name '=Ada"),
        ("Id,start_s,Ada\n1,0,positive\n", "column end_s is missing"),
        ("Id,start_s,end_s,Ada\n1,0,²,positive\n", "row 1: found start_s '0' and end_s '²', expected seconds"),
        ("Id,start_s,end_s,Ada\n1,0,1e999,positive\n", "row 1: found start_s '0' and end_s '1e999'"),
        ("Id,start_s,end_s,Ada\n1,0,1,positive\n1,1,2,\0\n", "line 3: found a NUL character"),
    ],
)
def test_errors_in_a_csv_file_name_the_row(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message.replace("(", r"\(")) as error:
        rating_files.read(path, [])
    assert str(path) in str(error.value)


def exported(**changes: Any) -> dict[str, Any]:
    """A task as exported by Label Studio, with its additional fields."""
    annotation = {
        "id": 12, "completed_by": 10, "was_cancelled": False, "ground_truth": False, "lead_time": 4.3, "task": 3,
        "created_at": "2026-03-02T21:52:49.513742Z", "result_count": 1, "unique_id": "0b5", "last_action": None,
        "result": [
            {
                "id": "Dx_aB91ISN", "from_name": "sentiment", "to_name": "audio", "type": "choices", "origin": "manual",
                "value": {"choices": ["positive"]},
            }
        ],
    } | changes.pop("annotation", {})  # fmt: skip
    data = {
        "audio": "/data/local-files/?d=tasks-audio/1.flac", "utterance_id": "weak/test-1/0000", "video_id": "test-1",
        "start_s": 0, "end_s": 2.4, "text": "some words",
    } | changes.pop("data", {})  # fmt: skip
    return {
        "id": 3, "data": data, "annotations": [annotation], "drafts": [], "predictions": [], "project": 83, "meta": {},
        "inner_id": 1, "total_annotations": 1, "cancelled_annotations": 0, "comment_count": 0,
    } | changes  # fmt: skip


def read(tmp_path: Path, content: Any) -> list[RatedSegment]:
    path = tmp_path / "project-83.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return rating_files.read(path, [])


def test_what_label_studio_exports_is_read(tmp_path: Path) -> None:
    by_object = exported(annotation={"completed_by": {"id": 4, "email": "ada@example.org", "first_name": "Ada"}})
    skipped = exported(annotation={"completed_by": 11, "was_cancelled": True, "result": []})
    both = exported(annotations=by_object["annotations"] + skipped["annotations"])
    assert read(tmp_path, [exported(), both]) == [
        RatedSegment(segment(), {"user-10": "positive"}),
        RatedSegment(segment(), {"ada@example.org": "positive", "user-11": None}),
    ]
    assert read(tmp_path, [exported(annotations=[])]) == [RatedSegment(segment())]


CHOICE = {"from_name": "sentiment", "to_name": "audio", "type": "choices", "value": {"choices": ["positive"]}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "cannot be read as JSON"),
        ({"tasks": []}, "expected Label Studio's JSON export, a list of tasks"),
        ([3], "task 1: data is missing"),
        # JSON-MIN
        ([{"id": 3, "audio": "x", "sentiment": "positive"}], r"task 1 \(id 3\): data is missing, expected an object"),
        ([exported(), exported(data={"start_s": "soon"})], r"task 2 \(id 3\): data.start_s: found \"soon\", expected"),
        ([exported(data={"start_s": True})], "data.start_s: found true"),
        ([exported(data={"start_s": 5})], "found data.start_s 5.0 and data.end_s 2.4"),
        ([exported(data={"video_id": "clip.wav"})], "found data.video_id 'clip.wav', expected train-… or test-…"),
        ([exported(data={"text": None})], "data.text: found null, expected a text"),
        ([exported(annotations={})], r"annotations: found {}, expected a list"),
        ([exported(annotation={"completed_by": None})], "annotation 1: completed_by: found null, expected a user"),
        ([exported(annotation={"completed_by": {"id": 4}})], "annotation 1: completed_by.email is missing"),
        ([exported(annotation={"completed_by": {"email": "text"}})], "completed_by.email: a listener cannot"),
        ([exported(annotation={"result": []})], "annotation 1: found no result from 'sentiment', expected one"),
        ([exported(annotation={"result": [{**CHOICE, "value": {"choices": ["angry"]}}]})], r'found \["angry"\] from'),
        ([exported(annotation={"result": [{**CHOICE, "value": {"choices": list(tables.SENTIMENTS)}}]})], "one choice"),
        ([exported(annotation={"result": [{**CHOICE, "value": 3}]})], "found null from 'sentiment'"),
        ([exported(annotations=["x"])], "annotation 1: completed_by is missing"),
        (json.dumps([exported(data={"end_s": 777})]).replace("777", "9" * 5000), "task 1: .*a number of 5,000 digits"),
        (json.dumps([exported(data={"end_s": 7.5})]).replace("7.5", "NaN"), "task 1: .*NaN is no number"),
        (json.dumps([exported(data={"end_s": 7.5})]).replace("7.5", "1e999"), "found .* and data.end_s inf"),
        ([exported(data={"start_s": -10**20})], "found data.start_s -1e.20 and"),
        ([exported(data={"text": "a\ud83d"})], r"task 1 .*data.text: found 'a\\ud83d', expected a text of whole char"),
        ([exported(data={"utterance_id": "a\0"})], r"data.utterance_id: found 'a\\x00', expected a text"),
        ([exported(data={"text": [[]] * 9999})], r"data.text: found \[\[\], .*…, expected a text"),
        ([exported(annotation={"completed_by": -3})], "found completed_by -3, expected a user's number"),
        ('[{"id": 3, "data": {}, "data": {}}]', "task 1: cannot be read as JSON .*the key 'data' occurs twice"),
        ("[" + "[" * 100_000, "task 1: lists or objects nested too deep"),
        (
            [exported(annotations=[*exported()["annotations"], {"completed_by": 10, "was_cancelled": True}])],
            "annotation 2: found skipped by user-10, who already has positive",
        ),
    ],
)  # fmt: skip
def test_errors_in_a_json_file_name_the_task(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path, content)
    assert "project-83.json" in str(error.value)


def test_the_tasks_follow_the_documented_form_and_are_blind(tmp_path: Path) -> None:
    rated = [RatedSegment(segment(), {"Ada": "positive", "Bo": None}, Adjudication("Dee", "neutral"))]
    label_studio.write(tmp_path / "tasks.json", rated, {segment().id.key: b"fLaC"})
    (task,) = json.loads((tmp_path / "tasks.json").read_text())
    assert set(task["data"]) == {"audio", "utterance_id", "video_id", "start_s", "end_s", "text"}
    key = segment().id.key
    assert task["data"]["audio"] == f"/data/local-files/?d=tasks-audio/{key}.flac"
    assert (tmp_path / "tasks-audio" / f"{key}.flac").read_bytes() == b"fLaC"
    assert task["predictions"] == []
    ada, bo, dee = task["annotations"]
    assert ada == {
        "completed_by": {"email": "Ada@undertone.invalid"}, "result": [CHOICE],
        "was_cancelled": False, "ground_truth": False,
    }  # fmt: skip
    assert (bo["was_cancelled"], bo["result"]) == (True, [])
    assert (dee["ground_truth"], dee["result"][0]["value"]) == (True, {"choices": ["neutral"]})


@pytest.mark.parametrize("with_text", [True, False])
def test_the_configuration_names_what_the_tasks_name(with_text: bool) -> None:
    view = ElementTree.fromstring(label_studio.config(with_text=with_text))
    audio, *text, choices = view
    assert (audio.tag, audio.get("name"), audio.get("value")) == ("Audio", "audio", "$audio")
    assert (choices.get("name"), choices.get("toName")) == ("sentiment", "audio")
    assert [(element.get("value"), element.get("hotkey")) for element in choices] == [
        ("negative", "1"),
        ("neutral", "2"),
        ("positive", "3"),
    ]
    assert [element.get("value") for element in text] == (["$text"] if with_text else [])
