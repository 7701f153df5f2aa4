"""`undertone corpus …`: add corpora to the project, check them, make small simulated ones."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.command_support import demand_corpus, load_settings, show_page

app = typer.Typer(no_args_is_help=True, help="Corpora: add, check, simulate.")


@app.command("list")
def list_corpora() -> None:
    """List the readers, and the corpora in params.yaml.

    Example: [bold]undertone corpus list[/]
    """
    from flows.cli.screens import corpora as corpus_screen

    corpus_screen.corpora(load_settings())


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name in params.yaml, such as ravdess or ravdess-song.")],
    path: Annotated[Path, typer.Argument(help="The corpus: a folder, or a .zip, .tar or .tar.gz (bz2, xz) of it.")],
    reader: Annotated[
        str | None, typer.Option(help="Reader, see corpus list; guessed from the files if not given.")
    ] = None,
) -> None:
    """Add a corpus to params.yaml: a folder stays where it is, an archive is unpacked.

    Archives in the archive are unpacked too. A damaged one is refused, and
    leaves nothing behind.

    Example: [bold]undertone corpus add ravdess ~/corpora/RAVDESS.zip[/]
    """
    from tasks.corpora import intake

    load_settings()
    added = intake.add(name, path, reader)
    typer.echo(f"{name}: {added.path}, reader {added.reader}: added to params.yaml.")
    for archive, why in added.left_packed.items():
        typer.echo(f"Left packed: {archive!r}: {why}")
    typer.echo(f"Next, read and check it: undertone corpus doctor {name}")


@app.command()
def simulate(
    reader: Annotated[str, typer.Argument(help="Reader whose layout is written, see corpus list.")],
    name: Annotated[str | None, typer.Option(help="Its name in params.yaml; simulated-READER if not given.")] = None,
    *,
    text: Annotated[
        float | None, typer.Option(help="Share of utterances whose words show their emotion, 0 to 1.")
    ] = None,
    sound: Annotated[float | None, typer.Option(help="Share of utterances whose voice shows it.")] = None,
    video: Annotated[float | None, typer.Option(help="Share of utterances whose face shows it.")] = None,
    parts: Annotated[bool, typer.Option(help="Words show sentiment only, voices arousal, faces a group.")] = False,
    times: Annotated[int | None, typer.Option(help="Multiple of the usual number of dialogues.")] = None,
) -> None:
    """Make a small synthetic corpus in a published layout; add it to params.yaml.

    All reports mark it as simulated. With iemocap and meld, options set how
    much words, voice and face show of the emotion, to test fusion models.

    Example: [bold]undertone corpus simulate tess[/]
    """
    from tasks.core import paths
    from tasks.corpora import intake
    from tasks.on_demand import simulated_corpora
    from tasks.simulate.studio import Signals

    load_settings()
    chosen = name or f"simulated-{reader}"
    folder = paths.CORPORA / chosen
    options: dict[str, Any] = {"text": text, "sound": sound, "video": video, "times": times, "parts": parts or None}
    given = {key: value for key, value in options.items() if value is not None}
    simulated_corpora.make(reader, folder, signals=Signals(**given) if given else None)
    added = intake.add(chosen, folder, reader)
    typer.echo(f"{chosen}: {added.path}, in the layout of {reader}: added to params.yaml.")
    typer.echo(f"Next, read and check it: undertone corpus doctor {chosen}")


@app.command()
def doctor(
    name: Annotated[str, typer.Argument(help="Corpus of params.yaml.")],
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Report what is missing, broken, duplicated or mislabelled in a corpus.

    Example: [bold]undertone corpus doctor ravdess[/]
    """
    from flows.cli.screens import corpora as corpus_screen
    from flows.project import dag
    from tasks.core import paths, tables
    from tasks.corpora import doctor as corpus_doctor
    from tasks.pages.corpus import doctor_page as page

    config = load_settings()
    dag.reproduce((f"corpus@{demand_corpus(config, name)}",))
    diagnosis = corpus_doctor.examine(name, config)
    target = paths.folder(f"corpus@{name}") / "doctor.html"
    listing = target.with_suffix(".json")
    tables.write_text(listing, json.dumps(asdict(diagnosis), indent=2, ensure_ascii=False) + "\n")
    tables.write_text(target, page.render(diagnosis))
    corpus_screen.diagnosis(diagnosis)
    typer.echo(f"As JSON: {listing.resolve()}")
    show_page(target, browse=show)
