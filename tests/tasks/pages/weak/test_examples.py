"""Tests of the example segments: correct and wrong ones alternate, over many videos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.core import paths, tables
from tasks.core.errors import TableError
from tasks.pages.weak import examples, inputs


def row(number: int, group: str, label: str, predicted: str) -> dict[str, Any]:
    one = f"weak/{group}/{number:04}"
    return {"utterance_id": one, "group": group, "label": label, "predicted": predicted}


def test_correct_and_wrong_alternate_over_the_videos() -> None:
    rows = [row(n, f"test-{n % 3}", "neutral", "neutral" if n % 2 else "positive") for n in range(30)]
    picked = [next(one for one in rows if one["utterance_id"] == chosen) for chosen in examples.choose(rows, 6)]
    assert [one["label"] == one["predicted"] for one in picked] == [True, False] * 3
    assert sorted(one["group"] for one in picked) == ["test-0", "test-0", "test-1", "test-1", "test-2", "test-2"]


def test_the_order_of_rows_does_not_matter() -> None:
    rows = [row(n, f"test-{n % 3}", "negative", "neutral") for n in range(20)]
    assert examples.choose(rows, 4) == examples.choose(rows[::-1], 4)


def test_few_rows_are_enough() -> None:
    rows = [row(2, "test-1", "neutral", "neutral")]
    assert examples.choose(rows, 4) == ("weak/test-1/0002",)
    assert examples.choose(rows, 0) == ()


def test_load_returns_sound_text_and_votes(finished: Callable[..., Any]) -> None:
    finished(title="A talk")
    results = inputs.read("interviews-source")
    ids = examples.choose(results.scored, 2)
    loaded = examples.load(ids, results)
    assert tuple(segment["utterance_id"] for segment in loaded) == ids
    assert all(segment["sound"].startswith("data:audio/flac;base64,ZkxhQ") for segment in loaded)
    assert all(segment["title"].startswith("A talk") and len(segment["votes"]) == 3 for segment in loaded)


def test_sounds_are_left_out_where_they_would_make_a_page_large() -> None:
    lists = [[{"id": f"{k}{n}", "sound": "x" * 10} for n in range(3)] for k in "ab"]
    limited = examples.limit_sounds(lists, 30)
    assert [[segment["id"] for segment in of_list if segment["sound"]] for of_list in limited] == [["a0", "a1"], ["b0"]]
    assert [len(of_list) for of_list in limited] == [3, 3]
    assert lists[1][2]["sound"]
    assert examples.limit_sounds(lists, 60) == lists


def test_a_segment_that_is_not_where_the_index_says(finished: Callable[..., Any]) -> None:
    finished()
    results = inputs.read("interviews-source")
    for shard in paths.SHARDS.iterdir():
        n_groups = pq.ParquetFile(shard).num_row_groups
        with pq.ParquetWriter(shard, tables.SEGMENTS) as writer:
            for _ in range(n_groups):
                writer.write_table(tables.SEGMENTS.empty_table())
    with pytest.raises(TableError, match=r"is not where the index says; run segments again"):
        examples.load(examples.choose(results.scored, 1), results)
