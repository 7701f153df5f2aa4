"""Takes out of a cue's text what was not said: markup, entities, speaker dashes and chevrons.

A tag such as [Laughing] inside a sentence stays, since it tells of the sentiment; a cue that is only tags does not.
Several speakers in one cue stay one utterance: their dashes go, for nothing says when one stops and the next begins.
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


def bare(text: str) -> str:
    """Take out markup and invisible characters and decode entities; white space stays as it is."""
    decoded = html.unescape(_MARKUP.sub("", text))
    # what can be printed is in none of the categories that are looked for
    return decoded if decoded.isprintable() else "".join(_visible(character) for character in decoded)


@lru_cache(maxsize=1024)
def plain(line: str) -> str:
    """Return a line as a viewer sees it, with single spaces."""
    return " ".join(bare(line).split())


def spoken(lines: Iterable[str]) -> str:
    """Return what the lines of one cue say, as one line.

    Example:
        >>> spoken(["-Thank you. <i>Thank you.</i>", "-You&#39;re crushing."])
        "Thank you. Thank you. You're crushing."
        >>> spoken(["&gt;&gt; [Laughing] And guess"])
        '[Laughing] And guess'
    """
    turns = (undashed(_CHEVRONS.sub(" ", plain(line))) for line in lines)
    return " ".join(" ".join(turns).split())


def undashed(line: str) -> str:
    """Take off the dash by which a plain line says that another speaker begins.

    Example:
        >>> undashed("- I wanna see."), undashed("-5 degrees")
        ('I wanna see.', '-5 degrees')
    """
    return _DASH.sub("", line)


def wordless(text: str) -> str | None:
    """Return why a cleaned text says nothing (a reason for its reject), or None if it does.

    Example:
        >>> wordless("[ Cheering and applause ] ♪"), wordless("..."), wordless("[Laughing] And guess")
        ('only a tag', 'empty cue', None)
    """
    if _WORD.search(without_tags(text)):
        return None
    return ONLY_TAG if _TAG.search(text) else EMPTY


def without_tags(text: str) -> str:
    """Return a cleaned text with spaces in the place of tags, as long as it was.

    Example:
        >>> without_tags("so [laughs] yes")
        'so          yes'
    """
    return _TAG.sub(lambda tag: " " * len(tag[0]), text)


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category == "Cc" else character
