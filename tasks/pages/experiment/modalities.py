"""Text on modalities for an experiment's page: what each adds, by itself and to the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tasks.pages.common import score_text
from tasks.pages.common.score_text import ZERO, Score

_HOW = {
    "alone": "the only modality, in training and test",
    "swapped": "taken from another utterance, in the test only",
    "without": "removed, in the test only",
}
_VERDICTS = {
    "above": "together they are better",
    "below": "together they are worse",
    "overlap": "the interval contains 0, so an improvement is not shown",
    None: "without an interval, an improvement is not shown",
}


class Gain(NamedTuple):
    """Gain of the recipe over fewer modalities: what was done to them, the headline score then, and the difference.

    Of an error, the gain is the reverse. `alone`: whether it is a single modality by itself.
    """

    modalities: str
    how: str
    score: Score
    gain: Score
    alone: bool


def gains(results: Mapping[str, Any]) -> list[Gain]:
    """Return what every modality adds to the headline score, in the order of `results.json`."""
    name = score_text.headline(results)
    return [
        Gain(
            " + ".join(entry["modalities"]),
            _HOW[entry["how"]],
            Score.of(entry["scores"][name]),
            Score.of(entry["gain"][name]),
            entry["how"] == "alone" and len(entry["modalities"]) == 1,
        )
        for entry in results["modalities"]
    ]


def verdict(gains: Sequence[Gain]) -> str:
    """Return one sentence on whether all modalities together beat the best one; "" if none was tried alone."""
    alone = [gain for gain in gains if gain.alone]
    if not alone:
        return ""
    best = max(alone, key=lambda gain: gain.score.value)
    conclusion = _VERDICTS[best.gain.side_of(ZERO)]
    added = f"all together add {best.gain.signed}: {conclusion}"
    return f"The best single modality is {best.modalities}, {best.score}; {added}."
