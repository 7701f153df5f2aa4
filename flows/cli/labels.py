"""`undertone labels …`: quality of the labels, choice of the threshold, and training of voters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.command_support import bootstrap, load_settings

app = typer.Typer(no_args_is_help=True, help="Labels: measure their quality, choose a threshold, try and train voters.")


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

    It needs 20 ratings, and uses those of training videos if there are as many. The table shows all thresholds with
    their coverage, so that you can choose another. No setting is changed.

    Example: [bold]undertone labels tune --least-coverage 0.6[/]
    """
    from flows.cli.screens import labels as labels_screen
    from flows.runs import in_process
    from tasks.core import paths
    from tasks.core.errors import InputError, NotEnoughData
    from tasks.labelling.quality import label_quality, label_rules, threshold
    from tasks.stages import labels as labels_stage

    config = load_settings()
    in_process.bring_up_to_date(("polarity",), say=_to_stderr)
    _, scored, covered, combination = labels_stage.read(config)
    texts, where = labels_stage.tuning_texts(labels_stage.read(config, rows="sampled")[1], scored, combination)
    rated = [text for text, label in zip(texts.texts, texts.gold.tolist(), strict=True) if label]
    if (missing := threshold.LEAST_RATINGS - len(rated)) > 0:
        raise NotEnoughData(
            f"a threshold is chosen on {threshold.LEAST_RATINGS} ratings or more; found {len(rated)} that count "
            f"({covered.in_words()}) Rate {missing} more: undertone annotate --order random --n {missing}"
        )
    least = config.labels.least_coverage if least_coverage is None else least_coverage
    proposed = labels_stage.proposed(texts, combination.chosen, config, least)
    if proposed is None:
        raise InputError(
            f"no threshold with a coverage of {least:g} or more leaves a rated utterance with a label; "
            "collect ratings (undertone annotate) or lower --least-coverage"
        )
    labels_screen.proposal(label_quality.curve(texts, combination.chosen, bootstrap(config)), proposed, where)
    label_rules.record_threshold(proposed, combination.chosen, rated)
    typer.echo(covered.in_words())
    typer.echo(f"The rows it was chosen on are noted in {paths.TUNED}, for undertone labels audit.")


@app.command()
def curve() -> None:
    """Show macro F1 on other videos against the number of ratings, and what more ratings would bring.

    Example: [bold]undertone labels curve[/]
    """
    from flows.cli.screens import labels as labels_screen
    from flows.runs import in_process
    from tasks.core import artifacts, paths
    from tasks.core.errors import NotEnoughData
    from tasks.labelling.quality import learning_curve

    in_process.bring_up_to_date(("labels",), say=_to_stderr)
    report = artifacts.read_json(paths.LABELS)
    if report["learning_curve"] is None:
        raise NotEnoughData(
            f"a learning curve needs {learning_curve.LEAST_RATINGS} ratings of two videos or more; found "
            f"{report['n_heard']} that count. Collect some: undertone annotate --order random"
        )
    labels_screen.learning_curve(report["learning_curve"], report["confidence"])


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
    from flows.cli.screens import labels as labels_screen
    from tasks.on_demand import tried_voters

    config = load_settings()
    labels_screen.quality(tried_voters.report(files, voter or config.polarity.voters, config))


@app.command()
def audit() -> None:
    """Report rules that were tuned, selected or trained on rows that the labels are scored on; exit with 1 if any was.

    Rules are the threshold of labels tune, the combination, the stacked model, learned voters and the removal of
    hedges. Rows are recognised by digests of their texts.

    Example: [bold]undertone labels audit[/]
    """
    from flows.cli.screens import labels as labels_screen
    from flows.runs import in_process
    from tasks.core import artifacts, paths

    in_process.bring_up_to_date(("labels",), say=_to_stderr)
    if labels_screen.audit(artifacts.read_json(paths.LABELS)):
        raise typer.Exit(1)


@app.command()
def learn(
    name: Annotated[str, typer.Argument(help="The new voter's name in params.yaml.")],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Corpora of params.yaml, files in a format that `try` reads, or ratings: the project's own.",
        ),
    ],
    *,
    encoder: Annotated[
        str,
        typer.Option("--encoder", "--checkpoint", help="minilm, mpnet, a name on the model hub, or a folder."),
    ] = "minilm",
    precision: Annotated[str, typer.Option(help="int8 (small and fast) or float32.")] = "int8",
    lexicon: Annotated[
        list[str] | None,
        typer.Option(help="Voter whose score is an input; can be repeated; none for none. Default: the English ones."),
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Language it votes on; can be repeated. Default: en.")
    ] = None,
    domain: Annotated[str, typer.Option(help="Kind of texts it is for, for its card. Default: its sources.")] = "",
    sentences: Annotated[
        bool, typer.Option("--sentences", help="Vote on the complete sentence of a cue, too, not on the cue alone.")
    ] = False,
    fine_tune: Annotated[
        bool, typer.Option("--fine-tune", help="Train the encoder, too (extra deep; about 20 times slower).")
    ] = False,
) -> None:
    """Train a voter on rated texts: a sentence encoder, scores of lexicons, logistic regression.

    It is scored by nested cross-validation over groups (articles, videos,
    dialogues), with and without stop words, beside a lexicon on the same texts,
    and across sources. If a corpus has an official split, only its training
    part is used; of the project's ratings, only those of training videos.

    Example: [bold]undertone labels learn sentences editorials.txt tweets.txt --encoder mpnet[/]
    """
    from flows.cli import voter_sources
    from flows.cli.screens import labels as labels_screen
    from tasks.core import paths
    from tasks.core.errors import InputError
    from tasks.labelling.base import project_voters
    from tasks.labelling.learned import training
    from tasks.labelling.learned.training import VoterRecipe
    from tasks.weights.conversion.text_encoder import GRAPHS

    config = load_settings()
    if precision not in GRAPHS:
        raise InputError(f"--precision {precision}: expected {' or '.join(GRAPHS)}")
    recipe = VoterRecipe(
        encoder,
        "float32" if precision == "float32" else "int8",
        None if not lexicon else tuple(item for item in lexicon if item != "none"),
        tuple(language or ("en",)),
        domain,
        sentences,
        fine_tune,
    )
    folder = project_voters.new_folder(paths.VOTERS, name)
    texts = [voter_sources.read(config, source, _to_stderr) for source in sources]
    card = training.learn(name, texts, folder, recipe=recipe, bootstrap=bootstrap(config), say=_to_stderr)
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


def _to_stderr(message: str) -> None:
    typer.echo(message, err=True)
