"""Histograms of speech and noise, and the utterances to listen to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import floor
from statistics import median
from typing import NamedTuple

from tasks.corpora.doctor.findings import MOST_EXAMPLES, SpeechSummary
from tasks.corpora.doctor.speech_findings import LEAST_SPEECH_S, LEAST_SPEECH_SHARE, NOISY_DB

_SHARE_WIDTH, _RATIO_WIDTH_DB = 10, 5


class SpeechBar(NamedTuple):
    """Utterances in a range of values; `percent` of the longest bar."""

    label: str
    n: int
    percent: float


class SpeechCharts(NamedTuple):
    """Histograms of the share of speech and of the signal-to-noise ratio, their medians, and utterances to listen to.

    `empty` and `noisy`: the worst ones, after their number; `limits`: a sentence on where they begin.
    """

    shares: tuple[SpeechBar, ...]
    ratios: tuple[SpeechBar, ...]
    median_share: float
    median_db: float
    n: int
    n_empty: int
    empty: tuple[str, ...]
    n_noisy: int
    noisy: tuple[str, ...]
    limits: str


def charted(speech: SpeechSummary) -> SpeechCharts:
    """Return the histograms of speech and noise; without utterances they are empty.

    Args:
        speech: of a corpus
    """
    return SpeechCharts(
        _bars([min(100 * share, 99.9) for share in speech.shares], _SHARE_WIDTH),
        _bars(speech.snr_db, _RATIO_WIDTH_DB),
        median(speech.shares) if speech.shares else 0.0,
        median(speech.snr_db) if speech.snr_db else 0.0,
        len(speech.shares),
        len(speech.empty),
        speech.empty[:MOST_EXAMPLES],
        len(speech.noisy),
        speech.noisy[:MOST_EXAMPLES],
        f"Nearly without speech: less than {LEAST_SPEECH_S:g} s, or less than {LEAST_SPEECH_SHARE:.0%} of the time. "
        f"Noisy: below {NOISY_DB:g} dB.",
    )


def _bars(values: Sequence[float], width: int) -> tuple[SpeechBar, ...]:
    if not values:
        return ()
    counts = Counter(floor(value / width) for value in values)
    most = max(counts.values())
    return tuple(
        SpeechBar(_span(number * width, (number + 1) * width), counts[number], 100 * counts[number] / most)
        for number in range(min(counts), max(counts) + 1)
    )


def _span(begin: int, end: int) -> str:
    return f"{begin} to {end}".replace("-", "−")
