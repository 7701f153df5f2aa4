"""`undertone audit` and `undertone price`: what training and test part share, and how much that raises the scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command_support import demand_corpus, demand_experiment, load_settings, show_page

if TYPE_CHECKING:
    from tasks.core.config import Config

Declared = Annotated[
    list[str] | None, typer.Option("--declare", help="Leak to accept, such as same-sound; may be repeated.")
]


def audit(
    name: Annotated[
        str, typer.Argument(metavar="NAME|TRAIN", help="Corpus of params.yaml, or the training table.")
    ] = "interviews",
    test: Annotated[Path | None, typer.Argument(metavar="TEST", help="The test table: CSV, TSV or Parquet.")] = None,
    *,
    protocol: Annotated[
        str | None, typer.Option(help="Protocol of a corpus: official (the default), speaker-out(5), random(5) …")
    ] = None,
    declared: Declared = None,
    apart: Annotated[
        str | None,
        typer.Option(help="Of tables: what may not be in both. Default: speaker,group; or also script,text."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=NAME", help="Of tables: a column's name, such as speaker=Spk; may be repeated."),
    ] = None,
    media: Annotated[
        Path | None, typer.Option(help="Of tables: folder of the sound files. Default: the tables' own folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page of a corpus in a browser.")] = False,
) -> None:
    """Check what training and test part share; exit with status 1 at a violation.

    Of a corpus of the project under a protocol, or of two tables anywhere,
    without a project: rows of utterances with columns such as speaker, video,
    text and path of the sound. Sounds are compared by fingerprints, texts also
    if they differ slightly.

    Example: [bold]undertone audit train.csv test.csv[/]

    Example: [bold]undertone audit ravdess --protocol 'speaker-out(6)'[/]
    """
    if test is not None:
        _audit_tables(
            Path(name), test, apart=apart, columns=column or (), declared=declared or (), media=media, as_json=as_json
        )
        return
    _demand_no_table(name, {"--apart": apart, "--column": column, "--media": media})
    _audit_corpus(name, protocol or "official", declared or [], as_json=as_json, show=show)


def _audit_tables(
    train: Path,
    test: Path,
    *,
    apart: str | None,
    columns: Sequence[str],
    declared: Sequence[str],
    media: Path | None,
    as_json: bool,
) -> None:
    from flows.cli.screens import corpora as corpus_screen
    from flows.cli.screens.applied import progress
    from tasks.on_demand.without_project import table_audit, utterance_table

    roles = _roles(columns)
    kept_apart: Any = None if apart is None else [part.strip() for part in apart.split(",") if part.strip()]
    tables = [utterance_table.read(path, roles) for path in (train, test)]
    with progress("sound files") as moved:
        result = table_audit.audit(*tables, apart=kept_apart, declared=declared, media=media, progress=moved)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=2, ensure_ascii=False))
    else:
        corpus_screen.table_audit(result)
    if not result.passed:
        raise typer.Exit(1)


def _roles(columns: Sequence[str]) -> dict[str, list[str]]:
    """Return role → names of columns, from `ROLE=NAME`."""
    from tasks.core.errors import InputError

    roles = dict[str, list[str]]()
    for entry in columns:
        role, equals, name = entry.partition("=")
        if not equals:
            raise InputError(f"--column: found {entry!r}, expected ROLE=NAME, such as speaker=Spk")
        roles.setdefault(role.strip(), []).extend([name] if name else [])
    return roles


def _demand_no_table(name: str, options: Mapping[str, object]) -> None:
    """Refuse a single table, and options of tables for a corpus."""
    from tasks.core.errors import InputError

    if Path(name).suffix or "/" in name:
        raise InputError(f"{name}: expected two tables, for training and test: undertone audit TRAIN.csv TEST.csv")
    if given := [option for option, value in options.items() if value is not None]:
        raise InputError(f"{', '.join(given)}: only with two tables: undertone audit TRAIN.csv TEST.csv")


def _audit_corpus(name: str, protocol: str, declared: list[str], *, as_json: bool, show: bool) -> None:
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
    accepted = [*declared, *(config.audit.declared if name == INTERVIEWS else [])]
    report = audit.of_corpus(name, rule, declared=accepted, seed=config.evaluate.seed)
    tables.write_text(target, page.render(report, title, simulated=simulated))
    # with all pairs: the page and the terminal name a few
    listing = target.with_suffix(".json")
    content = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    tables.write_text(listing, content + "\n")
    if as_json:
        typer.echo(content)
    else:
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
