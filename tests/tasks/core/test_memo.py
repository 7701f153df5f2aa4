"""The memo as a store: counted, bounded, checked, and never cleaned under a run's feet."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.core import locks, memo, paths, results, tables
from tasks.core.errors import Busy

SCHEMA = pa.schema([("id", pa.string())])


def kept(stage: str, name: str, age_s: float = 0.0, n_rows: int = 1) -> Path:
    place = memo.place(stage, name.ljust(64, "0"))
    memo.remember(place, results.Result(tables.from_rows([{"id": os.urandom(50).hex()}] * n_rows, SCHEMA)))
    os.utime(place, (time.time() - age_s,) * 2)
    return place


def test_what_is_kept_comes_back_with_its_rejects(project: Path) -> None:
    place = memo.place("train", "a" * 64)
    assert memo.recall(place) is None
    result = results.Result(tables.from_rows([{"id": "x"}], SCHEMA), (results.Reject("x", "odd", "found <b>"),))
    memo.remember(place, result)
    assert memo.recall(place) == result
    assert place.parent.parent.parent == paths.MEMO


def test_large_results_are_compressed_as_a_whole(project: Path) -> None:
    rows = tables.from_rows([{"id": f"weak/train-{k:05d}"} for k in range(10_000)], SCHEMA)
    place = memo.place("captions", "a" * 64)
    memo.remember(place, results.Result(rows))
    assert place.stat().st_size < rows.nbytes / 4
    assert memo.recall(place) == results.Result(rows)
    damaged = bytearray(place.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    place.write_bytes(damaged)
    assert memo.recall(place) is None


def test_entries_of_a_pack_are_written_and_read_in_one_file(project: Path) -> None:
    first, second = (memo.place("captions", letter * 64) for letter in "ab")
    values = [results.Result(tables.from_rows([{"id": f"{k}"}] * k, SCHEMA)) for k in range(3)]
    with (project / "pack").open("w+b") as file:
        with memo.packed(pack := memo.Pack(file)):
            assert not memo.touch(first)
            assert memo.recall(first) is None
            for place, value in ((first, values[0]), (second, values[1]), (first, values[2])):
                memo.remember(place, value)
            assert memo.touch(first)
            assert memo.recall(second) == values[1]
            # the last one counts
            assert memo.recall(first) == values[2]
        assert memo.recall(first) is None
        file.seek(0)
        contents = [file.read(entry.n_bytes) for entry in pack.entries]
        assert not file.read()
    assert [entry.path for entry in pack.entries] == [first, second, first]
    assert all(entry.matches(content) for entry, content in zip(pack.entries, contents, strict=True))
    assert not pack.entries[0].matches(contents[2])
    memo.remember(first, values[2])
    assert first.read_bytes() == contents[2]


def test_entries_of_earlier_versions_are_read(project: Path) -> None:
    """They were compressed by Arrow, each buffer by itself."""
    rows = tables.from_rows([{"id": "x"}] * 2000, SCHEMA).replace_schema_metadata({b"rejects": b"[]"})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(rows)
    payload = sink.getvalue().to_pybytes()
    place = memo.place("captions", "a" * 64)
    tables.write_bytes(place, hashlib.sha256(payload).digest() + payload)
    recalled = memo.recall(place)
    assert recalled is not None and recalled.rows.num_rows == 2000


def test_usage_counts_by_stage(project: Path) -> None:
    sizes = [kept("crawl", "a", 50).stat().st_size, kept("crawl", "b").stat().st_size]
    kept("train", "c")
    crawl, train = memo.usage()
    assert (crawl.stage, crawl.n_entries, crawl.n_bytes) == ("crawl", 2, sum(sizes))
    assert 49 < crawl.newest - crawl.oldest < 60
    assert train.stage == "train"


def test_the_longest_unused_goes_first_until_the_rest_fits(project: Path) -> None:
    old, middle, new = kept("crawl", "a", 300), kept("train", "b", 200), kept("crawl", "c", 100)
    bound = middle.stat().st_size + new.stat().st_size
    assert memo.clean(max_bytes=bound) == (1, pytest.approx(bound / 2, rel=0.2))
    assert [path.exists() for path in (old, middle, new)] == [False, True, True]
    assert memo.clean(max_bytes=bound) == (0, 0)


def test_age_and_stage_narrow_what_goes(project: Path) -> None:
    old, other, new = kept("crawl", "a", 300), kept("train", "b", 300), kept("crawl", "c")
    memo.clean(max_age_s=100, stages=["crawl"])
    assert [path.exists() for path in (old, other, new)] == [False, True, True]
    memo.clean(max_bytes=0)
    assert list(memo.entries()) == []


def test_use_makes_an_entry_young_again(project: Path) -> None:
    place = kept("crawl", "a", 7200)
    memo.touch(place)
    assert time.time() - place.stat().st_mtime < 60


@pytest.mark.parametrize("damage", [b"", b"x", bytes(200)])
def test_damage_is_found(project: Path, damage: bytes) -> None:
    kept("crawl", "a")
    broken = kept("crawl", "b")
    broken.write_bytes(damage)
    assert [entry.path for entry in memo.damaged()] == [broken]
    assert memo.recall(broken) is None


def test_no_cleaning_while_a_run_uses_it(project: Path) -> None:
    with (
        locks.together(memo.LOCK, wait_s=0, waiting=print),
        locks.together(memo.LOCK, wait_s=0, waiting=print),
        pytest.raises(Busy, match="memo is in use; waited 0 s"),
        locks.alone(memo.LOCK, "clean", wait_s=0, waiting=print),
    ):
        pass
    with locks.alone(memo.LOCK, "clean", wait_s=0, waiting=print):
        pass
