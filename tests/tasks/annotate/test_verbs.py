"""Commands of annotate: no rating is lost, annotated.csv follows the store, export and import."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from tasks.annotate import candidates, rating_files
from tasks.annotate.store import Store
from tasks.annotate.store_schema import Counts
from tasks.core import each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import InputError, NotEnoughData, TableError
from tasks.labelling.people import ratings
from tasks.stages import segments

from .conftest import Server, segment


def undertone(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["annotate", *arguments], catch_exceptions=True)
    if done.exception is not None:
        raise done.exception
    return done.output


def heard() -> dict[str, dict[str, str]]:
    """Return the ratings of annotated.csv by `Id start_s`."""
    (file,) = ratings.read_folder(paths.LISTENERS)
    return {f"{item.video_id} {item.start_s:g}": dict(item.ratings) for item in file.spans}


def store_ratings(ratings_by_number: dict[int, dict[str, str | None]]) -> None:
    """Store ratings of the n-th segment of test-1."""
    with Store(paths.RATING_STORE) as store:
        for number, votes in ratings_by_number.items():
            for name, label in votes.items():
                store.rate(cut_segment(number), name, label)


def cut_segment(number: int) -> Any:
    return next(
        item.segment for item in candidates.load() if item.segment.id.utterance_id == f"weak/test-1/{number:04d}"
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_killed_server_loses_no_rating(served: Callable[..., Server], seed: int) -> None:
    server = served()
    answered: dict[str, dict[str, str]] = {}

    def listen(name: str, label: str) -> None:
        mine = answered.setdefault(name, {})
        try:
            state = server.post("state", listener=name)
            while state["segment"]:
                key = state["segment"]["key"]
                state = server.rate(name, key, label)
                mine[key] = label
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, json.JSONDecodeError):
            return

    threads = [threading.Thread(target=listen, args=item) for item in (("Ada", "positive"), ("Bo", "negative"))]
    for item in threads:
        item.start()
    until = time.monotonic() + 60
    while len(answered) < 2 or min(map(len, answered.values())) < (3, 8, 15)[seed]:
        assert time.monotonic() < until, answered
        time.sleep(0.001)
    server.kill()
    for item in threads:
        item.join()
    again = served()
    with Store(paths.RATING_STORE) as store:
        kept = {
            name: {item.segment.id.key: item.ratings[name] for item in store.rated_segments() if name in item.ratings}
            for name in answered
        }
    for name, votes in answered.items():
        assert votes
        assert votes.items() <= kept[name].items()
        # at most one rating was saved but not yet acknowledged
        assert len(kept[name]) <= len(votes) + 1
        assert again.post("state", listener=name)["done"] == len(kept[name])
    assert sum(len(votes) for votes in heard().values()) == sum(map(len, kept.values()))


@pytest.mark.slow
def test_the_server_listens_on_loopback_by_default_and_always_asks_for_a_token(served: Callable[..., Server]) -> None:
    server = served()
    assert server.url.startswith("http://127.0.0.1:")
    address, token = server.url.split("/?token=")
    assert len(token) >= 32
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(address, timeout=10)
    port = address.split(":")[2]
    assert f"0100007F:{int(port):04X}" in Path("/proc/net/tcp").read_text()
    assert f"00000000:{int(port):04X}" not in Path("/proc/net/tcp").read_text()
    server.stop()
    wide = served("--host", "0.0.0.0")
    address, token = wide.url.split("?token=")
    assert len(token) >= 32
    local = f"http://127.0.0.1:{address.split(':')[2]}"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(local, timeout=10)
    with urllib.request.urlopen(f"{local}?token={token}", timeout=10) as page:
        assert b"How does the speaker sound?" in page.read()
    assert token not in wide.stop()


def test_the_file_keeps_in_step_with_the_store(cut: None) -> None:
    store_ratings({0: {"Ada": "positive", "Bo": None}, 1: {"Ada": "neutral"}})
    undertone("export", str(paths.ANNOTATED))
    assert heard() == {"test-1 0": {"Ada": "positive"}, "test-1 2.5": {"Ada": "neutral"}}
    # a rating added to the file by something else is imported and never overwritten
    text = paths.ANNOTATED.read_text().replace("neutral,,", "neutral,positive,")
    paths.ANNOTATED.write_text(text)
    with pytest.raises(InputError, match=r"annotated.csv was changed since .*undertone annotate import"):
        undertone("export", str(paths.ANNOTATED))
    assert paths.ANNOTATED.read_text() == text
    assert "1 new ratings" in undertone("import", str(paths.ANNOTATED))
    assert heard()["test-1 2.5"] == {"Ada": "neutral", "Bo": "positive"}
    undertone("export", str(paths.ANNOTATED))


def test_a_clone_starts_with_the_ratings_of_the_file(cut: None) -> None:
    store_ratings({0: {"Ada": "positive", "Bo": None}})
    undertone("export", str(paths.ANNOTATED))
    before = paths.ANNOTATED.read_bytes()
    for path in paths.RATING_STORE.parent.iterdir():
        path.unlink()
    undertone("export", str(paths.ANNOTATED))
    assert paths.ANNOTATED.read_bytes() == before
    with Store(paths.RATING_STORE) as store:
        # ratings belong to the segment itself, so that both listeners continue where they were
        assert store.rated("Ada") == store.rated("Bo") == {cut_segment(0).id}


def test_a_file_that_cannot_be_read_leaves_no_empty_store(cut: None) -> None:
    paths.LISTENERS.mkdir(parents=True)
    paths.ANNOTATED.write_text("Id,start_s,end_s,Ada\n1,0,1,huh\n")
    for _ in range(2):
        with pytest.raises(InputError, match="row 1, column Ada"):
            rating_files.open_store([])
    assert not paths.RATING_STORE.exists()


def test_undoing_the_last_rating_deletes_the_file(cut: None) -> None:
    store_ratings({0: {"Ada": "positive"}})
    with Store(paths.RATING_STORE) as store:
        assert rating_files.publish(store) == paths.ANNOTATED
        store.undo("Ada", {Counts.RATING: {cut_segment(0).id}})
        assert rating_files.publish(store) is None
    assert not paths.ANNOTATED.exists()


def test_tasks_for_label_studio_and_back(cut: None, tmp_path: Path) -> None:
    store_ratings({0: {"Ada": "positive", "Bo": None}, 1: {"Ada": "neutral", "Bo": "negative"}})
    with Store(paths.RATING_STORE) as store:
        store.rate(segment(99, "test-9"), "Ada", "neutral")
        before = store.rated_segments()
    output = undertone("export", str(tmp_path / "tasks.json"), "--n", "5", "--no-text")
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert "3 of them with ratings" in output
    assert 5 < len(tasks) <= 8
    assert "$audio" in (tmp_path / "tasks.xml").read_text()
    # a segment that is no longer cut like this has no sound
    assert [task["data"]["audio"] is None for task in tasks] == [
        task["data"]["utterance_id"] == "weak/test-9/0099" for task in tasks
    ]
    named = {Path(task["data"]["audio"]).name for task in tasks if task["data"]["audio"]}
    written = {path.name: path.read_bytes() for path in (tmp_path / "tasks-audio").iterdir()}
    assert set(written) == named
    assert all(sound.startswith(b"fLaC") for sound in written.values())
    for path in paths.RATING_STORE.parent.iterdir():
        path.unlink()
    assert "5 new ratings" in undertone("import", str(tmp_path / "tasks.json"))
    with Store(paths.RATING_STORE) as store:
        assert store.rated_segments() == before
    again = json.loads((tmp_path / "tasks.json").read_text())
    again[0]["annotations"][0]["result"][0]["value"]["choices"] = ["negative"]
    (tmp_path / "tasks.json").write_text(json.dumps(again))
    with pytest.raises(InputError, match=r"tasks.json: row or task 1 .*negative by Ada.*--replace"):
        undertone("import", str(tmp_path / "tasks.json"))
    assert "1 new ratings" in undertone("import", str(tmp_path / "tasks.json"), "--replace")


def test_segments_with_another_cut_have_no_ratings(cut: None, settings: Config) -> None:
    store_ratings({0: {"Ada": "positive"}})
    rows = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()
    rows[:] = [{**row, "start_s": row["start_s"] + 0.1} for row in rows]
    tables.write(tables.from_rows(rows, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)
    segments.run(settings, each=each.local(settings.runtime.model_copy(update={"workers": 1})))
    with Store(paths.RATING_STORE) as store:
        assert store.rated("Ada").isdisjoint(item.segment.id for item in candidates.load())
    undertone("export", str(paths.ANNOTATED))
    assert heard() == {"test-1 0": {"Ada": "positive"}}


def test_the_report_of_listeners(cut: None) -> None:
    with pytest.raises(NotEnoughData, match="there are no ratings yet"):
        undertone("report")
    paths.LISTENERS.mkdir(parents=True)
    (paths.LISTENERS / "earlier.csv").write_text("Id,start_s,end_s,Cleo,text\n2,0,2,neutral,x\n")
    assert "Cleo" in undertone("report")
    (paths.LISTENERS / "earlier.csv").unlink()
    store_ratings({number: {"Ada": "positive", "Bo": "neutral"} for number in range(3)})
    output = undertone("report")
    assert "Listeners" in output
    assert "2 listeners, 3 clips with two ratings or more: agreement 0.00" in output


def test_a_listener_is_left_out_only_if_someone_says_so(cut: None) -> None:
    store_ratings({number: {"Ada": "positive", "Bo": "neutral"} for number in range(2)} | {2: {"Bo": "negative"}})
    undertone("export", str(paths.ANNOTATED))
    before = paths.ANNOTATED.read_bytes()
    with pytest.raises(InputError, match="there is no listener 'bo'; found Ada, Bo"):
        undertone("leave-out", "bo")
    assert "Bo: left out" in undertone("leave-out", "Bo")
    assert list(heard().values()) == [{"Ada": "positive"}] * 2
    assert "left out: Bo" in undertone("report")
    with Store(paths.RATING_STORE) as store:
        assert len(store.rated_segments()) == 3
    with pytest.raises(NotEnoughData, match="nothing to decide"):
        undertone("--adjudicate")
    assert "Bo: counts again" in undertone("leave-out", "Bo", "--undo")
    assert paths.ANNOTATED.read_bytes() == before


def test_other_classes_are_for_folders(cut: None) -> None:
    with pytest.raises(InputError, match="other classes are for --media"):
        undertone("--labels", "angry,happy")


def test_missing_ties_and_missing_segments_are_errors(cut: None) -> None:
    store_ratings({0: {"Ada": "positive"}})
    with pytest.raises(NotEnoughData, match="nothing to decide"):
        undertone("--adjudicate")
    for shard in paths.SHARDS.iterdir():
        shard.unlink()
    with pytest.raises(NotEnoughData, match="undertone run polarity segments"):
        undertone("--n", "3")


def test_sounds_are_those_of_the_segments(cut: None) -> None:
    cut_segments = [item.segment for item in candidates.load()]
    flac = candidates.sounds(cut_segments)
    shards = [row for shard in sorted(paths.SHARDS.glob("*.parquet")) for row in pq.read_table(shard).to_pylist()]
    by_id = {row["utterance_id"]: row["audio"]["bytes"] for row in shards}
    assert {item.id.utterance_id: flac[item.id.key] for item in cut_segments} == by_id
    with pytest.raises(TableError, match="not where the index says"):
        candidates.sounds([segment(3, "test-1", "moved"), segment(77, "test-1")])


@pytest.mark.slow
def test_ties_are_decided_on_the_page(served: Callable[..., Server]) -> None:
    store_ratings({number: {"Ada": "positive", "Bo": "negative" if number < 2 else "positive"} for number in range(4)})
    server = served("--adjudicate")
    assert server.post("state", listener="Ada")["total"] == 0
    for done in (1, 2):
        state = server.post("state", listener="Dee")
        assert state["total"] == 2
        state = server.rate("Dee", state["segment"]["key"], "neutral")
        assert state["done"] == done
    server.stop()
    (file,) = ratings.read_folder(paths.LISTENERS)
    assert file.listeners == ("Ada", "Bo")
    assert [item.adjudicated for item in file.spans] == ["neutral", "neutral", None, None]


@pytest.mark.slow
def test_a_proposed_queue_is_marked_in_the_files(served: Callable[..., Server]) -> None:
    server = served("--order", "proposed", "--n", "10")
    state = server.post("state", listener="Ada")
    assert state["total"] == 10
    while state["segment"]:
        # nothing that the page gets hints at how a clip was drawn
        assert set(state["segment"]) == {"key", "text", "length_s"}
        state = server.rate("Ada", state["segment"]["key"], "neutral")
    server.stop()
    (file,) = ratings.read_folder(paths.LISTENERS)
    marks = sorted(str(span.sampling) for span in file.spans)
    assert marks == ["proposed"] * 7 + ["random"] * 3
    # the second listener gets these ten first, the first one ten new ones
    again = served("--order", "proposed", "--n", "10")
    assert (again.post("state", listener="Ada")["done"], again.post("state", listener="Ada")["total"]) == (10, 20)
    assert again.post("state", listener="Bo")["done"] == 0


def test_exported_tasks_are_marked(cut: None, tmp_path: Path) -> None:
    undertone("export", str(tmp_path / "tasks.json"), "--n", "10", "--order", "proposed")
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert sorted(task["data"]["sampling"] for task in tasks) == ["proposed"] * 7 + ["random"] * 3
