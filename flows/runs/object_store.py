"""The store through which a run and its Dask workers exchange files: a folder or an S3 bucket, by fsspec.

Objects are immutable, and their readers verify size and SHA-256: whoever can write to the store can stop a run, but not
change a result.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tasks.core import distribution, os_errors
from tasks.core.errors import ConfigError, UndertoneError

_URL = re.compile(r"(file)://(/.+)|(s3)://([a-z0-9][a-z0-9.-]+(?:/[^:]*)?)")
_BLOCK = 16 << 20


class ObjectStore:
    """A store at a URL.

    Args:
        url: `file:///folder`, or `s3://bucket/prefix`; endpoint, keys and region of S3 come from the environment
            (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` …) and from `~/.aws`

    Raises:
        ConfigError: if the URL is of another kind, or s3fs is missing
    """

    def __init__(self, url: str) -> None:
        if not _URL.fullmatch(url) or ".." in url.split("/"):
            raise ConfigError(
                f"runtime.store: {url!r} is not a store; expected file:///FOLDER (on all machines at the same path) or "
                "s3://BUCKET/PREFIX"
            )
        import fsspec

        self.url = url
        try:
            # objects appear and disappear by the work of other machines
            self._files: Any = fsspec.filesystem(url.partition("://")[0], use_listings_cache=False)
        except ImportError:
            raise ConfigError(f"runtime.store: {url} needs s3fs: {distribution.how_to_install('remotes')}") from None
        self._root = str(self._files._strip_protocol(url)).rstrip("/")
        self._is_folder = url.startswith("file:")

    def names(self, folder: str) -> set[str]:
        """Return the names of the objects in a folder, without the folder's.

        Args:
            folder: such as `files`
        """
        with self._explained("list"):
            return set(self._sizes(folder))

    def put(self, path: Path, name: str) -> None:
        """Store a file; it appears as a whole.

        Args:
            path: the file
            name: of the object
        """
        with self._explained(f"write {name}"):
            if not self._is_folder:
                self._files.put_file(str(path), self._place(name))
                return
            place = Path(self._place(name))
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
            try:
                _link_or_copy(path, part)
                part.replace(place)
            finally:
                part.unlink(missing_ok=True)

    def get(self, name: str, path: Path, n_bytes: int, sha256: str) -> None:
        """Copy an object to a file, which is removed if that fails.

        Args:
            name: of the object
            path: the file
            n_bytes: its size; no more is read
            sha256: its digest

        Raises:
            UndertoneError: if the object is missing or has other bytes
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        try:
            with path.open("wb") as sink:
                for block in self.blocks(name, n_bytes):
                    digest.update(block)
                    sink.write(block)
            if digest.hexdigest() != sha256:
                raise UndertoneError(
                    f"the store {self.url} has other bytes under {name}: expected {n_bytes} bytes of SHA-256 {sha256}, "
                    f"found {digest.hexdigest()}. Delete that object and run again; if it recurs, someone changes it"
                )
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def remove(self, name: str) -> None:
        """Remove an object; it may be gone already."""
        with self._explained(f"remove {name}"), suppress(FileNotFoundError):
            self._files.rm_file(self._place(name))

    def remove_old(self, folder: str, age_s: float) -> None:
        """Remove the objects of a folder that are older than an age in seconds: leftovers of killed runs.

        Args:
            folder: such as `results`
            age_s: in seconds
        """
        with self._explained("list"):
            old = [name for name, changed_s in self._times(folder) if time.time() - changed_s > age_s]
        for name in old:
            self.remove(f"{folder}/{name}")

    def blocks(self, name: str, n_bytes: int) -> Iterator[bytes]:
        """Yield the bytes of an object, 16 MB at a time.

        Args:
            name: of the object
            n_bytes: its size; no more is read
        """
        for start in range(0, n_bytes, _BLOCK):
            with self._explained(f"read {name}"):
                yield self._files.cat_file(self._place(name), start=start, end=min(start + _BLOCK, n_bytes))

    def _place(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _sizes(self, folder: str) -> dict[str, dict[str, Any]]:
        place = self._place(folder)
        listed: dict[str, dict[str, Any]] = self._files.find(place, detail=True)
        return {name.removeprefix(f"{place}/"): entry for name, entry in listed.items() if "/." not in name}

    def _times(self, folder: str) -> Iterator[tuple[str, float]]:
        for name, entry in self._sizes(folder).items():
            changed = entry.get("mtime") or entry.get("LastModified") or time.time()
            yield name, changed if isinstance(changed, int | float) else changed.timestamp()

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn an error of the store into one that names it and what was tried."""
        try:
            yield
        except UndertoneError:
            raise
        except FileNotFoundError as error:
            raise UndertoneError(
                f"the store {self.url}: cannot {what}: there is no such object or bucket ({error}). Create the bucket; "
                "if someone emptied the store during the run, run again"
            ) from None
        except Exception as error:
            if os_errors.is_of_the_machine(error):
                raise
            raise UndertoneError(
                f"the store {self.url} on {os.uname().nodename}: cannot {what}: {type(error).__name__}: {error}. Check "
                "runtime.store in params.yaml, and for S3 endpoint and keys in the environment of this machine"
            ) from None


def _link_or_copy(path: Path, target: Path) -> None:
    """Link a file if possible, so that a store on the same disk takes no space; stages never write in place."""
    try:
        os.link(path, target)
    except OSError:
        import shutil

        shutil.copyfile(path, target)
