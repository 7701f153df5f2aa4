"""`undertone annotate …`: serve the listening page for a project or a folder, export and import ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from tasks.annotate.candidates import Candidate
    from tasks.annotate.listening_session import ListeningSession
    from tasks.annotate.rated_segments import RatedSegment, Segment, SegmentId
    from tasks.annotate.store import Store
    from tasks.labelling.people.agreement import Estimate

_N = 100
"""Number of a project's segments in the queue, if none is given."""
_RESAMPLES, _CONFIDENCE = 1000, 0.95
_MEASURES = {"percent": "agreement", "kappa": "Fleiss' kappa", "alpha": "Krippendorff's alpha"}

app = typer.Typer(rich_markup_mode="rich")


OrderOption = Annotated[
    Literal["random", "stratified", "uncertain"],
    typer.Option(
        help="random: a random sample. stratified: balanced over videos and weak labels. uncertain: segments with the "
        "least certain weak label first."
    ),
]
LengthOption = Annotated[
    int | None, typer.Option("--n", min=1, help="Number of segments in the queue. Default: 100; of a folder, all.")
]
SplitOption = Annotated[Literal["test", "train", "all"], typer.Option(help="Split that the segments are from.")]
SeedOption = Annotated[
    int, typer.Option(help="Seed of the order; with the same seed listeners continue the same queue.")
]


@app.callback(invoke_without_command=True)
def annotate(
    context: typer.Context,
    *,
    order: OrderOption = "stratified",
    n: LengthOption = None,
    split: SplitOption = "test",
    seed: SeedOption = 1,
    text: Annotated[bool, typer.Option("--text/--no-text", help="Whether the page shows each segment's text.")] = False,
    adjudicate: Annotated[
        bool, typer.Option("--adjudicate", help="Play the segments whose ratings tie; another person decides them.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines connect.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8421,
    media: Annotated[
        Path | None, typer.Option(help="Folder of sound files to rate, in random order, without a project.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Ratings of --media; by default ratings.csv in the folder.")
    ] = None,
) -> None:
    """Serve the listening page until Ctrl-C. Keys: 1, 2, 3 rate, space plays, u undoes, 0 skips.

    Several people can listen at the same time, each under a name, and continue
    later. They never see the weak labels. Every rating is saved immediately in
    data/annotate/votes.sqlite. At start and end, data/listeners/annotated.csv
    is written, which the scores against listeners are computed from.

    With --media, the files of a folder are rated, without a project.

    Example: [bold]undertone annotate --media recordings/[/]

    Example: [bold]undertone annotate --order stratified --n 60 --split test[/]
    """
    if context.invoked_subcommand is not None:
        return
    address = (host, port)
    if media is not None:
        _demand_none({"--split": split != "test", "--text": text, "--order": order not in ("stratified", "random")})
        _rate_folder(media, out or media / "ratings.csv", n=n, seed=seed, adjudicate=adjudicate, address=address)
        return
    from tasks.annotate import candidates, rating_files
    from tasks.annotate.listening_session import ListeningSession

    available = candidates.load()
    with rating_files.open_store([candidate.segment for candidate in available]) as store:
        rating_files.publish(store)
        if adjudicate:
            queue, raters = _ties(available, store.rated_segments(), seed)
        else:
            queue, raters = _queue(available, order, n or _N, split, seed), None
        session = ListeningSession(store, queue, candidates.sounds(queue), text, raters)
        _serve(session, f"{len(queue)} segments {'with ties' if adjudicate else 'to rate'}", address)
        _publish(store)


def _demand_none(options: Mapping[str, bool]) -> None:
    """Refuse options that only a project's segments have."""
    from tasks.core.errors import InputError

    if given := [option for option, is_given in options.items() if is_given]:
        raise InputError(f"{', '.join(given)}: only for the segments of a project, not with --media")


def _rate_folder(
    media: Path, target: Path, *, n: int | None, seed: int, adjudicate: bool, address: tuple[str, int]
) -> None:
    """Serve the files of a folder, and write their ratings at start and end."""
    import tempfile

    from tasks.annotate import media_folder, rating_files
    from tasks.annotate.listening_session import ListeningSession
    from tasks.core.errors import NotEnoughData

    with tempfile.TemporaryDirectory(prefix="undertone-") as decoded:
        queue = media_folder.load(media, n=n, seed=seed, decoded=Path(decoded))
        for name, reason in queue.unusable:
            typer.echo(f"not played: {name}: {reason}", err=True)
        with media_folder.open_store(target) as store:
            rating_files.publish(store, target)
            segments, raters = queue.segments, None
            if adjudicate:
                tied = {item.segment.id: item for item in store.rated_segments() if item.ties and not item.adjudication}
                segments = tuple(segment for segment in segments if segment.id in tied)
                raters = {segment.id: frozenset(tied[segment.id].ratings) for segment in segments}
                if not segments:
                    raise NotEnoughData("no file's ratings tie, so there is nothing to decide")
            session = ListeningSession(store, segments, queue.sounds, with_text=False, raters=raters)
            of_all = f" of {queue.n_files}" if len(segments) < queue.n_files else ""
            kind = "with ties" if adjudicate else "to rate"
            _serve(session, f"{len(segments)}{of_all} files {kind}", address)
            if path := rating_files.publish(store, target):
                kept = media_folder.store_path(target).name
                typer.echo(f"\nWritten: {path}. {kept} holds every rating: with it, the same command continues.")
                _show_agreement(media_folder.labelled(store.rated_segments()))


def _show_agreement(ratings: Sequence[Mapping[str, str]]) -> None:
    """Print how much several listeners agree."""
    import numpy as np

    from tasks.evaluation.scores import Bootstrap
    from tasks.labelling.people import agreement

    listeners = sorted({name for row in ratings for name in row})
    shared = [row for row in ratings if len(row) > 1]
    if not shared:
        return
    numbers = np.arange(len(ratings)).astype(str)
    measures = agreement.measures(ratings, numbers, Bootstrap(_RESAMPLES, _CONFIDENCE, 1))
    words = "; ".join(f"{_MEASURES[name]} {_interval(measures[name])}" for name in _MEASURES)
    typer.echo(f"{len(listeners)} listeners, {len(shared)} files with two ratings or more: {words}")


def _interval(estimate: Estimate) -> str:
    if estimate.value is None:
        return "undefined"
    bounds = "" if estimate.low is None or estimate.high is None else f" ({estimate.low:.2f} to {estimate.high:.2f})"
    return f"{estimate.value:.2f}{bounds}"


def _serve(session: ListeningSession, content: str, address: tuple[str, int]) -> None:
    from tasks.annotate import access, serve

    is_local = access.is_loopback(address[0])
    serve.run(session, serve.ListenAddress(*address), lambda url: _announce(url, content, is_local=is_local))


@app.command("export")
def export_ratings(
    file: Annotated[Path, typer.Argument(help="File to write: .csv, or .json for Label Studio.")],
    *,
    order: OrderOption = "stratified",
    n: Annotated[
        int, typer.Option("--n", min=0, help="Number of segments of a queue to add to the rated ones; .json only.")
    ] = 0,
    split: SplitOption = "test",
    seed: SeedOption = 1,
    text: Annotated[
        bool, typer.Option("--text/--no-text", help="Whether Label Studio shows each segment's text.")
    ] = False,
) -> None:
    """Write all ratings as CSV, or as Label Studio tasks with their sound and labelling configuration.

    With --n, the tasks also include segments of a queue that nobody has rated yet.

    Example: [bold]undertone annotate export tasks.json --n 100[/]
    """
    from tasks.annotate import candidates, label_studio, rating_files
    from tasks.annotate.rated_segments import RatedSegment
    from tasks.core import paths, tables

    available = candidates.load()
    with rating_files.open_store([candidate.segment for candidate in available]) as store:
        if file.resolve() == paths.ANNOTATED.resolve():
            rating_files.publish(store)
        rated = store.rated_segments()
    if file.suffix.casefold() != ".json":
        rating_files.write(file, rated, {})
        typer.echo(f"{len(rated)} rated segments written to {file}")
        return
    rated_ids = {item.segment.id for item in rated}
    queue = _queue(available, order, n, split, seed) if n else []
    unrated = [RatedSegment(segment) for segment in queue if segment.id not in rated_ids]
    current = {candidate.segment.id: candidate.segment for candidate in available}
    exported = [*rated, *unrated]
    sounds = candidates.sounds(current[item.segment.id] for item in exported if item.segment.id in current)
    rating_files.write(file, exported, sounds)
    configuration = file.with_suffix(".xml")
    tables.write_text(configuration, label_studio.config(with_text=text))
    typer.echo(f"{len(exported)} tasks written to {file}, {len(rated)} of them with ratings")
    typer.echo(f"Sound: {label_studio.audio_folder(file)}. Labelling configuration: {configuration}")


@app.command("import")
def import_ratings(
    file: Annotated[Path, typer.Argument(help="Label Studio's JSON export, or a CSV file of ratings.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace stored ratings that differ from the file's.")
    ] = False,
) -> None:
    """Import ratings from Label Studio or CSV, all or none, and write data/listeners/annotated.csv.

    Example: [bold]undertone annotate import project-7-at-2026-03-02.json[/]
    """
    from tasks.annotate import candidates, rating_files
    from tasks.core import paths

    available = [candidate.segment for candidate in candidates.load()]
    with rating_files.open_store(available) as store:
        segments = {item.id: item for item in [*available, *(rated.segment for rated in store.rated_segments())]}
        changed = rating_files.import_file(store, file, list(segments.values()), replace=replace)
        typer.echo(f"{changed} new ratings and adjudications from {file}")
        if path := rating_files.publish(store, overwrite=file.resolve() == paths.ANNOTATED.resolve()):
            typer.echo(f"Written: {path}")


def _queue(available: Sequence[Candidate], order: str, n: int, split: str, seed: int) -> list[Segment]:
    from tasks.annotate import queue
    from tasks.core.errors import NotEnoughData

    chosen = [candidate for candidate in available if split in ("all", candidate.split)]
    if not chosen:
        raise NotEnoughData(f"there is no segment of the split {split!r} to listen to")
    return [candidate.segment for candidate in islice(queue.ORDERS[order](chosen, seed), n)]


def _ties(
    available: Sequence[Candidate], rated: Sequence[RatedSegment], seed: int
) -> tuple[list[Segment], dict[SegmentId, frozenset[str]]]:
    from tasks.annotate import queue
    from tasks.core.errors import NotEnoughData

    raters = {item.segment.id: frozenset(item.ratings) for item in rated if item.ties and item.adjudication is None}
    tied = [candidate for candidate in available if candidate.segment.id in raters]
    if missing := len(raters) - len(tied):
        typer.echo(f"{missing} segments with ties are left out: they have been cut differently since")
    if not tied:
        raise NotEnoughData("no segment's ratings tie, so there is nothing to decide")
    return [candidate.segment for candidate in queue.at_random(tied, seed)], raters


def _announce(url: str, content: str, *, is_local: bool) -> None:
    typer.echo(f"{content}. Open: {url}")
    typer.echo("Everyone with this address can listen and rate.")
    if not is_local:
        typer.echo("The connection is not encrypted: use a network you trust.")
    typer.echo("Every rating is saved immediately. Stop with Ctrl-C.")


def _publish(store: Store) -> None:
    from tasks.annotate import rating_files

    if path := rating_files.publish(store):
        typer.echo(f"\nWritten: {path}. To score labels and classifier against it: undertone run report")
