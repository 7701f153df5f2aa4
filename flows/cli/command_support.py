"""Shared by commands: the project's settings, checks of names in it, and pages to show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from tasks.core.config import Config
    from tasks.evaluation.scores import Bootstrap


def load_settings() -> Config:
    """Return the settings in params.yaml, after upgrading the project."""
    from flows.project import upgrade

    return upgrade.settings()


def shipped_settings() -> Config:
    """Return the settings as shipped, for commands that need no project."""
    from tasks.core import config, paths
    from tasks.core.code_version import ROOT

    return config.load(ROOT / paths.PARAMS)


def bootstrap(config: Config) -> Bootstrap:
    """Return the settings of intervals.

    Args:
        config: all settings
    """
    from tasks.evaluation.scores import Bootstrap

    return Bootstrap(config.evaluate.bootstrap, config.evaluate.confidence, config.evaluate.seed)


def demand_corpus(config: Config, name: str) -> str:
    """Return a corpus's name after checking that params.yaml has it.

    Args:
        config: all settings
        name: of the corpus

    Raises:
        InputError: if it has not
    """
    return _demand(name, list(config.corpora), "corpus", f"Add it: undertone corpus add {name} PATH")


def demand_experiment(config: Config, name: str) -> str:
    """Return an experiment's name after checking that params.yaml has it.

    Args:
        config: all settings
        name: of the experiment

    Raises:
        InputError: if it has not
    """
    return _demand(name, list(config.experiments), "experiment", "Add one: undertone experiment new")


def show_page(path: Path, *, browse: bool, title: str = "The page") -> None:
    """Print where a page is, and open it.

    Args:
        path: of the page
        browse: whether it is opened in a browser
        title: printed before its path
    """
    typer.echo(f"{title}: {path.resolve()}")
    if browse:
        typer.launch(str(path.resolve()))


def _demand(name: str, names: list[str], kind: str, advice: str) -> str:
    from tasks.core.errors import InputError

    if name not in names:
        raise InputError(f"params.yaml has no {kind} {name!r}; it has {', '.join(names) or 'none'}. {advice}")
    return name
