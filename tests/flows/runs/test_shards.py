"""Shards: at most 200 task runs a stage, each item once, in order; never two hosts in one unless there are too many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from flows.runs import shards
from tasks.core import code_version, tables
from tasks.core.config import Section
from tasks.core.each import Work
from tasks.core.errors import UndertoneError
from tasks.core.results import Result

SCHEMA = pa.schema([("id", pa.string())])


@pytest.mark.parametrize(("n_items", "most"), [(0, 64), (1, 64), (7, 3), (1000, 64), (5000, 1000)])
def test_cut_keeps_order_and_size(n_items: int, most: int) -> None:
    parts = shards.cut(n_items, most)
    assert [position for part in parts for position in part.positions] == list(range(n_items))
    assert len(parts) <= min(most, shards.MOST_SHARDS)
    sizes = [len(part.positions) for part in parts]
    assert not parts or 0 < min(sizes) >= max(sizes) - 1


def test_a_host_gets_so_many_shards_and_shares_none() -> None:
    hosts = ["a"] * 50 + ["b", "a", "c"]
    parts = shards.cut_by_host(hosts, per_host=4, most=64)
    assert sorted(position for part in parts for position in part.positions) == list(range(53))
    assert Counter(part.hosts for part in parts) == {("a",): 4, ("b",): 1, ("c",): 1}
    assert all({hosts[position] for position in part.positions} == set(part.hosts) for part in parts)


@pytest.mark.parametrize(("n_hosts", "most"), [(3, 5), (64, 64), (1000, 64), (1000, 500)])
def test_many_hosts_stay_within_the_bound(n_hosts: int, most: int) -> None:
    hosts = [f"h{number % n_hosts}" for number in range(2 * n_hosts)]
    parts = shards.cut_by_host(hosts, per_host=4, most=most)
    assert len(parts) <= min(most, shards.MOST_SHARDS)
    assert sorted(position for part in parts for position in part.positions) == list(range(2 * n_hosts))
    assert all({hosts[position] for position in part.positions} == set(part.hosts) for part in parts)


@dataclass(frozen=True)
class Word:
    id: str
    content: str = ""


def measure_one(item: Word, _: Section) -> Result:
    return Result(tables.from_rows([{"id": item.id}], SCHEMA))


def test_a_worker_elsewhere_or_with_other_code_is_told_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_version, "version", lambda module: "here")
    work = Work("measure", measure_one, Section(), SCHEMA).pinned()
    assert len(shards.do_shard(str(project), "here", work, [Word("a"), Word("b")])) == 2
    with pytest.raises(UndertoneError, match="start workers in the project folder"):
        shards.do_shard("/elsewhere", "here", work, [Word("a")])
    with pytest.raises(UndertoneError, match="install the same version"):
        shards.do_shard(str(project), "there", work, [Word("a")])
