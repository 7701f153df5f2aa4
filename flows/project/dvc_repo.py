"""DVC's view of a project folder, and where its messages go.

DVC keeps the streams that standard output and standard error were when it was first imported. In a process that runs
the pipeline more than once, such as a notebook or a test, these may be closed by then, and a stage would fail at DVC's
message that it starts.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

_LOGGERS = ("dvc", "dvc_objects", "dvc_data")


def opened(root: Path, **options: Any) -> Any:
    """Return a project folder as DVC's Repo, whose messages go to the current standard output and standard error.

    Args:
        root: the project folder
        options: those of DVC's Repo
    """
    from dvc.repo import Repo

    print_to_current_streams()
    return Repo(str(root), **options)


def print_to_current_streams() -> None:
    """Let DVC print to what standard output and standard error are now."""
    from dvc.logger import LoggerHandler

    for name in _LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, LoggerHandler):
                # `setStream` would flush the stream before, which fails if it is closed
                handler.stream = sys.stderr if handler.level >= logging.WARNING else sys.stdout
