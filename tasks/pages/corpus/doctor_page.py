"""HTML page of the corpus doctor: verdict, complaints, counts, classes, distributions, durations, speech, noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil, floor
from statistics import median
from typing import NamedTuple

from tasks.corpora.doctor.distributions import Distribution
from tasks.corpora.doctor.findings import KINDS, SEVERITIES, Diagnosis, Facts
from tasks.pages.common import speech_bars, templating

MOST_SPEAKERS = 30
"""Rows of the table of classes; further speakers share the last row."""
_MOST_BARS = 18
_WIDTHS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)


class SpeakerCounts(NamedTuple):
    """Utterances by speaker and emotion, most frequent first, "" for none; the last row may be of `n_others` speakers.

    `most` is the highest count of one speaker.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[int]]]
    totals: Sequence[int]
    most: int
    n_others: int


class DurationBar(NamedTuple):
    """Utterances in a range of durations; `percent` of the longest bar."""

    label: str
    n: int
    percent: float


class LabelShare(NamedTuple):
    """Utterances with a label and a value of an attribute, and their percentage of all with that value."""

    n: int
    percent: float


class AttributeShares(NamedTuple):
    """Labels by the values of an attribute: each value with its utterances, each label with its share of every value.

    `highest` is the highest percentage.
    """

    attribute: str
    values: Sequence[tuple[str, int]]
    rows: Sequence[tuple[str, Sequence[LabelShare]]]
    highest: float


def render(diagnosis: Diagnosis) -> str:
    """Return the diagnosis as HTML; the same diagnosis gives the same text.

    Args:
        diagnosis: of a corpus
    """
    durations_s = diagnosis.facts.durations_s
    *first, last = diagnosis.facts.by_attribute or ("",)
    return templating.render(
        "pages/corpus/templates/doctor.html",
        diagnosis=diagnosis,
        cards=_cards(diagnosis.facts),
        speaker_counts=speaker_counts(diagnosis.facts.classes),
        attributes=[attribute_shares(name, counts) for name, counts in diagnosis.facts.by_attribute.items()],
        attribute_names=" and ".join([", ".join(first), last] if first else [last]),
        bars=bars(durations_s),
        speech_bars=speech_bars.charted(diagnosis.facts.speech),
        median_s=median(durations_s) if durations_s else 0.0,
        kinds=KINDS,
        severities=SEVERITIES,
    )


def speaker_counts(classes: Mapping[str, Mapping[str, int]]) -> SpeakerCounts:
    """Return the table of counts: all speakers by name, or of many speakers those with most utterances.

    Args:
        classes: speaker → emotion → utterances
    """
    total = sum((Counter(counts) for counts in classes.values()), Counter[str]())
    columns = tuple(sorted(total, key=lambda speaker: (speaker == "", -total[speaker], speaker)))
    chosen, others = list(classes), list[str]()
    if len(classes) > MOST_SPEAKERS:
        ordered = sorted(classes, key=lambda speaker: (-sum(classes[speaker].values()), speaker))
        chosen, others = ordered[:MOST_SPEAKERS], ordered[MOST_SPEAKERS:]
    rows = [(speaker or "no speaker", tuple(classes[speaker].get(name, 0) for name in columns)) for speaker in chosen]
    most = max((n for _, counts in rows for n in counts), default=1)
    if others:
        rest = sum((Counter(classes[speaker]) for speaker in others), Counter[str]())
        # `most` excludes this row: the sum of many speakers must not set the scale
        rows.append((f"{len(others):,} others", tuple(rest[name] for name in columns)))
    return SpeakerCounts(columns, tuple(rows), tuple(total[name] for name in columns), most, len(others))


def attribute_shares(attribute: str, counts: Distribution) -> AttributeShares:
    """Return the distribution of labels for each value of an attribute.

    Args:
        attribute: its name
        counts: value → label → utterances
    """
    totals = {value: sum(of_value.values()) for value, of_value in counts.items()}
    labels = sum((Counter(of_value) for of_value in counts.values()), Counter[str]())
    rows = [
        (
            label,
            [LabelShare(n := of_value.get(label, 0), 100 * n / totals[value]) for value, of_value in counts.items()],
        )
        for label in sorted(labels, key=lambda label: (label == "", -labels[label], label))
    ]
    highest = max(share.percent for _, shares in rows for share in shares)
    return AttributeShares(attribute, list(totals.items()), rows, highest)


def bars(durations_s: Sequence[float]) -> tuple[DurationBar, ...]:
    """Return a histogram of durations; the longest hundredth may share the last bar.

    Args:
        durations_s: sorted ascending
    """
    if not durations_s:
        return ()
    longest = durations_s[ceil(0.99 * len(durations_s)) - 1]
    first = durations_s[0]
    width = next((width_s for width_s in _WIDTHS_S if (longest - first) / width_s < _MOST_BARS - 1), _WIDTHS_S[-1])
    low, high = _number(first, width), _number(longest, width)
    counts = Counter(min(_number(duration_s, width), high + 1) for duration_s in durations_s)
    most = max(counts.values())
    return tuple(
        DurationBar(_span(number, width, open_end=number > high), counts[number], 100 * counts[number] / most)
        for number in range(low, high + 1 + (high + 1 in counts))
    )


def _number(duration_s: float, width_s: float) -> int:
    # rounded, since 1.2 / 0.1 is slightly less than 12
    return floor(round(duration_s / width_s, 6))


def _span(number: int, width: float, *, open_end: bool) -> str:
    begin, end = number * width, (number + 1) * width
    return f"{begin:g} and more" if open_end else f"{begin:g} to {end:g}"


def _cards(facts: Facts) -> list[tuple[str, str]]:
    emotions = {name for counts in facts.classes.values() for name in counts if name}
    cards = [
        ("utterances", f"{facts.n:,}"),
        ("speakers", f"{sum(1 for speaker in facts.classes if speaker):,}"),
        ("emotions", f"{len(emotions)}"),
        ("hours of sound", f"{facts.hours:.1f}" if facts.n_with_sound else "none"),
    ]
    if 0 < facts.n_with_sound < facts.n:
        cards.append(("with sound", f"{facts.n_with_sound:,}"))
    return [*cards, ("left out", f"{facts.n_rejected:,}")]
