"""Sides that are whole programs, timed from start to end including imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import orphans
from bench.side import Prepared

PYTHON = sys.executable
ROOT = Path(__file__).resolve().parent.parent
_MOST_LINES = 15


class CommandFailed(Exception):
    """A program failed; the message is the end of its error output."""


def run(steps: Sequence[Sequence[str]], folder: str, warm_up: Sequence[Sequence[str]] = ()) -> Prepared:
    """Prepare programs that run one after the other; the peak of memory includes processes that outlive them.

    Args:
        steps: programs with their arguments
        folder: working directory
        warm_up: programs to run before, not timed
    """
    variables, ended = environment(), ExitStack()
    ended.enter_context(orphans.awaited())

    def run_all(commands: Sequence[Sequence[str]]) -> None:
        for command in commands:
            _run_one(command, folder, variables)

    return Prepared(
        timed=lambda: run_all(steps),
        warm_up=(lambda: run_all(warm_up)) if warm_up else None,
        summary=lambda _: ended.close(),
    )


def _run_one(command: Sequence[str], folder: str, environment: dict[str, str]) -> None:
    ended = subprocess.run(  # noqa: S603  (the cases' own commands)
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if ended.returncode:
        lines = ended.stderr.decode(errors="replace").splitlines()[-_MOST_LINES:]
        raise CommandFailed("\n".join([f"{' '.join(command)} ended with {ended.returncode}", *lines]))


def environment() -> dict[str, str]:
    """Return an environment in which `python` is this interpreter and can import undertone from any folder."""
    path = f"{Path(PYTHON).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # Python keeps compiled modules unless it is told not to, as in containers
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PATH": path, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}
