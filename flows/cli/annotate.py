"""`undertone annotate …`: serve the listening page for a project or a folder, export, import and report ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from tasks.annotate.candidates import Candidate
    from tasks.annotate.class_definitions import RatingQuestion
    from tasks.annotate.listening_session import ListeningSession
    from tasks.annotate.rated_segments import RatedSegment, Segment, SegmentId
    from tasks.annotate.store import Store
    from tasks.labelling.people.agreement import Estimate
    from tasks.labelling.people.ratings import RatedSpan

_N = 100
"""Number of a project's segments in the queue, if none is given."""
_PRACTICE = 3
_RESAMPLES, _CONFIDENCE = 1000, 0.95
_MEASURES = {"percent": "agreement", "kappa": "Fleiss' kappa", "alpha": "Krippendorff's alpha"}

app = typer.Typer(rich_markup_mode="rich")


OrderOption = Annotated[
    Literal["random", "stratified", "uncertain", "proposed"],
    typer.Option(
        help="random: a random sample. stratified: balanced over videos and weak labels. uncertain: segments with the "
        "least certain weak label first. proposed: segments whose ratings are expected to change labels most, and "
        "three in ten at random; scores of the labels use the random ones only."
    ),
]
LengthOption = Annotated[
    int | None, typer.Option("--n", min=1, help="Number of segments in the queue. Default: 100; of a folder, all.")
]
SplitOption = Annotated[Literal["test", "train", "all"], typer.Option(help="Split that the segments are from.")]
SeedOption = Annotated[
    int, typer.Option(help="Seed of the order; with the same seed listeners continue the same queue.")
]


@dataclass(frozen=True)
class PageOptions:
    """Options of the page that do not depend on what is rated.

    Args:
        address: host and port
        adjudicates: whether ties are decided
        n_practice: number of clips for practice
        n_repeats: number of repeated clips; None: the default
        share: of a clip that has to be played
    """

    address: tuple[str, int]
    adjudicates: bool
    n_practice: int
    n_repeats: int | None
    share: float

    def repeats_of(self, n: int) -> int:
        """Return the number of repeated clips in a queue of `n`."""
        from tasks.annotate import schedule

        if self.adjudicates:
            return 0
        return schedule.usual_repeats(n) if self.n_repeats is None else self.n_repeats


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
    labels: Annotated[
        str | None, typer.Option(help="Classes of --media, with commas between them; by default the three sentiments.")
    ] = None,
    definitions: Annotated[
        Path | None, typer.Option(help="YAML file with question, instructions and definitions of the classes.")
    ] = None,
    practice: Annotated[
        int, typer.Option(min=0, max=20, help="Number of clips to begin with that count nowhere.")
    ] = _PRACTICE,
    repeats: Annotated[
        int | None,
        typer.Option(min=0, help="Number of clips that come twice, for consistency. Default: one in ten, at most 10."),
    ] = None,
    least_played: Annotated[
        float, typer.Option(min=0, max=1, help="Share of a clip that has to be played before it can be rated.")
    ] = 1.0,
) -> None:
    """Serve the listening page until Ctrl-C. Keys: 1, 2, 3 rate, space plays, u undoes, 0 skips, ? shows the classes.

    Several people can listen at the same time, each under a name, and continue
    later. They never see the weak labels. A clip can be rated once it was
    played to its end. Every rating is saved immediately, with the seconds
    played, in data/annotate/votes.sqlite. At start and end, data/listeners/annotated.csv
    is written, which the scores against listeners are computed from.

    With --media, the files of a folder are rated, without a project.

    Example: [bold]undertone annotate --media recordings/[/]

    Example: [bold]undertone annotate --order stratified --n 60 --split test[/]
    """
    if context.invoked_subcommand is not None:
        return
    page = PageOptions((host, port), adjudicate, 0 if adjudicate else practice, repeats, least_played)
    if media is not None:
        _demand_none({"--split": split != "test", "--text": text, "--order": order not in ("stratified", "random")})
        question = _question(labels, definitions)
        _rate_folder(media, out or media / "ratings.csv", n=n, seed=seed, question=question, page=page)
        return
    from tasks.annotate import candidates, rating_files
    from tasks.annotate.listening_session import ListeningSession

    asked = _sentiment_question(labels, definitions, with_text=text)
    available = candidates.load()
    with rating_files.open_store([candidate.segment for candidate in available]) as store:
        rating_files.publish(store)
        if adjudicate:
            queue, raters = _ties(available, rating_files.counted(store), seed)
            samplings: dict[SegmentId, str] = {}
            n_begun = 0
        else:
            available = candidates.with_ratings(available, store.rated_segments())
            queue, samplings, n_begun = _queue(available, order, n or _N, split, seed)
            raters = None
        exercises = _practice(available, queue, page.n_practice, seed)
        sounds = candidates.sounds([*queue, *exercises])
        session = ListeningSession(
            store, queue, sounds, text, raters, exercises, page.repeats_of(len(queue)), asked, least_played,
            samplings=samplings,
        )  # fmt: skip
        kind = "with ties" if adjudicate else f"to rate{_drawn(order, queue[n_begun:], samplings)}"
        _serve(session, f"{len(queue)} segments {kind}", page.address)
        _publish(store)


def _demand_none(options: Mapping[str, bool]) -> None:
    """Refuse options that only a project's segments have."""
    from tasks.core.errors import InputError

    if given := [option for option, is_given in options.items() if is_given]:
        raise InputError(f"{', '.join(given)}: only for the segments of a project, not with --media")


def _question(labels: str | None, definitions: Path | None) -> RatingQuestion | None:
    """Return what the options ask; None without any."""
    from tasks.annotate import class_definitions
    from tasks.core.errors import InputError

    by_labels = None if labels is None else class_definitions.of_labels(labels.split(","))
    if definitions is None:
        return by_labels
    question = class_definitions.read(definitions)
    if by_labels is not None and by_labels.names != question.names:
        raise InputError(f"{definitions}: defines {', '.join(question.names)}, but --labels has {labels}")
    return question


def _sentiment_question(labels: str | None, definitions: Path | None, *, with_text: bool) -> RatingQuestion:
    """Return the question on a project's segments, whose classes are the three sentiments."""
    from tasks.annotate import class_definitions
    from tasks.core import tables
    from tasks.core.errors import InputError

    question = _question(labels, definitions) or class_definitions.SENTIMENT
    if question.names != tables.SENTIMENTS:
        raise InputError(
            f"found the classes {', '.join(question.names)}: segments of a project are rated as "
            f"{', '.join(tables.SENTIMENTS)}, in this order; other classes are for --media"
        )
    return class_definitions.beside_text(question) if with_text else question


def _practice(available: Sequence[Candidate], queue: Sequence[Segment], n: int, seed: int) -> list[Segment]:
    """Return segments that are not in the queue, those of another split than the queue's first."""
    from tasks.annotate.queue import at_random

    splits = {candidate.segment.id: candidate.split for candidate in available}
    rated_splits = {splits[segment.id] for segment in queue if segment.id in splits}
    queued = {segment.id for segment in queue}
    rest = [candidate for candidate in at_random(available, seed) if candidate.segment.id not in queued]
    return [item.segment for item in sorted(rest, key=lambda item: item.split in rated_splits)[:n]]


def _rate_folder(
    media: Path, target: Path, *, n: int | None, seed: int, question: RatingQuestion | None, page: PageOptions
) -> None:
    """Serve the files of a folder, and write their ratings at start and end."""
    import tempfile

    from tasks.annotate import media_folder, rater_report, rating_files
    from tasks.annotate.listening_session import ListeningSession
    from tasks.core.errors import NotEnoughData

    with tempfile.TemporaryDirectory(prefix="undertone-") as decoded:
        queue = media_folder.load(media, n=n, seed=seed, decoded=Path(decoded), n_practice=page.n_practice)
        for name, reason in queue.unusable:
            typer.echo(f"not played: {name}: {reason}", err=True)
        with media_folder.open_store(target) as store:
            rating_files.publish(store, target)
            asked = media_folder.settled_question(store, target, question)
            segments, raters = queue.segments, None
            if page.adjudicates:
                tied = {
                    item.segment.id: item for item in rating_files.counted(store) if item.ties and not item.adjudication
                }
                segments = tuple(segment for segment in segments if segment.id in tied)
                raters = {segment.id: frozenset(tied[segment.id].ratings) for segment in segments}
                if not segments:
                    raise NotEnoughData("no file's ratings tie, so there is nothing to decide")
            repeats = page.repeats_of(len(segments))
            session = ListeningSession(
                store, segments, queue.sounds, False, raters, queue.practice, repeats, asked, page.share
            )
            of_all = f" of {queue.n_files}" if len(segments) < queue.n_files else ""
            kind = "with ties" if page.adjudicates else "to rate"
            practice = f", {len(queue.practice)} for practice" if queue.practice else ""
            _serve(session, f"{len(segments)}{of_all} files {kind}{practice}", page.address)
            if path := rating_files.publish(store, target):
                kept = media_folder.store_path(target).name
                typer.echo(f"\nWritten: {path}. {kept} holds every rating: with it, the same command continues.")
                _show_listeners(rater_report.of_store(rating_files.counted(store)))


def _show_listeners(spans: Sequence[RatedSpan]) -> None:
    """Print figures of each listener, and how much several agree."""
    import numpy as np

    from flows.cli.screens import listeners as screen
    from tasks.evaluation.scores import Bootstrap
    from tasks.labelling.people import agreement, listener_checks

    bootstrap = Bootstrap(_RESAMPLES, _CONFIDENCE, 1)
    checks = listener_checks.checked(spans, bootstrap)
    if checks:
        screen.checks(checks)
    clips = listener_checks.merged(spans)
    n_shared = sum(len(clip.ratings) > 1 for clip in clips)
    if not n_shared:
        return
    videos = np.array([clip.video for clip in clips], dtype=str)
    measures = agreement.measures([clip.ratings for clip in clips], videos, bootstrap)
    words = "; ".join(f"{_MEASURES[name]} {_interval(measures[name])}" for name in _MEASURES)
    typer.echo(f"{len(checks)} listeners, {n_shared} clips with two ratings or more: {words}")


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
        available = candidates.with_ratings(available, rated)
    if file.suffix.casefold() != ".json":
        rating_files.write(file, rated, {})
        typer.echo(f"{len(rated)} rated segments written to {file}")
        return
    rated_ids = {item.segment.id for item in rated}
    queue, samplings, _ = _queue(available, order, n, split, seed) if n else ([], {}, 0)
    unrated = [
        RatedSegment(segment, sampling=samplings.get(segment.id)) for segment in queue if segment.id not in rated_ids
    ]
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


_RatedFolder = Annotated[
    Path | None,
    typer.Option("--media", help="Folder of sound files that were rated; by default the project's segments."),
]
_RatedFile = Annotated[
    Path | None, typer.Option("--out", "-o", help="Ratings of --media; by default ratings.csv in the folder.")
]


@app.command("report")
def report_listeners(media: _RatedFolder = None, out: _RatedFile = None) -> None:
    """Print each listener's playing time, answers, consistency and agreement, and signs of carelessness.

    In a project, the files in data/listeners count, too. Ratings are only
    reported: all of them count as before.

    Example: [bold]undertone annotate report[/]
    """
    from tasks.annotate import rater_report, rating_files
    from tasks.annotate.store import Store
    from tasks.core import paths
    from tasks.core.errors import NotEnoughData

    target = _target(media, out)
    path = paths.RATING_STORE if target is None else _store_of(target)
    spans: list[RatedSpan] = []
    if path.exists():
        with Store(path) as store:
            spans += rater_report.of_store(rating_files.counted(store))
            for name in rating_files.left_out(store):
                typer.echo(f"left out: {name}")
    if target is None:
        spans += rater_report.of_files(paths.LISTENERS, with_annotated=not path.exists())
    if not any(span.ratings for span in spans):
        raise NotEnoughData(f"{path}: there are no ratings yet; collect some with undertone annotate")
    _show_listeners(spans)


@app.command("leave-out")
def leave_out(
    listener: Annotated[str, typer.Argument(help="Name of the listener.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take the ratings in again.")] = False,
    media: _RatedFolder = None,
    out: _RatedFile = None,
) -> None:
    """Leave a listener's ratings out of the CSV file that scores are computed from; the store keeps them.

    Example: [bold]undertone annotate leave-out Ada[/]
    """
    from tasks.annotate import candidates, media_folder, rating_files

    target = _target(media, out)
    if target is None:
        segments = [candidate.segment for candidate in candidates.load()]
        opened = rating_files.open_store(segments)
    else:
        opened = media_folder.open_store(target)
    with opened as store:
        rating_files.publish(store, target)
        rating_files.leave_out(store, listener, undo=undo)
        path = rating_files.publish(store, target)
    typer.echo(
        f"{listener}: {'counts again' if undo else 'left out'}. Written: {path or 'nothing, no ratings are left'}"
    )


def _target(media: Path | None, out: Path | None) -> Path | None:
    """Return the CSV file of a folder's ratings; None in a project."""
    from tasks.annotate import media_folder

    return out or (None if media is None else media / media_folder.NAME)


def _store_of(target: Path) -> Path:
    from tasks.annotate import media_folder

    return media_folder.store_path(target)


def _queue(
    available: Sequence[Candidate], order: str, n: int, split: str, seed: int
) -> tuple[list[Segment], dict[SegmentId, str], int]:
    """Return a queue, how segments were drawn that were drawn at random or proposed, and how many come a second time.

    A proposed queue begins with segments that one listener has rated: with a second rating a label is more reliable.
    """
    from tasks.annotate import queue
    from tasks.core.errors import NotEnoughData

    chosen = [candidate for candidate in available if split in ("all", candidate.split)]
    if not chosen:
        raise NotEnoughData(f"there is no segment of the split {split!r} to listen to")
    first = queue.begun(chosen, seed)[:n] if order == "proposed" else []
    begun = {item.segment.id for item in first}
    rest = (item for item in queue.ORDERS[order](chosen, seed) if item.segment.id not in begun)
    drawn = [*first, *islice(rest, n)]
    marks = {item.segment.id: queue.sampling(order, item) for item in drawn}
    samplings = {segment_id: mark for segment_id, mark in marks.items() if mark}
    return [item.segment for item in drawn], samplings, len(first)


def _drawn(order: str, new: Sequence[Segment], samplings: Mapping[SegmentId, str]) -> str:
    """Return how many new segments of a queue are proposed, in words; empty unless the order proposes."""
    from tasks.labelling.people import ratings

    if order != "proposed":
        return ""
    n_random = sum(samplings.get(segment.id) == ratings.RANDOM for segment in new)
    n_proposed = len(new) - n_random
    return f", {len(new)} of them new: {n_proposed} proposed, and {n_random} at random, which scores of the labels use"


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
