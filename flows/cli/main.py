"""`undertone`: the command line. The help of every command ends with an example that works."""

from __future__ import annotations

import atexit
import gc
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from flows.cli import annotate, corpora, data_rights, experiments, leaks
from flows.cli import apply as apply_cli
from flows.cli import captions as captions_cli
from flows.cli import export as export_cli
from flows.cli import features as features_cli
from flows.cli import labels as labels_cli
from flows.cli import receipts as receipts_cli
from flows.cli import service as service_cli
from flows.cli import weights as weights_cli
from flows.cli.command_support import load_settings, show_page

_SHOWN = 4
"""Changes that `status` lists of a stage."""

_START, _ANYWHERE, _INTERVIEWS = "Start", "Without a project", "Interviews"
_CORPORA, _MODELS, _RATINGS, _PROJECT = (
    "Corpora and experiments", "Models", "Ratings and labels", "Project and machine"
)  # fmt: skip
_GROUPS = (_START, _ANYWHERE, _INTERVIEWS, _CORPORA, _MODELS, _RATINGS, _PROJECT)
"""Groups of commands in the help; docs/commands.md has the same."""


class GroupedCommands(TyperGroup):
    """Commands in the order of the help's groups; typer lists those of other modules last."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, those of a group together.

        Args:
            ctx: of the command line
        """
        return sorted(super().list_commands(ctx), key=lambda name: _GROUPS.index(_group(self.commands[name])))


def _group(command: Any) -> str:
    return str(command.rich_help_panel)


app = typer.Typer(
    cls=GroupedCommands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    # inherited by all commands
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="From interviews to a speech-sentiment classifier, and a report with defensible scores.",
)
app.add_typer(export_cli.app, name="export", rich_help_panel=_CORPORA)
cache = typer.Typer()
app.add_typer(cache, name="cache", rich_help_panel=_PROJECT)
app.add_typer(annotate.app, name="annotate", rich_help_panel=_RATINGS)
app.add_typer(corpora.app, name="corpus", rich_help_panel=_CORPORA)
app.add_typer(experiments.app, name="experiment", rich_help_panel=_CORPORA)
app.add_typer(labels_cli.app, name="labels", rich_help_panel=_RATINGS)
app.add_typer(apply_cli.model_app, name="model", rich_help_panel=_MODELS)
app.add_typer(service_cli.app, name="service", rich_help_panel=_PROJECT)
app.add_typer(weights_cli.app, name="weights", rich_help_panel=_MODELS)
app.add_typer(data_rights.forget_app, name="forget", rich_help_panel=_PROJECT)
app.add_typer(data_rights.lists_app, name="lists", rich_help_panel=_INTERVIEWS)


def main() -> None:
    """Run the command line; a user's mistake ends with one message and exit status 1."""
    # `python -m undertone …` must find this environment's python, even if the environment is not activated
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # while it ends, Python collects garbage several times: 0.4 s after a run. Frozen objects are not searched
    atexit.register(gc.freeze)
    try:
        app()
    except (Exception, KeyboardInterrupt) as error:
        # imported late, since it takes longer than --help, which does not need it
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
        from tasks.core import distribution

        typer.echo(f"undertone {distribution.version()}")
        raise typer.Exit


@app.command(rich_help_panel=_START)
def demo() -> None:
    """Crawl the embedded interview site over HTTP and run all stages on it.

    In an empty folder, a project is made first; one with empty lists gets
    those of the sample.

    Example: [bold]undertone demo[/]
    """
    from flows.cli import demo as sample
    from flows.runs import in_process

    made = sample.prepare_folder()
    config = load_settings()
    for line in filter(None, (made, sample.prepare_lists(config))):
        typer.echo(line)
    taken, config = config.simulate.port, sample.on_a_free_port(config)
    if config.simulate.port != taken:
        typer.echo(f"Port {taken} is taken: params.yaml and the lists use {config.simulate.port} from now on")
    started = time.monotonic()
    with sample.served(config) as url:
        typer.echo(f"The sample's {config.simulate.train + config.simulate.test} interviews are served at {url}")
        in_process.bring_up_to_date(say=typer.echo)
    _show_report(title=f"\nDone in {time.monotonic() - started:.0f} s. The report")


@app.command(rich_help_panel=_START)
def run(
    stages: Annotated[
        list[str] | None, typer.Argument(help="Names of stages; if none is named, all of the interviews' report.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Run the named stages even if they are current.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All corpora and experiments, too.")] = False,
) -> None:
    """Run outdated stages and the stages they need; current ones are skipped.

    Corpora and experiments that the interviews' report does not show run when
    they are named, or with --all.

    `run crawl --force` tries all rejected interviews again, also those that
    failed for good.

    Example: [bold]undertone run polarity segments[/]
    """
    from flows.runs import nothing_to_do

    note = nothing_to_do.note_name(stages or (), everything=everything)
    if force or not (note and nothing_to_do.reported(note, typer.echo)):
        # imported late, since it takes longer than a run with nothing to do
        from flows.runs import in_process

        if force and "crawl" in (stages or ()):
            _forget_failed_interviews()
        in_process.bring_up_to_date(stages or (), say=typer.echo, force=force, everything=everything)
    if not stages or "report" in stages:
        _show_report()


def _forget_failed_interviews() -> None:
    from tasks.core import locks
    from tasks.stages import crawl

    wait_s = load_settings().runtime.lock_wait_s
    with locks.alone("crawl", "undertone run crawl --force", wait_s=wait_s, waiting=typer.echo):
        crawl.forget_failures()


@app.command(rich_help_panel=_START)
def status() -> None:
    """List the outdated stages, and what changed since they ran.

    Unlike `dvc status`, it digests the code first, and so ignores edits that
    cannot change a result.

    Example: [bold]undertone status[/]
    """
    from flows.project.dag import Dag
    from flows.runs import in_process

    in_process.bring_up_to_date(("code",), say=lambda _: None)
    dag = Dag(wait_s=load_settings().runtime.lock_wait_s, waiting=typer.echo)
    changes = {stage: reasons for stage in dag.stages() if (reasons := dag.changes(stage))}
    for stage, reasons in changes.items():
        more = f", {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        typer.echo(f"{stage}: {', '.join(reasons[:_SHOWN])}{more}")
    if not changes:
        typer.echo("Every stage is current.")
    for stage in dag.stages():
        if stage not in changes and (gone := dag.absent(stage)):
            typer.echo(f"{stage}: {', '.join(gone)} is not on this machine; what was read from it is used")


@app.command(rich_help_panel=_INTERVIEWS)
def crawl() -> None:
    """Fetch new interviews of the lists; try again those that may be available now.

    Playlists and channels are read again. Fetched interviews are kept. Of the
    rejected ones, those that may have changed are tried again: no captions yet,
    live or upcoming, no usable format, private, login needed, unavailable for now.
    `undertone run crawl --force` tries all of them.

    Example: [bold]undertone crawl[/]
    """
    from flows.runs import in_process
    from tasks.core import paths, tables

    in_process.bring_up_to_date(("crawl",), say=typer.echo, force=True)
    fetched = tables.read(paths.VIDEOS, tables.VIDEOS).num_rows
    rejected = tables.read(paths.rejected("crawl"), tables.REJECTED).to_pylist()
    typer.echo(f"{fetched} interviews fetched, {len(rejected)} rejected:")
    for row in rejected:
        typer.echo(f"  {row['item']}: {row['reason']} ({row['detail']})")


@app.command(rich_help_panel=_INTERVIEWS)
def site(
    media: Annotated[
        Path | None, typer.Option(help="Folder of media and captions to serve instead of the sample.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; by default simulate.port.")] = None,
    lists: Annotated[
        Path | None, typer.Option(help="Folder for train.csv and test.csv, the lists of the site's interviews.")
    ] = None,
) -> None:
    """Serve the embedded sample, or a folder of media, on loopback until Ctrl-C.

    Example: [bold]undertone site --media recordings/ --lists data/[/]
    """
    from tasks.core import paths
    from tasks.simulate import site as interview_site
    from tasks.simulate.folder import folder
    from tasks.simulate.sample import sample

    config = load_settings()
    pages = folder(media) if media else sample(config.simulate, paths.SITE)
    chosen = interview_site.free_port(config.simulate.port) if port is None else port
    with interview_site.serve(pages, port=chosen) as url:
        typer.echo(f"Serving {media or 'the sample'} at {url}. Stop with Ctrl-C.")
        if lists:
            interview_site.write_lists(pages, url, lists / "train.csv", lists / "test.csv")
            typer.echo(f"Written: {lists / 'train.csv'} and {lists / 'test.csv'}")
        address = url.removeprefix("http://")
        if address not in config.crawl.allow_addresses:
            typer.echo(f"To crawl it, add {address!r} to crawl.allow_addresses in params.yaml.")
        _wait_for_ctrl_c()


@app.command(rich_help_panel=_START)
def report(
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Bring the report up to date; print its main scores and its path.

    Example: [bold]undertone report[/]
    """
    from flows.runs import in_process

    in_process.bring_up_to_date(("report",), say=typer.echo)
    _show_report(browse=show)


@cache.callback(invoke_without_command=True)
def cache_usage(context: typer.Context) -> None:
    """Show the size of the cached results of each stage, and the limit.

    Example: [bold]undertone cache[/]
    """
    from flows.cli.screens import results
    from tasks.core import memo

    if context.invoked_subcommand is None:
        results.memory(memo.usage(), load_settings().runtime.memo_max_bytes)


@cache.command("clean")
def cache_clean(
    max_bytes: Annotated[
        int | None, typer.Option(min=0, help="Size to keep; the least recently used results go first.")
    ] = None,
    older_than_days: Annotated[
        float | None, typer.Option(min=0, help="Remove results that were not used for this many days.")
    ] = None,
    stage: Annotated[list[str] | None, typer.Option(help="Only results of this stage; may be repeated.")] = None,
) -> None:
    """Remove cached results: all, or those that the options select.

    Artifacts stay; results that are needed again are computed again. During a
    run, the command stops with a message.

    Example: [bold]undertone cache clean --older-than-days 30[/]
    """
    from tasks.core import locks, memo
    from tasks.core.errors import InputError

    load_settings()
    cached = sorted({entry.stage for entry in memo.usage()})
    if unknown := sorted(set(stage or ()) - set(cached)):
        raise InputError(f"no results of {', '.join(unknown)} are cached; expected: {', '.join(cached) or 'none'}")
    everything = max_bytes is None and older_than_days is None
    max_age_s = None if older_than_days is None else older_than_days * 86_400
    with locks.alone(memo.LOCK, "undertone cache clean", wait_s=0, waiting=typer.echo):
        n_removed, n_bytes = memo.clean(
            max_bytes=0 if everything else max_bytes, max_age_s=max_age_s, stages=stage or ()
        )
    typer.echo(f"{n_removed} results removed, {n_bytes / 1e6:.1f} MB freed")


@cache.command("check")
def cache_check() -> None:
    """Read all cached results and remove damaged ones.

    Example: [bold]undertone cache check[/]
    """
    from tasks.core import locks, memo

    load_settings()
    with locks.alone(memo.LOCK, "undertone cache check", wait_s=0, waiting=typer.echo):
        damaged = memo.damaged()
        for entry in damaged:
            entry.path.unlink(missing_ok=True)
            typer.echo(f"damaged, removed: {entry.path}")
    typer.echo(f"{len(damaged)} damaged results")


app.command(rich_help_panel=_MODELS)(apply_cli.apply)
app.command(rich_help_panel=_INTERVIEWS)(apply_cli.predict)
app.command(rich_help_panel=_ANYWHERE)(captions_cli.captions)
app.command(rich_help_panel=_ANYWHERE)(features_cli.features)
app.command(rich_help_panel=_ANYWHERE)(leaks.audit)
app.command(rich_help_panel=_CORPORA)(leaks.price)
app.command(rich_help_panel=_CORPORA)(receipts_cli.receipt)
app.command(rich_help_panel=_CORPORA)(receipts_cli.verify)


@app.command(rich_help_panel=_INTERVIEWS)
def votes(
    file: Annotated[Path, typer.Argument(help="CSV file: [VideoId],sentiment analysis,<listeners>,text.")],
) -> None:
    """Score published labels, and ours on the same texts, against listeners.

    Example: [bold]undertone votes train_votes.csv[/]
    """
    from flows.cli.screens import results
    from tasks.on_demand import published_votes

    results.agreement(published_votes.compare(file, load_settings()))


@app.command(rich_help_panel=_START)
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    media: Annotated[
        Path | None, typer.Option(help="Folder of recordings with captions beside them; the lists name these files.")
    ] = None,
) -> None:
    """Make a project folder with its own lists, parameters, data and stages.

    With --media, recordings on disk are used instead of a crawl: a media file X.m4a (or in another container), and
    its captions X.vtt, X.en.srt …

    Example: [bold]undertone new my-interviews --media recordings/[/]
    """
    from flows.project import workspace
    from tasks.fetching import local_files

    if media is None:
        workspace.create(folder)
        typer.echo(f"{folder} is ready. List interviews in {folder}/data/train.csv and test.csv, then:")
    else:
        scanned = local_files.scan(media)
        workspace.create(folder, scanned.recordings)
        typer.echo(
            f"{folder} is ready: {len(scanned.recordings)} recordings are in {folder}/data/train.csv and test.csv."
        )
        for path, reason in (*local_files.without_captions(scanned.recordings), *scanned.skipped):
            typer.echo(f"  {path}: {reason}", err=True)
        if n_without := len(list(local_files.without_captions(scanned.recordings))):
            typer.echo(
                f"Without captions: {n_without}. To recognise their speech instead of rejecting them, set "
                f"transcribe.when: missing in {folder}/params.yaml (docs/transcribing.md)."
            )
        typer.echo("Check which of them are for testing, then:")
    typer.echo(f"  cd {folder} && undertone run")


@app.command(rich_help_panel=_PROJECT)
def link(
    folder: Annotated[Path, typer.Argument(help="Project folder of another machine or version.")] = Path(),
    edits: Annotated[
        Literal["merge", "keep", "discard"],
        typer.Option(help="For edited shipped files: merge, keep or discard the edits."),
    ] = "merge",
) -> None:
    """Make a project use this installation, and update its shipped files.

    Every command that runs stages updates them, too: docs/upgrading.md.

    Example: [bold]undertone link my-interviews[/]
    """
    from flows.project import shipped, upgrade
    from tasks.core.code_version import ROOT
    from tasks.core.errors import InputError

    if not (folder / "dvc.yaml").is_file() or not (folder / ".dvc").is_dir():
        raise InputError(f"{folder} is no project folder: it has no dvc.yaml or no .dvc. Make one: undertone new DIR")
    # a project of version 0.1.0 on another machine is recognised by the note
    shipped.link(folder, typer.echo)
    upgrade.bring_up_to_date(folder, typer.echo, edits=edits)
    typer.echo(f"{folder.resolve()} uses undertone at {ROOT}. To fetch its artifacts: dvc pull")


@app.command(rich_help_panel=_PROJECT)
def ui(port: Annotated[int, typer.Option(help="Port of the Prefect server.")] = 4200) -> None:
    """Run Prefect: server, work pool, deployments, worker; Ctrl-C stops all.

    Example: [bold]undertone ui --port 4200[/]
    """
    from contextlib import ExitStack

    from flows.cli import demo as sample
    from flows.ui import server

    config = load_settings()
    with ExitStack() as stack:
        if sample.lists_are_the_samples(config):
            config = sample.on_a_free_port(config)
            typer.echo(f"The lists are the sample's, which is served at {stack.enter_context(sample.served(config))}")
        prefect = stack.enter_context(server.running(port))
        typer.echo(f"Prefect runs at {prefect.url}. To log in, open this link; keep it to yourself, it is a password:")
        typer.echo(f"  {prefect.link}")
        typer.echo("Start a flow run there, or in another terminal:")
        home = shlex.quote(str(prefect.home))
        typer.echo(f"  PREFECT_HOME={home} prefect deployment run 'weak-supervision/nightly' --watch")
        _wait_for_ctrl_c()
        typer.echo("Stopping …")


def _wait_for_ctrl_c() -> None:
    import signal

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        return


def _show_report(*, browse: bool = False, title: str = "\nThe report") -> None:
    from flows.cli.screens import results
    from tasks.core import paths

    results.headline(load_settings().report.experiment)
    show_page(paths.REPORT, browse=browse, title=title)
