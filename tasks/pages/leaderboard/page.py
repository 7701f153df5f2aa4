"""Leaderboard: experiments on one corpus and target side by side, ranked only within a protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Any

from tasks.pages.common import result_marks, score_text, templating
from tasks.pages.common.score_text import Score
from tasks.pages.common.templating import plain
from tasks.pages.leaderboard import published_scores as published
from tasks.pages.leaderboard.published_scores import PublishedScore


@dataclass(frozen=True)
class RankedExperiment:
    """One experiment on the leaderboard.

    Args:
        experiment: its name
        group: corpus, target and set of classes; experiments that share them form a board
        model: its name
        features: their names
        protocol: as in params.yaml
        in_words: the protocol as a sentence
        leak: why the results are leaky, or an empty text
        simulated: whether undertone made the corpus
        n: test utterances
        measure: the score that ranks
        rank: within the board and the protocol, leaky results apart; the best is 1
        scores: all scores of the task, the ranking one first
        majority: the ranking score of the majority class
        shuffled: the ranking score with shuffled labels, or None
        mark: random weights, and in what the results differ from the present recipe, or an empty text
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
    scores: Mapping[str, Score]
    majority: Score | None
    shuffled: Score | None
    mark: str


@dataclass(frozen=True)
class PlottedScore:
    """A line of the chart: a score and its interval.

    Args:
        label: of the line
        detail: below the label
        text: description for screen readers
        place: of the score, in percent of the chart's width
        low: of the interval, in percent
        high: of the interval, in percent
        majority: of the majority class, in percent
        shuffled: of shuffled labels, in percent
    """

    label: str
    detail: str
    text: str
    place: float
    low: float | None = None
    high: float | None = None
    majority: float | None = None
    shuffled: float | None = None


@dataclass(frozen=True)
class ProtocolRanking:
    """Experiments with one protocol, ranked among themselves."""

    protocol: str
    in_words: str
    leak: str
    rows: tuple[RankedExperiment, ...]
    plotted: tuple[PlottedScore, ...]

    @property
    def one_n(self) -> bool:
        """Whether all have the same number of test rows."""
        return len({row.n for row in self.rows}) == 1


@dataclass(frozen=True)
class Board:
    """All scores on a corpus, a target and a set of classes.

    Args:
        title: corpus and target
        detail: classes and reader
        simulated: whether any of the experiments is on a corpus that undertone made
        measure: the score that ranks and is plotted
        measures: all scores, that one first
        rankings: our experiments by protocol, leaky ones last
        published: all published scores
        plotted: the published scores of that measure
        ticks: of the axis: place in percent, number
    """

    title: str
    detail: str
    simulated: bool
    measure: str
    measures: tuple[str, ...]
    rankings: tuple[ProtocolRanking, ...]
    published: tuple[PublishedScore, ...]
    plotted: tuple[PlottedScore, ...]
    ticks: tuple[tuple[float, str], ...]


def render(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the leaderboard as HTML; the order of the results does not matter.

    Args:
        results: content of every experiment's `metrics.json`
    """
    return templating.render(
        "pages/leaderboard/templates/leaderboard.html",
        {},
        boards=boards(results),
        n=len(results),
        names=score_text.NAMES,
        meanings=score_text.MEANINGS,
        lower=score_text.LOWER_IS_BETTER,
        shown=shown,
        marked=any(result.get("mark") for result in results),
    )


def rows(results: Sequence[Mapping[str, Any]]) -> list[RankedExperiment]:
    """Return every experiment with its rank, sorted by corpus, target, set of classes, protocol and score.

    Args:
        results: content of every experiment's `metrics.json`
    """
    ranked: list[RankedExperiment] = []
    for _, same_group in groupby(sorted(results, key=_group_of), key=_group_of):
        of_group = list(same_group)
        measure = _measure(of_group)
        for _, of_one_protocol in groupby(sorted(of_group, key=_protocol_key), key=_protocol_key):
            ordered = sorted(of_one_protocol, key=lambda result: _order(result, measure))
            ranked += [_row(result, measure, place) for place, result in enumerate(ordered, 1)]
    return ranked


def boards(results: Sequence[Mapping[str, Any]]) -> tuple[Board, ...]:
    """Return one board for each corpus, target and set of classes, with the published scores."""
    about = {_group_of(result): result for result in sorted(results, key=lambda result: str(result["experiment"]))}
    return tuple(_board(list(ranked), about[key]) for key, ranked in groupby(rows(results), key=lambda row: row.group))


def shown(published: PublishedScore) -> str:
    """Return a published score with three decimals, or four if it has them."""
    ends = [published.value] if published.up_to is None else [published.value, published.up_to]
    return " to ".join(f"{end:.3f}" if round(end, 3) == end else f"{end:g}" for end in ends)


def _board(ranked: Sequence[RankedExperiment], about: Mapping[str, Any]) -> Board:
    measure = ranked[0].measure
    beside = published.beside(about["reader"], about["target"])
    comparable = [entry for entry in beside if entry.metric == measure]
    widest = _widest(ranked, comparable) if measure in score_text.LOWER_IS_BETTER else 1.0
    rankings = [
        ProtocolRanking(
            protocol,
            of_protocol[0].in_words,
            leak,
            tuple(of_protocol),
            tuple(_plotted(row, widest) for row in of_protocol),
        )
        for (leak, protocol), of_protocol in (
            (key, list(members)) for key, members in groupby(ranked, key=lambda row: (row.leak, row.protocol))
        )
    ]
    classes = f"{len(about['outputs'])} {'classes' if about['task'] == 'classes' else 'labels'}"
    chosen = f" ({about['labels']})" if about["labels"] != "all" else ""
    detail = [f"{classes}{chosen}"] if about["task"] != "values" else []
    return Board(
        title=f"{about['corpus']}, {plain(about['target']).replace('_', ' ')}",
        detail=", ".join([*detail, f"read by {about['reader']}"]),
        simulated=any(row.simulated for row in ranked),
        measure=measure,
        measures=tuple(ranked[0].scores),
        rankings=tuple(rankings),
        published=beside,
        plotted=tuple(_plotted_published(entry, widest) for entry in comparable),
        ticks=tuple((20.0 * k, f"{widest * k / 5:g}") for k in range(6)),
    )


def _row(result: Mapping[str, Any], measure: str, rank: int) -> RankedExperiment:
    systems = score_text.systems(result)
    names = (measure, *(name for name in score_text.measures(result) if name != measure))
    return RankedExperiment(
        experiment=result["experiment"],
        group=_group_of(result),
        model=result["model"]["name"],
        features=tuple(feature_set["name"] for feature_set in result["features"]),
        protocol=result["protocol"],
        in_words=result["protocol_in_words"],
        leak=score_text.leak(result),
        simulated=result["simulated"],
        n=result["n"],
        measure=measure,
        rank=rank,
        scores={name: systems["recipe"][name] for name in names},
        majority=systems.get(score_text.majority(result), {}).get(measure),
        shuffled=systems.get(score_text.SHUFFLED, {}).get(measure),
        mark="; ".join(filter(None, (result_marks.untrained(result), result.get("mark", "")))),
    )


def _plotted(row: RankedExperiment, widest: float) -> PlottedScore:
    mine = row.scores[row.measure]
    text = f"{row.experiment}: {score_text.NAMES[row.measure]} {mine}; n = {row.n:,}; {row.protocol}"
    if row.majority is not None:
        text += f"; majority {row.majority}"
    if row.shuffled is not None:
        text += f"; shuffled labels {row.shuffled}"
    if row.mark:
        text += f"; {row.mark}"
    beside = (None if value is None else value.value for value in (row.majority, row.shuffled))
    low, high, majority, shuffled = (
        None if value is None else _place(value, widest) for value in (mine.low, mine.high, *beside)
    )
    detail = f"{mine}; n = {row.n:,}{row.mark and f'; {row.mark}'}"
    return PlottedScore(row.experiment, detail, text, _place(mine.value, widest), low, high, majority, shuffled)


def _plotted_published(published: PublishedScore, widest: float) -> PlottedScore:
    leaky = {True: "LEAKY; ", False: "", None: "leaky or not: not stated; "}[published.leaky]
    detail = f"{shown(published)}; {leaky}{published.protocol}"
    high = None if published.up_to is None else _place(published.up_to, widest)
    place = _place(published.value, widest)
    return PlottedScore(
        f"{published.system} ({published.source})",
        detail,
        f"{published.system}: {detail}",
        place,
        place if high is not None else None,
        high,
    )


def _place(value: float, widest: float) -> float:
    return round(100 * min(max(value / widest, 0.0), 1.0), 2)


def _widest(ranked: Sequence[RankedExperiment], published: Sequence[PublishedScore]) -> float:
    """Return the end of the axis of an error: the next half above all scores."""
    scores = [
        score for row in ranked for score in (row.scores[row.measure], row.majority, row.shuffled) if score is not None
    ]
    ends = [score.value if score.high is None else score.high for score in scores] + [
        score.value for score in published
    ]
    return max(0.5, ceil(2 * max(ends)) / 2)


def _group_of(result: Mapping[str, Any]) -> tuple[str, str, str]:
    return result["corpus"], result["target"], result["labels"]


def _protocol_key(result: Mapping[str, Any]) -> tuple[bool, bool, str, str]:
    leak = score_text.leak(result)
    return bool(leak), result["protocol"] != "official", result["protocol"], leak


def _order(result: Mapping[str, Any], measure: str) -> tuple[float, str]:
    value = result["scores"][measure]["value"]
    return (value if measure in score_text.LOWER_IS_BETTER else -value), result["experiment"]


def _measure(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the score that ranks a board: weighted F1 if one of its experiments uses MELD's own split."""
    headlines = {score_text.headline(result) for result in results}
    return "weighted_f1" if "weighted_f1" in headlines else headlines.pop()
