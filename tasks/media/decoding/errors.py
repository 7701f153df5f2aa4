"""Errors of decoding: each rejects the item."""

from __future__ import annotations

from tasks.core.errors import AudioError


class SilentFileError(AudioError):
    """The file contains no sound that can be decoded."""


class CutShortError(AudioError):
    """The file ends before the end stated by its container."""


class TooLongError(AudioError):
    """The sound is longer than allowed."""


class VideoError(AudioError):
    """The file contains no video frame that can be decoded."""


class DecoderDiedError(AudioError):
    """The decoder crashed on the file, or exceeded its limit of time or memory."""


BY_NAME = {
    error.__name__: error
    for error in (AudioError, SilentFileError, CutShortError, TooLongError, VideoError, DecoderDiedError)
}
"""The errors that the child process reports, by class name."""
