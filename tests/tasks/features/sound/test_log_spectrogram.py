"""Log power spectrogram: equal to SciPy, in bounded memory; too short sound is rejected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.signal import spectrogram

from tasks.core.errors import AudioError
from tasks.features.base import registry
from tasks.features.base.extractor import Sound
from tasks.features.sound import log_spectrogram as module
from tasks.features.sound.log_spectrogram import LogSpectrogramSettings, log_spectrogram


def noise(n_samples: int, seed: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(n_samples)


def of_scipy(samples: np.ndarray, window: int = 640, overlap: int = 320) -> np.ndarray:
    _, _, power = spectrogram(
        samples * 32_768, fs=16_000, window="hann", nperseg=window, noverlap=overlap, detrend=False
    )
    return np.log(power.T + 1e-10)


@pytest.mark.parametrize(("window_s", "hop_s"), [(0.04, 0.02), (0.025, 0.01), (0.0401, 0.02)])
def test_equals_scipy(window_s: float, hop_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRAMES_AT_ONCE", 17)
    samples = noise(24_123)
    spectrogram = log_spectrogram(samples, LogSpectrogramSettings(window_s, hop_s))
    window, hop = round(window_s * 16_000), round(hop_s * 16_000)
    np.testing.assert_allclose(spectrogram, of_scipy(samples, window, window - hop), atol=2e-5)
    assert spectrogram.dtype == np.float32


def test_shape_and_position_of_a_tone() -> None:
    time_s = np.arange(32_000) / 16_000
    spectrogram = log_spectrogram(0.5 * np.sin(2 * np.pi * 1_000 * time_s), LogSpectrogramSettings())
    assert spectrogram.shape == (99, 321)
    assert (spectrogram.argmax(axis=1) == 40).all(), "bins are 25 Hz apart"
    narrow = log_spectrogram(noise(32_000), LogSpectrogramSettings(max_frequency_hz=4_000))
    np.testing.assert_array_equal(narrow, log_spectrogram(noise(32_000), LogSpectrogramSettings())[:, :161])


@pytest.mark.parametrize(("n_frames", "enough"), [(64, False), (65, True)])
def test_too_few_frames_are_rejected(n_frames: int, enough: bool) -> None:
    samples = noise(640 + 320 * (n_frames - 1) + 319)
    if enough:
        assert len(log_spectrogram(samples, LogSpectrogramSettings())) == n_frames
    else:
        with pytest.raises(AudioError, match=r"64 frames of 0\.04 s; at least 65 are needed"):
            log_spectrogram(samples, LogSpectrogramSettings())
    with pytest.raises(AudioError, match="0 frames"):
        log_spectrogram(noise(100), LogSpectrogramSettings())


def test_through_the_registry(sound: Callable[..., Sound]) -> None:
    extractor = registry.extractor("log-spectrogram")
    settings = extractor.settings()
    start = extractor.start(settings)
    short, long = sound(1.5), sound(3.0)
    (alone,), together = start([short]), start([long, short])
    np.testing.assert_array_equal(alone, together[1])
    assert settings.step_s == 0.02
    with pytest.raises(AudioError, match="not finite"):
        start([Sound(np.full(32_000, np.nan, dtype=np.float32), 16_000)])
    with pytest.raises(AudioError, match="digital silence"):
        start([Sound(np.zeros(32_000, dtype=np.float32), 16_000)])


@pytest.mark.parametrize(
    "settings", [{"window_s": 0.0}, {"hop_s": 11.0}, {"min_frames": 0}, {"max_frequency_hz": 9_000.0}]
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        LogSpectrogramSettings(**settings)
