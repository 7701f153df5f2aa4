"""Audio inputs of networks: log-mel spectra, MFCC, waveform.

`ser-bench` uses `rate_hz: 8000, hop: 100`: audio at 8 kHz, trimmed at 30 dB below the maximum, 128 mel bands, 64 ms
windows every 12.5 ms, relative to the maximum. All extractors need at least 0.1 s of audio (`framing.SHORTEST_S`); if
trimming leaves less, the untrimmed audio is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, gcd, inf

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.extractor import Extractor, Sound
from tasks.features.sound import framing, silence, spectra
from tasks.features.sound.spectra import MelSettings

Array = NDArray[np.float32]
_LEAST_VARIANCE = 1e-7


@dataclass(frozen=True)
class _SpectrumSettings(MelSettings):
    """Settings of mel spectra, with trimming and duration.

    Args:
        trim_db: silence threshold below the loudest frame in dB; silence at both ends is removed; 0: no trimming
        duration_s: duration after trimming in seconds: longer utterances are cut at their end, shorter ones are padded
            with zeros; 0: keep the duration
    """

    trim_db: float = 30.0
    duration_s: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_clip(self.trim_db, self.duration_s)


@dataclass(frozen=True)
class LogMelSettings(_SpectrumSettings):
    """Settings of log-mel spectra.

    Args:
        deltas: number of time derivatives appended to the bands: 0, 1 or 2
    """

    deltas: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_deltas(self.deltas)


@dataclass(frozen=True)
class CepstrumSettings(_SpectrumSettings):
    """Settings of MFCC averaged over time.

    Args:
        n_mfcc: number of coefficients, at most `n_mels`; the first is the level over all bands
    """

    n_mfcc: int = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.n_mfcc <= self.n_mels:
            raise ValueError(f"n_mfcc is {self.n_mfcc}; it must be from 1 to n_mels, which is {self.n_mels}")


@dataclass(frozen=True)
class MfccSettings(CepstrumSettings):
    """Settings of MFCC sequences.

    Args:
        deltas: number of time derivatives appended to the coefficients: 0, 1 or 2
    """

    deltas: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_deltas(self.deltas)


@dataclass(frozen=True)
class OverFrequencySettings(CepstrumSettings):
    """Settings of MFCC averaged over coefficients.

    Args:
        duration_s: duration of every utterance in seconds, above 0: it determines the number of features
    """

    duration_s: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.duration_s:
            raise ValueError(
                "duration_s is 0; a vector of one value per frame needs the same duration for every utterance"
            )


@dataclass(frozen=True)
class WaveformSettings:
    """Settings of the waveform.

    Args:
        rate_hz: sampling rate in Hz
        trim_db: as for spectra
        duration_s: as for spectra
        normalise: to mean 0 and variance 1 before zero-padding, as Wav2Vec2FeatureExtractor does
    """

    rate_hz: int = 16_000
    trim_db: float = 30.0
    duration_s: float = 0.0
    normalise: bool = True

    def __post_init__(self) -> None:
        if self.rate_hz < 1:
            raise ValueError(f"rate_hz is {self.rate_hz}; it must be 1 or more")
        _check_clip(self.trim_db, self.duration_s)

    @property
    def step_s(self) -> float:
        """Seconds from one sample to the next."""
        return 1 / self.rate_hz


def _start_log_mel(settings: LogMelSettings) -> Callable[[Sequence[Sound]], list[Array]]:
    return lambda batch: [_with_deltas(_log_mel(sound, settings), settings.deltas) for sound in batch]


def _start_mfcc(settings: MfccSettings) -> Callable[[Sequence[Sound]], list[Array]]:
    return lambda batch: [_with_deltas(_mfcc(sound, settings), settings.deltas) for sound in batch]


def _start_over_time(settings: CepstrumSettings) -> Callable[[Sequence[Sound]], list[Array]]:
    return lambda batch: [_mean(_mfcc(sound, settings), 0) for sound in batch]


def _start_over_frequency(settings: OverFrequencySettings) -> Callable[[Sequence[Sound]], list[Array]]:
    return lambda batch: [_mean(_mfcc(sound, settings), 1) for sound in batch]


def _start_waveform(settings: WaveformSettings) -> Callable[[Sequence[Sound]], list[Array]]:
    def samples(sound: Sound) -> Array:
        speech = _speech(sound, settings)
        if settings.normalise:
            speech = (speech - speech.mean()) / np.sqrt(speech.var() + _LEAST_VARIANCE)
        return _padded(speech, settings)[:, None]

    return lambda batch: [samples(sound) for sound in batch]


def _log_mel(sound: Sound, settings: _SpectrumSettings) -> Array:
    samples = _padded(_speech(sound, settings), settings)
    return spectra.spectrogram(samples, settings)


def _mfcc(sound: Sound, settings: CepstrumSettings) -> Array:
    return spectra.mfcc(_log_mel(sound, settings), settings.n_mfcc)


def _mean(frames: Array, axis: int) -> Array:
    return np.asarray(frames.mean(axis=axis, dtype=np.float64), dtype=np.float32)


def _with_deltas(frames: Array, up_to: int) -> Array:
    return np.concatenate([frames, *(spectra.deltas(frames, order) for order in range(1, up_to + 1))], axis=1)


def _speech(sound: Sound, settings: _SpectrumSettings | WaveformSettings) -> Array:
    """Return the resampled and trimmed audio, at most `duration_s` long.

    Raises:
        AudioError: see `framing.to_16_khz`
    """
    signal = sound.samples
    if settings.duration_s and not settings.trim_db:
        # check only the part that is kept: it may be silent although speech follows
        signal = signal[: ceil(settings.duration_s * sound.rate_hz)]
    samples = _resampled(framing.to_16_khz(signal, sound.rate_hz), settings.rate_hz)
    if settings.trim_db:
        speech = silence.trim(samples, settings.trim_db)
        samples = speech if speech.size >= framing.SHORTEST_S * settings.rate_hz else samples
    return samples[: _n_samples(settings) or None]


def _padded(samples: Array, settings: _SpectrumSettings | WaveformSettings) -> Array:
    return np.pad(samples, (0, max(0, _n_samples(settings) - samples.size)))


def _n_samples(settings: _SpectrumSettings | WaveformSettings) -> int:
    return round(settings.duration_s * settings.rate_hz)


def _resampled(samples: NDArray[np.float64], rate_hz: int) -> Array:
    if rate_hz == framing.RATE_HZ:
        return samples.astype(np.float32)
    from scipy.signal import resample_poly

    common = gcd(framing.RATE_HZ, rate_hz)
    resampled: NDArray[np.float64] = resample_poly(samples, rate_hz // common, framing.RATE_HZ // common)
    return resampled.astype(np.float32)


def _check_clip(trim_db: float, duration_s: float) -> None:
    if not trim_db >= 0:
        raise ValueError(f"trim_db is {trim_db}; it must be above 0, or 0 to trim nothing")
    if duration_s != 0 and not framing.SHORTEST_S <= duration_s < inf:
        raise ValueError(f"duration_s is {duration_s}; it must be {framing.SHORTEST_S} or more, or 0 for any")


def _check_deltas(deltas: int) -> None:
    if deltas not in (0, 1, 2):
        raise ValueError(f"deltas is {deltas}; it must be 0, 1 or 2")


EXTRACTORS = (
    Extractor(
        "log-mel",
        "log-mel spectra, in dB below the loudest band and frame of the utterance",
        "sound",
        "sequence",
        LogMelSettings,
        _start_log_mel,
    ),
    Extractor(
        "mfcc",
        "mel-frequency cepstral coefficients, frame by frame",
        "sound",
        "sequence",
        MfccSettings,
        _start_mfcc,
    ),
    Extractor(
        "mfcc-over-time",
        "each mel-frequency cepstral coefficient's mean over the frames",
        "sound",
        "vector",
        CepstrumSettings,
        _start_over_time,
        lambda settings: tuple(f"mfcc_{k}" for k in range(settings.n_mfcc)),
    ),
    Extractor(
        "mfcc-over-frequency",
        "each frame's mean over the mel-frequency cepstral coefficients, of utterances made to last equally long",
        "sound",
        "vector",
        OverFrequencySettings,
        _start_over_frequency,
    ),
    Extractor(
        "waveform",
        "the samples themselves, for networks that hear raw sound",
        "sound",
        "sequence",
        WaveformSettings,
        _start_waveform,
    ),
)
