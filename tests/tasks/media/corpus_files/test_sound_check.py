"""Sound measurements: signals of known level, clipping, silence, and no samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.core.config import Section
from tasks.core.errors import Rejected
from tasks.media import decode
from tasks.media.corpus_files import sound_check
from tasks.media.corpus_files.media_files import MediaFile, UtteranceSpan
from tasks.media.decoding.errors import DecoderDiedError

RATE_HZ = 16_000


def test_a_sine_at_half_of_full_scale() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    measured = sound_check.measure(np.round(16_384 * np.sin(2 * np.pi * 400 * time_s)).astype(np.int16), RATE_HZ)
    assert measured["duration_s"] == 1.0
    assert measured["peak_dbfs"] == pytest.approx(-6.02, abs=0.01)
    assert measured["level_dbfs"] == pytest.approx(-9.03, abs=0.01)
    assert measured["clipped_share"] == measured["silent_share"] == 0


def test_clipping_and_silence() -> None:
    samples = np.zeros(RATE_HZ, np.int16)
    silent = sound_check.measure(samples, RATE_HZ)
    assert (silent["peak_dbfs"], silent["level_dbfs"], silent["silent_share"]) == (None, None, 1.0)
    samples[: RATE_HZ // 4] = 32_767
    samples[RATE_HZ // 4 : RATE_HZ // 2] = -32_768
    measured = sound_check.measure(samples, RATE_HZ)
    assert measured["clipped_share"] == 0.5
    assert measured["silent_share"] == 0.5
    assert measured["peak_dbfs"] == 0


def test_no_samples() -> None:
    measured = sound_check.measure(np.empty(0, np.int16), RATE_HZ)
    assert (measured["duration_s"], measured["peak_dbfs"], measured["clipped_share"]) == (0, None, 0)


def test_the_level_of_the_end() -> None:
    samples = np.full(RATE_HZ, 16_384, np.int16)
    samples[-RATE_HZ // 20 :] = 1638
    measured = sound_check.measure(samples, RATE_HZ)
    assert measured["end_dbfs"] == pytest.approx(-26.02, abs=0.01)
    samples[-RATE_HZ // 20 :] = 0
    assert sound_check.measure(samples, RATE_HZ)["end_dbfs"] is None


def test_a_file_that_crashes_the_decoder_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(source: Path) -> None:
        raise DecoderDiedError(f"the decoder failed: the process was killed by SIGSEGV ({source.name})")

    monkeypatch.setattr(decode, "samples_and_format", crash)
    item = MediaFile(str(tmp_path), "a.wav", "0" * 64, (UtteranceSpan("a", None, None),))
    with pytest.raises(Rejected, match="killed by SIGSEGV") as caught:
        sound_check.check_sound_one(item, Section())
    assert caught.value.reason == "unreadable"
