"""Runners: same results from threads and processes; retries after transient failures, none after a bug."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from prefect import flow
from prefect.artifacts import Artifact

from flows.runs import batches, progress, runners
from tasks.core import each, tables
from tasks.core.config import Config, Runtime, Section
from tasks.core.errors import Transient
from tasks.core.outcomes import ItemsFailed
from tasks.core.results import Result

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
