"""`undertone apply`, `predict` and `model export`: trained models on new media, in a project or outside of one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.command_support import load_settings, shipped_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.core.config import Config
    from tasks.on_demand.applying.export import Opened
    from tasks.on_demand.applying.intake import Source
    from tasks.on_demand.applying.run import Choices
    from tasks.on_demand.applying.utterances import Cutting

model_app = typer.Typer(no_args_is_help=True, help="Trained models: export them for use elsewhere.")
_FORMATS = "csv, jsonl, vtt, audacity, parquet, png"
Sources = Annotated[list[str], typer.Argument(help="Media files, folders, http(s) URLs; - reads a list from stdin.")]
Captions = Annotated[Path | None, typer.Option(help="Caption file; by default the one next to the media file.")]
Formats = Annotated[str, typer.Option("--to", help=f"Formats of the results, separated by commas: {_FORMATS}.")]
Cuts = Annotated[str, typer.Option("--by", help="Utterances: auto (captions, else windows), captions, windows, file.")]
AbstainBelow = Annotated[float, typer.Option(min=0, max=1, help="Probability below which a class is left open.")]
Adapt = Annotated[
    list[str] | None,
    typer.Option(
        "--adapt", help="Clips of the speaker, without labels: files or a folder. May be given several times."
    ),
]
UnsureBelow = Annotated[float, typer.Option(min=0, max=1, help="Probability below which a class is unsure.")]


def apply(
    experiment: Annotated[str, typer.Argument(help="An experiment with results, or an exported folder.")],
    sources: Sources,
    *,
    captions: Captions = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; by default predictions/EXPERIMENT.")] = None,
    to: Formats = "csv,png",
    by: Cuts = "auto",
    unsure_below: UnsureBelow = 0.5,
    abstain_below: AbstainBelow = 0.0,
    adapt: Adapt = None,
) -> None:
    """Apply a trained model to new media: a class with its probability for every utterance.

    Media that cannot be used get one line each, and the exit status is 1.

    Example: [bold]undertone apply ravdess-functionals-svm recordings/ --to csv,vtt,png[/]
    """
    certainty = (unsure_below, abstain_below)
    _apply(experiment, sources, captions=captions, out=out, to=to, by=by, certainty=certainty, adapt=adapt or ())


def predict(
    sources: Sources,
    *,
    captions: Captions = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("predictions"),
    to: Formats = "csv,png",
    by: Cuts = "auto",
    unsure_below: UnsureBelow = 0.5,
    abstain_below: AbstainBelow = 0.0,
    adapt: Adapt = None,
) -> None:
    """Apply the model of the report (report.experiment in params.yaml) to new media: `apply` without its name.

    Example: [bold]undertone predict interview.m4a --out predictions[/]
    """
    experiment = load_settings().report.experiment
    certainty = (unsure_below, abstain_below)
    _apply(experiment, sources, captions=captions, out=out, to=to, by=by, certainty=certainty, adapt=adapt or ())


@model_app.command("export")
def export_model(
    experiment: Annotated[str, typer.Argument(help="An experiment with results.")],
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    checkpoints: Annotated[bool, typer.Option(help="Copy the pretrained models that the features need.")] = True,
) -> None:
    """Write a trained model into a folder that works elsewhere: undertone apply FOLDER FILE.

    Example: [bold]undertone model export ravdess-functionals-svm my-model/[/]
    """
    from tasks.on_demand.applying import export

    written = export.export(experiment, folder, _settings(), with_checkpoints=checkpoints)
    typer.echo(f"{written.folder}: {written.n_bytes / 1e6:.1f} MB. On a machine with undertone:")
    typer.echo(f"  undertone apply {written.folder} FILE")
    for name in written.needed:
        typer.echo(f"It needs the pretrained model {name} there.")
    if written.needs_captions:
        typer.echo(
            "It reads text: put captions beside each FILE, such as X.vtt beside X.m4a. To recognise speech in their "
            "place, export it again with transcribe.when: missing in params.yaml."
        )


def _apply(
    experiment: str,
    sources: Sequence[str],
    *,
    captions: Path | None,
    out: Path | None,
    to: str,
    by: str,
    certainty: tuple[float, float],
    adapt: Sequence[str],
) -> None:
    from tasks.experiments import kept_model
    from tasks.on_demand.applying import doubts, export, intake
    from tasks.on_demand.applying.run import Choices
    from tasks.on_demand.applying.scored import Certainty

    opened = export.open_model(kept_model.folder_of(experiment), _settings())
    folder = out or Path("predictions", opened.model.card.experiment)
    choices = Choices(folder, _formats(to), captions, _cutting(by), Certainty(*certainty))
    listed = list(intake.sources(sources, sys.stdin))
    _demand_one_medium(captions, len(listed))
    for warning in doubts.of_model(opened.model, opened.config):
        typer.echo(f"warning: {warning}", err=True)
    if adapt:
        opened = _adapted(opened, adapt, choices)
    raise typer.Exit(1 if _each(opened, listed, choices) else 0)


def _adapted(opened: Opened, sources: Sequence[str], choices: Choices) -> Opened:
    """Return the model, adapted to the speaker of some clips; say by how many, and what makes that doubtful."""
    from flows.cli.screens import applied as screen
    from tasks.core.errors import InputError
    from tasks.on_demand.applying import adapting, intake

    listed = list(intake.sources(sources, []))
    if problems := [source.problem for source in listed if source.problem and not source.is_skipped]:
        raise InputError(f"--adapt: {problems[0]}")
    files = [source.text for source in listed if not source.problem]
    with screen.progress("clips to adapt to") as progress:
        adapted = adapting.adapt(opened.model, files, choices.cutting, opened.config, progress)
    score = adapted.model.card.score.value
    measure = adapted.model.card.measure.replace("_", " ")
    plural = "" if adapted.n_clips == 1 else "s"
    typer.echo(f"Adapted to the speaker of {adapted.n_clips} clip{plural}, without labels ({measure} {score:.3f})")
    for warning in adapted.warnings:
        typer.echo(f"warning: {warning}", err=True)
    return replace(opened, model=adapted.model)


def _each(opened: Opened, listed: Sequence[Source], choices: Choices) -> int:
    """Apply the model to every source; return how many could not be used."""
    from flows.cli.screens import applied as screen
    from tasks.on_demand.applying import run

    n_failed = 0
    for number, source in enumerate(listed, start=1):
        place = f"[{number}/{len(listed)}] " if len(listed) > 1 else ""
        if source.problem:
            typer.echo(
                f"{place}{source.text}: {source.problem}" if source.is_skipped else f"undertone: {source.problem}",
                err=True,
            )
            n_failed += not source.is_skipped
            continue
        try:
            with screen.progress(f"{place}{source.text}") as progress:
                applied = run.apply_one(opened.model, source.text, choices, opened.config, progress)
        except Exception as error:
            message = run.failure(source.text, error)
            if message is None:
                raise
            typer.echo(f"undertone: {message}", err=True)
            n_failed += 1
            continue
        screen.result(applied, place, whole=len(listed) == 1)
    return n_failed


def _settings() -> Config:
    """Return the project's settings; outside of a project, the shipped ones."""
    from tasks.core import paths

    return load_settings() if paths.PARAMS.is_file() else shipped_settings()


def _formats(to: str) -> tuple[str, ...]:
    from tasks.core.errors import InputError
    from tasks.on_demand.applying.formats import ENDINGS

    names = tuple(dict.fromkeys(name.strip() for name in to.split(",") if name.strip()))
    if unknown := [name for name in names if name not in ENDINGS] or (not names and [to]):
        raise InputError(f"--to: there is no format {', '.join(map(repr, unknown))}; expected some of {_FORMATS}")
    return names


def _cutting(by: str) -> Cutting:
    from typing import get_args

    from tasks.core.errors import InputError
    from tasks.on_demand.applying.utterances import Cutting

    for name in get_args(Cutting):
        if name == by:
            cutting: Cutting = name
            return cutting
    raise InputError(f"--by: found {by!r}; expected one of {', '.join(get_args(Cutting))}")


def _demand_one_medium(captions: Path | None, n_sources: int) -> None:
    from tasks.core.errors import InputError

    if not n_sources:
        raise InputError("there is nothing to apply the model to: the list is empty")
    if captions is not None and n_sources > 1:
        raise InputError(f"--captions belongs to one file, found {n_sources}; put X.vtt beside each X instead")
