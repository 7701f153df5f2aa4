"""Complaints about sound: silence, clipping, durations, formats, copies."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from math import isfinite

from tasks.corpora.doctor import channel_findings, speech_findings
from tasks.corpora.doctor.findings import Complaint, Severity, complaint, many
from tasks.corpora.doctor.inputs import CorpusTables
from tasks.corpora.readers.reading import Row
from tasks.leaks.sound import near_duplicates

SILENT_DBFS = -60.0
"""A sound whose peak is lower is silence: even a soft voice recorded too low peaks 20 dB above."""
CLIPPED_SHARE = 0.001
"""A larger share of samples at full scale is audible and distorts the spectrum; single peaks at full scale are not."""
SHORTEST_S = 0.2
"""About the duration of a syllable."""


def complaints(data: CorpusTables) -> Iterator[Complaint]:
    """Yield all complaints about the sound of a corpus.

    Args:
        data: its tables
    """
    yield from channel_findings.complaints(data)
    yield from _levels(data)
    yield from speech_findings.complaints(speech_findings.summary(_audible(data)))
    yield from _durations(data)
    yield from _formats(data)
    yield from _copies(data)


def durations(data: CorpusTables) -> dict[str, float]:
    """Return the duration in seconds, measured or else stated, of each utterance that has one.

    Args:
        data: the corpus's tables
    """
    stated = {row["utterance_id"]: _stated_s(row) for row in data.rows}
    measured = {row["utterance_id"]: sound["duration_s"] for row, sound in data.measured}
    return {utterance_id: length for utterance_id, length in (stated | measured).items() if length is not None}


def _levels(data: CorpusTables) -> Iterator[Complaint]:
    cancelled = set(channel_findings.cancelled(data))
    quiet = [row["utterance_id"] for row, sound in data.measured if _is_silent(sound)]
    silent = [utterance_id for utterance_id in quiet if utterance_id not in cancelled]
    yield from complaint(
        "silent", "fault", silent,
        f"{many(len(silent), 'utterance holds', 'utterances hold')} nothing louder than −{-SILENT_DBFS:.0f} dBFS.",
        "Leave them out or get new copies: features of silence are noise with a label.",
    )  # fmt: skip
    clipped = sorted(
        ((sound["clipped_share"], row["utterance_id"]) for row, sound in data.measured if _is_clipped(sound)),
        key=lambda pair: (-pair[0], pair[1]),
    )
    yield from complaint(
        "clipped", "warning", [f"{utterance_id} ({share:.1%})" for share, utterance_id in clipped],
        f"{many(len(clipped), 'utterance')} with more than {CLIPPED_SHARE:.1%} of the samples at full scale.",
        "Keep them if loudness is part of the emotion; report it, and do not compare levels across corpora.",
    )  # fmt: skip


def _audible(data: CorpusTables) -> Iterator[Row]:
    """Yield the signals of utterances that are reported neither as silent nor as too short."""
    for row, sound in data.measured:
        name = row["utterance_id"]
        if name in data.signals and not _is_silent(sound) and sound["duration_s"] >= SHORTEST_S:
            yield data.signals[name]


def _durations(data: CorpusTables) -> Iterator[Complaint]:
    limit_s = data.corpus.max_duration_s
    longest_first = sorted(((length, utterance_id) for utterance_id, length in durations(data).items()), reverse=True)
    long = [f"{utterance_id} ({length:.1f} s)" for length, utterance_id in longest_first if length > limit_s]
    yield from complaint(
        "too long", "warning", long,
        f"{many(len(long), 'utterance lasts', 'utterances last')} longer than {limit_s:g} s.",
        "Listen to one: most such clips are cut at a wrong time and contain other speakers; leave them out.",
    )  # fmt: skip
    short = [
        f"{utterance_id} ({length:.2f} s)" for length, utterance_id in reversed(longest_first) if length < SHORTEST_S
    ]
    yield from complaint(
        "too short", "warning", short,
        f"{many(len(short), 'utterance lasts', 'utterances last')} less than {SHORTEST_S:g} s.",
        "Leave them out of sound models: no voice shows an emotion in so short a time.",
    )  # fmt: skip


def _formats(data: CorpusTables) -> Iterator[Complaint]:
    stereo = [row["utterance_id"] for row, sound in data.measured if sound["channels"] > 1]
    yield from complaint(
        "format", "note", stereo,
        f"{many(len(stereo), 'utterance has', 'utterances have')} more than one channel.",
        "Nothing: they are mixed down. A mono copy of such a clip is detected by its sound, not by its bytes.",
    )  # fmt: skip
    rates = Counter(sound["rate_hz"] for _, sound in data.measured)
    if len(rates) > 1:
        usual, _ = min(rates.most_common(), key=lambda pair: (-pair[1], pair[0]))
        odd = [
            f"{row['utterance_id']} ({sound['rate_hz']:,} Hz)"
            for row, sound in data.measured
            if sound["rate_hz"] != usual
        ]
        yield from complaint(
            "format", "note", odd,
            f"{many(len(odd), 'utterance')} with another sampling rate than the {usual:,} Hz of the others.",
            "Nothing: all are resampled to one rate. But a classifier may learn which clips lack high frequencies.",
        )  # fmt: skip


def _copies(data: CorpusTables) -> Iterator[Complaint]:
    bytewise = _sets(data, lambda sound: sound["sha256"], lambda row: row["audio"])
    yield from _copied("same bytes", bytewise, "the same bytes")
    files = {utterance_id: number for number, group in enumerate(bytewise) for utterance_id in group}
    samples = _sets(data, lambda sound: sound["samples_sha256"], lambda row: row["utterance_id"])
    elsewhere = [group for group in samples if len({files.get(member, member) for member in group}) > 1]
    yield from _copied("same samples", elsewhere, "the same samples in other files")
    identical = {pair for group in (*bytewise, *samples) for pair in combinations(sorted(group), 2)}
    near = [pair for pair in _near(data) if (pair[0], pair[1]) not in identical]
    yield from complaint(
        "same sound", "warning", [f"{a} ≈ {b} ({rate:.0%} of the bits differ)" for a, b, rate in near],
        f"{many(len(near), 'pair')} of utterances with nearly the same sound: another level, codec or cut.",
        "Keep one of each, or keep them on one side of every split: the audit checks this.",
    )  # fmt: skip
    yield from _two_labels(
        data, "fault", identical, "with one sound and two emotions",
        "One of the names is wrong: leave both out unless you can hear which.",
    )  # fmt: skip
    yield from _two_labels(
        data, "warning", [(a, b) for a, b, _ in near], "with nearly one sound and two emotions",
        "Listen to both: if they are one recording, one of the names is wrong.",
    )  # fmt: skip


def _copied(kind: str, groups: Sequence[Sequence[str]], what: str) -> Iterable[Complaint]:
    n = sum(map(len, groups))
    return complaint(
        kind, "warning", [" = ".join(group) for group in groups],
        f"{many(len(groups), 'set')} of utterances with {what}: {n:,} utterances in all.",
        "Keep the first of each; the corpus's documentation may show which name is right.",
    )  # fmt: skip


def _two_labels(
    data: CorpusTables, severity: Severity, pairs: Iterable[tuple[str, str]], what: str, advice: str
) -> Iterable[Complaint]:
    emotions = {row["utterance_id"]: row["emotion"] for row in data.rows}
    differing = sorted({(a, b) for a, b in pairs if emotions[a] and emotions[b] and emotions[a] != emotions[b]})
    names = [f"{a} ({emotions[a]}), {b} ({emotions[b]})" for a, b in differing]
    return complaint("two labels", severity, names, f"{many(len(differing), 'pair')} of utterances {what}.", advice)


def _sets(data: CorpusTables, key: Callable[[Row], str], what: Callable[[Row], str]) -> list[list[str]]:
    """Return groups of two or more utterances that share a key but differ in `what`."""
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for row, sound in data.measured:
        # silence of one length is always identical, and is reported as silent already
        if not _is_silent(sound):
            groups[key(sound)].setdefault(what(row), row["utterance_id"])
    return sorted(sorted(group.values()) for group in groups.values() if len(group) > 1)


def _near(data: CorpusTables) -> list[tuple[str, str, float]]:
    ids = sorted(data.fingerprints)
    pairs = near_duplicates([data.fingerprints[utterance_id] for utterance_id in ids])
    return [(ids[a], ids[b], rate) for a, b, rate in pairs]


def _stated_s(row: Row) -> float | None:
    for begin, end in (("start_s", "end_s"), ("recording_start_s", "recording_end_s")):
        if row.get(begin) is not None and row.get(end) is not None:
            return float(row[end] - row[begin])
    return None


def _is_silent(measured: Row) -> bool:
    peak = measured["peak_dbfs"]
    return peak is None or not isfinite(peak) or peak <= SILENT_DBFS


def _is_clipped(measured: Row) -> bool:
    return (measured["clipped_share"] or 0.0) > CLIPPED_SHARE
