"""Label quality: scores computed by hand, thresholds on other videos, marks, and files of rated texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import InputError
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.quality import label_quality, phenomena, rated_texts, threshold
from tasks.labelling.votes import combine
from tasks.labelling.votes.combine import Thresholds

FEW = Bootstrap(100, 0.95, 0)
ALL = Thresholds(0.0, 0.0)


def voted_texts(n: int = 300, *, rated: bool = True) -> label_quality.VotedTexts:
    """Two voters with accuracies 0.9 and 0.6 over thirty videos; correct votes have larger magnitudes."""
    rng = np.random.default_rng(4)
    truth = rng.choice([-1, 1], size=n)
    right = rng.random((n, 2)) < [0.9, 0.6]
    strength = np.where(right, rng.uniform(0.4, 0.9, (n, 2)), rng.uniform(0.1, 0.5, (n, 2)))
    names = np.where(truth > 0, "positive", "negative") if rated else np.full(n, "")
    return label_quality.VotedTexts(
        ["I am not sorry" if k % 3 else "a table" for k in range(n)],
        np.where(right, truth[:, None], -truth[:, None]) * strength,
        ("good", "poor"),
        names,
        np.array([f"v{k % 30}" for k in range(n)]),
        np.ones(n, dtype=bool),
    )


def test_every_voter_and_combination_is_scored_against_the_best_voter() -> None:
    report = label_quality.measured(voted_texts(), "consensus", Thresholds(0.25, 0.5), FEW)
    by_name = {entry["name"]: entry for entry in report["voters"]}
    assert by_name["good"]["gold"]["accuracy"]["value"] == pytest.approx(0.9, abs=0.05)
    assert by_name["poor"]["gold"]["accuracy"]["value"] == pytest.approx(0.6, abs=0.08)
    combinations = {entry["name"]: entry for entry in report["combinations"]}
    assert [entry for entry, values in combinations.items() if values["used"]] == ["consensus"]
    assert combinations["mean"]["coverage"] == 1.0
    assert combinations["consensus"]["coverage"] < 0.7
    assert combinations["consensus"]["covered"]["accuracy"]["value"] > by_name["good"]["gold"]["accuracy"]["value"]
    for entry in combinations.values():
        assert entry["gain"]["over"] == "good"
        best = by_name["good"]["gold"]["macro_f1"]["value"]
        assert entry["gain"]["value"] == pytest.approx(entry["everywhere"]["macro_f1"]["value"] - best)
        assert entry["gain"]["low"] <= entry["gain"]["value"] <= entry["gain"]["high"]
    assert sum(sum(row.values()) for row in report["confusion"].values()) == 300
    assert {entry["mark"]: entry["n"] for entry in report["marks"]} == {
        "negation": 200,
        "sorry": 200,
        "none of these": 100,
    }


def test_recognised_text_has_a_row_of_its_own() -> None:
    texts = voted_texts()
    assert label_quality.measured(texts, "mean", ALL, FEW)["by_source"] == []
    sources = np.where(np.arange(300) % 3 == 0, "recognised", "manual")
    # of recognised texts, all votes are wrong; some have no rating
    flipped = np.where((sources == "recognised")[:, None], -np.abs(texts.polarities), texts.polarities)
    gold = np.where(sources == "recognised", "positive", texts.gold)
    gold[:30] = ""
    given = replace(texts, polarities=flipped, gold=gold, sources=sources)
    manual, recognised = label_quality.measured(given, "mean", ALL, FEW)["by_source"]
    assert (manual["source"], manual["n"], manual["n_heard"], manual["coverage"]) == ("manual", 200, 180, 1.0)
    assert (recognised["source"], recognised["n"], recognised["covered"]["n"]) == ("recognised", 100, 90)
    assert recognised["covered"]["accuracy"]["value"] == 0.0
    assert manual["covered"]["accuracy"]["value"] > 0.8
    one = replace(given, sources=np.full(300, "manual"))
    assert label_quality.measured(one, "mean", ALL, FEW)["by_source"] == []


def test_without_ratings_there_are_no_scores() -> None:
    report = label_quality.measured(voted_texts(rated=False), "mean", ALL, FEW)
    assert report["n_heard"] == 0
    assert all(entry["gold"] is None for entry in report["voters"])
    assert all(entry["covered"] is entry["everywhere"] is entry["gain"] is None for entry in report["combinations"])
    assert report["marks"] == []
    assert all(point["macro_f1"] is None for point in report["curve"])


def test_the_most_certain_disagreements_come_first() -> None:
    given = voted_texts()
    labels = given.combined("mean", ALL)
    wrong = label_quality.disagreements(given, labels, 5)
    assert (labels.labels[wrong] != given.gold[wrong]).all()
    sure = labels.weights[wrong] + np.abs(labels.scores[wrong])
    assert (np.diff(sure) <= 0).all()
    assert label_quality.disagreements(given, labels, 0).size == 0


def test_a_threshold_is_proposed_and_scored_on_other_videos() -> None:
    given = voted_texts()
    labels = given.combined("mean", ALL)
    certain = combine.certainty(labels, "mean")
    points = label_quality.curve(given, "mean", FEW)
    best = threshold.proposed(points, 0.5)
    assert best is not None
    assert best.coverage >= 0.5
    setting = threshold.setting(certain, best)
    kept = given.combined("mean", Thresholds(setting, 0.0)).labels != ""
    assert kept.mean() == pytest.approx(best.coverage)
    nested = threshold.nested(labels.labels, certain, given.gold, given.groups, least_coverage=0.5, bootstrap=FEW)
    assert nested is not None
    assert points[0].macro_f1 is not None
    assert best.macro_f1 is not None
    assert points[0].macro_f1 < nested.macro_f1 <= best.macro_f1
    assert threshold.setting(certain, points[0]) == 0.0


def test_neutral_labels_are_kept_at_every_threshold_on_the_score() -> None:
    votes = np.array([[0.0, 0.0], [0.9, 0.8], [0.2, 0.3], [-0.5, -0.6]])
    combination = combine.combined(votes, "consensus", ALL)
    certain = combine.certainty(combination, "consensus")
    gold = np.array(["neutral", "positive", "negative", "negative"])
    points = threshold.curve(combination.labels, certain, gold, np.array(["a", "a", "b", "b"]), FEW)
    assert [point.coverage for point in points] == [1.0, 0.75, 0.5]
    for point in points:
        setting = threshold.setting(certain, point)
        kept = combine.combined(votes, "consensus", Thresholds(setting, 0.0)).labels != ""
        assert kept.mean() == point.coverage


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("I don't like it", {"negation"}),
        ("a very nice day", {"degree"}),
        ("it was kind of odd", {"hedge"}),
        ("sorry, but is it?", {"sorry", "contrast", "question"}),
        ("Oh great, another one", {"sarcasm"}),
        ("What a day", {"question"}),
        ("a table", {"none of these"}),
        ("", {"none of these"}),
    ],
)
def test_marks(text: str, marks: set[str]) -> None:
    assert {name for name, flags in phenomena.marked([text]).items() if flags[0]} == marks


def test_rated_texts_are_read(tmp_path: Path) -> None:
    tabbed = tmp_path / "news.txt"
    tabbed.write_text("1_1\t0.4\tThey met at noon.\n1_2\t-2.5\tIt was awful.\n2_1\t1.5\tA holiday\twith toys.\n")
    commas = tmp_path / "mine.csv"
    commas.write_text('text,sentiment,group\n"Well, good",positive,a\nTable,Neutral,a\n')
    texts = rated_texts.read([tabbed, commas])
    assert texts.texts == ("They met at noon.", "It was awful.", "A holiday\twith toys.", "Well, good", "Table")
    assert texts.labels.tolist() == ["neutral", "negative", "positive", "positive", "neutral"]
    assert texts.groups.tolist() == ["news/1", "news/1", "news/2", "mine/a", "mine/a"]
    assert texts.names[2:4] == ("news.txt, line 3", "mine.csv, row 1")
    assert np.isnan(texts.shares).all()


def test_numbers_of_ratings_are_shares_and_a_majority(tmp_path: Path) -> None:
    path = tmp_path / "counted.csv"
    path.write_text("text,negative,neutral,positive\na,3,1,0\nb,0,,2\nc,0,1,0\n")
    texts = rated_texts.read([path])
    assert texts.labels.tolist() == ["negative", "positive", "neutral"]
    assert texts.shares[:2].tolist() == [[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]]
    assert np.isnan(texts.shares[2]).all()
    path.write_text("text,sentiment,negative,neutral,positive\na,neutral,2,2,0\n")
    assert rated_texts.read([path]).labels.tolist() == ["neutral"]


def test_separators_within_a_text_end_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.CSV").write_text("text,rating\none\u2028two,1\n", encoding="utf-8")
    (tmp_path / "b.TSV").write_text("1\t2\tthree\x85four\r\n", encoding="utf-8", newline="")
    assert rated_texts.read([tmp_path / "a.CSV", tmp_path / "b.TSV"]).texts == ("one\u2028two", "three\x85four")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"1\t2.0\n", "line 1 has 2 cells"),
        ("a.txt", b"1\tmuch\ttext\n", "row 1: found the rating 'much'"),
        ("a.txt", b"1\tnan\ttext\n", "row 1: found the rating 'nan'"),
        ("a.txt", b"1\t2\tcaf\xe9\n", "line 1 is not UTF-8"),
        ("a.csv", b"words,sentiment\n", "found columns words, sentiment"),
        ("a.csv", b"text,sentiment\nhi,glad\n", "row 1: found the sentiment 'glad'"),
        ("a.csv", b"text,sentiment\nhi\n", "row 1 has more or fewer cells"),
        ("a.csv", b"text,sentiment\n", "found no text"),
        ("a.csv", b"text,negative,neutral,positive\nhi,2,2,0\n", "row 1: found as many ratings of two classes"),
        ("a.csv", b"text,negative,neutral,positive\nhi,2,x,0\n", "row 1: found .*x.* ratings, expected three whole"),
        ("a.txt", b"1\t1e999\ttext\n", "row 1: found the rating '1e999', expected a number"),
        ("a.csv", "text,rating\nhi,²\n".encode(), "row 1: found the rating '²', expected a number"),
        ("a.csv", b"text,rating\nhi,1_0\n", "row 1: found the rating '1_0', expected a number"),
        ("a.csv", b'text,rating\n"hi,1\nyou,2\n', "line 2: cannot be read as a CSV file: a quotation mark is opened"),
        ("a.csv", b"text,rating\n" + b"x" * 200_000 + b",1\n", "line 2: a cell of more than 131,072 characters"),
        ("a.csv", "text,rating\nhi,1\n".encode("utf-16"), "not UTF-8 but UTF-16"),
    ],
)
def test_a_malformed_file_is_an_error_with_its_row(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        rated_texts.read([path])
