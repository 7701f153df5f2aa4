"""Leaderboard: experiments on one corpus and target side by side, ranked only within a protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import ceil
from typing import Any, NamedTuple

from tasks.pages.common import result_marks, score_text, templating
from tasks.pages.common.score_text import Score
from tasks.pages.common.templating import plain
from tasks.pages.leaderboard import published_scores as published
from tasks.pages.leaderboard.published_scores import PublishedScore


class RankedExperiment(NamedTuple):
    """An experiment on a board: its rank among those of its protocol by `measure`, and that score of the baselines.

    `leak`: why the results are leaky. `mark`: random weights, or how they differ from the recipe. Both may be empty.
    """

    result: Mapping[str, Any]
    leak: str
    mark: str
    measure: str
    rank: int
    scores: Mapping[str, Score]
    majority: Score | None
    shuffled: Score | None


class Board(NamedTuple):
    """All scores on a corpus, a target and a set of classes: ours by protocol, leaky ones last, and published ones.

    `widest` is the end of the chart's axis.
    """

    title: str
    detail: str
    measure: str
    rankings: Sequence[Sequence[RankedExperiment]]
    published: Sequence[PublishedScore]
    widest: float

    def place(self, value: float) -> float:
        """Return the place of a score on the axis, in percent."""
        return round(100 * min(max(value / self.widest, 0.0), 1.0), 2)


def render(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the leaderboard as HTML; the order of the results does not matter.

    Args:
        results: content of every experiment's `results.json`
    """
    return templating.render(
        "pages/leaderboard/templates/leaderboard.html",
        scripts=("pages/leaderboard/templates/leaderboard.js",) if results else (),
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
        results: content of every experiment's `results.json`
    """
    ranked: list[RankedExperiment] = []
    results = [entry for result in results for entry in _with_adapted(result)]
    for _, same_group in groupby(sorted(results, key=_group_of), key=_group_of):
        of_group = list(same_group)
        measure = _measure(of_group)
        for _, of_one_protocol in groupby(sorted(of_group, key=_protocol_key), key=_protocol_key):
            ordered = sorted(of_one_protocol, key=lambda result: _order(result, measure))
            ranked += [_row(result, measure, rank) for rank, result in enumerate(ordered, 1)]
    return ranked


def boards(results: Sequence[Mapping[str, Any]]) -> tuple[Board, ...]:
    """Return one board for each corpus, target and set of classes, with the published scores."""
    about = {_group_of(result): result for result in sorted(results, key=lambda result: str(result["experiment"]))}
    grouped = groupby(rows(results), key=lambda row: _group_of(row.result))
    return tuple(_board(list(ranked), about[key]) for key, ranked in grouped)


def _with_adapted(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a result, and its scores after adaptation as those of a protocol of their own."""
    adapted = result.get("adaptation")
    if not adapted:
        return [result]
    measure = score_text.headline(result)
    plain = f"plain: {score_text.NAMES[measure]} {result['scores'][measure]['value']:.3f}"
    mark = f"adapted to each test speaker, without labels; {plain}"
    changed = {
        "protocol": adapted["protocol"],
        "protocol_in_words": f"{result['protocol_in_words']} {adapted['in_words']}",
        "scores": adapted["scores"],
        "mark": "; ".join(filter(None, (mark, result.get("mark", "")))),
    }
    return [result, {**result, **changed}]


def shown(published: PublishedScore) -> str:
    """Return a published score with three decimals, or four if it has them."""
    ends = [published.value] if published.up_to is None else [published.value, published.up_to]
    return " to ".join(f"{end:.3f}" if round(end, 3) == end else f"{end:g}" for end in ends)


def _board(ranked: Sequence[RankedExperiment], about: Mapping[str, Any]) -> Board:
    measure = ranked[0].measure
    beside = published.beside(about["reader"], about["target"])
    comparable = [entry for entry in beside if entry.metric == measure]
    classes = f"{len(about['outputs'])} {'classes' if about['task'] == 'classes' else 'labels'}"
    chosen = f" ({about['labels']})" if about["labels"] != "all" else ""
    detail = [f"{classes}{chosen}"] if about["task"] != "values" else []
    by_protocol = groupby(ranked, key=lambda row: (row.leak, row.result["protocol"]))
    return Board(
        title=f"{about['corpus']}, {plain(about['target']).replace('_', ' ')}",
        detail=", ".join([*detail, f"read by {about['reader']}"]),
        measure=measure,
        rankings=[list(members) for _, members in by_protocol],
        published=beside,
        widest=_widest(ranked, comparable) if measure in score_text.LOWER_IS_BETTER else 1.0,
    )


def _row(result: Mapping[str, Any], measure: str, rank: int) -> RankedExperiment:
    systems = score_text.systems(result)
    names = (measure, *(name for name in score_text.measures(result) if name != measure))
    return RankedExperiment(
        result,
        score_text.leak(result),
        "; ".join(filter(None, (result_marks.untrained(result), *score_text.warnings(result), result.get("mark", "")))),
        measure,
        rank,
        scores={name: systems["recipe"][name] for name in names},
        majority=systems.get(score_text.majority(result), {}).get(measure),
        shuffled=systems.get(score_text.SHUFFLED, {}).get(measure),
    )


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
