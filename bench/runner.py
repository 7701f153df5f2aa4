"""Run the sides of a case in turn, each run in a fresh process on a fixed number of cores.

Changes of the machine's speed (clock rate, caches, other load) then affect both sides alike, so that the median of the
ratios of pairs is more robust than the ratio of two means.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.commands import ROOT
from bench.measurements import Bound, Measurement, OutputComparison, Quantity
from bench.side import Inputs, RunSpec

PEERS, WHISPERX = ROOT / ".venv-bench", ROOT / ".venv-whisperx"
_WHISPERX_VERSION = "3.8.6"
OURS, THREADS = "undertone", ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_MOST_LINES = 15


class Skipped(Exception):
    """This machine lacks a requirement of a case; the message names it and how to install it."""


class RunFailed(Exception):
    """A run failed; the message is the end of its error output."""


@dataclass(frozen=True)
class TimedRun:
    """One run: inputs, duration, peak memory of its largest process, and the summary of its output."""

    inputs: Inputs
    seconds: float
    peak_bytes: int
    summary: Any


@dataclass(frozen=True)
class Pairs:
    """Runs of two sides in turn; runs with the same index form a pair."""

    ours: tuple[TimedRun, ...]
    theirs: tuple[TimedRun, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Duration of the other side divided by ours, per pair."""
        return tuple(other.seconds / mine.seconds for mine, other in zip(self.ours, self.theirs, strict=True))

    def times_s(self, peer: str) -> dict[str, tuple[float, ...]]:
        """Return the seconds of each run by side.

        Args:
            peer: name of the other side
        """
        return {OURS: seconds(self.ours), peer: seconds(self.theirs)}


@dataclass(frozen=True)
class Bench:
    """Settings and runner of a case.

    Args:
        folder: folder for its files; may be reused by later runs
        n_runs: number of runs per side
        quick: use small sizes, to test the benchmark
        progress: called before each run with the name of the side
    """

    folder: Path
    n_runs: int = 5
    quick: bool = False
    progress: Callable[[str], None] = lambda _: None

    def size(self, full: int, toy: int) -> int:
        """Return a size: `toy` in quick mode, else `full`.

        Args:
            full: size for real measurements
            toy: size in quick mode
        """
        return toy if self.quick else full

    def run_in_turn(self, *sides: RunSpec) -> tuple[tuple[TimedRun, ...], ...]:
        """Run sides in turn (A B C A B C …); return the runs of each side.

        Args:
            sides: the sides in order

        Raises:
            Skipped: if the environment of a side is missing
            RunFailed: if a run fails
        """
        rounds = [tuple(self.run_once(side) for side in sides) for _ in range(self.n_runs)]
        return tuple(zip(*rounds, strict=True))

    def alternate(self, ours: RunSpec, theirs: RunSpec) -> Pairs:
        """Run two sides in turn.

        Args:
            ours: our side, which runs first
            theirs: the other side
        """
        return Pairs(*self.run_in_turn(ours, theirs))

    def repeat(self, side: RunSpec) -> tuple[TimedRun, ...]:
        """Run one side `n_runs` times.

        Args:
            side: the side
        """
        return self.run_in_turn(side)[0]

    def run_once(self, side: RunSpec) -> TimedRun:
        """Run a side once, in a separate process.

        Args:
            side: the side

        Raises:
            Skipped: if its environment is missing
            RunFailed: if the run fails
        """
        inputs = side.inputs() if callable(side.inputs) else side.inputs
        self.progress(side.name)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            request, answer = Path(folder, "request.json"), Path(folder, "answer.json")
            request.write_text(json.dumps({"prepare": side.prepare, "inputs": dict(inputs), "cores": side.cores}))
            command = [str(_INTERPRETERS[side.environment]()), "-m", "bench.worker", str(request), str(answer)]
            ended = subprocess.run(  # noqa: S603  (our own worker)
                command, cwd=ROOT, env=_environment(side), capture_output=True, text=True, check=False
            )
            if ended.returncode:
                raise RunFailed("\n".join(ended.stderr.splitlines()[-_MOST_LINES:]))
            return TimedRun(inputs, **json.loads(answer.read_text(encoding="utf-8")))


def peers_python() -> Path:
    """Return the Python interpreter of the peers' environment.

    Raises:
        Skipped: if the environment is missing
    """
    if not (interpreter := PEERS / "bin" / "python").is_file():
        raise Skipped(f"the peers' environment {PEERS.name} is missing; `make bench` creates it")
    return interpreter


def whisperx_python() -> Path:
    """Return the Python interpreter of WhisperX's environment, which `make bench` does not create: it takes 7 GB.

    Raises:
        Skipped: if the environment is missing
    """
    if not (interpreter := WHISPERX / "bin" / "python").is_file():
        raise Skipped(
            f"the environment {WHISPERX.name} is missing (7 GB): python3.11 -m venv {WHISPERX.name} && "
            f"{WHISPERX.name}/bin/pip install whisperx=={_WHISPERX_VERSION}"
        )
    return interpreter


_INTERPRETERS: Mapping[str, Callable[[], Path]] = {
    "ours": lambda: Path(sys.executable),
    "peers": peers_python,
    "whisperx": whisperx_python,
}


def seconds(runs: Sequence[TimedRun]) -> tuple[float, ...]:
    """Return the duration of each run.

    Args:
        runs: the runs
    """
    return tuple(run.seconds for run in runs)


def speedup(
    name: str, what: str, pairs: Pairs, *, peer: str, target: float | None, agreement: OutputComparison, note: str = ""
) -> Measurement:
    """Return the measurement of how many times faster than a peer undertone is.

    Args:
        name: the case, and its part
        what: description
        pairs: runs of both sides
        peer: name of the other side
        target: lower bound of the median, if any
        agreement: comparison of the outputs of both sides
        note: footnote
    """
    quantity: Quantity = "times faster"
    bound = None if target is None else Bound(target)
    return Measurement(name, what, quantity, pairs.ratios, bound, pairs.times_s(peer), agreement, note)


def _environment(side: RunSpec) -> dict[str, str]:
    threads = dict.fromkeys(THREADS, str(side.cores))
    return {**os.environ, **threads, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}
