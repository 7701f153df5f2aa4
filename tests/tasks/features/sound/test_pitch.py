"""F0 of sounds with a known period, and of unvoiced sounds."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.features.sound import framing
from tasks.features.sound.pitch import Pitch, pitch, pitches

RATE_HZ = framing.RATE_HZ


def time_s(duration_s: float = 1.0) -> np.ndarray:
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def inner(fundamental: Pitch) -> np.ndarray:
    """F0 away from the ends, where windows reach beyond the sound."""
    return fundamental.f0_hz[5:-5]


@pytest.mark.parametrize("f0_hz", [70, 97.3, 150, 220, 301.7, 440, 640])
def test_a_sine_is_detected_within_half_a_percent(f0_hz: float) -> None:
    f0 = inner(pitch(0.3 * np.sin(2 * np.pi * f0_hz * time_s())))
    np.testing.assert_allclose(f0, f0_hz, rtol=0.005)


@pytest.mark.parametrize("f0_hz", [80, 125, 200, 320, 500])
def test_a_pulse_train_is_detected_without_octave_errors(f0_hz: float) -> None:
    pulses = np.diff(np.floor(time_s() * f0_hz), prepend=0.0)
    np.testing.assert_allclose(inner(pitch(pulses)), f0_hz, rtol=0.01)


def test_a_missing_fundamental_is_detected() -> None:
    overtones = sum(np.sin(2 * np.pi * 130 * order * time_s()) for order in (3, 4, 5, 6))
    np.testing.assert_allclose(inner(pitch(np.asarray(overtones))), 130, rtol=0.005)


def test_a_glide_is_followed() -> None:
    duration_s, low_hz, high_hz = 1.5, 120.0, 360.0
    now = time_s(duration_s)
    f0_hz = low_hz * (high_hz / low_hz) ** (now / duration_s)
    fundamental = pitch(np.sin(2 * np.pi * np.cumsum(f0_hz) / RATE_HZ))
    expected = f0_hz[np.minimum(np.arange(fundamental.f0_hz.size) * framing.HOP, f0_hz.size - 1)]
    np.testing.assert_allclose(inner(fundamental), expected[5:-5], rtol=0.01)


def test_noise_is_unvoiced_and_a_tone_between_silences_is_voiced_where_it_sounds() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE_HZ)
    assert pitch(noise).voiced.mean() < 0.1
    tone = np.where((time_s() > 0.3) & (time_s() < 0.7), np.sin(2 * np.pi * 200 * time_s()), 0.0)
    sounding = np.flatnonzero(pitch(tone).voiced) * framing.HOP_S
    assert abs(sounding[0] - 0.3) <= 0.03
    assert abs(sounding[-1] - 0.7) <= 0.03


@pytest.mark.parametrize("noise_db", [-20, -10])
def test_harmonicity_is_the_periodic_share_of_the_energy(noise_db: float) -> None:
    tone = np.sqrt(2) * np.sin(2 * np.pi * 200 * time_s(4))
    noise = 10 ** (noise_db / 20) * np.random.default_rng(1).standard_normal(tone.size)
    fundamental = pitch(tone + noise)
    share = np.median(fundamental.harmonicity[fundamental.voiced])
    assert abs(10 * np.log10(share / (1 - share)) + noise_db) < 2


def test_results_do_not_depend_on_gain_or_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    sound = np.sin(2 * np.pi * 180 * time_s()) * rng.uniform(0.2, 1, RATE_HZ)
    whole = pitch(sound)
    np.testing.assert_allclose(pitch(sound * 2.0**-20).f0_hz, whole.f0_hz)
    monkeypatch.setattr("tasks.features.sound.pitch._FRAMES_AT_ONCE", 7)
    np.testing.assert_array_equal(pitch(sound).f0_hz, whole.f0_hz)


def test_frames_too_soft_to_be_voiced_change_nothing() -> None:
    rng = np.random.default_rng(3)
    faint = 1e-3 * rng.standard_normal(2 * RATE_HZ)
    voice = np.where((time_s(2) > 0.8) & (time_s(2) < 1.1), np.sin(2 * np.pi * 150 * time_s(2)), 0.0)
    # a click far from the voice, and sound up to the last sample
    click = np.where(np.arange(faint.size) == 4000, 0.5, 0.0)
    clips = [voice + faint, voice + faint + click, np.concatenate([faint, voice[12_000:16_000]]), faint]
    for clip, needed in zip(clips, [(82, 108), (80, 108), (205, 220), (3, 9)], strict=True):
        whole, (some,) = pitch(clip), pitches([clip], [needed])
        np.testing.assert_array_equal(some.f0_hz, whole.f0_hz)
        np.testing.assert_array_equal(some.harmonicity, whole.harmonicity)
        np.testing.assert_array_equal(some.periodicity[slice(*needed)], whole.periodicity[slice(*needed)])


def test_signals_of_any_length_do_not_depend_on_each_other() -> None:
    rng = np.random.default_rng(4)
    clips = [
        np.sin(2 * np.pi * 140 * time_s(duration_s)) + 0.3 * rng.standard_normal(round(duration_s * RATE_HZ))
        for duration_s in (0.1, 1.3, 0.64, 1.3, 0.101)
    ]
    for clip, together in zip(clips, pitches(clips), strict=True):
        np.testing.assert_array_equal(together.f0_hz, pitch(clip).f0_hz)
