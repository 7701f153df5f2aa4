"""Share of speech and signal-to-noise ratio of an utterance, from its spectrum alone.

The noise in a band is a low quantile of the band's power over time (Stahl, Fischer and Bippus, 2000, "Quantile based
noise estimation for spectral subtraction and Wiener filtering"): hardly any band is full of speech all the time. A
frame has speech if its power relative to the noise, averaged over the bands, is large (a simple form of the likelihood
ratio of Sohn, Kim and Sung, 1999, "A statistical model-based voice activity detection"), unless it is far softer than
the loudest frames. No pretrained model is involved: results do not depend on what is installed.

Limits: only steady noise counts as noise; music, applause and other voices count as speech. If an utterance has no
pause, soft speech passes for noise: then ratios above about 15 dB are lower bounds.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

N_FRAME, N_HOP = 512, 256
"""In samples at `RATE_HZ`: 32 and 16 ms."""
RATE_HZ = 16_000
N_BANDS = 24
"""Bands of equal width on the mel scale."""
RANGE_HZ = (100.0, 7500.0)
"""Range of the bands: sound below it, such as rumble and mains hum of 50 or 60 Hz, is neither speech nor noise."""
QUANTILE = 0.05
SILENCE = 10**-9.0
"""Mean square of a frame below which it is digital silence (−90 dBFS): neither speech nor noise."""
ROUNDING = 2.0**-30 / 12
"""Mean square of the error of 16 bits: no noise is softer."""
RATIO = 1.6
"""Power over noise, mean of the bands. White, pink and brown noise of 0.3 to 10 s never exceed it for 3 frames."""
LOUD_PERCENTILE, SOFTER_DB = 95, 30.0
"""Percentile of the frames' levels that is the level of speech, and how much softer speech may be."""
SHORTEST, SHORTEST_GAP = 3, 12
"""In frames. Shorter bursts are clicks; shorter gaps belong to speech: 0.2 s, the hangover time of ITU-T P.56."""
LEAST_DB, MOST_DB = -10.0, 80.0
_N_BLOCK = 4096


class SpeechPresence(NamedTuple):
    """Speech and noise of an utterance.

    `speech_s`: duration of the speech; `speech_share`: of the whole duration, 0 to 1. `snr_db`: power of speech over
    power of noise, in the frames with speech, from `LEAST_DB` to `MOST_DB`; None if there is no speech.
    """

    speech_s: float
    speech_share: float
    snr_db: float | None


_NONE = SpeechPresence(0.0, 0.0, None)


def measure(signal: NDArray[np.float64]) -> SpeechPresence:
    """Return the share of speech of an utterance, and its signal-to-noise ratio.

    Args:
        signal: mono at `RATE_HZ`, full scale 1, shape (n_samples,)

    Returns:
        rounded to 1 ms, 0.0001 and 0.01 dB; no speech in silence, in steady noise, and in less than a frame
    """
    powers = _band_powers(signal)
    total = powers.sum(axis=1)
    sounding = total > SILENCE
    if not sounding.any():
        return _NONE
    # frames of digital silence would pull the quantile down to nothing
    noise = np.maximum(np.quantile(powers[sounding], QUANTILE, axis=0) * _correction(), ROUNDING / N_BANDS)
    loud = np.percentile(total[sounding], LOUD_PERCENTILE)
    is_speech = sounding & ((powers / noise).mean(axis=1) > RATIO) & (total > loud * 10 ** (-SOFTER_DB / 10))
    runs = _runs(is_speech)
    if not runs:
        return _NONE
    in_speech = np.concatenate([total[start:end] for start, end in runs])
    gain = max(float(in_speech.mean() / noise.sum()) - 1, 10 ** (LEAST_DB / 10))
    share = in_speech.size / total.size
    snr_db = min(MOST_DB, float(10 * np.log10(gain)))
    return SpeechPresence(round(share * signal.size / RATE_HZ, 3), round(share, 4), round(snr_db, 2))


def _band_powers(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean square of each frame in each band, shape (n_frames, N_BANDS)."""
    if signal.size < N_FRAME:
        return np.empty((0, N_BANDS))
    window = np.hanning(N_FRAME + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(signal, N_FRAME)[::N_HOP]
    edges, scale = _edges(), 2 / (N_FRAME * (window**2).sum())
    blocks = []
    # blocks limit memory: an utterance may be a whole recording
    for start in range(0, len(frames), _N_BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _N_BLOCK] * window, axis=1)[:, : edges[-1]]
        blocks.append(np.add.reduceat(spectrum.real**2 + spectrum.imag**2, edges[:-1], axis=1) * scale)
    return np.concatenate(blocks)


def _edges() -> NDArray[np.int64]:
    """Return the first bin of each band, and the end of the last, shape (N_BANDS + 1,)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in RANGE_HZ)
    hz = 700 * (10 ** (np.linspace(low, high, N_BANDS + 1) / 2595) - 1)
    return np.round(hz * N_FRAME / RATE_HZ).astype(np.int64)


@cache
def _correction() -> NDArray[np.float64]:
    """Return the ratio of mean to quantile of each band's power in Gaussian noise, shape (N_BANDS,)."""
    powers = _band_powers(np.random.default_rng(0).normal(size=60 * RATE_HZ))
    ratio: NDArray[np.float64] = powers.mean(axis=0) / np.quantile(powers, QUANTILE, axis=0)
    return ratio


def _runs(is_speech: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first frame and end of each run of speech, without clicks and with short gaps closed."""
    changes = np.flatnonzero(np.diff(np.r_[False, is_speech, False])).tolist()
    runs = list[tuple[int, int]]()
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        if end - start < SHORTEST:
            continue
        joins = bool(runs) and start - runs[-1][1] < SHORTEST_GAP
        runs.append((runs.pop()[0] if joins else start, end))
    return runs
