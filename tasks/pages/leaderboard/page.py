"""The leaderboard: experiments of one corpus and target side by side, ranked within a protocol, never across two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Any

from tasks.pages.common import chart_page, score_text
from tasks.pages.common.chart_page import plain
from tasks.pages.common.headline import Figure
from tasks.pages.leaderboard import published_scores as published
from tasks.pages.leaderboard.published_scores import Published


@dataclass(frozen=True)
class Row:
    """One experiment on the leaderboard.

    Args:
        experiment: its name
        group: corpus, target and set of classes: who shares them stands side by side
        model: its name
        features: their names
        protocol: as params.yaml has it
        in_words: the same as a sentence
        leak: why the figures are leaky, or an empty text
        simulated: whether undertone made the corpus
        n: test utterances
        measure: the score that ranks
        rank: among the experiments of the same group and protocol, leaky ones apart; the best is 1
        scores: every score of the task, the one that ranks first
        majority: the score that ranks, of the majority
        shuffled: the same of shuffled labels; None where there were none
    """

    experiment: str
    group: tuple[str, str, str]
    model: str
    features: tuple[str, ...]
    protocol: str
    in_words: str
    leak: str
    simulated: bool
    n: int
    measure: str
    rank: int
    scores: Mapping[str, Figure]
    majority: Figure | None
    shuffled: Figure | None


@dataclass(frozen=True)
class Dot:
    """A line of the chart; places are percent of its width."""

    label: str
    detail: str
    said: str
    place: float
    low: float | None = None
    high: float | None = None
    majority: float | None = None
    shuffled: float | None = None


@dataclass(frozen=True)
class Block:
    """The experiments of one protocol; only these are ranked together."""

    protocol: str
    in_words: str
    leak: str
    rows: tuple[Row, ...]
    dots: tuple[Dot, ...]

    @property
    def one_n(self) -> bool:
        """Whether all were tested on equally many rows."""
        return len({row.n for row in self.rows}) == 1


@dataclass(frozen=True)
class Group:
    """What is known of a corpus, a target and a set of classes.

    Args:
        title: corpus and target
        detail: classes and reader
        simulated: whether any of its experiments is on a corpus that undertone made
        measure: the score that ranks and is drawn
        measures: all scores, that one first
        blocks: ours, leaky protocols last
        published: everything published
        dots: what is published in the measure that is drawn
        ticks: of the axis: place in percent, number
    """

    title: str
    detail: str
    simulated: bool
    measure: str
    measures: tuple[str, ...]
    blocks: tuple[Block, ...]
    published: tuple[Published, ...]
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]


def render(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the leaderboard as HTML; the same results, in whatever order, give the same text.

    Args:
        results: the content of every experiment's `metrics.json`
    """
    return chart_page.render(
        "pages/leaderboard/templates/leaderboard.html",
        {},
        groups=groups(results),
        n=len(results),
        names=score_text.NAMES,
        meanings=score_text.MEANINGS,
        lower=score_text.LOWER_IS_BETTER,
        shown=shown,
    )


def rows(results: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return every experiment with its rank, by corpus, target, set of classes, protocol and score."""
    found: list[Row] = []
    for _, same in groupby(sorted(results, key=_group), key=_group):
        mine = list(same)
        measure = _measure(mine)
        for _, of_one_protocol in groupby(sorted(mine, key=_block), key=_block):
            ordered = sorted(of_one_protocol, key=lambda one: _order(one, measure))
            found += [_row(one, measure, place) for place, one in enumerate(ordered, 1)]
    return found


def groups(results: Sequence[Mapping[str, Any]]) -> tuple[Group, ...]:
    """Return the rows gathered by corpus, target and set of classes, published figures beside them."""
    about = {_group(one): one for one in sorted(results, key=lambda one: str(one["experiment"]))}
    return tuple(_gathered(list(found), about[key]) for key, found in groupby(rows(results), key=lambda row: row.group))


def shown(one: Published) -> str:
    """Return a published figure, with a fourth digit where it has one."""
    ends = [one.value] if one.up_to is None else [one.value, one.up_to]
    return " to ".join(f"{end:.3f}" if round(end, 3) == end else f"{end:g}" for end in ends)


def _gathered(found: Sequence[Row], about: Mapping[str, Any]) -> Group:
    measure = found[0].measure
    beside = published.beside(about["reader"], about["target"])
    comparable = [one for one in beside if one.metric == measure]
    widest = _widest(found, comparable) if measure in score_text.LOWER_IS_BETTER else 1.0
    blocks = [
        Block(protocol, mine[0].in_words, leak, tuple(mine), tuple(_dot(row, widest) for row in mine))
        for (leak, protocol), mine in (
            (key, list(same)) for key, same in groupby(found, key=lambda row: (row.leak, row.protocol))
        )
    ]
    classes = f"{len(about['outputs'])} {'classes' if about['task'] == 'classes' else 'labels'}"
    chosen = f" ({about['labels']})" if about["labels"] != "all" else ""
    detail = [f"{classes}{chosen}"] if about["task"] != "values" else []
    return Group(
        title=f"{about['corpus']}, {plain(about['target']).replace('_', ' ')}",
        detail=", ".join([*detail, f"read by {about['reader']}"]),
        simulated=any(row.simulated for row in found),
        measure=measure,
        measures=tuple(found[0].scores),
        blocks=tuple(blocks),
        published=beside,
        dots=tuple(_published_dot(one, widest) for one in comparable),
        ticks=tuple((20.0 * k, f"{widest * k / 5:g}") for k in range(6)),
    )


def _row(found: Mapping[str, Any], measure: str, rank: int) -> Row:
    systems = score_text.systems(found)
    names = (measure, *(one for one in score_text.measures(found) if one != measure))
    return Row(
        experiment=found["experiment"],
        group=_group(found),
        model=found["model"]["name"],
        features=tuple(one["name"] for one in found["features"]),
        protocol=found["protocol"],
        in_words=found["protocol_in_words"],
        leak=score_text.leak(found),
        simulated=found["simulated"],
        n=found["n"],
        measure=measure,
        rank=rank,
        scores={one: systems["recipe"][one] for one in names},
        majority=systems.get(score_text.majority(found), {}).get(measure),
        shuffled=systems.get(score_text.SHUFFLED, {}).get(measure),
    )


def _dot(row: Row, widest: float) -> Dot:
    mine = row.scores[row.measure]
    said = f"{row.experiment}: {score_text.NAMES[row.measure]} {mine}; n = {row.n:,}; {row.protocol}"
    if row.majority is not None:
        said += f"; majority {row.majority}"
    if row.shuffled is not None:
        said += f"; shuffled labels {row.shuffled}"
    beside = (None if one is None else one.value for one in (row.majority, row.shuffled))
    low, high, majority, shuffled = (
        None if one is None else _place(one, widest) for one in (mine.low, mine.high, *beside)
    )
    return Dot(
        row.experiment, f"{mine}; n = {row.n:,}", said, _place(mine.value, widest), low, high, majority, shuffled
    )


def _published_dot(one: Published, widest: float) -> Dot:
    leaky = {True: "LEAKY; ", False: "", None: "whether leaky is not said; "}[one.leaky]
    detail = f"{shown(one)}; {leaky}{one.protocol}"
    high = None if one.up_to is None else _place(one.up_to, widest)
    place = _place(one.value, widest)
    return Dot(
        f"{one.system} ({one.source})",
        detail,
        f"{one.system}: {detail}",
        place,
        place if high is not None else None,
        high,
    )


def _place(value: float, widest: float) -> float:
    return round(100 * min(max(value / widest, 0.0), 1.0), 2)


def _widest(found: Sequence[Row], beside: Sequence[Published]) -> float:
    """Return where the axis of an error ends: at the next half above everything that is drawn."""
    figures = [one for row in found for one in (row.scores[row.measure], row.majority, row.shuffled) if one is not None]
    ends = [one.value if one.high is None else one.high for one in figures] + [one.value for one in beside]
    return max(0.5, ceil(2 * max(ends)) / 2)


def _group(found: Mapping[str, Any]) -> tuple[str, str, str]:
    return found["corpus"], found["target"], found["labels"]


def _block(found: Mapping[str, Any]) -> tuple[bool, bool, str, str]:
    leak = score_text.leak(found)
    return bool(leak), found["protocol"] != "official", found["protocol"], leak


def _order(found: Mapping[str, Any], measure: str) -> tuple[float, str]:
    value = found["scores"][measure]["value"]
    return (value if measure in score_text.LOWER_IS_BETTER else -value), found["experiment"]


def _measure(found: Sequence[Mapping[str, Any]]) -> str:
    """Return what ranks a group: MELD's weighted F1 as soon as one of its experiments is on MELD's own split."""
    headlines = {score_text.headline(one) for one in found}
    return "weighted_f1" if "weighted_f1" in headlines else headlines.pop()
