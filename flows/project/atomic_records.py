"""Atomic replacement of DVC's records, and repair of truncated ones.

DVC writes dvc.lock, and its list of readers and writers (`rwlock`), in place; a process killed meanwhile leaves a
truncated file. Through `file_system` the files are replaced atomically. `repair` moves truncated ones, which a killed
`dvc repro` may leave, out of the way: all stages are checked again then, and finished items are cached.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from tasks.core import paths, tables

LOCK_FILE = "dvc.lock"
_STAGES = "stages"
_EMPTY = "schema: '2.0'\nstages:\n"
_RECORD = re.compile(r"^  (?! )", re.MULTILINE)
_RWLOCK = "rwlock"
_ATOMIC = (LOCK_FILE, _RWLOCK)


def file_system() -> Any:
    """Return a file system for DVC that replaces DVC's records atomically."""
    return _type()()


def lock_files(root: Path) -> tuple[Path, ...]:
    """Return the dvc.lock files of a project: its own, and those of DVC files one folder below.

    Args:
        root: the project folder
    """
    below = sorted(path for path in root.glob(f"*/{LOCK_FILE}") if not (path.parent / ".dvc").exists())
    return tuple(path for path in (root / LOCK_FILE, *below) if path.is_file())


def repair(repo: Any, say: Callable[[str], None]) -> None:
    """Move truncated records out of the way, and remove temporary files of killed processes.

    Args:
        repo: the project as a DVC repo
        say: receives a message for each dvc.lock that was moved
    """
    from dvc.lock import make_lock

    root, tmp = Path(repo.root_dir), Path(repo.tmp_dir)
    with make_lock(str(tmp / f"{_RWLOCK}.lock"), tmp_dir=str(tmp)):
        for part in tmp.glob(f".{_RWLOCK}.*.part"):
            part.unlink()
        _repair_rwlock(tmp / _RWLOCK)
    with repo.lock:
        for part in [*root.glob(f".{LOCK_FILE}.*.part"), *root.glob(f"*/.{LOCK_FILE}.*.part")]:
            part.unlink()
        for path in lock_files(root):
            if not _is_whole(path):
                name = path.relative_to(root)
                (root / paths.STATE).mkdir(exist_ok=True)
                aside = path.rename(root / paths.STATE / f"damaged-{'-'.join(name.parts)}")
                say(
                    f"{name} is truncated (DVC was killed while writing it) or has merge marks. It was moved to "
                    f"{aside}, and all its stages are checked again"
                )


def update(path: Path, records: Mapping[str, Any], stages: Sequence[str | None]) -> None:
    """Write records of stages to a dvc.lock, and sort it into the order in which DVC itself runs the stages.

    Stages outside that order come last, as they are. The text of other records stays as it is: DVC parses and writes
    all of them, at half a second.

    Args:
        path: the dvc.lock
        records: stage → its record, as DVC makes it
        stages: the stages of the file in DVC's order
    """
    from dvc.utils.serialize import dumps_yaml

    text = path.read_text(encoding="utf-8") if path.is_file() else _EMPTY
    head, texts = _split(text)
    for name, record in records.items():
        texts[name] = _split(dumps_yaml({_STAGES: {name: record}}))[1][name]
    rank = {stage: number for number, stage in enumerate(stages)}
    ordered = sorted(texts, key=lambda stage: rank.get(stage, len(rank)))
    if (updated := head + "".join(texts[stage] for stage in ordered)) != text and texts:
        tables.write_text(path, updated)


def _split(text: str) -> tuple[str, dict[str, str]]:
    """Return the text of a dvc.lock before its first record, and the text of each record by stage.

    DVC writes block mappings, indented by two spaces: a line with exactly two begins a record.
    """
    head, mark, body = text.partition(f"{_STAGES}:\n")
    if not mark:
        # without any record it ends with `stages: {}`
        return re.sub(rf"^{_STAGES}:.*\n", "", text, flags=re.MULTILINE) + f"{_STAGES}:\n", {}
    starts = [match.start() for match in _RECORD.finditer(body)]
    blocks = [body[start:end] for start, end in pairwise([*starts, len(body)])]
    return head + mark + body[: starts[0] if starts else len(body)], {_name(block): block for block in blocks}


def _name(block: str) -> str:
    from dvc.utils.serialize import loads_yaml

    first = block.splitlines()[0].strip()
    # names that YAML takes for something else are quoted
    return str(next(iter(loads_yaml(first)))) if first[0] in "'\"?" else first.removesuffix(":")


@cache
def _type() -> type[Any]:
    from dvc.fs import LocalFileSystem

    class AtomicFiles(LocalFileSystem):  # type: ignore[misc]
        def open(self, path: str, mode: str = "r", **options: Any) -> Any:
            if mode in ("w", "w+") and Path(path).name in _ATOMIC:
                return _replacing(Path(path), mode, options.get("encoding"))
            return super().open(path, mode, **options)

    return AtomicFiles


@contextmanager
def _replacing(path: Path, mode: str, encoding: str | None) -> Iterator[IO[str]]:
    with tables.whole(path) as part, part.open(mode, encoding=encoding) as file:
        yield file


def _repair_rwlock(path: Path) -> None:
    """Remove processes that no longer run from DVC's list of readers and writers."""
    from dvc.rwlock import SCHEMA
    from voluptuous import Invalid

    try:
        holders = SCHEMA(json.loads(path.read_text(encoding="utf-8")))
        written = path.stat().st_mtime
    except FileNotFoundError:
        return
    except (ValueError, Invalid):
        # a truncated list; processes that still run hold undertone's own locks as well
        path.unlink()
        return
    kept = {
        "read": {
            name: alive
            for name, readers in holders["read"].items()
            if (alive := [reader for reader in readers if not _is_ghost(reader["pid"], written)])
        },
        "write": {name: writer for name, writer in holders["write"].items() if not _is_ghost(writer["pid"], written)},
    }
    if kept != holders:
        tables.write_text(path, json.dumps(kept))


def _is_ghost(pid: int, written: float) -> bool:
    """Return whether a process cannot be the recorded one: it is gone, or started after the record was written.

    In a container that was restarted, the same few process ids are assigned again.
    """
    import psutil

    try:
        return bool(psutil.Process(pid).create_time() > written)
    except psutil.NoSuchProcess:
        return True


def _is_whole(path: Path) -> bool:
    """Return whether dvc.lock is complete.

    A truncated file may be valid YAML and no record, or a record whose last word or last entry is cut off.
    """
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import parse_yaml
    from voluptuous import Invalid

    try:
        text = path.read_text(encoding="utf-8")
        record = COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, str(path)))
    except FileNotFoundError:
        return True
    except (DvcException, Invalid, ValueError, RecursionError):
        return False
    entries = [
        entry
        for stage in record.get("stages", {}).values()
        for side in ("deps", "outs")
        for entry in stage.get(side, [])
    ]
    return text.endswith("\n") and all(
        "size" in entry and ("nfiles" in entry or not entry.get("md5", "").endswith(".dir")) for entry in entries
    )
