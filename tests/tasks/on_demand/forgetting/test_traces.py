"""Traces of removed data are found in whatever a file decodes to, and nothing else is."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from tasks.core import memo
from tasks.core.results import Reject, Result
from tasks.on_demand.forgetting.traces import Traces

SAMPLES = np.random.default_rng(1).integers(-3000, 3000, 8000).astype(np.int16)


def sound(kind: str, samples: np.ndarray = SAMPLES) -> bytes:
    sink = io.BytesIO()
    soundfile.write(sink, samples, 16_000, format=kind, subtype="PCM_16")
    return sink.getvalue()


TRACES = Traces(
    ids=frozenset({"interviews/train-7/0001", "ravdess/03-01"}),
    phrases=frozenset({"train-7", "Ana María", "http://127.0.0.1:8/watch/7"}),
    texts=frozenset({"we said something that nobody else did", "yes"}),
    digests=frozenset({hashlib.sha256(SAMPLES.tobytes()).hexdigest(), hashlib.sha256(sound("FLAC")).hexdigest()}),
    stems=frozenset({"interviews_train-7_"}),
)


@pytest.mark.parametrize(
    "text",
    [
        "train-7", "/a/train-7.flac", "see interviews/train-7/0001.", "interviews_train-7_0099.wav", "by Ana María!",
        "Ana Mar&iacute;a", json.dumps("Ana María"), "x?u=http%3A%2F%2F127.0.0.1%3A8%2Fwatch%2F7", "ravdess/03-01",
        "<p>we said something that nobody else did</p>", "long " * 200 + "ravdess/03-01", "train-7#1",
    ],
)  # fmt: skip
def test_named(text: str) -> None:
    assert TRACES.in_text(text)


@pytest.mark.parametrize(
    "text",
    ["train-70", "train-7-b", "retrain-7", "interviews/train-8/0001", "yes", "Ana", "ravdess/03-01-02", "watch/7"],
)
def test_not_named(text: str) -> None:
    assert not TRACES.in_text(text)
    assert not TRACES.in_text("long " * 200 + text)


def files() -> dict[str, bytes]:
    line = "we said something that nobody else did"
    packed = io.BytesIO()
    pq.write_table(pa.table({"a": [line] * 3, "b": [1, 2, 3]}), packed, compression="zstd")
    nested = io.BytesIO()
    pq.write_table(pa.table({"a": [[{"x": sound("FLAC")}]]}), nested)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.txt", line)
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE a (b TEXT)")
    database.execute("INSERT INTO a VALUES (?)", (line,))
    database.commit()
    page = f'<audio src="data:audio/flac;base64,{base64.b64encode(sound("FLAC")).decode()}">'
    return {
        "parquet": packed.getvalue(),
        "sound in a nested column": nested.getvalue(),
        "gzip": gzip.compress(line.encode()),
        "zip": archive.getvalue(),
        "gzip in zip": gzip.compress(archive.getvalue()),
        "sqlite": database.serialize(),
        "wav": sound("WAV"),
        "flac": sound("FLAC"),
        "page": page.encode(),
        "binary header": b"\x00\x08train-7\x00\xff\xfe",
        "binary middle": bytes(5000) + b"train-70 train-7 x" + bytes(5000),
    }


@pytest.mark.parametrize("name", files())
def test_in_files_of_many_kinds(name: str) -> None:
    assert TRACES.in_bytes(files()[name])
    other = Traces(phrases=frozenset({"train-8"}), digests=frozenset({"0" * 64}))
    assert not other.in_bytes(files()[name])


def test_binary_files_are_matched_by_whole_names() -> None:
    assert not TRACES.in_bytes(bytes(5000) + b"train-70 retrain-7 train-7-b" + bytes(5000))


def test_in_entries_of_the_memo(project: Path) -> None:
    rows = pa.table({"utterance_id": ["interviews/train-7/0001"] * 2000, "v": [1.0] * 2000})
    memo.remember(Path("rows.arrow"), Result(rows))
    memo.remember(Path("rejects.arrow"), Result(rows.slice(0, 0), (Reject("train-7", "too long"),)))
    memo.remember(Path("other.arrow"), Result(pa.table({"utterance_id": ["interviews/train-8/0001"]})))
    found = [name for name in ("rows", "rejects", "other") if TRACES.in_bytes(Path(f"{name}.arrow").read_bytes())]
    assert found == ["rows", "rejects"]


def test_rows_of_a_table() -> None:
    votes = pa.array([[], [("Ana María", 1.0)], None], pa.map_(pa.string(), pa.float64()))
    table = pa.table({"id": ["train-7", "train-8", None], "n": [1, 2, 3], "votes": votes})
    assert TRACES.rows(table) == [True, True, False]


def test_redacted() -> None:
    assert TRACES.redacted('{"only": "train-7"}') == '{"only": "[removed]"}'
