"""`python -m tasks STAGE`: runs one stage in this project folder; the command of every stage in dvc.yaml."""

from __future__ import annotations

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence

from tasks import each as mapping
from tasks import paths
from tasks.config import Config, load
from tasks.errors import UndertoneError

STAGES = ("crawl", "captions", "polarity", "segments", "acoustic", "train", "evaluate", "report")
INTERRUPTED = 130


def run(stage: str, config: Config, each: mapping.Each) -> None:
    """Run a stage with a driver's `each`."""
    importlib.import_module(f"tasks.{stage}").run(config, each=each)


def explain(error: BaseException) -> str | None:
    """Return what to tell a person about an error they can mend, or None for a bug."""
    if isinstance(error, UndertoneError):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full ({error.filename}); free some space and run again: finished items are kept"
    if isinstance(error, KeyboardInterrupt):
        return "stopped; run again and it goes on where it was"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stage named on the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tasks", description=__doc__)
    parser.add_argument("stage", choices=STAGES, metavar="STAGE", help=", ".join(STAGES))
    stage: str = parser.parse_args(arguments).stage
    try:
        config = load(paths.PARAMS)
        run(stage, config, mapping.local(config.runtime))
    except (UndertoneError, OSError, KeyboardInterrupt) as error:
        if (message := explain(error)) is None:
            raise
        print(f"{stage}: {message}", file=sys.stderr)  # noqa: T201
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
