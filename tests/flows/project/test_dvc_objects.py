"""Objects that hold removed data are found in DVC's cache and remotes; those of other stages are kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from flows.project import dvc_objects
from tasks.on_demand.forgetting.traces import Traces

TRACES = Traces(phrases=frozenset({"train-7"}))


class FolderDatabase:
    """An object database of DVC's, as far as it is used."""

    def __init__(self, folder: Path) -> None:
        from dvc.fs import LocalFileSystem

        self.fs, self.folder = LocalFileSystem(), folder
        folder.mkdir()

    def all(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]

    def oid_to_path(self, oid: str) -> str:
        return str(self.folder / oid)

    def delete(self, oid: str) -> None:
        (self.folder / oid).unlink()

    def add(self, content: str) -> str:
        oid = hashlib.md5(content.encode()).hexdigest()
        (self.folder / oid).write_text(content)
        return oid

    def add_folder(self, **files: str) -> str:
        entries = [{"md5": md5, "relpath": name.replace("__", ".")} for name, md5 in files.items()]
        oid = f"{hashlib.md5(json.dumps(entries).encode()).hexdigest()}.dir"
        (self.folder / oid).write_text(json.dumps(entries))
        return oid


@pytest.fixture
def database(tmp_path: Path) -> FolderDatabase:
    return FolderDatabase(tmp_path / "objects")


def stage(deps: list[str], **outs: str) -> dict[str, Any]:
    return {
        "deps": [{"path": path} for path in deps],
        "outs": [{"path": f"data/{name}", "md5": md5} for name, md5 in outs.items()],
    }


def removed(database: FolderDatabase, *versions: dict[str, Any]) -> set[str]:
    store = dvc_objects.ObjectStore("cache", "x", (database,), True)
    doomed = dvc_objects.doomed(
        [store],
        versions,
        lambda version: dvc_objects.downstream(version, lambda name: name == "crawl"),
        ["crawl"],
        TRACES,
    )
    return {oid for _, oid in doomed.by_store["cache"]}


def test_versions_of_affected_stages_are_removed_and_others_kept(database: FolderDatabase) -> None:
    old, new, other, page = (database.add(text) for text in ("old numbers", "new numbers", "ravdess", "same page"))
    media = database.add_folder(**{"train-7__flac": database.add("sound 7"), "train-8__flac": database.add("sound 8")})
    first = {"crawl": stage([], crawl=media), "captions": stage(["data/crawl"], captions=old)}
    second = {
        "crawl": stage([], crawl=media),
        "captions": stage(["data/crawl"], captions=new, page=page),
        "corpus@ravdess": stage(["/media/ravdess"], ravdess=other, page2=page),
    }
    gone = removed(database, first, second)
    assert {old, new, media} <= gone
    assert not gone & {other, page}, "an unaffected stage has the same bytes"
    assert database.add("sound 7") in gone
    assert database.add("sound 8") not in gone


def test_objects_that_nothing_names_are_found_by_content(database: FolderDatabase) -> None:
    named, plain = database.add("a table with train-7 in it"), database.add("about train-70")
    svm = database.add("numbers only")
    model = database.add_folder(training_media__json=database.add('["train-7"]'), svm__npz=svm)
    gone = removed(database)
    assert {named, model, svm} <= gone, "of a model, also the files without names"
    assert plain not in gone


def test_removes_from_all_databases(database: FolderDatabase) -> None:
    oid = database.add("train-7")
    doomed = dvc_objects.DoomedObjects({"cache": [(database, oid), (database, "missing")]})
    assert doomed.remove() == 1
    assert database.all() == []


def test_downstream_follows_folders() -> None:
    version = {
        "crawl": stage([], crawl="1"),
        "a": stage(["data/crawl/media"], a="2"),
        "b": stage(["data/a"], b="3"),
        "c": stage(["data/other"], c="4"),
    }
    assert dvc_objects.downstream(version, lambda name: name == "crawl") == {"crawl", "a", "b"}
