"""Proposals: segments whose ratings would change labels most, by the votes that they share with other segments.

Segments with the same votes (signs by voter, or abstentions) form a pattern. A rating of one of them is evidence on the
label of all. With N segments, n of them rated, and probabilities p of the classes, the expected change of labels by one
more rating is taken as N · (1 − Σ p²) / (n + 1): a rating is a draw from p, and moves the mean of n + 1 draws by its
difference to p, divided by n + 1, for N segments. p is from the Dawid–Skene model of the votes, with a third of a vote
added to each class: voters can err together.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.annotate.candidates import Candidate
from tasks.core import tables
from tasks.labelling.votes import combine

Pattern = tuple[str, ...]
"""Labels by voter, "" where a voter abstains."""


@dataclass(frozen=True)
class PatternOfVotes:
    """The segments with the same votes.

    Args:
        n: number of segments
        n_rated: number of them that were rated
        probabilities: of negative, neutral and positive, with sum 1
    """

    n: int
    n_rated: int
    probabilities: tuple[float, ...]

    def expected_change(self, n_chosen: int = 0) -> float:
        """Return the expected change of labels by one more rating.

        Args:
            n_chosen: number of segments of the pattern that are about to be rated
        """
        disputed = 1 - sum(share**2 for share in self.probabilities)
        return self.n * disputed / (self.n_rated + n_chosen + 1)

    @property
    def likeliest(self) -> int:
        """Position of the most probable class."""
        return int(np.argmax(self.probabilities))


class Proposals:
    """Unrated segments in the order in which they are proposed.

    The next segment is of the class (the most probable by its votes) with the fewest segments so far, of the pattern of
    votes with the largest expected change in it, and of the video with the fewest segments so far.

    Args:
        candidates: all segments, with their votes and numbers of ratings
        ordered: the segments that may be proposed, in random order
    """

    def __init__(self, candidates: Sequence[Candidate], ordered: Sequence[Candidate]) -> None:
        of_candidates = patterns_of(candidates)
        ids = (candidate.segment.id for candidate in candidates)
        self._pattern_of = dict(zip(ids, of_candidates, strict=True))
        self._patterns = counted(of_candidates, [candidate.n_ratings > 0 for candidate in candidates])
        self._left: dict[Pattern, dict[str, list[tuple[int, Candidate]]]] = {}
        # reversed: pop takes from the end
        for place, candidate in reversed(list(enumerate(ordered))):
            videos = self._left.setdefault(self._pattern_of[candidate.segment.id], {})
            videos.setdefault(candidate.segment.video_id, []).append((place, candidate))
        self._of_pattern: Counter[Pattern] = Counter()
        self._of_class: Counter[int] = Counter()
        self._of_video: Counter[str] = Counter()
        self._heaps: dict[int, list[tuple[float, Pattern]]] = {}
        for votes in self._left:
            self._heaps.setdefault(self._patterns[votes].likeliest, []).append(self._rank(votes))
        for heap in self._heaps.values():
            heapq.heapify(heap)

    def __iter__(self) -> Iterator[Candidate]:
        return self

    def __next__(self) -> Candidate:
        """Return the next segment, and count it.

        Raises:
            StopIteration: if all segments were proposed
        """
        if not self._heaps:
            raise StopIteration
        number = min(self._heaps, key=lambda of_class: (self._of_class[of_class], of_class))
        votes = self._best(self._heaps[number])
        videos = self._left[votes]
        video = min(videos, key=lambda name: (self._of_video[name], videos[name][-1][0]))
        _, candidate = videos[video].pop()
        self.count(candidate)
        if not videos[video]:
            del videos[video]
        if not videos:
            heapq.heappop(self._heaps[number])
            if not self._heaps[number]:
                del self._heaps[number]
        return candidate

    def count(self, candidate: Candidate) -> None:
        """Count a segment that is about to be rated.

        Args:
            candidate: drawn at random, or proposed
        """
        votes = self._pattern_of[candidate.segment.id]
        self._of_pattern[votes] += 1
        self._of_class[self._patterns[votes].likeliest] += 1
        self._of_video[candidate.segment.video_id] += 1

    def _best(self, heap: list[tuple[float, Pattern]]) -> Pattern:
        # an expected change only decreases: an outdated entry at the top is replaced, and the others can wait
        while (rank := self._rank(heap[0][1])) != heap[0]:
            heapq.heapreplace(heap, rank)
        return heap[0][1]

    def _rank(self, votes: Pattern) -> tuple[float, Pattern]:
        # rounded: sums differ in their last digits between machines, and the order must not
        return -round(self._patterns[votes].expected_change(self._of_pattern[votes]), 9), votes


def patterns_of(candidates: Sequence[Candidate]) -> list[Pattern]:
    """Return the pattern of votes of every segment, voters by name.

    Args:
        candidates: the segments, with their votes
    """
    # a column in any case: without votes, all segments have one pattern
    names = sorted({name for candidate in candidates for name in candidate.votes}) or [""]
    rows = [[candidate.votes.get(name, np.nan) for name in names] for candidate in candidates]
    polarities = np.array(rows, dtype=np.float64).reshape(len(candidates), len(names))
    return [tuple(row) for row in combine.labels_of(polarities).tolist()]


def counted(of_segments: Sequence[Pattern], are_rated: Sequence[bool]) -> Mapping[Pattern, PatternOfVotes]:
    """Return numbers and probabilities of the patterns of some segments.

    Args:
        of_segments: pattern of every segment, from `patterns_of`
        are_rated: whether it has a rating
    """
    n, n_rated = Counter(of_segments), Counter[Pattern]()
    for votes, is_rated in zip(of_segments, are_rated, strict=True):
        n_rated[votes] += is_rated
    array = np.array(of_segments, dtype=str).reshape(len(of_segments), -1)
    likely = dict(zip(of_segments, np.nan_to_num(combine.label_model(array), nan=1 / 3).tolist(), strict=True))
    return {votes: PatternOfVotes(n[votes], n_rated[votes], _moderate(votes, likely[votes])) for votes in sorted(n)}


def _moderate(votes: Pattern, probabilities: Sequence[float]) -> tuple[float, ...]:
    """Add a third of a vote to each class."""
    n = sum(label != "" for label in votes)
    return tuple((n * share + 1 / len(tables.SENTIMENTS)) / (n + 1) for share in probabilities)
