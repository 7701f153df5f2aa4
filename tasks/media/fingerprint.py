"""Fingerprints of sound: copies of a recording agree in most bits, two takes of the same sentence do not.

Haitsma & Kalker (2002), "A Highly Robust Audio Fingerprinting System", ISMIR: one 32-bit word every 23 ms, whose bits
are the signs of how the energy differences between 33 neighbouring bands change from one frame to the next. Signs don't
know of levels, and long overlapping frames forgive codecs, other sampling rates and a few milliseconds cut off.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError

FRAME_S = 0.375
HOP_S = 0.023
N_BANDS = 33
LOWEST_HZ, HIGHEST_HZ = 300.0, 2000.0
QUIET_DB = 30.0
"""A frame this far below the loudest of its clip says nothing: its word is `QUIET`, and it is compared with nothing."""
QUIET = 0
MIN_OVERLAP = 0.5
"""Two clips are compared where this share of the shorter one's sounding frames meets sounding frames of the other."""

_HEADROOM = 1.3
"""Half the rate at which frames are looked at, beside the highest band's edge: room for a low-pass to fall."""
_TAPS_A_SIDE = 7
_TOGETHER = 32
"""Samples of the thinned signal that one product of matrices gives."""
_FRAMES_AT_ONCE = 64
"""Few enough to stay in a core's cache."""


def fingerprint(signal: NDArray[np.floating] | NDArray[np.int16], rate_hz: int = 16_000) -> NDArray[np.uint32]:
    """Return a word of 32 bits for every 23 ms of a mono signal; quiet frames are `QUIET`, no other is.

    Args:
        signal: samples at any scale, shape (n_samples,)
        rate_hz: sampling rate of the signal, at least twice the highest band's edge

    Returns:
        words, shape (n_frames,); frame `i` is centred at `(i + 1) * HOP_S` seconds

    Raises:
        AudioError: if the signal is not one channel, or a sample is not finite
    """
    if signal.ndim != 1:
        raise AudioError(f"expected one channel, shape (n_samples,); found shape {signal.shape}")
    if not np.isfinite(signal).all():
        raise AudioError("a sample is not finite")
    energies = _band_energies(signal, rate_hz)
    along_bands = energies[:, :-1] - energies[:, 1:]
    bits = np.diff(along_bands, axis=0) > 0
    words = np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)
    loudness = energies[1:].sum(axis=1)
    quiet = loudness <= loudness.max(initial=np.float32(0)) * 10 ** (-QUIET_DB / 10)
    return np.where(quiet, np.uint32(QUIET), np.maximum(words, np.uint32(QUIET + 1)))


def identity(samples: NDArray[np.int16], rate_hz: int) -> dict[str, Any]:
    """Return what copies of a sound are found by, columns of `tables.SOUNDS` and of `tables.SEGMENTS`.

    Args:
        samples: mono, 16 bit, shape (n_samples,)
        rate_hz: their sampling rate

    Returns:
        `samples_sha256`, the digest of the samples, little-endian; `fingerprint`
    """
    content = np.ascontiguousarray(samples, dtype="<i2").tobytes()
    return {"samples_sha256": hashlib.sha256(content).hexdigest(), "fingerprint": fingerprint(samples, rate_hz)}


def bit_error_rate(a: NDArray[np.uint32], b: NDArray[np.uint32], max_offset: int) -> tuple[float, int, int]:
    """Return how much two fingerprints differ where they agree best.

    Args:
        a: one fingerprint, shape (n_a,)
        b: another, shape (n_b,)
        max_offset: how many frames one may be shifted against the other, either way

    Returns:
        share of bits that differ (0: none, about 0.5: nothing in common); the offset in frames, such that `a[i]` meets
        `b[i + offset]`; how many sounding frames were compared. (1.0, 0, 0) where too few meet
    """
    n_needed = MIN_OVERLAP * min(np.count_nonzero(a), np.count_nonzero(b))
    if not n_needed:
        return 1.0, 0, 0
    window = np.zeros(a.size + 2 * max_offset, np.uint32)
    first, last = max(0, max_offset), min(window.size, max_offset + b.size)
    window[first:last] = b[: last - first]
    shifted = np.lib.stride_tricks.sliding_window_view(window, a.size)
    meet = (shifted != QUIET) & (a != QUIET)
    n_frames = meet.sum(axis=1)
    n_wrong = np.where(meet, np.bitwise_count(shifted ^ a), 0).sum(axis=1, dtype=np.int64)
    rates = np.where(n_frames >= n_needed, n_wrong / np.maximum(32 * n_frames, 1), 1.0)
    # of equal rates the smallest shift
    best = min(np.flatnonzero(rates == rates.min()), key=lambda i: abs(int(i) - max_offset))
    if n_frames[best] < n_needed:
        return 1.0, 0, 0
    return float(rates[best]), int(best) - max_offset, int(n_frames[best])


def _band_energies(signal: NDArray[np.generic], rate_hz: float) -> NDArray[np.float32]:
    """Return the energy in every band of every frame, shape (n_frames + 1, n_bands), in single precision."""
    from scipy.fft import rfft

    n_hops = int(signal.size / (HOP_S * rate_hz))
    signal, rate_hz = _thinned(signal.astype(np.float32), rate_hz)
    n_frame = round(FRAME_S * rate_hz)
    # half a frame of silence around it lets a clip of any length have frames
    padded = np.zeros(signal.size + 2 * n_frame, np.float32)
    padded[n_frame // 2 : n_frame // 2 + signal.size] = signal
    starts = np.round(np.arange(0, n_hops + 1) * HOP_S * rate_hz).astype(np.int64)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_frame)
    window, (first, last), bands = _analysis(n_frame, rate_hz)
    energies = np.empty((starts.size, N_BANDS), np.float32)
    for at in range(0, starts.size, _FRAMES_AT_ONCE):
        some = frames[starts[at : at + _FRAMES_AT_ONCE]]
        some *= window
        # real and imaginary parts side by side, and what they add up to in a band as a product of matrices
        parts = np.square(rfft(some, overwrite_x=True).view(np.float32)[:, 2 * first : 2 * last])
        np.matmul(parts, bands, out=energies[at : at + _FRAMES_AT_ONCE])
    return energies


@lru_cache(maxsize=8)
def _analysis(n_frame: int, rate_hz: float) -> tuple[NDArray[np.float32], tuple[int, int], NDArray[np.float32]]:
    """Return a frame's window, the bins between the lowest and the highest edge, and which two parts go to which band.

    The shapes: (n_frame,) and (2 n_bins, n_bands), ones and zeros.
    """
    edges = np.round(np.geomspace(LOWEST_HZ, HIGHEST_HZ, N_BANDS + 1) * n_frame / rate_hz).astype(np.int64)
    band = np.repeat(np.arange(N_BANDS), 2 * np.diff(edges))
    bands = (band[:, None] == np.arange(N_BANDS)).astype(np.float32)
    return np.hanning(n_frame).astype(np.float32), (int(edges[0]), int(edges[-1])), bands


def _thinned(signal: NDArray[np.float32], rate_hz: float) -> tuple[NDArray[np.float32], float]:
    """Return every n-th sample of a low-passed signal, as few as the bands allow, and their rate."""
    every = int(rate_hz / (2 * HIGHEST_HZ * _HEADROOM))
    if every < 2:
        return signal, rate_hz
    filters = _low_pass(every)
    n_taps = len(filters) - every * (_TOGETHER - 1)
    n = -(-signal.size // every)
    n_blocks = -(-n // _TOGETHER)
    padded = np.zeros(every * _TOGETHER * n_blocks + len(filters), np.float32)
    padded[n_taps // 2 : n_taps // 2 + signal.size] = signal
    # a filter for each of some samples turns the sums into a product of matrices
    blocks = np.lib.stride_tricks.sliding_window_view(padded, len(filters))[: every * _TOGETHER * n_blocks]
    return (blocks[:: every * _TOGETHER] @ filters).ravel()[:n], rate_hz / every


@lru_cache(maxsize=8)
def _low_pass(every: int) -> NDArray[np.float32]:
    """Return a windowed sinc (Harris 1978, Hamming) that keeps what a signal of every n-th sample can hold.

    It stands there once for each of the samples that come out together, shape (n_samples in, n_samples out).
    """
    half = _TAPS_A_SIDE * every
    time = np.arange(-half, half + 1)
    # cut off amid the highest band's edge and the lowest frequency that would fold into it
    taps = np.sinc(time / every) * np.hamming(time.size)
    taps /= taps.sum()
    found = np.zeros((every * (_TOGETHER - 1) + taps.size, _TOGETHER), np.float32)
    for place in range(_TOGETHER):
        found[every * place : every * place + taps.size, place] = taps
    return found
