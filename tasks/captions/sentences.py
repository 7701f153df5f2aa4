"""Split words into sentences: captions break where a line is full, but a vote needs a whole sentence.

A sentence ends at punctuation if the captions use it, else where the speaker pauses; where another speaker begins; and
before it becomes too long.
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
"""A pause after one of these words rarely ends a sentence."""
_MIN_ENDS_SHARE = 1 / 40
"""Captions are punctuated if more than this share of words ends a sentence; written English: 1 in 10 to 25."""
_WEAK_COSTS_MS = 400
_INNER = 0.25
"""A sentence that is too long is split in its middle half if possible: shorter parts are too short for a vote."""


@dataclass(frozen=True)
class SentenceRules:
    """Limits that end sentences other than punctuation, all in ms.

    Args:
        longest_ms: maximum duration, except of a single word
        pause_ms: a pause that ends a sentence in captions without punctuation
        long_pause_ms: a pause that ends a sentence in any captions
    """

    longest_ms: int
    pause_ms: int
    long_pause_ms: int


def sentences(tokens: Sequence[Token], rules: SentenceRules) -> list[tuple[Token, ...]]:
    """Return the tokens of each sentence: every token once, in order.

    A tag joins the words of its cue; a cue of tags only, between two sentences, becomes a sentence of its own.

    Args:
        tokens: of one file, in order; the spans of spoken tokens do not overlap
        rules: where sentences end
    """
    places = [place for place, token in enumerate(tokens) if token.spoken]
    punctuated = is_punctuated([tokens[place].text for place in places])
    starts = [0]
    for i, j in pairwise(places):
        if _is_end(tokens[i : j + 1], rules, punctuated=punctuated):
            starts.append(j)
    spans = []
    for first, stop in pairwise([*starts, len(tokens)]):
        spoken = [place for place in range(first, stop) if tokens[place].spoken]
        spans += _split_long(tokens, spoken, rules.longest_ms)
    return _with_tags(tokens, spans)


def is_punctuated(words: Sequence[str]) -> bool:
    """Tell whether captions end sentences with punctuation.

    Args:
        words: of one file, in order

    Example:
        >>> is_punctuated("I met Mr. Smith".split()), is_punctuated("I met him. Nice man".split())
        (False, True)
    """
    return sum(ends(word, following) for word, following in pairwise([*words, "The"])) > _MIN_ENDS_SHARE * len(words)


def ends(word: str, following: str) -> bool:
    """Tell whether punctuation ends a sentence after a word.

    Args:
        word: with its punctuation
        following: the next word

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


def _is_end(tokens: Sequence[Token], rules: SentenceRules, *, punctuated: bool) -> bool:
    """Tell whether a sentence ends between the first and the last token; those between are tags."""
    before, after = tokens[0], tokens[-1]
    pause_ms = after.start_ms - before.end_ms
    if any(token.opens_turn for token in tokens[1:]) or pause_ms >= rules.long_pause_ms:
        return True
    if punctuated:
        return ends(before.text, after.text)
    return pause_ms >= rules.pause_ms and not _is_weak(before)


def _is_weak(token: Token) -> bool:
    return token.text.lower() in _WEAK


def _split_long(tokens: Sequence[Token], spoken: Sequence[int], longest_ms: int) -> list[Sequence[int]]:
    """Split a sentence, given as the positions of its spoken tokens, until no part is too long."""
    done, waiting = list[Sequence[int]](), [spoken] if spoken else []
    while waiting:
        part = waiting.pop()
        first, last = tokens[part[0]], tokens[part[-1]]
        if len(part) == 1 or last.end_ms - first.start_ms <= longest_ms:
            done.append(part)
        else:
            n_first = _n_before_split([tokens[place] for place in part])
            # a stack: the first part must come out first, to keep the order
            waiting += [part[n_first:], part[:n_first]]
    return done


def _n_before_split(words: Sequence[Token]) -> int:
    """Return how many words the first part gets: up to the longest pause; if tied, the one nearest the middle."""
    start_ms, duration_ms = words[0].start_ms, words[-1].end_ms - words[0].start_ms
    offsets = [abs((after.start_ms - start_ms) / duration_ms - 0.5) for after in words[1:]]
    pauses_ms = [
        after.start_ms - before.end_ms - _WEAK_COSTS_MS * _is_weak(before) for before, after in pairwise(words)
    ]
    inner = [place for place, offset in enumerate(offsets) if offset <= _INNER]
    return max(inner or range(len(offsets)), key=lambda place: (pauses_ms[place], -offsets[place])) + 1


def _with_tags(tokens: Sequence[Token], spans: Sequence[Sequence[int]]) -> list[tuple[Token, ...]]:
    """Return the tokens of spans; a tag between two joins the words of its cue, preferably those before it."""
    # owners[i]: index of the span that token i belongs to; None: a tag between spans
    owners: list[int | None] = [None] * len(tokens)
    for index, span in enumerate(spans):
        owners[span[0] : span[-1] + 1] = [index] * (span[-1] + 1 - span[0])
    last_spoken = {token.number: place for place, token in enumerate(tokens) if token.spoken}
    for place in range(1, len(tokens)):
        # a tag that opens a turn belongs to the next speaker, if that one has a word in this cue
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
    """Return a sentence's text, tags included."""
    return " ".join(token.text for token in sentence)


def spoken(sentence: Sequence[Token]) -> list[Token]:
    """Return a sentence's spoken tokens."""
    return [token for token in sentence if token.spoken]
