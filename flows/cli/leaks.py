"""`undertone audit` and `undertone price`: what training and test part share, and how much that raises the scores."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.cli.command_support import demand_corpus, load_settings, show_page

Declared = Annotated[
    list[str] | None, typer.Option("--declare", help="Leak to accept, such as same-sound; may be repeated.")
]


def audit(
    name: Annotated[str | None, typer.Argument(help="Corpus of params.yaml; by default the interviews.")] = None,
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
    from tasks.evaluation import protocols
    from tasks.pages.common import audit_page as page
    from tasks.stages import audit

    config = load_settings()
    if name is None:
        title, simulated, target = "The interviews", False, paths.AUDIT.with_name("index.html")
        try:
            dag.reproduce(("audit",))
        finally:
            # at a violation the stage fails after writing its findings
            report = leaks.AuditReport.from_dict(artifacts.read_json(paths.AUDIT))
            tables.write_text(target, page.render(report, title, simulated=simulated))
            corpus_screen.audit(report, title, paths.AUDIT)
    else:
        rule = protocols.parse(protocol)
        dag.reproduce((f"corpus@{demand_corpus(config, name)}",))
        title, target = f"{name}, {rule.name}", paths.folder(f"corpus@{name}") / "audit.html"
        simulated = artifacts.read_json(paths.reading(name)).get("simulated", False)
        report = audit.of_corpus(name, rule, declared=declared or [], seed=config.train.seed)
        tables.write_text(target, page.render(report, title, simulated=simulated))
        # with all pairs: the page and the terminal name a few
        listing = target.with_suffix(".json")
        tables.write_text(listing, json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n")
        corpus_screen.audit(report, title, listing)
    show_page(target, browse=show)
    leaks.demand(report)


def price(
    name: Annotated[str, typer.Argument(help="Corpus of params.yaml.")],
    protocol: Annotated[str, typer.Option(help="Protocol without leaks, such as speaker-out(6).")],
    label_set: Annotated[str, typer.Option(help="Classes: all, ekman, iemocap-4 or iemocap-5.")] = "all",
    declared: Declared = None,
) -> None:
    """Measure how much random folds raise the scores above an honest protocol's.

    One recipe runs under both. The honest protocol is audited first.

    Example: [bold]undertone price ravdess --protocol 'speaker-out(6)'[/]
    """
    from flows.cli.screens import corpora as corpus_screen
    from flows.project import dag
    from tasks import leaks
    from tasks.core import bugs, each, paths, tables
    from tasks.evaluation import protocols
    from tasks.on_demand import leak_price
    from tasks.stages import audit

    config = load_settings()
    rule = protocols.parse(protocol)
    dag.reproduce((f"corpus@{demand_corpus(config, name)}",))
    leaks.demand(audit.of_corpus(name, rule, declared=declared or [], seed=config.train.seed))
    with bugs.recorded(f"price@{name}"):
        result = leak_price.price(name, config, protocol, each=each.local(config.runtime), label_set=label_set)
    target = paths.folder(f"price@{name}") / "price.json"
    tables.write_text(target, json.dumps(result.to_dict(), indent=2, ensure_ascii=False) + "\n")
    corpus_screen.price(result)
    typer.echo(f"As JSON: {target.resolve()}")
