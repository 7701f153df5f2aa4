"""`undertone receipt` and `undertone verify`: state what scores depend on, and reproduce them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.command_support import demand_experiment, load_settings


def receipt(
    experiments: Annotated[
        list[str] | None, typer.Argument(metavar="[EXPERIMENT]…", help="Experiments; by default that of the report.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("receipt.jsonld"),
) -> None:
    """Write a receipt of scores: revisions, versions, hashes, seeds, weights.

    One JSON-LD file that follows Croissant 1.1 and RO-Crate 1.2. Anyone with
    the project can check it: undertone verify FILE.

    Example: [bold]undertone receipt interviews-source -o receipt.jsonld[/]
    """
    from flows.runs import receipts
    from tasks.core import tables
    from tasks.on_demand.receipts import json_ld

    config = load_settings()
    names = [demand_experiment(config, name) for name in experiments or [config.report.experiment]]
    record = receipts.make(names, config, say=typer.echo)
    tables.write_text(out, json.dumps(json_ld.render(record), indent=1, ensure_ascii=False) + "\n")
    typer.echo(f"{out}: {len(names)} experiments, {len(record['stages'])} stages, {len(record['packages'])} versions")
    if record["project"]["revision"] is None:
        typer.echo("warning: the project is not under git; others cannot check out what was measured", err=True)
    elif changed := record["project"]["changed"]:
        typer.echo(f"warning: {len(changed)} changed files are not committed ({', '.join(changed[:5])})", err=True)


def verify(
    file: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A receipt of this project.")],
    *,
    stored: Annotated[bool, typer.Option("--stored", help="Compare what is here, and run nothing.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Show lines without a difference, too.")] = False,
) -> None:
    """Reproduce the scores of a receipt, or name the first difference (exit status 1).

    The crawl's files are fetched from DVC's cache or remote; all later stages
    run again, without cached results. Run it in a clean clone: outputs here
    are replaced by what was computed.

    Example: [bold]undertone verify receipt.jsonld[/]
    """
    from flows.cli.screens import receipts as screen
    from flows.runs import receipts
    from tasks.on_demand.receipts import json_ld

    record = json_ld.read(file)
    verdict = receipts.verify(record, load_settings(), stored=stored, say=typer.echo)
    screen.verdict(verdict, list(record["experiments"]), everything=everything)
    if not verdict.verified:
        raise typer.Exit(1)
