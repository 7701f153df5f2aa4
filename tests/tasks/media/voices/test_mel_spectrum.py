"""Mel spectra as the encoder was trained on: values of librosa, and the same values from any blocks."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.media.voices.mel_spectrum import FRAMES_PER_S, N_MELS, MelStream, filters

SOUND = np.random.default_rng(2).standard_normal(16_000).astype(np.float32)


def spectrum(*edges: int) -> np.ndarray:
    stream = MelStream()
    blocks = np.split(SOUND, edges)
    return np.concatenate([*map(stream.frames, blocks), stream.rest()])


def test_blocks_do_not_matter() -> None:
    whole = spectrum()
    assert whole.shape == (FRAMES_PER_S + 1, N_MELS)
    assert np.array_equal(spectrum(7, 100, 5_000, 15_999), whole)


def test_filters_are_those_of_librosa() -> None:
    # librosa.filters.mel(sr=16000, n_fft=400, n_mels=40): first bands are narrower than a bin of 40 Hz apart
    bands = filters()
    assert bands.shape == (40, 201)
    hz = np.linspace(0, 8_000, 201)
    peaks_hz = hz[bands.argmax(axis=1)]
    assert (np.diff(peaks_hz) >= 40).all()
    # Slaney's bands have equal area: the sum over frequencies times their distance is 1
    assert bands[20:].sum(axis=1) * 40 == pytest.approx(1, abs=0.02)


def test_a_tone_is_in_its_band() -> None:
    time_s = np.arange(16_000) / 16_000
    stream = MelStream()
    frames = stream.frames(np.sin(2 * np.pi * 1_000 * time_s).astype(np.float32))
    band = int(frames[50].argmax())
    assert filters()[band, 25] == filters()[:, 25].max(), "bin 25 is 1,000 Hz"
