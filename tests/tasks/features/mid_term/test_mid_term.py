"""Mid-term features equal pyAudioAnalysis's with both backends; unusable sound is rejected instead of set to zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import AudioError
from tasks.features.mid_term import mid_term

REFERENCE = mid_term.AnalysisWindows(backend="pyAudioAnalysis")


def reference(path: Path) -> tuple[np.ndarray, list[str]]:
    """What pyAudioAnalysis's own folder wrapper gives for a folder with this file in it."""
    extractor = mid_term._reference()
    vector, _, names = extractor.directory_feature_extraction(
        str(path.parent), 1.0, 1.0, 0.05, 0.05, compute_beat=False
    )
    return vector, names


def test_equals_the_folder_wrapper_names_and_order_too(wav: Callable[..., Path]) -> None:
    path = wav(3.3)
    signal, rate_hz = soundfile.read(path, dtype="int16")
    expected, names = reference(path)
    np.testing.assert_array_equal(mid_term.mid_term(signal, rate_hz, REFERENCE), expected)
    np.testing.assert_allclose(
        mid_term.mid_term(signal, rate_hz, mid_term.AnalysisWindows()), expected, rtol=1e-9, atol=1e-12
    )
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
        expected = reference(folder / "clip.wav")[0]
        np.testing.assert_array_equal(mid_term.mid_term(signal, rate_hz, REFERENCE), expected)
        mine = mid_term.mid_term(signal, rate_hz, mid_term.AnalysisWindows())
        # clips begin with digital silence, whose spectrum is nothing but rounding
        np.testing.assert_allclose(mine, expected, rtol=1e-6, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(
    durations_s=st.lists(st.floats(0.05, 4.0), min_size=1, max_size=4),
    mid_window_s=st.sampled_from([0.5, 1.0, 1.3, 2.0]),
    mid_step_s=st.sampled_from([0.2, 1.0, 1.1, 3.0]),
    short_step_s=st.sampled_from([0.02, 0.05, 0.07]),
    seed=st.integers(0, 2**31),
)
def test_equals_the_reference_for_any_windows(
    durations_s: list[float], mid_window_s: float, mid_step_s: float, short_step_s: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    signals = [rng.normal(0, 900, round(duration_s * 16_000)).astype(np.int16) for duration_s in durations_s]
    windows = mid_term.AnalysisWindows(0.05, short_step_s, mid_window_s, mid_step_s)
    vectors = mid_term.mid_terms(signals, 16_000, windows)
    expected = mid_term.mid_terms(signals, 16_000, replace(windows, backend="pyAudioAnalysis"))
    for mine, theirs in zip(vectors, expected, strict=True):
        if isinstance(theirs, AudioError):
            assert str(mine) == str(theirs)
        else:
            np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)


def test_statistics_of_one_signal() -> None:
    short = np.tile(np.arange(5.0), (68, 1))
    statistics = mid_term.statistics(short, 2, 2)
    assert statistics.shape == (136, 3)
    np.testing.assert_allclose(statistics[0], [0.5, 2.5, 4.0])
    np.testing.assert_allclose(statistics[-1], [0.5, 0.5, 0.0])


def test_silence_and_too_short_sound_are_refused() -> None:
    with pytest.raises(AudioError, match="shorter than two"):
        mid_term.mid_term(np.ones(1599, dtype=np.int16), 16_000, mid_term.AnalysisWindows())
    with pytest.raises(AudioError, match="silence"):
        mid_term.mid_term(np.zeros(16_000, dtype=np.int16), 16_000, mid_term.AnalysisWindows())


def test_clipping_and_a_constant_give_finite_numbers() -> None:
    square = np.where(np.arange(16_000) // 40 % 2, 32767, -32768).astype(np.int16)
    assert np.isfinite(mid_term.mid_term(square, 16_000, mid_term.AnalysisWindows())).all()
