"""Words' times brought in line with the sound.

Captions place words roughly: automatic ones stamp the first word after a pause up to a second early, and never say when
a word ends; those made by hand say only when a cue comes and goes. What lies between words is quiet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby, zip_longest

from tasks.captions.speech import STEP_MS, Speech
from tasks.captions.tokens import Token

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
