"""Stamps of files and folders notice every change that DVC notices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.core import file_stamps


def test_a_tree_is_all_its_files_and_what_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "one").write_text("1")
    (tmp_path / "two").write_text("22")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "two")
    taken = file_stamps.of_trees(["a", "two", "none"], tmp_path)
    assert set(taken) == {"a/b/one", "a/link", "two", "none"}
    assert taken["none"] is None
    assert taken["a/link"] == taken["two"]
    assert file_stamps.of_trees(["a"], tmp_path, without=["b"]).keys() == {"a/link"}


@pytest.mark.parametrize("change", ["content", "time", "replaced", "removed", "added"])
def test_a_change_changes_the_stamps(tmp_path: Path, change: str) -> None:
    file = tmp_path / "a" / "file"
    file.parent.mkdir()
    file.write_text("text")
    before = file_stamps.of_trees(["a"], tmp_path)
    stats = file.stat()
    if change == "content":
        file.write_text("TEXT")
        # the time of change remains
        os.utime(file, ns=(stats.st_atime_ns, stats.st_mtime_ns))
    elif change == "time":
        os.utime(file)
    elif change == "replaced":
        (tmp_path / "new").write_text("text")
        (tmp_path / "new").replace(file)
    elif change == "removed":
        file.unlink()
    else:
        (tmp_path / "a" / "more").write_text("")
    assert file_stamps.of_trees(["a"], tmp_path) != before


def test_a_folder_that_matches_changes_with_the_names_in_it(tmp_path: Path) -> None:
    (tmp_path / "cache" / "ab").mkdir(parents=True)
    (tmp_path / "cache" / "ab" / "object").write_text("")
    before = file_stamps.of_matches(["cache/*"], tmp_path)
    assert set(before) == {"cache/ab"}
    (tmp_path / "cache" / "ab" / "object").unlink()
    assert file_stamps.of_matches(["cache/*"], tmp_path) != before
