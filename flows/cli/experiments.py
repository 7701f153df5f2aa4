"""`undertone experiment …`: add recipes, run them, show and compare their results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command_support import bootstrap, demand_corpus, demand_experiment, load_settings, show_page

if TYPE_CHECKING:
    from tasks.core.config import Config

app = typer.Typer(no_args_is_help=True, help="Experiments: add recipes, run them, show and compare their results.")
Name = Annotated[str, typer.Argument(help="An experiment in params.yaml.")]


@app.command("list")
def list_experiments(
    show: Annotated[bool, typer.Option("--open", help="Open the leaderboard in a browser.")] = False,
) -> None:
    """List the recipes in params.yaml with their scores, and write the leaderboard with published scores.

    Example: [bold]undertone experiment list[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from flows.project import dag
    from tasks.core import paths

    config = load_settings()
    results = [metrics for name in config.experiments if (metrics := _metrics(name)) is not None]
    experiment_screen.overview(config, results)
    if results:
        dag.reproduce(("code", "leaderboard"), alone=True)
        show_page(paths.LEADERBOARD, browse=show, title="The leaderboard")


@app.command("show")
def show_experiment(
    name: Name,
    browse: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Show an experiment's scores, those of its baselines, and its cost.

    Example: [bold]undertone experiment show ravdess-functionals-svm[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from tasks.core import artifacts, paths
    from tasks.core.errors import InputError

    config = load_settings()
    demand_experiment(config, name)
    metrics = _metrics(name)
    if metrics is None:
        raise InputError(f"{name} has no results yet; run it: undertone experiment run {name}")
    cost = artifacts.read_json(paths.experiment(name) / "cost.json")
    experiment_screen.result(config, metrics, cost)
    show_page(paths.page(name), browse=browse)


@app.command("run")
def run_experiments(
    names: Annotated[list[str], typer.Argument(help="Experiments in params.yaml.")],
    force: Annotated[bool, typer.Option("--force", "-f", help="Run them even if they are up to date.")] = False,
) -> None:
    """Run experiments, and whatever of their corpora and features is out of date. Recipes are checked first.

    Example: [bold]undertone experiment run ravdess-functionals-svm[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from flows.project import dag
    from tasks.experiments import plan, plan_checks
    from tasks.experiments.checkpoint_list import registered

    config = registered(load_settings())
    plans = [plan.plan(demand_experiment(config, name), config) for name in names]
    plan_checks.demand_checkpoints(plans)
    reading, computing = plan.stages(plans)
    dag.reproduce(reading, alone=True)
    plan_checks.demand_corpus(plans)
    dag.reproduce(computing, alone=True)
    if force:
        dag.reproduce(tuple(f"experiment@{name}" for name in names), force=True)
        dag.reproduce(tuple(f"page@{name}" for name in names), alone=True)
    results = [metrics for name in names if (metrics := _metrics(name)) is not None]
    experiment_screen.overview(config, results, only=names)


@app.command()
def compare(a: Name, b: Name) -> None:
    """Compare two experiments on the utterances they share, with paired tests.

    Example: [bold]undertone experiment compare meld-logistic-emotion meld-fine-tuned-emotion[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from tasks.on_demand import compare_experiments

    config = load_settings()
    names = demand_experiment(config, a), demand_experiment(config, b)
    experiment_screen.comparison(compare_experiments.compare(*names, bootstrap(config)))


@app.command()
def new(
    system: Annotated[str | None, typer.Argument(help="A published system, such as meld-text-audio.")] = None,
    recipe: Annotated[str | None, typer.Argument(help="One of its recipes; all if not given.")] = None,
    corpus: Annotated[str | None, typer.Option(help="The corpus, by its name in params.yaml.")] = None,
) -> None:
    """Add a published system's recipe to params.yaml, to run or change it; without arguments, list all recipes.

    Example: [bold]undertone experiment new acoustic functionals-svm --corpus ravdess[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from tasks.core import paths
    from tasks.core.errors import InputError
    from tasks.corpora import intake
    from tasks.experiments import plan, recipe_book

    config = load_settings()
    if system is None:
        experiment_screen.recipes()
        return
    if corpus is None:
        raise InputError(f"expected a corpus: --corpus NAME; params.yaml has {', '.join(config.corpora) or 'none'}")
    demand_corpus(config, corpus)
    chosen = [recipe] if recipe else list(recipe_book.recipes(system))
    features: dict[str, Any] = {}
    experiments: dict[str, Any] = {}
    for recipe_name in chosen:
        needed, written = recipe_book.entries(system, recipe_name, corpus)
        features |= {name: entry for name, entry in needed.items() if name not in config.features}
        experiments |= written
    if existing := sorted(set(experiments) & set(config.experiments)):
        raise InputError(f"params.yaml already has {', '.join(existing)}; change it there, or remove it first")
    _demand_recipes(config, features, experiments)
    intake.write_entries(paths.PARAMS, {"features": features, "experiments": experiments})
    plan.demand(load_settings())
    typer.echo(f"Added to params.yaml: {', '.join(experiments)}")
    typer.echo(f"Run: undertone experiment run {' '.join(experiments)}")


def _demand_recipes(config: Config, features: dict[str, Any], experiments: dict[str, Any]) -> None:
    """Check recipes before they are added."""
    from tasks.core.config import Experiment, Extraction
    from tasks.experiments import plan

    plan.demand(
        config.model_copy(
            update={
                "features": {**config.features, **{name: Extraction(**entry) for name, entry in features.items()}},
                "experiments": {name: Experiment(**entry) for name, entry in experiments.items()},
            }
        )
    )


def _metrics(name: str) -> dict[str, Any] | None:
    from tasks.core import artifacts, paths

    path: Path = paths.experiment(name) / "metrics.json"
    if not path.is_file():
        return None
    metrics = artifacts.read_json(path)
    return metrics
