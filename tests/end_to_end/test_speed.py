"""How fast features of real speech are extracted (`make measure`)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tasks.features.mid_term.mid_term import AnalysisWindows, mid_term

pytestmark = [pytest.mark.bench, pytest.mark.real]


def test_features_of_real_speech_run_faster_than_real_time(real_data: Path, tmp_path: Path) -> None:
    import soundfile

    from tasks.media.decode import to_flac

    duration_s = to_flac(real_data / "interviews" / "kobe.mp3", flac := tmp_path / "kobe.flac")
    signal, rate_hz = soundfile.read(flac, dtype="int16")
    mid_term(signal[: 10 * rate_hz], rate_hz, AnalysisWindows())
    started = time.perf_counter()
    mid_term(signal, rate_hz, AnalysisWindows())
    ratio = duration_s / (time.perf_counter() - started)
    print(f"\npyAudioAnalysis mid-term features: {ratio:.0f} times real time, {duration_s:.0f} s of speech, one run")
    assert ratio > 1
