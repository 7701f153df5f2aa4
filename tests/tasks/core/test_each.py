"""Remembered work: by content, whole, checked; rejects kept, transient ones tried again, bugs let through."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.core import each, memo, paths, results, tables
from tasks.core.config import Config, Section
from tasks.core.errors import ItemFailed, Rejected, Transient
from tasks.core.workers import Pool

SCHEMA = pa.schema([("id", pa.string()), ("length", pa.int64())])


@dataclass(frozen=True)
class Word:
    id: str
    text: str

    @property
    def content(self) -> str:
        return self.text


class Factor(Section):
    factor: int


def measure_one(item: Word, settings: Factor) -> results.Result:
    with Path("calls.log").open("a") as log:
        log.write(f"{item.id}\n")
    if item.text == "bad":
        raise Rejected("bad word", item.text)
    if item.text == "busy":
        raise Transient("unavailable for now")
    if item.text == "bug":
        raise ZeroDivisionError
    rows = [{"id": item.id, "length": len(item.text) * settings.factor}]
    return results.Result(tables.from_rows(rows, SCHEMA), (results.Reject(f"{item.id}/x", "odd"),))


def work(factor: int = 1) -> each.Work:
    return each.Work("measure", measure_one, Factor(factor=factor), SCHEMA, version="1")


def calls() -> list[str]:
    log = Path("calls.log")
    found = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return found


def run(
    items: list[Word], job: each.Work | None = None, workers: int = 1, settings: Config | None = None
) -> results.Result:
    assert settings is not None
    runtime = settings.runtime.model_copy(update={"workers": workers, "progress": "never"})
    return each.collect(each.local(runtime)(job or work(), items), SCHEMA)


def test_a_second_run_remembers_and_an_addition_costs_one(project: Path, settings: Config) -> None:
    words = [Word("a", "one"), Word("b", "three")]
    first = run(words, settings=settings)
    assert calls() == ["a", "b"]
    again = run([*words, Word("c", "seven")], settings=settings)
    assert calls() == ["c"]
    assert again.rows.to_pylist()[:2] == first.rows.to_pylist()
    assert [r.id for r in again.rejects] == ["a/x", "b/x", "c/x"]


def test_content_parameters_version_and_schema_decide_the_key(project: Path, settings: Config) -> None:
    item = Word("a", "one")
    keys = {
        work().key(item),
        work(2).key(item),
        work().key(replace(item, text="two")),
        replace(work(), version="2").key(item),
        replace(work(), schema=pa.schema([("id", pa.string())])).key(item),
    }
    assert len(keys) == 5


def test_rejects_are_remembered_transient_ones_tried_again(project: Path, settings: Config) -> None:
    words = [Word("a", "bad"), Word("b", "busy"), Word("c", "fine")]
    found = run(words, settings=settings)
    assert [(r.id, r.reason) for r in found.rejects] == [
        ("a", "bad word"),
        ("b", "unavailable for now"),
        ("c/x", "odd"),
    ]
    assert calls() == ["a", "b", "c"]
    run(words, settings=settings)
    assert calls() == ["b"]
    place = work().place(words[1])
    assert (place.exists(), place.with_suffix(".passing.arrow").exists()) == (False, True)


def test_a_bug_fails_the_stage_and_keeps_what_was_done(project: Path, settings: Config) -> None:
    with pytest.raises(ItemFailed, match=r"^measure: b: ZeroDivisionError"):
        run([Word("a", "one"), Word("b", "bug")], settings=settings)
    calls()
    run([Word("a", "one")], settings=settings)
    assert calls() == []


def test_a_damaged_entry_is_computed_again(project: Path, settings: Config) -> None:
    first = run([Word("a", "one")], settings=settings)
    (entry,) = paths.MEMO.rglob("*.arrow")
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 0xFF
    entry.write_bytes(content)
    calls()
    assert run([Word("a", "one")], settings=settings).rows.equals(first.rows)
    assert calls() == ["a"]


def test_processes_give_the_same_rows_in_the_same_order(project: Path, settings: Config) -> None:
    words = [Word(f"{n:02d}", "x" * n) for n in range(1, 5)]
    serial = run(words, settings=settings)
    for entry in paths.MEMO.rglob("*.arrow"):
        entry.unlink()
    assert run(words, workers=2, settings=settings).rows.equals(serial.rows)


def at_work(item: Word, settings: Factor) -> results.Result:
    """Tell which process this is, after as many seconds as the item says."""
    time.sleep(float(item.text))
    return results.Result(tables.from_rows([{"id": item.id, "length": os.getpid()}], SCHEMA))


@pytest.mark.parametrize(
    ("seconds", "workers", "n_here"),
    [
        pytest.param([0.0] * 12, 2, 12, id="short ones are done before a pool has started"),
        pytest.param([0.5] * 12, 2, 2, id="long ones go to a pool once that is known"),
        pytest.param([3.0, *[0.0] * 11], 2, 12, id="the first may take long to import"),
        pytest.param([0.0] * 6, 8, 0, id="a few for many workers go to a pool at once"),
        pytest.param([0.0] * 12, 1, 12, id="one worker needs no pool"),
    ],
)
def test_a_pool_is_started_where_it_is_worth_it(
    project: Path, settings: Config, seconds: list[float], workers: int, n_here: int
) -> None:
    words = [Word(f"{n:02d}", str(one)) for n, one in enumerate(seconds)]
    job = each.Work("measure", at_work, Factor(factor=1), SCHEMA, version="1")
    found = run(words, job, workers, settings).rows.to_pylist()
    assert [one["id"] for one in found] == [one.id for one in words]
    here = [one["length"] == os.getpid() for one in found]
    assert here == [True] * n_here + [False] * (len(words) - n_here)


def test_what_is_remembered_is_read_by_whoever_asks_for_it_and_once(
    project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [Word("a", "one"), Word("b", "three"), Word("c", "seven")]
    run(words, settings=settings)
    read, recall = list[Path](), memo.recall
    monkeypatch.setattr(memo, "recall", lambda place: (read.append(place), recall(place))[1])
    outcomes = list(each.local(settings.runtime)(work(), words))
    assert all(outcome.remembered for outcome in outcomes)
    assert read == []
    assert [outcome.result().rows["id"][0].as_py() for outcome in outcomes] == ["a", "b", "c"]
    assert read == [outcome.memo for outcome in outcomes]


def test_processes_begin_where_many_items_are_new_and_help_once_they_have(
    project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, done = list[tuple[str, ...]](), list[int]()
    monkeypatch.setattr(Pool, "prepare", lambda self, modules: begun.append(tuple(modules)))
    monkeypatch.setattr(Pool, "ready", property(lambda self: bool(begun) and len(calls_so_far()) >= 12))
    monkeypatch.setattr(Pool, "map", lambda self, do, items: (done.append(len(items)), map(do, items))[1])
    words = [Word(f"{n:02d}", "one") for n in range(40)]
    runtime = settings.runtime.model_copy(update={"workers": 2, "progress": "never"})
    with each.lasting(runtime, ["colorsys"]) as lasting:
        each.collect(lasting(work(), words[:8]), SCHEMA)
        assert begun == []
        assert each.collect(lasting(work(), words), SCHEMA).rows.num_rows == 40
    assert begun == [("colorsys",)]
    assert done == [28], "four were done here before the others had begun"


def calls_so_far() -> list[str]:
    return Path("calls.log").read_text().split()


def test_verify_can_refuse_a_remembered_result(project: Path, settings: Config) -> None:
    run([Word("a", "one")], settings=settings)
    calls()
    run([Word("a", "one")], replace(work(), verify=lambda item, result: False), settings=settings)
    assert calls() == ["a"]


def test_a_full_disk_leaves_no_half_file(project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            run([Word("a", "one")], settings=settings)
    assert not [path for path in project.rglob("*") if path.suffix in {".part", ".arrow"}]
    assert run([Word("a", "one")], settings=settings).rows.num_rows == 1
