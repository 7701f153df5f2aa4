"""Tests of `tasks.core.pipeline_file`: the order of stages, rejected tables, and the wired utterance table."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tasks.core import paths, pipeline_file
from tasks.core.code_version import ROOT
from tasks.core.errors import ConfigError

SHIPPED_TEXT = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
INSERTED = """
  pace:
    cmd: python -m undertone pace
    deps:
      - data/captions/utterances.parquet
    outs:
      - data/pace/utterances.parquet
      - data/pace/rejected.parquet
"""


def insert_pace() -> None:
    """Write dvc.yaml with a stage between `captions` and `polarity`, which stands at its end."""
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    text = text.replace("- data/captions/utterances.parquet", "- data/pace/utterances.parquet")
    text = text.replace("      - data/pace/utterances.parquet", "      - data/captions/utterances.parquet", 1)
    Path("dvc.yaml").write_text(text + INSERTED, encoding="utf-8")


def test_shipped_stages_in_their_order(project: Path) -> None:
    assert list(pipeline_file.upstream("report")) == [
        "crawl", "transcribe", "captions", "speakers", "polarity", "segments", "interviews", "labels",
        "corpus@interviews", "extract@interviews-mid-term", "inputs@interviews-source", "experiment@interviews-source",
    ]  # fmt: skip
    assert list(pipeline_file.rejected_tables()) == [
        "crawl", "transcribe", "captions", "speakers", "polarity", "segments", "corpus@interviews",
        "extract@interviews-mid-term",
    ]  # fmt: skip
    assert pipeline_file.rejected_tables()["crawl"] == paths.rejected("crawl")
    assert pipeline_file.utterance_tables() == {"captions": paths.UTTERANCES}
    assert pipeline_file.utterance_table() == paths.UTTERANCES


def test_an_inserted_stage_comes_between_captions_and_polarity(project: Path) -> None:
    insert_pace()
    wired = Path("data/pace/utterances.parquet")
    assert list(pipeline_file.rejected_tables())[:6] == [
        "crawl",
        "transcribe",
        "captions",
        "pace",
        "speakers",
        "polarity",
    ]
    assert pipeline_file.utterance_tables() == {"captions": paths.UTTERANCES, "pace": wired}
    assert pipeline_file.utterance_table() == wired


def test_a_stage_of_the_users_own_file_counts(project: Path) -> None:
    insert_pace()
    text = Path("dvc.yaml").read_text(encoding="utf-8").replace(INSERTED, "")
    Path("dvc.yaml").write_text(text, encoding="utf-8")
    Path("own").mkdir()
    Path("own/dvc.yaml").write_text("stages:" + INSERTED.replace("cmd:", "wdir: ..\n    cmd:"), encoding="utf-8")
    assert pipeline_file.rejected_tables()["own/dvc.yaml:pace"] == Path("data/pace/rejected.parquet")
    assert list(pipeline_file.utterance_tables()) == ["captions", "own/dvc.yaml:pace"]


def test_a_changed_file_is_read_again(project: Path) -> None:
    assert "pace" not in pipeline_file.stages()
    insert_pace()
    assert "pace" in pipeline_file.stages()
    Path("dvc.yaml").unlink()
    assert "pace" not in pipeline_file.stages()


def test_instances_of_a_stage_are_those_of_params(project: Path) -> None:
    Path("params.yaml").write_text(
        "corpora: {talks: {path: given/talks}}\nfeatures: {voice: {corpus: talks}, faces: {corpus: others}}\n"
        "experiments: {svm: {corpus: talks}}\n"
    )
    Path("dvc.yaml").write_text(SHIPPED_TEXT.replace("${report.experiment}", "${report.it}"))
    assert "experiment@svm" not in pipeline_file.upstream("report")
    with Path("params.yaml").open("a") as file:
        file.write("report: {it: svm}\n")
    upstream = pipeline_file.upstream("report")
    order = ["corpus@talks", "extract@voice", "inputs@svm", "experiment@svm"]
    assert [name for name in upstream if "@" in name] == order
    tables = pipeline_file.rejected_tables()
    assert tables["corpus@talks"] == Path("data/corpus/talks/rejected.parquet")
    assert tables["extract@voice"] == Path("data/extract/talks/voice/rejected.parquet")
    assert pipeline_file.is_output(tables["corpus@talks"], "corpus@talks")
    assert not pipeline_file.is_output(tables["corpus@talks"], "corpus@others")


def test_thousands_of_instances_are_ordered_quickly(project: Path) -> None:
    names = ", ".join(f"e{number}: {{corpus: c}}" for number in range(400))
    Path("params.yaml").write_text(f"corpora: {{c: {{path: x}}}}\nexperiments: {{{names}}}\n")
    begin = time.perf_counter()
    assert len(pipeline_file.stages()) > 3 * 400
    assert time.perf_counter() - begin < 10


def test_invalid_yaml_names_the_file(project: Path) -> None:
    Path("dvc.yaml").write_text("stages: [", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"dvc\.yaml:1: not valid YAML"):
        pipeline_file.stages()
