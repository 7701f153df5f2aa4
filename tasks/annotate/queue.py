"""In which order segments are heard: pure, and the same every time, so that all listeners hear the same ones."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from tasks.annotate.candidates import Candidate
from tasks.core import tables

Order = Callable[[Sequence[Candidate], int], Iterable[Candidate]]


def at_random(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    """Order by a digest of seed and segment: a sample that one more segment does not shuffle anew."""
    return sorted(candidates, key=partial(_digest, seed))


def stratified(candidates: Sequence[Candidate], seed: int) -> Iterator[Candidate]:
    """Order so that however far one gets, weak labels (none is one too) and videos are heard about equally often.

    The next segment is of the label heard least so far; among those, of the video heard least; among those, at random.
    """
    strata: dict[tuple[str | None, str], list[Candidate]] = {}
    # the last of a list is taken first
    for one in reversed(at_random(candidates, seed)):
        strata.setdefault((one.weak, one.segment.video_id), []).append(one)
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
    """Order by label quality, the worst first; equals at random."""
    return sorted(at_random(candidates, seed), key=lambda one: quality(one.weak, one.probabilities))


def quality(label: str | None, probabilities: Mapping[str, float]) -> float:
    """Return how well a label fits its class probabilities, from 0 to 1: cleanlab's normalised margin.

    (p(label) − the largest p of another class + 1) / 2; without a label, that of the most probable class; 0.5 where
    nothing is known. Northcutt, Jiang, Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels",
    JAIR 70, https://doi.org/10.1613/jair.1.12125; `label_quality` scores of https://github.com/cleanlab/cleanlab.
    """
    if not probabilities:
        return 0.5
    given = label or max(tables.SENTIMENTS, key=lambda name: probabilities[name])
    other = max(probabilities[name] for name in tables.SENTIMENTS if name != given)
    return (probabilities[given] - other + 1) / 2


ORDERS: Mapping[str, Order] = {"random": at_random, "stratified": stratified, "uncertain": uncertain}


def _digest(seed: int, one: Candidate) -> str:
    return hashlib.sha256(f"{seed} {one.segment.span.key}".encode()).hexdigest()
