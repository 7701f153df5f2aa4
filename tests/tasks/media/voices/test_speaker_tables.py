"""Speakers are filled in from the tables of stage `speakers`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import paths, tables
from tasks.core.config import SpeakerDetection
from tasks.core.errors import TableError
from tasks.media.voices import speaker_tables

ALWAYS = SpeakerDetection(when="always")
UTTERANCES = tables.from_rows(
    [{"utterance_id": f"weak/train-1/{turn}", "corpus": "weak", "group": "train-1"} for turn in range(3)],
    tables.UTTERANCES,
)


def write() -> None:
    speakers = [
        {"utterance_id": f"weak/train-1/{turn}", "speaker": "interviews/train-1#1", "voice": f"train-1#{turn + 1}",
         "name": ("joy", None)[turn]}
        for turn in range(2)
    ]  # fmt: skip
    tables.write(tables.from_rows(speakers, tables.SPEAKERS), paths.SPEAKER_OF, tables.SPEAKERS)
    voices = [{"voice": "train-1#1", "embedding": "QUJD"}, {"voice": "train-1#2"}]
    tables.write(tables.from_rows(voices, tables.SPEAKER_VOICES), paths.SPEAKER_VOICES, tables.SPEAKER_VOICES)


def test_columns(project: Path) -> None:
    write()
    filled = speaker_tables.with_voices(UTTERANCES, ALWAYS)
    assert filled["speaker"].to_pylist() == ["interviews/train-1#1"] * 2 + [None]
    assert filled[speaker_tables.NAME].to_pylist() == ["joy", None, None]
    assert filled[speaker_tables.VOICE].to_pylist() == ["QUJD", None, None]


def test_off(project: Path) -> None:
    assert speaker_tables.with_voices(UTTERANCES, SpeakerDetection()) is UTTERANCES
    with pytest.raises(TableError, match=r"speakers\.parquet"):
        speaker_tables.with_speakers(UTTERANCES, ALWAYS)
