"""WordCache: each chunk is computed once, and the size is limited."""

from __future__ import annotations

import pytest

from tasks.text import word_cache


def test_chunks_dropped_from_the_cache_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_cache, "_MAX_CHUNKS", 2)
    asked = list[str]()
    cache = word_cache.WordCache(lambda chunk: asked.append(chunk) or chunk.upper())
    assert cache.of(" a b\na c a ") == ["A", "B", "A", "C", "A"]
    assert len(cache) <= 2
    assert asked == ["a", "b", "c", "a"]
