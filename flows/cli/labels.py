"""`undertone labels …`: quality of the labels, choice of the threshold, and training of voters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.command_support import bootstrap, load_settings

if TYPE_CHECKING:
    from tasks.core.config import Config
    from tasks.labelling.base.learned_voter import TrainingTexts

app = typer.Typer(no_args_is_help=True, help="Labels: measure their quality, choose a threshold, try and train voters.")
_ENCODER = "all-MiniLM-L6-v2"


@app.command()
def show() -> None:
    """Show the quality of the labels: voters and combinations, with scores against listeners' ratings if there are any.

    Example: [bold]undertone labels show[/]
    """

    from flows.cli.screens import labels as labels_screen
    from flows.runs import in_process
    from tasks.core import artifacts, paths

    in_process.bring_up_to_date(("labels",), say=_to_stderr)
    labels_screen.quality(artifacts.read_json(paths.LABELS))


@app.command()
def tune(
    least_coverage: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Least share of the texts that keep a label. Default: labels.least_coverage."),
    ] = None,
) -> None:
    """Propose the threshold with the best macro F1 against listeners among those with enough coverage.

    The table shows all thresholds with their coverage, so that you can choose another. Nothing is changed.

    Example: [bold]undertone labels tune --least-coverage 0.6[/]
    """
    from flows.cli.screens import labels as labels_screen
    from flows.runs import in_process
    from tasks.core.errors import InputError
    from tasks.labelling.quality import label_quality
    from tasks.stages import labels as labels_stage

    config = load_settings()
    in_process.bring_up_to_date(("polarity",), say=_to_stderr)
    _, texts, covered = labels_stage.read(config)
    least = config.labels.least_coverage if least_coverage is None else least_coverage
    proposed = labels_stage.proposed(texts, config, least)
    if proposed is None:
        raise InputError(
            f"no threshold with a coverage of {least:g} or more leaves a rated utterance with a label; "
            "collect ratings (undertone annotate) or lower --least-coverage"
        )
    labels_screen.proposal(label_quality.curve(texts, config.polarity.combine, bootstrap(config)), proposed)
    typer.echo(covered.in_words())


@app.command("try")
def try_voters(
    files: Annotated[
        list[Path],
        typer.Argument(help="CSV with text, and sentiment or rating; or tab-separated lines of id, rating, text."),
    ],
    voter: Annotated[
        list[str] | None, typer.Option(help="A voter; can be repeated. Default: those of params.yaml.")
    ] = None,
) -> None:
    """Score every voter and every combination on texts with a sentiment or rating.

    Mean ratings between -0.5 and 0.5, on a scale from -4 to 4, are neutral.

    Example: [bold]undertone labels try tweets_GroundTruth.txt --voter vader --voter afinn[/]
    """
    import numpy as np

    from flows.cli.screens import labels as labels_screen
    from tasks.labelling.quality import label_quality, rated_texts
    from tasks.labelling.votes import vote_columns
    from tasks.labelling.votes.combine import Thresholds
    from tasks.stages import polarity

    config = load_settings()
    rated = rated_texts.read(files)
    settings = config.polarity.model_copy(update={"voters": voter} if voter else {})
    cast = polarity.cast(rated.texts, polarity.voting_settings(settings))
    polarities, _ = vote_columns.side_by_side(cast.values())
    texts = label_quality.VotedTexts(
        rated.texts,
        polarities,
        settings.voters,
        rated.labels,
        rated.groups,
        np.ones(len(rated.texts), dtype=bool),
    )
    labels_screen.quality(label_quality.measured(texts, settings.combine, Thresholds(0.0, 0.0), bootstrap(config)))


@app.command()
def learn(
    name: Annotated[str, typer.Argument(help="The new voter's name in params.yaml.")],
    source: Annotated[str, typer.Argument(help="A corpus of params.yaml, or a file in a format that `try` reads.")],
    checkpoint: Annotated[str, typer.Option(help="The sentence encoder: a name or a folder.")] = _ENCODER,
) -> None:
    """Train a voter: logistic regression over a frozen sentence encoder, scored by cross-validation over groups.

    If a corpus has an official split, only its training part is used.

    Example: [bold]undertone labels learn sitcom meld[/]
    """
    from flows.cli.screens import labels as labels_screen
    from tasks.core import paths
    from tasks.labelling.base import learned_voter, project_voters

    config = load_settings()
    folder = project_voters.new_folder(paths.VOTERS, name)
    texts = _corpus(config, source) if source in config.corpora else _file(source)
    card = learned_voter.learn(name, texts, folder, bootstrap(config), checkpoint)
    labels_screen.card(card, folder)


@app.command("export-texts")
def export_texts(
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    without_vote_of: Annotated[
        str | None, typer.Option(help="Only texts that this file of votes, data/voters/NAME.csv, has no vote for.")
    ] = None,
) -> None:
    """Write the texts of all eligible utterances with their ids, and a prompt, for votes by a language model.

    Example: [bold]undertone labels export-texts texts.csv[/]
    """
    from flows.runs import in_process
    from tasks.on_demand import vote_files

    config = load_settings()
    in_process.bring_up_to_date(("captions", "speakers"), say=_to_stderr)
    written = vote_files.export(file, config, without_vote_of=without_vote_of)
    typer.echo(f"{file}: {written.n_texts:,} texts ({written.n_ineligible:,} utterances are not eligible)")
    typer.echo(f"{written.prompt}: the prompt; edit it as you need")
    typer.echo(
        f"Then: undertone labels import-votes NAME ANSWERS.csv --texts {file} --prompt {written.prompt} "
        '--model "MODEL and version" --licence LICENCE'
    )


@app.command("import-votes")
def import_votes(
    name: Annotated[str, typer.Argument(help="The new voter's name in params.yaml.")],
    answers: Annotated[Path, typer.Argument(help="CSV with id, and vote or negative, neutral, positive.")],
    *,
    texts: Annotated[Path, typer.Option(help="The file that export-texts wrote.")],
    prompt: Annotated[Path, typer.Option(help="Text file with the complete instructions that were given.")],
    model: Annotated[str, typer.Option(help="Who voted: the model with its version.")],
    licence: Annotated[str, typer.Option(help="Under which the votes may be used.")],
    made_on: Annotated[
        str | None, typer.Option("--date", help="When they were made: 2026-11-30. Default: today.")
    ] = None,
) -> None:
    """Make a voter of a language model's answers: data/voters/NAME.csv, with the prompt and the model on its card.

    Example: [bold]undertone labels import-votes llm answers.csv --texts texts.csv --prompt texts.prompt.txt
    --model "example-1 2026-05" --licence "terms of its provider"[/]
    """
    from datetime import UTC, datetime

    from tasks.core import text_files
    from tasks.on_demand import vote_files

    load_settings()
    card = {
        "model": model,
        "date": made_on or datetime.now(tz=UTC).date().isoformat(),
        "prompt": text_files.read_text(prompt),
        "licence": licence,
    }
    added = vote_files.add(name, answers, texts, card)
    typer.echo(
        f"{added.path}: {added.n_votes:,} votes, {added.n_abstentions:,} abstentions; "
        f"{added.n_missing:,} exported texts have no answer and count as abstentions"
    )
    typer.echo(f"To use it: polarity.voters: [vader, textblob, afinn, {name}]")


def _corpus(config: Config, name: str) -> TrainingTexts:
    import numpy as np

    from flows.project import dag
    from tasks.core import paths, tables
    from tasks.core.errors import InputError
    from tasks.labelling.base.learned_voter import TrainingTexts

    dag.reproduce((f"corpus@{name}",))
    rows = tables.read_corpus(paths.utterances(name)).to_pylist()
    has_split = any(row["split"] == "train" for row in rows)
    kept = [row for row in rows if row["text"] and row["sentiment"] and (row["split"] == "train" or not has_split)]
    if not kept:
        raise InputError(f"corpus {name} has no training utterance with a text and a sentiment")
    return TrainingTexts(
        [row["text"] for row in kept],
        np.array([row["sentiment"] for row in kept], dtype=str),
        np.array([row["group"] or row["utterance_id"] for row in kept], dtype=str),
        f"{name}, {'training part' if has_split else 'all of it'}",
        kept[0]["licence"] or "that of the corpus",
    )


def _file(source: str) -> TrainingTexts:
    from tasks.core.errors import InputError
    from tasks.labelling.base.learned_voter import TrainingTexts
    from tasks.labelling.quality import rated_texts

    path = Path(source)
    if not path.is_file():
        raise InputError(f"{source} is neither a corpus of params.yaml nor a file")
    rated = rated_texts.read([path])
    return TrainingTexts(rated.texts, rated.labels, rated.groups, path.name, f"that of {path.name}")


def _to_stderr(message: str) -> None:
    typer.echo(message, err=True)
