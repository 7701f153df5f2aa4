"""Preparing a folder for the demo: an empty one becomes a project, empty lists become the sample's, others are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.cli import demo
from tasks.core import config, paths
from tasks.core.errors import InputError


def test_an_empty_folder_becomes_a_project_with_the_samples_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert demo.prepare_folder() == f"{tmp_path} is a project now"
    assert demo.prepare_folder() is None
    settings = config.load(paths.PARAMS)
    assert not demo.lists_are_the_samples(settings)
    assert "list the sample's interviews now" in (demo.prepare_lists(settings) or "")
    assert demo.lists_are_the_samples(settings)
    assert demo.prepare_lists(settings) is None


def test_other_interviews_and_other_files_are_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.load(paths.PARAMS)
    train = Path(settings.crawl.train)
    train.parent.mkdir()
    train.write_text("Id,URL\n1,https://example.org/1\n", encoding="utf-8")
    with pytest.raises(InputError, match="list other interviews than the sample's"):
        demo.prepare_lists(settings)
    assert "example.org" in train.read_text(encoding="utf-8")
    monkeypatch.chdir(train.parent)
    with pytest.raises(InputError, match="is neither a project nor empty"):
        demo.prepare_folder()
    assert [path.name for path in Path().iterdir()] == ["train.csv"]
