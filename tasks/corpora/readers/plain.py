"""A corpus of your own: a CSV with columns of the utterance table, and media beside it.

`utterances.csv` in the folder. Needed is `audio` or `text`; every other column of the utterance table may be there, by
its own name, and nothing else. What is left out: `utterance_id` is made of the audio's path and the span in it, or of
the line, `group` is the speaker, else the row itself (nothing is kept together), `label_source` is `corpus`, and
`weight` is 1.

Emotions are the house's words (`tasks/corpora/labels.py`); `native_label` keeps your own.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from tasks.core import tables
from tasks.core.errors import InputError, Rejected
from tasks.core.memo import Reject
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Expected, Reading, Row

TABLE = "utterances.csv"
_EMOTIONS = {one: one for one in labels.EMOTIONS}
_NUMBERS = frozenset({"start_s", "end_s", "valence", "arousal", "dominance", "weight"})


def read(folder: Path) -> Reading:
    """Read `utterances.csv` of a folder.

    Raises:
        InputError: if there is none, or it has a column that the utterance table has not
    """
    path = folder / TABLE
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; a plain corpus is a folder with {TABLE} in it")
    try:
        table = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
        _check(path, table.fieldnames or ())
        lines = [(f"{TABLE}:{table.line_num}", cells) for cells in table]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path}: line {table.line_num + 1}: {error}; is a quotation mark left open?") from None
    rows, rejects = [], []
    for where, cells in lines:
        try:
            rows.append(_row(cells, where, folder))
        except Rejected as error:
            rejects.append(Reject(where, error.reason, error.detail))
    return reading.unrepeated(Reading(tuple(rows), tuple(rejects)))


def _check(path: Path, names: Sequence[str]) -> None:
    if unknown := [name for name in names if name not in tables.UTTERANCES.names]:
        raise InputError(
            f"{path}: unknown column {', '.join(unknown)}; allowed are {', '.join(tables.UTTERANCES.names)}"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{path}: column {', '.join(twice)} is there twice; keep one")
    if not {"audio", "text"} & set(names):
        raise InputError(f"{path}: needs a column 'audio' or 'text'; found {', '.join(names) or 'no header'}")


def _row(cells: dict[str, str], where: str, folder: Path) -> Row:
    if None in cells or None in cells.values():
        raise Rejected("ragged row", f"{where}: more or fewer cells than the header has")
    row: Row = {name: _value(name, text.strip(), where) for name, text in cells.items()}
    audio = row.get("audio")
    if audio and not (folder / audio).resolve().is_relative_to(folder.resolve()):
        raise Rejected("outside the corpus", f"{where}: {audio} leads out of the folder")
    if not audio and not row.get("text"):
        raise Rejected("empty row", f"{where}: neither audio nor text")
    _check_numbers(row, where)
    if row.get("sentiment") not in (None, *tables.SENTIMENTS):
        raise Rejected("unknown sentiment", f"{where}: found {row['sentiment']!r}")
    if row.get("emotion"):
        labels.emotion(_EMOTIONS, row["emotion"], where)
    own = {"utterance_id": f"plain/{_name(row, where)}", "corpus": row.get("corpus") or "plain"}
    defaults = {"label_source": "corpus", "weight": 1.0, "group": row.get("speaker") or own["utterance_id"]}
    return {**row, **{name: value for name, value in defaults.items() if row.get(name) is None}, **own}


def _name(row: Row, where: str) -> str:
    """Return what follows `plain/` in a row's id; names that would become the same keep apart by a digest."""
    audio, start_s, end_s = row.get("audio"), row.get("start_s"), row.get("end_s")
    span = f"_{start_s}-{end_s}" if start_s else ""
    given = str(row["utterance_id"]).removeprefix("plain/") if row.get("utterance_id") else ""
    own = given or (f"{Path(audio).as_posix()}{span}" if audio else where)
    digest = "" if own.isascii() else f"-{hashlib.sha256(own.encode()).hexdigest()[:8]}"
    return f"{reading.slug(own)}{digest}"


def _check_numbers(row: Row, where: str) -> None:
    if odd := [name for name in sorted(_NUMBERS & row.keys()) if not math.isfinite(row[name] or 0.0)]:
        raise Rejected("no number", f"{where}: {odd[0]} is {row[odd[0]]}")
    if not 0 <= (row.get("weight") or 0.0) <= 1:
        raise Rejected("weight out of range", f"{where}: {row['weight']:g} is not from 0 to 1")
    start_s, end_s = row.get("start_s") or 0.0, row.get("end_s")
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise Rejected("broken timestamps", f"{where}: from {start_s:g} s to {end_s} s")


def _value(name: str, text: str, where: str) -> str | float | int | None:
    kind: Callable[[str], str | float | int] = float if name in _NUMBERS else int if name == "turn" else str
    try:
        return kind(text) if text else None
    except ValueError:
        raise Rejected("no number", f"{where}: {name} is {text!r}") from None


def _expected(_: Sequence[Row]) -> Expected:
    return Expected(())


CORPUS = Corpus(
    name="plain",
    title="A corpus of your own",
    licence="yours",
    url="docs/adding-a-corpus.md",
    citation="",
    language="",
    labels=_EMOTIONS,
    read=read,
    expected=_expected,
    max_duration_s=60.0,
)
