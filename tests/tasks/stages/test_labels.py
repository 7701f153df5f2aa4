"""Stage labels: inputs from earlier stages, scores against listeners, reproducible bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.runs import in_process
from tasks.core import each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import NotEnoughData
from tasks.labelling.quality import combination_file, label_rules
from tasks.labelling.quality.combination_file import CombinationFile
from tasks.labelling.votes import combine
from tasks.stages import labels

VOTED = ("vader",)


@pytest.fixture
def voted(captioned: Callable[..., None], settings: Config) -> Config:
    """A project with one voter's votes and no ratings."""
    captioned(4, 3, 9)
    return settings.model_copy(
        update={
            "polarity": settings.polarity.model_copy(update={"voters": list(VOTED)}),
            "evaluate": settings.evaluate.model_copy(update={"bootstrap": 200}),
        }
    )


def listen(wrong: int = 0) -> None:
    """Write one listener's ratings of every test utterance: the votes, except for the first few of each video."""
    votes = {row["utterance_id"]: row["sentiment"] for row in tables.read(paths.VOTES, tables.VOTES).to_pylist()}
    lines = ["Id,start_s,end_s,ada,text"]
    for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist():
        if row["split"] == "test":
            label = votes[row["utterance_id"]]
            rating = {"positive": "negative"}.get(label, "positive") if row["turn"] < wrong else label
            lines.append(f"{row['group'].removeprefix('test-')},{row['start_s']},{row['end_s']},{rating},x")
    paths.LISTENERS.mkdir(parents=True, exist_ok=True)
    (paths.LISTENERS / "ada.csv").write_text("\n".join(lines) + "\n")


def measured(config: Config) -> dict[str, Any]:
    labels.run(config, each=each.local(config.runtime))
    report: dict[str, Any] = json.loads(paths.LABELS.read_text())
    return report


def test_without_listeners_there_is_coverage_and_no_score(voted: Config) -> None:
    for file in paths.LISTENERS.glob("*.csv"):
        file.unlink()
    report = measured(voted)
    assert (report["n"], report["n_heard"], report["coverage"]) == (63, 0, 1.0)
    assert report["disagreements"] == []
    assert report["proposed"] is None
    assert report["licences"] == {"vader": "MIT"}


def test_labels_are_scored_against_listeners(voted: Config) -> None:
    listen(wrong=2)
    report = measured(voted)
    assert report["n_heard"] == 27
    (voter,) = report["voters"]
    assert voter["gold"]["accuracy"]["value"] == pytest.approx(21 / 27)
    assert len(report["disagreements"]) == 6
    assert all(entry["heard"] != entry["label"] for entry in report["disagreements"])
    assert report["proposed"]["parameter"] == "min_score"
    assert paths.CURVE.read_text().splitlines()[0].startswith("threshold,coverage")
    first = paths.LABELS.read_bytes()
    measured(voted)
    assert paths.LABELS.read_bytes() == first


def test_listeners_are_checked(voted: Config) -> None:
    listen()
    file = paths.LISTENERS / "ada.csv"
    header, *rows = file.read_text().splitlines()
    lines = [f"{header},ada:played_s,ada:plays", *(f"{row},0.5,1" for row in rows)]
    file.write_text("\n".join(lines) + "\n")
    (ada,) = measured(voted)["listeners"]
    assert (ada["name"], ada["n_timed"], ada["reasons"]) == ("ada", len(rows), ["too short"])
    assert measured(voted)["ratings"]["n_scored"] == len(rows), "reported, and nothing else"


def test_utterances_left_out_by_their_length_are_counted_among_the_rated(voted: Config) -> None:
    listen(wrong=2)
    votes = tables.read(paths.VOTES, tables.VOTES).to_pylist()
    rated = [row for row in votes if "/test-" in row["utterance_id"]]
    for row in rated[:4]:
        row["left_out"] = "too short"
    for row in votes:
        row["votes"] = list(dict(row["votes"]).items())
    tables.write(tables.from_rows(votes, tables.VOTES), paths.VOTES, tables.VOTES)
    report = measured(voted)
    assert report["n_heard"] == 23
    assert report["ratings"]["in_words"] == "23 of the 27 rated utterances are scored (too short: 4)."


def test_the_number_of_disagreements_is_limited(voted: Config) -> None:
    listen(wrong=3)
    few = voted.model_copy(update={"labels": voted.labels.model_copy(update={"disagreements": 2})})
    assert len(measured(few)["disagreements"]) == 2


def test_rows_that_the_combination_was_selected_on_are_not_scored(voted: Config) -> None:
    listen(wrong=2)
    file = paths.LISTENERS / "ada.csv"
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()
    trained = [row for row in utterances if row["split"] == "train"]
    lines = [f"{row['group']},{row['start_s']},{row['end_s']},neutral,x" for row in trained]
    file.write_text(file.read_text() + "\n".join(lines) + "\n")
    assert measured(voted)["n_heard"] == 63
    rows = {"n": 36, "n_groups": 4, "sources": {"listeners": 36}, "digests": ["0123456789abcdef"]}
    content = CombinationFile("selected", "vader alone", "the best", rows, "5 folds", [])
    tables.write_text(paths.COMBINATION, combination_file.text(content))
    report = measured(voted)
    assert report["n_heard"] == 27
    assert report["ratings"]["left_out"] == {labels.SELECTED_ON: 36}
    assert [row["name"] for row in report["combinations"] if row["used"]] == ["vader alone"]
    assert report["selection"]["rows"]["n"] == 36
    assert "digests" not in report["selection"]["rows"]
    assert [rule["same"] for rule in report["rules"]] == [[]]


def test_a_rule_chosen_on_scored_rows_marks_the_labels_in_use(voted: Config) -> None:
    listen(wrong=2)
    texts = [row["text"] for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()]
    label_rules.record_threshold({"parameter": "min_score", "value": voted.polarity.min_score}, "consensus", texts[-1:])
    report = measured(voted)
    (rule,) = report["rules"]
    assert rule["kind"] == "threshold"
    assert len(rule["same"]) == 27, "all utterances of the fixture have one text"
    assert [row["too_good"] for row in report["combinations"]] == [row["used"] for row in report["combinations"]]


def test_several_listeners_give_soft_scores_and_can_be_combined_by_a_model(voted: Config) -> None:
    listen()
    file = paths.LISTENERS / "ada.csv"
    _, *rows = file.read_text().splitlines()
    cells = [row.split(",") for row in rows]
    lines = [",".join([*row[:3], row[3], row[3], "neutral", row[4]]) for row in cells]
    file.write_text("\n".join(["Id,start_s,end_s,ada,bo,cy,text", *lines]) + "\n")
    report = measured(voted)
    assert {row["name"] for row in report["soft"]} == {"vader", *combine.UNTRAINED}
    assert report["soft"][0]["n"] == 27
    changed = voted.model_copy(update={"labels": voted.labels.model_copy(update={"listeners": "mace"})})
    assert measured(changed)["n_heard"] == 27


def mark(sampling: str, n: int) -> None:
    """Mark the first n rows of the ratings."""
    file = paths.LISTENERS / "ada.csv"
    header, *rows = file.read_text().splitlines()
    lines = [f"{header},sampling", *(f"{row},{sampling if k < n else ''}" for k, row in enumerate(rows))]
    file.write_text("\n".join(lines) + "\n")


def test_proposed_rows_are_left_out_of_scores_and_random_ones_count(voted: Config) -> None:
    listen(wrong=2)
    mark("proposed", 12)
    report = measured(voted)
    assert report["n_heard"] == 15
    assert report["ratings"]["in_words"] == (
        "15 of the 27 rated utterances are scored (proposed for rating, no random sample: 12)."
    )
    # too few are left for a threshold and for a learning curve
    assert (report["proposed"], report["learning_curve"]) == (None, None)
    listen(wrong=2)
    mark("random", 12)
    assert measured(voted)["n_heard"] == 27
    # they train a voter all the same
    listen(wrong=2)
    mark("proposed", 12)
    _, texts, *_ = labels.read(voted, rows="all")
    assert (texts.gold != "").sum() == 27


def test_a_threshold_is_chosen_on_training_videos_which_are_not_scored(voted: Config) -> None:
    listen(wrong=1)
    lines = (paths.LISTENERS / "ada.csv").read_text()
    rows = [row for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist() if row["split"] == "train"]
    for row in rows[:20]:
        lines += f"{row['group']},{row['start_s']},{row['end_s']},positive,x\n"
    (paths.LISTENERS / "ada.csv").write_text(lines)
    before = measured(voted)
    assert before["n_heard"] == 47
    assert before["proposed"]["n"] <= 20
    value = before["proposed"]["value"]
    tuned = voted.model_copy(update={"polarity": voted.polarity.model_copy(update={"min_score": round(value, 3)})})
    _, scored, _, combination = labels.read(tuned)
    texts, where = labels.tuning_texts(labels.read(tuned, rows="sampled")[1], scored, combination)
    assert (where, int((texts.gold != "").sum())) == ("training", 20)
    chosen_on = [text for text, label in zip(texts.texts, texts.gold.tolist(), strict=True) if label]
    label_rules.record_threshold(before["proposed"], combination.chosen, chosen_on)
    report = measured(tuned)
    assert report["n_heard"] == 27
    assert report["ratings"]["left_out"]["used to choose the threshold"] == 20
    # without that threshold in use, all count
    assert (
        measured(voted.model_copy(update={"polarity": voted.polarity.model_copy(update={"min_score": 0.9})}))["n_heard"]
        == 47
    )


def test_the_threshold_and_the_learning_curve_have_nested_scores(voted: Config) -> None:
    listen(wrong=2)
    report = measured(voted)
    nested = report["proposed"]["nested"]
    assert (nested["by"], nested["n_folds"]) == ("videos", 3)
    assert nested["low"] <= nested["macro_f1"] <= nested["high"]
    curve = report["learning_curve"]
    assert (curve["n"], curve["n_groups"], curve["by"]) == (27, 3, "videos")
    assert curve["in_words"].endswith(".")


def test_tune_says_how_many_ratings_are_missing_and_shows_both_scores(
    voted: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_process, "bring_up_to_date", lambda *_, **__: None)
    listen(wrong=2)
    mark("proposed", 12)
    with pytest.raises(
        NotEnoughData, match=r"20 ratings or more; found 15 that count .*proposed.*: 12\)\.\) Rate 5 mo"
    ):
        undertone("tune")
    measured(voted)
    with pytest.raises(NotEnoughData, match="a learning curve needs 20 ratings"):
        undertone("curve")
    listen(wrong=2)
    output = undertone("tune")
    assert "where it was chosen (optimistic)" in output
    assert "nested, on other videos (3 folds)" in output
    assert "rate 20 segments of training videos" in output
    assert json.loads(paths.TUNED.read_text())["parameter"] == "min_score"
    measured(voted)
    output = undertone("curve")
    assert "Macro F1 on other videos by number of ratings" in output
    assert "27 rated texts of 3 videos, 4 times 3 folds by videos" in output


def test_ratings_of_one_video_are_tuned_on_by_utterances(voted: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process, "bring_up_to_date", lambda *_, **__: None)
    rows = [row for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist() if row["split"] == "test"]
    for row in rows:
        row["group"] = "test-0"
    others = [row for row in tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist() if row["split"] != "test"]
    for number, row in enumerate(rows):
        row["start_s"], row["end_s"] = number * 3.0, number * 3.0 + 2.0
    tables.write(tables.from_rows([*others, *rows], tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
    listen(wrong=2)
    output = undertone("tune")
    assert "nested, on other utterances of the same video (10 folds)" in output
    assert "Only one video is rated, so folds are of utterances" in output


def undertone(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["labels", *arguments], catch_exceptions=True, env={"COLUMNS": "100"})
    if done.exception is not None:
        raise done.exception
    return " ".join(done.output.split())
