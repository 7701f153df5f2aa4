"""How a step maps over its items: remembered by content, in worker processes, with progress; nothing dropped.

A stage hands `Work` (one function and its settings) and its items to an `Each`. Which one it is depends on
who drives: `local` (a process pool with a progress bar) or a flow's (task runs). Both leave each item's result in
the memo, under a key made from what decides it, and give back where it lies, in the order of the items.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from tasks import closure, paths, tables
from tasks.config import Runtime, Section
from tasks.errors import Rejected, Transient

_DIGEST_BYTES = 32


class Item(Protocol):
    """One thing a stage works on: picklable, small, and able to say what decides its result."""

    @property
    def id(self) -> str:
        """A name that is unique in the stage and can be read by a person."""

    @property
    def content(self) -> str:
        """Everything about the item that decides its result: digests of the bytes it reads, values it carries."""


@dataclass(frozen=True)
class Reject:
    """Something a stage could not use: an item, or a row of one."""

    id: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Result:
    """What one item gave: its rows, and what of it could not be used."""

    rows: pa.Table
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True)
class Work:
    """One function to map over items.

    Args:
        stage: the stage's word
        one: `one(item, settings) -> Result`, a module-level function
        settings: the parameters it uses; they are part of every key
        schema: the schema of the rows it returns
        version: stands for its code in every key; by default a digest of the source files it is made of
        verify: says whether a remembered result still holds (its files are still there); by default it does
    """

    stage: str
    one: Callable[[Any, Any], Result]
    settings: Section
    schema: pa.Schema
    version: str = ""
    verify: Callable[[Any, Result], bool] | None = field(default=None)

    def key(self, item: Item) -> str:
        """Return the key under which the item's result is remembered: 64 hexadecimal digits."""
        parts = [
            self.stage,
            self.one.__name__,
            self.version or closure.version(self.one.__module__),
            json.dumps(self.settings.model_dump(mode="json"), sort_keys=True),
            str(self.schema),
            item.id,
            item.content,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """Where an item's result lies: small enough to travel between machines."""

    item: str
    memo: Path
    remembered: bool

    def result(self) -> Result:
        """Read the result from the memo."""
        found = recall(self.memo)
        if found is None:
            raise RuntimeError(f"the result of {self.item} vanished from {self.memo}; run again")
        return found


class Each(Protocol):
    """Maps work over items and yields their outcomes in the items' order."""

    def __call__(self, work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        """Do the work on every item."""


def do(work: Work, item: Item) -> Outcome:
    """Do one item, or find that it is done: the unit of work of every driver.

    A `Rejected` becomes a result with no rows; a `Transient` one is kept only for this run. Any other exception
    is a bug and goes through.
    """
    if (known := remembered(work, item)) is not None:
        return known
    from threadpoolctl import threadpool_limits

    try:
        # one thread per item: workers fill the cores, and sums come out the same however many there are
        with threadpool_limits(1):
            result = work.one(item, work.settings)
    except Rejected as error:
        kind = "transient" if isinstance(error, Transient) else ""
        result = Result(_nothing(work.schema, kind), (Reject(item.id, error.reason, error.detail),))
    remember(memo := _memo(work, item), result)
    return Outcome(item.id, memo, remembered=False)


def remembered(work: Work, item: Item) -> Outcome | None:
    """Return where an item's result lies, if it is remembered and still holds."""
    memo = _memo(work, item)
    known = recall(memo)
    if known is None or _passing(known) or not (work.verify is None or work.verify(item, known)):
        return None
    return Outcome(item.id, memo, remembered=True)


def local(runtime: Runtime) -> Each:
    """Return the driver of `dvc repro`: a process pool with a progress bar (in this process for one worker)."""

    def each(work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        known = [remembered(work, item) for item in items]
        new = [item for item, outcome in zip(items, known, strict=True) if outcome is None]
        workers = min(runtime.workers or os.cpu_count() or 1, len(new))
        done = _pooled(work, new, workers) if workers > 1 else (do(work, item) for item in new)
        outcomes = (outcome or next(done) for outcome in known)
        return _shown(outcomes, work.stage, len(items), runtime)

    return each


def collect(outcomes: Iterator[Outcome], schema: pa.Schema) -> Result:
    """Read all results into one table, in order, with all rejects."""
    rows, rejects = [schema.empty_table()], list[Reject]()
    for outcome in outcomes:
        result = outcome.result()
        rows.append(result.rows)
        rejects.extend(result.rejects)
    return Result(pa.concat_tables(rows), tuple(rejects))


def write_rejects(stage: str, rejects: Sequence[Reject]) -> None:
    """Write a stage's `rejected` table, sorted."""
    rows = [{"item": r.id, "stage": stage, "reason": r.reason, "detail": r.detail} for r in rejects]
    rows.sort(key=lambda row: (row["item"], row["reason"], row["detail"]))
    tables.write(tables.from_rows(rows, tables.REJECTED), paths.rejected(stage), tables.REJECTED)


def remember(memo: Path, result: Result) -> None:
    """Keep a result: a digest, then an Arrow table whose metadata carries the rejects."""
    note = json.dumps([[r.id, r.reason, r.detail] for r in result.rejects])
    metadata = {**(result.rows.schema.metadata or {}), b"rejects": note.encode()}
    sink = pa.BufferOutputStream()
    table = result.rows.replace_schema_metadata(metadata)
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    payload = sink.getvalue().to_pybytes()
    tables.write_bytes(memo, hashlib.sha256(payload).digest() + payload)


def recall(memo: Path) -> Result | None:
    """Return a remembered result, or None where there is none or its bytes are damaged."""
    try:
        content = memo.read_bytes()
    except FileNotFoundError:
        return None
    digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        return None
    table = pa.ipc.open_file(payload).read_all()
    rejects = tuple(Reject(*entry) for entry in json.loads(table.schema.metadata[b"rejects"]))
    kept = {key: value for key, value in table.schema.metadata.items() if key != b"rejects"}
    return Result(table.replace_schema_metadata(kept or None), rejects)


def _memo(work: Work, item: Item) -> Path:
    key = work.key(item)
    return paths.MEMO / work.stage / key[:2] / f"{key}.arrow"


def _nothing(schema: pa.Schema, kind: str) -> pa.Table:
    return schema.empty_table().replace_schema_metadata({b"kind": kind.encode()} if kind else None)


def _passing(result: Result) -> bool:
    return (result.rows.schema.metadata or {}).get(b"kind") == b"transient"


def _pooled(work: Work, items: Sequence[Item], workers: int) -> Iterator[Outcome]:
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial
    from multiprocessing import get_context

    # spawn: nothing of this process (threads, open sockets, loaded libraries) leaks into the work
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(partial(do, work), items)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _shown(outcomes: Iterator[Outcome], stage: str, total: int, runtime: Runtime) -> Iterator[Outcome]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:>9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    remembered = 0
    with Progress(*columns, console=console, disable=runtime.progress == "never" or not console.is_terminal) as bar:
        line = bar.add_task(stage, total=total, note="")
        for outcome in outcomes:
            remembered += outcome.remembered
            bar.update(line, advance=1, note=f"{remembered} known already" if remembered else "")
            yield outcome
