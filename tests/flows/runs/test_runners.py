"""Runners: same results from threads and processes; retries after transient failures, none after a bug."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from prefect import flow
from prefect.artifacts import Artifact

from flows.runs import batches, progress, runners, worker_folder
from flows.runs.exchange import Exchange
from flows.runs.object_store import ObjectStore
from flows.runs.worker_folder import WorkerFolder
from tasks.core import each, paths, tables
from tasks.core.config import Config, Runtime, Section
from tasks.core.errors import Transient
from tasks.core.item_files import ItemFile
from tasks.core.outcomes import ItemsFailed
from tasks.core.results import Result
from tasks.core.workers import WorkerDied

pytestmark = pytest.mark.filterwarnings("default")
SCHEMA = pa.schema([("id", pa.string()), ("length", pa.int64())])


@dataclass(frozen=True)
class Word:
    id: str
    text: str

    @property
    def content(self) -> str:
        return self.text


def tries(item: Word) -> int:
    with Path(f"tries-{item.id}").open("a+") as log:
        log.write(".")
        log.flush()
        log.seek(0)
        return len(log.read())


def measure_one(item: Word, _: Section) -> Result:
    number = tries(item)
    if item.text == "busy at first" and number < 3:
        raise Transient("unavailable for now")
    if item.text == "busy":
        raise Transient("unavailable for now")
    if item.text == "deadly at first" and number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if item.text == "deadly":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item.text == "hangs at first" and number == 1:
        time.sleep(600)
    if item.text == "bug":
        raise ZeroDivisionError("division by zero")
    return Result(tables.from_rows([{"id": item.id, "length": len(item.text)}], SCHEMA))


def host(_: Word) -> str:
    return "example.org"


WORK = each.Work("measure", measure_one, Section(), SCHEMA, version="1")


@pytest.fixture
def runtime(project: Path, settings: Config, prefect: None) -> Runtime:
    changes = {"workers": 2, "retry_delays_s": [0.01, 0.01], "shards": 4, "shard_timeout_s": 20.0}
    return settings.runtime.model_copy(update=changes)


def ran(kind: runners.Kind, runtime: Runtime, *texts: str, work: each.Work = WORK) -> Result:
    items = [Word(f"{number:02d}", text) for number, text in enumerate(texts)]
    results: list[Result] = []

    @flow(name="measured")
    def measured() -> None:
        with runners.started(kind, None, runtime) as runner:
            results.append(each.collect(batches.mapped(runner, runtime)(work, items), SCHEMA))

    measured()
    return results[0]


def test_every_runner_gives_the_same_rows_in_the_same_order(runtime: Runtime) -> None:
    texts = ["x" * n for n in range(1, 12)]
    by_process = ran("processes", runtime, *texts, work=replace(WORK, host=host))
    for log in Path().glob("tries-*"):
        log.unlink()
    again = ran("threads", runtime, *texts, work=replace(WORK, host=host))
    assert not list(Path().glob("tries-*")), "the cache is shared by all runners"
    assert again.rows.equals(by_process.rows)
    assert by_process.rows["length"].to_pylist() == list(range(1, 12))


def test_a_flow_reads_and_writes_the_index_of_results(runtime: Runtime) -> None:
    texts = ["fine", "x", "xy"]
    first = ran("threads", runtime, *texts)
    entries = list(paths.MEMO.glob("measure/*/*.arrow"))
    assert len(entries) == 3
    for entry in entries:
        entry.unlink()
    # results of the index are not looked up by name
    again = ran("threads", runtime, *texts, "new")
    assert again.rows.slice(0, 3).equals(first.rows)
    assert [len(Path(f"tries-{number:02d}").read_text()) for number in range(4)] == [1, 1, 1, 1]
    assert len(list(paths.MEMO.glob("measure/*/*.arrow"))) == 1


@pytest.mark.parametrize(("item_s", "n_batches"), [(0.001, 4), (2.0, 10)])
def test_short_items_make_few_batches_and_long_ones_more(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, item_s: float, n_batches: int
) -> None:
    submitted = list[int]()

    class Counting(runners.Completions):
        def add(self, number: int, future: Any) -> None:
            submitted.append(number)
            super().add(number, future)

    monkeypatch.setattr(batches, "Completions", Counting)
    monkeypatch.setattr(worker_folder, "mean", lambda _: item_s)
    runtime = runtime.model_copy(update={"shards": 64})
    result = ran("threads", runtime, *(f"text {number}" for number in range(40)))
    assert result.rows["id"].to_pylist() == [f"{number:02d}" for number in range(40)]
    assert submitted == list(range(n_batches))


@dataclass(frozen=True)
class FakeCluster:
    """A cluster of one worker in this process; of its batches, those of the given numbers end it."""

    tasks: Any
    exchange: Exchange
    deadly: tuple[int, ...] = ()
    asked: list[Any] = field(default_factory=list)
    n_workers: int = 1

    def call(self, function: Any, *arguments: Any) -> Any:
        self.asked.append(function)
        result = function(*arguments)
        if len(self.asked) - 1 in self.deadly:
            raise WorkerDied("several Dask workers died with this batch")
        return result


@pytest.mark.parametrize("deadly", [(), (0,), (1,)])
def test_a_cluster_does_what_states_its_files_and_this_machine_the_rest(
    runtime: Runtime, tmp_path: Path, deadly: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = WorkerFolder(tmp_path / "worker")
    monkeypatch.setattr(worker_folder, "_folder", lambda: folder)
    items = [Word(f"{number:02d}", "x" * number) for number in range(1, 31)]
    lengths: dict[bool, list[int]] = {}

    @flow(name="measured")
    def measured() -> None:
        with runners.started("threads", None, runtime) as here:
            exchange = Exchange(ObjectStore((tmp_path / "store").as_uri()), Path.cwd(), 1 << 20)
            cluster: Any = FakeCluster(here.tasks, exchange, deadly)
            for elsewhere in (True, False):
                work = replace(WORK, version=str(elsewhere), reads=no_files if elsewhere else None)
                outcomes = batches.mapped(replace(here, cluster=cluster), runtime)(work, items)
                lengths[elsewhere] = each.collect(outcomes, SCHEMA).rows["length"].to_pylist()
            assert len(cluster.asked) == 2

    measured()
    assert lengths[True] == lengths[False] == list(range(1, 31))
    n_alone = {(): 0, (0,): 3, (1,): 27}[deadly]
    # items of a batch that is given up are done on this machine; the others were done by the worker only
    assert len(list(folder.root.glob("tries-*"))) == 30
    assert len([log for log in Path().glob("tries-*") if len(log.read_text()) == 2]) == n_alone


def no_files(_: Word) -> tuple[ItemFile, ...]:
    return ()


def test_transient_failures_are_retried_and_other_items_are_cached(runtime: Runtime) -> None:
    result = ran("threads", runtime, "fine", "busy at first", "busy", "fine too")
    assert [row["id"] for row in result.rows.to_pylist()] == ["00", "01", "03"]
    assert [(reject.id, reject.reason) for reject in result.rejects] == [("02", "unavailable for now")]
    assert len(Path("tries-01").read_text()) == 3
    assert len(Path("tries-02").read_text()) == 1 + len(runtime.retry_delays_s)
    assert len(Path("tries-00").read_text()) == 1


@pytest.mark.parametrize("text", ["deadly at first", "hangs at first"])
def test_a_worker_that_dies_or_hangs_is_replaced(runtime: Runtime, text: str) -> None:
    result = ran("processes", runtime, "fine", text, "fine too")
    assert result.rows["length"].to_pylist() == [4, len(text), 8]


def test_an_item_whose_process_dies_each_time_is_a_bug_and_the_others_are_done(runtime: Runtime) -> None:
    with pytest.raises(
        ItemsFailed, match=r"^01: WorkerDied: the process was killed by SIGSEGV\n1 of 5 items of measure"
    ):
        ran("processes", runtime, "fine", "deadly", "fine too", "x", "xy")
    n_tries = len(Path("tries-02").read_text())
    assert ran("processes", runtime, "fine", "mended", "fine too", "x", "xy").rows["length"].to_pylist() == [
        4,
        6,
        8,
        1,
        2,
    ]
    assert len(Path("tries-02").read_text()) == n_tries, "the other items are cached"


def no_host(_: Word) -> str:
    raise ValueError("Invalid IPv6 URL")


def test_an_item_without_a_host_is_done(runtime: Runtime) -> None:
    assert ran("threads", runtime, "fine", work=replace(WORK, host=no_host)).rows["length"].to_pylist() == [4]


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_bug_is_not_retried_and_its_item_is_named(runtime: Runtime, kind: Any) -> None:
    with pytest.raises(ItemsFailed, match=r"^01: ZeroDivisionError: division by zero\n1 of 3 items of measure met"):
        ran(kind, runtime, "fine", "bug", "fine too")
    assert len(Path("tries-01").read_text()) == 1
    assert ran(kind, runtime, "fine", "x", "fine too").rows["length"].to_pylist() == [4, 1, 8]
    assert len(Path("tries-02").read_text()) == 1, "the other items are cached"


def test_a_long_stage_has_a_progress_bar(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PAUSE_S", 0.0)
    ran("threads", runtime, *(f"text {number}" for number in range(9)))
    bar = Artifact.get("measure-progress")
    assert bar is not None
    assert float(str(bar.data)) == 100.0
