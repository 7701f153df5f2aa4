"""Pitch measurement for the sample's voices."""

from collections.abc import Callable

import numpy as np
import pytest

from tasks.simulate.voices import RATE_HZ


@pytest.fixture(scope="session")
def f0_hz() -> Callable[[np.ndarray], float]:
    """Mean fundamental frequency of the voiced frames, from their autocorrelation."""

    def measure(samples: np.ndarray) -> float:
        pitches_hz = []
        for start in range(0, samples.size - 1024, 1024):
            frame = samples[start : start + 1024].astype(float)
            similarity = np.correlate(frame, frame, "full")[1023:]
            lags = slice(RATE_HZ // 400, RATE_HZ // 60)
            lag = lags.start + int(np.argmax(similarity[lags]))
            if similarity[lag] > 0.4 * similarity[0] > 0:
                pitches_hz.append(RATE_HZ / lag)
        return float(np.mean(pitches_hz))

    return measure
