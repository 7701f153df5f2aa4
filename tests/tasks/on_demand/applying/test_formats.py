"""Files of scored utterances: each format can be read back, holds the same numbers, and escapes text from outside."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest

from tasks.captions import caption_file
from tasks.core.code_version import ROOT
from tasks.on_demand.applying import formats
from tasks.on_demand.applying.formats import Origin
from tasks.on_demand.applying.scored import ScoredUtterance
from tests.tasks.on_demand.applying.rows import LABELS, NOTHING, VALUE, row

ORIGIN = Origin("media/talk --> 1.m4a", "ravdess-svm", "de", ("its language is de", "too <loud>"))
HOSTILE = "a\tb\nc & <b>d</b> --> 00:00:09.000\r\n\r\n=cmd|' /C calc'!A0 \u2028 \"q\""
SCHEMA = json.loads((ROOT / "docs/applied-utterance.schema.json").read_text(encoding="utf-8"))


def written(rows: list[ScoredUtterance], folder: Path, name: str) -> Path:
    path = folder / f"talk{formats.ENDINGS[name]}"
    formats.write(rows, ORIGIN, path, name)
    return path


def test_csv_has_a_column_for_every_class(tmp_path: Path) -> None:
    path = written([row(), row(3.0, HOSTILE, unsure=True, novelty=None, outside=None)], tmp_path, "csv")
    with path.open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert first == {
        "start_s": "0.0", "end_s": "3.0", "predicted": "positive", "probability": "0.625", "unsure": "false",
        "probability negative": "0.125", "probability neutral": "0.25", "probability positive": "0.625",
        "novelty": "1.25", "outside": "false", "text": "well, that was good",
    }  # fmt: skip
    assert (second["text"], second["unsure"], second["novelty"]) == (HOSTILE, "true", "")


def test_csv_of_labels_and_values(tmp_path: Path) -> None:
    with written([LABELS], tmp_path, "csv").open(newline="") as file:
        (labels,) = csv.DictReader(file)
    assert (labels["predicted"], labels["probability"], labels["score sadness"]) == ("anger, sadness", "", "0.6")
    with written([VALUE], tmp_path, "csv").open(newline="") as file:
        (value,) = csv.DictReader(file)
    assert (value["predicted"], value["score valence"]) == ("-1.5", "-1.5")


@pytest.mark.parametrize("scored", [row(text=HOSTILE), LABELS, VALUE, NOTHING])
def test_json_lines_follow_their_schema(scored: ScoredUtterance, tmp_path: Path) -> None:
    lines = written([scored, scored], tmp_path, "jsonl").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    assert len(lines) == 2
    entry = json.loads(lines[0])
    jsonschema.validate(entry, SCHEMA)
    assert (entry["source"], entry["language"]) == (ORIGIN.source, "de")
    assert entry["warnings"] == list(ORIGIN.warnings)
    assert (entry["text"], entry["predicted"], entry["scores"]) == (scored.text, scored.predicted, scored.scores)


def test_the_schema_refuses_other_objects() -> None:
    entry = {"source": "a", "experiment": "b"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(entry, SCHEMA)


@pytest.mark.parametrize("scored", [row(text=HOSTILE), LABELS, VALUE, NOTHING])
def test_parquet_has_the_exact_numbers(scored: ScoredUtterance, tmp_path: Path) -> None:
    (entry,) = pq.read_table(written([scored], tmp_path, "parquet")).to_pylist()
    assert entry["predicted"] == scored.predicted
    assert {name: entry[f"score {name}"] for name in scored.scores} == scored.scores
    assert {name: entry[f"probability {name}"] for name in scored.probabilities} == scored.probabilities
    assert (entry["text"], entry["novelty"], entry["source"]) == (scored.text, scored.novelty, ORIGIN.source)
    assert (entry["language"], entry["warnings"]) == ("de", "its language is de; too <loud>")


def test_files_of_several_media_can_be_joined(tmp_path: Path) -> None:
    import pyarrow as pa

    tables = []
    for number, scored in enumerate([row(), row(novelty=None, outside=None, unsure=None, probability=None)]):
        path = tmp_path / f"{number}.parquet"
        formats.write([scored], ORIGIN, path, "parquet")
        tables.append(pq.read_table(path))
    assert pa.concat_tables(tables).num_rows == 2


def test_captions_are_read_back_as_they_were(tmp_path: Path) -> None:
    path = written([row(), row(3.0, HOSTILE), row(3600.5, "")], tmp_path, "vtt")
    content = path.read_bytes()
    assert content.startswith(b"WEBVTT\n\nNOTE media/talk --&gt; 1.m4a, scored by ravdess-svm\n\n")
    assert b"01:00:00.500 --> 01:00:03.500\npositive 62 %\n" in content
    parsed = caption_file.read(content, "vtt", None, 0.5, by_word=False)
    texts = [span.text for span in parsed.spoken]
    assert texts[0] == "positive 62 % well, that was good"
    assert len(texts) == 3
    # nobody says <b>: escaped tags that close each other are a converter's markup to the reader of captions
    assert "& d --> 00:00:09.000 =cmd" in texts[1]
    assert b"&lt;b&gt;d&lt;/b&gt; --&gt; 00:00:09.000" in content


def test_audacity_gets_three_columns_a_row(tmp_path: Path) -> None:
    rows = [row(), row(3.0, HOSTILE), LABELS, NOTHING, row(12.0, "")]
    lines = written(rows, tmp_path, "audacity").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    assert [len(line.split("\t")) for line in lines] == [3] * len(rows)
    assert lines[0] == "0.000000\t3.000000\tpositive 62 %: well, that was good"
    assert lines[3].endswith("\tnone (unsure): well, that was good")
    assert lines[4].endswith("\tpositive 62 %")
