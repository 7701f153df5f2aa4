"""`undertone`: the command line. Every verb's help ends with an example that works."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli import annotate, corpora, experiments
from flows.cli import labels as labels_cli

if TYPE_CHECKING:
    from tasks.core.config import Config

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="From interviews to a speech-sentiment classifier, and a report one can defend.",
)
export = typer.Typer(no_args_is_help=True, help="Write results in other people's formats.")
app.add_typer(export, name="export")
cache = typer.Typer()
app.add_typer(cache, name="cache")
app.add_typer(annotate.app, name="annotate")
app.add_typer(corpora.app, name="corpus")
app.add_typer(experiments.app, name="experiment")
app.add_typer(labels_cli.app, name="labels")


def main() -> None:
    """Run the command line; a person's mistake ends in one message and a status other than 0."""
    from tasks.core.errors import UndertoneError

    # stages run as `python -m tasks …`: with this environment's python, activated or not
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        app()
    except (UndertoneError, OSError, KeyboardInterrupt) as error:
        # not before: --help needs none of it, and it takes longer than the help
        from tasks.__main__ import INTERRUPTED, explain

        if (message := explain(error)) is None:
            raise
        typer.echo(f"undertone: {message}", err=True)
        sys.exit(INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"undertone {installed('undertone')}")
        raise typer.Exit


@app.command()
def demo() -> None:
    """Crawl the embedded interview site over HTTP and run the whole main job on it.

    Example: [bold]undertone demo[/]
    """
    from flows.cli import demo as sample
    from flows.runs import in_process

    config = _config()
    sample.demand_sample_lists(config)
    started = time.monotonic()
    with sample.served(config) as url:
        typer.echo(f"The sample's {config.simulate.train + config.simulate.test} interviews are served at {url}")
        in_process.bring_up_to_date(say=typer.echo)
    _print_headline()
    typer.echo(f"\nDone in {time.monotonic() - started:.0f} s. The report: {_report_path()}")


@app.command()
def run(
    stages: Annotated[
        list[str] | None, typer.Argument(help="Stages to bring up to date; all if none is named.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Run the named stages even if they are current.")
    ] = False,
) -> None:
    """Bring stages, and what they need, up to date; what is current is skipped.

    Example: [bold]undertone run polarity train[/]
    """
    from flows.runs import in_process

    in_process.bring_up_to_date(stages or (), say=typer.echo, force=force)
    if not stages or "report" in stages:
        _print_headline()
        typer.echo(f"\nThe report: {_report_path()}")


@app.command()
def status() -> None:
    """List the stages that the next run would bring up to date, and what changed.

    Unlike `dvc status` it digests edited code first: an edit that cannot change a result concerns no stage.

    Example: [bold]undertone status[/]
    """
    from flows.project.dag import Dag
    from flows.runs import in_process

    in_process.bring_up_to_date(("code",), say=lambda _: None)
    dag = Dag(wait_s=_config().runtime.lock_wait_s, waiting=typer.echo)
    changes = {stage: reasons for stage in dag.stages() if (reasons := dag.changes(stage))}
    for stage, reasons in changes.items():
        typer.echo(f"{stage}: {', '.join(reasons)}")
    if not changes:
        typer.echo("Every stage is current.")


@app.command()
def crawl() -> None:
    """Fetch the listed interviews; look again at playlists and at what failed for a passing reason.

    What has been fetched is not fetched again.

    Example: [bold]undertone crawl[/]
    """
    from flows.runs import in_process
    from tasks.core import paths, tables

    in_process.bring_up_to_date(("crawl",), say=typer.echo, force=True)
    fetched = tables.read(paths.VIDEOS, tables.VIDEOS).num_rows
    rejected = tables.read(paths.rejected("crawl"), tables.REJECTED).to_pylist()
    typer.echo(f"{fetched} interviews are here, {len(rejected)} are not:")
    for row in rejected:
        typer.echo(f"  {row['item']}: {row['reason']} ({row['detail']})")


@app.command()
def site(
    media: Annotated[
        Path | None, typer.Option(help="Serve this folder of media and captions instead of the sample.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; simulate.port if not given.")] = None,
    lists: Annotated[
        Path | None, typer.Option(help="Write train.csv and test.csv that list the site's interviews here.")
    ] = None,
) -> None:
    """Serve interviews on loopback until Ctrl-C: the embedded sample, or a folder of your own.

    Example: [bold]undertone site --media recordings/ --lists data/[/]
    """
    from tasks.core import paths
    from tasks.simulate import site as pages
    from tasks.simulate.folder import folder
    from tasks.simulate.sample import sample

    config = _config()
    chosen = folder(media) if media else sample(config.simulate, paths.SITE)
    with pages.serve(chosen, port=config.simulate.port if port is None else port) as url:
        typer.echo(f"Serving {media or 'the sample'} at {url} (Ctrl-C stops it)")
        if lists:
            pages.write_lists(chosen, url, lists / "train.csv", lists / "test.csv")
            typer.echo(f"Listed in {lists / 'train.csv'} and {lists / 'test.csv'}")
        _wait_for_ctrl_c()


@app.command()
def report(
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Bring the report up to date, print its headline figures and where it lies.

    Example: [bold]undertone report[/]
    """
    from flows.runs import in_process

    in_process.bring_up_to_date(("report",), say=typer.echo)
    _print_headline()
    typer.echo(f"\nThe report: {_report_path()}")
    if show:
        typer.launch(str(_report_path()))


@app.command()
def predict(
    source: Annotated[str, typer.Argument(help="A media file or a URL.")],
    captions: Annotated[Path | None, typer.Option(help="Captions of the file, if not beside it.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the CSV and the picture.")] = Path("predictions"),
) -> None:
    """Classify new media with the trained model: its captioned utterances, or fixed windows.

    Example: [bold]undertone predict interview.m4a --out predictions[/]
    """
    from flows.cli.screens import results
    from tasks.on_demand import predict as prediction

    found = prediction.run(source, captions=captions, out=out, config=_config())
    results.predictions(found)


@export.command("segments")
def export_segments(
    folder: Annotated[Path, typer.Argument(help="Where negative/, neutral/ and positive/ are made.")],
    audio_format: Annotated[str, typer.Option("--format", help="wav, mp3, ogg or flac.")] = "wav",
) -> None:
    """Write the labelled segments as sound files into a folder per sentiment, to listen to.

    Example: [bold]undertone export segments listen/ --format mp3[/]
    """
    from tasks.core import paths, tables
    from tasks.on_demand import export_segments

    votes = tables.read(paths.VOTES, tables.VOTES).to_pylist()
    labels = {row["utterance_id"]: row["sentiment"] for row in votes if row["sentiment"]}
    typer.echo(f"{export_segments.export(folder, labels, audio_format)} segments written to {folder}")


@cache.callback(invoke_without_command=True)
def cache_usage(context: typer.Context) -> None:
    """Show what each stage's remembered results take up, and the bound on them.

    Example: [bold]undertone cache[/]
    """
    from flows.cli.screens import results
    from tasks.core import memo

    if context.invoked_subcommand is None:
        results.memory(memo.usage(), _config().runtime.memo_max_bytes)


@cache.command("clean")
def cache_clean(
    max_bytes: Annotated[
        int | None, typer.Option(min=0, help="Throw away the longest unused until no more than this is left.")
    ] = None,
    older_than_days: Annotated[
        float | None, typer.Option(min=0, help="Throw away what has not been of use for so many days.")
    ] = None,
    stage: Annotated[list[str] | None, typer.Option(help="Only this stage's results; may be repeated.")] = None,
) -> None:
    """Throw remembered results away. No artifact is lost: what is needed again is computed again.

    Without options, everything goes. It waits for no one: while a run is going on, it stops and says so.

    Example: [bold]undertone cache clean --older-than-days 30[/]
    """
    from tasks.core import locks, memo
    from tasks.core.errors import InputError

    _config()
    there = sorted({entry.stage for entry in memo.usage()})
    if unknown := sorted(set(stage or ()) - set(there)):
        raise InputError(f"nothing is remembered of {', '.join(unknown)}; there is {', '.join(there) or 'nothing'}")
    everything = max_bytes is None and older_than_days is None
    max_age_s = None if older_than_days is None else older_than_days * 86_400
    with locks.alone(memo.LOCK, "undertone cache clean", wait_s=0, waiting=typer.echo):
        n_freed, freed = memo.clean(max_bytes=0 if everything else max_bytes, max_age_s=max_age_s, stages=stage or ())
    typer.echo(f"{n_freed} results thrown away, {freed / 1e6:.1f} MB freed")


@cache.command("check")
def cache_check() -> None:
    """Read every remembered result and throw away what is damaged; it would be computed again anyway.

    Example: [bold]undertone cache check[/]
    """
    from tasks.core import locks, memo

    _config()
    with locks.alone(memo.LOCK, "undertone cache check", wait_s=0, waiting=typer.echo):
        found = memo.damaged()
        for entry in found:
            entry.path.unlink(missing_ok=True)
            typer.echo(f"damaged, thrown away: {entry.path}")
    typer.echo(f"{len(found)} damaged")


@app.command()
def audit(
    name: Annotated[
        str | None, typer.Argument(help="A corpus of params.yaml; the interviews if none is named.")
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="Whose folds to look at, such as speaker-out(5), official or random(5).")
    ] = "official",
    declare: Annotated[
        list[str] | None, typer.Option(help="A kind of leak that is known and accepted; may be repeated.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Look for what training and test part share and must not; a violation ends in a status other than 0.

    Example: [bold]undertone audit ravdess --protocol 'speaker-out(6)'[/]
    """
    corpora.audited(_config(), name, protocol, declare or [], show)


@app.command()
def price(
    name: Annotated[str, typer.Argument(help="A corpus of params.yaml.")],
    protocol: Annotated[str, typer.Option(help="The honest protocol, such as speaker-out(6).")],
    label_set: Annotated[str, typer.Option(help="Which classes: all, ekman, iemocap-4 or iemocap-5.")] = "all",
    declare: Annotated[
        list[str] | None, typer.Option(help="A kind of leak that is known and accepted; may be repeated.")
    ] = None,
) -> None:
    """Show what a leak is worth: one recipe under an honest protocol and under random folds, side by side.

    The honest side is audited first.

    Example: [bold]undertone price ravdess --protocol 'speaker-out(6)'[/]
    """
    corpora.priced(_config(), name, protocol, label_set, declare or [])


@app.command()
def votes(
    file: Annotated[Path, typer.Argument(help="CSV: VideoId,segment,sentiment analysis,<listeners>,text.")],
) -> None:
    """Score published labels, and our consensus on the same texts, against the majority of their listeners.

    Example: [bold]undertone votes train_votes.csv[/]
    """
    from flows.cli.screens import results
    from tasks.on_demand import published_votes

    results.agreement(published_votes.compare(file, _config()))


@app.command()
def new(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Make a project folder of your own: the same pipeline with your lists, parameters, data and stages.

    Example: [bold]undertone new my-interviews[/]
    """
    from flows.project import workspace

    workspace.create(folder)
    typer.echo(f"{folder} is ready. List interviews in {folder}/data/train.csv and test.csv, then:")
    typer.echo(f"  cd {folder} && undertone run")


@app.command()
def link(
    folder: Annotated[
        Path, typer.Argument(help="A project folder that was made on another machine or by another version.")
    ] = Path(),
    edits: Annotated[
        Literal["merge", "keep", "discard"],
        typer.Option(help="Edited shipped files: merge them with this version's, keep them, or discard the edits."),
    ] = "merge",
) -> None:
    """Link a project to the undertone on this machine, and update the shipped part of its dvc.yaml.

    Every command that runs stages does the same first; see docs/upgrading.md.

    Example: [bold]undertone link my-interviews[/]
    """
    from flows.project import shipped, upgrade
    from tasks.core.code_version import ROOT
    from tasks.core.errors import InputError

    if not (folder / "dvc.yaml").is_file():
        raise InputError(f"{folder} is no project folder: it has no dvc.yaml. Make one: undertone new DIR")
    shipped.link(folder)
    upgrade.bring_up_to_date(folder, typer.echo, edits=edits)
    typer.echo(f"{folder.resolve()} uses the undertone at {ROOT}. To fetch its artifacts: dvc pull")


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port of the Prefect server.")] = 4200) -> None:
    """Bring up Prefect: server, work pool, deployments, worker. One Ctrl-C stops it all.

    Example: [bold]undertone ui --port 4200[/]
    """
    from contextlib import ExitStack

    from flows.cli import demo as sample
    from flows.ui import server

    config = _config()
    with ExitStack() as stack:
        if sample.lists_are_the_samples(config):
            typer.echo(
                f"The lists are the sample's: serving its interviews at {stack.enter_context(sample.served(config))}"
            )
        url = stack.enter_context(server.running(port))
        typer.echo(f"Prefect is up: {url}\nStart a run on the page, or in another terminal:")
        typer.echo(f"  PREFECT_API_URL={url}/api prefect deployment run 'weak-supervision/nightly' --watch")
        _wait_for_ctrl_c()
        typer.echo("Stopping …")


def _wait_for_ctrl_c() -> None:
    import signal

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        return


def _config() -> Config:
    from flows.project import upgrade

    return upgrade.settings()


def _print_headline() -> None:
    from flows.cli.screens import results

    results.headline()


def _report_path() -> Path:
    from tasks.core import paths

    return paths.REPORT.resolve()
