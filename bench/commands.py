"""Whole programs as a side: the time from their start to their end, imports and all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.side import Ready

PYTHON = sys.executable
ROOT = Path(__file__).resolve().parent.parent
_MOST_LINES = 15


class CommandFailed(Exception):
    """A program that had to succeed did not; the message holds the end of what it said."""


def run(steps: Sequence[Sequence[str]], folder: str, warm_up: Sequence[Sequence[str]] = ()) -> Ready:
    """Return programs that are run one after the other in a folder.

    Args:
        steps: the programs with their arguments
        folder: where they run
        warm_up: programs to run before, outside the time
    """
    environment = _environment()

    def each(commands: Sequence[Sequence[str]]) -> None:
        for command in commands:
            _done(command, folder, environment)

    return Ready(timed=lambda: each(steps), warm_up=(lambda: each(warm_up)) if warm_up else None)


def _done(command: Sequence[str], folder: str, environment: dict[str, str]) -> None:
    ended = subprocess.run(  # noqa: S603  (the cases' own commands)
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").splitlines()[-_MOST_LINES:]
        raise CommandFailed("\n".join([f"{' '.join(command)} ended with {ended.returncode}", *said]))


def _environment() -> dict[str, str]:
    """Return an environment in which `python` is this one, and knows the house wherever it is started."""
    path = f"{Path(PYTHON).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}
