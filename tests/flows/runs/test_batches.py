"""Batches: at most 200 a stage, every item once, in order; no batch mixes hosts unless there are too many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from flows.runs import batches
from tasks.core import code_version, tables
from tasks.core.config import Section
from tasks.core.each import Work
from tasks.core.errors import UndertoneError
from tasks.core.results import Result

SCHEMA = pa.schema([("id", pa.string())])


@pytest.mark.parametrize(("n_items", "most"), [(0, 64), (1, 64), (7, 3), (1000, 64), (5000, 1000)])
def test_split_keeps_the_order_in_batches_of_equal_size(n_items: int, most: int) -> None:
    split = batches.split(n_items, most)
    assert [position for batch in split for position in batch.positions] == list(range(n_items))
    assert len(split) <= min(most, batches.MAX_BATCHES)
    sizes = [len(batch.positions) for batch in split]
    assert not split or 0 < min(sizes) >= max(sizes) - 1


def test_batches_of_one_host_are_limited_and_not_mixed() -> None:
    hosts = ["a"] * 50 + ["b", "a", "c"]
    split = batches.split_by_host(hosts, per_host=4, max_batches=64)
    assert sorted(position for batch in split for position in batch.positions) == list(range(53))
    assert Counter(batch.hosts for batch in split) == {("a",): 4, ("b",): 1, ("c",): 1}
    assert all({hosts[position] for position in batch.positions} == set(batch.hosts) for batch in split)


@pytest.mark.parametrize(("n_hosts", "most"), [(3, 5), (64, 64), (1000, 64), (1000, 500)])
def test_many_hosts_stay_within_the_bound(n_hosts: int, most: int) -> None:
    hosts = [f"h{number % n_hosts}" for number in range(2 * n_hosts)]
    split = batches.split_by_host(hosts, per_host=4, max_batches=most)
    assert len(split) <= min(most, batches.MAX_BATCHES)
    assert sorted(position for batch in split for position in batch.positions) == list(range(2 * n_hosts))
    assert all({hosts[position] for position in batch.positions} == set(batch.hosts) for batch in split)


@pytest.mark.parametrize("n_items", [0, 1, 3, 20, 1000])
@pytest.mark.parametrize("item_s", [0.0, 0.007, 0.05, 300.0])
def test_batches_of_a_cluster_do_every_item_once(n_items: int, item_s: float) -> None:
    trials = batches.trial_batches(n_items, 4)
    rest = range(sum(len(batch.positions) for batch in trials), n_items)
    timed = batches.timed_batches(rest, item_s, 4, 64)
    assert [position for batch in (*trials, *timed) for position in batch.positions] == list(range(n_items))
    assert all(batch.positions for batch in (*trials, *timed))
    assert len(trials) <= 4


def test_batches_of_a_cluster_are_longer_where_items_are_short() -> None:
    trials = batches.trial_batches(1000, 4)
    assert [len(batch.positions) for batch in trials] == [8, 8, 8, 8]
    assert [len(batches.timed_batches(range(32, 1000), item_s, 4, 64)) for item_s in (0, 0.007, 0.05, 300)] == [
        4,
        4,
        4,
        64,
    ]
    assert len(batches.timed_batches(range(32, 1000), 0.1, 4, 64)) == 8


@dataclass(frozen=True)
class Word:
    id: str
    content: str = ""


def measure_one(item: Word, _: Section) -> Result:
    return Result(tables.from_rows([{"id": item.id}], SCHEMA))


def test_processes_with_other_code_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_version, "of_everything", lambda: "here")
    work = Work("measure", measure_one, Section(), SCHEMA).pinned()
    outcomes, item_s = batches.do_batch("here", work, [Word("a"), Word("b")])
    assert [outcome.item for outcome in outcomes] == ["a", "b"]
    assert item_s > 0
    with pytest.raises(UndertoneError, match="install the same version"):
        batches.do_batch("there", work, [Word("a")])
