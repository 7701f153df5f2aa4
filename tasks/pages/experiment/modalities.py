"""What an experiment's page says of modalities: what each adds, by itself and among the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.pages.common import score_text
from tasks.pages.common.headline import Figure, figure

_HOW = {
    "alone": "nothing else is there, in training and in the test",
    "swapped": "it is another utterance’s, in the test alone",
    "without": "it is not there, in the test alone",
}
_VERDICTS = {
    "above": "together they are better",
    "below": "together they are worse",
    "overlap": "the interval holds 0: that they are better together is not shown",
    None: "for want of intervals nothing is shown",
}
_ZERO = Figure(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Gain:
    """What the recipe is better by than with fewer modalities.

    Args:
        modalities: which
        how: what was done to them
        score: the headline score then
        gain: the recipe's score over it, in points of the score; of an error the other way round
        alone: whether it is a single modality with nothing beside it
    """

    modalities: str
    how: str
    score: Figure
    gain: Figure
    alone: bool

    @property
    def signed(self) -> str:
        """The gain with its sign and its interval."""
        if self.gain.low is None or self.gain.high is None:
            return f"{self.gain.value:+.3f}"
        return f"{self.gain.value:+.3f} ({self.gain.low:+.3f} to {self.gain.high:+.3f})"


def gains(figures: Mapping[str, Any]) -> list[Gain]:
    """Return what every modality adds to the headline score, in the order in which it was measured."""
    name = score_text.headline(figures)
    return [
        Gain(
            " + ".join(one["modalities"]),
            _HOW[one["how"]],
            figure(one["scores"][name]),
            figure(one["gain"][name]),
            one["how"] == "alone" and len(one["modalities"]) == 1,
        )
        for one in figures["modalities"]
    ]


def verdict(found: Sequence[Gain]) -> str:
    """Return in a sentence whether all modalities together are better than the best of them; "" without any alone."""
    alone = [one for one in found if one.alone]
    if not alone:
        return ""
    best = max(alone, key=lambda one: one.score.value)
    said = _VERDICTS[best.gain.side_of(_ZERO)]
    return f"The best single modality is {best.modalities}, {best.score}; all together add {best.signed}: {said}."
