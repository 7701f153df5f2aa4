"""Where the sound says that someone speaks, and words' times brought in line with it.

Captions place words roughly: automatic ones stamp the first word after a pause up to a second early, and never say when
a word ends; those made by hand say only when a cue comes and goes. What lies between words is quiet: the level tells.

Someone speaks where the level is at least a third of the way up, in dB, from the file's floor (its 10th percentile)
to the level of its speech (its 95th): well above what lies between the words of real interviews, below their softest
syllables. Where floor and speech lie closer than 12 dB (music, a crowd), the level says nothing and times stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.cues.tokens import Token

STEP_MS = 10
_BLOCK_STEPS = 6_000
_SILENCE_DB, _LEAST_RANGE_DB = -90.0, 12.0
_FLOOR, _LOUD = 10, 95
_RISE = 1 / 3
_SMOOTH_STEPS = 3
_SHORTEST_RUN, _SHORTEST_GAP = 3, 12
"""Shorter bursts are clicks; shorter gaps are within a word: the closure of a plosive lasts 50 to 100 ms. In steps."""
_LETTER_MS, _WORD_MS = 70, 150
"""What a letter and a word take before a pause, and where someone speaks slowly. Half of 2,722 words within lines of
five automatic captions take less than 120 + 35 ms a letter."""
_NEIGHBOURS_MS = 150
"""Sound this long at the edge of a word's span may be its neighbour's: stamps are that far off."""
_WITHIN_MS = 400
"""Silence this long is not within a word."""
_DRAWN_OUT, _LONGEST = 1.5, 3
"""A word that lasts so many times what is usual holds silence, or the sound of someone else."""
_EARLY_MS = 1_000
_LEAST_HEARD = 0.3
"""… and words of which less than this can be heard stay where their cue says."""


@dataclass(frozen=True)
class Speech:
    """When someone speaks: starts and ends of runs in ms, shape (n_runs,) each; the level of every step in dB."""

    starts_ms: NDArray[np.int64]
    ends_ms: NDArray[np.int64]
    level_db: NDArray[np.float32]

    def within(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Return the runs inside a span, cut to it."""
        first = int(np.searchsorted(self.ends_ms, start_ms, side="right"))
        stop = int(np.searchsorted(self.starts_ms, end_ms, side="left"))
        return [(max(int(self.starts_ms[i]), start_ms), min(int(self.ends_ms[i]), end_ms)) for i in range(first, stop)]

    def around(self, time_ms: int) -> tuple[int, int] | None:
        """Return the run at a time, whole."""
        place = int(np.searchsorted(self.ends_ms, time_ms, side="right"))
        if place == self.ends_ms.size or self.starts_ms[place] > time_ms:
            return None
        return int(self.starts_ms[place]), int(self.ends_ms[place])

    def quietest_ms(self, start_ms: int, end_ms: int) -> int:
        """Return the middle of the quietest step that begins in a span; without sound there, the span's middle."""
        first = start_ms // STEP_MS
        level = self.level_db[first : max(end_ms // STEP_MS, first + 1)]
        return (first + int(level.argmin())) * STEP_MS + STEP_MS // 2 if level.size else (start_ms + end_ms) // 2


def levels_db(sound: Path) -> NDArray[np.float32]:
    """Return the level of every 10 ms of a mono file in dB of full scale, shape (n_steps,), in bounded memory."""
    import soundfile

    with soundfile.SoundFile(sound) as file:
        step = file.samplerate * STEP_MS // 1000
        found = [_levels_db(block, step) for block in file.blocks(step * _BLOCK_STEPS, dtype="float32")]
    return np.concatenate(found) if found else np.empty(0, np.float32)


def _levels_db(block: Any, step: int) -> NDArray[np.float32]:
    n_steps = -(-block.size // step)
    padded = np.zeros(n_steps * step, np.float32)
    padded[: block.size] = block
    power = np.square(padded.reshape(n_steps, step)).mean(axis=1)
    level_db: NDArray[np.float32] = (10 * np.log10(power + 1e-10)).astype(np.float32)
    return level_db


def speech(level_db: NDArray[np.float32]) -> Speech | None:
    """Return when someone speaks, or None where the level does not tell.

    Args:
        level_db: of every 10 ms, shape (n_steps,)
    """
    threshold_db = threshold(level_db)
    if threshold_db is None:
        return None
    around_db = np.pad(level_db, _SMOOTH_STEPS // 2, mode="edge")
    smooth_db = np.convolve(around_db, np.full(_SMOOTH_STEPS, 1 / _SMOOTH_STEPS), mode="valid").astype(np.float32)
    starts, ends = _runs(smooth_db >= threshold_db)
    kept = ends - starts >= _SHORTEST_RUN
    starts, ends = starts[kept], ends[kept]
    if not starts.size:
        return None
    parted = starts[1:] - ends[:-1] >= _SHORTEST_GAP
    starts, ends = starts[np.r_[True, parted]], ends[np.r_[parted, True]]
    return Speech(starts * STEP_MS, ends * STEP_MS, smooth_db)


def threshold(level_db: NDArray[np.float32]) -> float | None:
    """Return the level above which someone speaks, in dB, or None if floor and speech cannot be told apart."""
    sounding = level_db[level_db > _SILENCE_DB]
    if not sounding.size:
        return None
    # digital silence between takes is part of the floor, not the measure of it
    floor_db, loud_db = np.percentile(sounding, [_FLOOR, _LOUD])
    if loud_db - floor_db < _LEAST_RANGE_DB:
        return (_SILENCE_DB + float(floor_db)) / 2 if sounding.size < level_db.size else None
    return float(floor_db + _RISE * (loud_db - floor_db))


def _runs(speaks: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    edges = np.flatnonzero(np.diff(np.r_[False, speaks, False]))
    return edges[::2], edges[1::2]


def usual_ms(text: str) -> int:
    """Return how long a word lasts that is said slowly, by its letters, in ms."""
    return _WORD_MS + _LETTER_MS * sum(map(str.isalnum, text))


def fitted(tokens: Sequence[Token], heard: Speech | None, *, timed: bool) -> list[Token]:
    """Return tokens, the spans of the spoken ones brought in line with the sound; these do not overlap.

    Args:
        tokens: of one file, in order
        heard: when someone speaks; None: words are as long as their letters take
        timed: whether words carry times of their own; else those of a cue share its speech by their letters
    """
    if heard is None:
        return [_as_usual(token) for token in tokens] if timed else list(tokens)
    placed = (
        _later(tokens, heard) if timed else [one for _, cue in groupby(tokens, _number) for one in _spread(cue, heard)]
    )
    spoken = [place for place, token in enumerate(placed) if token.spoken]
    words = [_heard(placed[place], tokens[place], heard) if timed else placed[place] for place in spoken]
    for place, word in zip(spoken, _whole(words, [placed[place] for place in spoken], heard), strict=True):
        placed[place] = word
    return placed


def _number(token: Token) -> int:
    return token.number


def _as_usual(token: Token) -> Token:
    return replace(token, end_ms=min(token.end_ms, token.start_ms + usual_ms(token.text)))


def _spread(cue: Iterable[Token], heard: Speech) -> list[Token]:
    """Let the words of a cue share the time someone speaks in it as they share its span."""
    tokens = list(cue)
    start_ms, end_ms = tokens[0].start_ms, tokens[-1].end_ms
    runs = heard.within(start_ms, end_ms)
    spoken_ms = sum(end - start for start, end in runs)
    if not runs or spoken_ms < _LEAST_HEARD * sum(usual_ms(token.text) for token in tokens if token.spoken):
        return tokens
    share = spoken_ms / (end_ms - start_ms)
    return [
        replace(
            token,
            start_ms=_along(runs, share * (token.start_ms - start_ms), last=False),
            end_ms=_along(runs, share * (token.end_ms - start_ms), last=True),
        )
        for token in tokens
    ]


def _along(runs: Sequence[tuple[int, int]], spoken_ms: float, *, last: bool) -> int:
    """Return the time by which someone has spoken so long: the end of a run if a word ends there (`last`)."""
    left_ms = round(spoken_ms)
    for start_ms, end_ms in runs:
        if left_ms < end_ms - start_ms or (last and left_ms == end_ms - start_ms):
            return start_ms + left_ms
        left_ms -= end_ms - start_ms
    return runs[-1][1]


def _heard(word: Token, stamp: Token, heard: Speech) -> Token:
    """Return a word with the part of its span in which it is heard."""
    runs = heard.within(word.start_ms, word.end_ms)
    if not runs:
        return _as_usual(word)
    usual = usual_ms(word.text)
    late = is_stamped_early(stamp)
    runs = _own(runs, word, late=late)
    if late:
        runs = _together(runs, len(runs) - 1)
    elif word.end_ms - word.start_ms > _DRAWN_OUT * usual:
        # what else is heard is a breath, a sigh, or someone whose words are not in the captions
        lengths = [end_ms - start_ms for start_ms, end_ms in runs]
        whole = (place for place, length in enumerate(lengths) if length >= usual / 2)
        runs = _together(runs, next(whole, lengths.index(max(lengths))))
    start_ms = runs[0][0]
    return replace(word, start_ms=start_ms, end_ms=min(runs[-1][1], start_ms + max(_LONGEST * usual, usual + 1000)))


def is_stamped_early(word: Token) -> bool:
    """Tell whether a word's stamp says nothing of its start.

    In YouTube's older captions the first word after a pause lasts a second, to 10 ms: its stamp is the second word's,
    less a second. In seven such files 1 to 7 % of all words do, and hardly any lasts nearly as long.
    """
    return abs(word.end_ms - word.start_ms - _EARLY_MS) <= STEP_MS


def _later(tokens: Sequence[Token], heard: Speech) -> list[Token]:
    """Let words whose stamps say nothing begin later, right before the next, and those before them take their time."""
    found = list[Token]()
    for token in tokens:
        start_ms = token.start_ms
        if token.spoken and is_stamped_early(token):
            start_ms = _later_ms(token, heard)
            if found and found[-1].spoken:
                latest_ms = min(start_ms, found[-1].start_ms + usual_ms(found[-1].text))
                found[-1] = replace(found[-1], end_ms=max(found[-1].end_ms, latest_ms))
        found.append(replace(token, start_ms=start_ms))
    return found


def _later_ms(word: Token, heard: Speech) -> int:
    """Return when a word begins that is stamped early: with the sound that goes on into what it usually takes."""
    latest_ms = max(word.start_ms, word.end_ms - round(_DRAWN_OUT * usual_ms(word.text)))
    run = heard.around(latest_ms)
    if run and run[0] >= word.start_ms - _NEIGHBOURS_MS:
        return max(run[0], word.start_ms)
    # where nothing is heard so late, the stamp was right after all
    return latest_ms if heard.within(latest_ms, word.end_ms) else word.start_ms


def _own(runs: list[tuple[int, int]], word: Token, *, late: bool) -> list[tuple[int, int]]:
    """Leave short runs at the edges of a word's span to its neighbours; at its end only if the word may be before."""
    if len(runs) > 1 and runs[0][0] == word.start_ms and runs[0][1] - runs[0][0] <= _NEIGHBOURS_MS:
        runs = runs[1:]
    if len(runs) > 1 and runs[-1][1] == word.end_ms and runs[-1][1] - runs[-1][0] <= _NEIGHBOURS_MS and not late:
        runs = runs[:-1]
    return runs


def _together(runs: list[tuple[int, int]], place: int) -> list[tuple[int, int]]:
    """Return a run and those around it without a long silence between."""
    first = last = place
    while first > 0 and runs[first][0] - runs[first - 1][1] < _WITHIN_MS:
        first -= 1
    while last + 1 < len(runs) and runs[last + 1][0] - runs[last][1] < _WITHIN_MS:
        last += 1
    return runs[first : last + 1]


def _whole(words: Sequence[Token], stamped: Sequence[Token], heard: Speech) -> list[Token]:
    """Let words reach a little over the spans that captions give them, to where their sound begins and ends."""
    found = list[Token]()
    for word, stamp, following in zip_longest(words, stamped, words[1:]):
        start_ms, end_ms = word.start_ms, word.end_ms
        before, after = heard.around(start_ms), heard.around(end_ms - 1)
        if before and start_ms == stamp.start_ms and start_ms - before[0] <= _NEIGHBOURS_MS:
            start_ms = before[0]
        if after and end_ms == stamp.end_ms and after[1] - end_ms <= _NEIGHBOURS_MS:
            end_ms = min(after[1], max(following.start_ms, end_ms)) if following else after[1]
        start_ms = max(start_ms, found[-1].end_ms if found else 0)
        found.append(replace(word, start_ms=start_ms, end_ms=max(end_ms, start_ms)))
    return found
