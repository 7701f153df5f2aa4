"""Lineage: a tracked run says what it was trained with, on and from."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.models.feed_forward import FeedForwardSettings
from tasks.models.training import lineage

DESCRIBED = {"shape": {"n_features": 3}, "outputs": ("joy", "sadness"), "inputs": {"voice": 12, "said": [3, 4]}}
LOCK = """\
schema: '2.0'
stages:
  extract@meld-text:
    cmd: python -m undertone extract@meld-text
    deps:
    - path: data/corpus/meld/utterances.parquet
      hash: md5
      md5: 00000000000000000000000000000000
    outs:
    - path: data/extract/meld/meld-text
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
      size: 12
  train:
    cmd: python -m undertone train
    outs:
    - path: data/train/model.onnx
      md5: ffffffffffffffffffffffffffffffff
"""


def told(folder: Path, **settings: Any) -> dict[str, Any]:
    return lineage.hyper_parameters(FeedForwardSettings(**settings), 7, "classes", DESCRIBED, folder)


def commit(folder: Path) -> str:
    git = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_settings_seed_task_outputs_and_inputs_are_told(tmp_path: Path) -> None:
    result = told(tmp_path, epochs=3, hidden=(4, 2))
    assert result["epochs"] == 3
    assert result["hidden"] == "(4, 2)"
    assert result["learning_rate"] == 1e-3
    assert (result["seed"], result["task"], result["outputs"]) == (7, "classes", "joy, sadness")
    assert (result["inputs.voice"], result["inputs.said"]) == ("12", "[3, 4]")
    assert all(isinstance(case, int | float | str) for case in result.values())


def test_outside_git_and_dvc_their_keys_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert not [name for name in told(tmp_path) if name.startswith(("git", "dvc"))]


def test_the_revision_is_the_folders(tmp_path: Path) -> None:
    head = commit(tmp_path)
    assert len(head) == 40
    assert told(tmp_path)["git_revision"] == head
    below = tmp_path / "below"
    below.mkdir()
    assert lineage.revision(below) == head


def test_a_folder_without_a_commit_and_a_machine_without_git_have_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert lineage.revision(tmp_path) is None
    commit(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lineage.revision(tmp_path) is None


def test_hashes_are_those_of_features_and_of_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text(LOCK)
    assert lineage.features(tmp_path) == {"data/extract/meld/meld-text": "0123456789abcdef0123456789abcdef.dir"}
    assert told(tmp_path)["dvc.data/extract/meld/meld-text"] == "0123456789abcdef0123456789abcdef.dir"


@pytest.mark.parametrize("content", ["", "stages: {", "- a list", "schema: '2.0'\n", "stages:\n"])
def test_a_lock_that_cannot_be_read_stops_no_training(tmp_path: Path, content: str) -> None:
    (tmp_path / "dvc.lock").write_text(content)
    assert lineage.features(tmp_path) == {}
