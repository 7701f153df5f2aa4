"""Merge cues of live captions: a line grows, and each cue shows all of it again.

A cue continues the one before if its words begin with the words of that cue, or with its last lines: the others have
scrolled off. Recognisers also correct the last words, their case and punctuation; the last cue has the final words. A
word starts with the cue that first shows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate, pairwise

from tasks.captions import clean, turns
from tasks.captions.cue import Cue
from tasks.captions.merged_cues import MergedCues, Times, until_next

_FEWEST, _SHARE = 2, 1 / 3
"""Fewest cues in which a line grows, also as a share of all cues."""
_FEWEST_ALONE = 3
"""Steps, and different words, of a line that grows alone in its file: not `No.`, `No, no.`, `No, no, no!`."""
_JOINED_MS, _JOINED_ALONE_MS, _AT_ONCE_MS = 2_000, 200, 100
_KEPT, _KEPT_SIMILAR = 0.75, 0.5
"""A correction keeps this share of the words; the second: if the first ones stay, and the others sound similar."""
_FEWEST_KEPT, _SIMILAR = 3, 0.5
_MOST_RETRACTED = 1
_MOST_LINES, _MOST_WORDS = 4, 200
"""Limits of a screen: comparing larger ones takes time in the square of their size."""
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")


@dataclass(frozen=True)
class _Screen:
    """A cue, its lines that have words, the number of their words, and the words without case and punctuation."""

    cue: Cue
    lines: tuple[str, ...]
    n_words: tuple[int, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class _Came:
    """When a word came on the screen: the start and the number of the cue."""

    start_ms: int
    number: int


def merge(cues: Sequence[Cue]) -> MergedCues | None:
    """Return cues in which every word is once; None if no line grows.

    Args:
        cues: sorted by time, without times in their text
    """
    pairs = list(pairwise(cues))
    # most files have few candidates: comparing all words of all cues would take as long as the rest of the parsing
    steps = [_may_grow(before, after) and _grows(_screen(before), _screen(after)) for before, after in pairs]
    is_live = sum(steps) >= max(_FEWEST, _SHARE * len(cues))
    alone = [False] * len(cues) if is_live else _steps_alone(cues, steps)
    if not is_live and not any(alone):
        return None
    chains = _Chains(is_live=is_live)
    for cue, follows in zip(cues, alone, strict=True):
        chains.add(_screen(cue), follows=is_live or follows)
    chains.close()
    return MergedCues(chains.cues, chains.word_times, is_live) if len(chains.cues) < len(cues) else None


class _Chains:
    """Merge screens one after another."""

    def __init__(self, *, is_live: bool) -> None:
        self.cues = list[Cue]()
        self.word_times = dict[int, Times]()
        self._is_live = is_live
        self._screen: _Screen | None = None
        self._came = list[_Came]()
        self._n_merged = 0
        self._has_scrolled = False

    def add(self, screen: _Screen, *, follows: bool) -> None:
        """Add the next screen; `follows`: whether it may continue the one before."""
        came = (
            _continued(self._screen, self._came, screen, corrects=self._is_live) if self._screen and follows else None
        )
        if came is None or self._screen is None:
            self.close()
            came = _new(screen, len(screen.words))
        else:
            self._n_merged += 1
            if n_scrolled := _n_scrolled(self._screen, screen):
                self._has_scrolled = True
                n_off = sum(self._screen.n_words[:n_scrolled])
                self._emit(self._screen, self._came[:n_off], n_scrolled, came[0].start_ms)
        self._screen, self._came = screen, came

    def close(self) -> None:
        """End the line: nothing continues it."""
        if screen := self._screen:
            if self._n_merged:
                self._emit(screen, self._came, len(screen.lines), screen.cue.end_ms)
            else:
                self.cues.append(screen.cue)
        self._screen, self._n_merged, self._has_scrolled = None, 0, False

    def _emit(self, screen: _Screen, came: Sequence[_Came], n_lines: int, end_ms: int) -> None:
        """Add the first lines of a screen: of a screen that scrolls as cues of their own."""
        ends = list(accumulate(screen.n_words[:n_lines]))
        groups = list[tuple[int, list[str], list[_Came]]]()
        for line, first, stop in zip(screen.lines, [0, *ends], ends, strict=False):
            number = came[first].number
            if groups and (not self._has_scrolled or groups[-1][0] == number):
                groups[-1][1].append(line)
                groups[-1][2].extend(came[first:stop])
            else:
                groups.append((number, [line], list(came[first:stop])))
        ends_ms = [*(following[0].start_ms for _, _, following in groups[1:]), end_ms]
        for (number, lines, words), until_ms in zip(groups, ends_ms, strict=True):
            starts_ms = [word.start_ms for word in words]
            self.cues.append(Cue(number, starts_ms[0], max(until_ms, starts_ms[0] + 1), tuple(lines)))
            self.word_times[number] = until_next(starts_ms, max(until_ms, starts_ms[-1]))


def _may_grow(before: Cue, after: Cue) -> bool:
    """Tell cheaply whether a cue may continue the one before: it begins like half of one of its lines."""
    if after.start_ms - before.end_ms > _JOINED_MS or not after.lines:
        return False
    first = clean.displayed(after.lines[0])
    grows = any(first.startswith(shown[: len(shown) // 2 + 1]) for shown in map(clean.displayed, before.lines) if shown)
    return grows and not turns.is_other_voice(before, after)


def _screen(cue: Cue) -> _Screen:
    words = [(line, clean.spoken_text((line,)).split()) for line in cue.lines]
    worded = [(line, words_of_line) for line, words_of_line in words if words_of_line]
    bare = tuple(_bare(word) for _, words_of_line in worded for word in words_of_line)
    return _Screen(cue, tuple(line for line, _ in worded), tuple(len(words) for _, words in worded), bare)


def _bare(word: str) -> str:
    return word.casefold().strip(".,;:!?…\"'“”‘’-–—()¿¡。、，！？") or word


def _n_scrolled(before: _Screen, after: _Screen) -> int | None:
    """Return how many lines scrolled off, so that the others begin the next screen; None if they do not."""
    for n_lines in range(min(len(before.lines), _MOST_LINES)):
        rest = before.words[sum(before.n_words[:n_lines]) :]
        if after.words[: len(rest)] == rest:
            return n_lines
    return None


def _grows(before: _Screen, after: _Screen) -> bool:
    """Tell whether a line has grown, and not only scrolled or got another line below it."""
    if after.cue.start_ms - before.cue.end_ms > _JOINED_MS:
        return False
    n_scrolled = _n_scrolled(before, after)
    if n_scrolled is None:
        return _is_typed(before, after)
    n_rest = len(before.words) - sum(before.n_words[:n_scrolled])
    return n_rest < len(after.words) and n_rest not in accumulate(after.n_words)


def _is_typed(before: _Screen, after: _Screen) -> bool:
    """Tell whether the last word has got more letters, as in captions that are typed."""
    old, new = before.words, after.words
    last = len(old) - 1
    return (
        0 <= last < len(new) and old[:last] == new[:last] and new[last] != old[last] and new[last].startswith(old[last])
    )


def _steps_alone(cues: Sequence[Cue], steps: Sequence[bool]) -> list[bool]:
    """Return which cues continue the one before in several steps at once, in a file whose lines do not grow.

    Args:
        cues: of the file
        steps: whether a line grows from each cue to the next
    """
    alone = [False] * len(cues)
    first = 0
    for place in range(len(cues)):
        at_once = place < len(steps) and cues[place + 1].start_ms - cues[place].end_ms <= _JOINED_ALONE_MS
        if at_once and steps[place]:
            continue
        if place - first >= _FEWEST_ALONE and len(set(_screen(cues[place]).words)) > _FEWEST_ALONE:
            alone[first + 1 : place + 1] = [True] * (place - first)
        first = place + 1
    return alone


def _new(screen: _Screen, n_words: int) -> list[_Came]:
    """Return when the last words of a screen came, if they came with it: they share its time."""
    start_ms, length_ms = screen.cue.start_ms, screen.cue.end_ms - screen.cue.start_ms
    return [_Came(start_ms + length_ms * place // n_words, screen.cue.number) for place in range(n_words)]


def _continued(before: _Screen, came: Sequence[_Came], after: _Screen, *, corrects: bool) -> list[_Came] | None:
    """Return when the words of a screen came; None if it does not continue the one before."""
    pause_ms = after.cue.start_ms - before.cue.end_ms
    if pause_ms > _JOINED_MS or not before.words or not after.words or turns.is_other_voice(before.cue, after.cue):
        return None
    if before.words == after.words:
        # after a pause, or after a sentence whose end is missing now, the same words are spoken again
        again = pause_ms > _AT_ONCE_MS or (_ends_sentence(before) and not _ends_sentence(after))
        return None if again else list(came)
    n_scrolled = _n_scrolled(before, after)
    if n_scrolled is not None:
        rest = list(came[sum(before.n_words[:n_scrolled]) :])
        return [*rest, *_new(after, len(after.words) - len(rest))]
    return _corrected(before, came, after) if corrects and _is_correction(before, after) else None


def _is_correction(before: _Screen, after: _Screen) -> bool:
    """Tell whether a screen has corrected words of the one before."""
    old, new = before.words, after.words
    if _ends_sentence(before) or max(len(old), len(new)) > _MOST_WORDS:
        return False
    if len(new) < len(old) and (len(new) < len(old) - _MOST_RETRACTED or len(new) < _FEWEST_KEPT):
        # more likely the beginning of a new line
        return False
    same_first = next((k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    others = zip(old[same_first:], new[same_first:], strict=False)
    if same_first >= max(_KEPT_SIMILAR * len(old), 1) and all(_is_similar(*pair) for pair in others):
        return True
    same = sum(block.size for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks())
    return same >= max(_FEWEST_KEPT, _KEPT * len(old))


def _ends_sentence(screen: _Screen) -> bool:
    return _SENTENCE_END.search(clean.spoken_text(screen.lines[-1:])) is not None


def _is_similar(word: str, other: str) -> bool:
    return other.startswith(word) or SequenceMatcher(None, word, other, autojunk=False).ratio() >= _SIMILAR


def _corrected(before: _Screen, came: Sequence[_Came], after: _Screen) -> list[_Came]:
    """Return when the words of a screen came: a word that replaces another came with that one."""
    times = list[_Came]()
    for kind, i, stop_i, j, stop_j in SequenceMatcher(None, before.words, after.words, autojunk=False).get_opcodes():
        if kind == "delete":
            continue
        kept = list(came[i:stop_i])[: stop_j - j]
        n_more = stop_j - j - len(kept)
        if stop_j == len(after.words):
            times += [*kept, *_new(after, n_more)]
        else:
            following = came[min(stop_i, len(came) - 1)]
            times += [*kept, *[following] * n_more]
    return times
