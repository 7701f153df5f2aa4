"""`undertone corpus …`: take corpora in, look them over, make small simulated ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tasks.core.config import Config

app = typer.Typer(no_args_is_help=True, help="Corpora: take them in, look them over, make small simulated ones.")
Name = Annotated[str, typer.Argument(help="The corpus's name in params.yaml.")]


@app.command("list")
def list_corpora() -> None:
    """Show the readers there are, and the corpora that params.yaml names.

    Example: [bold]undertone corpus list[/]
    """
    from flows.cli.screens import corpora as examine

    examine.corpora(_config())


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name of your own, such as ravdess or ravdess-song.")],
    path: Annotated[Path, typer.Argument(help="The corpus: a folder, or a .zip, .tar or .tar.gz of it.")],
    reader: Annotated[
        str | None, typer.Option(help="Who reads it; found out from the files if not given. See corpus list.")
    ] = None,
) -> None:
    """Take in a corpus: a folder stays where it is, an archive is unpacked; params.yaml gets an entry.

    Example: [bold]undertone corpus add ravdess ~/corpora/RAVDESS.zip[/]
    """
    from tasks.corpora import intake

    _config()
    added = intake.add(name, path, reader)
    typer.echo(f"{name}: {added.path}, read as {added.reader}; it stands in params.yaml now.")
    typer.echo(f"Read it and look it over: undertone corpus doctor {name}")


@app.command()
def simulate(
    reader: Annotated[str, typer.Argument(help="Whose layout. See corpus list.")],
    name: Annotated[str | None, typer.Option(help="Its name in params.yaml; simulated-READER if not given.")] = None,
    *,
    text: Annotated[float | None, typer.Option(help="Share of utterances whose words show their emotion.")] = None,
    sound: Annotated[float | None, typer.Option(help="… whose voice shows it.")] = None,
    video: Annotated[float | None, typer.Option(help="… whose face shows it.")] = None,
    parts: Annotated[
        bool, typer.Option(help="Each tells a part: words valence, voices arousal, faces a group.")
    ] = False,
    times: Annotated[int | None, typer.Option(help="So many times the dialogues.")] = None,
) -> None:
    """Make a small corpus in a published corpus's layout, with synthetic voices, and take it in.

    Every report on it says that it is simulated. In iemocap and meld, words, voice and face may tell less than
    everything: what a fusion makes of signals that are known.

    Example: [bold]undertone corpus simulate tess[/]
    """
    from tasks.core import paths
    from tasks.corpora import intake
    from tasks.on_demand import simulated_corpora
    from tasks.simulate.studio import Signals

    _config()
    chosen = name or f"simulated-{reader}"
    folder = paths.CORPORA / chosen
    asked: dict[str, Any] = {"text": text, "sound": sound, "video": video, "times": times, "parts": parts or None}
    stated = {key: value for key, value in asked.items() if value is not None}
    simulated_corpora.make(reader, folder, signals=Signals(**stated) if stated else None)
    added = intake.add(chosen, folder, reader)
    typer.echo(f"{chosen}: {added.path}, in the layout of {reader}; it stands in params.yaml now.")
    typer.echo(f"Read it and look it over: undertone corpus doctor {chosen}")


@app.command()
def doctor(
    name: Name,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Read a corpus, and say what is missing, broken, doubled or mislabelled in it, and what to do.

    Example: [bold]undertone corpus doctor ravdess[/]
    """
    from flows.cli.screens import corpora as examine
    from flows.project import dag
    from tasks.core import paths, tables
    from tasks.corpora import doctor as corpus_doctor
    from tasks.pages.corpus import doctor_page as page

    config = _config()
    dag.reproduce((f"corpus@{known(config, name)}",))
    found = corpus_doctor.examine(name, config)
    target = paths.folder(f"corpus@{name}") / "doctor.html"
    tables.write_text(target, page.render(found))
    examine.diagnosis(found)
    typer.echo(f"The page: {target.resolve()}")
    if show:
        typer.launch(str(target.resolve()))


def audited(config: Config, name: str | None, protocol: str, declared: list[str], show: bool) -> None:
    """Audit a corpus under a protocol, or the interviews; print it, write its page, and stop at a violation.

    Raises:
        LeakError: if there is a violation that is not declared
    """
    import json

    from flows.cli.screens import corpora as examine
    from flows.project import dag
    from tasks import leaks
    from tasks.core import paths, tables
    from tasks.evaluation import protocols
    from tasks.pages.common import audit_page as page
    from tasks.stages import audit

    if name is None:
        title, simulated, target = "The interviews", False, paths.AUDIT.with_name("index.html")
        try:
            dag.reproduce(("audit",))
        finally:
            found = leaks.AuditReport.from_dict(json.loads(paths.AUDIT.read_text(encoding="utf-8")))
            tables.write_text(target, page.render(found, title, simulated=simulated))
            examine.audit(found, title)
    else:
        rule = protocols.parse(protocol)
        dag.reproduce((f"corpus@{known(config, name)}",))
        title = f"{name}, {rule.name}"
        simulated = json.loads(paths.reading(name).read_text(encoding="utf-8"))["simulated"]
        target = paths.folder(f"corpus@{name}") / "audit.html"
        found = audit.of_corpus(name, rule, declared=declared, seed=config.train.seed)
        tables.write_text(target, page.render(found, title, simulated=simulated))
        examine.audit(found, title)
    typer.echo(f"The page: {target.resolve()}")
    if show:
        typer.launch(str(target.resolve()))
    leaks.demand(found)


def priced(config: Config, name: str, protocol: str, label_set: str, declared: list[str]) -> None:
    """Run one recipe under an honest protocol and under random folds; print both and write them down.

    Raises:
        LeakError: if the audit of the honest side finds a violation that is not declared
    """
    import json

    from flows.cli.screens import corpora as examine
    from flows.project import dag
    from tasks import leaks
    from tasks.core import each, paths, tables
    from tasks.evaluation import protocols
    from tasks.on_demand import leak_price
    from tasks.stages import audit

    rule = protocols.parse(protocol)
    dag.reproduce((f"corpus@{known(config, name)}",))
    leaks.demand(audit.of_corpus(name, rule, declared=declared, seed=config.train.seed))
    found = leak_price.price(name, config, protocol, each=each.local(config.runtime), label_set=label_set)
    target = paths.folder(f"price@{name}") / "price.json"
    tables.write_text(target, json.dumps(found.to_dict(), indent=2, ensure_ascii=False) + "\n")
    examine.price(found)
    typer.echo(f"The same as JSON: {target.resolve()}")


def known(config: Config, name: str) -> str:
    """Return the name of a corpus that params.yaml has.

    Raises:
        InputError: if it has none of that name
    """
    from tasks.core.errors import InputError

    if name not in config.corpora:
        there = ", ".join(config.corpora) or "none yet"
        raise InputError(
            f"params.yaml names no corpus {name!r} (there: {there}). Take one in: undertone corpus add {name} PATH"
        )
    return name


def _config() -> Config:
    from flows.project import upgrade

    return upgrade.settings()
