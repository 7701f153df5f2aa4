"""Section on a recipe's robustness: scores of the same test utterances as they are and as recordings alter them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.experiments import matching
from tasks.features.base import registry
from tasks.pages.common import score_text
from tasks.pages.common.score_text import Score

_MADE_FROM = (matching.DIGEST, "data_sha256")
"""Keys of `robustness.json` and `results.json` that agree if both are of the same recipe and the same data."""


class AlteredScores(NamedTuple):
    """The headline score under an alteration, what is lost by it, and the share of utterances of another class."""

    alteration: str
    n: int
    score: Score
    loss: Score | None
    changed: float | None


class RobustnessSection(NamedTuple):
    """Scores on altered sound, or how to get them: without rows they were not measured.

    `sentence`: the alteration that costs most; `measure`: the name of the score; `n` of `of` test utterances were
    altered; `is_outdated`: they are those of another recipe or other data.
    """

    command: str
    rows: tuple[AlteredScores, ...] = ()
    sentence: str = ""
    measure: str = ""
    n: int = 0
    of: int = 0
    is_outdated: bool = False


def section(results: Mapping[str, Any], measured: Mapping[str, Any] | None) -> RobustnessSection | None:
    """Return the section of an experiment's page; None if the recipe does not read sound only.

    Args:
        results: content of `results.json`
        measured: content of `robustness.json`; None: not measured
    """
    if not _is_acoustic(results):
        return None
    command = f"undertone experiment robustness {results['experiment']}"
    if measured is None:
        return RobustnessSection(command)
    return RobustnessSection(
        command,
        tuple(rows(measured)),
        sentence(measured),
        score_text.NAMES[score_text.headline(measured)],
        measured["n"],
        measured["of"],
        any(measured.get(key) != results.get(key) for key in _MADE_FROM),
    )


def _is_acoustic(results: Mapping[str, Any]) -> bool:
    """Return whether a recipe reads sound only, and predicts classes of whole utterances."""
    if results["task"] != "classes" or results.get("windows") or results["lacking"]:
        return False
    # results may be of an extractor that this version does not have
    extractors = [entry["extractor"] for entry in results["features"]]
    return set(extractors) <= set(registry.names()) and all(
        registry.extractor(name).reads == "sound" for name in extractors
    )


def rows(result: Mapping[str, Any]) -> list[AlteredScores]:
    """Return the sound as it is, then every alteration.

    Args:
        result: content of `robustness.json`
    """
    name = score_text.headline(result)
    as_is = AlteredScores("as it is", result["n"], Score.of(result["scores"][name]), None, None)
    altered = [
        AlteredScores(
            entry["alteration"],
            entry["n"],
            Score.of(entry["scores"][name]),
            Score.of(entry["loss"][name]),
            entry["changed"],
        )
        for entry in result["alterations"]
    ]
    return [as_is, *altered]


def sentence(result: Mapping[str, Any]) -> str:
    """Return the alteration that costs most, in words.

    Args:
        result: content of `robustness.json`
    """
    name = score_text.headline(result)
    worst = max(rows(result)[1:], key=lambda row: row.loss.value if row.loss else 0.0)
    assert worst.loss is not None
    if worst.loss.value <= 0:
        return f"No alteration lowers {score_text.NAMES[name]}."
    return (
        f"“{worst.alteration}” costs most: {score_text.NAMES[name]} {worst.score.value:.3f}, loss {worst.loss.signed}."
    )
