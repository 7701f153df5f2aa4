"""`undertone experiment …`: add recipes, run them, show and compare their results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command_support import bootstrap, demand_corpus, demand_experiment, load_settings, show_page

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="Experiments: add recipes, run them, show and compare their results.")
Name = Annotated[str, typer.Argument(help="An experiment in params.yaml.")]
Checkpoint = Annotated[
    list[str] | None,
    typer.Option(help="Folder of a pretrained model, written into the recipe in place of its own of the same kind."),
]
Tiny = Annotated[
    bool, typer.Option("--tiny", help="Try it offline, as NAME-tiny: pretrained models get random weights.")
]


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
    from tasks.core.errors import UndertoneError

    config = load_settings()
    results = [metrics for name in config.experiments if (metrics := _metrics(name)) is not None]
    experiment_screen.overview(config, results)
    if results:
        try:
            dag.reproduce(("code", "leaderboard"), alone=True)
        except UndertoneError as error:
            # such as a run in progress: what there is can be shown
            typer.echo(f"The leaderboard is not updated: {error}", err=True)
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
    from tasks.leaks.finding import AuditReport

    config = load_settings()
    demand_experiment(config, name)
    metrics = _metrics(name)
    if metrics is None:
        raise InputError(f"{name} has no results yet; run it: undertone experiment run {name}")
    # results from another machine come without it
    cost = artifacts.read_json(paths.cost(name)) if paths.cost(name).is_file() else None
    audit = AuditReport.from_dict(artifacts.read_json(paths.experiment(name) / "audit.json"))
    experiment_screen.result(config, metrics, audit, cost)
    show_page(paths.page(name), browse=browse)


@app.command("run")
def run_experiments(
    names: Annotated[list[str], typer.Argument(help="Experiments in params.yaml.")],
    force: Annotated[bool, typer.Option("--force", "-f", help="Run them even if they are up to date.")] = False,
    checkpoint: Checkpoint = None,
    tiny: Tiny = False,
) -> None:
    """Run experiments, and whatever of their corpora and features is out of date. Recipes are checked first.

    --tiny adds the recipe to params.yaml as NAME-tiny and runs that one.

    Example: [bold]undertone experiment run ravdess-functionals-svm[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from flows.runs import in_process
    from tasks.experiments import plan, plan_checks
    from tasks.experiments.checkpoint_list import registered

    if checkpoint or tiny:
        names = _write_variants(names, checkpoint or (), tiny=tiny)
    config = registered(load_settings())
    plan_checks.demand_checkpoints(plan.plan(demand_experiment(config, name), config) for name in names)
    if force:
        in_process.bring_up_to_date([f"inputs@{name}" for name in names], say=typer.echo)
        in_process.bring_up_to_date([f"experiment@{name}" for name in names], say=typer.echo, force=True)
    in_process.bring_up_to_date([f"page@{name}" for name in names], say=typer.echo)
    results = [metrics for name in names if (metrics := _metrics(name)) is not None]
    experiment_screen.overview(config, results, only=names)


@app.command()
def robustness(
    name: Annotated[str, typer.Argument(help="Experiment of params.yaml that reads sound.")],
    most: Annotated[int, typer.Option(min=0, help="Test utterances that are altered; 0: all.")] = 400,
    browse: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Score a recipe on its test utterances as recordings alter them.

    12 dB louder and softer, noise at 20 dB SNR, telephone bandwidth, and MP3 of 32 kbit/s; the models are those of the
    experiment's folds. Features are extracted again for each. The scores
    become a section of the experiment's page.

    Example: [bold]undertone experiment robustness ravdess-functionals-svm[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from flows.runs import in_process
    from tasks.core import bugs, each, paths, tables
    from tasks.experiments import plan, plan_checks
    from tasks.experiments.checkpoint_list import registered
    from tasks.on_demand import robustness as measured

    config = registered(load_settings())
    recipe = measured.demand_acoustic(plan.plan(demand_experiment(config, name), config))
    plan_checks.demand_checkpoints([recipe])
    in_process.bring_up_to_date([f"experiment@{name}"], say=typer.echo)
    with bugs.recorded(f"robustness@{name}"):
        result = measured.measure(name, config, each=each.local(config.runtime), most=most)
    listing = paths.robustness(name)
    tables.write_text(listing, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    in_process.bring_up_to_date([f"page@{name}"], say=typer.echo)
    experiment_screen.robustness(result)
    typer.echo(f"As JSON: {listing.resolve()}")
    show_page(paths.page(name), browse=browse)


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
    checkpoint: Checkpoint = None,
    tiny: Tiny = False,
) -> None:
    """Add a published system's recipe to params.yaml, to run or change it; without arguments, list all recipes.

    The recipe is adapted to the corpus: TESS has two speakers, so one of them
    is tested at a time. Without a recipe's name, those that need text, sound or
    video are left out where the corpus has none.

    Example: [bold]undertone experiment new acoustic functionals-svm --corpus ravdess[/]
    """
    from flows.cli.screens import recipe_book as book_screen
    from tasks.core import paths
    from tasks.core.errors import InputError
    from tasks.corpora import intake
    from tasks.experiments import plan, recipe_book
    from tasks.on_demand import recipe_adaptation
    from tasks.on_demand.recipe_variants import variant, with_entries

    config = load_settings()
    if system is None:
        book_screen.show(config, corpus and config.corpora[demand_corpus(config, corpus)].reader)
        return
    if corpus is None:
        raise InputError(f"expected a corpus: --corpus NAME; params.yaml has {', '.join(config.corpora) or 'none'}")
    demand_corpus(config, corpus)
    features: dict[str, Any] = {}
    experiments: dict[str, Any] = {}
    for recipe_name in [recipe] if recipe else recipe_book.recipes_for(system, config.corpora[corpus].reader):
        needed, written = recipe_book.entries(system, recipe_name, corpus)
        needed |= {
            name: entry.model_dump(exclude_unset=True) for name, entry in config.features.items() if name in needed
        }
        ((name, entry),) = written.items()
        if not recipe and (reason := recipe_adaptation.lacking(needed, name, entry, config)):
            typer.echo(f"{name} is left out: {reason}")
            continue
        entry, notes = recipe_adaptation.adapted(recipe_book.stock(system, recipe_name), needed, name, entry, config)
        for note in notes:
            typer.echo(note)
        adapted = plan.plan(name, with_entries(config, needed, {name: entry}))
        sections = variant(adapted, checkpoint or (), tiny=tiny, shared=config.features)
        features |= sections["features"]
        experiments |= sections["experiments"]
    if not experiments:
        raise InputError(f"no recipe of {system} can be used with {corpus}: it lacks what their features read")
    if existing := sorted(set(experiments) & set(config.experiments)):
        raise InputError(f"params.yaml already has {', '.join(existing)}; change it there, or remove it first")
    plan.demand(with_entries(config, features, experiments))
    intake.write_entries(paths.PARAMS, {"features": features, "experiments": experiments})
    typer.echo(f"Added to params.yaml: {', '.join(experiments)}")
    typer.echo(f"Run: undertone experiment run {' '.join(experiments)}")


def _write_variants(names: list[str], checkpoints: Sequence[str], *, tiny: bool) -> list[str]:
    """Change recipes' pretrained models in params.yaml, and return the names of the experiments to run."""
    from tasks.core import paths
    from tasks.corpora import intake
    from tasks.experiments import plan
    from tasks.on_demand.recipe_variants import variant

    written = list[str]()
    for name in names:
        config = load_settings()
        recipe = plan.plan(demand_experiment(config, name), config)
        read = {part for other, entry in config.experiments.items() if other != name for part in entry.features}
        sections = variant(recipe, checkpoints, tiny=tiny, shared=read)
        intake.write_entries(paths.PARAMS, sections)
        written += sections["experiments"]
    return written


def _metrics(name: str) -> dict[str, Any] | None:
    from tasks.core import artifacts, paths

    path: Path = paths.experiment(name) / "results.json"
    if not path.is_file():
        return None
    metrics = artifacts.read_json(path)
    return metrics
