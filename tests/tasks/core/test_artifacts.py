"""Damaged artifacts: every flipped bit is noticed, and the message names the stage that recreates the file."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core import artifacts, tables
from tasks.core.errors import TableError

SCHEMA = pa.schema([("name", pa.string()), ("value", pa.float64())])
TABLE = pa.table({"name": [f"row {n}" for n in range(300)], "value": [n / 7 for n in range(300)]}, SCHEMA)


def flipped(content: bytes, bit: int) -> bytes:
    damage = bytearray(content)
    damage[bit // 8] ^= 1 << bit % 8
    return bytes(damage)


def test_every_flipped_bit_of_a_table_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    tables.write(TABLE, path, SCHEMA)
    content, rng, refused = path.read_bytes(), random.Random(19), 0
    bits = [*rng.sample(range(8 * len(content)), 200), *range(8 * (len(content) - 8), 8 * len(content))]
    for bit in bits:
        path.unlink()
        path.write_bytes(flipped(content, bit))
        try:
            assert tables.read(path, SCHEMA).equals(TABLE)
        except TableError as error:
            refused += 1
            assert str(error).startswith(f"{path} is damaged (") and len(str(error).splitlines()) == 1
    # harmless: the mark that says that there is a digest
    assert refused > 0.95 * len(bits)


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"not a table at all, but long enough", b"\0" * 100])
def test_what_is_no_table_is_damaged(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(damage)
    with pytest.raises(TableError, match=r"table\.parquet is damaged"):
        tables.read(path, SCHEMA)
    tables.write(TABLE, path, SCHEMA)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TableError, match=r"table\.parquet is damaged"):
        tables.read(path, SCHEMA)


def test_tables_have_page_checksums_and_other_programs_read_them(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    tables.write(TABLE, path, SCHEMA)
    assert pq.read_table(path).equals(TABLE)
    # without the digest before the footer, the checksum of the page still tells
    content = bytearray(path.read_bytes())
    content[content.index(b"undertone-sha256")] ^= 1
    content[pq.ParquetFile(path).metadata.row_group(0).column(1).data_page_offset + 200] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(TableError, match="CRC checksum verification failed"):
        tables.read(path, SCHEMA)


def test_tables_of_older_versions_have_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(TABLE, path, compression="zstd")
    assert tables.read(path, SCHEMA).equals(TABLE)


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("data/captions/utterances.parquet", "undertone run captions --force"),
        (
            "data/segments/shards/0001.parquet",
            "remove data/segments/shards/0001.parquet, then: undertone run segments --force",
        ),
        ("data/polarity/votes.parquet", "undertone run polarity --force"),
        ("data/corpus/tess/utterances.parquet", "undertone run corpus@tess --force"),
        ("data/experiment/mine/results.json", "undertone run experiment@mine --force"),
        ("elsewhere/x.parquet", "run the stage that writes it again"),
    ],
)
def test_the_message_names_the_stage(project: Path, path: str, command: str) -> None:
    (project / "params.yaml").write_text("corpora: {tess: {path: tess}}\nexperiments: {mine: {corpus: tess}}\n")
    assert str(artifacts.damaged(Path(path), "why\nso")) == f"{path} is damaged (why so); recreate it: {command}"


def test_stages_of_the_user_recreate_their_files(project: Path) -> None:
    shutil.copy(artifacts.pipeline_file.ROOT / "dvc.yaml", project)
    (project / "own").mkdir()
    stage = "stages: {words: {wdir: .., cmd: x, outs: [data/own/words.csv]}}\n"
    (project / "own" / "dvc.yaml").write_text(stage)
    assert artifacts.recreation(Path("data/own/words.csv")) == "undertone run own/dvc.yaml:words --force"


def test_a_card_and_its_files_belong_together(tmp_path: Path) -> None:
    path, model = tmp_path / "card.json", tmp_path / "model.onnx"
    model.write_bytes(b"weights")
    path.write_text(artifacts.card_text({"name": "x", "c": 0.1, "by": {1: 2.5}}, {model.name: b"weights"}))
    card = artifacts.read_json(path)
    assert (card["c"], card["by"], artifacts.read_bound(model, card)) == (0.1, {"1": 2.5}, b"weights")
    model.write_bytes(b"another")
    with pytest.raises(TableError, match=r"model\.onnx is damaged \(it is not the file that its card describes\)"):
        artifacts.read_bound(model, card)
    content = path.read_bytes()
    for bit in random.Random(3).sample(range(8 * len(content)), 300):
        path.write_bytes(flipped(content, bit))
        try:
            read = artifacts.read_json(path)
            assert {name: read[name] for name in ("name", "c", "by")} == {"name": "x", "c": 0.1, "by": {"1": 2.5}}
        except TableError as error:
            assert str(error).startswith(f"{path} is damaged (")


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b"3", b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}"])
def test_json_that_is_no_object_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"metrics\.json is damaged"):
        artifacts.read_json(path)
    with pytest.raises(TableError, match="there is no such file yet"):
        artifacts.read_json(tmp_path / "absent.json")


def test_cards_of_older_versions_have_no_digests(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps({"c": 1}))
    (tmp_path / "model").write_bytes(b"x")
    assert artifacts.read_bound(tmp_path / "model", artifacts.read_json(tmp_path / "card.json")) == b"x"


def test_a_card_that_has_lost_its_own_digest_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    text = artifacts.card_text({"c": 1}, {"model": b"x"})
    renamed = text.replace('"card_sha256"', '"sard_sha256"')
    without = json.dumps({**json.loads(text), "card_sha256": None})
    for lost in (renamed, without, renamed.replace("files_sha256", "fi:es_sha256")):
        path.write_text(lost)
        with pytest.raises(TableError, match=r"card\.json is damaged"):
            artifacts.read_json(path)
