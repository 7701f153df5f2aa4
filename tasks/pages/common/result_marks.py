"""Marks of results that are not those of the present recipe, or whose rerun did not finish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.core import artifacts, locks, paths
from tasks.core.config import Config
from tasks.experiments import matching


def outdated(metrics: Mapping[str, Any], config: Config) -> str:
    """Return in what an experiment's results differ from its recipe in params.yaml; no text if they match it.

    Args:
        metrics: content of `results.json`
        config: all settings
    """
    name = metrics["experiment"]
    if matching.matches(metrics, name, config):
        return ""
    if matching.DIGEST not in metrics:
        return "of an earlier version of undertone"
    return f"of an earlier recipe{_changed(name, config)}"


def all_of(metrics: Mapping[str, Any], config: Config) -> list[str]:
    """Return all marks of an experiment's results, those of reruns included; none if they are up to date.

    Args:
        metrics: content of `results.json`
        config: all settings
    """
    unfinished = locks.unfinished(f"experiment@{metrics['experiment']}")
    marks = (untrained(metrics), outdated(metrics, config), unfinished and f"older than a run {unfinished}")
    return [mark for mark in marks if mark]


def untrained(metrics: Mapping[str, Any]) -> str:
    """Return that small models of random weights stood in for pretrained ones; no text for other results.

    Args:
        metrics: content of `results.json`
    """
    return "random weights: the scores only show that the recipe runs" if metrics.get("random_weights") else ""


def _changed(name: str, config: Config) -> str:
    """Return which settings of the recipe differ from those that the kept model's card states."""
    path = paths.experiment(name) / "model" / "card.json"
    trained = artifacts.read_json(path).get("recipe") if path.is_file() else None
    if trained is None:
        return ""
    present = config.experiments[name].model_dump(mode="json", exclude={"note"})
    changed = [key for key, value in present.items() if trained.get(key) != value]
    return f" ({', '.join(changed) or 'features, corpora or evaluate'} changed)"
