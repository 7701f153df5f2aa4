"""`undertone corpus …`: add corpora to the project, check them, make small simulated ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command_support import demand_corpus, load_settings, show_page

if TYPE_CHECKING:
    from tasks.core.config import Config

app = typer.Typer(no_args_is_help=True, help="Corpora: add, check, simulate.")
Name = Annotated[str, typer.Argument(help="The corpus's name in params.yaml.")]


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
    path: Annotated[Path, typer.Argument(help="The corpus: a folder, or a .zip, .tar or .tar.gz of it.")],
    reader: Annotated[
        str | None, typer.Option(help="Reader, see corpus list; guessed from the files if not given.")
    ] = None,
) -> None:
    """Add a corpus to params.yaml: a folder stays where it is, an archive is unpacked.

    Example: [bold]undertone corpus add ravdess ~/corpora/RAVDESS.zip[/]
    """
    from tasks.corpora import intake

    load_settings()
    added = intake.add(name, path, reader)
    typer.echo(f"{name}: {added.path}, reader {added.reader}: added to params.yaml.")
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
    name: Name,
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
    tables.write_text(target, page.render(diagnosis))
    corpus_screen.diagnosis(diagnosis)
    show_page(target, browse=show)


def run_audit(config: Config, name: str | None, protocol: str, declared: list[str], show: bool) -> None:
    """Audit a corpus under a protocol, or the interviews: print the findings and write a page.

    Args:
        config: all settings
        name: the corpus's name, or None for the interviews
        protocol: name of a protocol, such as `speaker-out(6)`; for a corpus
        declared: accepted kinds of leaks
        show: whether to open the page in a browser

    Raises:
        LeakError: if there is an undeclared violation
    """
    import json

    from flows.cli.screens import corpora as corpus_screen
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
            report = leaks.AuditReport.from_dict(json.loads(paths.AUDIT.read_text(encoding="utf-8")))
            tables.write_text(target, page.render(report, title, simulated=simulated))
            corpus_screen.audit(report, title)
    else:
        rule = protocols.parse(protocol)
        dag.reproduce((f"corpus@{demand_corpus(config, name)}",))
        title = f"{name}, {rule.name}"
        simulated = json.loads(paths.reading(name).read_text(encoding="utf-8"))["simulated"]
        target = paths.folder(f"corpus@{name}") / "audit.html"
        report = audit.of_corpus(name, rule, declared=declared, seed=config.train.seed)
        tables.write_text(target, page.render(report, title, simulated=simulated))
        corpus_screen.audit(report, title)
    show_page(target, browse=show)
    leaks.demand(report)


def measure_leak(config: Config, name: str, protocol: str, label_set: str, declared: list[str]) -> None:
    """Run one recipe under an honest protocol and under random folds; print the scores and write them as JSON.

    Args:
        config: all settings
        name: the corpus's name
        protocol: name of the honest protocol, such as `speaker-out(6)`
        label_set: name of the label set: all, ekman, iemocap-4, iemocap-5
        declared: accepted kinds of leaks

    Raises:
        LeakError: if the honest protocol's audit finds an undeclared violation
    """
    import json

    from flows.cli.screens import corpora as corpus_screen
    from flows.project import dag
    from tasks import leaks
    from tasks.core import each, paths, tables
    from tasks.evaluation import protocols
    from tasks.on_demand import leak_price
    from tasks.stages import audit

    rule = protocols.parse(protocol)
    dag.reproduce((f"corpus@{demand_corpus(config, name)}",))
    leaks.demand(audit.of_corpus(name, rule, declared=declared, seed=config.train.seed))
    price = leak_price.price(name, config, protocol, each=each.local(config.runtime), label_set=label_set)
    target = paths.folder(f"price@{name}") / "price.json"
    tables.write_text(target, json.dumps(price.to_dict(), indent=2, ensure_ascii=False) + "\n")
    corpus_screen.price(price)
    typer.echo(f"As JSON: {target.resolve()}")
