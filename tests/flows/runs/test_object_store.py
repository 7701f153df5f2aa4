"""The store: objects come back as they were put, or not at all; only folders and S3 buckets are stores."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from flows.runs import object_store
from flows.runs.object_store import ObjectStore
from tasks.core.errors import ConfigError, UndertoneError


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore((tmp_path / "store").as_uri())


@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "https://example.org", "simplecache::s3://bucket/x", "/a/folder", "file://folder", "",
     "s3://", "s3://bucket/../other", "file:///a/../b", "memory://x", "github://a:b@main/"],
)  # fmt: skip
def test_only_folders_and_buckets_are_stores(url: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a store; expected file:///FOLDER .* or s3://BUCKET/PREFIX"):
        ObjectStore(url)


def test_objects_come_back_as_they_were_put(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_BLOCK", 1000)
    for n_bytes in (0, 999, 1000, 2500):
        content = os.urandom(n_bytes)
        (tmp_path / "put").write_bytes(content)
        store.put(tmp_path / "put", f"files/{n_bytes}")
        (tmp_path / "put").unlink()
        store.get(f"files/{n_bytes}", tmp_path / "got", n_bytes, sha256(content))
        assert (tmp_path / "got").read_bytes() == content
    assert store.names("files") == {"0", "999", "1000", "2500"}
    store.remove("files/0")
    store.remove("files/0")
    assert store.names("files") == {"999", "1000", "2500"}
    assert store.names("none") == set()


@pytest.mark.parametrize("stored", [b"other", b"conte", b"content and more"])
def test_other_bytes_are_refused(store: ObjectStore, tmp_path: Path, stored: bytes) -> None:
    (tmp_path / "put").write_bytes(stored)
    store.put(tmp_path / "put", "files/a")
    if stored.startswith(b"content"):
        # no more than the stated size is read
        store.get("files/a", tmp_path / "got", 7, sha256(b"content"))
        assert (tmp_path / "got").read_bytes() == b"content"
        return
    with pytest.raises(UndertoneError, match=r"other bytes under files/a: expected 7 bytes of SHA-256 .* Delete"):
        store.get("files/a", tmp_path / "got", 7, sha256(b"content"))
    assert not (tmp_path / "got").exists()


def test_missing_objects_are_named(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(UndertoneError, match="cannot read files/a: there is no such object or bucket"):
        store.get("files/a", tmp_path / "got", 7, sha256(b"content"))
    assert not (tmp_path / "got").exists()


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    (tmp_path / "put").write_text("content")
    with pytest.raises(
        UndertoneError, match=r"the store file:///.*/store on .*: cannot write files/a: .*runtime.store"
    ):
        ObjectStore((tmp_path / "store").as_uri()).put(tmp_path / "put", "files/a")


def test_only_old_objects_are_removed(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "put").write_text("content")
    for name in ("results/p/old", "results/p/new"):
        store.put(tmp_path / "put", name)
        # the store holds links of the same file
        (tmp_path / "put").unlink()
        (tmp_path / "put").write_text("content")
    os.utime(tmp_path / "store/results/p/old", (1, 1))
    store.remove_old("results/p", 3600)
    assert store.names("results/p") == {"new"}
