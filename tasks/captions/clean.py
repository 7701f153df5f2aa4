"""Remove unspoken parts from a cue's text: markup, entities, speaker dashes and chevrons.

A tag such as [Laughing] inside a sentence is kept, because it indicates sentiment; a cue that consists of tags only is
rejected. Several speakers in one cue remain one utterance: captions do not state when each of them speaks.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from functools import lru_cache

ONLY_TAG = "only a tag"
EMPTY = "empty cue"

_NAME = r"(?:i|b|u|s|c|v|lang|ruby|rt|rb|rtc|rp|font|span|em|strong|small|big|tt|sub|sup|strike|del|ins|mark|p|div|br)"
_CLASS = r"(?:\.[^\s<>]*)?"
MARKUP = re.compile(
    rf"</{_NAME}\b[^<>]*>"
    rf"|<{_NAME}{_CLASS}\s*/?>"  # <i>, <c.colorE5E5E5>, <br/>
    rf"|<{_NAME}{_CLASS}\s[^<>=]*=[^<>]*>"  # <b class="loud">; but not <i was there>
    rf"|<(?:v|font|span|div|ruby|rt|rp|br){_CLASS}\s[^<>]*>"  # <v Fred>
    r"|<[A-Za-z][\w:-]*(?:\s+[\w:-]+=(?:\"[^\"<>]*\"|'[^'<>]*'))+\s*/?>"  # <img src="cat.png">
    rf"|<lang{_CLASS}\s+[\w-]+\s*>"
    r"|<[\d:.]{5,}>"  # <00:00:01.920>
    r"|\{\\[^{}]*\}"  # {\an8}
    r"|\{[A-Za-z]:[^{}\s]*\}",  # {y:i}
    re.IGNORECASE,
)
_READINGS = re.compile(
    r"<(rtc|rt|rp)\b[^<>]*>.*?(?:</\1\s*>|(?=</ruby\s*>|<(?:rtc|rt|rp|rb)\b)|\Z)", re.IGNORECASE | re.DOTALL
)
"""Readings of ruby text, which repeat its words in another script."""
_WORD_TAGS = re.compile(r"</?c>|<[\d:.]{5,}>")
"""The only tags of most automatic captions: a word, and its time."""
_OTHER_TAG = re.compile(r"<(?!/?c>|\d)")
_CLOSED = re.compile(r"</([A-Za-z][\w.-]*)\s*>")
_ELEMENT = re.compile(r"</?([A-Za-z][\w.-]*)(?:\s[^<>]*)?>|<[A-Za-z][\w.-]*(?:\s[^<>]*)?/>")
_BROKEN = re.compile(r"<{1,3}([^\W\d_][^<>\n]*\n[^<>\n]*)>{1,3}")
_BRACKETED = re.compile(r"<\s*([^\W\d_][^<>]*)>")
"""Text in angle brackets that is no markup."""
_MOST_BRACKETS = 3
_LINE_BREAK = re.compile(r"\\[Nn]|<(?:br|/?p|/?div)\b[^<>]*>", re.IGNORECASE)
"""Line breaks within a line: of ASS, as ffmpeg writes them, and of HTML."""
_HUGE_REFERENCE = re.compile(r"&#[0-9]{100,};?")
"""No character; Python does not convert thousands of digits."""
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_MOST_ESCAPES = 4
_ESCAPED_TAG = re.compile(
    rf"&(?:amp;){{0,{_MOST_ESCAPES}}}lt;(?P<tag>(?P<close>/?)(?P<name>{_NAME})(?![A-Za-z])[^<>\n]{{0,200}}?)"
    rf"(?:&(?:amp;){{0,{_MOST_ESCAPES}}}gt;|>)",
    re.IGNORECASE,
)
_UNSPACED = r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
_ZERO_SPACE = re.compile(rf"(?<!{_UNSPACED})\u200b|\u200b(?!{_UNSPACED})")
"""A zero-width space that separates no words; in Thai, Khmer and other scripts without spaces it does."""
_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC)]
)
"""Soft hyphens, marks of direction, byte order marks; not the joiners U+200C and U+200D, parts of words and emoji."""
_TRANSLATION = _INVISIBLE | dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
_CHEVRONS = re.compile(r">{2,}")
_DASHES = "-‐‑–—―"
_DASH = re.compile(rf"^\s*[{_DASHES}]+\s*(?!\d)(?=\S|$)")
_TAG = re.compile(
    r"\[[^\[\]]*(?:\]|$)"  # [Laughing], or its first half
    r"|^[^\[\]]*\]"  # … its second half
    r"|\([^()]*(?:\)|$)"
    r"|[♩♪♫♬]"
)
_TAG_SIGN = re.compile(r"[\[\](♩♪♫♬]")
"""A sign without which there is no tag."""
_WORD = re.compile(r"[^\W_]")


def without_markup(text: str) -> str:
    """Remove markup and invisible characters and decode entities; white space is kept.

    Text in angle brackets that is no markup is kept, without the brackets.
    """
    if "<" in text or "{" in text:
        text = _without_elements(text)
    # after markup: `&lt;i&gt;` is text
    decoded = _decoded(text) if "&" in text else text
    # fast path: a printable text has no invisible and no control characters
    if decoded.isprintable():
        return decoded
    visible = decoded.translate(_TRANSLATION)
    return _ZERO_SPACE.sub("", visible) if "\u200b" in visible else visible


def _without_elements(text: str) -> str:
    # fast path: a text with other markup keeps a bracket or brace here
    if "<" not in (plain := _WORD_TAGS.sub("", text)) and "{" not in plain:
        return plain
    if "<r" in text or "<R" in text:
        text = _READINGS.sub("", text)
    text = MARKUP.sub("", text)
    if "</" in text or "/>" in text:
        # elements of other markup languages: those that are closed
        names = set(_CLOSED.findall(text))
        text = _ELEMENT.sub(lambda match: "" if match[1] is None or match[1] in names else match[0], text)
    for _ in range(_MOST_BRACKETS):
        if "<" not in text or (kept := _BRACKETED.sub(r"\1", text)) == text:
            break
        text = kept
    # half of a pair that is closed in another line
    return text.replace("<<", "")


def _decoded(text: str) -> str:
    """Decode entities, also those that were escaped several times; bounded, for hostile text."""
    decoded = html.unescape(_HUGE_REFERENCE.sub("\ufffd", text))
    for _ in range(_MOST_ESCAPES):
        # html.unescape alone would decode `&not` in "me &notes", which is right only in the first round
        if "&" not in decoded or (again := _ENTITY.sub(lambda entity: html.unescape(entity[0]), decoded)) == decoded:
            break
        decoded = again
    return decoded


def screen_lines(lines: Iterable[str]) -> tuple[str, ...]:
    r"""Return the lines of a cue as they are on the screen.

    Hard spaces and line breaks of ASS and HTML are applied; markup that is broken over two lines is on one. Tags that a
    converter escaped are markup if they close each other; a single one may be the words of someone who talks of tags.

    Args:
        lines: as in the file

    Example:
        >>> screen_lines([r"how\hloud\Nall day", "so<br/>yes"]), screen_lines(["&lt;i&gt;so", "on&lt;/i&gt; &lt;b&gt;"])
        (('how loud', 'all day', 'so', 'yes'), ('<i>so', 'on</i> &lt;b&gt;'))
    """
    text = "\n".join(lines)
    if "\\" in text:
        text = text.replace(r"\h", " ")
    if "lt;" in text:
        text = _with_tags(text)
    has_tags = "<" in text and _OTHER_TAG.search(text) is not None
    if has_tags:
        text = _BROKEN.sub(_mended, _READINGS.sub("", text))
    if has_tags or "\\" in text:
        text = _LINE_BREAK.sub("\n", text)
    return tuple(text.split("\n"))


def _with_tags(text: str) -> str:
    """Decode escaped tags of elements that are closed, and escaped line breaks."""
    closed = {tag["name"].lower() for tag in _ESCAPED_TAG.finditer(text) if tag["close"]} | {"br"}
    return _ESCAPED_TAG.sub(lambda tag: f"<{_decoded(tag['tag'])}>" if tag["name"].lower() in closed else tag[0], text)


def _mended(broken: re.Match[str]) -> str:
    """Return a tag on one line, or the text in brackets without them."""
    tag = broken[0].replace("\n", " ")
    return tag if MARKUP.fullmatch(tag) else broken[1]


@lru_cache(maxsize=8192)
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
    turns = [without_dash(_CHEVRONS.sub(" ", shown) if ">>" in shown else shown) for shown in map(displayed, lines)]
    return " ".join(" ".join(turns).split())


def without_dash(line: str) -> str:
    """Remove the dash that marks another speaker.

    Args:
        line: as displayed

    Example:
        >>> without_dash("- I wanna see."), without_dash("-5 degrees")
        ('I wanna see.', '-5 degrees')
    """
    return _DASH.sub("", line) if line.lstrip()[:1] in _DASHES else line


def has_words(text: str) -> bool:
    """Tell whether a text has a letter or digit."""
    return _WORD.search(text) is not None


def wordless_reason(text: str) -> str | None:
    """Return why a text has no words (a reject's reason), or None if it has some.

    Args:
        text: spoken text of a cue

    Example:
        >>> wordless_reason("[ Cheering and applause ] ♪"), wordless_reason("..."), wordless_reason("[Laughing] And")
        ('only a tag', 'empty cue', None)
    """
    if has_words(without_tags(text)):
        return None
    return ONLY_TAG if _TAG.search(text) else EMPTY


def is_unspaced(letter: str) -> bool:
    """Tell whether a letter is of a script that has no spaces between words, such as Chinese, Thai or Khmer."""
    return re.match(_UNSPACED, letter) is not None


def without_tags(text: str) -> str:
    """Replace tags by as many spaces, so that positions remain valid.

    Args:
        text: spoken text of a cue

    Example:
        >>> without_tags("so [laughs] yes")
        'so          yes'
    """
    return _TAG.sub(lambda tag: " " * len(tag[0]), text) if _TAG_SIGN.search(text) else text
