"""A clip as 25 numbers: their values for known sounds, and what a gain changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tasks.core.errors import AudioError
from tasks.features.base import registry
from tasks.features.base.extractor import Sound
from tasks.features.sound.clip_summary import NAMES, clip_summary

RATE_HZ = 16_000


def of(signal: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, clip_summary(signal).tolist(), strict=True))


def tone(hz: float, amplitude: float = 0.1) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(2 * RATE_HZ) / RATE_HZ)


def test_numbers_of_tones() -> None:
    assert len(NAMES) == 25
    low, high = of(tone(200.0)), of(tone(400.0))
    assert (low["f0"], high["f0"]) == pytest.approx((12.0, 24.0), abs=0.1)
    assert low["rms"] == pytest.approx(0.1 / np.sqrt(2), rel=1e-6)
    assert high["zero_crossings"] == pytest.approx(2 * low["zero_crossings"], rel=0.03)
    assert high["centroid"] > low["centroid"]
    assert of(0.05 * np.random.default_rng(1).standard_normal(RATE_HZ))["zero_crossings"] > 0.4


def test_a_gain_changes_level_and_nothing_else() -> None:
    loud, soft = of(tone(200.0)), of(tone(200.0, 0.05))
    changed = {name for name in NAMES if soft[name] != pytest.approx(loud[name], abs=0.05)}
    assert changed == {"mfcc_0"}
    assert loud["rms"] == pytest.approx(2 * soft["rms"])


def test_beats() -> None:
    time_s = np.arange(4 * RATE_HZ) / RATE_HZ
    bursts = np.where(time_s * 1.5 % 1 < 0.1, 1.0, 1e-4)
    assert of(bursts * 0.1 * np.random.default_rng(2).standard_normal(time_s.size))["tempo"] == pytest.approx(
        90, rel=0.04
    )


def test_through_the_registry(sound: Callable[..., Sound]) -> None:
    extractor = registry.extractor("clip-summary")
    start = extractor.start(extractor.settings())
    short, long = sound(0.4), sound(1.5, 220.0)
    (alone,), together = start([short]), start([long, short])
    np.testing.assert_array_equal(alone, together[1])
    assert alone.shape == (25,)
    assert np.isfinite(together).all()
    with pytest.raises(AudioError, match="not finite"):
        start([Sound(np.full(16_000, np.nan, dtype=np.float32), 16_000)])
