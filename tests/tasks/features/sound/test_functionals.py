"""One vector per utterance: named, finite, invariant to gain, reproducible."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tasks.core.errors import AudioError
from tasks.features.sound.functionals import NAMES, functionals, functionals_of

RATE_HZ = 16_000


def time_s(duration_s: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    return np.arange(round(duration_s * rate_hz)) / rate_hz


def speechlike(duration_s: float = 1.2, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Harmonics of a wavering voice, opened and closed five times a second, over a little noise."""
    now = time_s(duration_s, rate_hz)
    phase = 2 * np.pi * np.cumsum(150 + 30 * np.sin(2 * np.pi * 2 * now)) / rate_hz
    voice = np.asarray(sum(np.sin(order * phase) / order for order in range(1, 20)))
    syllables = np.maximum(0, np.sin(2 * np.pi * 5 * now)) ** 0.5
    return 0.1 * voice * syllables + 1e-4 * np.random.default_rng(0).standard_normal(now.size)


def named_features(signal: np.ndarray, rate_hz: int = RATE_HZ) -> dict[str, float]:
    values = functionals(signal, rate_hz)
    assert values.shape == (len(NAMES),)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    return dict(zip(NAMES, values.tolist(), strict=True))


def test_names_are_unique_and_columns() -> None:
    assert len(set(NAMES)) == len(NAMES) == 2593
    assert all(name.isidentifier() or "." in name for name in NAMES)


@pytest.mark.parametrize("f0_hz", [90, 160, 310])
def test_pitch_and_level_of_a_tone(f0_hz: float) -> None:
    features = named_features(0.2 * np.sin(2 * np.pi * f0_hz * time_s(1)))
    assert features["f0_p50"] == pytest.approx(12 * np.log2(f0_hz / 100), abs=0.1)
    assert features["f0_range_5_95"] < 0.2
    assert features["level_db"] == pytest.approx(20 * np.log10(0.2) - 3.01, abs=0.3)
    assert features["voiced_share"] > 0.95
    assert features["duration_s"] == pytest.approx(1, abs=0.05)


def test_a_rising_voice_has_a_positive_slope() -> None:
    phase = 2 * np.pi * np.cumsum(np.linspace(120, 240, RATE_HZ)) / RATE_HZ
    features = named_features(np.sin(phase))
    # regression over the utterance, from 120 to 240 Hz: about an octave
    assert features["f0_slope"] == pytest.approx(12, abs=1)
    assert features["f0_share_rising"] > 0.95
    assert [features[f"f0_fifth_{part}"] for part in range(1, 6)] == sorted(
        features[f"f0_fifth_{part}"] for part in range(1, 6)
    )
    falling = named_features(np.sin(phase)[::-1])
    assert falling["f0_slope"] == pytest.approx(-features["f0_slope"], abs=0.5)
    assert falling["f0_fall"] == pytest.approx(-features["f0_rise"], rel=0.1)


def test_rhythm_counts_syllables_and_the_modulation_spectrum_peaks_at_their_rate() -> None:
    features = named_features(speechlike(3.0))
    assert features["voiced_stretches_per_s"] == pytest.approx(5, abs=0.7)
    assert features["loudness_peaks_per_s"] > 4
    bands = {name: value for name, value in features.items() if name.startswith("mel_5_modulation")}
    assert max(bands, key=lambda name: bands[name]) == "mel_5_modulation_4_6_hz"


def test_bands_with_common_modulation_correlate() -> None:
    now = time_s(2)
    beat, counter = np.maximum(0, np.sin(2 * np.pi * 3 * now)), np.maximum(0, -np.sin(2 * np.pi * 3 * now))
    features = named_features(
        beat * (np.sin(2 * np.pi * 300 * now) + np.sin(2 * np.pi * 1000 * now))
        + counter * np.sin(2 * np.pi * 4000 * now)
    )
    assert features["mel_3_with_mel_9"] > 1 > 0 > features["mel_3_with_mel_21"]


def test_gain_changes_only_the_level() -> None:
    loud, soft = named_features(speechlike()), named_features(speechlike() * 0.01)
    assert soft.pop("level_db") == pytest.approx(loud.pop("level_db") - 40)
    assert list(soft.values()) == pytest.approx(list(loud.values()), rel=1e-6, abs=1e-6)


def test_integers_and_floats_agree() -> None:
    integers = np.round(speechlike() * 32_768).astype(np.int16)
    np.testing.assert_array_equal(functionals(integers, RATE_HZ), functionals(integers / 32_768, RATE_HZ))


def test_silence_around_an_utterance_changes_little() -> None:
    bare, padded = (
        named_features(speechlike()),
        named_features(np.concatenate([np.zeros(9600), speechlike(), np.zeros(16_000)])),
    )
    for name in ("duration_s", "f0_mean", "f0_std", "mel_5_mean", "centroid_p50", "level_db"):
        assert padded[name] == pytest.approx(bare[name], rel=0.05, abs=0.1)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 22_050, 11_025, 15_999])
def test_voice_features_do_not_depend_on_the_sampling_rate(rate_hz: int) -> None:
    expected, features = named_features(speechlike()), named_features(speechlike(rate_hz=rate_hz), rate_hz)
    for name in ("f0_p50", "f0_range_5_95", "duration_s", "voiced_share", "mel_5_p75", "level_db"):
        assert features[name] == pytest.approx(expected[name], rel=0.05, abs=0.3)


@pytest.mark.parametrize(
    "signal",
    [
        pytest.param(np.where(np.arange(RATE_HZ) // 40 % 2, 32_767, -32_768).astype(np.int16), id="clipped"),
        pytest.param(np.random.default_rng(0).standard_normal(RATE_HZ), id="noise"),
        pytest.param(np.eye(1, RATE_HZ, 8000).ravel(), id="one sample"),
        pytest.param(np.eye(1, RATE_HZ, 0).ravel(), id="first sample"),
        pytest.param(np.eye(1, 1600, 1599, dtype=np.int16).ravel(), id="last sample, shortest"),
        pytest.param(np.tile([1, -1], RATE_HZ).astype(np.int16), id="highest frequency, softest"),
        pytest.param(1e-12 * np.sin(np.arange(RATE_HZ)), id="hardly anything"),
        pytest.param(1e3 + speechlike(), id="far from zero"),
        pytest.param(speechlike(0.1), id="shortest"),
        pytest.param(np.tile(speechlike(), 12), id="longer than a modulation window"),
    ],
)
def test_unusual_sound_gives_finite_values(signal: np.ndarray) -> None:
    named_features(signal)


def test_voice_features_are_zero_without_voice() -> None:
    features = named_features(np.eye(1, RATE_HZ, 8000).ravel())
    assert features["voiced_share"] == 0
    assert {value for name, value in features.items() if name.startswith(("f0_", "hnr_", "f1_", "h1_h2_"))} == {0.0}


def test_unusable_sound_is_refused() -> None:
    with pytest.raises(AudioError, match="silence"):
        functionals(np.zeros(RATE_HZ, dtype=np.int16), RATE_HZ)


def test_several_utterances_at_once_give_the_same_bytes() -> None:
    noise = np.random.default_rng(5).standard_normal(9_000)
    sounds = [(speechlike(0.7), RATE_HZ), (noise, RATE_HZ), (speechlike(1.9), RATE_HZ), (speechlike(0.4, 8_000), 8_000)]
    for sound, together in zip(sounds, functionals_of(sounds), strict=True):
        np.testing.assert_array_equal(functionals(*sound), together)


def test_another_process_with_other_threads_gives_the_same_bytes() -> None:
    expected = functionals(speechlike(), RATE_HZ).tobytes()
    code = (
        "import sys, numpy as np; from tasks.features.sound.functionals import functionals;"
        "signal = np.frombuffer(sys.stdin.buffer.read());"
        "sys.stdout.buffer.write(functionals(signal, 16_000).tobytes())"
    )
    for threads in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=speechlike().tobytes(),
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        )
        assert done.stdout == expected
