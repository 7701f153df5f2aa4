"""Vectorised short-term features equal pyAudioAnalysis's for any sound, rate and frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import AudioError, ConfigError
from tasks.features.mid_term import short_term
from tasks.features.mid_term.mid_term import _reference

RATES_HZ = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)
MOST_OF_SPREAD = 1e-4
"""Of a feature's standard deviation on real speech."""
_SPREAD = np.array(
    # zcr, energy, its entropy, centroid, spread, entropy, flux and roll-off of the spectrum; 13 MFCC; 13 of chroma
    [0.07, 0.03, 0.3, 0.06, 0.03, 0.6, 0.006, 0.1, *[0.4] * 13, *[0.005] * 13]
)
"""What features of speech vary by, on the low side: a clip of invented sound may vary less, or not at all."""


def reference(signal: np.ndarray, rate_hz: int, window: int, step: int) -> np.ndarray:
    library = _reference().ShortTermFeatures
    return library.feature_extraction(signal, rate_hz, window, step)[0]


def furthest(signal: np.ndarray, rate_hz: int, window: int, step: int) -> float:
    """Return the largest difference from pyAudioAnalysis, in standard deviations of the feature."""
    mine, theirs = short_term.short_term(signal, rate_hz, window, step), reference(signal, rate_hz, window, step)
    assert mine.shape == theirs.shape
    apart = np.abs(mine - theirs).max(axis=1)
    assert np.isfinite(mine).all()
    return float((apart / np.tile(_SPREAD, 2)).max())


def noise(n_samples: int, seed: int, level: float) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0, level, n_samples), -32_768, 32_767).astype(np.int16)


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=st.sampled_from(RATES_HZ),
    window_s=st.floats(0.03, 0.08),
    overlap=st.floats(0.3, 1.2),
    frames=st.floats(1.0, 9.0),
    seed=st.integers(0, 2**31),
    level=st.sampled_from([0.6, 30.0, 3_000.0, 60_000.0]),
    tone_hz=st.floats(0, 4_000),
    offset=st.integers(-20_000, 20_000),
)
def test_equals_the_reference_on_any_sound(
    rate_hz: int, window_s: float, overlap: float, frames: float, seed: int, level: float, tone_hz: float, offset: int
) -> None:
    window, step = round(window_s * rate_hz), max(1, round(window_s * overlap * rate_hz))
    n_samples = round(window + (frames - 1) * step)
    time_s = np.arange(n_samples) / rate_hz
    tone = 5_000 * np.sin(2 * np.pi * tone_hz * time_s) + offset
    signal = np.clip(noise(n_samples, seed, level) + tone, -32_768, 32_767).astype(np.int16)
    assert furthest(signal, rate_hz, window, step) < MOST_OF_SPREAD


@pytest.mark.parametrize(
    "signal",
    [
        pytest.param(np.zeros(4_000, dtype=np.int16), id="silence"),
        pytest.param(np.full(4_000, 1_234, dtype=np.int16), id="a constant"),
        pytest.param(np.append(np.zeros(8_000, np.int16), noise(8_000, 1, 900.0)), id="silence, then sound"),
        pytest.param(np.append(noise(8_000, 2, 900.0), np.full(8_000, 7, np.int16)), id="sound, then a constant"),
        pytest.param(np.where(np.arange(16_000) // 40 % 2, 32_767, -32_768).astype(np.int16), id="a square wave"),
        pytest.param(noise(16_000, 3, 1e6), id="clipped throughout"),
        pytest.param(np.eye(1, 16_000, 5_000, dtype=np.int16)[0] * 30_000, id="a click"),
        pytest.param(noise(800, 4, 500.0), id="one frame"),
        pytest.param(noise(1_599, 5, 500.0), id="one frame and most of another"),
    ],
)
def test_equals_the_reference_at_the_edges(signal: np.ndarray) -> None:
    assert furthest(signal, 16_000, 800, 800) < MOST_OF_SPREAD


def test_results_do_not_depend_on_other_signals() -> None:
    """Also where chunks end amid a signal, and where one is too short to have a frame."""
    signals = [noise(n, n, 800.0) for n in (16_000, 500, 160_000, 801, 64_000)]
    together, counts = short_term.short_terms(signals, 16_000, 800, 400)
    assert counts.tolist() == [39, 0, 399, 1, 159]
    for signal, end, n in zip(signals, counts.cumsum(), counts, strict=True):
        if n:
            alone = short_term.short_term(signal, 16_000, 800, 400).T
            np.testing.assert_allclose(together[end - n : end], alone, rtol=1e-9, atol=1e-12)


def test_results_are_reproducible_to_the_byte() -> None:
    signals = [noise(n, n, 800.0) for n in (16_000, 90_000)]
    first, _ = short_term.short_terms(signals, 16_000, 800, 800)
    again, _ = short_term.short_terms(signals, 16_000, 800, 800)
    assert first.tobytes() == again.tobytes()


def test_frames_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AudioError, match="shorter than a frame of 800"):
        short_term.short_term(noise(799, 0, 100.0), 16_000, 800, 800)
    with pytest.raises(ConfigError, match="too short to tell semitones apart"):
        short_term.short_term(noise(16_000, 0, 100.0), 16_000, 160, 160)
    with pytest.raises(ConfigError, match="too low for mel filters"):
        short_term.short_term(noise(16_000, 0, 100.0), 6_000, 600, 600)


@pytest.mark.real
@pytest.mark.parametrize("folder", ["ravdess/Actor_01", "tess"])
def test_equals_the_reference_on_real_clips(real_data: Path, folder: str) -> None:
    clips = sorted((real_data / folder).rglob("*.flac"))[::14]
    assert len(clips) >= 4
    for clip in clips:
        signal, rate_hz = soundfile.read(clip, dtype="int16")
        mine, theirs = (extract(signal, rate_hz, 800, 800) for extract in (short_term.short_term, reference))
        spread = theirs.std(axis=1)
        assert (np.abs(mine - theirs).max(axis=1) <= MOST_OF_SPREAD * spread).all()
