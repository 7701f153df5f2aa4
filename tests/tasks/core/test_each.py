"""Remembered work: by content, whole, checked; rejects kept, transient ones tried again, bugs recorded."""

from __future__ import annotations

import errno
import os
import signal
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from tasks.core import each, memo, paths, results, tables
from tasks.core.config import Config, Section
from tasks.core.errors import AudioError, InputError, Rejected, Transient
from tasks.core.outcomes import ItemsFailed
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


class PanicException(BaseException):
    """Of the name of the panics of libraries in Rust, which derive from BaseException."""


_ERRORS: dict[str, BaseException] = {
    "bug": ZeroDivisionError("division by\n\x1b[31mzero \udcff"),
    "exit": SystemExit(3),
    "panic": PanicException("index out of bounds"),
    "mute": ValueError(),
    "memory": MemoryError(),
    "odd sound": AudioError("x.wav: not a sound"),
    "setting": InputError("there is no such voter"),
    "unreadable": PermissionError(errno.EACCES, "Permission denied", "/media/x.wav"),
    "no output": PermissionError(errno.EACCES, "Permission denied", "data/measure/x.parquet"),
    "full": RuntimeError("could not write"),
    "interrupted": KeyboardInterrupt(),
}
_ERRORS["full"].__cause__ = OSError(errno.ENOSPC, "No space left on device")


def measure_one(item: Word, settings: Factor) -> results.Result:
    with Path("calls.log").open("a") as log:
        log.write(f"{item.id}\n")
    if item.text == "bad":
        raise Rejected("bad word", item.text)
    if item.text == "busy":
        raise Transient("unavailable for now")
    if item.text == "deadly":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item.text in _ERRORS:
        raise _ERRORS[item.text]
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


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_fails_the_work_after_all_other_items(project: Path, settings: Config, workers: int) -> None:
    words = [Word("a", "bug"), Word("b", "one"), Word("c", "exit"), Word("d", "three"), Word("e", "panic")]
    with pytest.raises(ItemsFailed) as caught:
        run(words, workers=workers, settings=settings)
    assert str(caught.value).splitlines() == [
        "a: ZeroDivisionError: division by ?[31mzero ?",
        "c: SystemExit: 3",
        "e: PanicException: index out of bounds",
        "3 of 5 items of measure met a bug. The others are done and kept. The stage wrote no outputs; "
        "those of its last complete run stay; the next run tries again",
    ]
    assert sorted(calls()) == ["a", "b", "c", "d", "e"]
    with pytest.raises(ItemsFailed):
        run(words, settings=settings)
    assert calls() == ["a", "c", "e"], "bugs are not cached, the other items are"


def test_an_item_that_ends_its_process_is_a_bug(project: Path, settings: Config) -> None:
    words = [Word("a", "one"), Word("b", "deadly"), Word("c", "three"), Word("d", "five")]
    with Pool(2) as pool:
        # a pool that has started does all items
        pool.prepare(["colorsys"])
        job = partial(each.do, work())
        outcomes = list(
            each.complete(replace(work(), fails_later=True), pool.map(job, words, partial(each.lost, work())))
        )
    assert [outcome.bug for outcome in outcomes] == ["", "WorkerDied: the process was killed by SIGSEGV", "", ""]
    assert outcomes[1].result().rejects[0].reason == "bug"


def test_the_message_names_ten_items_and_their_number(project: Path, settings: Config) -> None:
    with pytest.raises(ItemsFailed) as caught:
        run([Word(f"{number:02d}", "mute") for number in range(12)], settings=settings)
    assert str(caught.value).splitlines()[9:11] == ["09: ValueError", "… and 2 more items"]
    assert "12 of 12 items" in str(caught.value)


def test_a_stage_sees_no_outcome_after_a_bug(project: Path, settings: Config) -> None:
    outcomes = each.local(settings.runtime)(work(), [Word("a", "one"), Word("b", "memory"), Word("c", "three")])
    assert next(outcomes).item == "a"
    with pytest.raises(ItemsFailed, match=r"^b: MemoryError"):
        next(outcomes)


def test_work_that_fails_later_fails_with_the_next_work(project: Path, settings: Config) -> None:
    tally = each.Tally()
    counting = tally.of(each.local(settings.runtime))
    first = replace(work(), fails_later=True)
    assert [outcome.bug for outcome in counting(first, [Word("a", "mute"), Word("b", "one")])] == ["ValueError", ""]
    with pytest.raises(ItemsFailed, match=r"^a: ValueError\n1 of 3 items of measure"):
        list(counting(work(), [Word("c", "three")]))
    with pytest.raises(ItemsFailed, match=r"^a: ValueError\nd: MemoryError\n2 of 4 items"):
        list(counting(work(), [Word("d", "memory")]))
    with pytest.raises(ItemsFailed, match=r"^a: ValueError"):
        tally.demand_no_bug("measure")


@dataclass(frozen=True)
class Unnameable(Word):
    @property
    def content(self) -> str:
        raise RecursionError("too deep")


@dataclass(frozen=True)
class Unverifiable(Word):
    pass


def refuse(item: Word, result: results.Result) -> bool:
    if isinstance(item, Unverifiable):
        raise TypeError("not verifiable")
    return True


def test_a_bug_in_an_items_key_or_check_costs_that_item(project: Path, settings: Config) -> None:
    job = replace(work(), verify=refuse)
    run([Word("b", "one"), Word("c", "three")], job, settings=settings)
    calls()
    with pytest.raises(ItemsFailed, match=r"^a: RecursionError: too deep\nb: TypeError: not verifiable\n2 of 3"):
        run([Unnameable("a", "one"), Unverifiable("b", "one"), Word("c", "three")], job, settings=settings)
    assert calls() == []


def test_a_bug_in_repeating_a_damaged_item_is_no_reject(project: Path, settings: Config) -> None:
    run([Word("a", "mend")], replace(work(), one=broken_one), settings=settings)
    (entry,) = paths.MEMO.rglob("*.arrow")
    Path("broken").touch()
    entry.write_bytes(b"damaged")
    next(paths.MEMO.rglob("*.index")).unlink()
    with pytest.raises(ItemsFailed, match=r"^a: KeyError: 'x'"):
        run([Word("a", "mend")], replace(work(), one=broken_one), settings=settings)


def broken_one(item: Word, settings: Factor) -> results.Result:
    if Path("broken").exists():
        raise KeyError("x")
    return measure_one(item, settings)


def test_unusable_sound_and_unreadable_files_are_rejected_and_tried_again(project: Path, settings: Config) -> None:
    words = [Word("a", "odd sound"), Word("b", "unreadable"), Word("c", "one")]
    for _ in range(2):
        rejects = {reject.id: reject for reject in run(words, settings=settings).rejects}
        assert rejects["a"] == results.Reject("a", "unusable sound", "x.wav: not a sound")
        assert rejects["b"].reason == "unreadable file"
        assert rejects["b"].detail.startswith("/media/x.wav: permission denied")
    assert calls() == ["a", "b", "c", "a", "b"]


@pytest.mark.parametrize(("text", "error"), [("no output", PermissionError), ("full", RuntimeError)])
def test_errors_of_the_machine_end_the_run_at_once(
    project: Path, settings: Config, text: str, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        run([Word("a", text), Word("b", "one")], settings=settings)
    assert calls() == ["a"]


def test_an_interrupt_ends_the_run(project: Path, settings: Config) -> None:
    with pytest.raises(KeyboardInterrupt):
        run([Word("a", "interrupted"), Word("b", "one")], settings=settings)
    assert calls() == ["a"]


def test_a_mistake_of_the_users_names_the_item(project: Path, settings: Config) -> None:
    with pytest.raises(InputError) as caught:
        run([Word("a", "setting")], workers=2, settings=settings)
    assert caught.value.item == "a"


def test_a_damaged_entry_is_computed_again(project: Path, settings: Config) -> None:
    first = run([Word("a", "one")], settings=settings)
    (entry,), (index,) = paths.MEMO.rglob("*.arrow"), paths.MEMO.rglob("*.index")
    calls()
    damage(entry)
    # the index has the result
    assert run([Word("a", "one")], settings=settings).rows.equals(first.rows)
    assert calls() == []
    damage(index)
    assert run([Word("a", "one")], settings=settings).rows.equals(first.rows)
    assert calls() == ["a"]
    # both are whole again
    assert memo.damaged() == []
    assert len(list(memo.entries())) == 2


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def test_the_index_holds_the_results_of_the_last_run_and_no_others(project: Path, settings: Config) -> None:
    words = [Word(letter, letter * 3) for letter in "abcdefg"]
    first = run(words, settings=settings)
    for entry in paths.MEMO.rglob("*.arrow"):
        entry.unlink()
    calls()
    # others before, between and after, another order, fewer
    more = [Word("0", "new"), *words[:3], Word("cc", "new"), *words[3:], Word("z", "new")]
    assert run(more, settings=settings).rows["id"].to_pylist() == ["0", "a", "b", "c", "cc", "d", "e", "f", "g", "z"]
    assert calls() == ["0", "cc", "z"]
    swapped = run(words[::-1], settings=settings)
    assert swapped.rows["id"].to_pylist() == list("gfedcba")
    assert [reject.id for reject in swapped.rejects] == [f"{letter}/x" for letter in "gfedcba"]
    again = run(words, settings=settings)
    assert again.rows.equals(first.rows)
    assert again.rejects == first.rejects
    assert calls() == []
    # entries have what the last run did not need
    assert run(more, settings=settings).rows.num_rows == 10
    assert calls() == []


def test_results_for_this_run_only_are_not_in_the_index(project: Path, settings: Config) -> None:
    words = [Word("a", "one"), Word("b", "busy"), Word("c", "seven")]
    for _ in range(3):
        assert [reject.id for reject in run(words, settings=settings).rejects] == ["a/x", "b", "c/x"]
        assert "b" in calls()


def test_large_results_have_no_index(project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [Word(f"{number}", "x") for number in range(200)]
    first = run(words, settings=settings)
    assert list(paths.MEMO.rglob("*.index"))
    monkeypatch.setattr(memo, "MAX_INDEX_BYTES", 1_000)
    run(words[1:], settings=settings)
    assert not list(paths.MEMO.rglob("*.index"))
    assert run(words, settings=settings).rows.equals(first.rows)


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
    (index,) = paths.MEMO.rglob("*.index")
    assert read == [index]
    assert [outcome.result().rows["id"][0].as_py() for outcome in outcomes] == ["a", "b", "c"]
    assert read == [index]
    index.unlink()
    read.clear()
    outcomes = list(each.local(settings.runtime)(work(), words))
    assert read == []
    assert [outcome.result().rows["id"][0].as_py() for outcome in outcomes] == ["a", "b", "c"]
    assert read == [outcome.memo for outcome in outcomes]


def test_processes_begin_where_many_items_are_new_and_help_once_they_have(
    project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, done = list[tuple[str, ...]](), list[int]()
    monkeypatch.setattr(Pool, "prepare", lambda self, modules: begun.append(tuple(modules)))
    monkeypatch.setattr(Pool, "ready", property(lambda self: bool(begun) and len(calls_so_far()) >= 12))
    monkeypatch.setattr(Pool, "map", lambda self, do, items, lost: (done.append(len(items)), map(do, items))[1])
    words = [Word(f"{n:02d}", "one") for n in range(40)]
    runtime = settings.runtime.model_copy(update={"workers": 2, "progress": "never"})
    with each.lasting(runtime, ["colorsys"]) as lasting:
        each.collect(lasting(work(), words[:8]), SCHEMA)
        assert begun == []
        assert each.collect(lasting(work(), words), SCHEMA).rows.num_rows == 40
    assert begun == [("colorsys",)]
    assert done == [28], "four were done here before the others had begun"


@pytest.mark.parametrize(("forks", "n_here"), [(True, 3), (False, 40)])
def test_processes_that_fork_help_with_shorter_work(
    project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch, *, forks: bool, n_here: int
) -> None:
    """Forty items of 0.03 s: another process would save 0.6 s, of which a fork costs 0.5 s and an interpreter more."""
    clock, begun, done = iter(0.03 * k for k in range(1000)), list[object](), list[int]()
    monkeypatch.setattr(each.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(each, "is_forking", lambda: forks)
    monkeypatch.setattr(Pool, "prepare", lambda self, modules: begun.append(modules))
    monkeypatch.setattr(Pool, "ready", property(lambda self: bool(begun)))
    monkeypatch.setattr(Pool, "map", lambda self, do, items, lost: (done.append(len(items)), map(do, items))[1])
    runtime = settings.runtime.model_copy(update={"workers": 2, "progress": "never"})
    with each.lasting(runtime, ["colorsys"], early=False) as driver:
        each.collect(driver(work(), [Word(f"{n:02d}", "one") for n in range(40)]), SCHEMA)
    assert sum(done) == 40 - n_here


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


def own_process(item: Word, settings: Section) -> results.Result:
    return results.Result(pa.table({"id": [item.id], "length": [os.getpid()]}, SCHEMA))


def one_host(_: Word) -> str:
    return "a.example"


def test_consecutive_work_that_fetches_shares_processes(project: Path, settings: Config) -> None:
    runtime = settings.runtime.model_copy(update={"workers": 2, "fetches": 3, "per_host": 3})
    fetched = each.Work("measure", own_process, Section(), SCHEMA, host=one_host, imported=("colorsys",))
    computed = replace(fetched, host=None)
    words = [Word(str(number), "") for number in range(9)]

    def processes(driver: each.Each, doing: each.Work, chosen: list[Word]) -> set[int]:
        return set(each.collect(driver(doing, chosen), SCHEMA).rows["length"].to_pylist())

    with each.lasting(runtime, []) as driver:
        first = processes(driver, fetched, words[:4])
        second = processes(driver, fetched, words[4:8])
        assert len(first | second) <= 3
        assert os.getpid() not in first | second
        assert processes(driver, computed, words[8:]) == {os.getpid()}
        psutil.wait_procs(
            [psutil.Process(number) for number in first | second if psutil.pid_exists(number)], timeout=10
        )
        assert not any(psutil.pid_exists(number) for number in first | second), "nothing is fetched any more"


def test_hosts_take_turns() -> None:
    assert each.by_turns(["a", "a", "a", "b", "c", "b"]) == [0, 3, 4, 1, 5, 2]
    assert each.by_turns([]) == []
