"""`undertone forget` and `undertone lists`: remove a person's data, and check which listed videos still exist."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.command_support import load_settings

if TYPE_CHECKING:
    from flows.runs.forgetting import Removal

forget_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
lists_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
SourceFiles = Annotated[
    bool, typer.Option("--sources", help="Also delete files outside the project that the data was read from.")
]


@forget_app.callback()
def forget() -> None:
    """Remove a person's data everywhere: media, caches, remotes, ratings, models.

    docs/data-rights.md says what is removed and what is left to do by hand.
    """


@forget_app.command("video")
def forget_video(
    video: Annotated[str, typer.Argument(metavar="ID", help="Id (train-7), address or file of an interview.")],
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    sources: SourceFiles = False,
) -> None:
    """Remove an interview and all that was made from it; it is not crawled again.

    Example: [bold]undertone forget video train-7 --dry-run[/]
    """
    _forget("video", video, dry_run=dry_run, yes=yes, sources=sources)


@forget_app.command("speaker")
def forget_speaker(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Speaker of a corpus or of interviews.")],
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    sources: SourceFiles = False,
) -> None:
    """Remove a speaker: their utterances in corpora, and all interviews in which they speak.

    Example: [bold]undertone forget speaker ravdess/07 --dry-run[/]
    """
    _forget("speaker", name, dry_run=dry_run, yes=yes, sources=sources)


@forget_app.command("listener")
def forget_listener(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name under which they rated.")],
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Remove a listener's ratings and adjudications, and what was computed from them.

    Example: [bold]undertone forget listener Ana --dry-run[/]
    """
    _forget("listener", name, dry_run=dry_run, yes=yes, sources=False)


def _forget(kind: str, name: str, *, dry_run: bool, yes: bool, sources: bool) -> None:
    from flows.cli.screens import data_rights as screen
    from flows.runs import forgetting
    from tasks.on_demand.forgetting import subject as subjects

    config = load_settings()
    if (unfinished := forgetting.pending()) is not None:
        typer.echo(f"The removal of the {unfinished.kind} {unfinished.name} was interrupted; it is finished first")
        if not dry_run:
            screen.removal(forgetting.remove(unfinished, config, dry_run=False, with_sources=sources, say=typer.echo))
            if (unfinished.kind, unfinished.name) == (kind, name):
                return
    subject = subjects.resolve(kind, name, config)
    planned: Removal | None = None
    if dry_run or not yes:
        planned = forgetting.remove(subject, config, dry_run=True, with_sources=sources, say=typer.echo)
        screen.removal(planned)
    if dry_run:
        return
    if not yes and not typer.confirm("\nRemove all of it? It cannot be undone"):
        typer.echo("Nothing was removed")
        raise typer.Exit(1)
    screen.removal(forgetting.remove(subject, config, dry_run=False, with_sources=sources, say=typer.echo))


@lists_app.callback()
def lists() -> None:
    """The lists of interviews: check which of them still exist."""


@lists_app.command("check")
def check_lists(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File for all entries: .csv or .json.")] = None,
    *,
    strict: Annotated[bool, typer.Option(help="Exit with status 1 if a video is gone or private.")] = False,
) -> None:
    """Check which videos of the lists still exist; media are not fetched.

    Pages are read as the crawl reads them, with its limits. Use it before
    sharing a list, or to find out what a published list has lost.

    Example: [bold]undertone lists check -o lists.csv[/]
    """
    from flows.cli.screens import data_rights as screen
    from tasks.core import each
    from tasks.on_demand import list_check

    config = load_settings()
    rows = list_check.check(config, each.local(config.runtime))
    if out is not None:
        list_check.write(rows, out)
    screen.listed(rows)
    if out is not None:
        typer.echo(f"All entries: {out}")
    if strict and any(row["state"] in (list_check.GONE, list_check.PRIVATE) for row in rows):
        raise typer.Exit(1)
