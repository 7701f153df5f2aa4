"""undertone: defensible speech-emotion experiments, from interviews or corpora. The names are those of `tasks.api`.

`python -m undertone STAGE…` runs stages of the project in the current folder; it is the command of stages in dvc.yaml.
In a wheel this file is the package `undertone`, which contains all other code (setup.py).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tasks import api as _api
from tasks.api import __all__

if TYPE_CHECKING:
    from tasks.api import *  # noqa: F403


def __getattr__(name: str) -> object:
    """Look up a name of the API when it is used, so that names that are loaded late stay so.

    The two flows are here for prefect.yaml: names of entry points must not depend on the kind of installation.
    """
    if name == "weak_supervision":
        from flows.weak_supervision import weak_supervision

        return weak_supervision
    if name == "corpus_benchmark":
        from flows.corpus_benchmark import corpus_benchmark

        return corpus_benchmark
    return getattr(_api, name)


def __dir__() -> list[str]:
    """List the names of the API."""
    return sorted({*globals(), *__all__})


def command_line() -> None:
    """Run the command `undertone`."""
    from flows.cli.main import main

    main()


if __name__ == "__main__":
    from tasks.core import stage_process

    sys.exit(stage_process.run(sys.argv[1:]))
