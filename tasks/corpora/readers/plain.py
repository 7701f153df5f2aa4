"""A corpus of your own: a CSV with columns of the utterance table, and media beside it.

Layout: `utterances.csv` in the folder. It needs a column `audio` or `text`; any other column of the utterance table is
allowed, and nothing else. Defaults: `utterance_id` is made of the audio's path and span, or of the line number; `group`
is the speaker, or the row's own id (no rows are kept together); `label_source` is `corpus`; `weight` is 1.

Emotions are those of `tasks/corpora/labels.py`; put your own codes into `native_label`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from tasks.core import tables, text_files
from tasks.core.errors import InputError, Rejected
from tasks.core.results import Reject
from tasks.core.text_files import CsvRow
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import CorpusReader, Expected, NoCorpusFiles, ReaderOutput, Row, Sample, Studio

_TABLE = "utterances.csv"
_EMOTIONS = {emotion: emotion for emotion in labels.EMOTIONS}
_NUMBERS = frozenset({"start_s", "end_s", "valence", "arousal", "dominance", "weight"})


def _read(folder: Path) -> ReaderOutput:
    """Read `utterances.csv` of a folder.

    Raises:
        InputError: if there is none, or a column is not one of the utterance table's
    """
    path = folder / _TABLE
    if not path.is_file():
        raise NoCorpusFiles(f"{path}: there is no such file; a plain corpus is a folder with {_TABLE} in it")
    table = text_files.csv_table(text_files.read_text(path), path)
    _check(path, table.names)
    rows, rejects = [], []
    for line in table.rows:
        item = f"{_TABLE}:{line.line}"
        try:
            rows.append(_row(line, item, folder))
        except Rejected as error:
            rejects.append(Reject(item, error.reason, error.detail))
    return reading.without_duplicates(ReaderOutput(tuple(rows), tuple(rejects)))


def _check(path: Path, names: Sequence[str]) -> None:
    if unknown := [name for name in names if name not in tables.UTTERANCES.names]:
        raise InputError(
            f"{path}: unknown column {text_files.listed(unknown)}; allowed are {', '.join(tables.UTTERANCES.names)}"
        )
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{path}: column {text_files.listed(repeated)} is there twice; keep one")
    if not {"audio", "text"} & set(names):
        raise InputError(
            f"{path}: needs a column 'audio' or 'text'; found {text_files.listed(names) if names else 'no header'}"
        )


def _row(line: CsvRow, item: str, folder: Path) -> Row:
    if line.is_ragged:
        raise Rejected("ragged row", f"{item}: more or fewer cells than the header has")
    row: Row = {name: _value(name, text.strip(), item) for name, text in line.cells.items()}
    audio = row.get("audio")
    if audio and not (folder / audio).resolve().is_relative_to(folder.resolve()):
        raise Rejected("outside the corpus", f"{item}: {text_files.shown(audio)} leads out of the folder")
    if not audio and not row.get("text"):
        raise Rejected("empty row", f"{item}: neither audio nor text")
    _check_numbers(row, item)
    if row.get("sentiment") not in (None, *tables.SENTIMENTS):
        raise Rejected("unknown sentiment", f"{item}: found {text_files.quoted(row['sentiment'])}")
    if row.get("emotion"):
        labels.emotion(_EMOTIONS, row["emotion"], item)
    identity = {"utterance_id": f"plain/{_name(row, item)}", "corpus": row.get("corpus") or "plain"}
    defaults = {"label_source": "corpus", "weight": 1.0, "group": row.get("speaker") or identity["utterance_id"]}
    return {**row, **{name: value for name, value in defaults.items() if row.get(name) is None}, **identity}


def _name(row: Row, item: str) -> str:
    """Return the part of a row's id after `plain/`; a digest keeps non-ASCII names distinct after `slug`."""
    audio, start_s, end_s = row.get("audio"), row.get("start_s"), row.get("end_s")
    span = f"_{start_s}-{end_s}" if start_s else ""
    name = str(row["utterance_id"]).removeprefix("plain/") if row.get("utterance_id") else ""
    name = name or (f"{Path(audio).as_posix()}{span}" if audio else item)
    digest = "" if name.isascii() else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{reading.slug(name)}{digest}"


def _check_numbers(row: Row, item: str) -> None:
    if not 0 <= (row.get("weight") or 0.0) <= 1:
        raise Rejected("weight out of range", f"{item}: {row['weight']:g} is not from 0 to 1")
    start_s, end_s = row.get("start_s") or 0.0, row.get("end_s")
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise Rejected("broken timestamps", f"{item}: from {start_s:g} s to {end_s} s")


def _value(name: str, text: str, item: str) -> str | float | int | None:
    kind: Callable[[str], str | float | int] = str
    if name in _NUMBERS or name == "turn":
        kind = text_files.whole_number if name == "turn" else text_files.number
    try:
        return kind(text) if text else None
    except ValueError:
        raise Rejected("no number", f"{item}: {name} is {text_files.quoted(text)}") from None


def _expected(_: Sequence[Row]) -> Expected:
    return Expected(())


def _write_sample(folder: Path, studio: Studio) -> None:
    """Twelve clips of four speakers."""
    rows = []
    for number in range(12):
        emotion, speaker = ("neutral", "happiness", "anger")[number % 3], number % 4
        text = studio.sentence(emotion)
        name = f"clips/{number:02d}.flac"
        studio.write_sound(studio.speak(text, 140 + speaker, emotion), folder / name)
        rows.append({"audio": name, "speaker": f"s{speaker}", "text": text, "emotion": emotion, "language": "en"})
    tables.write_csv(folder / _TABLE, rows)


CORPUS = CorpusReader(
    name="plain",
    title="A corpus of your own",
    licence="yours",
    url="docs/adding-a-corpus.md",
    citation="",
    language="",
    labels=_EMOTIONS,
    read=_read,
    expected=_expected,
    sample=Sample(
        _write_sample,
        n_utterances=12,
        golden={
            "utterance_id": "plain/clips_07.flac", "speaker": "s3", "group": "s3", "emotion": "happiness",
            "weight": 1.0,
        },
    ),
    max_duration_s=60.0,
)  # fmt: skip
