"""Tests of `tasks.core.pipeline_file`: the order of stages, rejected tables, and the wired utterance table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import paths, pipeline_file
from tasks.core.code_version import ROOT
from tasks.core.errors import ConfigError

INSERTED = """
  pace:
    cmd: python -m tasks pace
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
        "crawl", "captions", "polarity", "segments", "acoustic", "audit", "train", "evaluate", "labels"
    ]  # fmt: skip
    assert list(pipeline_file.rejected_tables()) == ["crawl", "captions", "polarity", "segments", "acoustic"]
    assert pipeline_file.rejected_tables()["crawl"] == paths.rejected("crawl")
    assert pipeline_file.utterance_tables() == {"captions": paths.UTTERANCES}
    assert pipeline_file.utterance_table() == paths.UTTERANCES


def test_an_inserted_stage_comes_between_captions_and_polarity(project: Path) -> None:
    insert_pace()
    wired = Path("data/pace/utterances.parquet")
    assert list(pipeline_file.rejected_tables())[:4] == ["crawl", "captions", "pace", "polarity"]
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


def test_invalid_yaml_names_the_file(project: Path) -> None:
    Path("dvc.yaml").write_text("stages: [", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"dvc\.yaml:1: not valid YAML"):
        pipeline_file.stages()
