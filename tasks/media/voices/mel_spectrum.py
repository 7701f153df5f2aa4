"""Mel spectra for the GE2E speaker encoder: power, without a logarithm, every 10 ms.

As `librosa.feature.melspectrogram(sr=16000, n_fft=400, hop_length=160, n_mels=40)`, on which the encoder was trained:
periodic Hann window, frames centred on their time, Slaney's mel scale and triangles of equal area (Slaney 1998,
"Auditory Toolbox").
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
N_FFT, HOP, N_MELS = 400, 160, 40
FRAMES_PER_S = RATE_HZ // HOP
_LINEAR_HZ, _BREAK_HZ, _BREAK_MEL, _LOG_STEP = 200 / 3, 1_000.0, 15.0, np.log(6.4) / 27
"""Slaney's mel scale: linear with 200/3 Hz for each mel up to 1 kHz, logarithmic above."""

Samples = NDArray[np.float32]


class MelStream:
    """Mel spectra of a stream of samples, block by block."""

    def __init__(self) -> None:
        # the first frame is centred on the first sample
        self._left = np.zeros(N_FFT // 2, np.float32)

    def frames(self, samples: Samples) -> Samples:
        """Return the spectra that are complete after a block, shape (n_frames, N_MELS).

        Args:
            samples: the next samples at `RATE_HZ`
        """
        joined = np.concatenate([self._left, samples])
        n_frames = max(0, (joined.size - N_FFT) // HOP + 1)
        self._left = joined[n_frames * HOP :]
        if not n_frames:
            return np.empty((0, N_MELS), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(joined, N_FFT)[::HOP][:n_frames]
        power = np.square(np.abs(np.fft.rfft(windows * _hann(), axis=1)))
        return (power @ filters().T).astype(np.float32)

    def rest(self) -> Samples:
        """Return the spectra of the last frames, which end after the last sample."""
        return self.frames(np.zeros(N_FFT // 2, np.float32))


@cache
def filters() -> NDArray[np.float64]:
    """Return the weights of the mel bands, shape (N_MELS, N_FFT // 2 + 1)."""
    edges_hz = _hz(np.linspace(_mel(0.0), _mel(RATE_HZ / 2), N_MELS + 2))
    bins_hz = np.linspace(0, RATE_HZ / 2, N_FFT // 2 + 1)
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    triangles: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (edges_hz[2:] - edges_hz[:-2]))[:, None]


@cache
def _hann() -> NDArray[np.float64]:
    window: NDArray[np.float64] = np.hanning(N_FFT + 1)[:-1]
    return window


def _mel(hz: float) -> float:
    return hz / _LINEAR_HZ if hz < _BREAK_HZ else _BREAK_MEL + float(np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = _LINEAR_HZ * mel
    return np.where(mel < _BREAK_MEL, linear, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL)))
