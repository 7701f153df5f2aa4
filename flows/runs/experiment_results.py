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
    path = paths.experiment(name) / "results.json"
    try:
        results: dict[str, Any] | None = artifacts.read_json(path) if path.is_file() else None
    except UndertoneError:
        return None
    return results
