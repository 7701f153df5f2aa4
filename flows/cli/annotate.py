"""`undertone annotate …`: people listen and vote, and their votes come and go as files."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tasks.annotate.candidates import Candidate
    from tasks.annotate.rated_segments import RatedSegment, Segment, SegmentId
    from tasks.annotate.store import Store

app = typer.Typer(rich_markup_mode="rich")


class OrderChoice(StrEnum):
    """In which order segments are heard."""

    RANDOM = "random"
    STRATIFIED = "stratified"
    UNCERTAIN = "uncertain"


class SplitChoice(StrEnum):
    """Whose segments are heard."""

    TEST = "test"
    TRAIN = "train"
    ALL = "all"


OrderOption = Annotated[
    OrderChoice,
    typer.Option(
        help="A random sample; stratified by video and weak label; or what the lexicons are least certain of first."
    ),
]
LengthOption = Annotated[int, typer.Option("--n", min=1, help="How many segments the queue has.")]
SplitOption = Annotated[SplitChoice, typer.Option(help="The split that segments are from.")]
SeedOption = Annotated[int, typer.Option(help="Another seed, another sample; the same seed goes on with the same one.")]


@app.callback(invoke_without_command=True)
def annotate(
    context: typer.Context,
    *,
    order: OrderOption = OrderChoice.STRATIFIED,
    n: LengthOption = 100,
    split: SplitOption = SplitChoice.TEST,
    seed: SeedOption = 1,
    text: Annotated[
        bool, typer.Option("--text/--no-text", help="Whether listeners read the words while they hear them.")
    ] = False,
    adjudicate: Annotated[
        bool,
        typer.Option("--adjudicate", help="One more person hears all segments whose votes tie, and gives a verdict."),
    ] = False,
    host: Annotated[
        str, typer.Option(help="ListenAddress to listen on; any but this machine's own asks visitors for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes one that is free.")] = 8421,
) -> None:
    """Serve the listening page until Ctrl-C: 1, 2, 3 vote, space plays, u undoes, 0 skips. Nobody sees a weak label.

    Several people may listen at the same time, each under a name, and go on another day. Every vote is saved at once
    in data/annotate/votes.sqlite; data/listeners/annotated.csv, which evaluate reads, is written at start and end.

    Example: [bold]undertone annotate --order stratified --n 60 --split test[/]
    """
    if context.invoked_subcommand is not None:
        return
    from tasks.annotate import candidates, rating_files, serve
    from tasks.annotate.listening_session import ListeningSession

    there = candidates.load()
    with rating_files.opened([one.segment for one in there]) as store:
        rating_files.publish(store)
        if adjudicate:
            queue, voters = _ties(there, store.ballots(), seed)
        else:
            queue, voters = _queue(there, order, n, split, seed), None
        sitting = ListeningSession(store, queue, candidates.sounds(queue), text, voters)
        serve.run(sitting, serve.ListenAddress(host, port), lambda url: _say_where(url, len(queue), adjudicate))
        _publish(store)


@app.command("export")
def export_votes(
    file: Annotated[Path, typer.Argument(help="What to write: .csv, or .json for Label Studio.")],
    *,
    order: OrderOption = OrderChoice.STRATIFIED,
    n: Annotated[
        int, typer.Option("--n", min=0, help="Segments of a queue to add to those with votes; .json only.")
    ] = 0,
    split: SplitOption = SplitChoice.TEST,
    seed: SeedOption = 1,
    text: Annotated[bool, typer.Option("--text/--no-text", help="Whether Label Studio shows the words.")] = False,
) -> None:
    """Write all votes: as CSV, or as Label Studio's tasks, with sound and labelling configuration beside them.

    With --n, segments of a queue that nobody has voted on yet come along in the tasks.

    Example: [bold]undertone annotate export tasks.json --n 100[/]
    """
    from tasks.annotate import candidates, label_studio, rating_files
    from tasks.annotate.rated_segments import RatedSegment
    from tasks.core import paths, tables

    there = candidates.load()
    with rating_files.opened([one.segment for one in there]) as store:
        if file.resolve() == paths.ANNOTATED.resolve():
            rating_files.publish(store)
        ballots = store.ballots()
    if file.suffix.casefold() != ".json":
        rating_files.write(file, ballots, {})
        typer.echo(f"{len(ballots)} segments with votes written to {file}")
        return
    voted = {one.segment.span for one in ballots}
    fresh = [one for one in _queue(there, order, n, split, seed) if one.span not in voted] if n else []
    ballots += [RatedSegment(one) for one in fresh]
    now = {one.segment.span: one.segment for one in there}
    sounds = candidates.sounds(now[one.segment.span] for one in ballots if one.segment.span in now)
    rating_files.write(file, ballots, sounds)
    settings = file.with_suffix(".xml")
    tables.write_text(settings, label_studio.config(with_text=text))
    typer.echo(f"{len(ballots)} tasks written to {file}, {len(ballots) - len(fresh)} of them with votes")
    typer.echo(
        f"Beside it: their sound, {label_studio.audio_folder(file)}, and the labelling configuration, {settings}"
    )


@app.command("import")
def import_votes(
    file: Annotated[Path, typer.Argument(help="Label Studio's JSON export, or a CSV of votes.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Where someone's vote differs from the one there is, the file's stands.")
    ] = False,
) -> None:
    """Take in votes from Label Studio or from a CSV, all or none, and write data/listeners/annotated.csv.

    Example: [bold]undertone annotate import project-7-at-2026-03-02.json[/]
    """
    from tasks.annotate import candidates, rating_files
    from tasks.core import paths

    there = [one.segment for one in candidates.load()]
    with rating_files.opened(there) as store:
        known = {one.span: one for one in [*there, *(ballot.segment for ballot in store.ballots())]}
        changed = rating_files.take_in(store, file, list(known.values()), replace=replace)
        typer.echo(f"{changed} new votes and verdicts from {file}")
        if path := rating_files.publish(store, over=file.resolve() == paths.ANNOTATED.resolve()):
            typer.echo(f"Written: {path}")


def _queue(there: Sequence[Candidate], order: str, n: int, split: str, seed: int) -> list[Segment]:
    from tasks.annotate import queue
    from tasks.core.errors import NotEnoughData

    mine = [one for one in there if split in ("all", one.split)]
    if not mine:
        raise NotEnoughData(f"there is no segment of the split {split!r} to listen to")
    return [one.segment for one in islice(queue.ORDERS[order](mine, seed), n)]


def _ties(
    there: Sequence[Candidate], ballots: Sequence[RatedSegment], seed: int
) -> tuple[list[Segment], dict[SegmentId, frozenset[str]]]:
    from tasks.annotate import queue
    from tasks.core.errors import NotEnoughData

    tied = {one.segment.span: frozenset(one.votes) for one in ballots if one.ties and one.verdict is None}
    mine = [one for one in there if one.segment.span in tied]
    if lost := len(tied) - len(mine):
        typer.echo(f"{lost} segments with ties are not cut like that any more and cannot be heard")
    if not mine:
        raise NotEnoughData("no segment's votes tie, so there is nothing to decide")
    return [one.segment for one in queue.at_random(mine, seed)], tied


def _say_where(url: str, n: int, adjudicate: bool) -> None:
    typer.echo(f"{n} segments {'that tie' if adjudicate else 'to hear'}. Open: {url}")
    if "token=" in url:
        typer.echo("Whoever has this address can listen and vote. It is not encrypted: use it in a network you trust.")
    typer.echo("Every vote is saved at once; Ctrl-C stops.")


def _publish(store: Store) -> None:
    from tasks.annotate import rating_files

    if path := rating_files.publish(store):
        typer.echo(f"\nWritten: {path}. `undertone run evaluate` scores labels and classifier against it.")
