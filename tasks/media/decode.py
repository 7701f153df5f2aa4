"""Decode any media file to 16 kHz mono 16-bit sound, in a child process with limits of time and memory."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.errors import AudioError
from tasks.core.sound_files import RATE_HZ
from tasks.media.decoding import process
from tasks.media.decoding.errors import CutShortError, SilentFileError, TooLongError

__all__ = [
    "RATE_HZ",
    "CutShortError",
    "SilentFileError",
    "TooLongError",
    "channel_levels",
    "reject_reason",
    "samples",
    "samples_and_format",
    "sound_format",
    "to_flac",
]


def to_flac(source: Path, target: Path, *, max_duration_s: float = math.inf) -> float:
    """Decode the best audio stream of a media file into a FLAC file, which is replaced atomically.

    Args:
        source: a media file in any common container (m4a, webm, mp3, mp4, ogg, wav, …)
        target: the FLAC file: 16 kHz, one channel, 16 bits
        max_duration_s: longer sound is an error

    Returns:
        duration of the decoded sound in seconds

    Raises:
        AudioError: if the file is empty, is not a media file or contains no sound, if the decoder crashes on it, or if
            it is over 2 s shorter than its container states (MP3 and AAC, where that is an estimate: and more than
            10 %)
        TooLongError: if the sound is longer than `max_duration_s`
        OSError: if the source cannot be read or the target cannot be written
    """
    with tables.whole(target) as part:
        answer = process.call("write_flac", source, path=str(part.absolute()), max_duration_s=max_duration_s)
    return float(answer.values["duration_s"])


def samples(source: Path) -> NDArray[np.int16]:
    """Return a media file's sound as `to_flac` would write it: 16 kHz, mono, 16 bit, shape (n_samples,).

    Args:
        source: a clip; all of its sound is in memory at once

    Raises:
        AudioError: as `to_flac`
        OSError: if the source cannot be read
    """
    return process.call("samples", source).arrays["samples"]


def samples_and_format(source: Path) -> tuple[NDArray[np.int16], dict[str, str | int]]:
    """Return what `samples` and `sound_format` return.

    Args:
        source: a clip; all of its sound is in memory at once

    Raises:
        AudioError: as `to_flac`
        OSError: if the source cannot be read
    """
    answer = process.call("samples", source)
    return answer.arrays["samples"], answer.values


def sound_format(source: Path) -> dict[str, str | int]:
    """Return `container`, `rate_hz` and `channels` of a media file's sound before decoding.

    Args:
        source: a media file

    Raises:
        AudioError: if it is not a media file, or contains no sound
        OSError: if the source cannot be read
    """
    return process.call("sound_format", source).values


def channel_levels(source: Path) -> dict[str, float] | None:
    """Return the levels of the channels of stereo sound, and of their mean: root mean squares, full scale being 1.

    Args:
        source: a media file

    Returns:
        `left`, `right` and `mix`; None if the sound is not stereo

    Raises:
        AudioError: as `to_flac`
        OSError: if the source cannot be read
    """
    levels: dict[str, float] | None = process.call("channel_levels", source).values["levels"]
    return levels


def reject_reason(error: AudioError) -> str:
    """Return the reason code of a file that could not be decoded.

    Args:
        error: raised by this module
    """
    if isinstance(error, CutShortError):
        return "cut short"
    return "no sound" if isinstance(error, SilentFileError) else "unreadable"
