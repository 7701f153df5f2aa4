"""Remove unspoken parts from a cue's text: markup, entities, speaker dashes and chevrons.

A tag such as [Laughing] inside a sentence is kept, because it indicates sentiment; a cue that consists of tags only is
rejected. Several speakers in one cue remain one utterance: captions do not state when each of them speaks.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

ONLY_TAG = "only a tag"
EMPTY = "empty cue"

_MARKUP = re.compile(
    r"</?[A-Za-z][^<>]*>"  # <i>, </c>, <v Fred>, <c.colorE5E5E5>
    r"|<[\d:.]{5,}>"  # <00:00:01.920>
    r"|\{\\[^{}]*\}"  # {\an8}
)
_CHEVRONS = re.compile(r">{2,}")
_DASH = re.compile(r"^\s*[-‐‑–—―]+\s*(?!\d)(?=\S|$)")
_TAG = re.compile(
    r"\[[^\[\]]*(?:\]|$)"  # [Laughing], or its first half
    r"|^[^\[\]]*\]"  # … its second half
    r"|\([^()]*(?:\)|$)"
    r"|[♩♪♫♬]"
)
_WORD = re.compile(r"[^\W_]")


def without_markup(text: str) -> str:
    """Remove markup and invisible characters and decode entities; white space is kept."""
    decoded = html.unescape(_MARKUP.sub("", text))
    # fast path: a printable text has no characters of the categories Cf and Cc
    return decoded if decoded.isprintable() else "".join(_visible(character) for character in decoded)


@lru_cache(maxsize=1024)
def displayed(line: str) -> str:
    """Return a line as a player displays it, with single spaces."""
    return " ".join(without_markup(line).split())


def spoken_text(lines: Iterable[str]) -> str:
    """Return the spoken text of one cue.

    Args:
        lines: the cue's lines, with markup

    Example:
        >>> spoken_text(["-Thank you. <i>Thank you.</i>", "-You&#39;re crushing."])
        "Thank you. Thank you. You're crushing."
        >>> spoken_text(["&gt;&gt; [Laughing] And guess"])
        '[Laughing] And guess'
    """
    turns = (without_dash(_CHEVRONS.sub(" ", displayed(line))) for line in lines)
    return " ".join(" ".join(turns).split())


def without_dash(line: str) -> str:
    """Remove the dash that marks another speaker.

    Args:
        line: as displayed

    Example:
        >>> without_dash("- I wanna see."), without_dash("-5 degrees")
        ('I wanna see.', '-5 degrees')
    """
    return _DASH.sub("", line)


def wordless_reason(text: str) -> str | None:
    """Return why a text has no words (a reject's reason), or None if it has some.

    Args:
        text: spoken text of a cue

    Example:
        >>> wordless_reason("[ Cheering and applause ] ♪"), wordless_reason("..."), wordless_reason("[Laughing] And")
        ('only a tag', 'empty cue', None)
    """
    if _WORD.search(without_tags(text)):
        return None
    return ONLY_TAG if _TAG.search(text) else EMPTY


def without_tags(text: str) -> str:
    """Replace tags by as many spaces, so that positions remain valid.

    Args:
        text: spoken text of a cue

    Example:
        >>> without_tags("so [laughs] yes")
        'so          yes'
    """
    return _TAG.sub(lambda tag: " " * len(tag[0]), text)


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category == "Cc" else character
