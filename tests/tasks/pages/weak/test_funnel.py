"""Tests of the funnel: every loss has its reason; sums that do not add up raise."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.core import paths, tables
from tasks.core.code_version import ROOT
from tasks.core.errors import ConfigError, TableError
from tasks.experiments import row_selection
from tasks.pages.weak import funnel, inputs
from tests.tasks.pages.conftest import CORPUS, EXPERIMENT, EXTRACT, FEATURES, REJECTED


def rewrite_rejects(stage: str, *rows: tuple[str, str]) -> None:
    rejected = [{"item": item, "stage": stage, "reason": reason, "detail": ""} for item, reason in rows]
    path = REJECTED.get(stage, paths.rejected(stage))
    tables.write(tables.from_rows(rejected, tables.REJECTED), path, tables.REJECTED)


def count() -> tuple[funnel.FunnelRow, ...]:
    return funnel.funnel(inputs.read("interviews-source"))


def test_steps_less_losses_give_the_next_step(finished: Callable[..., Any]) -> None:
    finished()
    rows = count()
    for unit in ("videos", "utterances"):
        mine = [row for row in rows if row.unit == unit]
        steps = [number for number, row in enumerate(mine) if row.kind == "step"]
        for step, next_step in pairwise(steps):
            for split in ("train", "test", "total"):
                lost = sum(getattr(row, split) for row in mine[step + 1 : next_step])
                assert getattr(mine[step], split) - lost == getattr(mine[next_step], split)


def test_counts_and_reasons(finished: Callable[..., Any]) -> None:
    run = finished()
    rows = {(row.kind, row.stage, row.label): row for row in count()}
    listed = rows["step", "crawl", "listed"]
    assert (listed.train, listed.test, listed.total) == (22 + 1 + 3, 8 + 1, 35)
    assert rows["loss", "crawl", "removed"].train == 2
    assert rows["loss", "crawl", "too long"].test == 1
    assert rows["loss", "captions", "only tags"].train == 1
    assert rows["step", "captions", "usable"].total == len(run.utterances)
    assert rows["loss", "polarity", "too short"].total == sum(vote["left_out"] == "too short" for vote in run.votes)
    assert rows["loss", "segments", "past the end"].total == 1
    assert rows["loss", "extract", "no features"].total == 1
    last = rows["step", "experiment", "used for training or test"]
    assert (last.train, last.test) == (len(run.tested("train")), len(run.tested("test")))


def test_a_rejected_repeat_of_a_fetched_video_is_counted_too(finished: Callable[..., Any]) -> None:
    finished(with_rejects=False)
    rewrite_rejects("crawl", ("train-01", "repeated"), ("train-01", "repeated"))
    rows = count()
    assert [(row.label, row.train) for row in rows[:3]] == [("listed", 24), ("repeated", 2), ("fetched", 22)]


def test_a_video_without_usable_cues_has_that_reason(finished: Callable[..., Any]) -> None:
    finished()
    rewrite_rejects("captions", ("weak/train-80/0001", "past the end"), ("weak/train-80/0002", "past the end"))
    rows = count()
    assert any(row.label == funnel.NO_CUE_LEFT and row.train == 1 for row in rows)
    assert any(row.label == "past the end" and row.stage == "captions" and row.train == 2 for row in rows)


def insert_stage(run: Any, dropped_video: str, dropped_utterance: str, *rejects: tuple[str, str]) -> None:
    """Wire a stage `pace` between `captions` and `polarity`: two videos come in that it drops, one of them whole."""
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    text = text.replace("- data/captions/utterances.parquet", "- data/pace/utterances.parquet")
    text = text.replace("      - data/pace/utterances.parquet", "      - data/captions/utterances.parquet", 1)
    stage = {
        "cmd": "python -m undertone pace", "deps": [str(paths.UTTERANCES)],
        "outs": ["data/pace/utterances.parquet", "data/pace/rejected.parquet"],
    }  # fmt: skip
    Path("dvc.yaml").write_text(f"{text}\n  pace: {json.dumps(stage)}\n", encoding="utf-8")
    dropped = [
        {**run.utterances[0], "utterance_id": f"weak/{video}/{turn:04d}", "group": video}
        for video, turn in ((dropped_video, 0), (dropped_video, 1), (dropped_utterance, 0))
    ]
    videos = [{**run.videos[0], "video_id": video, "split": "train"} for video in (dropped_video, dropped_utterance)]
    for rows, schema, path in (
        ([*run.videos, *videos], tables.VIDEOS, paths.VIDEOS),
        ([*run.utterances, *dropped], tables.UTTERANCES, paths.UTTERANCES),
        (run.utterances, tables.UTTERANCES, Path("data/pace/utterances.parquet")),
    ):
        tables.write(tables.from_rows(rows, schema), path, schema)
    rewrite_rejects("pace", *rejects)


def test_losses_of_an_inserted_stage_have_its_reasons(finished: Callable[..., Any]) -> None:
    run = finished()
    before = {(row.unit, row.stage, row.label): row for row in count()}
    insert_stage(run, "train-70", "train-71", ("train-70", "mostly music"), ("weak/train-71/0000", "too fast"))
    rows = count()
    inserted = [(row.kind, row.unit, row.label, row.train, row.test) for row in rows if row.stage == "pace"]
    n_videos, n_utterances = len(run.videos), len(run.utterances)
    assert [entry[:3] for entry in inserted] == [
        ("loss", "videos", funnel.NO_UTTERANCE_LEFT),
        ("loss", "videos", "mostly music"),
        ("step", "videos", "kept by pace"),
        ("loss", "utterances", "mostly music"),
        ("loss", "utterances", "too fast"),
        ("step", "utterances", "kept by pace"),
    ]
    assert [entry[3] for entry in inserted if entry[0] == "loss"] == [1, 1, 2, 1]
    assert not any(entry[4] for entry in inserted if entry[0] == "loss")
    assert rows[-1] == before["utterances", "experiment", "used for training or test"]
    assert not any(row.label == funnel.NO_CUE_LEFT for row in rows)
    last = {row.unit: row for row in rows if row.stage == "pace"}
    assert last["utterances"].total == n_utterances
    assert last["videos"].total <= n_videos


def test_a_loss_of_an_inserted_stage_without_a_reason_raises(finished: Callable[..., Any]) -> None:
    insert_stage(finished(), "train-70", "train-71", ("train-70", "mostly music"))
    with pytest.raises(TableError, match=r"does not add up at pace .* lost without a reason, such as train-71"):
        count()


@pytest.mark.parametrize("stage", ["captions", "segments", EXTRACT])
def test_a_loss_without_a_reason_raises(finished: Callable[..., Any], stage: str) -> None:
    finished()
    rewrite_rejects(stage)
    with pytest.raises(TableError, match=r"does not add up at \w+ .* lost without a reason, such as "):
        count()


def test_an_unknown_row_raises(finished: Callable[..., Any]) -> None:
    run = finished()
    run.write_predictions({**run.tested("test")[0], "utterance_id": "weak/test-01/9999"})
    with pytest.raises(TableError, match=r"1 are missing in an earlier step, such as weak/test-01/9999"):
        count()


def rewrite_metrics(**changes: Any) -> None:
    path = EXPERIMENT / "results.json"
    tables.write_text(path, json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes))


def test_metrics_of_another_run_raise(finished: Callable[..., Any]) -> None:
    run = finished()
    rewrite_metrics(folds=[{"n_train": len(run.tested("train")) - 3}])
    with pytest.raises(TableError, match=r"the experiment interviews-source used \d+ and \d+; run it again"):
        count()


def test_rows_that_the_recipe_leaves_out_are_a_loss(finished: Callable[..., Any]) -> None:
    run = finished()
    n_train = len(run.tested("train"))
    rewrite_metrics(folds=[{"n_train": n_train - 3}], left_out={row_selection.EXCLUDED: 3})
    lost, used = count()[-2:]
    assert (lost.kind, lost.label, lost.train, lost.test) == ("loss", funnel.LEFT_OUT, 3, 0)
    assert (used.kind, used.train, used.test) == ("step", n_train - 3, len(run.tested("test")))


def test_a_recording_that_the_corpus_rejects_is_the_reason_of_its_utterances(finished: Callable[..., Any]) -> None:
    run = finished(with_rejects=False)
    lost = {row["utterance_id"] for row in run.tested("train") if row["group"] == "train-02"}
    run.rows = [row for row in run.rows if row["utterance_id"] not in lost]
    featured = [{"utterance_id": name} for name in run.cut if "/train-02/" not in name]
    schema = pa.schema([("utterance_id", pa.string())])
    tables.write(pa.Table.from_pylist(featured, schema), FEATURES / "index.parquet", schema)
    rewrite_metrics(folds=[{"n_train": len(run.tested("train"))}])
    rewrite_rejects(CORPUS, ("train-02.flac", "broken sound"))
    rewrite_rejects(EXTRACT)
    rows = {(row.kind, row.label): row for row in count()}
    assert rows["loss", "broken sound"].train == len(lost) > 0


def test_an_experiment_on_another_corpus_is_refused(finished: Callable[..., Any]) -> None:
    finished()
    rewrite_metrics(reader="tess", corpus="tess", target="emotion")
    with pytest.raises(ConfigError, match=r"interviews-source learns the emotion of tess; expected"):
        count()


def test_an_id_without_a_split_raises(finished: Callable[..., Any]) -> None:
    finished()
    rewrite_rejects("crawl", ("playlist", "not found"))
    with pytest.raises(TableError, match=r"'playlist#0' names no split"):
        count()


def test_markdown(finished: Callable[..., Any]) -> None:
    rows = (
        funnel.FunnelRow("step", "crawl", "videos", "listed", 1200, 3),
        funnel.FunnelRow("loss", "crawl", "videos", "a | <b>", 2, 0),
    )
    assert funnel.markdown(rows).splitlines()[2:] == [
        "| **videos listed** | 1,200 | 3 | 1,203 |",
        "| … a \\| &lt;b> | −2 | 0 | −2 |",
    ]
