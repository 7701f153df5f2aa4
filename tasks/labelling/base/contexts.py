"""Context of a video's utterances: the sentence that each was cut from, and its neighbours.

A cue is cut where its line is full, so a vote on its text is often a vote on half a sentence. In captions with
punctuation the sentence is read from the words of all cues. Captions without punctuation, mostly automatic ones, have
cues that follow each other without pauses: there the sentence is unknown, and we give the cue with the two beside it,
which contain most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from tasks.captions import sentences
from tasks.labelling.base.voter_input import Neighbour

REACH = 3
"""Number of neighbours on each side."""
_LONG_PAUSE_S = 2.0
"""A pause that ends a sentence, as `captions.long_pause_s` of the shipped params.yaml."""
_MOST_WORDS = 80
"""Longest sentence; a longer one is probably many, without punctuation between them."""


@dataclass(frozen=True, slots=True)
class SpokenText:
    """Text, time and speaker of one utterance.

    Args:
        text: as in the captions
        start_s: seconds
        end_s: seconds
        speaker: None: not known
    """

    text: str
    start_s: float
    end_s: float
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Sentence and neighbours of one utterance.

    Args:
        sentence: complete sentence or sentences that it was cut from
        before: at most `REACH` utterances before it, the last is the nearest
        after: at most `REACH` utterances after it, the first is the nearest
    """

    sentence: str
    before: tuple[Neighbour, ...]
    after: tuple[Neighbour, ...]


def surroundings(spoken: Sequence[SpokenText]) -> list[Surroundings]:
    """Return the sentence and the neighbours of each utterance of a video.

    Args:
        spoken: in order of time, shape (n_utterances,)
    """
    wholes = _sentences(spoken)
    return [
        Surroundings(
            wholes[k],
            tuple(_neighbour(other, utterance) for other in spoken[max(0, k - REACH) : k]),
            tuple(_neighbour(other, utterance) for other in spoken[k + 1 : k + 1 + REACH]),
        )
        for k, utterance in enumerate(spoken)
    ]


def _neighbour(other: SpokenText, utterance: SpokenText) -> Neighbour:
    both = other.speaker is not None and utterance.speaker is not None
    return Neighbour(other.text, other.speaker == utterance.speaker if both else None)


def _sentences(spoken: Sequence[SpokenText]) -> list[str]:
    words = [utterance.text.split() for utterance in spoken]
    flat = [word for own in words for word in own]
    # broken[k]: whether no sentence continues from utterance k to the next
    broken = [_is_break(before, after) for before, after in pairwise(spoken)]
    if not sentences.is_punctuated(flat):
        return _with_neighbours(spoken, broken)
    starts = list(accumulate((len(own) for own in words), initial=0))
    borders = {starts[k + 1] for k, is_border in enumerate(broken) if is_border}
    borders |= {k + 1 for k, (word, following) in enumerate(pairwise(flat)) if sentences.ends(word, following)}
    spans = list(pairwise(sorted({0, len(flat), *borders})))
    return _covering(flat, starts, spans)


def _covering(flat: Sequence[str], starts: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[str]:
    """Return for each utterance the sentences of which it has a word, its own words alone where these are too long.

    Args:
        flat: all words of the video
        starts: position of each utterance's first word, then the number of words
        spans: first word of each sentence, and that of the next, in order
    """
    wholes = list[str]()
    place = 0
    for first, stop in pairwise(starts):
        while place < len(spans) - 1 and spans[place][1] <= first:
            place += 1
        last = place
        while last < len(spans) - 1 and spans[last][1] < stop:
            last += 1
        begin, end = (spans[place][0], spans[last][1]) if first < stop else (first, stop)
        if end - begin > _MOST_WORDS:
            begin, end = first, stop
        wholes.append(" ".join(flat[begin:end]))
    return wholes


def _with_neighbours(spoken: Sequence[SpokenText], broken: Sequence[bool]) -> list[str]:
    texts = [utterance.text for utterance in spoken]
    wholes = list[str]()
    for k in range(len(texts)):
        first = k if k == 0 or broken[k - 1] else k - 1
        stop = k + 1 if k + 1 == len(texts) or broken[k] else k + 2
        wholes.append(" ".join(texts[first:stop]))
    return wholes


def _is_break(before: SpokenText, after: SpokenText) -> bool:
    if after.start_s - before.end_s >= _LONG_PAUSE_S:
        return True
    return before.speaker is not None and after.speaker is not None and before.speaker != after.speaker
