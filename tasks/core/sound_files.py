"""Sound files that the crawl wrote: their rate, and an error for a damaged one that says how to recreate it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.core.errors import AudioError

RATE_HZ = 16_000
"""Sampling rate of all sound that undertone writes."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a sound file with libsndfile.

    Args:
        path: a FLAC file written by undertone; files of others are decoded by `tasks.media.decode` first

    Yields:
        a `soundfile.SoundFile`

    Raises:
        AudioError: if the file is damaged
        OSError: if there is no such file
    """
    import soundfile

    # libsndfile would report a missing file as a system error without a reason
    path.stat()
    try:
        with soundfile.SoundFile(path) as sound:
            yield sound
    except soundfile.SoundFileError as error:
        raise AudioError(
            f"{path}: the sound is damaged ({error}); delete the file and write it again: undertone run crawl"
        ) from None
