"""Small encoders with random weights are made on this machine, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import paths
from tasks.core.errors import InputError
from tasks.features.base import checkpoints

pytest.importorskip("torch", reason="the extra deep is not installed")
pytest.importorskip("transformers", reason="the extra deep is not installed")


def test_a_name_stands_for_a_folder_in_the_project(project: Path) -> None:
    folders = [checkpoints.folder_of(name) for name in checkpoints.TINY[:-1]]
    assert all(Path(folder).parent == paths.CHECKPOINTS.resolve() for folder in folders)
    assert [checkpoints.folder_of(name) for name in checkpoints.TINY[:-1]] == folders
    assert len({checkpoints.fingerprint(name) for name in checkpoints.TINY[:-1]}) == len(folders)
    assert not list(paths.CHECKPOINTS.glob(".*")), "no unfinished folder is left"


@pytest.mark.parametrize(
    ("kind", "name"), [("text", "tiny:text"), ("text", "tiny:roberta"), ("ast", "tiny:ast"), ("speech", "tiny:speech"),
                       ("image", "tiny:image"), ("network", "tiny:network")],
)  # fmt: skip
def test_it_has_all_that_its_kind_needs(project: Path, kind: checkpoints.CheckpointKind, name: str) -> None:
    checkpoints.demand(name, kind)
    if kind != "network":
        checkpoints.demand(checkpoints.folder_of(name), kind)


def test_initial_weights_of_a_network_have_no_folder(project: Path) -> None:
    assert len(checkpoints.fingerprint("tiny:network")) == 64
    with pytest.raises(InputError, match="tiny:network is for image networks; encoders are tiny:text"):
        checkpoints.demand("tiny:network", "text")
    with pytest.raises(InputError, match="lacks a tokenizer"):
        checkpoints.demand("tiny:speech", "text")


def test_a_file_of_the_same_seed_is_the_same_elsewhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = checkpoints.fingerprint("tiny:text")
    monkeypatch.chdir(tmp_path)
    assert checkpoints.fingerprint("tiny:text") == before
    assert (tmp_path / paths.CHECKPOINTS).is_dir()
