"""Votes on captions' sound tags: [Laughter], [Applause], [Sobbing]; also in German, Spanish and French.

Laughter, applause and cheers vote positive; sobs, groans and boos negative; all other tags abstain, including music.
Captioning guides require tags for relevant sounds (DCMP Captioning Key, "Sound effects"). Tags have no strength: the
vote is ±0.5, half the scale. A text with tags of both kinds abstains.
"""

from __future__ import annotations

import re
from collections.abc import Callable

NAME = "tags"
LICENCE = "MIT"
_TAG = re.compile(r"\[([^\[\]]*)(?:\]|$)|\(([^()]*)(?:\)|$)|^([^\[\]]*)\]")
"""Complete tags, and tags cut in two by the end of a cue."""
_PLEASANT = re.compile(
    r"\b(?:laugh|chuckl|giggl|applau|clap|cheer|whoop"
    r"|lach|gelächter|kicher|klatsch|beifall|jubel"
    r"|risas?\b|carcajad|aplau|vítores|ovación"
    r"|rires?\b|rit\b|acclamation)",
    re.IGNORECASE,
)
_UNPLEASANT = re.compile(
    r"\b(?:sob|cries|crying|weep|boo(?:s|ing)?\b|groan|sigh|scream|gasp|whimper"
    r"|schluchz|weint|weinen|buhruf|stöhn|seufz|schrei|wimmer"
    r"|solloz|llor|llanto|abuche|gemid|suspir"
    r"|sanglot|pleur|huées?\b|gémi|soupir)",
    re.IGNORECASE,
)
"""English, German, Spanish, French, a line each; captioners write such tags in the language of the captions."""
_STRENGTH = 0.5


def load() -> Callable[[str], float | None]:
    """Return a function from a text to ±0.5, or None if the text has no positive or negative tag."""

    def vote(text: str) -> float | None:
        tags = " ".join("".join(groups) for groups in _TAG.findall(text))
        pleasant, unpleasant = bool(_PLEASANT.search(tags)), bool(_UNPLEASANT.search(tags))
        if pleasant == unpleasant:
            return None
        return _STRENGTH if pleasant else -_STRENGTH

    return vote
