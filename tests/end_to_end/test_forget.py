"""After `undertone forget`, nothing of a video is found: planted markers are searched in decoded content, everywhere.

The search is the test's own: it shares no code with the command.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import sqlite3
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from flows.runs import in_process
from tasks.core import memo, paths, tables
from tests.end_to_end.recordings import command, commit, quick_settings, recording, tool

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]

MARK = re.compile(r"zqxvw(\d\d)")
PATTERN = (np.random.default_rng(17).integers(-9000, 9000, 400)).astype(np.int16)
"""Samples planted in the sound of every utterance: a lossless copy holds them, too."""
TITLE = "zqxvw01 talks about bees"


def values(content: bytes) -> Iterator[str | bytes]:
    """Yield everything that a file decodes to."""
    yield content.decode("utf-8", errors="replace")
    yield content.decode("utf-16-le", errors="replace")
    table = None
    with suppress(pa.ArrowException, OSError):
        if content[:4] == b"PAR1":
            table = pq.ParquetFile(io.BytesIO(content)).read()
        elif content[32:38] == b"ARROW1":
            table = pa.ipc.open_file(pa.BufferReader(content[32:])).read_all()
    if table is not None:
        yield str(table.schema.metadata)
        for row in table.to_pylist():
            yield from leaves(row)
    if content[:15] == b"SQLite format 3":
        with closing(sqlite3.connect(":memory:")) as connection:
            # not in the mode with a write-ahead log, which a database in memory cannot have
            connection.deserialize(content[:18] + b"\x01\x01" + content[20:])
            yield "\n".join(connection.iterdump())
    with suppress(OSError, EOFError):
        if content[:2] == b"\x1f\x8b":
            yield from values(gzip.decompress(content))
    with suppress(zipfile.BadZipFile):
        if content[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for entry in archive.namelist():
                    yield entry
                    yield from values(archive.read(entry))
    for match in re.finditer(rb"base64,([A-Za-z0-9+/=]{64,})", content):
        yield base64.b64decode(match[1])


def leaves(value: Any) -> Iterator[str | bytes]:
    if isinstance(value, (str, bytes)):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            for part in pair:
                yield from leaves(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from leaves(part)


def is_marked_sound(content: bytes) -> bool:
    if content[:4] not in (b"fLaC", b"RIFF", b"OggS"):
        return False
    samples, _ = soundfile.read(io.BytesIO(content), dtype="int16")
    return PATTERN.tobytes() in samples.tobytes()


def marks(*folders: Path) -> dict[str, set[str]]:
    """Return the markers in all files below some folders, by file."""
    seen: dict[str, set[str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or ".git" in path.relative_to(folder).parts or path.is_symlink():
                continue
            name = str(path)
            seen[name] = set(MARK.findall(str(path.relative_to(folder))))
            for value in values(path.read_bytes()):
                if isinstance(value, str):
                    seen[name].update(MARK.findall(value))
                elif is_marked_sound(value):
                    seen[name].add("sound")
            if is_marked_sound(path.read_bytes()):
                seen[name].add("sound")
    return {name: found for name, found in seen.items() if found}


@pytest.fixture
def marked_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with results, a remote, ratings, predictions, exports and Prefect's records of a marked video."""
    media, project = tmp_path / "recordings", tmp_path / "project"
    media.mkdir()
    for number in range(7):
        name = TITLE if number == 2 else f"talk {number} about things"
        recording(media, name, number, PATTERN if number == 2 else None)
    command(tmp_path, "new", "project", "--media", str(media))
    quick_settings(project)
    params = project / "params.yaml"
    tool(project, sys.executable, "-m", "dvc", "remote", "add", "-d", "store", str(tmp_path / "remote"))
    monkeypatch.chdir(project)
    in_process.bring_up_to_date(say=lambda _: None)
    tool(project, sys.executable, "-m", "dvc", "push", "-q")
    commit(project, "first version")
    # objects of an earlier version, which only git's history names
    params.write_text(params.read_text().replace("min_score: 0.25", "min_score: 0.2"))
    in_process.bring_up_to_date(say=lambda _: None)
    tool(project, sys.executable, "-m", "dvc", "push", "-q")
    plant(project, media)
    return project


def plant(project: Path, media: Path) -> None:
    """Add what listeners, users, Prefect and killed runs leave behind."""
    video = next(row for row in tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist() if "zqxvw01" in row["title"])
    command(project, "export", "segments", "listen", "--format", "wav")
    command(project, "predict", str(media / f"{TITLE}.wav"), "--to", "csv,jsonl,vtt,parquet", check=False)
    rows = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()
    own = [row for row in rows if row["group"] == video["video_id"]]
    other = next(row for row in rows if row["group"] != video["video_id"])
    lines = ["Id,start_s,end_s,Ana,Ben,text"]
    lines += [f"{row['group']},{row['start_s']},{row['end_s']},positive,neutral,{row['text']}" for row in (*own, other)]
    paths.ANNOTATED.write_text("\n".join(lines) + "\n")
    command(project, "annotate", "export", "labelstudio.json")
    with gzip.open("backup.vtt.gz", "wt") as file:
        file.write((media / f"{TITLE}.en.vtt").read_text())
    own_table = pa.table({"line": pa.array([row["text"] for row in own for _ in range(50)])})
    pq.write_table(own_table, "data/words.parquet", compression="zstd")
    Path(".undertone/bugs").mkdir(exist_ok=True, parents=True)
    Path(".undertone/bugs/crawl.txt").write_text(f"Traceback …\nValueError: {TITLE}: bad header\n")
    partial = paths.DOWNLOADS / f"{video['video_id']}-0123456789ab"
    partial.mkdir(parents=True)
    (partial / "part.bin").write_bytes(b"\x00\x01" + TITLE.encode() + b"\x00")
    store = Path(".undertone/prefect")
    store.mkdir(parents=True)
    with closing(sqlite3.connect(store / "prefect.db")) as connection:
        connection.executescript(
            "CREATE TABLE artifact (id TEXT, key TEXT, data TEXT); CREATE TABLE log (id TEXT, message TEXT);"
            "CREATE TABLE flow_run (id TEXT, name TEXT, parameters TEXT);"
        )
        connection.execute(
            "INSERT INTO artifact VALUES ('1', 'rejects', ?)", (json.dumps(json.dumps([own[0]["text"]])),)
        )
        connection.execute("INSERT INTO artifact VALUES ('2', 'funnel', 'nothing')")
        connection.execute("INSERT INTO log VALUES ('1', ?)", (f"{video['video_id']}: {TITLE}",))
        connection.execute("INSERT INTO flow_run VALUES ('1', 'quiet-owl', ?)", (json.dumps({"only": TITLE}),))
        connection.commit()
    (project / "notes.md").write_text("our notes\n")


def test_nothing_is_left_of_a_video(marked_project: Path, tmp_path: Path) -> None:
    video = next(row for row in tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist() if "zqxvw01" in row["title"])
    listed = marks(marked_project, tmp_path / "remote")
    planted = set.union(*listed.values())
    assert planted >= {f"{number:02d}" for number in range(1, 14)} | {"sound"}
    places = " ".join(listed)
    for part in (
        "train.csv", "data/crawl", "data/captions", "data/segments/shards", "data/interviews", "data/corpus", "extract",
        "listeners", "votes.sqlite", "labelstudio", "listen/", "predictions", "backup.vtt.gz", "words.parquet", "bugs",
        "downloads", "memo", ".dvc/cache", "remote", "prefect.db",
    ):  # fmt: skip
        assert part in places, f"the test has planted nothing in {part}"
    shown = command(marked_project, "forget", "video", video["video_id"], "--dry-run")
    assert "Would be removed" in shown
    assert marks(marked_project, tmp_path / "remote") == listed, "a dry run removes nothing"
    shown = command(marked_project, "forget", "video", video["video_id"], "--yes")
    assert marks(marked_project, tmp_path / "remote") == {}
    assert "git's history still names the data" in shown
    assert not (marked_project / ".undertone/forgetting.json").exists()
    # others' data are still there
    assert "Ana" in paths.ANNOTATED.read_text()
    assert tables.read(paths.VIDEOS, tables.VIDEOS).num_rows == 6
    with closing(sqlite3.connect(paths.RATING_STORE)) as connection:
        assert connection.execute("SELECT count(*) FROM votes").fetchone() == (2,)
    with closing(sqlite3.connect(".undertone/prefect/prefect.db")) as connection:
        assert connection.execute("SELECT key FROM artifact").fetchall() == [("funnel",)]
    assert (marked_project / "notes.md").read_text() == "our notes\n"
    refused = command(marked_project, "predict", str(tmp_path / "recordings" / "talk 0 about things.wav"), check=False)
    assert "its model was removed on" in refused
    # the next run computes nothing of the others again, and brings the marked video back under no name
    in_process.bring_up_to_date(say=lambda _: None)
    train = Path("data/train.csv").read_text()
    returned = f"again,{tmp_path / 'recordings' / TITLE}.wav,\n"
    Path("data/train.csv").write_text(train + returned)
    command(marked_project, "run", "crawl")
    rejected = tables.read(paths.rejected("crawl"), tables.REJECTED).to_pylist()
    assert [row["reason"] for row in rejected] == ["forgotten"]
    Path("data/train.csv").write_text(train)
    assert marks(marked_project, tmp_path / "remote") == {}
    assert len(list(memo.entries())) > 20
    command(marked_project, "predict", str(tmp_path / "recordings" / "talk 0 about things.wav"))


def test_a_model_that_was_exported_is_refused(marked_project: Path, tmp_path: Path) -> None:
    command(marked_project, "model", "export", "interviews-source", str(tmp_path / "exported"))
    command(marked_project, "forget", "video", str(tmp_path / "recordings" / f"{TITLE}.wav"), "--yes")
    shown = command(
        marked_project, "apply", str(tmp_path / "exported"), str(tmp_path / "recordings" / "talk 0 about things.wav"),
        check=False,
    )  # fmt: skip
    assert "was trained on data that a person asked to have removed" in shown


def test_a_listener_is_removed(marked_project: Path) -> None:
    before = hashlib.sha256(paths.VIDEOS.read_bytes()).hexdigest()
    shown = command(marked_project, "forget", "listener", "Ana", "--yes")
    assert "ratings" in shown
    assert "Ana" not in paths.ANNOTATED.read_text()
    assert "Ben" in paths.ANNOTATED.read_text()
    names = re.compile(r"\bAna\b")
    for path in sorted(marked_project.rglob("*")):
        if path.is_file() and not path.is_symlink() and ".git" not in path.parts:
            for value in values(path.read_bytes()):
                assert not (isinstance(value, str) and names.search(value) and path.suffix != ".html"), path
    assert hashlib.sha256(paths.VIDEOS.read_bytes()).hexdigest() == before, "the crawl is untouched"
    again = paths.ANNOTATED.read_text().replace("Ben", "Ana")
    paths.ANNOTATED.write_text(again)
    assert "ratings were removed on request" in command(marked_project, "run", "labels", check=False)
