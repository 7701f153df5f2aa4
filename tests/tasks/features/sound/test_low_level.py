"""Low-level descriptors of sounds with known properties."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core.errors import AudioError
from tasks.features.sound import formants, framing, low_level
from tasks.features.sound.low_level import Tracks
from tasks.features.sound.pitch import pitch

RATE_HZ = framing.RATE_HZ


def time_s(duration_s: float = 1.0) -> np.ndarray:
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def sine(frequency_hz: float, duration_s: float = 1.0) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * frequency_hz * time_s(duration_s))


def track(tracks: Tracks, name: str) -> np.ndarray:
    """A track away from the ends, where frames reach beyond the sound."""
    return tracks.sound[low_level.SOUND.index(name), 5:-5]


def vowel(f0_hz: float, formants: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Pulses through resonators of given frequency and bandwidth in Hz."""
    from scipy.signal import lfilter

    sound = np.diff(np.floor(time_s() * f0_hz), prepend=0.0)
    for frequency, bandwidth in formants:
        radius = np.exp(-np.pi * bandwidth / RATE_HZ)
        sound = lfilter([1.0], [1, -2 * radius * np.cos(2 * np.pi * frequency / RATE_HZ), radius**2], sound)
    return np.asarray(sound) / np.abs(sound).max()


def test_to_16_khz_scales_resamples_and_removes_the_mean() -> None:
    tone = (10_000 * np.sin(2 * np.pi * 300 * np.arange(44_100) / 44_100) + 500).astype(np.int16)
    usable = framing.to_16_khz(tone, 44_100)
    assert usable.size == RATE_HZ
    expected = 10_000 / 32_768 * np.sin(2 * np.pi * 300 * time_s())
    np.testing.assert_allclose(usable[400:-400], expected[400:-400], atol=2e-3)


def test_frames_of_any_length_share_their_centres() -> None:
    signal = np.zeros(4000)
    signal[1600] = 1.0
    for length in (200, 400, 738):
        cut = framing.frames(signal, length)
        assert cut.shape == (26, length)
        assert cut[10, length // 2] == 1


@pytest.mark.parametrize(
    ("signal", "rate_hz", "message"),
    [
        (np.zeros((2, 16_000)), 16_000, "one channel"),
        (np.ones(16_000), 4_000, "4000 Hz"),
        (np.ones(1_599), 16_000, r"0\.100 s of sound"),
        (np.ones(0), 16_000, r"0\.000 s"),
        (np.full(16_000, np.nan), 16_000, "not finite"),
        (np.zeros(16_000, dtype=np.int16), 16_000, "silence"),
        (np.full(16_000, 7, dtype=np.int16), 16_000, "silence"),
    ],
)
def test_sound_that_cannot_be_used_is_refused(signal: np.ndarray, rate_hz: int, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        framing.to_16_khz(signal, rate_hz)


def test_spectral_descriptors_of_a_sine() -> None:
    tracks = low_level.tracks(sine(1000))
    assert track(tracks, "centroid") == pytest.approx(1000, abs=15)
    assert track(tracks, "rolloff_50") == pytest.approx(1000, abs=32)
    assert track(tracks, "zero_crossings") == pytest.approx(2000 / RATE_HZ, rel=0.03)
    assert track(tracks, "flux") == pytest.approx(0, abs=0.05)
    # a sine of amplitude 0.1 has a mean square of 0.005
    assert tracks.level_db == pytest.approx(-23.01, abs=0.05)
    assert track(tracks, "level") == pytest.approx(0, abs=0.2)
    assert tracks.mel[:, 50].argmax() == 8
    assert (track(tracks, "alpha_ratio") < track(low_level.tracks(sine(500)), "alpha_ratio")).all()


def test_white_noise_is_flat_and_a_sine_is_not() -> None:
    noise = low_level.tracks(np.random.default_rng(0).standard_normal(RATE_HZ))
    tone = low_level.tracks(sine(1000))
    assert np.median(track(noise, "centroid")) == pytest.approx(4000, rel=0.05)
    assert np.median(track(noise, "entropy")) == pytest.approx(np.log2(257), rel=0.1)
    assert track(noise, "slope").mean() == pytest.approx(0, abs=0.1)
    assert np.median(track(noise, "flatness")) > -4 > -20 > np.median(track(tone, "flatness"))
    assert np.median(track(noise, "sharpness")) > 2 * np.median(track(tone, "sharpness"))


def test_sharpness_of_a_tone_is_about_its_bark_value() -> None:
    assert np.median(track(low_level.tracks(sine(1000)), "sharpness")) == pytest.approx(8.5, abs=1)


@pytest.mark.parametrize("silence_s", [0.5, 20])
def test_silence_before_and_after_is_left_out(silence_s: float) -> None:
    tone = sine(220, 0.8)
    silence = np.zeros(round(silence_s * RATE_HZ))
    bare, padded = low_level.tracks(tone), low_level.tracks(np.concatenate([silence, tone, silence]))
    assert padded.voiced.size == pytest.approx(bare.voiced.size, abs=3)
    assert padded.level_db == pytest.approx(bare.level_db, abs=0.1)


def test_formants_of_a_vowel_made_of_resonators() -> None:
    made = ((700.0, 80.0), (1200.0, 90.0), (2600.0, 120.0))
    tracks = low_level.tracks(vowel(110, made))
    for row, (frequency, _) in zip(("f1", "f2", "f3"), made, strict=True):
        values = tracks.voice[low_level.VOICE.index(row), tracks.voiced]
        assert np.median(values) == pytest.approx(frequency, rel=0.07)


def test_a_second_harmonic_twice_as_strong_is_6_db_up() -> None:
    sound = np.sin(2 * np.pi * 200 * time_s()) + 2 * np.sin(2 * np.pi * 400 * time_s())
    fundamental = pitch(sound)
    h1_h2 = formants.tracks([sound], [fundamental])[0]["h1_h2"][fundamental.voiced][5:-5]
    assert fundamental.f0_hz[fundamental.voiced][5:-5] == pytest.approx(200, rel=0.01)
    assert h1_h2 == pytest.approx(-6.02, abs=0.3)


def test_f0_is_in_semitones_above_100_hz() -> None:
    tracks = low_level.tracks(sine(200))
    assert tracks.voice[0, tracks.voiced][5:-5] == pytest.approx(12, abs=0.1)
