"""Speech share and signal-to-noise ratio of signals with known speech and known noise."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from tasks.media import speech_presence
from tasks.media.speech_presence import RATE_HZ, measure
from tasks.simulate.voices import Delivery, speaker

SENTENCES = ("At the time, I remember the kitchen of my grandmother.", "Nobody asked us about it in the morning.")


@cache
def spoken() -> np.ndarray:
    """Return two sentences without pauses around them, of root mean square 0.06."""
    with speaker() as voice:
        said = [voice.say(text, Delivery("en-us+f2")).samples / 32_768 for text in SENTENCES]
    samples = resample_poly(np.concatenate(said), 320, 441)
    return np.asarray(0.06 * samples / np.sqrt((samples**2).mean()))


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ))


def noise(n: int, kind: str = "white", seed: int = 1) -> np.ndarray:
    """Return noise of root mean square 1: white, pink from 100 Hz on, or brown (falls by 6 dB per octave)."""
    white = np.random.default_rng(seed).normal(size=n + 1)
    spectrum = np.fft.rfft(white)
    spectrum[1:] /= np.arange(1, spectrum.size) ** {"white": 0.0, "pink": 0.5, "brown": 1.0}[kind]
    spectrum[: 100 * (n + 1) // RATE_HZ if kind == "pink" else 1] = 0
    samples = np.fft.irfft(spectrum, n + 1)[:n]
    return np.asarray(samples / np.sqrt((samples**2).mean()))


@pytest.mark.parametrize("kind", ["white", "pink"])
@pytest.mark.parametrize("snr_db", [3, 10, 20, 30])
def test_the_ratio_of_speech_with_pauses_in_noise(snr_db: float, kind: str) -> None:
    clean = np.concatenate([silence(1), spoken(), silence(1)])
    presence = measure(clean + 0.06 * 10 ** (-snr_db / 20) * noise(clean.size, kind))
    assert presence.snr_db == pytest.approx(snr_db, abs=2.0)


@pytest.mark.parametrize("snr_db", [10, 20, 40])
@pytest.mark.parametrize("pause_s", [0.5, 1.5, 8.0])
def test_the_share_of_speech(pause_s: float, snr_db: float) -> None:
    clean = np.concatenate([silence(pause_s), spoken(), silence(pause_s)])
    presence = measure(clean + 0.06 * 10 ** (-snr_db / 20) * noise(clean.size))
    assert presence.speech_share == pytest.approx(spoken().size / clean.size, abs=0.08)
    assert presence.speech_s == pytest.approx(presence.speech_share * clean.size / RATE_HZ, abs=0.01)


def test_without_pauses_the_ratio_is_a_lower_bound() -> None:
    presence = measure(spoken() + 0.06 * 10 ** (-40 / 20) * noise(spoken().size))
    assert presence.snr_db is not None
    assert 15 < presence.snr_db < 40
    assert presence.speech_share > 0.9


@pytest.mark.parametrize("kind", ["white", "pink", "brown"])
@pytest.mark.parametrize("seconds", [0.3, 1, 5])
@pytest.mark.parametrize("level", [0.001, 0.1])
def test_steady_noise_is_no_speech(level: float, seconds: float, kind: str) -> None:
    assert measure(level * noise(round(seconds * RATE_HZ), kind)) == (0.0, 0.0, None)


def test_a_hum_is_no_speech() -> None:
    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    hum = sum(0.05 / k * np.sin(2 * np.pi * 50 * k * time_s) for k in range(1, 20))
    assert measure(hum + 1e-4 * noise(time_s.size)) == (0.0, 0.0, None)


@pytest.mark.parametrize("n", [0, 1, speech_presence.N_FRAME - 1, speech_presence.N_FRAME, RATE_HZ])
def test_silence_and_hardly_any_samples(n: int) -> None:
    assert measure(np.zeros(n)) == (0.0, 0.0, None)
    assert measure(0.1 * noise(n) if n > 1 else np.zeros(n)) == (0.0, 0.0, None)


def test_digital_silence_is_not_the_noise_of_a_noisy_voice() -> None:
    noisy = np.concatenate([silence(0.5), spoken(), silence(0.5)])
    noisy = noisy + 0.06 * 10 ** (-5 / 20) * noise(noisy.size)
    presence = measure(np.concatenate([silence(2), noisy, silence(2)]))
    assert presence.snr_db == pytest.approx(5, abs=1.5)
    assert presence.speech_share == pytest.approx(spoken().size / (noisy.size + 4 * RATE_HZ), abs=0.08)


def test_the_level_does_not_matter_and_clicks_are_no_speech() -> None:
    clean = np.concatenate([silence(1), spoken(), silence(1)])
    noisy = clean + 0.003 * noise(clean.size)
    loud, soft = measure(noisy), measure(noisy / 30)
    assert loud.snr_db == pytest.approx(soft.snr_db, abs=0.02)
    assert loud.speech_share == soft.speech_share
    background = 0.001 * noise(2 * RATE_HZ)
    background[5000] = 0.9
    assert measure(background).speech_share == 0


def test_blocks_of_long_sound_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = np.concatenate([silence(1), spoken()]) + 0.003 * noise(spoken().size + RATE_HZ)
    whole = measure(noisy)
    monkeypatch.setattr(speech_presence, "_N_BLOCK", 7)
    assert measure(noisy) == whole


def test_noise_added_to_real_clips(real_data: Path) -> None:
    clips = sorted((real_data / "ravdess").rglob("*.flac"))[::90]
    errors = []
    for number, clip in enumerate(clips):
        samples, _ = soundfile.read(clip)
        n_frames = samples.size // 256
        powers = (samples[: n_frames * 256].reshape(n_frames, 256) ** 2).mean(axis=1)
        level = np.sqrt(powers[powers > np.percentile(powers, 95) / 1000].mean())
        measured = measure(samples + level * 10 ** (-10 / 20) * noise(samples.size, seed=number)).snr_db
        errors.append((-99.0 if measured is None else measured) - 10)
    assert np.median(np.abs(errors)) < 1
    assert np.max(np.abs(errors)) < 3
