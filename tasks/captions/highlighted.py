"""Merge cues that repeat a sentence in order to mark its words one after another, as in karaoke.

Programs of speech recognition write a cue per word: the whole sentence, with the spoken word underlined, coloured,
bold, in brackets or in capitals, and without a mark between words. A word has the times of the cues in which it is
marked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise

from tasks.captions import clean, marked_by_characters, turns
from tasks.captions.cue import Cue
from tasks.captions.merged_cues import MergedCues, Times
from tasks.captions.styled_words import styled_words

_JOINED_MS = 1_000
_FEWEST, _SHARE = 2, 1 / 3
"""Fewest pairs of cues that repeat a sentence with another mark, also as a share of all cues."""
_FEWEST_UNMARKED, _SHARE_UNMARKED = 3, 1 / 2
"""The same without marks: a player or converter has removed them."""
_LONGEST_WORD_MS = 1_000
_FEWEST_ALONE = 3
"""Words that must be marked one after another, if other cues of the file do not mark words."""

_NONE = frozenset[int](), frozenset[int](), 0, False


@dataclass(frozen=True)
class _MarkedCue:
    """A cue; the places of its marked words, and of its marked letters; whether it is marked as a whole."""

    cue: Cue
    marked: frozenset[int]
    letters: frozenset[int]
    n_words: int
    is_whole: bool


def merge(cues: Sequence[Cue]) -> MergedCues | None:
    """Return a cue per sentence; None if the captions do not mark words.

    Args:
        cues: sorted by time, without times in their text
    """
    cues = marked_by_characters.underlined(cues)
    pairs = list(pairwise(cues))
    repeats = [_repeats(before, after) for before, after in pairs]
    if sum(repeats) < _FEWEST:
        return None
    changes = sum(
        repeat and before.lines != after.lines for repeat, (before, after) in zip(repeats, pairs, strict=True)
    )
    is_marked = changes >= max(_FEWEST, _SHARE * len(cues))
    runs = _runs(cues, repeats)
    is_unmarked = (
        sum(repeats) >= max(_FEWEST_UNMARKED, _SHARE_UNMARKED * len(cues)) and _last_a_word(runs) and not _rolls(pairs)
    )
    plain = _plain_style(runs)
    merged, word_times = list[Cue](), dict[int, Times]()
    for group in (group for run in runs for group in _groups(run, plain)):
        places = {max(marked.letters) for marked in group if marked.letters}
        if len(group) > 1 and (len(places) >= _FEWEST_ALONE or (is_marked if places else is_unmarked)):
            cue = group[0].cue._replace(end_ms=max(marked.cue.end_ms for marked in group))
            merged.append(cue)
            if places:
                word_times[cue.number] = _word_times(group)
        else:
            merged += [marked.cue for marked in group]
    return MergedCues(merged, word_times, is_marked) if len(merged) < len(cues) else None


def _repeats(before: Cue, after: Cue) -> bool:
    """Tell whether a cue shows the words of the one before."""
    if after.start_ms - before.end_ms > _JOINED_MS or len(before.lines) != len(after.lines):
        return False
    shown = [clean.displayed(line) for line in after.lines]
    same = any(shown) and shown == [clean.displayed(line) for line in before.lines]
    return same and not turns.is_other_voice(before, after)


def _last_a_word(runs: Sequence[Sequence[Cue]]) -> bool:
    """Tell whether cues that repeat each other are as short as words; longer ones may be spoken again (`No.` `No.`)."""
    lengths_ms = [cue.end_ms - cue.start_ms for run in runs if len(run) > 1 for cue in run]
    return sum(lengths_ms) <= _LONGEST_WORD_MS * len(lengths_ms)


def _rolls(pairs: Sequence[tuple[Cue, Cue]]) -> bool:
    """Tell whether lines scroll: then cues that repeat all words are a step of the scrolling."""
    scrolled = sum(
        clean.displayed(before.lines[-1]) == clean.displayed(after.lines[0]) and len(after.lines) > 1
        for before, after in pairs
        if before.lines and after.lines
    )
    return scrolled > len(pairs) / 8


def _runs(cues: Sequence[Cue], repeats: Sequence[bool]) -> list[list[Cue]]:
    runs = [list(cues[:1])]
    for cue, repeat in zip(cues[1:], repeats, strict=True):
        if repeat:
            runs[-1].append(cue)
        else:
            runs.append([cue])
    return runs


def _plain_style(runs: Sequence[Sequence[Cue]]) -> str:
    """Return the style of letters that are not marked: that of the last one while the first word is spoken."""
    first = [styled_words(run[0]) for run in runs if len(run) > 1]
    styles = Counter(words[-1][1][-1] for words in first if words)
    return styles.most_common(1)[0][0] if styles else ""


def _groups(run: Sequence[Cue], plain: str) -> Iterator[list[_MarkedCue]]:
    """Split cues with the same words where the mark returns: the sentence is spoken again."""
    group, latest = list[_MarkedCue](), -1
    for marked in (_marked(cue, plain) for cue in run) if len(run) > 1 else [_MarkedCue(run[0], *_NONE)]:
        last = max(marked.letters, default=latest)
        # a sentence of one word that is marked again is spoken again
        if last < latest or (group and marked.n_words == 1 and group[-1].letters == marked.letters and marked.is_whole):
            yield group
            group = []
        group.append(marked)
        latest = last
    yield group


def _marked(cue: Cue, plain: str) -> _MarkedCue:
    words = styled_words(cue)
    is_marked = [[style != plain for style in styles] for _, styles in words]
    flat = list(chain.from_iterable(is_marked))
    letters = frozenset(place for place, mark in enumerate(flat) if mark)
    marked_words = frozenset(place for place, word in enumerate(is_marked) if any(word))
    return _MarkedCue(cue, marked_words, letters, len(words), all(flat))


def _word_times(group: Sequence[_MarkedCue]) -> Times:
    """Return the times in which words are marked; words without a mark, or with the same one, share the time."""
    n_words = group[0].n_words
    starts_ms, ends_ms = dict[int, int](), dict[int, int]()
    for item in group:
        for place in item.marked - starts_ms.keys():
            starts_ms[place] = item.cue.start_ms
        # words that stay marked after they were spoken end where the next one starts
        if item.marked:
            ends_ms[max(item.marked)] = item.cue.end_ms
    latest_ms, end_ms = group[0].cue.start_ms, max(item.cue.end_ms for item in group)
    times_ms = list[tuple[int, int]]()
    for start_ms, places in groupby(range(n_words), key=starts_ms.get):
        together = list(places)
        first_ms = max(starts_ms.get(together[0], latest_ms), latest_ms)
        until_ms = max(starts_ms.get(together[-1] + 1, end_ms), first_ms)
        # words without a mark fill the time up to the next mark
        last_ms = until_ms if start_ms is None else max(min(ends_ms.get(together[-1], until_ms), until_ms), first_ms)
        edges_ms = [first_ms + (last_ms - first_ms) * k // len(together) for k in range(len(together) + 1)]
        times_ms += pairwise(edges_ms)
        latest_ms = last_ms
    return tuple(times_ms)
