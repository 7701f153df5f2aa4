"""Prosody tracks: pitch, tempo, means over steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tasks.core.errors import AudioError
from tasks.features.base import registry
from tasks.features.base.extractor import Sound
from tasks.features.sound import framing, low_level
from tasks.features.sound.prosody import NAMES, ProsodySettings, prosody, tempo_bpm

RATE_HZ = framing.RATE_HZ


def buzz(f0_hz: np.ndarray | float, duration_s: float = 1.5) -> np.ndarray:
    """Harmonics over a fundamental, constant or gliding."""
    n = round(duration_s * RATE_HZ)
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(f0_hz, n)) / RATE_HZ
    return 0.05 * np.asarray(sum(np.sin(k * phase) / k for k in range(1, 9)))


def of(signal: np.ndarray, step_s: float = 0.05) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, prosody(low_level.tracks(signal), step_s).T, strict=True))


def test_pitch_is_followed_and_zero_without_voice() -> None:
    rising = of(buzz(np.linspace(100, 200, 24_000)))
    inner = rising["f0"][3:-3]
    assert (np.diff(inner) > 0).all()
    assert inner[0] == pytest.approx(1.4, abs=0.8)
    assert inner[-1] == pytest.approx(11.0, abs=0.8)
    assert (rising["voiced"][3:-3] == 1).all()
    noise = of(0.05 * np.random.default_rng(1).standard_normal(24_000))
    assert noise["voiced"].mean() < 0.1
    assert (noise["f0"][noise["voiced"] == 0] == 0).all()


def test_a_step_is_the_mean_of_its_frames() -> None:
    tracks = low_level.tracks(buzz(140.0) * np.linspace(0.2, 1, 24_000))
    fine, coarse = prosody(tracks, 0.01), prosody(tracks, 0.05)
    level = NAMES.index("level")
    assert len(coarse) == -(-len(fine) // 5)
    np.testing.assert_allclose(coarse[2, level], fine[10:15, level].mean())
    np.testing.assert_allclose(coarse[-1, level], fine[5 * (len(coarse) - 1) :, level].mean())


@pytest.mark.parametrize(("beats_hz", "bpm"), [(1.5, 90), (2.0, 120), (4.0, 120)])
def test_beats_are_counted(beats_hz: float, bpm: float) -> None:
    """Of twice, once and half as many a minute, the nearest to 120."""
    time_s = np.arange(4 * RATE_HZ) / RATE_HZ
    bursts = np.where((time_s * beats_hz) % 1 < 0.1, 1.0, 1e-4)
    signal = bursts * 0.1 * np.random.default_rng(2).standard_normal(time_s.size)
    assert of(signal)["tempo"][0] == pytest.approx(bpm, rel=0.04)


def test_no_tempo_without_onsets() -> None:
    assert tempo_bpm(np.zeros((26, 100))) == 0
    assert tempo_bpm(np.zeros((26, 1))) == 0
    assert tempo_bpm(np.random.default_rng(1).standard_normal((26, 5))) == 0


def test_through_the_registry(sound: Callable[..., Sound]) -> None:
    extractor = registry.extractor("prosody")
    start = extractor.start(extractor.settings())
    short, long = sound(0.4), sound(1.5, 220.0)
    (alone,), together = start([short]), start([long, short])
    np.testing.assert_array_equal(alone, together[1])
    assert alone.shape[1] == len(extractor.names(extractor.settings())) == 19  # type: ignore[misc]
    assert np.isfinite(together[0]).all()
    # gain changes nothing: levels are relative to the clip's
    (soft,) = start([Sound(long.samples / 8, long.rate_hz)])
    np.testing.assert_allclose(soft, together[0], atol=2e-2)
    with pytest.raises(AudioError, match="not finite"):
        start([Sound(np.full(16_000, np.nan, dtype=np.float32), 16_000)])


@pytest.mark.parametrize("step_s", [0.0, -0.05, 0.015])
def test_impossible_steps_are_refused(step_s: float) -> None:
    with pytest.raises(ValueError, match="step_s is"):
        ProsodySettings(step_s)
