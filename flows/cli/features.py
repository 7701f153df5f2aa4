"""`undertone features`: acoustic, text and video features of media files in any folder, without a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from tasks.on_demand.without_project.file_features import Summary

_MOST_LISTED = 20


def features(
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="FILE|FOLDER", help="Media files or folders; - reads a list.")
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write: .parquet or .csv.")] = None,
    extractor: Annotated[str, typer.Option(help="The features, see --list.")] = "functionals",
    by: Annotated[
        Literal["file", "captions", "windows"],
        typer.Option(help="A row for each file, caption (X.vtt beside X), or window of 4 s."),
    ] = "file",
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the features; may be repeated.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    show: Annotated[bool, typer.Option("--list", help="List the features and their settings, and stop.")] = False,
) -> None:
    """Compute features of media files: a row for each file or utterance, a column for each feature.

    No project is needed. Files that cannot be used are listed and left out.
    Sequences, such as mfcc, have a row for each step.

    Example: [bold]undertone features recordings/ -o features.parquet[/]
    """
    from tasks.core.errors import InputError

    if show:
        from flows.cli.screens import extractors as screen

        screen.table()
        return
    if not sources or out is None:
        raise InputError("expected media and a file to write: undertone features recordings/ -o features.parquet")
    summary = _extract(sources, out, extractor, by, _settings(setting or ()), overwrite=overwrite)
    for name, reason in summary.unusable[:_MOST_LISTED]:
        typer.echo(f"not used: {name}: {reason}", err=True)
    if (more := len(summary.unusable) - _MOST_LISTED) > 0:
        typer.echo(f"not used: {more} more", err=True)
    plural = "" if summary.n_files == 1 else "s"
    typer.echo(f"{out}: {summary.n_rows} rows of {summary.n_files} file{plural}, {summary.n_features} features")


def _extract(
    sources: Sequence[str], out: Path, extractor: str, by: Any, settings: dict[str, Any], *, overwrite: bool
) -> Summary:
    import sys

    from flows.cli.command_support import shipped_settings
    from flows.cli.screens.applied import progress
    from tasks.on_demand.applying import intake
    from tasks.on_demand.without_project import file_features

    file_features.demand_target(out, overwrite=overwrite)
    part = file_features.feature_set(extractor, settings)
    listed = [source for source in intake.sources(sources, sys.stdin) if not source.is_skipped]
    extracted = file_features.extract(listed, part, by=by, config=shipped_settings())
    with progress(f"{extractor} of {len(listed)} files") as moved:
        return file_features.write(
            out, extracted, progress=lambda number: moved(number / max(len(listed), 1)), overwrite=overwrite
        )


def _settings(entries: Sequence[str]) -> dict[str, Any]:
    """Return settings from `KEY=VALUE`; a value is JSON, or else a text."""
    import json

    from tasks.core.errors import InputError

    settings = dict[str, Any]()
    for entry in entries:
        key, equals, value = entry.partition("=")
        if not equals:
            raise InputError(f"--set: found {entry!r}, expected KEY=VALUE, such as n_mels=64")
        try:
            settings[key.strip()] = json.loads(value)
        except ValueError:
            settings[key.strip()] = value
    return settings
