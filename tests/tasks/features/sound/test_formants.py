"""Steps of formant analysis against SciPy; formants of sounds with known ones are in test_low_level."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.features.sound import formants, framing
from tasks.features.sound.pitch import pitches


@pytest.mark.parametrize(
    ("n_samples", "rows"), [(16_000, (0, 100)), (16_007, (40, 47)), (3_200, (3, 20)), (1_600, (0, 0))]
)
def test_the_low_rate_is_that_of_scipy(n_samples: int, rows: tuple[int, int]) -> None:
    from scipy.signal import resample_poly

    signal = np.random.default_rng(0).standard_normal(n_samples)
    first, low = formants._low_rate(signal, *rows)
    whole = resample_poly(signal, 11, 16)
    needed = range(max(0, 110 * rows[0] - 138), min(whole.size, 110 * rows[1] + 138))
    assert first <= needed.start and needed.stop <= first + low.size <= whole.size
    np.testing.assert_allclose(low, whole[first : first + low.size], atol=1e-12)


def test_tracks_of_a_clip_do_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(1)
    times = np.arange(12_000) / framing.RATE_HZ
    clips = [
        np.sign(np.sin(2 * np.pi * f0_hz * times)) + 0.1 * rng.standard_normal(times.size) for f0_hz in (110, 180, 260)
    ]
    clips.append(rng.standard_normal(8_000))
    together = formants.tracks(clips, pitches(clips))
    for clip, tracks in zip(clips, together, strict=True):
        (alone,) = formants.tracks([clip], pitches([clip]))
        for name in formants.NAMES:
            np.testing.assert_array_equal(alone[name], tracks[name])
