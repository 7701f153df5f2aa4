"""Corpora and checkpoints: inputs of stages that lie outside a project and are not on every machine that has it.

DVC takes a missing input for a change, so `dvc status` lists it and `dvc repro` wants to run its stage, unless it is
given `--allow-missing`. Here the tables that were read from it are enough, for as long as nothing else has changed.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

_READ_BY = ("corpus@", "checkpoint@")
"""Stages that read sources."""


def of(stage: Any, graph: Any) -> frozenset[str]:
    """Return the paths that a stage reads outside the project's own files and outputs, as DVC's status names them.

    Args:
        stage: DVC's
        graph: all stages
    """
    if not stage.addressing.startswith(_READ_BY):
        return frozenset()
    made = [Path(output.fs_path) for other in graph for output in other.outs]
    paths_read = {str(entry): Path(entry.fs_path) for entry in stage.deps if entry.protocol == "local"}
    return frozenset(
        name
        for name, path in paths_read.items()
        if name not in (str(entry) for entry in stage.params)
        and not any(output.is_relative_to(path) or path.is_relative_to(output) for output in made)
    )


def without_deleted(entry: Any, sources: Collection[str]) -> Any:
    """Return an entry of DVC's status of a stage, without the deletion of sources; nothing if nothing else is left.

    Args:
        entry: an element of the list that DVC's `status` has for a stage
        sources: names of inputs that may be missing
    """
    if not isinstance(entry, dict):
        return entry
    rest = {
        kind: {path: change for path, change in changed.items() if path not in sources or change != "deleted"}
        for kind, changed in entry.items()
    }
    return {kind: changed for kind, changed in rest.items() if changed}
