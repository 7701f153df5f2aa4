"""Order of the queue: a pure function of segments and seed, so that all listeners hear the same queue."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from tasks.annotate.candidates import Candidate
from tasks.annotate.proposals import Proposals
from tasks.core import tables
from tasks.labelling.people import ratings

RANDOM_SHARE = 0.3
"""Share of a proposed queue that is drawn at random, and of all segments that are reserved for this."""
_DIGITS = 8
_RESERVED = int(RANDOM_SHARE * (1 << 4 * _DIGITS))
_ROUNDING = 1e-9
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


def proposed(candidates: Sequence[Candidate], seed: int) -> Iterator[Candidate]:
    """Order by the expected change of labels, with a fixed share of random draws; rated segments come last.

    Random draws are from segments that are reserved for them, by a hash of the segment alone, and are never proposed.
    They are a random sample of all segments, whatever was proposed before, with any seed.

    Args:
        candidates: the segments, with their votes and numbers of ratings
        seed: of the random draws, and of the order among equals
    """
    ordered = at_random(candidates, seed)
    unrated = [candidate for candidate in ordered if not candidate.n_ratings]
    draws = iter([candidate for candidate in unrated if _is_reserved(candidate)])
    proposals = Proposals(candidates, [candidate for candidate in unrated if not _is_reserved(candidate)])
    for place in range(len(unrated)):
        at_hazard = int((place + 1) * RANDOM_SHARE + _ROUNDING) > int(place * RANDOM_SHARE + _ROUNDING)
        sources = (draws, proposals) if at_hazard else (proposals, draws)
        candidate = next(candidate for source in sources for candidate in source)
        if _is_reserved(candidate):
            proposals.count(candidate)
        yield candidate
    yield from (candidate for candidate in ordered if candidate.n_ratings)


def begun(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    """Return the segments of proposed or random queues that only one listener has rated, so that a second one can.

    Args:
        candidates: the segments, with their numbers of ratings
        seed: of their order
    """
    return [candidate for candidate in at_random(candidates, seed) if candidate.n_ratings == 1 and candidate.sampling]


def sampling(order: str, candidate: Candidate) -> str | None:
    """Return how an order draws a segment: `ratings.RANDOM`, `ratings.PROPOSED`, or None for neither.

    Only rows that are not proposed may be used for an estimate of label quality.

    Args:
        order: one of `ORDERS`
        candidate: the segment
    """
    if candidate.sampling == ratings.RANDOM:
        return ratings.RANDOM
    if order == "proposed":
        return ratings.RANDOM if _is_reserved(candidate) else ratings.PROPOSED
    return {"random": ratings.RANDOM, "uncertain": ratings.PROPOSED}.get(order)


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


ORDERS: Mapping[str, _Order] = {
    "random": at_random,
    "stratified": stratified,
    "uncertain": uncertain,
    "proposed": proposed,
}


def _is_reserved(candidate: Candidate) -> bool:
    digest = hashlib.sha256(f"at random {candidate.segment.id.key}".encode()).hexdigest()
    return int(digest[:_DIGITS], 16) < _RESERVED


def _digest(seed: int, candidate: Candidate) -> str:
    return hashlib.sha256(f"{seed} {candidate.segment.id.key}".encode()).hexdigest()
