"""Alterations of sound: levels, noise and bands of known signals."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.media import alterations

RATE_HZ = 16_000
TIME_S = np.arange(2 * RATE_HZ) / RATE_HZ


def tone(frequency_hz: float, amplitude: float = 0.1) -> np.ndarray:  # type: ignore[type-arg]
    return (amplitude * np.sin(2 * np.pi * frequency_hz * TIME_S)).astype(np.float32)


def level_db(samples: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize(("name", "change_db"), [("12 dB louder", 12.0), ("12 dB softer", -12.0)])
def test_gain(name: str, change_db: float) -> None:
    altered = alterations.ALTERATIONS[name](tone(440), RATE_HZ, "a")
    assert level_db(altered) - level_db(tone(440)) == pytest.approx(change_db, abs=0.01)
    assert np.abs(alterations.ALTERATIONS[name](tone(440, 0.9), RATE_HZ, "a")).max() <= 1


def test_noise_has_its_level_and_depends_on_the_utterance() -> None:
    alter = alterations.ALTERATIONS["noise at 20 dB SNR"]
    noise = alter(tone(440), RATE_HZ, "a") - tone(440)
    assert level_db(tone(440)) - level_db(noise) == pytest.approx(20, abs=0.2)
    np.testing.assert_array_equal(alter(tone(440), RATE_HZ, "a"), alter(tone(440), RATE_HZ, "a"))
    assert (alter(tone(440), RATE_HZ, "a") != alter(tone(440), RATE_HZ, "b")).any()
    assert not alter(np.zeros(100, dtype=np.float32), RATE_HZ, "a").any()


@pytest.mark.parametrize(("frequency_hz", "least", "most"), [(1000, -1, 1), (80, -150, -30), (6000, -150, -30)])
def test_a_telephone_passes_its_band(frequency_hz: float, least: float, most: float) -> None:
    alter = alterations.ALTERATIONS["telephone, 300–3400 Hz at 8 kHz"]
    altered = alter(tone(frequency_hz), RATE_HZ, "a")
    assert altered.size == TIME_S.size
    # not the transient at the beginning
    assert least < level_db(altered[RATE_HZ // 2 :]) - level_db(tone(frequency_hz)) < most


def test_mp3_keeps_a_tone_and_adds_a_little() -> None:
    altered = alterations.ALTERATIONS["MP3 of 32 kbit/s"](tone(1000), RATE_HZ, "a")
    assert altered.size == TIME_S.size
    assert level_db(altered) == pytest.approx(level_db(tone(1000)), abs=0.5)
    # aligned: the difference is small beside the tone
    assert level_db(altered - tone(1000)) < level_db(tone(1000)) - 15
    assert (altered != tone(1000)).any()


@pytest.mark.parametrize("name", alterations.ALTERATIONS)
def test_short_sound_stays_short(name: str) -> None:
    altered = alterations.ALTERATIONS[name](tone(440)[:800], RATE_HZ, "a")
    assert altered.dtype == np.float32
    assert altered.size == 800
