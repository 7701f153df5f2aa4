"""`undertone audit` and `undertone price`: what training and test part share, and how much that raises the scores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.command_support import demand_corpus, demand_experiment, load_settings, show_page

if TYPE_CHECKING:
    from tasks.core.config import Config

Declared = Annotated[
    list[str] | None, typer.Option("--declare", help="Leak to accept, such as same-sound; may be repeated.")
]


def audit(
    name: Annotated[str, typer.Argument(help="Corpus of params.yaml; by default the interviews.")] = "interviews",
    protocol: Annotated[str, typer.Option(help="Protocol: official, speaker-out(5), random(5) …")] = "official",
    declared: Declared = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Check what training and test part share; exit with status 1 at a violation.

    Example: [bold]undertone audit ravdess --protocol 'speaker-out(6)'[/]
    """
    from flows.cli.screens import corpora as corpus_screen
    from flows.project import dag
    from tasks import leaks
    from tasks.core import artifacts, paths, tables
    from tasks.core.config import INTERVIEWS
    from tasks.evaluation import protocols
    from tasks.pages.common import audit_page as page
    from tasks.stages import audit

    config = load_settings()
    rule = protocols.parse(protocol)
    dag.reproduce((f"corpus@{demand_corpus(config, name)}",))
    title, target = f"{name}, {rule.name}", paths.folder(f"corpus@{name}") / "audit.html"
    simulated = artifacts.read_json(paths.reading(name)).get("simulated", False)
    accepted = [*(declared or []), *(config.audit.declared if name == INTERVIEWS else [])]
    report = audit.of_corpus(name, rule, declared=accepted, seed=config.evaluate.seed)
    tables.write_text(target, page.render(report, title, simulated=simulated))
    # with all pairs: the page and the terminal name a few
    listing = target.with_suffix(".json")
    tables.write_text(listing, json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n")
    corpus_screen.audit(report, title, listing)
    show_page(target, browse=show)
    leaks.demand(report)


def price(
    name: Annotated[str, typer.Argument(help="Experiment of params.yaml, under a protocol without leaks.")],
    declared: Declared = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Measure how much random folds raise the scores of a recipe above those under its own protocol.

    The recipe runs under both; its own protocol is audited first. Fits of an experiment that has been run are reused.

    Example: [bold]undertone price ravdess-mid-term-svm[/]
    """
    from flows.cli.screens import experiments as experiment_screen
    from flows.runs import in_process
    from tasks.core import bugs, each, paths, tables
    from tasks.experiments import plan, plan_checks
    from tasks.experiments.checkpoint_list import registered
    from tasks.on_demand import leak_price
    from tasks.pages.experiment import price_page

    config = registered(load_settings())
    recipe = plan.plan(_demand_priced(config, name), config)
    leak_price.demand_honest(recipe)
    plan_checks.demand_checkpoints([recipe])
    in_process.bring_up_to_date([f"inputs@{name}"], say=typer.echo)
    with bugs.recorded(f"price@{name}"):
        result = leak_price.price(name, config, each=each.local(config.runtime), declared=declared or [])
    target = paths.folder(f"price@{name}") / "index.html"
    listing = target.with_name("price.json")
    tables.write_text(listing, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    tables.write_text(target, price_page.render(result))
    experiment_screen.price(result)
    typer.echo(f"As JSON: {listing.resolve()}")
    show_page(target, browse=show)


def _demand_priced(config: Config, name: str) -> str:
    """Return the name of an experiment.

    Raises:
        InputError: if params.yaml has no such experiment; for a corpus, the message names its recipes
    """
    from tasks.core.errors import InputError

    if name in config.experiments or name not in config.corpora:
        return demand_experiment(config, name)
    recipes = [recipe for recipe, entry in config.experiments.items() if entry.corpus == name]
    raise InputError(
        f"{name} is a corpus; expected one of its experiments: {', '.join(recipes) or 'there is none yet'}. Add one: "
        f"undertone experiment new acoustic mid-term-svm --corpus {name}"
    )
