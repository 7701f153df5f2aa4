"""Page of a recipe's robustness: scores of the same test utterances as they are and as recordings alter them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.pages.common import score_text, templating
from tasks.pages.common.score_text import Score


class AlteredScores(NamedTuple):
    """The headline score under an alteration, what is lost by it, and the share of utterances of another class."""

    alteration: str
    n: int
    score: Score
    loss: Score | None
    changed: float | None


def render(result: Mapping[str, Any]) -> str:
    """Return the page as HTML; the same input gives the same text.

    Args:
        result: content of `robustness.json`
    """
    return templating.render(
        "pages/experiment/templates/robustness.html",
        {},
        result=result,
        title=f"{result['experiment']} (simulated)" if result["simulated"] else result["experiment"],
        rows=rows(result),
        sentence=sentence(result),
        measure=score_text.NAMES[score_text.headline(result)],
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
