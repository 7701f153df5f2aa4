"""Playback that pages report: a label is accepted only after its clip was played."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

_MOST_LISTENERS = 1_000


@dataclass(frozen=True)
class PlayedClip:
    """The clip that a listener's page plays.

    Args:
        key: the item's
        first_at: when it began for the first time, by the log's clock
        starts: how often it began
    """

    key: str
    first_at: float
    starts: int


@dataclass
class PlaybackLog:
    """The clip that every listener has played last. Lost at a restart: pages are opened again and play it again.

    Args:
        clock: monotonic seconds
    """

    clock: Callable[[], float] = time.monotonic
    _clips: OrderedDict[str, PlayedClip] = field(default_factory=OrderedDict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def started(self, listener: str, key: str) -> None:
        """Note that a clip began to play.

        Args:
            listener: a name from `checked_name`
            key: the item's
        """
        with self._lock:
            earlier = self._clips.pop(listener, None)
            if earlier is None or earlier.key != key:
                earlier = PlayedClip(key, self.clock(), 0)
            self._clips[listener] = PlayedClip(key, earlier.first_at, earlier.starts + 1)
            if len(self._clips) > _MOST_LISTENERS:
                self._clips.popitem(last=False)

    def played(self, listener: str, key: str) -> tuple[float, int]:
        """Return the seconds since a clip began for the first time, and how often it began; 0 and 0 if it did not.

        Args:
            listener: a name from `checked_name`
            key: the item's
        """
        with self._lock:
            clip = self._clips.get(listener)
            return (self.clock() - clip.first_at, clip.starts) if clip and clip.key == key else (0.0, 0)
