"""Complaints about clips that were all cut to one length.

Natural lengths spread: of RAVDESS's clips, whose lengths are whole video frames, 6 % share the most frequent one, and a
single clip has the greatest. Clips cut to 2 s pile up at exactly 2 s, and in many of them the sound runs on to the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tasks.corpora.doctor.findings import Complaint, complaint, many
from tasks.corpora.doctor.inputs import CorpusTables
from tasks.corpora.readers.reading import Row

MIN_CLIPS = 10
"""Fewer clips of one length may be chance."""
MIN_SHARE = 0.02
OTHERS_RATIO = 5
"""A length below the greatest is suspicious if it is this many times as frequent as any other."""
RUNS_ON_DB = 15.0
"""A last 50 ms less than this below the whole clip's level is speech; ends of natural clips are 24 dB (TESS) to 50 dB
(RAVDESS) below it at the median."""
RUNS_ON_SHARE = 0.25
"""Twice the share of natural clips that end so loudly: 15 % of TESS, 1 % of RAVDESS."""
_MS = 1000


def complaints(data: CorpusTables) -> Iterable[Complaint]:
    """Yield a complaint if clips were cut to one length.

    Args:
        data: the corpus's tables
    """
    clips = _whole_files(data)
    length_ms = cut_length(Counter(round(sound["duration_s"] * _MS) for _, sound in clips))
    if length_ms is None:
        return ()
    pile = {row["utterance_id"]: sound for row, sound in clips if round(sound["duration_s"] * _MS) == length_ms}
    ends_db = {name: _end_db(data.signals[name]["end_dbfs"], sound["level_dbfs"]) for name, sound in pile.items()}
    running = [name for name, end_db in ends_db.items() if end_db is not None and end_db > -RUNS_ON_DB]
    n_padded = sum(end_db is None for end_db in ends_db.values())
    what = f"{len(pile):,} of {many(len(clips), 'clip')} last exactly {length_ms / _MS:.3f} s"
    names = list(dict.fromkeys((*running, *pile)))
    if len(running) >= max(1, RUNS_ON_SHARE * (len(pile) - n_padded)):
        return complaint(
            "one length", "warning", names,
            f"{what}, and in {len(running):,} of them the sound runs on to the end: they were cut to one length.",
            "Get uncut copies: ends of sentences are lost. If the cut is intended, report it with every score.",
        )  # fmt: skip
    if n_padded > len(pile) / 2:
        return complaint(
            "one length", "note", names,
            f"{what}; {n_padded:,} of them end in digital silence: they were padded to one length.",
            "Check that longer clips were not cut off: a model may learn which clips have how much padding.",
        )  # fmt: skip
    return complaint(
        "one length", "warning", names,
        f"{what}; most of them end in a pause.",
        "Check that only pauses were cut off, and report the cut with every score.",
    )  # fmt: skip


def cut_length(counts: Counter[int]) -> int | None:
    """Return the length that clips were probably cut to.

    Args:
        counts: clips by length in ms

    Returns:
        the greatest length, if it is the most frequent one too, or a length far more frequent than any other; None if
        there is neither
    """
    if not counts:
        return None
    (length, n), *others = counts.most_common()
    n_next = others[0][1] if others else 0
    if n < max(MIN_CLIPS, MIN_SHARE * counts.total()) or n == n_next:
        return None
    return length if length == max(counts) or n >= OTHERS_RATIO * n_next else None


def _whole_files(data: CorpusTables) -> Sequence[tuple[Row, Row]]:
    """Return the utterances that are whole files and whose ends were measured: others have lengths by table."""
    files = Counter(row["audio"] for row in data.rows)
    return [
        (row, sound)
        for row, sound in data.measured
        if files[row["audio"]] == 1 and not row["start_s"] and row["utterance_id"] in data.signals
    ]


def _end_db(end_dbfs: float | None, level_dbfs: float | None) -> float | None:
    """Return the level of a clip's end relative to the whole clip; None if one of them is digital silence."""
    return None if end_dbfs is None or level_dbfs is None else end_dbfs - level_dbfs
