"""Cache a function of the chunks of a text (the parts between spaces).

Captions repeat their words: a hundred thousand captions have a million chunks, of which some ten thousand differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_MAX_CHUNKS = 100_000
"""Limit of the cache: invented words in untrusted captions must not fill the memory."""


class WordCache(dict[str, T]):
    """A dictionary of chunks that computes missing values.

    Args:
        compute: returns the value of a chunk
    """

    def __init__(self, compute: Callable[[str], T]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, chunk: str) -> T:
        if len(self) >= _MAX_CHUNKS:
            self.clear()
        value = self[chunk] = self._compute(chunk)
        return value

    def of(self, text: str) -> list[T]:
        """Return the value of each chunk of a text, in order."""
        return list(map(self.__getitem__, text.split()))
