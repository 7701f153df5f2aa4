"""Lossless encodings of exported sound."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError

MIME = {"flac": "audio/flac", "wav": "audio/wav"}
"""Encodings, and their media types."""


def demand(encoding: str) -> str:
    """Return an encoding's name after checking it.

    Args:
        encoding: its name

    Raises:
        InputError: if sound cannot be exported in it
    """
    if encoding not in MIME:
        raise InputError(f"found the sound format {encoding!r}; expected {' or '.join(MIME)}, which lose nothing")
    return encoding


def encoded(samples: NDArray[np.int16], rate_hz: int, encoding: str) -> bytes:
    """Return samples as the content of a sound file, 16 bit.

    Args:
        samples: mono, shape (n_samples,)
        rate_hz: sampling rate
        encoding: a key of `MIME`
    """
    import soundfile

    sink = io.BytesIO()
    soundfile.write(sink, samples, rate_hz, format=encoding.upper(), subtype="PCM_16")
    return sink.getvalue()
