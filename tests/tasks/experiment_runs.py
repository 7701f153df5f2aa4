"""Runs of the stages `experiment` and `page` in the current project folder."""

from __future__ import annotations

import json
from typing import Any

from tasks.core import each, paths
from tasks.core.config import Config
from tasks.stages import experiment, page


def run(config: Config, name: str = "trial", workers: int = 1) -> dict[str, Any]:
    """Run an experiment, draw its page and return its `results.json`."""
    alone = config.runtime.model_copy(update={"workers": workers, "progress": "never"})
    experiment.run(config, name, each=each.local(alone))
    page.run(config, name, each=each.local(alone))
    metrics: dict[str, Any] = json.loads((paths.experiment(name) / "results.json").read_text())
    return metrics
