"""Votes by what captions say was heard beside the words: [Laughter], [Applause], [Sobbing].

Laughter, applause and cheers speak for something pleasant, sobs, groans and boos against it; everything else abstains,
music first of all. Captioning guides ask for such tags wherever a sound matters (DCMP Captioning Key, "Sound effects").
A tag has no strength: its vote is ±0.5, half the scale. Tags of both kinds in one text are no vote.
"""

from __future__ import annotations

import re
from collections.abc import Callable

NAME = "tags"
LICENCE = "MIT"
_TAG = re.compile(r"\[([^\[\]]*)(?:\]|$)|\(([^()]*)(?:\)|$)|^([^\[\]]*)\]")
"""Whole tags, and the halves that a cue's end leaves."""
_PLEASANT = re.compile(r"\b(?:laugh|chuckl|giggl|applau|clap|cheer|whoop)", re.IGNORECASE)
_UNPLEASANT = re.compile(r"\b(?:sob|cries|crying|weep|boo(?:s|ing)?\b|groan|sigh|scream|gasp|whimper)", re.IGNORECASE)
_STRENGTH = 0.5


def load() -> Callable[[str], float | None]:
    """Return a function from a text to ±0.5, or None where no tag tells."""

    def vote(text: str) -> float | None:
        heard = " ".join("".join(found) for found in _TAG.findall(text))
        pleasant, unpleasant = bool(_PLEASANT.search(heard)), bool(_UNPLEASANT.search(heard))
        if pleasant == unpleasant:
            return None
        return _STRENGTH if pleasant else -_STRENGTH

    return vote
