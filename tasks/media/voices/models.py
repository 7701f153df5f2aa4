"""Voice activity detection and voice embeddings by ONNX models, on one thread.

Silero VAD (Silero Team, 2021): probability of speech for every 32 ms. GE2E speaker encoder (Wan et al., 2018,
"Generalized end-to-end loss for speaker verification"; weights of Resemblyzer): 256 values for 1.6 s of speech.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError

STEP = 512
"""Samples for each probability of speech at 16 kHz."""
STEP_S = STEP / 16_000
_CONTEXT = 64
_STATE = (2, 1, 128)
_BATCH = 32

Frames = NDArray[np.float32]


class SpeechDetector:
    """Silero VAD as a stream: it keeps its state from one block of samples to the next.

    Args:
        weights: folder with `model.onnx`
    """

    def __init__(self, weights: Path) -> None:
        self._session = _session(weights / "model.onnx")
        self._state = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)
        self._rate = np.array(16_000, np.int64)

    def probabilities(self, samples: Frames) -> Frames:
        """Return the probability of speech of every `STEP` samples, shape (n_samples // STEP,).

        Args:
            samples: the next samples at 16 kHz, mono, in [-1, 1]; their number is a multiple of `STEP`
        """
        values = np.empty(samples.size // STEP, np.float32)
        for place in range(values.size):
            chunk = samples[place * STEP : (place + 1) * STEP]
            inputs = {"input": np.concatenate([self._context, chunk])[None], "state": self._state, "sr": self._rate}
            probability, self._state = self._session.run(None, inputs)
            self._context = chunk[-_CONTEXT:]
            values[place] = probability[0, 0]
        return values


class VoiceEncoder:
    """GE2E speaker encoder.

    Args:
        weights: folder with `model.onnx`
    """

    def __init__(self, weights: Path) -> None:
        self._session = _session(weights / "model.onnx")

    def embed(self, windows: Frames) -> Frames:
        """Return the voice embedding of every window, of length 1, shape (n_windows, n_values).

        Args:
            windows: mel spectra, shape (n_windows, n_frames, 40)
        """
        parts = [
            self._session.run(None, {"mels": windows[start : start + _BATCH]})[0]
            for start in range(0, len(windows), _BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)


@lru_cache(maxsize=4)
def _loaded(path: Path, changed_ns: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # one thread: sums must not depend on the machine, and processes use the cores
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # exceptions of onnxruntime share no base class
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(
            f"{path}: no ONNX model ({type(error).__name__}). Remove {path.parent} and fetch it again: "
            f"undertone weights fetch {path.parent.name}"
        ) from None


def _session(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; fetch it: undertone weights fetch {path.parent.name}")
    return _loaded(path, path.stat().st_mtime_ns)
