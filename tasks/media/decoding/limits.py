"""Limits of decoding: what headers may state, and the computing time and memory that a file may take.

Computing time is limited, not elapsed time, so that a busy machine rejects nothing. It is granted for what is decoded:
the time a file takes is linear in its content, while a decoder that makes no progress is stopped after seconds.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tasks.core.errors import AudioError

RATES_HZ = (1_000, 768_000)
MAX_CHANNELS = 64
MAX_SIDE = 16_384
MAX_PIXELS = 1 << 27
"""Limit of a picture: four times 8K."""
MAX_DURATION_S = 7 * 24 * 3600.0
"""Longer than any recording; a header that states more is damaged."""
MAX_IN_MEMORY_S = 24 * 3600.0
"""Sound that is returned in memory: 2.8 GB."""
MEMORY_BYTES = 4 << 30
FLOOR_S = 5.0
"""Computing time of a file that gives no sound and no picture, for example one that is not decodable."""
S_PER_BYTE = 2e-6
S_PER_SOUND_S = 0.1
S_PER_PIXEL = 2e-7
"""About ten times what the slowest common decoders take on an old machine."""
_REPORT_S = 1.0


def check_sound(rate_hz: int, channels: int) -> None:
    """Check the sampling rate and the number of channels that a stream or frame states.

    Args:
        rate_hz: sampling rate
        channels: number of channels

    Raises:
        AudioError: if no recording has them: resampling would take hours or all memory
    """
    low, high = RATES_HZ
    if not low <= rate_hz <= high:
        raise AudioError(f"damaged: its sampling rate is {rate_hz:,} Hz; expected are {low:,} to {high:,} Hz")
    if not 0 < channels <= MAX_CHANNELS:
        raise AudioError(f"damaged: it has {channels:,} channels; expected are 1 to {MAX_CHANNELS}")


def check_picture(width: int, height: int) -> None:
    """Check the size that a stream of video, or a frame, states.

    Args:
        width: in pixels
        height: in pixels

    Raises:
        AudioError: if no camera makes such pictures
    """
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise AudioError(
            f"damaged: its pictures are {width:,} × {height:,} pixels; expected are at most {MAX_SIDE:,} a side and "
            f"{MAX_PIXELS:,} in all"
        )


def check_duration(duration_s: float) -> None:
    """Check the duration that a header states.

    Raises:
        AudioError: if no recording is that long
    """
    if not duration_s <= MAX_DURATION_S:
        raise AudioError(
            f"damaged: its header states {duration_s:,.0f} s; expected are at most {MAX_DURATION_S:,.0f} s"
        )


@dataclass
class ComputingTime:
    """The computing time that a file may still take; the kernel stops this process after it.

    Args:
        report: called about every second while there is progress; the parent waits only so long for a sign of life
    """

    report: Callable[[], None]
    _granted_s: float = field(default=0.0, init=False)
    _next_s: float = field(default=0.0, init=False)
    _reported_s: float = field(default=0.0, init=False)

    def start(self, n_bytes: int) -> None:
        """Set the limit for a new file.

        Args:
            n_bytes: the file's size
        """
        self._granted_s = _used_s() + FLOOR_S + n_bytes * S_PER_BYTE
        self._next_s, self._reported_s = 0.0, time.monotonic()
        self._limit()

    def grant(self, seconds: float) -> None:
        """Grant more time, in seconds, since something was decoded."""
        self._granted_s += seconds
        # a system call for each frame would be slow
        if self._granted_s >= self._next_s:
            self._limit()
            self._next_s = self._granted_s + _REPORT_S
            if time.monotonic() - self._reported_s > _REPORT_S:
                self.report()
                self._reported_s = time.monotonic()

    def _limit(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        seconds = int(self._granted_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds if hard < 0 else min(seconds, hard), hard))


def restrict() -> None:
    """Limit this process's memory, and write no core dumps.

    The limit is on private writable memory: threads reserve address space that they never use.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES if hard < 0 else min(MEMORY_BYTES, hard), hard))


def _used_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
