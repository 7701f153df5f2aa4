"""Results of experiments as a run's summary and artifacts read them."""

from __future__ import annotations

from typing import Any

from tasks.core import artifacts, paths
from tasks.core.errors import UndertoneError


def read(name: str) -> dict[str, Any] | None:
    """Return an experiment's results; None if it has none, or if the file is damaged, which the next stage reports.

    Args:
        name: of the experiment
    """
    folder = paths.experiment(name)
    # results of earlier versions lie in the file that now has only DVC's few metrics
    file = next((folder / file for file in ("results.json", "metrics.json") if (folder / file).is_file()), None)
    try:
        results: dict[str, Any] | None = artifacts.read_json(file) if file else None
    except UndertoneError:
        return None
    return results
