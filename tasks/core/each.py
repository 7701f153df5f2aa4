"""How a step maps over its items: remembered by content, in worker processes, with progress; nothing dropped.

A stage hands `Work` (one function and its settings) and its items to an `Each`. Which one it is depends on
who drives: `local` (a process pool with a progress bar) or a flow's (task runs). Both leave each item's result in
the memo, under a key made from what decides it, and give back where it lies, in the order of the items.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from tasks.core import code_version, memo, paths, progress_log, tables
from tasks.core.config import Runtime, Section
from tasks.core.errors import ItemFailed, Rejected, Transient, UndertoneError
from tasks.core.results import Reject, Result
from tasks.core.workers import Pool

_AT_ONCE = 64
_PASSING = ".passing"
_POOL_S = 2.0
"""What it takes, about, until processes have started and imported what a step needs."""
_LONG_S = 10.0
_MANY = 32
"""So many new items of one stage, and more stages will have work for processes."""
_MOST_LOST = 0.2
"""Share of the time that may be lost by trying items out alone which turn out to be long."""


class Item(Protocol):
    """One thing a stage works on: picklable, small, and able to say what decides its result."""

    @property
    def id(self) -> str:
        """A name that is unique in the stage and can be read by a person."""

    @property
    def content(self) -> str:
        """Everything about the item that decides its result: digests of the bytes it reads, values it carries."""


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
        host: names the machine an item is fetched from, for a driver that limits how often one is asked at a time
    """

    stage: str
    one: Callable[[Any, Any], Result]
    settings: Section
    schema: pa.Schema
    version: str = ""
    verify: Callable[[Any, Result], bool] | None = None
    host: Callable[[Any], str] | None = None

    @property
    def code(self) -> str:
        """What stands for the code in every key."""
        return self.version or code_version.version(self.one.__module__)

    def place(self, item: Item) -> Path:
        """Return where the item's result lies, or will lie."""
        return memo.place(self.stage, self.key(item))

    def pinned(self) -> Work:
        """Return the same work with its code's version as it is here: elsewhere it may be another."""
        return replace(self, version=self.code)

    def key(self, item: Item) -> str:
        """Return the key under which the item's result is remembered: 64 hexadecimal digits."""
        return _digest([self._shared, item.id, item.content])

    @cached_property
    def _shared(self) -> str:
        """What all keys have in common."""
        settings = json.dumps(self.settings.model_dump(mode="json"), sort_keys=True)
        return _digest([self.stage, self.one.__name__, self.code, settings, str(self.schema)])


@dataclass(frozen=True)
class Outcome:
    """Where an item's result lies: small enough to travel between machines.

    Args:
        item: its id
        memo: where the result lies
        remembered: whether it was there already
        passing: it could not be used for a reason that may pass, and another try may do better
        again: does the item once more; for what nobody has looked into yet
    """

    item: str
    memo: Path
    remembered: bool
    passing: bool = False
    again: Callable[[], Outcome] | None = field(default=None, compare=False, repr=False)

    def result(self) -> Result:
        """Read the result from the memo; one that turns out to be damaged is computed again."""
        found = memo.recall(self.memo)
        if found is None and self.again is not None:
            found = memo.recall(self.again().memo)
        if found is None:
            raise UndertoneError(
                f"the result of {self.item} is not at {self.memo.resolve()}. If the work was done on another machine, "
                "both must share this folder; if someone cleaned the memo meanwhile, run again"
            )
        return found


class Each(Protocol):
    """Maps work over items and yields their outcomes in the items' order."""

    def __call__(self, work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        """Do the work on every item."""


def do(work: Work, item: Item) -> Outcome:
    """Do one item, or find that it is done: the unit of work of every driver.

    A `Rejected` becomes a result with no rows; a `Transient` one is kept only for this run. What a person can mend
    goes through as it is.

    Raises:
        ItemFailed: if the item met a bug; the message names stage and item
    """
    place, passing = work.place(item), False
    if _holds(work, item, place):
        return Outcome(item.id, place, remembered=True)
    try:
        result = _one(work, item)
    except Rejected as error:
        passing = isinstance(error, Transient)
        result = Result(work.schema.empty_table(), (Reject(item.id, error.reason, error.detail),))
        # at a place of its own, which the next run does not look at
        place = place.with_suffix(_PASSING + place.suffix) if passing else place
    memo.remember(place, result)
    return Outcome(item.id, place, remembered=False, passing=passing)


def remembered(work: Work, item: Item) -> Outcome | None:
    """Return where an item's result lies, if it is remembered and still holds.

    Unless that depends on what is in it, the result is not read: who asks for it reads it, once.
    """
    place = work.place(item)
    if not memo.touch(place) or not (work.verify is None or _holds(work, item, place)):
        return None
    return Outcome(item.id, place, remembered=True, again=partial(do, work, item))


def local(runtime: Runtime) -> Each:
    """Return the driver of `dvc repro`: a process pool with a progress bar, in this process where that is sooner."""

    def each(work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        with _pool(runtime) as pool:
            yield from _mapped(work, items, runtime, pool)

    return each


@contextmanager
def lasting(runtime: Runtime, modules: Sequence[str]) -> Iterator[Each]:
    """Give a driver as `local` is, whose processes stay from one stage to the next.

    Args:
        runtime: how many processes, and whether progress is shown
        modules: what stages import late; the processes import it while the first stages are at work here
    """
    with _pool(runtime) as pool:
        yield lambda work, items: _mapped(work, items, runtime, pool, modules)


def collect(outcomes: Iterator[Outcome], schema: pa.Schema) -> Result:
    """Read all results into one table, in order, with all rejects."""
    rows, rejects = [schema.empty_table()], list[Reject]()
    # a column of a thousand small chunks takes several times the room of the same column in one piece
    while results := [outcome.result() for outcome in islice(outcomes, _AT_ONCE)]:
        rows.append(pa.concat_tables(result.rows for result in results).combine_chunks())
        rejects.extend(reject for result in results for reject in result.rejects)
    return Result(pa.concat_tables(rows), tuple(rejects))


def write_rejects(stage: str, rejects: Sequence[Reject]) -> None:
    """Write a stage's `rejected` table, sorted."""
    rows = [{"item": r.id, "stage": stage, "reason": r.reason, "detail": r.detail} for r in rejects]
    rows.sort(key=lambda row: (row["item"], row["reason"], row["detail"]))
    tables.write(tables.from_rows(rows, tables.REJECTED), paths.rejected(stage), tables.REJECTED)


@dataclass
class Tally:
    """Counts what a stage's items cost: how many there were, and how many were worked on."""

    items: int = 0
    done: int = 0

    def __str__(self) -> str:
        return f"{self.items} items, {self.done} done now, {self.items - self.done} known already"

    def of(self, each: Each) -> Each:
        """Return the same driver, counting."""

        def counting(work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
            for outcome in each(work, items):
                self.items += 1
                self.done += not outcome.remembered
                yield outcome

        return counting

    def write(self, stage: str) -> None:
        """Leave the count in `.undertone/tally/`."""
        tables.write_text(paths.TALLY / f"{stage}.json", json.dumps({"items": self.items, "done": self.done}) + "\n")


def _one(work: Work, item: Item) -> Result:
    try:
        with _one_thread(), progress_log.about(item.id):
            return work.one(item, work.settings)
    except UndertoneError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise ItemFailed(work.stage, item.id, f"{type(error).__name__}: {error}") from error


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep libraries from threads of their own: workers fill the cores, and sums come out the same however many."""
    # scipy's OpenBLAS is another than numpy's, comes in with the work, and asks here as it is loaded
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with _libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> Any:
    # to look for them takes a millisecond, and a library comes in with a module
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _holds(work: Work, item: Item, place: Path) -> bool:
    known = memo.recall(place)
    return known is not None and (work.verify is None or work.verify(item, known))


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _pool(runtime: Runtime) -> Pool:
    return Pool(runtime.workers or os.cpu_count() or 1)


def _mapped(
    work: Work, items: Sequence[Item], runtime: Runtime, pool: Pool, modules: Sequence[str] = ()
) -> Iterator[Outcome]:
    known = [remembered(work, item) for item in items]
    new = [item for item, outcome in zip(items, known, strict=True) if outcome is None]
    if modules and pool.n_workers > 1 and len(new) >= _MANY:
        pool.prepare(modules)
    done = _done(work, new, pool)
    return _shown((outcome or next(done) for outcome in known), work.stage, len(items), runtime)


def _done(work: Work, items: Sequence[Item], pool: Pool) -> Iterator[Outcome]:
    """Do items here until it is clear that the pool would be sooner done with the rest."""
    done, last_s = 0, 0.0
    while done < len(items) and not _worth_a_pool(len(items) - done, pool, done, last_s):
        started = time.perf_counter()
        outcome = do(work, items[done])
        done, last_s = done + 1, time.perf_counter() - started
        yield outcome
    if left := items[done:]:
        yield from pool.map(partial(do, work), left)


def _worth_a_pool(n_left: int, pool: Pool, done: int, last_s: float) -> bool:
    if pool.n_workers < 2 or n_left < 2:
        return False
    if pool.ready:
        return True
    if not done:
        # while this process tries one item out, the other workers would have done as many
        return pool.n_workers - 1 > _MOST_LOST * n_left
    # the first one imports what the others find imported
    known = done > 1 or last_s > _LONG_S
    return known and last_s * n_left * (1 - 1 / min(pool.n_workers, n_left)) > _POOL_S


def _shown(outcomes: Iterator[Outcome], stage: str, total: int, runtime: Runtime) -> Iterator[Outcome]:
    if runtime.progress == "never" or not sys.stderr.isatty():
        yield from outcomes
        return
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
    with Progress(*columns, console=console) as bar:
        line = bar.add_task(stage, total=total, note="")
        for outcome in outcomes:
            remembered += outcome.remembered
            bar.update(line, advance=1, note=f"{remembered} known already" if remembered else "")
            yield outcome
