"""Words into sentences: captions are cut where a line is full, and a vote wants a whole thought.

A sentence ends at its punctuation, where captions have the habit of it; else where the speaker pauses; where another
speaker begins; and wherever it would grow too long.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from tasks.captions.tokens import Token

_END = re.compile(r"[.!?…؟。][\"'”’»)\]]*$")
_HESITATION = re.compile(r"(?:\.\.+|…)[\"'”’»)\]]*$")
_TITLE = re.compile(r"(?:mr|mrs|ms|dr|prof|st|gen|sen|rep|lt|capt|sgt|rev|mt|ft|vs|fig|e\.g|i\.e)\.$", re.IGNORECASE)
_ABBREVIATION = re.compile(
    r"(?:jr|sr|inc|ltd|co|corp|etc|approx|dept|est|no|[a-hj-z]|(?:[a-z]\.)+[a-z])\.$", re.IGNORECASE
)
_WEAK = frozenset(
    """
    a an the my your his her its our their this these some any every very
    of to in on at by for from with about into than as
    and or but because so if when while that which who
    is are was were am be i he she we they i'm you're we're they're he's she's it's
    """.split()  # noqa: SIM905 — a list of words reads as one
)
"""A speaker who pauses after one of these has more to say."""
_HABIT = 1 / 40
"""Captions are punctuated if at least this share of words ends a sentence; written English: 1 in 10 to 25."""
_WEAK_COSTS_MS = 400
_INNER = 0.25
"""A sentence that is too long is cut in its middle half, if there is a place: the rest is no vote's worth."""


@dataclass(frozen=True)
class Rules:
    """Where sentences end besides at their punctuation, all in ms.

    Args:
        longest_ms: none lasts longer, unless it is a single word
        pause_ms: a pause that ends a sentence where nothing is punctuated
        long_pause_ms: a pause that ends a sentence anywhere
    """

    longest_ms: int
    pause_ms: int
    long_pause_ms: int


def sentences(tokens: Sequence[Token], rules: Rules) -> list[tuple[Token, ...]]:
    """Return the tokens of each sentence: every token once, in order.

    A tag goes with the words of its cue; one in a cue of its own, between two sentences, stays alone.

    Args:
        tokens: of one file, in order; the spans of spoken ones do not overlap
        rules: where sentences end
    """
    places = [place for place, token in enumerate(tokens) if token.spoken]
    punctuated = is_punctuated([tokens[place].text for place in places])
    starts = [0]
    for i, j in pairwise(places):
        if _parted(tokens[i : j + 1], rules, punctuated=punctuated):
            starts.append(j)
    spans = []
    for first, stop in pairwise([*starts, len(tokens)]):
        spoken = [place for place in range(first, stop) if tokens[place].spoken]
        spans += _short_enough(tokens, spoken, rules.longest_ms)
    return _with_tags(tokens, spans)


def is_punctuated(words: Sequence[str]) -> bool:
    """Tell whether captions have the habit of ending sentences with punctuation.

    Example:
        >>> is_punctuated("I met Mr. Smith".split()), is_punctuated("I met him. Nice man".split())
        (False, True)
    """
    return sum(ends(word, following) for word, following in pairwise([*words, "The"])) > _HABIT * len(words)


def ends(word: str, following: str) -> bool:
    """Tell whether a sentence ends after a word.

    Example:
        >>> [ends("no.", "We"), ends("Mr.", "Smith"), ends("U.S.", "army"), ends("3.5", "of"), ends("well...", "you")]
        [True, False, False, False, False]
    """
    if not _END.search(word) or _TITLE.match(word):
        return False
    if word.lower() == "no.":
        return not following[:1].isdigit()
    if _HESITATION.search(word):
        return not following[:1].islower()
    # an initial is followed by a name; other abbreviations may end a sentence
    return not _ABBREVIATION.match(word) or not (following[:1].islower() or len(word) == len("J."))


def _parted(between: Sequence[Token], rules: Rules, *, punctuated: bool) -> bool:
    """Tell whether a sentence ends between two spoken tokens, given with the tags between them."""
    before, after = between[0], between[-1]
    pause_ms = after.start_ms - before.end_ms
    if any(token.opens_turn for token in between[1:]) or pause_ms >= rules.long_pause_ms:
        return True
    if punctuated:
        return ends(before.text, after.text)
    return pause_ms >= rules.pause_ms and not _is_weak(before)


def _is_weak(token: Token) -> bool:
    return token.text.lower() in _WEAK


def _short_enough(tokens: Sequence[Token], spoken: Sequence[int], longest_ms: int) -> list[Sequence[int]]:
    """Cut a sentence, given as the places of its spoken tokens, until no part is too long."""
    done, waiting = list[Sequence[int]](), [spoken] if spoken else []
    while waiting:
        part = waiting.pop()
        first, last = tokens[part[0]], tokens[part[-1]]
        if len(part) == 1 or last.end_ms - first.start_ms <= longest_ms:
            done.append(part)
        else:
            cut = _cut([tokens[place] for place in part])
            waiting += [part[cut:], part[:cut]]
    return done


def _cut(words: Sequence[Token]) -> int:
    """Return how many words the first part keeps: up to the longest pause; of equal ones, that nearest the middle."""
    start_ms, duration_ms = words[0].start_ms, words[-1].end_ms - words[0].start_ms
    offsets = [abs((after.start_ms - start_ms) / duration_ms - 0.5) for after in words[1:]]
    pauses_ms = [
        after.start_ms - before.end_ms - _WEAK_COSTS_MS * _is_weak(before) for before, after in pairwise(words)
    ]
    inner = [place for place, offset in enumerate(offsets) if offset <= _INNER]
    return max(inner or range(len(offsets)), key=lambda place: (pauses_ms[place], -offsets[place])) + 1


def _with_tags(tokens: Sequence[Token], spans: Sequence[Sequence[int]]) -> list[tuple[Token, ...]]:
    """Return the tokens of spans; a tag between two goes with the words of its cue, those before it first."""
    owners: list[int | None] = [None] * len(tokens)
    for index, span in enumerate(spans):
        owners[span[0] : span[-1] + 1] = [index] * (span[-1] + 1 - span[0])
    last_spoken = {token.number: place for place, token in enumerate(tokens) if token.spoken}
    for place in range(1, len(tokens)):
        # what opens a turn is the next speaker's, if that one says a word
        leaves = tokens[place].opens_turn and last_spoken.get(tokens[place].number, -1) > place
        if owners[place] is None and tokens[place].number == tokens[place - 1].number and not leaves:
            owners[place] = owners[place - 1]
    for place in reversed(range(len(tokens) - 1)):
        if owners[place] is None and tokens[place].number == tokens[place + 1].number:
            owners[place] = owners[place + 1]
    alone = [(owner, 0 if owner is not None else token.number) for owner, token in zip(owners, tokens, strict=True)]
    grouped = groupby(range(len(tokens)), key=lambda place: alone[place])
    return [tuple(tokens[place] for place in places) for _, places in grouped]


def text(sentence: Sequence[Token]) -> str:
    """Return what a sentence says."""
    return " ".join(token.text for token in sentence)


def spoken(sentence: Sequence[Token]) -> list[Token]:
    """Return the tokens of a sentence that are said."""
    return [token for token in sentence if token.spoken]
