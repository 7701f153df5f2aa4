"""Signs of careless listening: playing time, one answer throughout, hidden repetitions, agreement with the others.

A listener is reported as careless if one of `REASONS` holds. Nothing follows from it: all ratings count as before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tasks.evaluation.scores import Bootstrap
from tasks.labelling.people import agreement
from tasks.labelling.people.agreement import Estimate
from tasks.labelling.people.ratings import RatedSpan, majority

MIN_RATINGS, MIN_SHARED, MIN_REPEATS = 10, 20, 5
"""Numbers of ratings, of ratings beside a majority of others, and of repetitions, from which on these are judged."""
MOST_TOO_SHORT, MOST_SAME_ANSWER, LEAST_DIFFERENCE, LEAST_CONSISTENT, LEAST_KAPPA = 0.2, 0.9, 0.15, 0.6, 0.2
TOO_SHORT, SAME_ANSWER, INCONSISTENT, UNLIKE = "too short", "one answer", "inconsistent", "unlike the others"
REASONS = {
    TOO_SHORT: f"more than {MOST_TOO_SHORT:.0%} of the ratings with a playing time: played for less than the length",
    SAME_ANSWER: f"one class in {MOST_SAME_ANSWER:.0%} of the ratings or more, and in at least "
    f"{LEAST_DIFFERENCE * 100:.0f} percentage points fewer clips by the majority of the others",
    INCONSISTENT: f"fewer than {LEAST_CONSISTENT:.0%} of {MIN_REPEATS} repeated clips or more got the same rating",
    UNLIKE: f"on {MIN_SHARED} clips or more, Cohen's kappa with the majority of the others is below {LEAST_KAPPA}, and "
    "its interval includes 0, which is chance",
}
_MIN_TOLERANCE_S, _TOLERANCE = 0.3, 0.05


@dataclass(frozen=True)
class ListenerCheck:
    """Figures of a listener.

    Args:
        name: the listener's
        n: ratings, without skipped clips
        n_timed: ratings whose playing time is stored
        n_too_short: of these, played for less than the clip's length
        n_replayed: of these, played more than once
        played_s: median of the playing times, seconds; None without any
        commonest: the class that the listener chose most often
        n_commonest: how often
        n_shared: ratings of clips on which the others have a majority
        n_shared_commonest: how often the listener chose the commonest class on these
        n_others_commonest: how often the majority of the others is that class on these
        n_repeats: repeated clips with a label both times
        n_same: of these, with the same label
        kappa: Cohen's, with the majority of the others, on the shared clips
        reasons: keys of `REASONS` that hold
    """

    name: str
    n: int
    n_timed: int
    n_too_short: int
    n_replayed: int
    played_s: float | None
    commonest: str
    n_commonest: int
    n_shared: int
    n_shared_commonest: int
    n_others_commonest: int
    n_repeats: int
    n_same: int
    kappa: Estimate
    reasons: tuple[str, ...] = ()


def tolerance_s(length_s: float) -> float:
    """Return how many seconds short of its length a clip still counts as played to its end: clocks are not exact.

    Args:
        length_s: of the clip
    """
    return max(_MIN_TOLERANCE_S, _TOLERANCE * length_s)


def checked(spans: Iterable[RatedSpan], bootstrap: Bootstrap) -> list[ListenerCheck]:
    """Return the figures of every listener, by name.

    Args:
        spans: rated spans; those with equal video and times are one clip
        bootstrap: settings of the intervals, over videos
    """
    clips = merged(spans)
    names = sorted({name for clip in clips for name in clip.ratings})
    return [_check(name, clips, bootstrap) for name in names]


@dataclass
class RatedClip:
    """A clip with everything that all files hold on it; `ratings` has a listener's rating of the first file."""

    video: str
    length_s: float
    ratings: dict[str, str] = field(default_factory=dict)
    spans: list[RatedSpan] = field(default_factory=list)


def merged(spans: Iterable[RatedSpan]) -> list[RatedClip]:
    """Return the clips of rated spans; spans with equal video and times are one clip.

    Args:
        spans: of all files
    """
    clips: dict[tuple[str, float, float], RatedClip] = {}
    for span in spans:
        key = (span.video_id, span.start_s, span.end_s)
        clip = clips.setdefault(key, RatedClip(span.video_id, span.end_s - span.start_s))
        # an earlier file's rating is kept
        clip.ratings = {**span.ratings, **clip.ratings}
        clip.spans.append(span)
    return list(clips.values())


def _check(name: str, clips: Sequence[RatedClip], bootstrap: Bootstrap) -> ListenerCheck:
    mine = [clip for clip in clips if name in clip.ratings]
    commonest, n_commonest = min(
        Counter(clip.ratings[name] for clip in mine).items(), key=lambda counted: (-counted[1], counted[0])
    )
    shared = [(clip, others) for clip in mine if (others := _majority_of_others(clip.ratings, name)) is not None]
    played = [
        (clip.length_s, playback)
        for clip in mine
        if (playback := next((span.playback[name] for span in clip.spans if name in span.playback), None)) is not None
    ]
    repeated = [
        clip.ratings[name] == again
        for clip in mine
        if (again := next((span.again[name] for span in clip.spans if name in span.again), None)) is not None
    ]
    check = ListenerCheck(
        name=name,
        n=len(mine),
        n_timed=len(played),
        n_too_short=sum(playback.played_s < length_s - tolerance_s(length_s) for length_s, playback in played),
        n_replayed=sum(playback.plays > 1 for _, playback in played),
        played_s=float(np.median([playback.played_s for _, playback in played])) if played else None,
        commonest=commonest,
        n_commonest=n_commonest,
        n_shared=len(shared),
        n_shared_commonest=sum(clip.ratings[name] == commonest for clip, _ in shared),
        n_others_commonest=sum(others == commonest for _, others in shared),
        n_repeats=len(repeated),
        n_same=sum(repeated),
        kappa=agreement.cohens_kappa(
            [(others, clip.ratings[name]) for clip, others in shared],
            np.array([clip.video for clip, _ in shared], dtype=str),
            bootstrap,
        ),
    )
    return replace(check, reasons=tuple(_reasons(check)))


def _majority_of_others(ratings: Mapping[str, str], name: str) -> str | None:
    return majority({other: label for other, label in ratings.items() if other != name})


def _reasons(check: ListenerCheck) -> Iterable[str]:
    if check.n_timed >= MIN_RATINGS and check.n_too_short > MOST_TOO_SHORT * check.n_timed:
        yield TOO_SHORT
    if check.n_shared >= MIN_RATINGS and check.n_commonest >= MOST_SAME_ANSWER * check.n:
        more = check.n_shared_commonest - check.n_others_commonest
        if more >= LEAST_DIFFERENCE * check.n_shared:
            yield SAME_ANSWER
    if check.n_repeats >= MIN_REPEATS and check.n_same < LEAST_CONSISTENT * check.n_repeats:
        yield INCONSISTENT
    kappa = check.kappa
    if check.n_shared < MIN_SHARED or kappa.value is None or kappa.low is None:
        return
    # rounded: a constant answer has a kappa of 0 up to the last digits
    if kappa.value < LEAST_KAPPA and round(kappa.low, 9) <= 0:
        yield UNLIKE
