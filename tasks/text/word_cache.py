"""What is known of each chunk of a text (what stands between two spaces), looked up once.

Captions repeat their words: a hundred thousand of them have a million chunks, of which some ten thousand differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_MOST = 100_000
"""Chunks that are kept: a million captions of strangers' inventions must not fill the memory."""


class Chunks(dict[str, T]):
    """A table of chunks that fills itself.

    Args:
        look: what is known of one chunk
    """

    def __init__(self, look: Callable[[str], T]) -> None:
        super().__init__()
        self._look = look

    def __missing__(self, chunk: str) -> T:
        if len(self) >= _MOST:
            self.clear()
        found = self[chunk] = self._look(chunk)
        return found

    def of(self, text: str) -> list[T]:
        """Return what is known of each chunk of a text, in order."""
        return list(map(self.__getitem__, text.split()))
