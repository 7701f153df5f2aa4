"""Listeners' ratings: reading, corrections, matching to utterances."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import tables
from tasks.core.errors import InputError
from tasks.labelling.people import rated_utterances, ratings
from tasks.labelling.people.rating_sheets import Repair
from tasks.labelling.people.ratings import RatedSpan, RatingFile

HEADER = "Id,start_s,end_s,Ada,Bruno,Chen,text\n"


def written(folder: Path, text: str, name: str = "votes.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def utterances(*spans: tuple[str, float, float]) -> tables.pa.Table:
    rows = [
        {"utterance_id": f"weak/{video}/{turn:04d}", "corpus": "weak", "group": video, "start_s": start, "end_s": end}
        for turn, (video, start, end) in enumerate(spans)
    ]
    return tables.from_rows(rows, tables.UTTERANCES)


def rating_file(*spans: tuple[str, float, float]) -> RatingFile:
    return RatingFile("votes.csv", ("Ada",), tuple(RatedSpan(*span, {"Ada": "positive"}) for span in spans), ())


def test_read(tmp_path: Path) -> None:
    path = written(
        tmp_path, HEADER + '3,1.5,4,Positive,positve, nuetral ,"well, yes"\ntrain-7,0,2,negative,,neutral,\n'
    )
    file = ratings.read(path)
    assert file.listeners == ("Ada", "Bruno", "Chen")
    assert file.spans == (
        RatedSpan("test-3", 1.5, 4.0, {"Ada": "positive", "Bruno": "positive", "Chen": "neutral"}),
        RatedSpan("train-7", 0.0, 2.0, {"Ada": "negative", "Chen": "neutral"}),
    )
    assert file.repairs == (
        Repair(str(path), 1, "Bruno", "positve", "positive"),
        Repair(str(path), 1, "Chen", "nuetral", "neutral"),
    )


@pytest.mark.parametrize("vote", ["neagtive", "negativ", "ngeative", "NEGATIVE", "negatve"])
def test_misspelt_ratings_are_corrected(tmp_path: Path, vote: str) -> None:
    path = written(tmp_path, f"Id,start_s,end_s,Ada\n1,0,1,{vote}\n")
    assert ratings.read(path).spans[0].ratings == {"Ada": "negative"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEADER + "1,0,1,good,neutral,neutral,x\n",
            r"row 1, column Ada: found the rating 'good', expected one of negative",
        ),
        (HEADER + "1,0,1,n,neutral,neutral,x\n", "row 1, column Ada"),
        (HEADER + "1,2,1,neutral,neutral,neutral,x\n", r"row 1: found start_s '2' and end_s '1'"),
        (HEADER + "\n1,zero,1,neutral,neutral,neutral,x\n", r"row 1: found start_s 'zero'"),
        (HEADER + "1,0,inf,neutral,neutral,neutral,x\n", r"end_s 'inf'"),
        (HEADER + f"1,0,{'9' * 5000},neutral,neutral,neutral,x\n", r"row 1: found start_s '0' and end_s '9{80}'…, exp"),
        (HEADER + "1,٠,١,neutral,neutral,neutral,x\n", r"row 1: found start_s '٠' and end_s '١', expected seconds"),
        (HEADER + f"1,0,1,{'n' * 100_000},neutral,neutral,x\n", r"row 1, column Ada: found the rating 'n{80}'…, exp"),
        (HEADER.replace("Ada", "a," * 99_999), r"line 1 has \d+,\d+ cells; the limit is 1,000"),
        (HEADER + "1,0,1,neutral\n", r"row 1 has 4 cells, expected 7"),
        (HEADER + "1,0,1,neutral,neutral,neutral,x,y\n", r"row 1 has 8 cells"),
        ("Id,,start_s,end_s,Ada,,\n1,,0,1,neutral\n1,0,1,neutral\n", r"row 2 has 4 cells, expected 7"),
        ("Id,start_s,Ada\n1,0,neutral\n", r"column end_s is missing; found Id, start_s, Ada"),
        ("Id,start_s,end_s,text\n", r"no listener's column"),
        ("Id,start_s,end_s,Ada,Ada\n", r"column Ada occurs twice"),
        ("", r"column Id, start_s, end_s is missing"),
        ('Id,start_s,end_s,Ada\n1,0,1,"neutral\n', r"cannot be read as a CSV file"),
    ],
)
def test_errors_name_the_row(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=message) as error:
        ratings.read(path)
    assert str(path) in str(error.value)


def test_another_encoding_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER.replace("Ada", "Adé"), encoding="utf-16")
    with pytest.raises(InputError, match="UTF-8"):
        ratings.read(path)


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "notes.md"):
        written(tmp_path, HEADER, name)
    assert [Path(file.file).name for file in ratings.read_folder(tmp_path)] == ["a.csv", "b.csv"]
    assert ratings.read_folder(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("votes", "most"),
    [
        (["positive", "positive", "neutral"], "positive"),
        (["positive", "neutral"], None),
        (["positive", "neutral", "negative"], None),
        (["positive", "positive", "neutral", "negative"], "positive"),
        (["negative"], "negative"),
        ([], None),
    ],
)
def test_majority(votes: list[str], most: str | None) -> None:
    assert ratings.majority(dict(zip("abcd", votes, strict=False))) == most


def test_spans_match_the_utterance_they_share_most_time_with() -> None:
    spoken = utterances(("test-1", 0, 2), ("test-1", 2, 4), ("test-2", 0, 2))
    rows, unmatched = rated_utterances.match(
        rating_file(("test-1", 0.2, 2.1), ("test-1", 3.5, 6.0), ("test-2", 0, 2), ("test-3", 0, 2)), spoken
    )
    assert [(row.row, row.video_id, row.why) for row in unmatched] == [
        (2, "test-1", "no utterance overlaps it by half"),
        (4, "test-3", "no such video"),
    ]
    assert rows.to_pylist() == [
        {
            "utterance_id": "weak/test-1/0000",
            "majority": "positive",
            "adjudicated": None,
            "sampling": None,
            "ratings": [("Ada", "positive")],
        },
        {
            "utterance_id": "weak/test-2/0002",
            "majority": "positive",
            "adjudicated": None,
            "sampling": None,
            "ratings": [("Ada", "positive")],
        },
    ]


def test_half_of_the_union_is_enough_and_less_is_not() -> None:
    spoken = utterances(("test-1", 0, 2))
    assert rated_utterances.match(rating_file(("test-1", 0, 1)), spoken)[0].num_rows == 1
    assert rated_utterances.match(rating_file(("test-1", 0, 0.99)), spoken)[0].num_rows == 0


def test_an_utterance_is_matched_once_by_the_better_span() -> None:
    listening = RatingFile(
        "votes.csv",
        ("Ada",),
        (RatedSpan("test-1", 0, 1.5, {"Ada": "negative"}), RatedSpan("test-1", 0, 1.9, {"Ada": "positive"})),
        (),
    )
    rated, (unmatched,) = rated_utterances.match(listening, utterances(("test-1", 0, 2)))
    (row,) = rated.to_pylist()
    assert row["majority"] == "positive"
    assert (unmatched.row, unmatched.why) == (1, "its utterance is matched by another row")


def test_a_tie_has_no_majority() -> None:
    votes = {"Ada": "positive", "Bruno": "neutral"}
    listening = RatingFile("votes.csv", ("Ada", "Bruno"), (RatedSpan("test-1", 0, 2, votes),), ())
    (row,) = rated_utterances.match(listening, utterances(("test-1", 0, 2)))[0].to_pylist()
    assert row["majority"] is None
    assert rated_utterances.gold_label(row) is None


def test_an_adjudication_is_the_label_and_no_rating(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "Id,start_s,end_s,Ada,Bruno,adjudicated,text\n"
        "1,0,2,positive,neutral,neutral,x\n"
        "1,2,4,positive,neutral,,x\n"
        "1,4,6,positive,neutral,skipped,x\n",
    )
    file = ratings.read(path)
    assert file.listeners == ("Ada", "Bruno")
    rows = rated_utterances.match(file, utterances(("test-1", 0, 2), ("test-1", 2, 4), ("test-1", 4, 6)))[0].to_pylist()
    assert [rated_utterances.gold_label(row) for row in rows] == ["neutral", None, None]
    assert dict(rows[0]["ratings"]) == {"Ada": "positive", "Bruno": "neutral"}


def test_an_adjudication_that_is_no_label_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "Id,start_s,end_s,Ada,adjudicated\n1,0,2,positive,perhaps\n")
    with pytest.raises(InputError, match="row 1, column adjudicated: found the rating 'perhaps'"):
        ratings.read(path)


def test_a_skip_is_no_rating(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "3,1.5,4,Skipped,positive,,x\n")
    assert ratings.read(path).spans[0].ratings == {"Bruno": "positive"}
    assert ratings.read_spans(path).skipped == (frozenset({"Ada"}),)


def test_an_utterance_in_several_files_counts_once_with_all_its_ratings(tmp_path: Path) -> None:
    written(tmp_path, "Id,start_s,end_s,Ada,Bruno\n1,0,2,positive,negative\n", "a.csv")
    written(
        tmp_path, "Id,start_s,end_s,Ada,Chen,adjudicated\n1,0.1,2,neutral,negative,neutral\n2,0,1,,positive,\n", "b.csv"
    )
    pooled = rated_utterances.pooled(tmp_path, utterances(("test-1", 0, 2), ("test-2", 0, 1)))
    rows = pooled.rated.to_pylist()
    assert (pooled.n_rows, pooled.unmatched) == (3, ())
    assert [dict(row["ratings"]) for row in rows] == [
        {"Ada": "positive", "Bruno": "negative", "Chen": "negative"},
        {"Chen": "positive"},
    ]
    assert [(row["majority"], row["adjudicated"]) for row in rows] == [("negative", "neutral"), ("positive", None)]


def test_an_utterance_counts_as_proposed_only_if_all_files_say_so(tmp_path: Path) -> None:
    written(tmp_path, "Id,start_s,end_s,Ada,sampling\n1,0,2,positive,proposed\n2,0,1,neutral,proposed\n", "a.csv")
    written(tmp_path, "Id,start_s,end_s,Bo,sampling\n1,0,2,positive,\n2,0,1,neutral,random\n", "b.csv")
    written(tmp_path, "Id,start_s,end_s,Cleo,sampling\n3,0,1,neutral,Proposed\n", "c.csv")
    pooled = rated_utterances.pooled(tmp_path, utterances(("test-1", 0, 2), ("test-2", 0, 1), ("test-3", 0, 1)))
    assert [row["sampling"] for row in pooled.rated.to_pylist()] == [None, ratings.RANDOM, ratings.PROPOSED]
