"""Open media files with PyAV and read their frames; all errors of the library become `AudioError`."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import AudioError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

# self-contained formats only: FFmpeg follows the files and addresses named in playlists and scripts
_CONTAINERS = (
    "mov,matroska,webm,mp3,ogg,flac,wav,w64,aiff,aac,ac3,amr,asf,avi,caf,flv,mpeg,mpegts,au,eac3,wv,ape,tta,voc"
)

_PARSE_ERROR = 0x030C0A
"""The lower bytes of the numbers of FFmpeg's errors for damaged AAC and AC-3 frames; they have no class in PyAV."""


@contextmanager
def opened(source: Path) -> Iterator[InputContainer]:
    """Open a media file; formats that refer to other files are refused.

    Args:
        source: a media file

    Raises:
        AudioError: if it is not a media file, or PyAV fails on it in the block
    """
    import av

    with library_errors("not a media file that can be read"):
        container = av.open(source, options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"})
    with library_errors("it cannot be decoded"), container:
        yield container


@contextmanager
def library_errors(what: str) -> Iterator[None]:
    """Turn what PyAV raises into `AudioError`; errors of our own code pass.

    FFmpeg's errors are subclasses of many built-in exceptions, among them `PermissionError` and `MemoryError`; PyAV
    itself raises `ValueError`, `OverflowError`, `IndexError` and others for what it does not expect in a file.

    Args:
        what: the beginning of the message

    Raises:
        AudioError: for every error of the library
    """
    from av.error import FFmpegError

    try:
        yield
    except FFmpegError as error:
        # str() of an FFmpeg error ends with the path, which differs between machines
        raise AudioError(f"{what} ({error.strerror or error})") from None
    except MemoryError:
        raise AudioError(f"{what} (it needs more memory than there is)") from None
    except Exception as error:
        if not _is_of_the_library(error):
            raise
        raise AudioError(f"{what} ({error or type(error).__name__})") from None


def _is_of_the_library(error: BaseException) -> bool:
    import av

    # compiled modules have paths relative to the folder that they were built in
    places = (f"av{os.sep}", f"{Path(av.__file__).parent}{os.sep}")
    return any(frame.f_code.co_filename.startswith(places) for frame, _ in traceback.walk_tb(error.__traceback__))


def check_decoder(stream: AudioStream | VideoStream) -> None:
    """Check that there is a decoder for a stream; without one, it lacks most attributes.

    Args:
        stream: a stream of an open media file

    Raises:
        AudioError: if there is none: the codec is unknown, or its name in the header is damaged
    """
    if stream.codec_context is None:
        raise AudioError(f"there is no decoder for its {stream.type}")


def decoded_frames(container: InputContainer, stream: AudioStream | VideoStream) -> Iterator[Any]:
    """Yield the decodable frames of a stream, up to where the file breaks off.

    Args:
        container: an open media file
        stream: one of its streams of sound or video
    """
    from av.error import EOFError, FFmpegError, InvalidDataError, PatchWelcomeError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except PatchWelcomeError:
            # it goes on in a way that FFmpeg cannot read: to end here would lose sound silently
            raise
        except FFmpegError:
            # the file breaks off at this packet; the caller checks whether enough was read
            return
        except IndexError:
            # a packet of a stream that begins midway, which PyAV does not expect: go on after it
            packets = container.demux(stream)
            continue
        if packet is None:
            return
        try:
            yield from packet.decode()
        except EOFError:
            # the decoder has been drained already
            return
        except FFmpegError as error:
            # skip damaged packets, as players do: they become a gap in the timestamps
            if not (isinstance(error, InvalidDataError) or (error.errno or 0) & 0xFFFFFF == _PARSE_ERROR):
                raise
