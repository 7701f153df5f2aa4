"""Fuzzing in child processes: blocks of seeded inputs, a deadline for each input, results that survive a kill.

Input number `index` of a kind depends on the seed, the kind and the index alone. Indices are processed in blocks; the
results of complete blocks are written to a file, and a later run with the same seed and the same code skips them.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import multiprocessing
import os
import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tests.fuzz.trial import Kind, SilentDifferenceError, Trial

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = ("captions", "lists", "params", "media", "archives", "parquet", "cards", "http")
DEADLINE_S = 10.0
_START_S = 120.0
"""Time for a child to import what its kind needs and to make its valid inputs."""
_BLOCK = 2000
_POLL_S = 0.25


@dataclass(frozen=True)
class Failure:
    """An input that the product did not handle.

    Args:
        kind: of the input
        index: its number; with the seed, it makes the input again
        what: traceback, silent difference, hang, or crash
        detail: the traceback, the difference, or how the process ended
    """

    kind: str
    index: int
    what: str
    detail: str


@dataclass
class Counts:
    """Results of the inputs of one kind."""

    accepted: int = 0
    rejected: int = 0
    failures: list[Failure] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.accepted + self.rejected + len(self.failures)

    def add(self, other: Counts) -> None:
        """Add the results of another block."""
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.failures += other.failures
        self.slowest_s = max(self.slowest_s, other.slowest_s)


@dataclass(frozen=True)
class Block:
    """Consecutive inputs of one kind, [start, stop)."""

    kind: str
    start: int
    stop: int

    @property
    def key(self) -> str:
        """Its key in the file of results."""
        return f"{self.kind}:{self.start}-{self.stop}"


def kind(name: str) -> Kind:
    """Return a kind by its name."""
    loaded: Kind = importlib.import_module(f"tests.fuzz.kinds.{name}").KIND
    return loaded


def trial(make: Callable[[random.Random], Trial], seed: int, name: str, index: int) -> Trial:
    """Return input number `index` of a kind."""
    return make(generator(seed, name, index))


def generator(seed: int, name: str, index: int) -> random.Random:
    """Return the generator that decides input number `index` of a kind."""
    return random.Random(f"{seed}/{name}/{index}")


def blocks(count: int, names: Sequence[str]) -> list[Block]:
    """Divide a number of inputs among kinds, by their shares, into blocks.

    Args:
        count: number of inputs of all kinds
        names: the kinds
    """
    shares = {name: kind(name).share for name in names}
    divided = []
    for name, share in shares.items():
        n_inputs = max(1, round(count * share / sum(shares.values())))
        divided += [Block(name, start, min(start + _BLOCK, n_inputs)) for start in range(0, n_inputs, _BLOCK)]
    return divided


def run(todo: Sequence[Block], seed: int, n_workers: int, done: Callable[[Block, Counts], None]) -> None:
    """Run blocks in child processes.

    Args:
        todo: the blocks
        seed: of all inputs
        n_workers: number of processes
        done: called with each complete block and its results
    """
    waiting = list(reversed(todo))
    running = [_Child(waiting.pop(), seed) for _ in range(min(n_workers, len(waiting)))]
    try:
        while running:
            wait([child.results for child in running], timeout=_POLL_S)
            for child in list(running):
                if (counts := child.poll()) is not None:
                    running.remove(child)
                    done(child.block, counts)
                    if waiting:
                        running.append(_Child(waiting.pop(), seed))
    finally:
        for child in running:
            child.kill()


class _Child:
    """A block in a child process, which is replaced when an input kills or hangs it."""

    def __init__(self, block: Block, seed: int) -> None:
        self.block, self.seed, self.counts = block, seed, Counts()
        self._start(block.start)

    def poll(self) -> Counts | None:
        """Return the block's results if it is complete."""
        while self._next_index < self.block.stop and self.results.poll():
            try:
                result: Counts = self.results.recv()
            except EOFError:
                self._replace_after("crash")
                break
            self.counts.add(result)
            self._next_index, self._clock, self._limit_s = self._next_index + 1, time.monotonic(), DEADLINE_S + 1
        if self._next_index < self.block.stop and time.monotonic() - self._clock > self._limit_s:
            self._replace_after("hang")
        if self._next_index < self.block.stop:
            return None
        self.kill()
        return self.counts

    def kill(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.results.close()

    def _start(self, index: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.results, sender = context.Pipe(duplex=False)
        arguments = (Block(self.block.kind, index, self.block.stop), self.seed, sender)
        # no daemon: the product may start processes of its own
        self.process = context.Process(target=_work, args=arguments)
        self.process.start()
        sender.close()
        self._next_index, self._clock, self._limit_s = index, time.monotonic(), _START_S

    def _replace_after(self, what: str) -> None:
        """Record the input that ended or hung the process, and go on after it."""
        self.kill()
        index, status = self._next_index, self.process.exitcode
        detail = f"longer than {self._limit_s:.0f} s" if what == "hang" else f"the process ended with {status}"
        self.counts.failures.append(Failure(self.block.kind, index, what, detail))
        self._next_index += 1
        if self._next_index < self.block.stop:
            self._start(self._next_index)


def _work(block: Block, seed: int, results: Connection) -> None:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.chdir(folder)
        make = kind(block.kind).prepare(Path(folder))
        for index in range(block.start, block.stop):
            results.send(attempt(trial(make, seed, block.kind, index), block.kind, index))
        os.chdir(ROOT)


def attempt(tried: Trial, name: str, index: int) -> Counts:
    """Run one trial; return its verdict or its failure."""
    counts, started = Counts(), time.monotonic()
    try:
        verdict = tried.run()
        setattr(counts, verdict, 1)
    except SilentDifferenceError as error:
        counts.failures.append(Failure(name, index, "silent difference", str(error)[:2000]))
    except BaseException:
        counts.failures.append(Failure(name, index, "traceback", traceback.format_exc()[-4000:]))
    counts.slowest_s = time.monotonic() - started
    if counts.slowest_s > DEADLINE_S:
        return Counts(failures=[*counts.failures, Failure(name, index, "hang", f"{counts.slowest_s:.1f} s")])
    return counts


@dataclass
class Record:
    """Results of complete blocks, in a file; results of another seed or of other code are discarded."""

    path: Path
    seed: int
    code: str
    blocks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, seed: int, code: str) -> Record:
        """Read the file; begin anew if it is of another seed or of other code."""
        with suppress(OSError, ValueError, KeyError):
            content = json.loads(path.read_text(encoding="utf-8"))
            if (content["seed"], content["code"]) == (seed, code):
                return cls(path, seed, code, content["blocks"])
        return cls(path, seed, code)

    def keep(self, block: Block, counts: Counts) -> None:
        """Add a block's results, and replace the file."""
        self.blocks[block.key] = asdict(counts)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({"seed": self.seed, "code": self.code, "blocks": self.blocks}), encoding="utf-8")
        part.replace(self.path)

    def total(self, name: str) -> Counts:
        """Return the results of a kind."""
        total = Counts()
        for key, values in self.blocks.items():
            if key.startswith(f"{name}:"):
                total.add(Counts(**{**values, "failures": [Failure(**f) for f in values["failures"]]}))
        return total


def code_digest() -> str:
    """Return a digest of the code under test and of the fuzzing itself."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for top in ("tasks", "tests/fuzz"):
        yield from sorted((ROOT / top).rglob("*.py"))


def summary(kinds: Sequence[str], record: Record) -> list[str]:
    """Return the table of results, one line per kind.

    Args:
        kinds: names
        record: results
    """
    lines = [f"{'kind':10} {'inputs':>8} {'accepted':>9} {'rejected':>9} {'failures':>9} {'slowest':>9}"]
    overall: Counter[str] = Counter()
    for name in kinds:
        counts = record.total(name)
        lines.append(
            _row(name, counts.inputs, counts.accepted, counts.rejected, len(counts.failures), counts.slowest_s)
        )
        overall.update(
            inputs=counts.inputs, accepted=counts.accepted, rejected=counts.rejected, failures=len(counts.failures)
        )
    slowest_s = max((record.total(name).slowest_s for name in kinds), default=0.0)
    return [*lines, _row("total", *(overall[key] for key in ("inputs", "accepted", "rejected", "failures")), slowest_s)]


def _row(name: str, inputs: int, accepted: int, rejected: int, failures: int, slowest_s: float) -> str:
    return f"{name:10} {inputs:8,} {accepted:9,} {rejected:9,} {failures:9,} {slowest_s:7.2f} s"
