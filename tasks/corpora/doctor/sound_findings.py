"""What is wrong with the sound: silence, clipping, lengths, formats, copies."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from math import isfinite

from tasks.corpora.doctor.findings import Complaint, Severity, complaint, many
from tasks.corpora.doctor.inputs import Material
from tasks.corpora.readers.reading import Row
from tasks.leaks import sound

SILENT_DBFS = -60.0
"""Sound that never gets louder is silence: a soft voice recorded too low still peaks 20 dB above."""
CLIPPED_SHARE = 0.001
"""One sample in a thousand at full scale is heard, and bends every spectrum; a peak that just touches it is not."""
SHORTEST_S = 0.2
"""A syllable takes about as long."""


def levels(found: Material) -> Iterator[Complaint]:
    """Yield what is silent and what is clipped."""
    silent = [row["utterance_id"] for row, heard in found.heard if _is_silent(heard)]
    yield from complaint(
        "silent", "fault", silent,
        f"{many(len(silent), 'utterance holds', 'utterances hold')} nothing louder than −{-SILENT_DBFS:.0f} dBFS.",
        "Leave them out, or get them anew: features of silence are noise with a label.",
    )  # fmt: skip
    clipped = sorted(
        ((heard["clipped_share"], row["utterance_id"]) for row, heard in found.heard if _is_clipped(heard)),
        key=lambda one: (-one[0], one[1]),
    )
    yield from complaint(
        "clipped", "warning", [f"{one} ({share:.1%})" for share, one in clipped],
        f"{many(len(clipped), 'utterance')} with more than {CLIPPED_SHARE:.1%} of the samples at full scale.",
        "Keep them if loudness is part of the emotion; say so, and don't compare levels across corpora.",
    )  # fmt: skip


def lengths(found: Material) -> Iterator[Complaint]:
    """Yield what is too long and what is too short."""
    limit_s = found.corpus.max_duration_s
    known = sorted(((length, one) for one, length in durations(found).items()), reverse=True)
    long = [f"{one} ({length:.1f} s)" for length, one in known if length > limit_s]
    yield from complaint(
        "too long", "warning", long,
        f"{many(len(long), 'utterance lasts', 'utterances last')} longer than {limit_s:g} s.",
        "Listen to one: such clips are mostly cut at a wrong time and hold other speakers; leave them out.",
    )  # fmt: skip
    short = [f"{one} ({length:.2f} s)" for length, one in reversed(known) if length < SHORTEST_S]
    yield from complaint(
        "too short", "warning", short,
        f"{many(len(short), 'utterance lasts', 'utterances last')} less than {SHORTEST_S:g} s.",
        "Leave them out of sound models: no voice shows an emotion in so little.",
    )  # fmt: skip


def durations(found: Material) -> dict[str, float]:
    """Return the length of every utterance that has one, in seconds: of its sound, or as its times state it."""
    lengths = {row["utterance_id"]: _stated_s(row) for row in found.rows}
    measured = {row["utterance_id"]: heard["duration_s"] for row, heard in found.heard}
    return {one: length for one, length in (lengths | measured).items() if length is not None}


def formats(found: Material) -> Iterator[Complaint]:
    """Yield what has two channels, and what has another sampling rate than most."""
    stereo = [row["utterance_id"] for row, heard in found.heard if heard["channels"] > 1]
    yield from complaint(
        "format", "note", stereo,
        f"{many(len(stereo), 'utterance has', 'utterances have')} more than one channel.",
        "Nothing: they are mixed down. A copy of such a clip in mono is told apart by its sound, not by its bytes.",
    )  # fmt: skip
    rates = Counter(heard["rate_hz"] for _, heard in found.heard)
    if len(rates) > 1:
        usual, _ = min(rates.most_common(), key=lambda one: (-one[1], one[0]))
        odd = [
            f"{row['utterance_id']} ({heard['rate_hz']:,} Hz)"
            for row, heard in found.heard
            if heard["rate_hz"] != usual
        ]
        yield from complaint(
            "format", "note", odd,
            f"{many(len(odd), 'utterance')} with another sampling rate than the {usual:,} Hz of the others.",
            "Nothing: all are brought to one rate. But a classifier may learn where a clip lacks its highs.",
        )  # fmt: skip


def copies(found: Material) -> Iterator[Complaint]:
    """Yield which sounds are there more than once, and which of them have two labels."""
    bytewise = _sets(found, lambda heard: heard["sha256"], lambda row: row["audio"])
    yield from _copied(found, "same bytes", bytewise, "the same bytes")
    files = {one: number for number, group in enumerate(bytewise) for one in group}
    samples = _sets(found, lambda heard: heard["samples_sha256"], lambda row: row["utterance_id"])
    elsewhere = [group for group in samples if len({files.get(one, one) for one in group}) > 1]
    yield from _copied(found, "same samples", elsewhere, "the same samples in other files")
    exact = [*bytewise, *samples]
    known = {pair for group in exact for pair in combinations(sorted(group), 2)}
    near = [pair for pair in _near(found) if (pair[0], pair[1]) not in known]
    yield from complaint(
        "same sound", "warning", [f"{a} ≈ {b} ({rate:.0%} of the bits differ)" for a, b, rate in near],
        f"{many(len(near), 'pair')} of utterances nearly the same in sound: another level, codec or cut.",
        "Keep one of each, or keep them on one side of every split: the audit looks for them.",
    )  # fmt: skip
    yield from _two_labels(
        found, "fault", known, "with one sound and two emotions",
        "One of the names is wrong: leave both out unless you can hear which.",
    )  # fmt: skip
    yield from _two_labels(
        found, "warning", [(a, b) for a, b, _ in near], "with nearly one sound and two emotions",
        "Listen to both: if they are one recording, one of the names is wrong.",
    )  # fmt: skip


def _copied(found: Material, kind: str, groups: Sequence[Sequence[str]], what: str) -> Iterable[Complaint]:
    n = sum(map(len, groups))
    return complaint(
        kind, "warning", [" = ".join(group) for group in groups],
        f"{many(len(groups), 'set')} of utterances with {what}: {n:,} utterances in all.",
        "Keep the first of each; find out from the corpus which name is right.",
    )  # fmt: skip


def _two_labels(
    found: Material, severity: Severity, pairs: Iterable[tuple[str, str]], what: str, advice: str
) -> Iterable[Complaint]:
    emotions = {row["utterance_id"]: row["emotion"] for row in found.rows}
    differing = sorted({(a, b) for a, b in pairs if emotions[a] and emotions[b] and emotions[a] != emotions[b]})
    named = [f"{a} ({emotions[a]}), {b} ({emotions[b]})" for a, b in differing]
    return complaint("two labels", severity, named, f"{many(len(differing), 'pair')} of utterances {what}.", advice)


def _sets(found: Material, key: Callable[[Row], str], what: Callable[[Row], str]) -> list[list[str]]:
    """Return the utterances that share a key and are not the same thing, in sets of two and more."""
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for row, heard in found.heard:
        # silence is like any other of its length, and told of already
        if _is_silent(heard):
            continue
        groups[key(heard)].setdefault(what(row), row["utterance_id"])
    return sorted(sorted(group.values()) for group in groups.values() if len(group) > 1)


def _near(found: Material) -> list[tuple[str, str, float]]:
    ids = sorted(found.fingerprints)
    pairs = sound.near_duplicates([found.fingerprints[one] for one in ids])
    return [(ids[a], ids[b], rate) for a, b, rate in pairs]


def _stated_s(row: Row) -> float | None:
    for begin, end in (("start_s", "end_s"), ("recording_start_s", "recording_end_s")):
        if row.get(begin) is not None and row.get(end) is not None:
            return float(row[end] - row[begin])
    return None


def _is_silent(heard: Row) -> bool:
    peak = heard["peak_dbfs"]
    return peak is None or not isfinite(peak) or peak <= SILENT_DBFS


def _is_clipped(heard: Row) -> bool:
    return (heard["clipped_share"] or 0.0) > CLIPPED_SHARE
