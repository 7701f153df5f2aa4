"""Summary of a run: videos, rejects and scores before and after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.runs.run_summary import Headline, Snapshot, changes, message, snapshot
from tasks.core import paths, tables
from tests.tasks.pages.experiment_results import of_classes

EMPTY = Snapshot(frozenset())


def scores(**by_name: float | None) -> Snapshot:
    return Snapshot(scores={name: Headline("UAR", value) for name, value in by_name.items()})


def test_videos_rejects_and_the_score_are_compared() -> None:
    before = Snapshot(frozenset("abx"), frozenset("r"), {"source": Headline("macro F1", 0.7041)})
    after = Snapshot(frozenset("abcde"), frozenset("rst"), {"source": Headline("macro F1", 0.7111)})
    assert changes(before, after) == "+3 videos, −1 video, 2 rejected; macro F1 0.704 → 0.711"
    counted = message(before, after, n_run=12, n_current=3)
    assert counted == "+3 videos, −1 video, 2 rejected; macro F1 0.704 → 0.711; 12 stages run, 3 current"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (EMPTY, EMPTY, "videos unchanged; 2 stages run, 1 current"),
        (Snapshot(), Snapshot(), "2 stages run, 1 current"),
        (scores(a=0.5), scores(a=0.5004), "scores unchanged; 2 stages run, 1 current"),
        (scores(), scores(a=0.5), "new: UAR 0.500; 2 stages run, 1 current"),
        (scores(a=None), scores(a=0.5), "UAR – → 0.500; 2 stages run, 1 current"),
    ],
)
def test_a_run_without_changes_says_what_is_unchanged(before: Snapshot, after: Snapshot, words: str) -> None:
    assert message(before, after, n_run=2, n_current=1) == words


def test_a_run_of_current_stages_changed_nothing() -> None:
    assert message(scores(a=0.5), scores(a=0.5), n_run=0, n_current=4) == "nothing changed; 0 stages run, 4 current"


def test_experiments_are_named_if_the_run_has_several() -> None:
    before, after = scores(a=0.5, b=0.6, lost=0.1), scores(a=0.55, b=0.6, c=0.7)
    assert changes(before, after) == "a: UAR 0.500 → 0.550; c: new: UAR 0.700"
    other = Snapshot(scores={**after.scores, "b": Headline("macro F1", 0.4)})
    assert changes(after, other) == "b: UAR 0.600 → macro F1 0.400"


def test_a_long_list_of_experiments_is_cut() -> None:
    words = changes(scores(), scores(**{f"e{n:02}": n / 100 for n in range(30)}))
    assert words.startswith("e00: new: UAR 0.000; e01: new: UAR 0.010")
    assert words.endswith("e09: new: UAR 0.090; 20 more experiments")


def test_files_of_the_runs_stages_are_read(project: Path) -> None:
    stages = ("crawl", "experiment@mine", "experiment@torn", "experiment@lost")
    assert snapshot(stages) == EMPTY
    rejects = [{"item": "train-3", "stage": "crawl", "reason": "gone", "detail": ""}]
    tables.write(tables.from_rows(rejects, tables.REJECTED), paths.rejected("crawl"), tables.REJECTED)
    texts = dict.fromkeys((field.name for field in tables.VIDEOS if str(field.type) == "string"), "x")
    video = {**texts, "video_id": "train-1", "split": "train", "duration_s": 9.0, "audio_sha256": "0" * 64}
    video["caption_kind"] = "manual"
    tables.write(tables.from_rows([video], tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
    tables.write_text(paths.experiment("mine") / "results.json", json.dumps(of_classes()))
    tables.write_text(paths.experiment("torn") / "results.json", "{")
    read = snapshot(stages)
    assert (read.videos, read.rejected) == ({"train-1"}, {"train-3"})
    assert {name: score.measure for name, score in read.scores.items()} == {"mine": "UAR"}
    assert snapshot(("captions",)) == Snapshot()
