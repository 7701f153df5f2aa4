"""Stereo whose channels cancel each other out, or of which one is silent, from files to complaints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.core import tables
from tasks.core.config import Section
from tasks.corpora.doctor import channel_findings, sound_findings
from tasks.corpora.doctor.findings import Complaint
from tasks.corpora.doctor.inputs import CorpusTables
from tasks.corpora.readers import registry
from tasks.media.corpus_files import sound_check
from tasks.media.corpus_files.media_files import MediaFile, UtteranceSpan

RATE_HZ = 16_000


def noise(seed: int, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, RATE_HZ // 2)


def checked(folder: Path, name: str, *channels: np.ndarray) -> CorpusTables:
    """Return the doctor's tables of a corpus of one file."""
    soundfile.write(folder / name, np.stack(channels, axis=1), RATE_HZ)
    item = MediaFile(str(folder), name, "digest", (UtteranceSpan("plain/a", None, None),))
    (row,) = sound_check.check_sound_one(item, Section()).rows.to_pylist()
    utterance = dict.fromkeys(tables.UTTERANCES.names) | {"utterance_id": "plain/a", "audio": name}
    signal = {column: row[column] for column in tables.SIGNALS.names}
    return CorpusTables(registry.corpus("plain"), (utterance,), {"plain/a": row}, signals={"plain/a": signal})


def kinds(data: CorpusTables) -> list[tuple[str, str]]:
    entries: list[Complaint] = [*channel_findings.complaints(data)]
    return [(entry.kind, entry.severity) for entry in entries]


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
@pytest.mark.parametrize("gain", [1.0, 0.9, 0.7])
def test_channels_of_opposite_phase(suffix: str, gain: float, tmp_path: Path) -> None:
    # harmonics, as of a voice: lossy codecs code white noise in each channel anew
    time_s = np.arange(RATE_HZ) / RATE_HZ
    left = sum(0.2 / number * np.sin(2 * np.pi * 150 * number * time_s) for number in range(1, 9))
    data = checked(tmp_path, f"a{suffix}", left, -gain * left + 0.002 * np.sin(2 * np.pi * 340 * time_s))
    assert kinds(data) == [("opposite phase", "fault")]
    (entry,) = channel_findings.complaints(data)
    assert entry.what.startswith("1 stereo utterance has channels of opposite phase: mixed to mono")
    assert entry.examples[0].startswith("plain/a (")


def test_what_cancels_completely_is_not_told_as_silence(tmp_path: Path) -> None:
    left = np.round(noise(1) * 32_768) / 32_768
    entries = list(sound_findings.complaints(checked(tmp_path, "a.wav", left, -left)))
    assert [(entry.kind, entry.severity) for entry in entries] == [("opposite phase", "fault"), ("format", "note")]
    assert entries[0].examples == ("plain/a (99 dB lost)",)


def test_channels_that_do_not_cancel(tmp_path: Path) -> None:
    left = noise(1)
    for name, right in {"same": left, "wide": noise(2), "late": np.roll(left, 4), "quieter": -0.3 * left}.items():
        assert kinds(checked(tmp_path, f"{name}.wav", left, right)) == [], name
    assert kinds(checked(tmp_path, "mono.wav", left)) == []
    assert kinds(checked(tmp_path, "surround.wav", *[(-1) ** number * left for number in range(4)])) == []
    assert kinds(checked(tmp_path, "faint.wav", 0.001 * left, -0.001 * left)) == []


def test_one_silent_channel(tmp_path: Path) -> None:
    for name, channels in {"left": (0 * noise(1), noise(1)), "right": (noise(1), noise(2, 0.0003))}.items():
        assert kinds(checked(tmp_path, f"{name}.wav", *channels)) == [("one channel", "note")]
    assert kinds(checked(tmp_path, "both.wav", 0 * noise(1), 0 * noise(1))) == []
