"""A worker without the project folder: same results, nothing put twice, and files that it cannot trust are refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from flows.runs import object_store, worker_folder
from flows.runs.exchange import Delivery, Exchange
from flows.runs.object_store import ObjectStore
from flows.runs.worker_folder import WorkerFolder
from tasks.core import each, memo, paths, tables
from tasks.core.config import Section
from tasks.core.each import Work
from tasks.core.errors import UndertoneError
from tasks.core.item_files import ItemFile, digested
from tasks.core.memo import PackedEntry
from tasks.core.results import Result

SCHEMA = pa.schema([("id", pa.string()), ("text", pa.string()), ("cwd", pa.string())])


@dataclass(frozen=True)
class Page:
    id: str
    files: tuple[ItemFile, ...]

    @property
    def content(self) -> str:
        return " ".join(file.sha256 for file in self.files)

    def reads(self) -> Sequence[ItemFile]:
        return self.files


@dataclass
class Callback:
    """A periodic callback of Dask."""

    callback_time: float = 100
    is_stopped: bool = False

    def stop(self) -> None:
        self.is_stopped = True


def read_one(item: Page, _: Section) -> Result:
    text = " ".join(paths.local(file.path).read_text() for file in item.files)
    if item.id == "two results":
        memo.remember(memo.place("later", "ab" * 32), Result(pa.table({"x": [1]})))
    return Result(tables.from_rows([{"id": item.id, "text": text}], SCHEMA))


@pytest.fixture
def work() -> Work:
    return Work("read", read_one, Section(), SCHEMA, reads=Page.reads).pinned()


@pytest.fixture
def exchange(project: Path, tmp_path: Path) -> Exchange:
    return Exchange(ObjectStore((tmp_path / "store").as_uri()), project, 1 << 20)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerFolder]:
    """Return the folder of a worker that must not see the project: its files are moved away while it works."""
    folder = WorkerFolder(tmp_path / "worker")
    monkeypatch.setattr(worker_folder, "_folder", lambda: folder)
    yield folder
    worker_folder._store.cache_clear()


def away(exchange: Exchange, work: Work, items: Sequence[Page]) -> list[each.Outcome]:
    """Do items as a cluster does, while the project folder has another name."""
    assignment = exchange.give(work, items)
    hidden = exchange.project.with_name("hidden")
    os.chdir("/")
    exchange.project.rename(hidden)
    try:
        delivery = worker_folder.do_assigned(assignment, replace(work, reads=None), items)
    finally:
        hidden.rename(exchange.project)
        os.chdir(exchange.project)
    return exchange.take(delivery)


def pages(project: Path, tmp_path: Path) -> list[Page]:
    (project / "data").mkdir(exist_ok=True)
    (tmp_path / "corpus").mkdir(exist_ok=True)
    (project / "data/a.txt").write_text("of the project")
    (tmp_path / "corpus/b.txt").write_text("of a corpus")
    places = [Path("data/a.txt"), project / "data/a.txt", tmp_path / "corpus/b.txt"]
    return [Page(f"page {k}", digested([place])) for k, place in enumerate(places)] + [Page("both", digested(places))]


def test_results_are_those_of_this_machine(
    project: Path, tmp_path: Path, exchange: Exchange, folder: WorkerFolder, work: Work
) -> None:
    items = pages(project, tmp_path)
    outcomes = away(exchange, work, items)
    assert [outcome.item for outcome in outcomes] == [item.id for item in items]
    entries = {path: path.read_bytes() for path in paths.MEMO.rglob("*.arrow")}
    assert len(entries) == 4
    assert (
        exchange.store.names(next((tmp_path / "store/results").iterdir()).relative_to(tmp_path / "store").as_posix())
        == set()
    )
    shutil.rmtree(paths.MEMO)
    for item in items:
        each.do(work, item)
    assert entries == {path: path.read_bytes() for path in paths.MEMO.rglob("*.arrow")}
    assert [outcome.result().rows["text"][0].as_py() for outcome in outcomes][1:3] == ["of the project", "of a corpus"]


def test_results_for_later_stages_come_back(
    project: Path, tmp_path: Path, exchange: Exchange, folder: WorkerFolder, work: Work
) -> None:
    away(exchange, work, [Page("two results", ())])
    assert memo.recall(memo.place("later", "ab" * 32)) == Result(pa.table({"x": [1]}))


def test_files_are_put_once(project: Path, tmp_path: Path, exchange: Exchange, work: Work) -> None:
    items = pages(project, tmp_path)
    exchange.give(work, items)
    stored = sorted((tmp_path / "store/files").rglob("*"))
    assert sum(path.is_file() for path in stored) == 2
    times = [path.stat().st_mtime_ns for path in stored]
    again = Exchange(exchange.store, project, 1 << 20)
    again.give(work, items)
    assert [path.stat().st_mtime_ns for path in stored] == times
    assert again._present == {file.sha256 for item in items for file in item.files}


def test_missing_and_changed_files_are_named(project: Path, tmp_path: Path, exchange: Exchange, work: Work) -> None:
    item = pages(project, tmp_path)[0]
    Path("data/a.txt").write_text("changed since")
    with pytest.raises(UndertoneError, match=r"a.txt has changed since the tables were written: expected SHA-256"):
        exchange.give(work, [item])
    Path("data/a.txt").unlink()
    with pytest.raises(UndertoneError, match=r"page 0: there is no file .*/data/a.txt, which it reads"):
        exchange.give(work, [item])


def test_a_damaged_store_stops_the_run(
    project: Path, tmp_path: Path, exchange: Exchange, folder: WorkerFolder, work: Work
) -> None:
    item = pages(project, tmp_path)[0]
    exchange.give(work, [item])
    (stored,) = (path for path in (tmp_path / "store/files").rglob("*") if path.is_file())
    stored.unlink()
    stored.write_text("OF the project")
    with pytest.raises(UndertoneError, match="has other bytes under files/"):
        away(exchange, work, [item])


def test_workers_with_other_code_are_refused(exchange: Exchange, folder: WorkerFolder, work: Work) -> None:
    assignment = replace(exchange.give(work, []), code="other")
    with pytest.raises(UndertoneError, match="install the same version"):
        worker_folder.do_assigned(assignment, work, [])


def test_a_worker_cannot_name_other_files(
    project: Path, tmp_path: Path, exchange: Exchange, folder: WorkerFolder, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("params.yaml", ".undertone/memo/../../params.yaml", "/etc/x"):
        content = b"evil"
        (tmp_path / "pack").write_bytes(content)
        exchange.store.put(tmp_path / "pack", "results/x")

        delivery = Delivery("results/x", (), (PackedEntry(Path(name), 4, b""),), 0.0)
        with pytest.raises(UndertoneError, match="a worker returned a result for"):
            exchange.take(delivery)


@pytest.mark.parametrize("change", ["another digest", "another byte", "the end is missing"])
def test_other_results_than_the_workers_are_refused(
    project: Path, tmp_path: Path, exchange: Exchange, work: Work, change: str
) -> None:
    """Whoever can write to the store can also write entries that are intact."""
    contents = []
    for number in range(2):
        memo.remember(work.place(Page(f"{number}", ())), Result(tables.from_rows([{"id": f"{number}"}], SCHEMA)))
        contents.append(work.place(Page(f"{number}", ())).read_bytes())
    shutil.rmtree(paths.MEMO)
    stored = {
        "another digest": contents[0] * 2,
        "another byte": contents[0] + contents[1][:-1] + b"?",
        "the end is missing": contents[0] + contents[1][:-1],
    }
    (tmp_path / "pack").write_bytes(stored[change])
    exchange.store.put(tmp_path / "pack", "results/x")
    entries = [
        PackedEntry(work.place(Page(f"{number}", ())), len(content), content[: memo.DIGEST_BYTES])
        for number, content in enumerate(contents)
    ]
    with pytest.raises(UndertoneError, match="other bytes under results/x than a worker put there"):
        exchange.take(Delivery("results/x", (), tuple(entries), 0.0))
    assert not entries[1].path.exists()


def test_results_come_back_across_blocks_of_the_store(
    project: Path, exchange: Exchange, folder: WorkerFolder, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_BLOCK", 100)
    outcomes = away(exchange, work, [Page(f"page {k}", ()) for k in range(20)])
    assert [outcome.result().rows["id"][0].as_py() for outcome in outcomes] == [f"page {k}" for k in range(20)]


def test_a_changed_file_is_brought_again_and_counted_once(
    project: Path, exchange: Exchange, folder: WorkerFolder
) -> None:
    work = Work("read", read_one, Section(), SCHEMA, reads=Page.reads)
    os.chdir(project)
    given = []
    for content in ("first", "the second", "3"):
        Path("a.bin").write_text(content)
        given.append((exchange.give(work, [Page("a", digested([Path("a.bin")]))]).files[0], content))
        # a store links files of the same disk
        Path("a.bin").unlink()
    os.chdir(folder.root)
    for files, content in given:
        folder.bring(files, exchange.store, 1000)
        assert Path("a.bin").read_text() == content
        assert folder._n_bytes == len(content)


def test_a_worker_stops_what_only_the_dashboard_needs() -> None:
    callbacks = {name: Callback() for name in ("heartbeat", "memory_monitor", "profile", "profile-cycle", "tick")}
    worker_folder._calm(callbacks)
    assert {name for name, callback in callbacks.items() if callback.is_stopped} == {"profile", "profile-cycle", "tick"}
    assert callbacks["memory_monitor"].callback_time == 1000
    assert callbacks["heartbeat"].callback_time == 100
    worker_folder._calm({})


def test_the_folder_is_bounded(project: Path, tmp_path: Path, exchange: Exchange, folder: WorkerFolder) -> None:
    for k in range(5):
        Path(f"{k}.bin").write_bytes(bytes([k]) * 1000)
    items = [Page(f"{k}", digested([Path(f"{k}.bin")])) for k in range(5)]
    work = Work("read", read_one, Section(), SCHEMA, reads=Page.reads)
    files = exchange.give(work, items).files
    os.chdir(folder.root)
    for given in (*files[:3], files[1], files[3], files[4]):
        folder.bring(given, exchange.store, 3000)
        assert sum(path.stat().st_size for path in folder.root.glob("*.bin")) <= 3000
        assert Path(given[0].path).read_bytes() == (project / given[0].path).read_bytes()
    # 0 and 2 were used least recently
    assert sorted(path.name for path in folder.root.glob("*.bin")) == ["1.bin", "3.bin", "4.bin"]
    folder.bring(files[0], exchange.store, 10)
    assert sorted(path.name for path in folder.root.glob("*.bin")) == ["0.bin"]
