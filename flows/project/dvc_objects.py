"""Removal of objects from DVC's cache and remotes: those that hold removed data, in every recorded version.

Objects are named by the hash of their content and do not tell what they are. An object is removed if a version of
dvc.lock, on disk or in any commit, names it as the output of an affected stage; if its content names or holds removed
data; or if it belongs to a folder (`.dir`) with such a file that is a model or a feature set. Objects that stages
without this data use are kept. Remotes on this machine are searched by content, too; of others, only names of objects
and lists of folders are read.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.project import dvc_repo
from tasks.on_demand.forgetting.traces import Traces

StageRecords = Mapping[str, Any]
"""The stages of one version of dvc.lock, by name."""
_DIR = ".dir"
_DERIVED = {"training_media.json", "values.safetensors"}
"""Files that a folder has if it is a kept model or a feature set: all of it is derived from the named data."""


@dataclass(frozen=True)
class ObjectStore:
    """DVC's cache, or a remote.

    Args:
        name: `cache`, or the remote's name
        place: its path or address
        databases: DVC's object databases in it: of DVC 3, and of older versions
        is_local: whether it lies on this machine, so that its content can be searched
    """

    name: str
    place: str
    databases: tuple[Any, ...]
    is_local: bool

    def objects(self) -> Iterator[tuple[Any, str]]:
        """Yield database and id of every object."""
        for database in self.databases:
            with suppress(FileNotFoundError):
                for oid in database.all():
                    yield database, oid


@dataclass
class DoomedObjects:
    """Objects to remove of each store, by name."""

    by_store: dict[str, list[tuple[Any, str]]] = field(default_factory=dict)

    def remove(self) -> int:
        """Remove them; return how many were there."""
        n_removed = 0
        for objects in self.by_store.values():
            for database, oid in objects:
                with suppress(FileNotFoundError):
                    database.delete(oid)
                    n_removed += 1
        return n_removed


def stores(root: Path) -> tuple[list[ObjectStore], list[str]]:
    """Return DVC's cache and all remotes, and a line about each remote that cannot be used.

    Args:
        root: the project folder
    """
    from dvc.exceptions import DvcException

    repo = dvc_repo.opened(root)
    cache = repo.cache
    usable = [ObjectStore("cache", cache.local.path, tuple(filter(None, (cache.local, cache.legacy))), True)]
    problems = list[str]()
    for name, entry in repo.config.get("remote", {}).items():
        place = str(entry.get("url", ""))
        try:
            remote = repo.cloud.get_remote(name)
            if remote.worktree or remote.fs.version_aware:
                problems.append(f"{name} ({place}): files lie there under their own names; remove them by hand")
                continue
            is_local = remote.odb.fs.protocol == "local"
            databases = tuple(filter(None, (remote.odb, remote.legacy_odb)))
            store = ObjectStore(name, str(remote.odb.path), databases, is_local)
            next(store.objects(), None)
            usable.append(store)
        except (DvcException, OSError, ImportError, ValueError) as error:
            problems.append(
                f"{name} ({place}): cannot be reached ({type(error).__name__}: {' '.join(str(error).split())[:150]})"
            )
    return usable, problems


def doomed(
    usable: Sequence[ObjectStore],
    versions: Sequence[StageRecords],
    is_affected: Callable[[StageRecords], Collection[str]],
    rewritten: Collection[str],
    traces: Traces,
) -> DoomedObjects:
    """Return the objects to remove.

    Args:
        usable: from `stores`
        versions: stages of every version of dvc.lock
        is_affected: returns the names of affected stages of one version
        rewritten: affected stages of whose outputs only the files with this data are removed
        traces: of the removed data
    """
    named, kept = set[str](), set[str]()
    for version in versions:
        affected = set(is_affected(version)) - set(rewritten)
        for name, entry in version.items():
            hashes = {out["md5"] for out in entry.get("outs", ()) if isinstance(out, dict) and out.get("md5")}
            if name in affected:
                named |= hashes
            elif name not in rewritten:
                kept |= hashes
    folders = dict(_folders(usable))
    kept |= {child for oid in kept for child, _ in folders.get(oid, ())}
    remove = named | {child for oid in named for child, _ in folders.get(oid, ())}
    # the same object in two stores has the same content
    searched = {oid: (database, oid) for store in usable if store.is_local for database, oid in store.objects()}
    matched = {
        oid
        for oid, place in searched.items()
        if not oid.endswith(_DIR) and oid not in remove - kept and traces.in_bytes(_content(*place))
    }
    for oid, children in folders.items():
        inside = [child for child, path in children if child in matched or traces.in_name(Path(path))]
        if inside:
            matched |= {oid, *inside}
            if _DERIVED & {Path(path).name for _, path in children} and oid not in kept:
                remove |= {child for child, _ in children}
    wanted = (remove - kept) | matched
    return DoomedObjects(
        {store.name: [(database, oid) for database, oid in store.objects() if oid in wanted] for store in usable}
    )


def downstream(version: StageRecords, start: Callable[[str], bool]) -> set[str]:
    """Return the stages of a version of dvc.lock that read, directly or not, an output of some stages; with those.

    Args:
        version: its stages
        start: whether a stage of this name is one of them
    """
    affected = {name for name in version if start(name)}
    while True:
        written = [out["path"] for name in affected for out in version[name].get("outs", ())]
        more = {
            name
            for name, entry in version.items()
            if name not in affected
            and any(_overlap(dep.get("path", ""), path) for dep in entry.get("deps", ()) for path in written)
        }
        if not more:
            return affected
        affected |= more


def clear_indexes(root: Path) -> None:
    """Remove DVC's indexes of this project outside its folder: they list file names. DVC makes them again.

    Args:
        root: the project folder
    """
    repo = dvc_repo.opened(root)
    folder = Path(repo.site_cache_dir)
    repo.close()
    shutil.rmtree(folder, ignore_errors=True)


def drop_records(root: Path, stages: Collection[str]) -> None:
    """Remove stages from the project's dvc.lock files: what they record is gone.

    Args:
        root: the project folder
        stages: as DVC names them
    """
    from dvc.repo import lock_repo as locked
    from dvc.utils.serialize import modify_yaml

    from flows.project import atomic_records

    repo = dvc_repo.opened(root, fs=atomic_records.file_system())
    with locked(repo):
        for path in atomic_records.lock_files(root):
            folder = path.parent.relative_to(root).as_posix()
            prefix = "" if folder == "." else f"{folder}/dvc.yaml:"
            with modify_yaml(str(path), fs=repo.fs) as data:
                for name in [name for name in data.get("stages", {}) if f"{prefix}{name}" in stages]:
                    del data["stages"][name]


def _folders(usable: Sequence[ObjectStore]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the id of every folder, with the id and the path of each of its files."""
    for store in usable:
        for database, oid in store.objects():
            if oid.endswith(_DIR):
                with suppress(ValueError, KeyError, TypeError, OSError):
                    yield oid, [(entry["md5"], entry["relpath"]) for entry in json.loads(_content(database, oid))]


def _content(database: Any, oid: str) -> bytes:
    with database.fs.open(database.oid_to_path(oid), "rb") as file:
        return bytes(file.read())


def _overlap(dep: str, out: str) -> bool:
    first, second = Path(dep), Path(out)
    return first == second or first.is_relative_to(second) or second.is_relative_to(first)
