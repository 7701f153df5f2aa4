"""`undertone labels …`: what the labels are worth, where to set their threshold, and voters that learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tasks.core.config import Config
    from tasks.evaluation.scores import Bootstrap
    from tasks.labelling.base.learned_voter import TrainingTexts

app = typer.Typer(no_args_is_help=True, help="Labels: what they are worth, and voters that learn.")
_ENCODER = "all-MiniLM-L6-v2"


@app.command()
def show() -> None:
    """Say what the labels are worth: voters, combinations and, where people have listened, scores against them.

    Example: [bold]undertone labels show[/]
    """
    import json

    from flows.cli.screens import labels as labels_screen
    from flows.runs import in_process
    from tasks.core import paths

    in_process.bring_up_to_date(("labels",), say=_aside)
    labels_screen.worth(json.loads(paths.LABELS.read_text(encoding="utf-8")))


@app.command()
def tune(
    least_coverage: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of texts to keep at least; labels.least_coverage if not given."),
    ] = None,
) -> None:
    """Propose a threshold: the best macro F1 against listeners that keeps enough of the utterances.

    Each threshold is shown with its coverage, so that you can choose another. Nothing is changed.

    Example: [bold]undertone labels tune --least-coverage 0.6[/]
    """
    from flows.cli.screens import labels as labels_screen
    from flows.runs import in_process
    from tasks.core.errors import InputError
    from tasks.labelling.quality import label_quality
    from tasks.stages import labels as labels_stage

    config = _config()
    in_process.bring_up_to_date(("polarity",), say=_aside)
    _, judged = labels_stage.read(config)
    least = config.labels.least_coverage if least_coverage is None else least_coverage
    found = labels_stage.proposed(judged, config, least)
    if found is None:
        raise InputError(
            f"nobody has listened to utterances that would be labelled at a coverage of {least:g} or more; "
            "collect votes (undertone annotate), or ask for less (--least-coverage)"
        )
    labels_screen.proposal(label_quality.curve(judged, config.polarity.combine, _bootstrap(config)), found)


@app.command("try")
def try_voters(
    files: Annotated[
        list[Path], typer.Argument(help="CSV: text, and sentiment or rating; or id, rating, text by tabs.")
    ],
    voter: Annotated[
        list[str] | None, typer.Option(help="A voter; may be repeated. Those of params.yaml if none is named.")
    ] = None,
) -> None:
    """Score every voter, and every combination of them, on texts whose sentiment is known.

    A mean rating under 0.5 is neutral, on a scale from -4 to 4.

    Example: [bold]undertone labels try tweets_GroundTruth.txt --voter vader --voter afinn[/]
    """
    import numpy as np

    from flows.cli.screens import labels as labels_screen
    from tasks.labelling.quality import label_quality, rated_texts
    from tasks.labelling.votes.combine import Thresholds
    from tasks.stages import polarity

    config = _config()
    texts = rated_texts.read(files)
    settings = config.polarity.model_copy(update={"voters": voter} if voter else {})
    cast = polarity.cast(texts.texts, polarity.voting_settings(settings))
    judged = label_quality.VotedTexts(
        texts.texts,
        np.array([cast[name] for name in settings.voters], dtype=float).T,
        settings.voters,
        texts.labels,
        texts.groups,
        np.ones(len(texts.texts), dtype=bool),
    )
    labels_screen.worth(label_quality.measured(judged, settings.combine, Thresholds(0.0, 0.0), _bootstrap(config)))


@app.command()
def learn(
    name: Annotated[str, typer.Argument(help="What params.yaml will call the voter.")],
    source: Annotated[str, typer.Argument(help="A corpus of params.yaml, or a file as `try` reads it.")],
    checkpoint: Annotated[str, typer.Option(help="The sentence encoder: a name, or a folder.")] = _ENCODER,
) -> None:
    """Teach a voter: a linear head over a frozen sentence encoder, scored on groups it has not seen.

    Of a corpus with an official split it sees the training part.

    Example: [bold]undertone labels learn sitcom meld[/]
    """
    from flows.cli.screens import labels as labels_screen
    from tasks.core import paths
    from tasks.labelling.base import learned_voter, project_voters

    config = _config()
    folder = project_voters.new_folder(paths.VOTERS, name)
    given = _corpus(config, source) if source in config.corpora else _file(source)
    card = learned_voter.learn(name, given, folder, _bootstrap(config), checkpoint)
    labels_screen.card(card, folder)


def _corpus(config: Config, name: str) -> TrainingTexts:
    import numpy as np

    from flows.project import dag
    from tasks.core import paths, tables
    from tasks.core.errors import InputError
    from tasks.labelling.base.learned_voter import TrainingTexts

    dag.reproduce((f"corpus@{name}",))
    rows = tables.read_corpus(paths.utterances(name)).to_pylist()
    parted = any(row["split"] == "train" for row in rows)
    kept = [row for row in rows if row["text"] and row["sentiment"] and (row["split"] == "train" or not parted)]
    if not kept:
        raise InputError(f"corpus {name} has no utterance with a text and a sentiment to learn from")
    return TrainingTexts(
        [row["text"] for row in kept],
        np.array([row["sentiment"] for row in kept], dtype=str),
        np.array([row["group"] or row["utterance_id"] for row in kept], dtype=str),
        f"{name}, {'training part' if parted else 'all of it'}",
        kept[0]["licence"] or "that of the corpus",
    )


def _file(source: str) -> TrainingTexts:
    from tasks.core.errors import InputError
    from tasks.labelling.base.learned_voter import TrainingTexts
    from tasks.labelling.quality import rated_texts

    path = Path(source)
    if not path.is_file():
        raise InputError(f"{source} is neither a corpus of params.yaml nor a file")
    found = rated_texts.read([path])
    return TrainingTexts(found.texts, found.labels, found.groups, path.name, f"that of {path.name}")


def _bootstrap(config: Config) -> Bootstrap:
    from tasks.evaluation.scores import Bootstrap

    return Bootstrap(config.evaluate.bootstrap, config.evaluate.confidence, config.evaluate.seed)


def _config() -> Config:
    from flows.project import upgrade

    return upgrade.settings()


def _aside(message: str) -> None:
    typer.echo(message, err=True)
