"""Complaints about the names, labels, times and texts of a corpus, and about its rejects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from tasks.corpora.doctor.findings import MOST_EXAMPLES, Complaint, KnownBad, Severity, complaint, many
from tasks.corpora.doctor.inputs import CorpusTables
from tasks.corpora.readers.reading import COPY, OTHER_CORPUS, Expected, Row

MOST_LATE_S = 1.0
"""Largest plausible difference between a clip's length and its stated times: clips may be cut with a margin."""
_LOST = "\ufffd"
MANY_WITHOUT_SOUND = 0.05
"""With at least this share of utterances without sound, files that are no utterance's are suspected to be it."""


@dataclass(frozen=True)
class _Meaning:
    kind: str
    severity: Severity
    advice: str


_UNREADABLE = _Meaning("unreadable", "fault", "Fetch them again and compare checksums; until then they are left out.")
_TRUNCATED = _Meaning("truncated", "fault", "A download or a copy broke off: fetch them again.")
_MISSING = _Meaning("missing", "fault", "Fetch the files, or remove the rows from the table: they are left out.")
_WRONG_LABEL = _Meaning(
    "wrong label", "fault", "Correct the name or the cell; a new code needs an entry in the reader."
)
_TIMESTAMPS = _Meaning("timestamps", "fault", "Look the times up in the corpus's own errata; they are left out.")
_EXTRA = _Meaning("extra", "warning", "Check whether they are misnamed; otherwise move them out of the folder.")
_MEANINGS: Mapping[str, _Meaning] = {
    "unreadable": _UNREADABLE,
    "no sound": _UNREADABLE,
    "cut short": _TRUNCATED,
    "no such file": _MISSING,
    "unknown emotion code": _WRONG_LABEL,
    "broken timestamps": _TIMESTAMPS,
    COPY: _EXTRA,
    OTHER_CORPUS: _Meaning("extra", "note", "Nothing: to use that corpus, add it with a reader of its own."),
}
_OTHER = _Meaning("unused", "warning", "Read the detail; what cannot be repaired is left out, and counted.")


def complaints(data: CorpusTables, expected: Expected, bad: Sequence[KnownBad]) -> Iterator[Complaint]:
    """Yield all complaints about names, labels, times and texts.

    Args:
        data: the corpus's tables
        expected: the published counts
        bad: the files known to be broken
    """
    yield from _rejected(data)
    yield from _absent(data, expected)
    yield from _without_sound(data)
    yield from _broken(bad)
    yield from _times(data)
    yield from _texts(data)


def known_bad(data: CorpusTables) -> tuple[KnownBad, ...]:
    """Return the files known to be broken, and whether they are in use.

    Args:
        data: the corpus's tables
    """
    used = {name for row in data.rows for name in _names(row)}
    left_out = {name for row in data.rejects for name in (row["item"], _stem(row["item"]))}
    return tuple(
        KnownBad(name, wrong, "in use" if _any(name, used) else "left out" if _any(name, left_out) else "not here")
        for name, wrong in sorted(data.corpus.known_bad.items())
    )


def _rejected(data: CorpusTables) -> Iterator[Complaint]:
    by_reason: dict[str, list[Row]] = defaultdict(list)
    for row in data.rejects:
        by_reason[row["reason"]].append(row)
    for reason, rows in sorted(by_reason.items()):
        meaning = _EXTRA if reason.startswith("not a name of") else _MEANINGS.get(reason, _OTHER)
        yield from complaint(
            meaning.kind, meaning.severity, [_detailed(row) for row in rows],
            f"{many(len(rows), 'file or row is', 'files and rows are')} left out: {reason}.",
            meaning.advice,
        )  # fmt: skip


def _absent(data: CorpusTables, expected: Expected) -> Iterator[Complaint]:
    rejected = {_stem(row["item"]) for row in data.rejects}
    missing = [name for name in expected.missing if _stem(name) not in rejected]
    yield from complaint(
        "missing", "fault", missing,
        f"{many(len(missing), 'utterance is', 'utterances are')} missing, judged by the rest of the corpus.",
        "Fetch them; or keep the rest and report how many are missing with every score.",
    )  # fmt: skip
    differing = [count for count in expected.counts if count.expected != count.actual]
    yield from complaint(
        "counts", "warning",
        [f"{count.what}: {count.actual:,}, published {count.expected:,}" for count in differing],
        f"{len(differing):,} of {many(len(expected.counts), 'count')} "
        f"{'differs' if len(differing) == 1 else 'differ'} from the publication.",
        "Scores compare with published ones only if the counts are the same: report yours.",
    )  # fmt: skip


def _without_sound(data: CorpusTables) -> Iterator[Complaint]:
    unused = data.unreferenced
    silent = [row["utterance_id"] for row in data.rows if not row["audio"]]
    files = " and ".join(
        many(n, what) for n, what in ((unused.n_media, "media file"), (unused.n_archives, "archive")) if n
    )
    if not files:
        return
    n_files, examples = unused.n_media + unused.n_archives, (*unused.media, *unused.archives)[:MOST_EXAMPLES]
    are = "is" if n_files == 1 else "are"
    if silent and len(silent) >= MANY_WITHOUT_SOUND * len(data.rows):
        share = "All" if len(silent) == len(data.rows) else f"{len(silent):,} of"
        yield from complaint(
            "no sound", "fault", silent,
            f"{share} {len(data.rows):,} utterances are without sound, but {files} in the folder {are} no utterance's: "
            f"{', '.join(examples)}{' …' if n_files > len(examples) else ''}. Looked for: {data.corpus.looks_for}.",
            "Unpack the archives there; rename or move the files to where the reader looks for them. If text alone is "
            "wanted, move them out of the folder.",
        )  # fmt: skip
    else:
        yield Complaint(
            "extra", "note", n_files, f"{files} in the folder {are} no utterance's.", examples,
            "Nothing, if you did not expect utterances of them.",
        )  # fmt: skip


def _broken(bad: Sequence[KnownBad]) -> Iterable[Complaint]:
    used = [f"{file.name} ({file.wrong})" for file in bad if file.status == "in use"]
    return complaint(
        "known bad", "warning", used,
        f"{many(len(used), 'file')} in use, known to be broken.",
        "Leave them out, as other users of the corpus do.",
    )  # fmt: skip


def _times(data: CorpusTables) -> Iterator[Complaint]:
    backwards = [
        f"{row['utterance_id']} ({row[begin]:.1f} to {row[end]:.1f} s)"
        for row in data.rows
        for begin, end in (("start_s", "end_s"), ("recording_start_s", "recording_end_s"))
        if row.get(begin) is not None and row.get(end) is not None and row[end] <= row[begin]
    ]
    yield from complaint(
        "timestamps", "fault", backwards,
        f"{many(len(backwards), 'utterance ends', 'utterances end')} before they start.",
        "Look the times up in the corpus's own errata; without them, leave the sound out and keep the text.",
    )  # fmt: skip
    off = [
        f"{row['utterance_id']} ({sound['duration_s']:.1f} s, stated {stated_s:.1f} s)"
        for row, sound in data.measured
        if (stated_s := _recorded_s(row)) is not None and abs(sound["duration_s"] - stated_s) > MOST_LATE_S
    ]
    yield from complaint(
        "timestamps", "warning", off,
        f"{many(len(off), 'clip differs', 'clips differ')} in length from the stated times.",
        "Trust the clip for its sound; do not use such times to look for overlaps.",
    )  # fmt: skip


def _texts(data: CorpusTables) -> Iterator[Complaint]:
    damaged = [row["utterance_id"] for row in data.rows if _LOST in (row["text"] or "")]
    yield from complaint(
        "damaged text", "warning", damaged,
        f"{many(len(damaged), 'text has', 'texts have')} replacement characters for lost letters.",
        "Get the table in its original encoding; the lost letters cannot be restored.",
    )  # fmt: skip
    unlabelled = [row["utterance_id"] for row in data.rows if row["emotion"] is None and row["sentiment"] is None]
    yield from complaint(
        "no label", "note", unlabelled,
        f"{many(len(unlabelled), 'utterance has', 'utterances have')} neither an emotion nor a sentiment.",
        "Nothing: they are left out of training, and count as unlabelled.",
    )  # fmt: skip
    repairs = [f"{what}: {n:,}" for what, n in sorted(data.repairs.items()) if n]
    yield from complaint(
        "repaired", "note", repairs,
        f"{many(sum(data.repairs.values()), 'repair')} made while reading.",
        "Nothing: report it if texts are compared.",
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
