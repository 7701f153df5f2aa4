"""Alterations of sound as recordings have them: other levels, noise, telephone bandwidth, lossy coding."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Alteration = Callable[[Samples, int, str], Samples]
_GAIN_DB, _SNR_DB = 12.0, 20.0
_TELEPHONE_HZ, _TELEPHONE_RATE_HZ, _ORDER = (300.0, 3400.0), 8000, 4
_MP3_DELAY = 1105
"""Samples by which LAME and its decoder delay the sound (576 + 529)."""
_MP3_COMPRESSION = (160 - 32) / (160 - 8)
"""libsndfile's compression level for 32 kbit/s: from 160 down to 8 kbit/s at 16 kHz (MPEG-2 layer III)."""


def gain(samples: Samples, decibels: float) -> Samples:
    """Return louder or softer sound, clipped at full scale as by a recorder.

    Args:
        samples: full scale 1, shape (n_samples,)
        decibels: gain
    """
    return _clipped(samples * np.float32(10 ** (decibels / 20)))


def with_noise(samples: Samples, snr_db: float, key: str) -> Samples:
    """Return sound with white Gaussian noise, clipped at full scale.

    Args:
        samples: full scale 1, shape (n_samples,)
        snr_db: level of the whole sound over that of the noise
        key: of the random numbers, such as the utterance's id
    """
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
    noise = np.random.default_rng(seed).normal(scale=level * 10 ** (-snr_db / 20), size=samples.size)
    return _clipped(samples + noise)


def telephone(samples: Samples, rate_hz: int) -> Samples:
    """Return sound through a telephone: 300 to 3,400 Hz (Butterworth, order 4), sampled at 8 kHz and back.

    Args:
        samples: full scale 1, shape (n_samples,)
        rate_hz: sampling rate, a multiple of 8 kHz
    """
    from scipy.signal import butter, resample_poly, sosfilt

    factor = rate_hz // _TELEPHONE_RATE_HZ
    filtered = sosfilt(butter(_ORDER, _TELEPHONE_HZ, "bandpass", fs=rate_hz, output="sos"), samples)
    return _clipped(resample_poly(resample_poly(filtered, 1, factor), factor, 1)[: samples.size])


def mp3(samples: Samples, rate_hz: int) -> Samples:
    """Return sound after MP3 of 32 kbit/s at constant bit rate, aligned with the original.

    Args:
        samples: full scale 1, shape (n_samples,)
        rate_hz: 16 kHz
    """
    import soundfile

    coded = io.BytesIO()
    soundfile.write(
        coded,
        samples,
        rate_hz,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=_MP3_COMPRESSION,
    )
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    aligned = np.zeros_like(samples)
    part = decoded[_MP3_DELAY : _MP3_DELAY + samples.size]
    aligned[: part.size] = _clipped(part)
    return aligned


def _clipped(samples: Any) -> Samples:
    return np.asarray(np.clip(samples, -1, 1), dtype=np.float32)


ALTERATIONS: Mapping[str, Alteration] = MappingProxyType(
    {
        "12 dB louder": lambda samples, _, __: gain(samples, _GAIN_DB),
        "12 dB softer": lambda samples, _, __: gain(samples, -_GAIN_DB),
        "noise at 20 dB SNR": lambda samples, _, key: with_noise(samples, _SNR_DB, key),
        "telephone, 300–3400 Hz at 8 kHz": lambda samples, rate_hz, _: telephone(samples, rate_hz),
        "MP3 of 32 kbit/s": lambda samples, rate_hz, _: mp3(samples, rate_hz),
    }
)
"""Name → function of samples, sampling rate and the utterance's id."""
