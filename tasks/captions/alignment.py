"""Align the times of words with the sound.

Caption times are rough. Automatic captions place the first word after a pause up to a second too early and have no end
times; manual captions state only when a cue appears and disappears. Speech detection corrects both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING

from tasks.captions.steps import STEP_MS
from tasks.captions.tokens import Token

if TYPE_CHECKING:
    from tasks.captions.speech_detection import SpeechRuns

_LETTER_MS, _WORD_MS = 70, 150
"""Duration of a slow word: per letter, and constant. Half of 2,722 words within lines of five automatic captions
take less than 120 + 35 ms a letter."""
_NEIGHBOURS_MS = 150
"""Speech this short at the edge of a word's span may belong to its neighbour: caption times are that inexact."""
_WITHIN_MS = 400
"""Silence this long separates words."""
_DRAWN_OUT, _LONGEST = 1.5, 3
"""A word longer than this many usual durations contains silence or another voice; none lasts longer than the second."""
_EARLY_MS = 1_000
_MIN_SPEECH_SHARE = 0.3
"""Words of a cue with less detected speech than this share of their usual duration keep the cue's times."""


def align(tokens: Sequence[Token], speech: SpeechRuns | None, *, timed: bool) -> list[Token]:
    """Return tokens with the spans of spoken ones aligned with the sound; these do not overlap.

    Args:
        tokens: the tokens of one file, in order
        speech: where someone speaks; None: durations are estimated from letters
        timed: whether words have their own times; else the words of a cue share its speech by their letters
    """
    if speech is None:
        return [_with_usual_end(token) for token in tokens] if timed else list(tokens)
    if timed:
        placed = _correct_early(tokens, speech)
    else:
        placed = [token for _, cue in groupby(tokens, _number) for token in _spread(cue, speech)]
    spoken = [place for place, token in enumerate(placed) if token.spoken]
    words = [_fit(placed[place], tokens[place], speech) if timed else placed[place] for place in spoken]
    for place, word in zip(spoken, _extend(words, [placed[place] for place in spoken], speech), strict=True):
        placed[place] = word
    return placed


def usual_ms(text: str) -> int:
    """Return the usual duration of a word spoken slowly, by its letters, in ms.

    Args:
        text: the word
    """
    return _WORD_MS + _LETTER_MS * sum(map(str.isalnum, text))


def is_stamped_early(word: Token) -> bool:
    """Tell whether a word's caption time is too early to be its start.

    In YouTube's older captions the first word after a pause lasts a second, to 10 ms: its time is the second word's
    minus a second. In seven such files 1 to 7 % of all words do, and hardly any other word lasts nearly as long.

    Args:
        word: with its times from the captions
    """
    return abs(word.end_ms - word.start_ms - _EARLY_MS) <= STEP_MS


def _number(token: Token) -> int:
    return token.number


def _with_usual_end(token: Token) -> Token:
    return replace(token, end_ms=min(token.end_ms, token.start_ms + usual_ms(token.text)))


def _spread(cue: Iterable[Token], speech: SpeechRuns) -> list[Token]:
    """Map the words' shares of a cue's span to the speech within it."""
    tokens = list(cue)
    start_ms, end_ms = tokens[0].start_ms, tokens[-1].end_ms
    runs = speech.within(start_ms, end_ms)
    spoken_ms = sum(end - start for start, end in runs)
    if not runs or spoken_ms < _MIN_SPEECH_SHARE * sum(usual_ms(token.text) for token in tokens if token.spoken):
        return tokens
    # time within the cue × share = speech up to that time
    share = spoken_ms / (end_ms - start_ms)
    return [
        replace(
            token,
            start_ms=_after_speech(runs, share * (token.start_ms - start_ms), last=False),
            end_ms=_after_speech(runs, share * (token.end_ms - start_ms), last=True),
        )
        for token in tokens
    ]


def _after_speech(runs: Sequence[tuple[int, int]], spoken_ms: float, *, last: bool) -> int:
    """Return the time after this much speech; at a run's end, that end if `last`, else the start of the next run."""
    left_ms = round(spoken_ms)
    for start_ms, end_ms in runs:
        if left_ms < end_ms - start_ms or (last and left_ms == end_ms - start_ms):
            return start_ms + left_ms
        left_ms -= end_ms - start_ms
    return runs[-1][1]


def _fit(word: Token, original: Token, speech: SpeechRuns) -> Token:
    """Shrink a word to the part of its span that contains its speech."""
    runs = speech.within(word.start_ms, word.end_ms)
    if not runs:
        return _with_usual_end(word)
    usual = usual_ms(word.text)
    early = is_stamped_early(original)
    runs = _without_neighbours(runs, word, early=early)
    if early:
        runs = _connected(runs, len(runs) - 1)
    elif word.end_ms - word.start_ms > _DRAWN_OUT * usual:
        # take the first run long enough for the word: others are breaths, or voices that have no captions
        lengths = [end_ms - start_ms for start_ms, end_ms in runs]
        long_enough = (place for place, length in enumerate(lengths) if length >= usual / 2)
        runs = _connected(runs, next(long_enough, lengths.index(max(lengths))))
    # the limit keeps a word from absorbing music or applause
    start_ms = runs[0][0]
    return replace(word, start_ms=start_ms, end_ms=min(runs[-1][1], start_ms + max(_LONGEST * usual, usual + 1000)))


def _correct_early(tokens: Sequence[Token], speech: SpeechRuns) -> list[Token]:
    """Move early words to where they are spoken; extend the words before them by at most their usual duration."""
    corrected = list[Token]()
    for token in tokens:
        start_ms = token.start_ms
        if token.spoken and is_stamped_early(token):
            start_ms = _corrected_start_ms(token, speech)
            if corrected and corrected[-1].spoken:
                latest_ms = min(start_ms, corrected[-1].start_ms + usual_ms(corrected[-1].text))
                corrected[-1] = replace(corrected[-1], end_ms=max(corrected[-1].end_ms, latest_ms))
        corrected.append(replace(token, start_ms=start_ms))
    return corrected


def _corrected_start_ms(word: Token, speech: SpeechRuns) -> int:
    """Return the start of an early word: that of the run of speech that continues into its usual duration."""
    latest_ms = max(word.start_ms, word.end_ms - round(_DRAWN_OUT * usual_ms(word.text)))
    run = speech.around(latest_ms)
    if run and run[0] >= word.start_ms - _NEIGHBOURS_MS:
        return max(run[0], word.start_ms)
    # without speech near its end, the word's caption time was right
    return latest_ms if speech.within(latest_ms, word.end_ms) else word.start_ms


def _without_neighbours(runs: list[tuple[int, int]], word: Token, *, early: bool) -> list[tuple[int, int]]:
    """Drop short runs at the edges of a word's span; the last one not for early words, which are spoken there."""
    if len(runs) > 1 and runs[0][0] == word.start_ms and runs[0][1] - runs[0][0] <= _NEIGHBOURS_MS:
        runs = runs[1:]
    if len(runs) > 1 and runs[-1][1] == word.end_ms and runs[-1][1] - runs[-1][0] <= _NEIGHBOURS_MS and not early:
        runs = runs[:-1]
    return runs


def _connected(runs: list[tuple[int, int]], place: int) -> list[tuple[int, int]]:
    """Return a run and its neighbours that no long silence separates."""
    first = last = place
    while first > 0 and runs[first][0] - runs[first - 1][1] < _WITHIN_MS:
        first -= 1
    while last + 1 < len(runs) and runs[last + 1][0] - runs[last][1] < _WITHIN_MS:
        last += 1
    return runs[first : last + 1]


def _extend(words: Sequence[Token], originals: Sequence[Token], speech: SpeechRuns) -> list[Token]:
    """Extend words a little beyond their caption spans, to where their run of speech begins and ends."""
    extended = list[Token]()
    for word, original, following in zip_longest(words, originals, words[1:]):
        start_ms, end_ms = word.start_ms, word.end_ms
        before, after = speech.around(start_ms), speech.around(end_ms - 1)
        if before and start_ms == original.start_ms and start_ms - before[0] <= _NEIGHBOURS_MS:
            start_ms = before[0]
        if after and end_ms == original.end_ms and after[1] - end_ms <= _NEIGHBOURS_MS:
            end_ms = min(after[1], max(following.start_ms, end_ms)) if following else after[1]
        # words must not overlap: utterances are cut between them
        start_ms = max(start_ms, extended[-1].end_ms if extended else 0)
        extended.append(replace(word, start_ms=start_ms, end_ms=max(end_ms, start_ms)))
    return extended
