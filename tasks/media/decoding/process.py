"""Call functions in decoder processes, which are started when they are needed and then kept.

A decoder that crashes, exceeds its limits or is killed costs one item: `DecoderDiedError` says what happened. Threads
decode at the same time, each in a decoder of its own.
"""

from __future__ import annotations

import atexit
import fcntl
import io
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO, cast

from tasks.core.errors import AudioError
from tasks.core.workers import how_it_ended
from tasks.media.decoding import child, messages
from tasks.media.decoding.errors import BY_NAME, DecoderDiedError
from tasks.media.decoding.messages import BrokenMessageError, Message

PROGRAM = child.__name__
PATIENCE_S = 60.0
"""How long a decoder may neither decode anything nor answer; it needs computing time only for a part of this."""
_PATIENCE_S_PER_BYTE = 1e-6
_MAX_REQUESTS = 1_000
"""After this many files a decoder is replaced: libraries leak memory on damaged files."""
_KEPT_VARIABLES = (
    *("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
)
"""Environment variables that a decoder gets: no secrets."""
_PIPE_BYTES = 1 << 20
_MAX_IDLE = os.cpu_count() or 1


def call(function: str, source: Path, **arguments: Any) -> Message:
    """Call a function on a media file in a decoder process.

    Args:
        function: its name in `child`
        source: the media file
        arguments: what JSON can hold

    Raises:
        AudioError: if the file cannot be used
        DecoderDiedError: if the decoder crashes on it, or it takes too much time or memory
        OSError: if it cannot be read, or the result cannot be written
    """
    n_bytes = _size(source)
    request = Message(function, {"source": str(source.absolute()), "n_bytes": n_bytes, **arguments})
    decoder = _taken()
    try:
        answer = decoder.ask(request, n_bytes)
    except _DiedError as died:
        if not died.is_doubtful:
            raise DecoderDiedError(str(died)) from None
        answer = _asked_again(request, n_bytes)
    else:
        _give_back(decoder)
    return _result(answer, source)


class _DiedError(Exception):
    """A decoder ended during a request.

    Args:
        reason: how
        is_doubtful: whether the file may not be to blame: an earlier one damaged the memory, or someone killed it
    """

    def __init__(self, reason: str, is_doubtful: bool) -> None:
        super().__init__(reason)
        self.is_doubtful = is_doubtful


class _Decoder:
    """A decoder process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=os.sep,
            env=_environment(),
        )
        if sys.platform == "linux":
            # so that most clips fit and are passed on at once
            fcntl.fcntl(cast(BinaryIO, self._process.stdout), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._requests = cast(BinaryIO, self._process.stdin)
        self._pipe = _TimedPipe(cast(BinaryIO, self._process.stdout))
        self._answers = io.BufferedReader(self._pipe)
        self.n_asked = 0

    @property
    def is_running(self) -> bool:
        """Whether the process runs; it ends by itself if it has had nothing to do for long."""
        return self._process.poll() is None

    def ask(self, request: Message, n_bytes: int) -> Message:
        """Send a request and return the answer; after any error the decoder is stopped.

        Args:
            request: the function and its arguments
            n_bytes: the file's size

        Raises:
            _DiedError: if the decoder ends or does not answer
        """
        self.n_asked += 1
        self._pipe.timeout_s = PATIENCE_S + n_bytes * _PATIENCE_S_PER_BYTE
        try:
            messages.write(self._requests, request)
            while (answer := messages.read(self._answers)).kind == child.WORKING:
                continue
        except TimeoutError:
            self.stop()
            raise _DiedError(f"decoding stood still for {self._pipe.timeout_s:.0f} s", is_doubtful=False) from None
        except (BrokenMessageError, OSError):
            raise self._died() from None
        except BaseException:
            # interrupted: the answer to this request must not be read as that to the next
            self.stop()
            raise
        return answer

    def stop(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        self._close()
        self._process.wait()

    def forget(self) -> None:
        """Close the pipes in a forked process, where the decoder is none of its children."""
        self._close()
        self._process.returncode = 0

    def _close(self) -> None:
        self._requests.close()
        self._answers.close()

    def _died(self) -> _DiedError:
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            status = None
        self.stop()
        if status == -signal.SIGXCPU:
            return _DiedError("decoding takes too much computing time for what it gives", is_doubtful=False)
        is_killed = status in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP)
        return _DiedError(f"the decoder failed: {how_it_ended(status)}", is_doubtful=is_killed or self.n_asked > 1)


class _TimedPipe(io.RawIOBase):
    """A pipe whose reads fail after a time without any data."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self.timeout_s = PATIENCE_S
        self._poll = select.poll()
        self._poll.register(pipe, select.POLLIN)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there into a buffer; return the number of bytes, 0 at the end.

        Raises:
            TimeoutError: if nothing comes
        """
        if not self._poll.poll(self.timeout_s * 1000):
            raise TimeoutError
        return os.readv(self._pipe.fileno(), [buffer])

    def close(self) -> None:
        """Close the pipe."""
        self._pipe.close()
        super().close()


class _Idle:
    """Decoders that wait for a request, the last used one last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.decoders = list[_Decoder]()


_IDLE = _Idle()


def _taken() -> _Decoder:
    with _IDLE.lock:
        while _IDLE.decoders:
            decoder = _IDLE.decoders.pop()
            if decoder.is_running:
                return decoder
            decoder.stop()
    return _Decoder()


def _give_back(decoder: _Decoder) -> None:
    if decoder.n_asked < _MAX_REQUESTS:
        with _IDLE.lock:
            if len(_IDLE.decoders) < _MAX_IDLE:
                _IDLE.decoders.append(decoder)
                return
    decoder.stop()


def _asked_again(request: Message, n_bytes: int) -> Message:
    decoder = _Decoder()
    try:
        answer = decoder.ask(request, n_bytes)
    except _DiedError as died:
        raise DecoderDiedError(str(died)) from None
    _give_back(decoder)
    return answer


def stop_all() -> None:
    """Stop the decoders that are not in use."""
    with _IDLE.lock:
        idle, _IDLE.decoders = _IDLE.decoders, []
    for decoder in idle:
        decoder.stop()


def _forget_all() -> None:
    idle, _IDLE.decoders, _IDLE.lock = _IDLE.decoders, [], threading.Lock()
    for decoder in idle:
        decoder.forget()


atexit.register(stop_all)
os.register_at_fork(after_in_child=_forget_all)


def _size(source: Path) -> int:
    """Return a file's size in bytes; raise the OSError here if it cannot be read."""
    n_bytes = source.stat().st_size
    if not n_bytes:
        raise AudioError("the file is empty (0 bytes)")
    with source.open("rb"):
        return n_bytes


def _environment() -> dict[str, str]:
    kept = {name: value for name in _KEPT_VARIABLES if (value := os.environ.get(name)) is not None}
    # relative entries of sys.path count from this process's folder
    places = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
    return {**kept, "PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _result(answer: Message, source: Path) -> Message:
    values = answer.values
    if answer.kind == child.DONE:
        return answer
    if answer.kind == child.REJECTED:
        raise BY_NAME.get(values["error"], AudioError)(values["message"])
    if answer.kind == child.SYSTEM:
        is_source = values["filename"] == str(source.absolute())
        raise OSError(values["errno"], values["message"], str(source) if is_source else values["filename"])
    raise RuntimeError(f"the decoder met a bug:\n{values.get('traceback')}")
