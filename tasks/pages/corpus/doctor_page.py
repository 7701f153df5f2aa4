"""The corpus doctor's page: the verdict, what is the matter, counts, classes and lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from statistics import median

from tasks.corpora.doctor.findings import KINDS, SEVERITIES, Diagnosis, Facts
from tasks.pages.common import table_page

MOST_SPEAKERS = 30
"""Rows of the table of classes; the rest are put together."""
_MOST_BARS = 18
_WIDTHS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)


@dataclass(frozen=True)
class Heat:
    """Utterances by speaker and emotion.

    Args:
        columns: the emotions, most frequent first; "" for none
        rows: speakers, each with its counts by column
        totals: counts by column
        most: the highest count of one speaker
        n_others: how many speakers the last row puts together
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    totals: tuple[int, ...]
    most: int
    n_others: int


@dataclass(frozen=True)
class Bar:
    """Utterances of a span of lengths; `percent` of the longest bar."""

    label: str
    n: int
    percent: float


def render(found: Diagnosis) -> str:
    """Return the diagnosis as HTML; the same diagnosis gives the same text."""
    lengths = found.facts.durations_s
    return table_page.render(
        "pages/corpus/templates/doctor.html",
        found=found,
        cards=_cards(found.facts),
        heat=heat(found.facts.classes),
        bars=bars(lengths),
        median_s=median(lengths) if lengths else 0.0,
        kinds=KINDS,
        severities=SEVERITIES,
    )


def heat(classes: Mapping[str, Mapping[str, int]]) -> Heat:
    """Return the counts as a table: all speakers by name, or where there are many the first by utterances."""
    total = sum((Counter(counts) for counts in classes.values()), Counter[str]())
    columns = tuple(sorted(total, key=lambda one: (one == "", -total[one], one)))
    chosen, others = list(classes), list[str]()
    if len(classes) > MOST_SPEAKERS:
        ordered = sorted(classes, key=lambda one: (-sum(classes[one].values()), one))
        chosen, others = ordered[:MOST_SPEAKERS], ordered[MOST_SPEAKERS:]
    rows = [(one or "no speaker", tuple(classes[one].get(name, 0) for name in columns)) for one in chosen]
    most = max((n for _, counts in rows for n in counts), default=1)
    if others:
        rest = sum((Counter(classes[one]) for one in others), Counter[str]())
        # the rest are many speakers: their sum is no darker than the darkest of one
        rows.append((f"{len(others):,} others", tuple(rest[name] for name in columns)))
    return Heat(columns, tuple(rows), tuple(total[name] for name in columns), most, len(others))


def bars(lengths_s: Sequence[float]) -> tuple[Bar, ...]:
    """Return a histogram of lengths, sorted ascending; the longest hundredth may share the last bar."""
    if not lengths_s:
        return ()
    longest = lengths_s[ceil(0.99 * len(lengths_s)) - 1]
    first = lengths_s[0]
    width = next((one for one in _WIDTHS_S if (longest - first) / one < _MOST_BARS - 1), _WIDTHS_S[-1])
    low, high = _number(first, width), _number(longest, width)
    counts = Counter(min(_number(length, width), high + 1) for length in lengths_s)
    most = max(counts.values())
    return tuple(
        Bar(_span(number, width, open_end=number > high), counts[number], 100 * counts[number] / most)
        for number in range(low, high + 1 + (high + 1 in counts))
    )


def _number(length_s: float, width_s: float) -> int:
    # 1.2 / 0.1 is a little less than 12
    return floor(round(length_s / width_s, 6))


def _span(number: int, width: float, *, open_end: bool) -> str:
    begin, end = number * width, (number + 1) * width
    return f"{begin:g} and more" if open_end else f"{begin:g} to {end:g}"


def _cards(facts: Facts) -> list[tuple[str, str]]:
    emotions = {name for counts in facts.classes.values() for name in counts if name}
    found = [
        ("utterances", f"{facts.n:,}"),
        ("speakers", f"{sum(1 for one in facts.classes if one):,}"),
        ("emotions", f"{len(emotions)}"),
        ("hours of sound", f"{facts.hours:.1f}" if facts.n_with_sound else "none"),
    ]
    if 0 < facts.n_with_sound < facts.n:
        found.append(("with sound", f"{facts.n_with_sound:,}"))
    return [*found, ("left out", f"{facts.n_rejected:,}")]
