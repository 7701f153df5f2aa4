"""Unroll automatic captions, whose cues repeat the previous lines above the new one: keep every word once.

A line is new if its words have times (`why<00:00:01.140><c> do</c>`), or if the cue before did not display it. A time
may occur within a word; the word starts with its first letter.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from tasks.captions import clean, turns
from tasks.captions.cue import CaptionLine, CaptionWord, Cue

_STAMP = re.compile(r"<((?:\d{1,4}:)?\d{2}:\d{2}\.\d{3})>")
_OTHER_MARKS = re.compile(rf"[&{{{turns.VOICE_MARK}]")
"""Entities, tags in braces and marks of voices: a line with one is no plain line."""
_FEWEST_REPEATS, _FEWEST_CUES = 3, 3
_JOINED_MS = 100
_MOST_LINES = 20
"""A limit of the screen: comparing larger ones takes time in the square of their size."""


def is_rolling(cues: Sequence[Cue]) -> bool:
    """Tell whether captions roll: words have times, or most cues repeat lines of the cue just before.

    Args:
        cues: sorted by time
    """
    if is_timed(cues):
        return True
    shown = [_displayed(cue) for cue in cues]
    pairs = zip(pairwise(cues), pairwise(shown), strict=True)
    joined = [(after, screens) for (before, after), screens in pairs if after.start_ms - before.end_ms <= _JOINED_MS]
    repeats = [_n_repeated(screen, after, displayed) for after, (screen, displayed) in joined]
    # a cue that only repeats another may be the same words again: "No." "No." "No."
    adds = [0 < n < len(displayed) for n, (_, (_, displayed)) in zip(repeats, joined, strict=True)]
    if any(adds) and sum(count > 0 for count in repeats) >= max(_FEWEST_REPEATS, len(cues) // 2):
        return True
    # short files: every cue repeats a line and adds another
    is_short = _FEWEST_CUES <= len(cues) <= _FEWEST_REPEATS and len(joined) == len(cues) - 1
    return is_short and all(adds)


def is_timed(cues: Sequence[Cue]) -> bool:
    """Tell whether words have their own times."""
    return any("<" in line and _STAMP.search(line) for cue in cues for line in cue.lines)


def unroll(cues: Sequence[Cue], *, by_word: bool) -> list[CaptionLine]:
    """Return every line once, its words with their times.

    Args:
        cues: of rolling captions, sorted by time, each with a positive length
        by_word: whether words are apart; else a line may be one word, with the times of all, which is found faster

    Returns:
        lines in order of time; a word lasts until the next begins, the last word of a line until its cue ends
    """
    lines = []
    screen: tuple[str, ...] = ()
    voice: str | None = None
    for cue in cues:
        displayed = _displayed(cue)
        n_repeated = _n_repeated(screen, cue, displayed)
        screen = displayed
        if n_repeated == len(displayed):
            continue
        text, voice = turns.mark_voices(" ".join(_visible(cue)[n_repeated:]), voice, turns.VOICE_MARK)
        if words := (None if by_word else _as_one_word(text, cue)) or _words(text, cue):
            lines.append(CaptionLine(cue.number, words))
    return lines


def _visible(cue: Cue) -> tuple[str, ...]:
    return tuple(filter(clean.displayed, cue.lines))


def _displayed(cue: Cue) -> tuple[str, ...]:
    return tuple(filter(None, map(clean.displayed, cue.lines)))


def _n_repeated(screen: Sequence[str], cue: Cue, displayed: Sequence[str]) -> int:
    """Return how many of a cue's first lines repeat the screen; lines whose words have times never do."""
    if not displayed or displayed[0] not in screen:
        return 0
    lines = _visible(cue)
    # the longest match wins: a repeated line may also occur above
    for count in range(min(len(lines), len(screen), _MOST_LINES), 0, -1):
        if tuple(screen[-count:]) == tuple(displayed[:count]):
            timed = ("<" in line and _STAMP.search(line) for line in lines[:count])
            if not any(timed):
                return count
    return 0


def _as_one_word(text: str, cue: Cue) -> tuple[CaptionWord, ...] | None:
    """Return the words of a cue's new lines, joined; None unless YouTube writes them so, and the first is spoken."""
    plain = _plain_words(text)
    if plain is None:
        return None
    spoken = [word if word.isalpha() else _spoken(word, first=False)[0] for word in plain[0]]
    return (CaptionWord(" ".join(filter(None, spoken)), cue.start_ms, cue.end_ms),) if spoken[0] else None


def _words(text: str, cue: Cue) -> tuple[CaptionWord, ...]:
    """Return the words of a cue's new lines, with their times."""
    marked = _in_order(text, cue)
    if marked is None:
        marked = list(_timed_words(text, cue))
    words = list(_without_marks(marked))
    ends_ms = [*(start_ms for _, start_ms, _ in words), cue.end_ms][1:]
    rows = ((word, start_ms, end_ms, opens) for (word, start_ms, opens), end_ms in zip(words, ends_ms, strict=True))
    return tuple(map(CaptionWord._make, rows))


def _without_marks(marked: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int, bool]]:
    opens_turn = False
    for place, (text, start_ms) in enumerate(marked):
        # fast path: letters have no mark and are surely spoken
        is_letters = place > 0 and text.isalpha()
        word, is_marked = (text, False) if is_letters else _spoken(text, first=place == 0)
        opens_turn = opens_turn or is_marked
        if word:
            yield word, start_ms, opens_turn
            opens_turn = False


@lru_cache(maxsize=8192)
def _spoken(text: str, *, first: bool) -> tuple[str, bool]:
    """Return a word without marks of a voice, empty if it is not spoken, and whether it opens a turn."""
    word = text.replace(turns.VOICE_MARK, "")
    return word if clean.spoken_text((word,)) else "", turns.opens(text, first=first)


def _in_order(text: str, cue: Cue) -> list[tuple[str, int]] | None:
    """Return what `_timed_words` yields, for lines as YouTube writes them, whose times are in order; else None."""
    plain = _plain_words(text)
    if plain is None:
        return None
    words, stamps = plain
    times_ms = [cue.start_ms, *map(_thousandths, stamps), cue.end_ms]
    in_order = all(map(operator.lt, times_ms[1:-1], times_ms[2:])) and (not stamps or times_ms[0] < times_ms[1])
    return list(zip(words, times_ms, strict=False)) if in_order else None


def _plain_words(text: str) -> tuple[list[str], list[str]] | None:
    """Return the words, and the times before all but the first, of a line with each word behind its time; else None."""
    before, *others = _STAMP.split(text.replace("<c>", "").replace("</c>", ""))
    stamps, pieces = others[::2], others[1::2]
    # every bracket is one of a time, so that no other markup is left
    if not text.isprintable() or _OTHER_MARKS.search(text):
        return None
    n_tags = text.count("<c>") + text.count("</c>")
    if not text.count("<") == text.count(">") == n_tags + len(stamps):
        return None
    words = [before.strip(), *map(str.strip, pieces)]
    if not all(words) or " " in "".join(words) or any(piece[0] != " " for piece in pieces):
        return None
    return words, stamps


def _timed_words(text: str, cue: Cue) -> Iterator[tuple[str, int]]:
    """Yield a line's words and their starts in ms: words under one time share its span by their length."""
    pieces = _pieces(text, cue)
    ends_ms = [*(start_ms for _, start_ms in pieces[1:]), cue.end_ms]
    index, offset, measured = 0, 0, -1
    indent, length, has_marks = 0, 1, False
    for match in re.finditer(r"\S+", "".join(piece for piece, _ in pieces)):
        while match.start() >= offset + len(pieces[index][0]):
            offset += len(pieces[index][0])
            index += 1
        piece, start_ms = pieces[index]
        if measured != index:
            # spaces and marks get no share of the time; once per piece, which may be long
            bare = piece.replace(turns.VOICE_MARK, "")
            indent, length = len(bare) - len(bare.lstrip()), max(len(bare.strip()), 1)
            has_marks, measured = len(bare) < len(piece), index
        place = match.start() - offset
        if has_marks:
            place -= piece.count(turns.VOICE_MARK, 0, place)
        share = max(place - indent, 0) / length
        yield match[0], round(start_ms + share * (ends_ms[index] - start_ms))


def _pieces(text: str, cue: Cue) -> list[tuple[str, int]]:
    """Split a line at its times; ignore a time that is not between the one before and the cue's end."""
    first, *others = _STAMP.split(text)
    pieces = [(clean.without_markup(first), cue.start_ms)]
    for stamp, piece in zip(others[::2], map(clean.without_markup, others[1::2]), strict=True):
        before, latest_ms = pieces[-1]
        if latest_ms < (start_ms := _thousandths(stamp)) < cue.end_ms:
            pieces.append((piece, start_ms))
        else:
            pieces[-1] = (before + piece, latest_ms)
    return pieces


def _thousandths(stamp: str) -> int:
    # one number of all digits: half the time of four
    digits = int(stamp.replace(":", "").replace(".", ""))
    minutes, thousandths = divmod(digits, 100_000)
    hours, minutes = divmod(minutes, 100)
    return (hours * 60 + minutes) * 60_000 + thousandths
