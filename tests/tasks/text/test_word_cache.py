"""WordCache: each is looked up once, and not too many are kept."""

from __future__ import annotations

import pytest

from tasks.text import word_cache


def test_chunks_that_are_forgotten_are_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_cache, "_MAX_CHUNKS", 2)
    asked = list[str]()
    known = word_cache.WordCache(lambda chunk: asked.append(chunk) or chunk.upper())
    assert known.of(" a b\na c a ") == ["A", "B", "A", "C", "A"]
    assert len(known) <= 2
    assert asked == ["a", "b", "c", "a"]
