"""Block external programs while untrusted pages are read.

Pages can name protocols (rtmp, mms) and yt-dlp has downloaders and extractors (rtmpdump, ffmpeg, phantomjs) that hand
addresses or scripts from a page to another program, whose connections cannot be checked. The filter of protocols
excludes them; this is the second check. Python raises an audit event before it starts a program.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

_EVENTS = {"subprocess.Popen": 1, "os.posix_spawn": 1, "os.exec": 1, "os.spawn": 2, "os.system": 0, "pty.spawn": 0}
"""Audit event → position of the argument list, or of the command."""

_allowed: ContextVar[frozenset[str] | None] = ContextVar("allowed", default=None)


class ProgramRefusedError(OSError):
    """An external program was about to be started for a page."""


@contextmanager
def refused(except_for: Collection[str]) -> Iterator[None]:
    """Refuse to start programs from this thread.

    Args:
        except_for: file names of programs that may be started
    """
    _install_hook()
    token = _allowed.set(frozenset(except_for))
    try:
        yield
    finally:
        _allowed.reset(token)


@cache
def _install_hook() -> None:
    # audit hooks cannot be removed: install it once; outside `refused` it does nothing
    sys.addaudithook(_on_audit_event)


def _on_audit_event(event: str, arguments: tuple[Any, ...]) -> None:
    position = _EVENTS.get(event)
    if position is None or (allowed := _allowed.get()) is None:
        return
    command = arguments[position]
    program = command if isinstance(command, (str, bytes, os.PathLike)) else command[0]
    name = Path(os.fsdecode(program)).name
    if name not in allowed:
        raise ProgramRefusedError(f"the external program {name[:100]!r} is not started for a page")
