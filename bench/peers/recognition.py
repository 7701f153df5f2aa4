"""Speech recognition by WhisperX, without its alignment of words."""

from __future__ import annotations

import os

import numpy as np

from bench.side import Prepared

_BATCH = 16
"""As in WhisperX's documentation."""


def whisperx(sound: str, weights: str) -> Prepared:
    """Prepare WhisperX with a folder of weights, in 8 bits and on one thread.

    Args:
        sound: .npy file of mono samples at 16 kHz, int16
        weights: folder of the model in CTranslate2's format
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    import whisperx

    model = whisperx.load_model(weights, "cpu", compute_type="int8", language="en", threads=1)

    def read() -> object:
        return model.transcribe(np.load(sound).astype(np.float32) / 32_768, batch_size=_BATCH)

    return Prepared(
        timed=read,
        summary=lambda result: " ".join(segment["text"].strip() for segment in result["segments"]),
    )
