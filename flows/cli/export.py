"""`undertone export …`: interviews, corpora and predictions in formats of other programs, a command for each format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.command_support import load_settings
from tasks.core import discovery
from tasks.on_demand.exporting import formats
from tasks.on_demand.exporting.export_format import ExportFormat

app = typer.Typer(no_args_is_help=True, help="Write interviews, corpora and predictions in formats of other programs.")
_HELP = """{summary}

NAME is a corpus of params.yaml, such as interviews, or an experiment, for the utterances it tested with its
predictions. Each row has sound, text, label, speaker, split and weight, and the other columns of the table of
utterances. The folder has a README with sources, licences, losses and limits.

Example: [bold]undertone export {name} interviews exported/[/]
"""


@app.command("segments")
def export_segments(
    folder: Annotated[Path, typer.Argument(help="Folder for negative/, neutral/ and positive/.")],
    audio_format: Annotated[str, typer.Option("--format", help="Format: wav, mp3, ogg or flac.")] = "wav",
) -> None:
    """Write the labelled segments as sound files, one folder per sentiment.

    Example: [bold]undertone export segments listen/ --format mp3[/]
    """
    from tasks.core import paths, tables
    from tasks.on_demand import export_segments

    votes = tables.read(paths.VOTES, tables.VOTES).to_pylist()
    labels = {row["utterance_id"]: row["sentiment"] for row in votes if row["sentiment"]}
    typer.echo(f"{export_segments.export(folder, labels, audio_format)} segments written to {folder}")


def _command(name: str) -> Callable[..., None]:
    """Return the command of a format."""

    def run(
        source: Annotated[str, typer.Argument(metavar="NAME", help="A corpus or an experiment in params.yaml.")],
        folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
        *,
        label: Annotated[
            str | None, typer.Option(help="Column that is the label of a corpus; else emotion, or sentiment.")
        ] = None,
        labelled: Annotated[bool, typer.Option("--labelled", help="Only rows with a label.")] = False,
        sound: Annotated[str | None, typer.Option(help="Format of the sound: flac or wav.")] = None,
        run: Annotated[int, typer.Option(min=0, help="Run (seed) of an experiment.")] = 0,
    ) -> None:
        from tasks.on_demand.exporting import export
        from tasks.on_demand.exporting.selection import ExportRequest

        request = ExportRequest(source, label, labelled, run)
        config = load_settings()
        with _progress() as progress:
            done = export.export(name, request, folder, config, encoding=sound, progress=progress)
        typer.echo(f"{done.n_rows:,} rows written to {folder}, {done.n_with_sound:,} with sound")
        for note in done.notes:
            typer.echo(note)

    return run


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows the number of sounds that are done, on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _register(registry: discovery.Registry) -> None:
    """Add a command for each format; modules of formats import nothing heavy."""
    for name in registry.names():
        chosen: ExportFormat = registry.find(name)
        app.command(name, help=_HELP.format(name=name, summary=chosen.summary))(_command(name))


_register(discovery.Registry("export format", "FORMATS", (formats.__name__,)))
