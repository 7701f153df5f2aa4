"""Text on adaptation to speakers for an experiment's page and the terminal, beside the plain scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.pages.common import score_text
from tasks.pages.common.score_text import Score

KEY = "adaptation"
_MOST_NAMED = 12
_MANY_FALSE_ALARMS = 0.15


class AdaptedScores(NamedTuple):
    """Scores of one way of testing, by name; the gain over the plain ones where it was computed."""

    name: str
    scores: Mapping[str, Score]
    gain: Mapping[str, Score]


class AdaptedFold(NamedTuple):
    """The headline score of a fold, plain and adapted; means over seeds."""

    name: str
    plain: float
    adapted: float


def rows(results: Mapping[str, Any]) -> list[AdaptedScores]:
    """Return the plain scores, the adapted ones, and those with other clips; none without adaptation.

    Args:
        results: content of `results.json`
    """
    measured = results.get(KEY)
    if not measured:
        return []
    names = score_text.measures(results)

    def of(entry: Mapping[str, Any]) -> dict[str, Score]:
        return {name: Score.of(entry[name]) for name in names if name in entry}

    n_clips = "all clips" if measured["clips"] == "all" else f"{measured['clips']} clips"
    ways = [
        AdaptedScores(f"plain: {results['protocol']}", of(results["scores"]), {}),
        AdaptedScores(
            f"{measured['name']}: {n_clips} of each test speaker", of(measured["scores"]), of(measured["gain"])
        ),
    ]
    if measured["clips"] != "all":
        ways.append(AdaptedScores("all clips of each test speaker", of(measured["all_clips"]), {}))
    return [*ways, AdaptedScores(f"{n_clips} of a single class", of(measured["one_class"]), {})]


def folds(results: Mapping[str, Any]) -> list[AdaptedFold]:
    """Return the headline score of every fold, plain and adapted.

    Args:
        results: content of `results.json`
    """
    measured, measure = results.get(KEY), score_text.headline(results)
    if not measured:
        return []

    def means(of_folds: list[Mapping[str, Any]]) -> dict[str, float]:
        by_name: dict[str, list[float]] = {}
        for fold in of_folds:
            by_name.setdefault(fold["fold"], []).append(fold[measure])
        return {name: sum(values) / len(values) for name, values in by_name.items()}

    plain, adapted = means(results["folds"]), means(measured["folds"])
    return [AdaptedFold(name, plain[name], adapted[name]) for name in plain if name in adapted]


def sentences(results: Mapping[str, Any]) -> list[str]:
    """Return the adaptation in words: how much it adds, what one-sided clips do, and how often they are detected.

    Args:
        results: content of `results.json`
    """
    measured, measure = results.get(KEY), score_text.headline(results)
    if not measured:
        return []
    name, draws = score_text.NAMES[measure], measured["one_sided"]["draws"]
    gain, plain, one_class = (
        Score.of(entry[measure]) for entry in (measured["gain"], results["scores"], measured["one_class"])
    )
    lines = [f"{measured['name']} changes {name} by {gain.signed} on the same utterances."]
    if one_class.value < plain.value:
        lines.append(
            f"Clips of a single class do harm: {name} {one_class.value:.3f}, and {plain.value:.3f} without adaptation. "
            "Use clips of several emotions."
        )
    random, single = draws["random"], draws["one class"]
    if random["share"] is not None and single["share"] is not None:
        lines.append(
            f"Clips that look as if they came from a single class are detected: {single['share']:.0%} of "
            f"{single['n']:,} draws of {measured['one_sided']['clips']} clips from a single class, and "
            f"{random['share']:.0%} of {random['n']:,} random draws. The bound is chosen on training speakers only "
            f"({measured['one_sided']['bounds_by']})."
        )
        if random["share"] > _MANY_FALSE_ALARMS:
            lines.append("Random draws are called one-sided too often here: the bound does not suit these speakers.")
    return lines


def warning(results: Mapping[str, Any]) -> str:
    """Return which speakers' drawn clips looked one-sided; "" for none.

    Args:
        results: content of `results.json`
    """
    drawn = ((results.get(KEY) or {}).get("one_sided") or {}).get("draws", {}).get("drawn")
    if not drawn or not drawn["speakers"]:
        return ""
    n_flagged = sum(drawn["speakers"].values())
    named = ", ".join(f"{name} ({n})" for name, n in list(drawn["speakers"].items())[:_MOST_NAMED])
    more = "" if len(drawn["speakers"]) <= _MOST_NAMED else f" and {len(drawn['speakers']) - _MOST_NAMED} more"
    return (
        f"{n_flagged} of the {drawn['n']:,} draws of clips look as if they came from a single class; speakers, with "
        f"their number of such draws: {named}{more}."
    )
