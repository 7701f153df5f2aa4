"""The encoder of OpenAI's Whisper, run by onnxruntime: states of every transformer layer, without PyTorch.

Radford et al. (2023), "Robust speech recognition via large-scale weak supervision", ICML: trained on 680,000 hours of
transcribed speech. Unlike in recognition, sound is not padded to 30 s: an utterance's states are those of its own
frames, and short ones take less time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.extractor import Sound
from tasks.features.sound import framing, spectra

Vector = NDArray[np.float32]
States = NDArray[np.float32]

LONGEST_S = 30.0
"""Duration of the encoder's positions."""
STEP_S = 0.02
"""Seconds from one state to the next."""
_HOP, _WINDOW = 160, 400
_REFLECTED_FRAMES = 2
"""Frames before the sound that see reflected samples only; they are dropped again."""
_RANGE_DB = 80.0


class WhisperEncoder:
    """The states of sounds in a Whisper encoder.

    Args:
        file: the encoder as ONNX, as `tasks.weights.conversion.whisper_encoder` writes it
    """

    at_once = 1
    """Pieces in a forward pass: padding would change the states of shorter ones."""

    def __init__(self, file: Path) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        # one thread: worker processes fill the cores, and sums do not depend on their number
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        properties = self._session.get_modelmeta().custom_metadata_map
        self.n_layers = int(properties["layers"])
        self._mel = mel_settings(int(properties["mels"]))

    def pieces(self, sound: Sound, longest_s: float) -> list[Vector]:
        """Return the log-mel spectra of a sound's pieces, float32, shape (n_mels, n_frames), n_frames even.

        Args:
            sound: of any length
            longest_s: longer sounds are cut into equal pieces, of at most 30 s

        Raises:
            AudioError: if the sound is unusable
        """
        signal = framing.to_16_khz(sound.samples, sound.rate_hz)
        longest = round(min(longest_s, LONGEST_S) * framing.RATE_HZ)
        return [log_mel(piece, self._mel) for piece in np.array_split(signal, -(-signal.size // longest))]

    def states(self, pieces: Sequence[Vector], layers: Sequence[int]) -> list[States]:
        """Return the states of pieces, float32, shape (n_layers, n_frames, n_features), a frame every 20 ms.

        Args:
            pieces: from `pieces`
            layers: 0: the input of the first transformer layer; n: the output of the n-th, not normalised
        """
        names = [f"layer_{layer}" for layer in layers]
        return [
            np.concatenate(self._session.run(names, {"features": piece[None]})).astype(np.float32) for piece in pieces
        ]


def log_mel(signal: NDArray[np.float64], settings: spectra.MelSettings) -> Vector:
    """Return Whisper's own spectrum: log10 of mel power, at most 8 below the highest, moved to about -1 to 1.5.

    Args:
        signal: samples at 16 kHz, shape (n_samples,)
        settings: from `mel_settings`

    Returns:
        float32, shape (n_mels, n_frames), n_frames even
    """
    reflected = np.pad(signal, _REFLECTED_FRAMES * _HOP, mode="reflect")
    n_frames = max(2, signal.size // _HOP // 2 * 2)
    decibels = spectra.log_mel(reflected, settings)[_REFLECTED_FRAMES : _REFLECTED_FRAMES + n_frames]
    limited = spectra.relative_to_loudest(decibels, _RANGE_DB) + decibels.max()
    scaled: Vector = ((limited / 10 + 4) / 4).astype(np.float32).T
    return np.ascontiguousarray(scaled)


def mel_settings(n_mels: int) -> spectra.MelSettings:
    """Return the settings of Whisper's spectrum: a frame every 10 ms.

    Args:
        n_mels: number of bands: 80; 128 in the third version of the large model
    """
    return spectra.MelSettings(n_fft=_WINDOW, window=_WINDOW, hop=_HOP, n_mels=n_mels, taper="hann")
