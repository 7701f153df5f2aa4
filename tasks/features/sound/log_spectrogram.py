"""Log power spectrogram of `iemocap-fusion`: linear frequency, 40 ms frames every 20 ms, natural logarithm.

Equals `scipy.signal.spectrogram(nperseg=640, noverlap=320, window="hann", detrend=False)` at 16 kHz on samples in the
16-bit range minus their mean, then log(x + 1e-10). The source drops utterances of 65 frames or fewer, which are too
short for its AlexNet; our minimum is a setting, and shorter utterances are rejected with that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError
from tasks.features.base.extractor import Extractor, Sound
from tasks.features.sound import framing

Array = NDArray[np.float32]
_FULL_SCALE = 32_768.0
_FLOOR = 1e-10
FRAMES_AT_ONCE = 4_096
"""Frames per FFT call, to bound memory: 20 MB."""


@dataclass(frozen=True)
class LogSpectrogramSettings:
    """Settings of the spectrogram.

    Args:
        window_s: length of the periodic Hann window in seconds
        hop_s: step between frames in seconds
        min_frames: utterances with fewer frames are rejected
        max_frequency_hz: highest bin; at most, and by default, half the sampling rate of 16 kHz
    """

    window_s: float = 0.040
    hop_s: float = 0.020
    min_frames: int = 65
    max_frequency_hz: float = framing.RATE_HZ / 2

    def __post_init__(self) -> None:
        for name in ("window_s", "hop_s"):
            if not 2 / framing.RATE_HZ <= getattr(self, name) <= 10:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be from two samples to 10 s")
        if self.min_frames < 1:
            raise ValueError(f"min_frames is {self.min_frames}; it must be 1 or more")
        if not 0 < self.max_frequency_hz <= framing.RATE_HZ / 2:
            raise ValueError(
                f"max_frequency_hz is {self.max_frequency_hz}; it must be above 0 and at most {framing.RATE_HZ // 2}"
            )

    @property
    def step_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop_s


def log_spectrogram(samples: NDArray[np.floating], settings: LogSpectrogramSettings) -> Array:
    """Return log(power density + 1e-10) of all complete frames.

    Args:
        samples: samples at 16 kHz, full scale 1, shape (n_samples,)
        settings: window, hop and limits

    Returns:
        float32, shape (n_frames, n_bins); bins start at 0 Hz, 1 / window_s apart

    Raises:
        AudioError: if there are fewer than `min_frames` frames

    Example:
        >>> log_spectrogram(np.ones(32_000), LogSpectrogramSettings()).shape
        (99, 321)
    """
    window, hop = round(settings.window_s * framing.RATE_HZ), round(settings.hop_s * framing.RATE_HZ)
    n_frames = max(0, 1 + (samples.size - window) // hop)
    if n_frames < settings.min_frames:
        raise AudioError(f"{n_frames} frames of {settings.window_s:g} s; at least {settings.min_frames} are needed")
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    n_bins = 1 + int(settings.max_frequency_hz * window / framing.RATE_HZ)
    return np.concatenate(list(_in_parts(frames, n_bins)))


def _in_parts(frames: NDArray[np.floating], n_bins: int) -> Iterator[Array]:
    size = frames.shape[1]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    # one-sided spectrum: double all bins except 0 Hz and the Nyquist frequency, which have no mirror image
    scale = np.full(1 + size // 2, 2 * _FULL_SCALE**2 / (framing.RATE_HZ * np.square(hann).sum()))
    scale[0] /= 2
    if size % 2 == 0:
        scale[-1] /= 2
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        spectra = np.fft.rfft(frames[start : start + FRAMES_AT_ONCE] * hann, axis=1)
        power = (spectra.real**2 + spectra.imag**2) * scale
        yield np.log(power[:, :n_bins] + _FLOOR).astype(np.float32)


def _start(settings: LogSpectrogramSettings) -> Callable[[Sequence[Sound]], list[Array]]:
    return lambda batch: [log_spectrogram(framing.to_16_khz(sound.samples, sound.rate_hz), settings) for sound in batch]


EXTRACTORS = (
    Extractor(
        "log-spectrogram",
        "log power in linear frequency, 40 ms every 20 ms",
        "sound",
        "sequence",
        LogSpectrogramSettings,
        _start,
    ),
)
