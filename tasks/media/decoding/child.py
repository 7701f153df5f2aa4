"""The decoder process: answers requests one after the other, and ends when the process that started it ends.

`python -m tasks.media.decoding.child` reads requests from standard input and writes answers to standard output.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from tasks.core.errors import AudioError
from tasks.media.decoding import limits, messages, pictures, sound
from tasks.media.decoding.limits import ComputingTime
from tasks.media.decoding.messages import Message

Granted = Callable[[float], None]
IDLE_S = 60.0
"""A decoder that has had nothing to do for this long ends, and returns its memory; the next file gets another one."""
WORKING, DONE, REJECTED, SYSTEM, BUG = "working", "done", "rejected", "system", "bug"
"""Kinds of answers: progress; a result; an error of the file; an error of the operating system; any other error."""


def main() -> None:
    """Answer requests until standard input is closed, or no request has come for a while."""
    # Ctrl-C reaches the whole process group; the parent decides what it means
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits.restrict()
    requests, answers = _pipes()
    threading.Thread(target=_exit_with_parent, args=(requests.fileno(),), daemon=True).start()
    time = ComputingTime(lambda: messages.write(answers, Message(WORKING)))
    while select.select([requests], [], [], IDLE_S)[0]:
        request = messages.read(requests)
        time.start(int(request.values.pop("n_bytes")))
        messages.write(answers, _answer(request, time.grant))


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes from and to the parent; what libraries print must not get into them."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    return requests, answers


def _exit_with_parent(requests: int) -> None:
    """End this process when the parent closes its end of the pipe or is killed, also while a file is being decoded."""
    hang_up = select.poll()
    # no events: a hang-up is always reported, and requests wake the other thread only
    hang_up.register(requests, 0)
    hang_up.poll()
    os._exit(0)


def _answer(request: Message, granted: Granted) -> Message:
    try:
        return _FUNCTIONS[request.kind](granted, **request.values)
    except AudioError as error:
        return Message(REJECTED, {"error": type(error).__name__, "message": str(error)})
    except MemoryError:
        text = f"decoding it needs more than {limits.MEMORY_BYTES >> 30} GiB of memory"
        return Message(REJECTED, {"error": AudioError.__name__, "message": text})
    except OSError as error:
        return Message(SYSTEM, {"errno": error.errno, "message": error.strerror, "filename": str(error.filename)})
    except Exception:
        return Message(BUG, {"traceback": traceback.format_exc()})


def _write_flac(granted: Granted, *, source: str, path: str, max_duration_s: float) -> Message:
    return Message(DONE, {"duration_s": sound.write_flac(Path(source), Path(path), max_duration_s, granted)})


def _samples(granted: Granted, *, source: str) -> Message:
    signal, sound_format = sound.samples(Path(source), granted)
    return Message(DONE, {**sound_format}, {"samples": signal})


def _sound_format(_: Granted, *, source: str) -> Message:
    return Message(DONE, {**sound.sound_format(Path(source))})


def _channel_levels(granted: Granted, *, source: str) -> Message:
    return Message(DONE, {"levels": sound.channel_levels(Path(source), granted)})


def _select(
    granted: Granted, *, source: str, n_frames: int, size: int | list[int], start_s: float | None, end_s: float | None
) -> Message:
    shape = size if isinstance(size, int) else (size[0], size[1])
    selected = pictures.select(Path(source), n_frames, shape, start_s, end_s, granted=granted)
    arrays: dict[str, Any] = {"images": selected.images, "times_s": selected.times_s, "entropies": selected.entropies}
    return Message(DONE, {"n_seen": selected.n_seen}, arrays)


def _video_format(_: Granted, *, source: str) -> Message:
    return Message(DONE, {**pictures.video_format(Path(source))})


_FUNCTIONS: Mapping[str, Callable[..., Message]] = {
    "write_flac": _write_flac,
    "samples": _samples,
    "sound_format": _sound_format,
    "channel_levels": _channel_levels,
    "select": _select,
    "video_format": _video_format,
}


if __name__ == "__main__":
    main()
