"""`undertone experiment …`: write recipes, run them, look at what came out, compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tasks.core.config import Config

app = typer.Typer(no_args_is_help=True, help="Experiments: write recipes, run them, compare what came out.")
Name = Annotated[str, typer.Argument(help="An experiment of params.yaml.")]


@app.command("list")
def list_experiments(
    show: Annotated[bool, typer.Option("--open", help="Open the leaderboard in a browser.")] = False,
) -> None:
    """Show the recipes of params.yaml with their figures, and write the leaderboard, published figures beside them.

    Example: [bold]undertone experiment list[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from flows.project import dag
    from tasks.core import paths

    config = _config()
    results = [found for name in config.experiments if (found := _metrics(name)) is not None]
    experiment_screen.overview(config, results)
    if results:
        dag.reproduce(("code", "leaderboard"), alone=True)
        typer.echo(f"The leaderboard: {paths.LEADERBOARD.resolve()}")
        if show:
            typer.launch(str(paths.LEADERBOARD.resolve()))


@app.command("show")
def show_experiment(
    name: Name,
    browse: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Show an experiment's figures beside its baselines, and what it cost.

    Example: [bold]undertone experiment show ravdess-functionals-svm[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from tasks.core import paths
    from tasks.core.errors import InputError

    _known(_config(), name)
    found = _metrics(name)
    if found is None:
        raise InputError(f"{name} has not been run yet: undertone experiment run {name}")
    cost = json.loads((paths.experiment(name) / "cost.json").read_text(encoding="utf-8"))
    experiment_screen.figures(found, cost)
    page = paths.page(name).resolve()
    typer.echo(f"The page: {page}")
    if browse:
        typer.launch(str(page))


@app.command("run")
def run_experiments(
    names: Annotated[list[str], typer.Argument(help="Experiments of params.yaml.")],
    force: Annotated[bool, typer.Option("--force", "-f", help="Run them even if they are current.")] = False,
) -> None:
    """Bring experiments, their corpora and their features up to date. Recipes are checked before anything runs.

    Example: [bold]undertone experiment run ravdess-functionals-svm[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from flows.project import dag
    from tasks.experiments import plan
    from tasks.experiments.checkpoint_list import registered

    config = registered(_config())
    needed = plan.stages([plan.plan(_known(config, name), config) for name in names])
    dag.reproduce(needed, alone=True)
    if force:
        dag.reproduce(tuple(f"experiment@{name}" for name in names), force=True)
        dag.reproduce(tuple(f"page@{name}" for name in names), alone=True)
    results = [found for name in names if (found := _metrics(name)) is not None]
    experiment_screen.overview(config, results, only=names)


@app.command()
def compare(a: Name, b: Name) -> None:
    """Compare two experiments on the utterances that both have scored: paired tests.

    Example: [bold]undertone experiment compare meld-logistic-emotion meld-fine-tuned-emotion[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from tasks.evaluation.scores import Bootstrap
    from tasks.on_demand import compare_experiments as comparing

    config = _config()
    settings = config.evaluate
    bootstrap = Bootstrap(settings.bootstrap, settings.confidence, settings.seed)
    experiment_screen.comparison(comparing.compare(_known(config, a), _known(config, b), bootstrap))


@app.command()
def new(
    system: Annotated[str | None, typer.Argument(help="A system of the book, such as meld-text-audio.")] = None,
    recipe: Annotated[str | None, typer.Argument(help="One of its recipes; all of them if none is named.")] = None,
    corpus: Annotated[str | None, typer.Option(help="The corpus it is for, as params.yaml names it.")] = None,
) -> None:
    """Write a published system's recipe into params.yaml, to be run or changed; without arguments, list the book.

    Example: [bold]undertone experiment new acoustic functionals-svm --corpus ravdess[/]
    """
    from flows.cli.corpora import demand_corpus
    from flows.cli.screens import experiments as experiment_screen
    from tasks.core import paths
    from tasks.core.errors import InputError
    from tasks.corpora import intake
    from tasks.experiments import plan, recipe_book

    config = _config()
    if system is None:
        experiment_screen.book()
        return
    if corpus is None:
        raise InputError(f"name the corpus it is for: --corpus NAME (there: {', '.join(config.corpora) or 'none yet'})")
    demand_corpus(config, corpus)
    chosen = [recipe] if recipe else list(recipe_book.recipes(system))
    features: dict[str, Any] = {}
    experiments: dict[str, Any] = {}
    for one in chosen:
        needed, written = recipe_book.entries(system, one, corpus)
        features |= {name: entry for name, entry in needed.items() if name not in config.features}
        experiments |= written
    if there := sorted(set(experiments) & set(config.experiments)):
        raise InputError(f"params.yaml has {', '.join(there)} already; change it there, or remove it first")
    _demand(config, features, experiments)
    intake.write_entries(paths.PARAMS, {"features": features, "experiments": experiments})
    plan.demand(_config())
    typer.echo(f"In params.yaml now: {', '.join(experiments)}")
    typer.echo(f"Run: undertone experiment run {' '.join(experiments)}")


def _demand(config: Config, features: dict[str, Any], experiments: dict[str, Any]) -> None:
    """Check recipes before they are written."""
    from tasks.core.config import Experiment, Extraction
    from tasks.experiments import plan

    plan.demand(
        config.model_copy(
            update={
                "features": {**config.features, **{one: Extraction(**entry) for one, entry in features.items()}},
                "experiments": {one: Experiment(**entry) for one, entry in experiments.items()},
            }
        )
    )


def _metrics(name: str) -> dict[str, Any] | None:
    from tasks.core import paths

    path: Path = paths.experiment(name) / "metrics.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _known(config: Config, name: str) -> str:
    from tasks.core.errors import InputError

    if name not in config.experiments:
        there = ", ".join(config.experiments) or "none yet"
        raise InputError(
            f"params.yaml has no experiment {name!r} (there: {there}). Write one: undertone experiment new"
        )
    return name


def _config() -> Config:
    from flows.project import upgrade

    return upgrade.settings()
