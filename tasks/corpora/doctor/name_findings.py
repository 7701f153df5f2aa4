"""What is wrong with the names, labels, times and words of a corpus, and with what could not be used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from tasks.corpora.doctor.findings import Complaint, KnownBad, Severity, complaint, many
from tasks.corpora.doctor.inputs import Material
from tasks.corpora.readers.reading import Expected, Row

MOST_LATE_S = 1.0
"""A clip may be cut with a margin; more than this off, and its times belong to something else."""
_LOST = "\ufffd"


@dataclass(frozen=True)
class _Meaning:
    kind: str
    severity: Severity
    advice: str


_UNREADABLE = _Meaning("unreadable", "fault", "Fetch them again and compare checksums; until then they are left out.")
_TRUNCATED = _Meaning("truncated", "fault", "A download or a copy broke off: fetch them again.")
_MISSING = _Meaning("missing", "fault", "Fetch the files, or take the rows out of the table: they are left out.")
_WRONG_LABEL = _Meaning(
    "wrong label", "fault", "Correct the name or the cell; a new code needs an entry in the reader."
)
_TIMESTAMPS = _Meaning("timestamps", "fault", "Look the times up in the corpus's own errata; they are left out.")
_EXTRA = _Meaning("extra", "warning", "See whether they are misnamed; otherwise move them out of the folder.")
_MEANINGS: Mapping[str, _Meaning] = {
    "unreadable": _UNREADABLE,
    "no sound": _UNREADABLE,
    "cut short": _TRUNCATED,
    "no such file": _MISSING,
    "unknown emotion code": _WRONG_LABEL,
    "broken timestamps": _TIMESTAMPS,
    "same utterance twice": _EXTRA,
}
_OTHER = _Meaning("unused", "warning", "Read the detail; what cannot be mended is left out, and counted.")


def rejected(found: Material) -> Iterator[Complaint]:
    """Yield what could not be used, by reason."""
    by_reason: dict[str, list[Row]] = defaultdict(list)
    for row in found.rejects:
        by_reason[row["reason"]].append(row)
    for reason, rows in sorted(by_reason.items()):
        meaning = _EXTRA if reason.startswith("not a name of") else _MEANINGS.get(reason, _OTHER)
        yield from complaint(
            meaning.kind, meaning.severity, [_detailed(row) for row in rows],
            f"{many(len(rows), 'file or row is', 'files and rows are')} left out: {reason}.",
            meaning.advice,
        )  # fmt: skip


def absent(found: Material, expected: Expected) -> Iterator[Complaint]:
    """Yield what should be there and is not, and the counts that differ from the published ones."""
    told = {_stem(row["item"]) for row in found.rejects}
    missing = [name for name in expected.missing if _stem(name) not in told]
    yield from complaint(
        "missing", "fault", missing,
        f"{many(len(missing), 'utterance is', 'utterances are')} missing, judged by what is there.",
        "Fetch them; or keep the rest and state how many are missing beside every figure.",
    )  # fmt: skip
    differing = [one for one in expected.counts if one.expected != one.actual]
    yield from complaint(
        "counts", "warning",
        [f"{one.what}: {one.actual:,}, published {one.expected:,}" for one in differing],
        f"{len(differing):,} of {len(expected.counts):,} counts are not the published ones.",
        "Figures compare with published ones only where the counts are the same: state yours.",
    )  # fmt: skip


def known_bad(found: Material) -> tuple[KnownBad, ...]:
    """Return the files that are known to be broken, and whether they are here."""
    used = {name for row in found.rows for name in _names(row)}
    left_out = {name for row in found.rejects for name in (row["item"], _stem(row["item"]))}
    return tuple(
        KnownBad(name, wrong, "in use" if _any(name, used) else "left out" if _any(name, left_out) else "not here")
        for name, wrong in sorted(found.corpus.known_bad.items())
    )


def broken(bad: Sequence[KnownBad]) -> Iterable[Complaint]:
    """Yield those of the files known to be broken that are in use."""
    used = [f"{one.name} ({one.wrong})" for one in bad if one.here == "in use"]
    return complaint(
        "known bad", "warning", used,
        f"{many(len(used), 'file')} in use, known to be broken.",
        "Leave them out, as others do who use the corpus.",
    )  # fmt: skip


def times(found: Material) -> Iterator[Complaint]:
    """Yield times that cannot be right: ends before starts, and clips of another length than their times say."""
    backwards = [
        f"{row['utterance_id']} ({row[begin]:.1f} to {row[end]:.1f} s)"
        for row in found.rows
        for begin, end in (("start_s", "end_s"), ("recording_start_s", "recording_end_s"))
        if row.get(begin) is not None and row.get(end) is not None and row[end] <= row[begin]
    ]
    yield from complaint(
        "timestamps", "fault", backwards,
        f"{many(len(backwards), 'utterance ends', 'utterances end')} before they start.",
        "Look the times up in the corpus's own errata; without them, leave the sound out and keep the text.",
    )  # fmt: skip
    off = [
        f"{row['utterance_id']} ({heard['duration_s']:.1f} s, its times say {stated_s:.1f} s)"
        for row, heard in found.heard
        if (stated_s := _recorded_s(row)) is not None and abs(heard["duration_s"] - stated_s) > MOST_LATE_S
    ]
    yield from complaint(
        "timestamps", "warning", off,
        f"{many(len(off), 'clip has', 'clips have')} another length than the times of it say.",
        "Trust the clip for its sound; don't look for overlaps by such times.",
    )  # fmt: skip


def words(found: Material) -> Iterator[Complaint]:
    """Yield texts in which letters were lost, utterances without a label, and what was mended while reading."""
    damaged = [row["utterance_id"] for row in found.rows if _LOST in (row["text"] or "")]
    yield from complaint(
        "damaged text", "warning", damaged,
        f"{many(len(damaged), 'text has', 'texts have')} the mark of a letter that was lost.",
        "Get the table in its first encoding; the lost letters cannot be told from the mark.",
    )  # fmt: skip
    bare = [row["utterance_id"] for row in found.rows if row["emotion"] is None and row["sentiment"] is None]
    yield from complaint(
        "no label", "note", bare,
        f"{many(len(bare), 'utterance has', 'utterances have')} neither an emotion nor a sentiment.",
        "Nothing: they are left out of training, and count as unlabelled.",
    )  # fmt: skip
    mended = [f"{what}: {n:,}" for what, n in sorted(found.repairs.items()) if n]
    yield from complaint(
        "mended", "note", mended,
        f"{many(sum(found.repairs.values()), 'thing')} mended while it was read.",
        "Nothing: state it where texts are compared.",
    )  # fmt: skip


def _recorded_s(row: Row) -> float | None:
    begin, end = row.get("recording_start_s"), row.get("recording_end_s")
    return None if begin is None or end is None or end <= begin else float(end - begin)


def _names(row: Row) -> Iterator[str]:
    yield row["utterance_id"]
    for path in (row["audio"], row["video"]):
        if path:
            yield path
            yield _stem(path)


def _any(pattern: str, names: Iterable[str]) -> bool:
    return pattern in names or any(fnmatchcase(name, pattern) for name in names)


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _detailed(row: Row) -> str:
    return f"{row['item']} ({row['detail']})" if row["detail"] else str(row["item"])
