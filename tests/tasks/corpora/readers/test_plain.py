"""Plain corpora: distinct ids, valid numbers, arbitrary text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import tables
from tasks.core.errors import InputError
from tasks.corpora.readers.plain import CORPUS
from tasks.corpora.readers.reading import ReaderOutput


def read(folder: Path, table: str) -> ReaderOutput:
    (folder / "utterances.csv").write_text(table, encoding="utf-8")
    output = CORPUS.read(folder)
    tables.conform(tables.from_rows(output.rows, CORPUS.schema), CORPUS.schema, "plain")
    return output


def ids(output: ReaderOutput) -> list[str]:
    return [row["utterance_id"].removeprefix("plain/") for row in output.rows]


def test_spans_of_one_recording_are_utterances_of_their_own(tmp_path: Path) -> None:
    output = read(tmp_path, "audio,start_s,end_s\nlong.wav,0,1.5\nlong.wav,1.5,3\nlong.wav,3,\nlong.wav,1.5,3\n")
    assert ids(output) == ["long.wav", "long.wav_1.5-3.0", "long.wav_3.0-None"]
    assert [reject.reason for reject in output.rejects] == ["same utterance twice"]


def test_names_in_another_alphabet_stay_apart(tmp_path: Path) -> None:
    output = read(tmp_path, "audio,emotion\nχαρά.wav,happiness\nλύπη.wav,sadness\n")
    assert output.rejects == ()
    assert len(set(ids(output))) == 2
    assert ids(read(tmp_path, "audio,emotion\nλύπη.wav,sadness\n")) == ids(output)[1:]


def test_an_id_that_is_given_is_kept(tmp_path: Path) -> None:
    assert ids(read(tmp_path, "utterance_id,audio\nplain/one,a.wav\ntwo,a.wav\n")) == ["one", "two"]


def test_values_that_cannot_be_are_rejected_by_line(tmp_path: Path) -> None:
    output = read(
        tmp_path,
        "audio,start_s,end_s,weight,valence\na.wav,,,2,\nb.wav,,,nan,\nc.wav,3,1,,\nd.wav,-1,1,,\ne.wav,1,1,,\n"
        "f.wav,,,,inf\ng.wav,0,2,0.5,-1\n",
    )
    assert ids(output) == ["g.wav"]
    assert [(reject.id.partition(":")[2], reject.reason) for reject in output.rejects] == [
        ("2", "weight out of range"), ("3", "no number"), ("4", "broken timestamps"), ("5", "broken timestamps"),
        ("6", "broken timestamps"), ("7", "no number"),
    ]  # fmt: skip


@pytest.mark.parametrize("turn", ["²", "١", "9" * 5000, "2147483648", "1.5", "1e3", "nan"])
def test_turns_are_whole_numbers(tmp_path: Path, turn: str) -> None:
    output = read(tmp_path, f"audio,turn\na.wav,{turn}\nb.wav,7\n")
    assert [row["turn"] for row in output.rows] == [7]
    (reject,) = output.rejects
    assert (reject.id, reject.reason) == ("utterances.csv:2", "no number")
    assert len(reject.detail) < 150


def test_text_may_hold_any_separator(tmp_path: Path) -> None:
    output = read(tmp_path, 'text,emotion\none\u2028two,anger\nthree\x0cfour,fear\n"five\nsix",neutral\n')
    assert [row["text"] for row in output.rows] == ["one\u2028two", "three\x0cfour", "five\nsix"]
    assert output.rejects == ()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("audio,emotion,emotion\na.wav,anger,fear\n", "column emotion is there twice"),
        ('text\none\n"' + "x" * 200_000, "line 3: .*; is a quotation mark left open"),
        (
            'text\none\n"two\nthree\n',
            "line 3: cannot be read as a CSV file: a quotation mark is opened and never closed",
        ),
        ("text\none\ntwo\0\n", "line 3: found a NUL character"),
        ("x," * 100_000 + "text\n", "line 1 has 100,001 cells; the limit is 1,000"),
        ("x," * 500 + "text\n", r"unknown column (x, ){10}… and 490 more; allowed are"),
    ],
)
def test_a_table_that_cannot_be_read_is_explained(table: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, table)


def test_bytes_that_are_no_utf_8_are_named(tmp_path: Path) -> None:
    (tmp_path / "utterances.csv").write_bytes("text\nfür\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"not UTF-8 .* at byte 6"):
        CORPUS.read(tmp_path)
