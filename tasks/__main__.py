"""`python -m tasks STAGE…`: runs stages in this project folder, in the order given; dvc.yaml's commands name one."""

from __future__ import annotations

import argparse
import errno
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from tasks.core import discovery, locks, memo, paths, progress_log, tables
from tasks.core import each as mapping
from tasks.core.config import CORPUS_NAME, Config, load
from tasks.core.errors import Busy, UndertoneError

LATE = (
    "tasks.stages.acoustic",
    "tasks.stages.segments",
    "tasks.stages.train",
    "tasks.stages.evaluate",
    "soundfile",
    "scipy.fft",
    "sklearn.model_selection",
    "sklearn.svm",
    "imblearn.over_sampling",
    "imblearn.pipeline",
)
"""What processes that work for several stages will want: they begin while the first ones are at work here."""
_CHECKED = ("corpus", "extract", "experiment")
"""Stages that take long: recipes that cannot work are refused before they start."""
INTERRUPTED = 130


def _say(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201


def run(
    stage: str, config: Config, each: mapping.Each, *, by: str, waiting: Callable[[str], None] = _say
) -> mapping.Tally:
    """Run a stage with a driver's `each`, alone in this project folder.

    Args:
        stage: the stage's word
        config: all settings
        each: maps the stage's function over its items
        by: who runs it, for those who have to wait
        waiting: told whom this run has to wait for, if it has to

    Returns:
        how many items there were, and how many were worked on

    Raises:
        Busy: if another run of the stage takes longer than `runtime.lock_wait_s`
    """
    wait_s = config.runtime.lock_wait_s
    tally = mapping.Tally()
    with (
        locks.together(memo.LOCK, wait_s=wait_s, waiting=waiting),
        locks.alone(stage, by, wait_s=wait_s, waiting=waiting),
    ):
        tables.sweep(paths.folder(stage))
        tables.sweep(paths.MEMO / stage)
        tables.sweep(paths.TALLY, f"{stage}.json")
        word, *name = stage.split("@")
        if word in _CHECKED:
            _demand_recipes(config)
        importlib.import_module(f"tasks.stages.{word}").run(config, *name, each=tally.of(each))
        tally.write(stage)
    if tally.done:
        _bound_memo(config.runtime.memo_max_bytes)
    return tally


def _demand_recipes(config: Config) -> None:
    """Refuse to read a corpus or to compute features for recipes that cannot work: the mistake is told at once."""
    from tasks.experiments import plan

    plan.demand(config)


def _stage(text: str) -> str:
    word, at, name = text.partition("@")
    if word in stages() and bool(at) == per_name(word) and (not at or re.fullmatch(CORPUS_NAME, name)):
        return text
    raise argparse.ArgumentTypeError(f"there is no stage {text!r}; the stages are {', '.join(_forms())}")


def stages() -> tuple[str, ...]:
    """Return the words of all stages, sorted: the modules of `tasks.stages`."""
    return tuple(module.rpartition(".")[2] for module in discovery.modules("tasks.stages"))


def per_name(word: str) -> bool:
    """Return whether a stage runs once for each name, as in `corpus@tess`.

    Args:
        word: of the stage
    """
    return "name" in inspect.signature(importlib.import_module(f"tasks.stages.{word}").run).parameters


def _forms() -> tuple[str, ...]:
    return tuple(f"{word}@NAME" if per_name(word) else word for word in stages())


def _bound_memo(max_bytes: int) -> None:
    if not max_bytes:
        return
    # whoever still runs a stage needs the memo as it is, and will do this at its own end
    with suppress(Busy), locks.alone(memo.LOCK, "tidying up", wait_s=0, waiting=_say):
        memo.clean(max_bytes=max_bytes)


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
    """Run the stages named on the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tasks", description=__doc__)
    parser.add_argument("stages", nargs="+", type=_stage, metavar="STAGE", help="such as captions or corpus@tess")
    chosen: list[str] = parser.parse_args(arguments).stages
    progress_log.on_a_terminal()
    stage = chosen[0]
    try:
        config = load(paths.PARAMS)
        with mapping.lasting(config.runtime, LATE if chosen[1:] else ()) as each:
            for stage in chosen:
                run(stage, config, each, by=f"python -m tasks {stage}")
    except (UndertoneError, OSError, KeyboardInterrupt) as error:
        if (message := explain(error)) is None:
            raise
        _say(f"{stage}: {message}")
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
