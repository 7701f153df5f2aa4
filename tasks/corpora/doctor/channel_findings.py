"""Complaints about stereo: channels that cancel each other out in the mono mix, and silent channels."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.corpora.doctor.findings import Complaint, complaint, many
from tasks.corpora.doctor.inputs import CorpusTables
from tasks.corpora.readers.reading import Row

CANCELLED_DB = 10.0
"""A mix this much below the louder channel has lost most of it: independent channels lose 3 dB, a silent one 6 dB."""
SILENT_DBFS = -60.0
AUDIBLE_DBFS = -50.0
_NOTHING_DBFS = -200.0


def complaints(data: CorpusTables) -> Iterator[Complaint]:
    """Yield all complaints about the channels of stereo sound.

    Args:
        data: the corpus's tables
    """
    opposite = cancelled(data)
    yield from complaint(
        "opposite phase", "fault", [f"{name} ({_lost_db(data.signals[name]):.0f} dB lost)" for name in opposite],
        f"{many(len(opposite), 'stereo utterance has', 'stereo utterances have')} channels of opposite phase: mixed to "
        f"mono, as all sound here is, they cancel each other out, and at least {CANCELLED_DB:.0f} dB are lost.",
        "Invert one channel, or keep one channel alone, and read the corpus again: what is left now is noise.",
    )  # fmt: skip
    one_sided = [name for name, levels in _stereo(data) if _has_silent_channel(levels)]
    yield from complaint(
        "one channel", "note", one_sided,
        f"{many(len(one_sided), 'stereo utterance has', 'stereo utterances have')} one silent channel: mixed to mono, "
        "they are 6 dB quieter than the other channel.",
        "Nothing for most features; to compare levels, keep the other channel alone.",
    )  # fmt: skip


def cancelled(data: CorpusTables) -> list[str]:
    """Return the ids of utterances whose channels cancel each other out.

    Args:
        data: the corpus's tables
    """
    return [
        name
        for name, levels in _stereo(data)
        if _lost_db(levels) > CANCELLED_DB and max(_channels(levels)) > AUDIBLE_DBFS
    ]


def _stereo(data: CorpusTables) -> Iterator[tuple[str, Row]]:
    for row, sound in data.measured:
        name = row["utterance_id"]
        if sound["channels"] == 2 and name in data.signals:
            yield name, data.signals[name]


def _channels(levels: Row) -> tuple[float, float]:
    left, right = (levels[name] for name in ("left_dbfs", "right_dbfs"))
    return _NOTHING_DBFS if left is None else left, _NOTHING_DBFS if right is None else right


def _lost_db(levels: Row) -> float:
    """Return how much quieter the mix is than the louder channel; at most 99."""
    mix = levels["mix_dbfs"]
    return min(99.0, max(_channels(levels)) - (_NOTHING_DBFS if mix is None else mix))


def _has_silent_channel(levels: Row) -> bool:
    return min(_channels(levels)) <= SILENT_DBFS and max(_channels(levels)) > AUDIBLE_DBFS
