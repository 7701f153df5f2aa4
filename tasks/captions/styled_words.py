"""Read the words of a cue together with the markup around each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from tasks.captions import clean
from tasks.captions.cue import Cue

StyledWord = tuple[str, tuple[str, ...]]
"""A word, and for each of its letters the innermost open tag in lower case, or nothing."""

_RESET = re.compile(r"\{\\(?:r|[ubis]0|c|1c)\}|\{\\r[^{}]*\}", re.IGNORECASE)


def styled_words(cue: Cue) -> list[StyledWord]:
    """Return the spoken words of a cue and their styles.

    Args:
        cue: with markup
    """
    letters = list[tuple[str, str]]()
    for line in cue.lines:
        letters += [*_letters(line), (" ", "")]
    shown = list[StyledWord]()
    for is_space, group in groupby(letters, key=lambda letter: letter[0].isspace()):
        if not is_space:
            word = list(group)
            shown.append(("".join(letter for letter, _ in word), tuple(style for _, style in word)))
    return _spoken(shown, clean.spoken_text(cue.lines).split())


def _letters(line: str) -> Iterator[tuple[str, str]]:
    """Yield what is displayed of a line, letter by letter, with the innermost style of each."""
    open_tags = list[str]()
    place = 0
    for tag in [*clean.MARKUP.finditer(line), None]:
        text = line[place : tag.start()] if tag else line[place:]
        style = open_tags[-1] if open_tags else ""
        yield from ((letter, style) for letter in clean.without_markup(text))
        if tag is None:
            return
        place = tag.end()
        if tag[0].startswith("</") or _RESET.fullmatch(tag[0]):
            del open_tags[-1:]
        elif not tag[0].endswith("/>"):
            open_tags.append(tag[0].casefold())


def _spoken(shown: list[StyledWord], spoken: list[str]) -> list[StyledWord]:
    """Return the styles of spoken words: dashes and chevrons of speakers are displayed only."""
    styles = list[StyledWord]()
    for word, style in shown:
        if len(styles) < len(spoken) and word.endswith(spoken[len(styles)]):
            styles.append((spoken[len(styles)], style[-len(spoken[len(styles)]) :]))
    return styles
