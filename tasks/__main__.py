"""`python -m undertone STAGE…`: run stages of this project folder in the order given. Commands in dvc.yaml name one.

In a checkout, `python -m tasks STAGE…` is the same.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import ModuleType

from tasks.core import (
    bugs,
    discovery,
    heap,
    locks,
    memo,
    os_errors,
    paths,
    pipeline_file,
    progress_log,
    tables,
    workers,
)
from tasks.core import each as mapping
from tasks.core.code_version import PACKAGE
from tasks.core.config import CORPUS_NAME, Config, load
from tasks.core.errors import Busy, UndertoneError
from tasks.core.outcomes import ItemsFailed, Outcome

_SOUND = ("pandas", "soundfile", "scipy.fft", "threadpoolctl", f"{PACKAGE}.features.extracting.alongside")
_IMPORTS = {
    "captions": (f"{PACKAGE}.stages.captions", "threadpoolctl"),
    "polarity": (f"{PACKAGE}.stages.polarity", "threadpoolctl"),
    "segments": (f"{PACKAGE}.stages.segments", f"{PACKAGE}.features.sound.utterance_statistics", *_SOUND),
    "corpus": (f"{PACKAGE}.stages.corpus", *_SOUND),
    "extract": (f"{PACKAGE}.stages.extract", f"{PACKAGE}.features.sound.utterance_statistics", *_SOUND),
    "experiment": (
        "pandas",
        "sklearn.model_selection",
        "sklearn.svm",
        "imblearn.combine",
        "threadpoolctl",
        f"{PACKAGE}.stages.experiment",
        f"{PACKAGE}.models.support_vectors",
    ),
}
"""Stage → modules that its worker processes import before they are given work."""
PRELOADED = tuple(dict.fromkeys(name for names in _IMPORTS.values() for name in names))
"""The same for a run of several stages, whose processes are kept from one stage to the next."""
_CHECKED = ("corpus", "extract", "experiment")
"""Long stages: all recipes are checked before they start."""
INTERRUPTED = 130


def _say(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201


def run(
    stage: str, config: Config, each: mapping.Each, *, by: str, waiting: Callable[[str], None] = _say
) -> mapping.Tally:
    """Run a stage under its lock: one process at a time runs it in this project folder.

    Args:
        stage: its name, such as `captions` or `corpus@tess`
        config: all settings
        each: the driver, which maps the stage's function over its items
        by: name of this run, for the messages of runs that wait for it
        waiting: receives a message if this run has to wait for another

    Returns:
        the number of items, and of those that were not cached

    Raises:
        Busy: if another run of the stage takes longer than `runtime.lock_wait_s`
        ItemsFailed: if items met bugs; the others are cached, and the outputs are those of the last complete run
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
        module = importlib.import_module(f"{PACKAGE}.stages.{word}")
        with bugs.recorded(stage, _rejected_table(module, stage, config)):
            module.run(config, *name, each=tally.of(each))
            tally.demand_no_bug(stage)
        tally.write(stage)
    return tally


def _rejected_table(module: ModuleType, stage: str, config: Config) -> Path | None:
    """Return a stage's table of rejected items: the one that dvc.yaml declares, or that its module names."""
    if hasattr(module, "rejected_table"):
        return Path(module.rejected_table(config, *stage.split("@")[1:]))
    table = paths.rejected(stage)
    return table if pipeline_file.is_output(table, stage) else None


def _demand_recipes(config: Config) -> None:
    """Check all recipes, so that a mistake is reported before a corpus is read or features are computed."""
    from tasks.experiments import plan

    plan.demand(config)


def _stage(text: str) -> str:
    word, at, name = text.partition("@")
    if word in stages() and bool(at) == per_name(word) and (not at or re.fullmatch(CORPUS_NAME, name)):
        return text
    raise argparse.ArgumentTypeError(f"there is no stage {text!r}; the stages are {', '.join(_forms())}")


def command(stage: str) -> str:
    """Return the command of a shipped stage in dvc.yaml.

    Args:
        stage: its name, such as `captions` or `corpus@tess`
    """
    return f"python -m undertone {stage}"


def stages() -> tuple[str, ...]:
    """Return the names of all stages, sorted: the modules of `tasks.stages`."""
    return tuple(module.rpartition(".")[2] for module in discovery.modules(f"{PACKAGE}.stages"))


def per_name(word: str) -> bool:
    """Return whether a stage runs once for each name, as in `corpus@tess`.

    Args:
        word: the stage's name without `@NAME`
    """
    return "name" in inspect.signature(importlib.import_module(f"{PACKAGE}.stages.{word}").run).parameters


def _forms() -> tuple[str, ...]:
    return tuple(f"{word}@NAME" if per_name(word) else word for word in stages())


def bound_memo(max_bytes: int) -> None:
    """Bound the cache, after all stages of a run: listing thousands of entries takes time.

    Args:
        max_bytes: limit of the cache; 0: none
    """
    if not max_bytes:
        return
    # if another stage is running, the cache must stay as it is; that run cleans it at its own end
    with suppress(Busy), locks.alone(memo.LOCK, "cleaning the cache", wait_s=0, waiting=_say):
        memo.clean(max_bytes=max_bytes)


def explain(error: BaseException) -> str | None:
    """Return the message for an error that the user can fix, or for bugs that are recorded; None for another bug.

    Every command, stage and flow shows errors through this function.

    Args:
        error: the exception
    """
    if isinstance(error, UndertoneError):
        message = str(error)
        return f"{error.item}: {message}" if error.item and error.item not in message else message
    if isinstance(error, ItemsFailed):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped; the next run continues from there"
    return os_errors.explain(error)


def main(arguments: Sequence[str] | None = None, driver: mapping.Each | None = None) -> int:
    """Run the stages named on the command line; return the exit status.

    Args:
        arguments: names of stages; those of the process if None
        driver: maps their functions over their items; if None, processes that end with the last of these stages
    """
    parser = argparse.ArgumentParser(prog="python -m undertone", description=__doc__)
    parser.add_argument("stages", nargs="+", type=_stage, metavar="STAGE", help="such as captions or corpus@tess")
    named: list[str] = parser.parse_args(arguments).stages
    progress_log.on_a_terminal()
    workers.exit_with_driver()
    heap.seek_cycles_rarely()
    stage = named[0]
    try:
        config = load(paths.PARAMS)
        # those of these stages only: captions and votes alone need no models
        needed = (_IMPORTS.get(name.partition("@")[0], ()) for name in named)
        modules = tuple(dict.fromkeys(module for names in needed for module in names))
        if modules and config.runtime.workers != 1 and not (paths.MEMO / stage).exists():
            # all items are new: the modules are imported while this process imports and reads its own
            workers.start_forking((workers.FORKED, *(PRELOADED if driver else modules)))
        with ExitStack() as ended:
            each = driver or ended.enter_context(mapping.lasting(config.runtime, modules, early=len(named) > 1))
            n_done = 0
            for stage in named:
                n_done += run(stage, config, each, by=command(stage)).done
        if n_done:
            bound_memo(config.runtime.memo_max_bytes)
    except (Exception, KeyboardInterrupt) as error:
        if (message := explain(error)) is None:
            raise
        _say(f"{stage}: {message}")
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def lasting() -> Callable[[Sequence[str]], int]:
    """Return `main` for a process that is called many times; its worker processes last as long as itself."""
    ended, drivers = ExitStack(), list[mapping.Each]()

    def each(work: mapping.Work, items: Sequence[mapping.Item]) -> Iterator[Outcome]:
        if not drivers:
            drivers.append(ended.enter_context(mapping.lasting(load(paths.PARAMS).runtime, PRELOADED)))
        return drivers[0](work, items)

    return lambda arguments: main(arguments, each)


if __name__ == "__main__":
    sys.exit(main())
