"""Errors of the operating system: one line each with the path and what to do; which of them end a run."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.__main__ import explain
from tasks.core import os_errors, paths, tables
from tasks.core.errors import InputError


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_of_a_file_has_one_line_with_its_name(number: int) -> None:
    line = explain(OSError(number, os.strerror(number), "data/x\n.csv"))
    assert line is not None
    assert "data/x?.csv" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, "the disk is full; free some space and run again"),
        (errno.EDQUOT, "the disk quota is used up; free"),
        (errno.EMFILE, "too many open files; raise the limit (ulimit -n)"),
        (errno.EROFS, "a file: the file system is read-only"),
    ],
)
def test_errors_of_the_machine_have_a_line_without_a_name(number: int, expected: str) -> None:
    line = explain(OSError(number, os.strerror(number)))
    assert line is not None
    assert line.startswith(expected)


def test_an_error_without_a_file_is_a_bug_unless_it_is_the_machines() -> None:
    assert explain(OSError("something else")) is None
    assert explain(OSError(errno.ECONNREFUSED, "Connection refused")) is None
    assert explain(ValueError("x")) is None


def test_causes_are_searched_for_errors_of_the_machine() -> None:
    wrapped = RuntimeError("could not write")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device", "x.bin")
    assert explain(wrapped) == "the disk is full (x.bin); free some space and run again: finished items are kept"
    wrapped.__cause__ = wrapped
    assert explain(wrapped) is None
    unrelated = RuntimeError("could not write")
    unrelated.__cause__ = FileNotFoundError(errno.ENOENT, "No such file", "x.bin")
    assert explain(unrelated) is None


def test_memory_and_databases_have_a_line(tmp_path: Path) -> None:
    assert str(explain(MemoryError())).startswith("there is not enough memory")
    (tmp_path / "votes.sqlite").write_bytes(b"no database at all" * 100)
    for path, expected in ((tmp_path / "votes.sqlite", "this file is no database"), (tmp_path, "give this user")):
        with pytest.raises(sqlite3.Error) as caught, sqlite3.connect(path) as database:
            database.execute("select * from votes")
        assert expected in str(explain(caught.value))


def write(path: Path) -> None:
    tables.write_text(path, "x" * 100_000)


def make_unwritable(path: Path) -> None:
    path.parent.mkdir()
    path.mkdir()
    (path / "x").touch()


def make_file_for_folder(path: Path) -> None:
    path.parent.touch()


def make_circle(path: Path) -> None:
    path.parent.symlink_to(path.parent)


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param(make_unwritable, "a folder is where a file is expected", id="a folder of its name"),
        pytest.param(make_file_for_folder, "something else has this name", id="a file for its folder"),
        pytest.param(make_circle, "something else has this name", id="a circle of links"),
    ],
)
def test_a_place_that_is_taken_is_named(tmp_path: Path, prepare: Callable[[Path], None], expected: str) -> None:
    target = tmp_path / "folder" / "file.json"
    prepare(target)
    with pytest.raises(OSError, match=r".") as caught:
        write(target)
    line = explain(caught.value)
    assert line is not None
    assert expected in line
    assert str(target.parent) in line


def test_a_long_name_and_open_files_are_explained(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        write(tmp_path / ("x" * 300))
    assert "the name is too long for this file system" in str(explain(caught.value))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match=r".") as caught:
            write(tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert str(explain(caught.value)).startswith("too many open files")


def test_only_outputs_and_the_machine_end_a_run(project: Path) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied", str(paths.MEMO / "x.arrow"))
    assert os_errors.is_of_the_machine(denied)
    assert os_errors.is_of_the_machine(PermissionError(errno.EACCES, "", str(paths.MEMO.absolute() / "x.arrow")))
    for name in ("/corpora/x.wav", "database/x.wav", None):
        error = PermissionError(errno.EACCES, "Permission denied", name)
        assert not os_errors.is_of_the_machine(error)
        assert os_errors.is_unreadable(error) == (name is not None)
    assert not os_errors.is_of_the_machine(OSError(errno.ENAMETOOLONG, "", str(paths.MEMO / "x")))


def test_the_item_of_a_mistake_is_named_once() -> None:
    error = InputError("there is no such voter")
    assert explain(error) == "there is no such voter"
    error.item = "train-1"
    assert explain(error) == "train-1: there is no such voter"
    named = InputError("train-1: there is no such voter")
    named.item = "train-1"
    assert explain(named) == "train-1: there is no such voter"
