"""Order of the queue: a pure function of segments and seed, so that all listeners hear the same queue."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from tasks.annotate.candidates import Candidate
from tasks.core import tables

_Order = Callable[[Sequence[Candidate], int], Iterable[Candidate]]


def at_random(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    """Order by a hash of seed and segment; adding a segment does not reorder the others.

    Args:
        candidates: the segments
        seed: of the order
    """
    return sorted(candidates, key=partial(_digest, seed))


def stratified(candidates: Sequence[Candidate], seed: int) -> Iterator[Candidate]:
    """Order so that every prefix of the queue is balanced over weak labels (including none) and videos.

    The next segment has the least frequent label so far, then the least frequent video, then the next random place.

    Args:
        candidates: the segments
        seed: of the order
    """
    strata: dict[tuple[str | None, str], list[Candidate]] = {}
    # reversed: pop takes from the end
    for candidate in reversed(at_random(candidates, seed)):
        strata.setdefault((candidate.weak, candidate.segment.video_id), []).append(candidate)
    order = sorted(strata, key=lambda stratum: _digest(seed, strata[stratum][-1]))
    labels: Counter[str | None] = Counter()
    videos: Counter[str] = Counter()
    while order:
        best = min(order, key=lambda stratum: (labels[stratum[0]], videos[stratum[1]]))
        yield strata[best].pop()
        labels[best[0]] += 1
        videos[best[1]] += 1
        if not strata[best]:
            order.remove(best)


def uncertain(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    """Order by label quality, worst first; equals at random.

    Args:
        candidates: the segments
        seed: of the order among equals
    """
    return sorted(at_random(candidates, seed), key=lambda candidate: quality(candidate.weak, candidate.probabilities))


def quality(label: str | None, probabilities: Mapping[str, float]) -> float:
    """Return a label's quality, 0 to 1: cleanlab's normalised margin, (p(label) − largest other p + 1) / 2.

    Northcutt, Jiang, Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70,
    https://doi.org/10.1613/jair.1.12125; label quality scores of https://github.com/cleanlab/cleanlab.

    Args:
        label: None: take the most probable class
        probabilities: of each sentiment; empty: the quality is 0.5
    """
    if not probabilities:
        return 0.5
    given = label or max(tables.SENTIMENTS, key=lambda name: probabilities[name])
    other = max(probabilities[name] for name in tables.SENTIMENTS if name != given)
    return (probabilities[given] - other + 1) / 2


ORDERS: Mapping[str, _Order] = {"random": at_random, "stratified": stratified, "uncertain": uncertain}


def _digest(seed: int, candidate: Candidate) -> str:
    return hashlib.sha256(f"{seed} {candidate.segment.id.key}".encode()).hexdigest()
