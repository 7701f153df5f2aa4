"""Shards: at most 200 task runs a stage, in order, nothing lost."""

from __future__ import annotations

from typing import Any

import pytest

from flows import shards


@pytest.mark.parametrize(("n_items", "asked"), [(0, 64), (1, 64), (7, 3), (1000, 64), (5000, 1000)])
def test_cut_keeps_order_and_size(n_items: int, asked: int) -> None:
    items: Any = list(range(n_items))
    parts = shards.cut(items, asked)
    assert [item for part in parts for item in part] == items
    assert len(parts) <= min(asked, shards.MOST_SHARDS)
    assert all(parts)
    if parts:
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
