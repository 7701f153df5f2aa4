"""Page of a leak's price: a recipe's scores under its own protocol and under random folds, and one sentence on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.pages.common import score_text, templating
from tasks.pages.common.score_text import ZERO, Score
from tasks.pages.experiment import charts

_MUCH_MORE = 1.1
"""Sides whose training parts differ by more than this factor differ in more than the leak."""


class PriceRow(NamedTuple):
    """A score under both protocols, and the difference; None for baselines."""

    name: str
    honest: Score
    leaky: Score
    difference: Score | None


def render(price: Mapping[str, Any]) -> str:
    """Return the page as HTML; the same input gives the same text.

    Args:
        price: content of `price.json`
    """
    systems = {
        side["protocol"] if name == "recipe" else f"{side['protocol']}, {name}": scores
        for side in _sides(price)
        for name, scores in score_text.systems(side).items()
    }
    return templating.render(
        "pages/experiment/templates/price.html",
        {"scores": charts.scores(systems, score_text.measures(_sides(price)[0]))},
        price=price,
        title=f"{price['experiment']} (simulated)" if price["simulated"] else price["experiment"],
        rows=rows(price),
        sentence=sentence(price),
        notes=notes(price),
    )


def rows(price: Mapping[str, Any]) -> list[PriceRow]:
    """Return every score of the recipe, the headline score first, then the headline score of each baseline.

    Args:
        price: content of `price.json`
    """
    sides = _sides(price)
    headline, *others = score_text.measures(sides[0])
    own, leaky = (score_text.systems(side) for side in sides)
    return [
        *(
            PriceRow(
                score_text.NAMES[measure],
                own["recipe"][measure],
                leaky["recipe"][measure],
                Score.of(price["difference"][measure]),
            )
            for measure in (headline, *others)
        ),
        *(
            PriceRow(f"{score_text.NAMES[headline]}, {name}", own[name][headline], leaky[name][headline], None)
            for name in own
            if name != "recipe"
        ),
    ]


def sentence(price: Mapping[str, Any]) -> str:
    """Return one sentence on what random folds do to the headline score.

    Args:
        price: content of `price.json`
    """
    own, leaky = (side["protocol"] for side in _sides(price))
    first = rows(price)[0]
    assert first.difference is not None
    changed = (
        f"{first.name} {first.honest.value:.3f} under {own}, {first.leaky.value:.3f} under {leaky}, difference "
        f"{first.difference.signed}: "
    )
    side = first.difference.side_of(ZERO)
    if side is None or side == "overlap":
        why = "the interval contains 0" if side else "there is no interval"
        return f"{changed}{why}, so an effect of the leak is not shown."
    better = (side == "above") != (score_text.headline(_sides(price)[0]) in score_text.LOWER_IS_BETTER)
    if better:
        return f"{changed}random folds make the recipe look better than it is."
    return f"{changed}random folds score worse, which no leak explains."


def notes(price: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know about the scores: protocols, rows to train on, and intervals.

    Args:
        price: content of `price.json`
    """
    honest, leaky = _sides(price)
    # the effect of the number of training rows comes on top of the leak's
    data = ""
    if leaky["n_train"] > _MUCH_MORE * honest["n_train"]:
        data = "; part of the difference may be due to more data"
    elif honest["n_train"] > _MUCH_MORE * leaky["n_train"]:
        data = "; with as many rows, the difference might be larger"
    return [
        *(f"{side['protocol']}: {side['protocol_in_words']}" for side in (honest, leaky)),
        f"A fold trains on {honest['n_train']:,} rows under {honest['protocol']}, on {leaky['n_train']:,} under "
        f"{leaky['protocol']}{data}.",
        f"Both sides: one score of the same {price['n']:,} utterances. Intervals: {price['confidence']:.0%}, paired "
        f"bootstrap over {price['n_groups']:,} groups.",
    ]


def _sides(price: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return both sides with what they share, as `results.json` has it."""
    return [{**price, **price[side]} for side in ("honest", "leaky")]
