"""DVC's own records, written whole: a run killed while it writes dvc.lock must not leave half of it.

DVC writes dvc.lock, and its list of who reads and writes what, in place. Through `file_system` they are replaced
instead. What a plain `dvc repro`, killed at the wrong moment, leaves in halves is put aside by `mend`: it costs a look
at every stage, and nothing that is remembered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

from tasks.core import paths, tables

LOCK_FILE = "dvc.lock"
_RWLOCK = "rwlock"
_WHOLE = (LOCK_FILE, _RWLOCK)


def file_system() -> Any:
    """Return DVC's view of the local disk, on which its records are replaced and never overwritten."""
    return _type()()


def mend(repo: Any, say: Callable[[str], None]) -> None:
    """Put aside records that a killed process left in halves, and remove its temporary files.

    Args:
        repo: the project, as DVC sees it
        say: told what was mended
    """
    from dvc.lock import make_lock

    root, tmp = Path(repo.root_dir), Path(repo.tmp_dir)
    with make_lock(str(tmp / f"{_RWLOCK}.lock"), tmp_dir=str(tmp)):
        for part in tmp.glob(f".{_RWLOCK}.*.part"):
            part.unlink()
        _mend_rwlock(tmp / _RWLOCK)
    with repo.lock:
        for part in root.glob(f".{LOCK_FILE}.*.part"):
            part.unlink()
        if not _is_whole(root / LOCK_FILE):
            (root / paths.HOUSE).mkdir(exist_ok=True)
            aside = (root / LOCK_FILE).rename(root / paths.HOUSE / f"damaged-{LOCK_FILE}")
            say(
                f"{LOCK_FILE} is no whole record (DVC was killed as it wrote it, or a merge left its marks); it lies "
                f"in {aside} now, and every stage is looked at"
            )


def in_order(repo: Any, stages: Sequence[str]) -> None:
    """Bring dvc.lock into the order in which DVC itself runs the stages; others come last, as they are."""
    from dvc.utils.serialize import modify_yaml, parse_yaml

    path = Path(repo.root_dir) / LOCK_FILE
    place = {stage: number for number, stage in enumerate(stages)}
    found = parse_yaml(path.read_text(encoding="utf-8"), str(path))["stages"]
    wanted = sorted(found, key=lambda stage: place.get(stage, len(place)))
    if wanted != list(found):
        with modify_yaml(str(path), fs=repo.fs) as data:
            data["stages"] = {stage: data["stages"][stage] for stage in wanted}


@cache
def _type() -> type[Any]:
    from dvc.fs import LocalFileSystem

    class WholeFiles(LocalFileSystem):  # type: ignore[misc]
        def open(self, path: str, mode: str = "r", **options: Any) -> Any:
            if mode in ("w", "w+") and Path(path).name in _WHOLE:
                return _replacing(Path(path), mode, options.get("encoding"))
            return super().open(path, mode, **options)

    return WholeFiles


@contextmanager
def _replacing(path: Path, mode: str, encoding: str | None) -> Iterator[IO[str]]:
    with tables.whole(path) as part, part.open(mode, encoding=encoding) as file:
        yield file


def _mend_rwlock(path: Path) -> None:
    """Strike out who can no longer be at work, from DVC's list of who reads and writes what."""
    from dvc.rwlock import SCHEMA
    from voluptuous import Invalid

    try:
        found = SCHEMA(json.loads(path.read_text(encoding="utf-8")))
        written = path.stat().st_mtime
    except FileNotFoundError:
        return
    except (ValueError, Invalid):
        # half a list; whoever still is at work holds undertone's own locks too
        path.unlink()
        return
    kept = {
        "read": {
            name: alive
            for name, infos in found["read"].items()
            if (alive := [one for one in infos if not _is_ghost(one["pid"], written)])
        },
        "write": {name: one for name, one in found["write"].items() if not _is_ghost(one["pid"], written)},
    }
    if kept != found:
        tables.write_text(path, json.dumps(kept))


def _is_ghost(pid: int, written: float) -> bool:
    """Say whether a process cannot be the one that was written down: it is gone, or began later (in a container that
    was started again, the same few numbers are given out again)."""
    import psutil

    try:
        return bool(psutil.Process(pid).create_time() > written)
    except psutil.NoSuchProcess:
        return True


def _is_whole(path: Path) -> bool:
    """Say whether dvc.lock is all that DVC wrote: some halves are good YAML and no record, some a record that ends in
    half a word or half an entry."""
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import parse_yaml
    from voluptuous import Invalid

    try:
        text = path.read_text(encoding="utf-8")
        found = COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, str(path)))
    except FileNotFoundError:
        return True
    except (DvcException, Invalid, ValueError):
        return False
    entries = [
        entry
        for stage in found.get("stages", {}).values()
        for side in ("deps", "outs")
        for entry in stage.get(side, [])
    ]
    return text.endswith("\n") and all(
        "size" in entry and ("nfiles" in entry or not entry.get("md5", "").endswith(".dir")) for entry in entries
    )
