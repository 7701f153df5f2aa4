"""Map a stage's function over its items: cached by content, in worker processes, with progress and rejected items.

A stage passes `Work` (one function and its settings) and its items to an `Each`. The driver provides it: `local` (a
process pool with a progress bar) for `dvc repro` and `undertone run`, or task runs in a flow. Both store each item's
result in the cache (the memo), under a key of all that decides it, and yield the locations in the order of the items.

An item that meets a bug in our code costs its own result: all others are done and cached, then the driver raises
`ItemsFailed` before the stage can write outputs (see `tasks.core.bugs`).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from tasks.core import bugs, code_version, host_slots, memo, os_errors, paths, progress_log, tables
from tasks.core.bugs import BUG
from tasks.core.config import Runtime, Section
from tasks.core.errors import AudioError, Rejected, Transient, UndertoneError
from tasks.core.item_files import ItemFile
from tasks.core.memo import Index, ItemResults
from tasks.core.outcomes import ItemsFailed, Outcome
from tasks.core.results import Reject, Result
from tasks.core.workers import Pool, WorkerDied, is_forking

_RESULTS_AT_ONCE = 64
_TRANSIENT = ".passing"
UNUSABLE_SOUND, UNREADABLE = "unusable sound", "unreadable file"
"""Reasons for which an item is rejected in every stage, besides the stage's own."""
_POOL_START_S, _FORKED_START_S = 2.0, 0.5
"""Time until worker processes have started and imported what a stage needs, about; and if they are forked."""
_LONG_ITEM_S = 10.0
"""A first item that takes longer is long by itself, not because of the imports that it includes."""
_MANY_ITEMS = 32
"""With at least this many new items, start the worker pool early: later stages will have work for it, too."""
_MIN_FETCHES = 3
"""With fewer fetches at a time, the processes would start later than this one is done."""
_MAX_LOSS = 0.2
"""Share of the time that may be lost by doing the first item in this process if all items turn out to be long."""


class Item(Protocol):
    """One unit of a stage's work: small, picklable, with everything that decides its result."""

    @property
    def id(self) -> str:
        """A readable name, unique in the stage."""

    @property
    def content(self) -> str:
        """Everything about the item that decides its result: digests of the bytes it reads, values it carries."""


@dataclass(frozen=True)
class Work:
    """One function to map over items.

    Args:
        stage: the stage's name
        one: `one(item, settings) -> Result`, a module-level function
        settings: the parameters it uses; they are part of every key
        schema: the schema of the rows it returns
        version: the code digest in every key; by default that of the function's module
        verify: returns whether a cached result is still valid (its files exist); by default it is
        host: returns the host an item is fetched from, for drivers that limit concurrent requests per host
        fails_later: an item that meets a bug counts as rejected until the stage has mapped its next work, too
        reads: returns the files that an item reads, so that a worker without the project folder can be given them;
            None: its items are done on the machine of the run
        imported: modules that processes which fetch items are forked with (see `workers.Pool`)
        per_host: fetches from a host at a time, over all processes; the driver sets it; 0: no limit
    """

    stage: str
    one: Callable[[Any, Any], Result]
    settings: Section
    schema: pa.Schema
    version: str = ""
    verify: Callable[[Any, Result], bool] | None = None
    host: Callable[[Any], str] | None = None
    reads: Callable[[Any], Sequence[ItemFile]] | None = None
    fails_later: bool = False
    imported: tuple[str, ...] = ()
    per_host: int = 0

    @property
    def code(self) -> str:
        """The code digest in every key."""
        return self.version or code_version.version(self.one.__module__)

    def place(self, item: Item) -> Path:
        """Return the path of the item's cached result, whether it exists or not.

        Args:
            item: one item
        """
        return memo.place(self.stage, self.key(item))

    def host_of(self, item: Item) -> str:
        """Return the host that an item is fetched from; empty if there is none.

        Args:
            item: one item
        """
        try:
            return self.host(item) if self.host is not None else ""
        except ValueError:
            # the item itself meets the address that cannot be parsed, and is rejected
            return ""

    def pinned(self) -> Work:
        """Return the same work with the code digest of this machine: a worker elsewhere may have other code."""
        return replace(self, version=self.code)

    def key(self, item: Item) -> str:
        """Return the item's cache key: 64 hexadecimal digits.

        Args:
            item: one item
        """
        return _digest([self._shared, item.id, item.content])

    @cached_property
    def _shared(self) -> str:
        """The part that all keys share."""
        settings = json.dumps(self.settings.model_dump(mode="json"), sort_keys=True)
        return _digest([self.stage, self.one.__name__, self.code, settings, str(self.schema)])


class Each(Protocol):
    """A driver's way to map work over items; outcomes come in the order of the items."""

    def __call__(self, work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        """Do the work on every item.

        Args:
            work: the function with its settings
            items: the items, in a fixed order
        """


def do(work: Work, item: Item) -> Outcome:
    """Do one item unless its result is cached: the unit of work of every driver.

    `Rejected` becomes a result without rows; a `Transient` one is kept for this run only, as is one for a file that
    cannot be read. An unexpected exception becomes a reject of the reason `bug`, also for this run only. Errors that
    concern all items pass through: other errors of the user's, and those of the machine, such as a full disk.

    Args:
        work: the function with its settings
        item: one item
    """
    try:
        return _outcome(work, item)
    except UndertoneError as error:
        error.item = error.item or item.id
        raise
    except (Exception, SystemExit) as error:
        return _failed(work, item, error)
    except BaseException as error:
        # the panic of a library in Rust derives from BaseException, like the exceptions that stop a run
        if type(error).__name__ != "PanicException":
            raise
        return _failed(work, item, error)


def lost(work: Work, item: Item, error: WorkerDied) -> Outcome:
    """Return the outcome of an item that ended its process, such as by a crash in native code: a bug.

    Args:
        work: the function with its settings
        item: the item
        error: what happened to the process
    """
    return _bug(work, item, bugs.line(error), str(error))


def remembered(work: Work, item: Item, index: Index | None = None) -> Outcome | None:
    """Return the outcome of an item whose result is cached and valid, or None.

    The result is read only if its validity depends on its content.

    Args:
        work: the function with its settings
        item: one item
        index: the results of the last run
    """
    try:
        place = work.place(item)
        if index is not None and (kept := index.get(place.stem)) is not None:
            return Outcome(item.id, place, remembered=True, kept=kept, index=index)
        if not memo.touch(place) or not (work.verify is None or _holds(work, item, place)):
            return None
    except UndertoneError:
        raise
    except Exception as error:
        if os_errors.is_of_the_machine(error):
            raise
        # `do` meets it again, and records it
        return None
    return Outcome(item.id, place, remembered=True, again=partial(do, work, item), index=index)


def with_cached(
    work: Work, items: Sequence[Item], compute: Callable[[Sequence[Item]], Iterator[Outcome]]
) -> Iterator[Outcome]:
    """Yield the outcomes of all items in their order; those that are not cached are computed. Every driver does this.

    Args:
        work: the function with its settings
        items: the items
        compute: returns the outcomes of items that are not cached, in order
    """
    index = _index(work)
    cached = [remembered(work, item, index) for item in items]
    done = compute([item for item, outcome in zip(items, cached, strict=True) if outcome is None])
    return (outcome or replace(next(done), index=index) for outcome in cached)


def _index(work: Work) -> Index | None:
    """Return the index of a work; None if its results are valid only as long as other files exist."""
    if work.verify is not None or work.host is not None:
        return None
    return Index.of(work.stage, work.one.__name__)


def complete(work: Work, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Yield outcomes up to the first bug; then finish all others and raise. Every driver ends with this.

    Args:
        work: the work; if it `fails_later`, items that met a bug are yielded as rejected ones
        outcomes: of all its items

    Raises:
        ItemsFailed: if items met bugs
    """
    seen, failed = list[Outcome](), False
    for outcome in outcomes:
        seen.append(outcome)
        failed = failed or (bool(outcome.bug) and not work.fails_later)
        if not failed:
            yield outcome
    if failed:
        raise ItemsFailed(work.stage, seen)


def local(runtime: Runtime) -> Each:
    """Return the driver of `dvc repro`: a process pool with a progress bar, or this process where that is faster.

    Args:
        runtime: number of processes, and whether progress is shown
    """

    def each(work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
        with lasting(runtime, ()) as driver:
            yield from driver(work, items)

    return each


@contextmanager
def lasting(runtime: Runtime, modules: Sequence[str], *, early: bool = True) -> Iterator[Each]:
    """Yield a driver like `local` whose processes stay alive from one stage to the next.

    Args:
        runtime: number of processes, and whether progress is shown
        modules: modules that stages import late; the processes import them while stages run in this process
        early: start the processes with the first stage that has many new items, since later stages will need them;
            otherwise with the first stage that they will make faster
    """
    with _Pools(Pool(runtime.workers or os.cpu_count() or 1), modules, early) as pools:
        yield lambda work, items: _mapped(work, items, runtime, pools)


def collect(outcomes: Iterator[Outcome], schema: pa.Schema) -> Result:
    """Read all results into one table, in order, with all rejected items.

    Args:
        outcomes: as an `Each` yields them
        schema: of the rows
    """
    results = list(in_order(outcomes))
    rows = pa.concat_tables([schema.empty_table(), *(result.rows for result in results)])
    # one chunk, however many results came from the index
    return Result(rows.combine_chunks(), tuple(reject for result in results for reject in result.rejects))


def in_order(outcomes: Iterator[Outcome]) -> Iterator[Result]:
    """Yield the results of outcomes in order, many as one; then write the index.

    Args:
        outcomes: of all items of a work, as an `Each` yields them
    """
    index: Index | None = None
    adjacent = _adjacent(outcomes)
    while some := list(islice(adjacent, _RESULTS_AT_ONCE)):
        results = [result for result, _ in some]
        # a column of a thousand small chunks takes several times the memory of one contiguous column
        rows = pa.concat_tables(result.rows for result in results).combine_chunks()
        together = Result(rows, tuple(reject for result in results for reject in result.rejects))
        index = some[0][1]
        if index is not None:
            index.add_results(together)
        yield together
    if index is not None:
        index.write()


def _adjacent(outcomes: Iterator[Outcome]) -> Iterator[tuple[Result, Index | None]]:
    """Yield the results of outcomes with their index, those of adjacent items of the index as one."""
    waiting: ItemResults | None = None
    index: Index | None = None
    for outcome in outcomes:
        index, kept = outcome.index, outcome.kept
        joined = waiting.joined(kept) if waiting is not None else None
        if waiting is not None and joined is None:
            yield waiting.result(), index
        waiting = joined or kept
        result = outcome.result()
        if index is not None:
            index.add(outcome.memo.stem, result.rows.num_rows, len(result.rejects))
        if kept is None:
            yield result, index
    if waiting is not None:
        yield waiting.result(), index


def write_rejects(stage: str, rejects: Sequence[Reject]) -> None:
    """Write a stage's `rejected` table, sorted.

    Args:
        stage: its name
        rejects: all rejected items
    """
    bugs.write_rejects(stage, rejects, paths.rejected(stage))


@dataclass
class Tally:
    """The number of a stage's items, and of those that were not cached."""

    items: int = 0
    done: int = 0
    _outcomes: list[Outcome] = field(default_factory=list, repr=False)

    def __str__(self) -> str:
        if not self.items:
            return "done"
        return f"{self.items} items: {self.done} computed, {self.items - self.done} cached"

    def of(self, each: Each) -> Each:
        """Return a driver that counts, and raises the bugs of work that `fails_later` after the stage's next work.

        Args:
            each: the driver it wraps
        """

        def counting(work: Work, items: Sequence[Item]) -> Iterator[Outcome]:
            before = list(self._outcomes)
            try:
                for outcome in each(work, items):
                    self.items += 1
                    self.done += not outcome.remembered
                    self._outcomes.append(outcome)
                    yield outcome
            except ItemsFailed as failed:
                raise ItemsFailed(work.stage, [*before, *failed.outcomes]) from None
            if not work.fails_later:
                self.demand_no_bug(work.stage)

        return counting

    def demand_no_bug(self, stage: str) -> None:
        """Check that no item so far met a bug.

        Args:
            stage: its name

        Raises:
            ItemsFailed: if one did
        """
        if any(outcome.bug for outcome in self._outcomes):
            raise ItemsFailed(stage, self._outcomes)

    def write(self, stage: str) -> None:
        """Write the counts to `.undertone/tally/`.

        Args:
            stage: its name
        """
        tables.write_text(paths.TALLY / f"{stage}.json", json.dumps({"items": self.items, "done": self.done}) + "\n")


def _outcome(work: Work, item: Item) -> Outcome:
    place, passing, is_kept = work.place(item), False, True
    if _holds(work, item, place):
        return Outcome(item.id, place, remembered=True)
    try:
        with _one_thread(), progress_log.about(item.id), host_slots.limited(work.per_host):
            result = work.one(item, work.settings)
    except Rejected as error:
        passing, is_kept = isinstance(error, Transient), not isinstance(error, Transient)
        result = _rejected(work, Reject(item.id, error.reason, error.detail))
    except AudioError as error:
        is_kept = False
        result = _rejected(work, Reject(item.id, UNUSABLE_SOUND, str(error)))
    place = place if is_kept else _for_this_run(place)
    memo.remember(place, result)
    return Outcome(item.id, place, remembered=False, passing=passing)


def _failed(work: Work, item: Item, error: BaseException) -> Outcome:
    """Return the outcome of an item that met an unexpected exception, unless that concerns all items."""
    if os_errors.is_of_the_machine(error):
        raise error
    if os_errors.is_unreadable(error):
        reject = Reject(item.id, UNREADABLE, os_errors.explain(error) or str(error))
        place = _of_this_run(work, item)
        memo.remember(place, _rejected(work, reject))
        return Outcome(item.id, place, remembered=False)
    return _bug(work, item, bugs.line(error), bugs.text(error))


def _bug(work: Work, item: Item, line: str, detail: str) -> Outcome:
    place = _of_this_run(work, item)
    memo.remember(place, _rejected(work, Reject(item.id, BUG, detail)))
    return Outcome(item.id, place, remembered=False, bug=line)


def _rejected(work: Work, reject: Reject) -> Result:
    return Result(work.schema.empty_table(), (reject,))


def _of_this_run(work: Work, item: Item) -> Path:
    """Return a path that does not need the item's key: the bug may be in what makes the key."""
    return _for_this_run(memo.place(work.stage, _digest([work.stage, work.one.__name__, item.id])))


def _for_this_run(place: Path) -> Path:
    """Return a path at which the next run does not look for the result."""
    return place.with_suffix(_TRANSIENT + place.suffix)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit native libraries to one thread: processes use the cores, and sums do not depend on thread counts."""
    # scipy brings its own OpenBLAS, which is loaded later and reads this variable then
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with _libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> Any:
    # looking for libraries takes a millisecond; new ones come with new modules only
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _holds(work: Work, item: Item, place: Path) -> bool:
    result = memo.recall(place)
    return result is not None and (work.verify is None or work.verify(item, result))


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class _Pools:
    """The process pools of a driver: one for computing, and one for fetching while consecutive work fetches."""

    def __init__(self, computing: Pool, modules: Sequence[str], early: bool) -> None:
        self.computing, self.modules = computing, modules
        self.early = early and bool(modules)
        self._fetching: Pool | None = None

    @property
    def start_s(self) -> float:
        """Time until the processes for computing have started, about."""
        return _FORKED_START_S if self.modules and is_forking() else _POOL_START_S

    def __enter__(self) -> _Pools:
        return self

    def __exit__(self, *error: Any) -> None:
        self.computing.__exit__(*error)
        self.end_fetching(*error)

    def fetching(self, n_processes: int, imported: Sequence[str]) -> Pool:
        """Return a pool for fetching, with at least so many processes."""
        if self._fetching is None or self._fetching.n_workers < n_processes:
            self.end_fetching()
            self._fetching = Pool(n_processes, imported)
        return self._fetching

    def end_fetching(self, kind: type[BaseException] | None = None, *_: object) -> None:
        """End the processes that fetch, if there are any; after an error without waiting for them."""
        if self._fetching is not None:
            self._fetching.__exit__(kind)
            self._fetching = None


def _mapped(work: Work, items: Sequence[Item], runtime: Runtime, pools: _Pools) -> Iterator[Outcome]:
    work = replace(work, per_host=runtime.per_host)

    def compute(new: Sequence[Item]) -> Iterator[Outcome]:
        if pools.early and pools.computing.n_workers > 1 and len(new) >= _MANY_ITEMS:
            pools.computing.prepare(pools.modules)
        if (n_fetches := _n_fetches(work, new, runtime)) >= _MIN_FETCHES:
            done = _fetched(work, new, pools.fetching(n_fetches, work.imported))
        else:
            done = _done(work, new, pools)
        if work.host is None:
            pools.end_fetching()
        return done

    return complete(work, _shown(with_cached(work, items, compute), work.stage, len(items), runtime))


def _n_fetches(work: Work, items: Sequence[Item], runtime: Runtime) -> int:
    """Return how many items can be fetched at a time; 0 if they are not fetched."""
    n_items = Counter(work.host_of(item) for item in items)
    if not any(n_items):
        return 0
    return min(runtime.n_fetching, sum(min(runtime.per_host, n) for n in n_items.values()))


def _fetched(work: Work, items: Sequence[Item], pool: Pool) -> Iterator[Outcome]:
    """Do items in more processes than there are cores, since they wait for hosts most of the time."""
    order = by_turns([work.host_of(item) for item in items])
    outcomes = pool.map(partial(do, work), [items[number] for number in order], partial(lost, work))
    early = dict[int, Outcome]()
    for number in range(len(items)):
        while number not in early:
            early[order[len(early)]] = next(outcomes)
        yield early[number]


def by_turns(hosts: Sequence[str]) -> list[int]:
    """Return positions in an order that takes hosts in turn: the first item of each, then the second of each.

    Args:
        hosts: the host of each item
    """
    n_before = Counter[str]()
    turns = list[int]()
    for host in hosts:
        turns.append(n_before[host])
        n_before[host] += 1
    return sorted(range(len(hosts)), key=turns.__getitem__)


def _done(work: Work, items: Sequence[Item], pools: _Pools) -> Iterator[Outcome]:
    """Do items in this process until the pool would finish the rest earlier, and while its processes start."""
    pool, done, last_s = pools.computing, 0, 0.0
    while done < len(items):
        if _worth_a_pool(len(items) - done, pools, done, last_s):
            if pool.ready or not pools.modules or not done or last_s > pools.start_s:
                break
            pool.prepare(pools.modules)
        started = time.perf_counter()
        outcome = do(work, items[done])
        done, last_s = done + 1, time.perf_counter() - started
        yield outcome
    if left := items[done:]:
        yield from pool.map(partial(do, work), left, partial(lost, work))


def _worth_a_pool(n_left: int, pools: _Pools, done: int, last_s: float) -> bool:
    pool = pools.computing
    if pool.n_workers < 2 or n_left < 2:
        return False
    if pool.ready:
        return True
    if not done:
        # while this process does the first item, each other worker could do one
        return pool.n_workers - 1 > _MAX_LOSS * n_left
    # the time of the first item includes that of imports
    is_measured = done > 1 or last_s > _LONG_ITEM_S
    return is_measured and last_s * n_left * (1 - 1 / min(pool.n_workers, n_left)) > pools.start_s


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
            bar.update(line, advance=1, note=f"{remembered} cached" if remembered else "")
            yield outcome
