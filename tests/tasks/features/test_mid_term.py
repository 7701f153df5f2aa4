"""Features are pyAudioAnalysis's own; what it cannot compute is refused, not turned into zeros."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.errors import AudioError
from tasks.features import mid_term


def reference(path: Path) -> tuple[np.ndarray, list[str]]:
    """What pyAudioAnalysis's own folder wrapper gives for a folder with this file in it."""
    extractor = mid_term._extractor()
    vector, _, names = extractor.directory_feature_extraction(
        str(path.parent), 1.0, 1.0, 0.05, 0.05, compute_beat=False
    )
    return vector, names


def test_equals_the_folder_wrapper_names_and_order_too(wav: Callable[..., Path]) -> None:
    path = wav(3.3)
    signal, rate_hz = soundfile.read(path, dtype="int16")
    expected, names = reference(path)
    np.testing.assert_array_equal(mid_term.mid_term(signal, rate_hz, mid_term.Windows()), expected)
    assert list(mid_term.NAMES) == names


@pytest.mark.real
def test_equals_the_folder_wrapper_on_real_speech(real_data: Path, tmp_path: Path) -> None:
    clips = sorted((real_data / "ravdess" / "Actor_01").glob("*.flac"))[::12]
    assert clips
    for clip in clips:
        signal, rate_hz = soundfile.read(clip, dtype="int16")
        folder = tmp_path / clip.stem
        folder.mkdir()
        soundfile.write(folder / "clip.wav", signal, rate_hz, subtype="PCM_16")
        np.testing.assert_array_equal(
            mid_term.mid_term(signal, rate_hz, mid_term.Windows()), reference(folder / "clip.wav")[0]
        )


def test_silence_and_too_short_sound_are_refused() -> None:
    with pytest.raises(AudioError, match="shorter than two"):
        mid_term.mid_term(np.ones(1599, dtype=np.int16), 16_000, mid_term.Windows())
    with pytest.raises(AudioError, match="silence"):
        mid_term.mid_term(np.zeros(16_000, dtype=np.int16), 16_000, mid_term.Windows())


def test_clipping_and_a_constant_give_finite_numbers() -> None:
    square = np.where(np.arange(16_000) // 40 % 2, 32767, -32768).astype(np.int16)
    assert np.isfinite(mid_term.mid_term(square, 16_000, mid_term.Windows())).all()
