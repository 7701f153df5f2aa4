"""Audio fingerprints: copies of a recording agree in most bits, two takes of the same sentence do not.

Haitsma & Kalker (2002), "A Highly Robust Audio Fingerprinting System", ISMIR: one 32-bit word every 23 ms, whose bits
are the signs of how the energy differences between 33 neighbouring bands change from one frame to the next. Signs do
not depend on the level; long overlapping frames tolerate codecs, resampling and a few missing milliseconds.
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
"""A frame this far below the loudest of its clip is not compared: its word is `QUIET`."""
QUIET = 0
MIN_OVERLAP = 0.5
"""Two clips are compared at offsets where this share of the shorter one's sounding frames overlaps the other's."""

_HEADROOM = 1.3
"""Half the decimated rate, divided by the highest band's edge: leaves a transition band for the low-pass filter."""
_TAPS_A_SIDE = 7
_BLOCK_SAMPLES = 32
"""Samples of the decimated signal that are computed by one row of a matrix product."""
_FRAMES_AT_ONCE = 64
"""Few enough to fit into a core's cache."""


def fingerprint(signal: NDArray[np.floating] | NDArray[np.int16], rate_hz: int = 16_000) -> NDArray[np.uint32]:
    """Return a word of 32 bits for every 23 ms of a mono signal; only quiet frames are `QUIET`.

    Args:
        signal: samples at any scale, shape (n_samples,)
        rate_hz: sampling rate, at least twice the highest band's edge

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
    # Haitsma & Kalker, eq. 1: the sign of the difference along bands and time
    along_bands = energies[:, :-1] - energies[:, 1:]
    bits = np.diff(along_bands, axis=0) > 0
    words = np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)
    loudness = energies[1:].sum(axis=1)
    # "<=": in digital silence every frame is quiet
    quiet = loudness <= loudness.max(initial=np.float32(0)) * 10 ** (-QUIET_DB / 10)
    return np.where(quiet, np.uint32(QUIET), np.maximum(words, np.uint32(QUIET + 1)))


def copy_detection_columns(samples: NDArray[np.int16], rate_hz: int) -> dict[str, Any]:
    """Return the columns of `tables.SOUNDS` and `tables.SEGMENTS` by which copies of a sound are detected.

    Args:
        samples: mono, 16 bit, shape (n_samples,)
        rate_hz: sampling rate

    Returns:
        `samples_sha256`, digest of the samples as little-endian bytes; `fingerprint`
    """
    content = np.ascontiguousarray(samples, dtype="<i2").tobytes()
    return {"samples_sha256": hashlib.sha256(content).hexdigest(), "fingerprint": fingerprint(samples, rate_hz)}


def bit_error_rate(a: NDArray[np.uint32], b: NDArray[np.uint32], max_offset: int) -> tuple[float, int, int]:
    """Compare two fingerprints at the offset where they agree best.

    Args:
        a: first fingerprint, shape (n_a,)
        b: second fingerprint, shape (n_b,)
        max_offset: maximum shift in frames, in both directions

    Returns:
        share of bits that differ (0: copies, about 0.5: unrelated); the offset in frames, `a[i]` matches
        `b[i + offset]`; the number of sounding frames compared. (1.0, 0, 0) if too few overlap
    """
    n_needed = MIN_OVERLAP * min(np.count_nonzero(a), np.count_nonzero(b))
    if not n_needed:
        return 1.0, 0, 0
    # b padded to all shifts of a: each row of `shifted` is b at one offset
    window = np.zeros(a.size + 2 * max_offset, np.uint32)
    first, last = max(0, max_offset), min(window.size, max_offset + b.size)
    window[first:last] = b[: last - first]
    shifted = np.lib.stride_tricks.sliding_window_view(window, a.size)
    overlap = (shifted != QUIET) & (a != QUIET)
    n_frames = overlap.sum(axis=1)
    n_wrong = np.where(overlap, np.bitwise_count(shifted ^ a), 0).sum(axis=1, dtype=np.int64)
    rates = np.where(n_frames >= n_needed, n_wrong / np.maximum(32 * n_frames, 1), 1.0)
    # if tied, the smallest shift
    best = min(np.flatnonzero(rates == rates.min()), key=lambda i: abs(int(i) - max_offset))
    if n_frames[best] < n_needed:
        return 1.0, 0, 0
    return float(rates[best]), int(best) - max_offset, int(n_frames[best])


def _band_energies(signal: NDArray[np.generic], rate_hz: float) -> NDArray[np.float32]:
    """Return the energy in every band of every frame, shape (n_frames + 1, n_bands), in single precision."""
    from scipy.fft import rfft

    n_hops = int(signal.size / (HOP_S * rate_hz))
    signal, rate_hz = _decimate(signal.astype(np.float32), rate_hz)
    n_frame = round(FRAME_S * rate_hz)
    # padding with half a frame on both sides: a clip of any length has frames
    padded = np.zeros(signal.size + 2 * n_frame, np.float32)
    padded[n_frame // 2 : n_frame // 2 + signal.size] = signal
    # rounded separately: a constant hop in samples would drift at rates that 23 ms does not divide
    starts = np.round(np.arange(0, n_hops + 1) * HOP_S * rate_hz).astype(np.int64)
    # a view: indexing it below copies, so that multiplying by the window does not change the signal
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_frame)
    window, (first, last), bands = _analysis(n_frame, rate_hz)
    energies = np.empty((starts.size, N_BANDS), np.float32)
    for at in range(0, starts.size, _FRAMES_AT_ONCE):
        batch = frames[starts[at : at + _FRAMES_AT_ONCE]]
        batch *= window
        # squares of real and imaginary parts, interleaved; a matrix product sums them by band
        parts = np.square(rfft(batch, overwrite_x=True).view(np.float32)[:, 2 * first : 2 * last])
        np.matmul(parts, bands, out=energies[at : at + _FRAMES_AT_ONCE])
    return energies


@lru_cache(maxsize=8)
def _analysis(n_frame: int, rate_hz: float) -> tuple[NDArray[np.float32], tuple[int, int], NDArray[np.float32]]:
    """Return the window, shape (n_frame,), the bands' first and last bin, and the matrix that sums bins by band.

    The matrix has shape (2 n_bins, n_bands): real and imaginary parts of a bin are interleaved rows.
    """
    edges = np.round(np.geomspace(LOWEST_HZ, HIGHEST_HZ, N_BANDS + 1) * n_frame / rate_hz).astype(np.int64)
    band = np.repeat(np.arange(N_BANDS), 2 * np.diff(edges))
    bands = (band[:, None] == np.arange(N_BANDS)).astype(np.float32)
    return np.hanning(n_frame).astype(np.float32), (int(edges[0]), int(edges[-1])), bands


def _decimate(signal: NDArray[np.float32], rate_hz: float) -> tuple[NDArray[np.float32], float]:
    """Low-pass a signal and keep every n-th sample, as few as the bands allow; return them and their rate."""
    factor = int(rate_hz / (2 * HIGHEST_HZ * _HEADROOM))
    if factor < 2:
        return signal, rate_hz
    filters = _low_pass(factor)
    n_taps = len(filters) - factor * (_BLOCK_SAMPLES - 1)
    n = -(-signal.size // factor)
    n_blocks = -(-n // _BLOCK_SAMPLES)
    padded = np.zeros(factor * _BLOCK_SAMPLES * n_blocks + len(filters), np.float32)
    padded[n_taps // 2 : n_taps // 2 + signal.size] = signal
    # shifted copies of the filter turn the convolution into a matrix product
    blocks = np.lib.stride_tricks.sliding_window_view(padded, len(filters))[: factor * _BLOCK_SAMPLES * n_blocks]
    return (blocks[:: factor * _BLOCK_SAMPLES] @ filters).ravel()[:n], rate_hz / factor


@lru_cache(maxsize=8)
def _low_pass(factor: int) -> NDArray[np.float32]:
    """Return a windowed sinc (Harris 1978, Hamming) for decimation, shifted once per output sample of a block.

    Shape (n_samples in, n_samples out).
    """
    half = _TAPS_A_SIDE * factor
    time = np.arange(-half, half + 1)
    # cutoff midway between the highest band's edge and the lowest frequency that aliases into it
    taps = np.sinc(time / factor) * np.hamming(time.size)
    taps /= taps.sum()
    filters = np.zeros((factor * (_BLOCK_SAMPLES - 1) + taps.size, _BLOCK_SAMPLES), np.float32)
    for column in range(_BLOCK_SAMPLES):
        filters[factor * column : factor * column + taps.size, column] = taps
    return filters
