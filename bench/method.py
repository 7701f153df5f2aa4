"""How it is measured: both sides in turn, every run in a fresh process on a fixed number of cores.

What the machine does besides (its clock, its caches, its neighbours) then falls on both sides alike, and the ratio of
each pair of runs is worth more than the ratio of two means.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.commands import ROOT
from bench.rows import Agreement, Figure, Row, Target
from bench.side import Given, Side

PEERS = ROOT / ".venv-bench"
OURS, THREADS = "undertone", ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_MOST_LINES = 15


class Skipped(Exception):
    """This machine lacks what a case needs; the message says what, and how to get it."""


class RunFailed(Exception):
    """A run ended without an answer; the message holds the end of what it said."""


@dataclass(frozen=True)
class Run:
    """One run: what it worked on, how long it took, the most memory of any of its processes, and what it told."""

    given: Given
    seconds: float
    peak_bytes: int
    told: Any


@dataclass(frozen=True)
class Pairs:
    """Runs of two sides, in turn: the first of one belongs to the first of the other."""

    ours: tuple[Run, ...]
    theirs: tuple[Run, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times longer the other side took, pair by pair."""
        return tuple(other.seconds / mine.seconds for mine, other in zip(self.ours, self.theirs, strict=True))

    def times_s(self, peer: str) -> dict[str, tuple[float, ...]]:
        """Return the seconds of every run by side."""
        return {OURS: seconds(self.ours), peer: seconds(self.theirs)}


@dataclass(frozen=True)
class Bench:
    """What a case has at hand.

    Args:
        folder: for its files; what lies there may be used again by a later run
        n_runs: how often each side is run
        quick: whether to measure on toy sizes, to see that it works
        tell: called before every run, with what is about to be run
    """

    folder: Path
    n_runs: int = 5
    quick: bool = False
    tell: Callable[[str], None] = lambda _: None

    def size(self, full: int, toy: int) -> int:
        """Return how much of something to measure on."""
        return toy if self.quick else full

    def in_turn(self, *sides: Side) -> tuple[tuple[Run, ...], ...]:
        """Run sides one after the other, round by round; return the runs of each.

        Raises:
            Skipped: if the environment of one is not there
            RunFailed: if a run ends badly
        """
        rounds = [tuple(self.once(side) for side in sides) for _ in range(self.n_runs)]
        return tuple(zip(*rounds, strict=True))

    def alternate(self, ours: Side, theirs: Side) -> Pairs:
        """Run both sides in turn, ours first."""
        return Pairs(*self.in_turn(ours, theirs))

    def repeat(self, side: Side) -> tuple[Run, ...]:
        """Run one side, again and again."""
        return self.in_turn(side)[0]

    def once(self, side: Side) -> Run:
        """Run a side once, in a process of its own.

        Raises:
            Skipped: if its environment is not there
            RunFailed: if it ends badly
        """
        given = side.given() if callable(side.given) else side.given
        self.tell(side.name)
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            request, answer = Path(place, "request.json"), Path(place, "answer.json")
            request.write_text(json.dumps({"prepare": side.prepare, "given": dict(given), "cores": side.cores}))
            interpreter = peers_python() if side.home == "peers" else sys.executable
            command = [str(interpreter), "-m", "bench.worker", str(request), str(answer)]
            ended = subprocess.run(  # noqa: S603  (our own worker)
                command, cwd=ROOT, env=_environment(side), capture_output=True, text=True, check=False
            )
            if ended.returncode:
                raise RunFailed("\n".join(ended.stderr.splitlines()[-_MOST_LINES:]))
            return Run(given, **json.loads(answer.read_text(encoding="utf-8")))


def peers_python() -> Path:
    """Return the interpreter of the peers' environment.

    Raises:
        Skipped: if that environment is not there
    """
    if not (found := PEERS / "bin" / "python").is_file():
        raise Skipped(f"the peers' environment {PEERS.name} is not there; `make bench` makes it")
    return found


def seconds(runs: Sequence[Run]) -> tuple[float, ...]:
    """Return how long each run took."""
    return tuple(run.seconds for run in runs)


def faster(
    name: str, what: str, pairs: Pairs, *, peer: str, target: float | None, agreement: Agreement, note: str = ""
) -> Row:
    """Return the row that says how many times faster than a peer undertone is."""
    figure: Figure = "times faster"
    bound = None if target is None else Target(target)
    return Row(name, what, figure, pairs.ratios, bound, pairs.times_s(peer), agreement, note)


def _environment(side: Side) -> dict[str, str]:
    threads = dict.fromkeys(THREADS, str(side.cores))
    return {**os.environ, **threads, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}
