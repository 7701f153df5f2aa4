"""Schemas of all tables that stages exchange, and how tables are read, checked and written."""

from __future__ import annotations

import csv
import io
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import artifacts
from tasks.core.errors import TableError

if TYPE_CHECKING:
    import pandera.pandas as pandera


class _NoPandas:
    """Import hook of one thread, for which there is no pandas."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse pandas, and leave other modules to the other hooks."""
        if name == "pandas" and threading.get_ident() == self._thread:
            raise ImportError(name)


def _without_pandas() -> None:
    """Make Arrow's first array, here, without pandas: it imports pandas for that, and needs it for data frames only.

    Arrow does not try again for arrays. It still imports pandas where a data frame is asked for or given.
    """
    if "pandas" not in sys.modules:
        hook = _NoPandas()
        sys.meta_path.insert(0, hook)
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(hook)


# the import takes 0.2 s, in every process
_without_pandas()

SENTIMENTS = ("negative", "neutral", "positive")
SPLITS = ("train", "test")

_text, _real, _whole, _flag = pa.string(), pa.float64(), pa.int64(), pa.bool_()


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


UTTERANCES = _schema(
    utterance_id=_text, corpus=_text, language=_text, speaker=_text, group=_text, turn=_whole, script=_text,
    audio=_text, video=_text, start_s=_real, end_s=_real,
    text=_text, text_source=_text,
    native_label=_text, emotion=_text, sentiment=_text, valence=_real, arousal=_real, dominance=_real,
    label_source=_text, weight=_real,
    split=_text, licence=_text,
)  # fmt: skip
"""One row per utterance, the same columns for every source; `group` is the video, dialogue or session."""

UNLABELLED = _schema(
    utterance_id=_text, corpus=_text, language=_text, speaker=_text, group=_text, dialogue=_text, turn=_whole,
    script=_text, audio=_text, video=_text, start_s=_real, end_s=_real, text=_text, text_source=_text,
)  # fmt: skip
"""Input of feature extraction: one row per utterance, without anything that other labels change."""

SOUNDS = _schema(
    utterance_id=_text, audio=_text, sha256=_text, container=_text, rate_hz=_whole, channels=_whole, duration_s=_real,
    peak_dbfs=_real, level_dbfs=_real, clipped_share=_real, silent_share=_real, samples_sha256=_text,
    fingerprint=pa.list_(pa.uint32()),
)  # fmt: skip
"""One row per utterance with sound: the file it lies in (`sha256`), what was measured on its span, a digest of the
decoded samples (16 kHz, mono, 16 bit), and the fingerprint by which near-duplicates are found."""

SIGNALS = _schema(
    utterance_id=_text, end_dbfs=_real, left_dbfs=_real, right_dbfs=_real, mix_dbfs=_real,
    speech_s=_real, speech_share=_real, snr_db=_real,
)  # fmt: skip
"""One row per utterance with sound, with what only pages need: the level of its last 50 ms; of a stereo file the levels
of both channels and of their mean (root mean squares; null for digital silence); the time and the share of its
duration that is speech, and the signal-to-noise ratio (null: no speech)."""

PICTURES = _schema(
    utterance_id=_text, video=_text, sha256=_text, width=_whole, height=_whole, frames_per_s=_real, duration_s=_real,
)  # fmt: skip
"""One row per utterance with pictures: the file they lie in (`sha256`), upright width and height in pixels, the mean
rate and the duration that the container states, of the whole file (null: it states none)."""

VIDEOS = _schema(
    video_id=_text, split=_text, url=_text, title=_text, channel=_text, duration_s=_real, language=_text,
    captions=_text, caption_kind=_text, caption_format=_text, licence=_text,
    audio=_text, audio_sha256=_text, captions_sha256=_text, source_id=_text, fetched_as=_text,
)  # fmt: skip
"""One row per crawled video; `caption_kind` is manual or automatic (null: no captions), paths are relative to
`data/crawl/media`.

`fetched_as` is the key it is remembered under: where the table is, nothing has to be fetched again.
"""

WORDS = _schema(
    video_id=_text, passage=_whole, text=_text, start_s=_real, end_s=_real, probability=_real, language=_text,
)  # fmt: skip
"""One row per recognised word, in order of time; words with the same `passage` were decoded together."""

RECOGNISED = _schema(
    video_id=_text, language=_text, language_probability=_real, speech_s=_real, n_words=_whole, n_passages=_whole,
    n_repeated=_whole, n_improbable=_whole, n_reference_words=_whole, n_errors=_whole, word_error_rate=_real,
)  # fmt: skip
"""One row per video with recognised speech: passages that are used and that were dropped, by reason; errors against its
manual captions (null: it has none). The probability of the language is null where it is not detected but set."""

SPEAKERS = _schema(utterance_id=_text, speaker=_text, voice=_text, name=_text, share=_real)
"""One row per utterance of the interviews whose speaker was determined: the person, the voice in this video
(`VIDEO#1`), the speaker's name in the captions (null: none), and the share of its speech that is this voice's."""

SPEAKER_TURNS = _schema(video_id=_text, start_s=_real, end_s=_real, voice=_text, speaker=_text)
"""One row per turn of a voice in a video."""

SPEAKER_VOICES = _schema(
    video_id=_text, voice=_text, speaker=_text, name=_text, speech_s=_real, speech_share=_real, embedding=_text,
)  # fmt: skip
"""One row per voice of a video: the person, the name in the captions, the time and the share of the video's duration
that it speaks, and its embedding as `tasks.media.voices.voice_codes` writes it (null: too little speech)."""

VOTES = pa.schema(
    [
        ("utterance_id", _text),
        ("votes", pa.map_(_text, _real)),
        ("probabilities", pa.map_(_text, pa.struct([(name, _real) for name in SENTIMENTS]))),
        ("score", _real),
        ("sentiment", _text),
        ("left_out", _text),
        ("majority", _text),
        ("weight", _real),
        *((name, _real) for name in SENTIMENTS),
    ]
)
"""One row per utterance: every voter's polarity in [-1, 1], the probabilities of voters that have them, and the mean
polarity (null: all abstain); the label (null: none) and why there is none; what most voters say (null: they tie); the
label's probability, and that of every class."""

SEGMENT_INDEX = _schema(
    video_id=_text, shard=_text, row_group=_whole, n_segments=_whole, sha256=_text,
)  # fmt: skip
"""One row per video: where its segments lie (no row group: it has none), and a digest of their sound."""

SEGMENTS = pa.schema(
    [
        ("utterance_id", _text),
        ("start_s", _real),
        ("end_s", _real),
        ("audio", pa.struct([("bytes", pa.binary()), ("path", _text)])),
        ("samples_sha256", _text),
        ("fingerprint", pa.list_(pa.uint32())),
    ]
)
"""One row per cut segment; `audio` is what Hugging Face `datasets` reads as an Audio feature (16 kHz mono FLAC).

The digest of its samples and its fingerprint are as in the table of sounds: by them the audit finds what occurs twice.
"""

REJECTED = _schema(item=_text, stage=_text, reason=_text, detail=_text)
"""One row per rejected item, with the reason."""


def utterances(extra: pa.Schema) -> pa.Schema:
    """Return the schema of a corpus's utterance table: the shared columns, then its own.

    Args:
        extra: the corpus's own columns
    """
    return pa.schema([*UTTERANCES, *extra])


def unlabelled(utterances: pa.Table) -> pa.Table:
    """Return an utterance table without its labels, rows of `UNLABELLED`.

    Args:
        utterances: the shared columns, and the corpus's own
    """
    nulls = pa.nulls(utterances.num_rows)
    present = set(utterances.column_names)
    columns = {name: utterances[name] if name in present else nulls for name in UNLABELLED.names}
    return pa.table(columns).cast(UNLABELLED)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which atomically replaces `path` on a clean exit and is removed otherwise.

    A device or a pipe, such as `/dev/stdout`, is yielded itself: it must be written to, not replaced.

    Args:
        path: the file to write
    """
    if _is_device(path):
        yield path
        return
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        part = Path(name)
        try:
            part.chmod(0o644)
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _is_device(path: Path) -> bool:
    # /dev/stdout may lead to a file, of which the shell holds the other end
    return path.parent == Path("/dev") or (path.exists() and not path.is_file() and not path.is_dir())


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name a file in errors of its temporary file, and in those of writing, which name none."""
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(os.fsdecode(error.filename)).name.startswith(f".{path.name}."):
            error.filename, error.filename2 = str(path), None
        raise


def sweep(folder: Path, name: str = "*") -> None:
    """Remove temporary files of `whole` that a killed run left; no process may be writing them.

    Args:
        folder: searched with all its subfolders
        name: of the file whose temporary files are removed; all by default
    """
    for part in folder.rglob(f".{name}.*.part"):
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a binary file atomically."""
    with whole(path) as part:
        part.write_bytes(content)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as CSV with a header, atomically.

    Args:
        path: the file
        rows: at least one
    """
    sink = io.StringIO()
    # Python before 3.13 does not quote a lone carriage return, which readers take for the end of the row
    has_return = any("\r" in str(cell) for row in rows for cell in row.values())
    writer = csv.DictWriter(
        sink, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL
    )
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, sink.getvalue())


def write(table: pa.Table, path: Path, schema: pa.Schema) -> None:
    """Check a table and write it as Parquet, atomically.

    Args:
        table: the rows
        path: the file
        schema: one of this module's schemas

    Raises:
        TableError: if a column is missing, has another type, or breaks a rule of the schema
    """
    checked = conform(table, schema, path)
    with whole(path) as part:
        artifacts.write_parquet(checked, part)


def read(path: Path, schema: pa.Schema) -> pa.Table:
    """Read and check a Parquet table that an earlier stage wrote.

    Args:
        path: the file
        schema: that it must follow

    Raises:
        TableError: if the file is missing, cannot be read, or does not follow the schema
    """
    table = _read(path)
    for name in _LATER_COLUMNS.get(_name(schema), ()):
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, schema.field(name).type))
    return conform(table, schema, path)


def _read(path: Path) -> pa.Table:
    # pq.read_table also reads folders and imports pandas for that, which takes longer than reading
    with artifacts.parquet(path) as file:
        return file.read()


def read_corpus(path: Path) -> pa.Table:
    """Read a corpus's utterances, with its own columns.

    Args:
        path: the file

    Raises:
        TableError: if the file is missing, or lacks one of the columns that all corpora share
    """
    table = _read(path)
    if missing := [name for name in UTTERANCES.names if name not in table.column_names]:
        raise TableError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(table.column_names)}")
    return table


def conform(table: pa.Table, schema: pa.Schema, path: Path | str) -> pa.Table:
    """Return the table with exactly the schema's columns and types, after checking its rules.

    Args:
        table: the rows
        schema: that it must follow
        path: named in messages

    Raises:
        TableError: if a column is missing or unknown, cannot be cast, or breaks a rule of the schema
    """
    columns, allowed = table.column_names, schema.names
    if missing := [name for name in allowed if name not in columns]:
        raise TableError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(columns)}")
    if unknown := [name for name in columns if name not in allowed]:
        raise TableError(f"{path}: unknown column {', '.join(unknown)}; allowed: {', '.join(allowed)}")
    try:
        typed = table.select(allowed).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TableError(f"{path}: a column has another type than its schema: {error}") from None
    rules = _RULES.get(_name(schema)) or _RULES.get(_name(schema)[: len(UTTERANCES)])
    if rules is not None and typed.num_rows and not rules.surely_kept(typed):
        _check(typed, rules.schema(), path)
    return typed.replace_schema_metadata(None)


def from_rows(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return a table of rows; a column that the rows lack is null.

    Args:
        rows: column → value
        schema: of the table
    """
    return pa.Table.from_pylist(list(rows), schema=schema)


def from_columns(columns: Mapping[str, Sequence[Any]], shared: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """Return a table of columns; one that is not given is null.

    Args:
        columns: column → its values; at least one
        shared: column → the value of all its rows
        schema: of the table
    """
    n_rows = len(next(iter(columns.values())))
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.repeat(pa.scalar(shared.get(field.name), field.type), n_rows)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def in_order(table: pa.Table, column: str) -> pa.Table:
    """Return a table sorted by a column; tables that stages collect mostly are, and sorting takes a copy of all rows.

    Args:
        table: the rows
        column: its name
    """
    keys = table[column].combine_chunks()
    is_sorted = keys.null_count == 0 and pc.all(pc.less_equal(keys[:-1], keys[1:])).as_py() is not False
    # in one chunk, as sorting leaves it: the chunks of a table decide the bytes of its Parquet file
    return table.combine_chunks() if is_sorted else table.sort_by(column)


_LATER_COLUMNS = {tuple(VOTES.names): ("probabilities",)}
"""Columns that tables of earlier versions lack; they are read as null."""


def _name(schema: pa.Schema) -> tuple[str, ...]:
    return tuple(schema.names)


def _check(table: pa.Table, rules: pandera.DataFrameSchema, path: Path | str) -> None:
    from pandera.errors import SchemaErrors

    try:
        rules.validate(table.select(list(rules.columns)).to_pandas(), lazy=True)
    except SchemaErrors as error:
        first = error.failure_cases.iloc[0]
        raise TableError(
            f"{path}: row {first['index']}, column {first['column']}: found {first['failure_case']!r}, "
            f"expected {first['check']} ({len(error.failure_cases)} such rows)"
        ) from None


def _utterance_rules() -> pandera.DataFrameSchema:
    import pandera.pandas as pandera

    return pandera.DataFrameSchema(
        {
            "utterance_id": pandera.Column(str, pandera.Check.str_matches(r"^[a-z0-9-]+/[\w./-]+$"), unique=True),
            "corpus": pandera.Column(str),
            "group": pandera.Column(str),
            "start_s": pandera.Column(float, pandera.Check.ge(0), nullable=True),
            "end_s": pandera.Column(float, nullable=True),
            "sentiment": pandera.Column(object, pandera.Check.isin(SENTIMENTS), nullable=True, coerce=True),
            "weight": pandera.Column(float, pandera.Check.in_range(0, 1), nullable=True),
        },
        checks=pandera.Check(_ends_after_start, name="end_s after start_s"),
    )


def _ends_after_start(frame: Any) -> Any:
    return frame["end_s"].isna() | (frame["end_s"] > frame["start_s"])


def _video_rules() -> pandera.DataFrameSchema:
    import pandera.pandas as pandera

    return pandera.DataFrameSchema(
        {
            "video_id": pandera.Column(str, pandera.Check.str_matches(r"^(train|test)-[A-Za-z0-9_-]+$"), unique=True),
            "split": pandera.Column(str, pandera.Check.isin(SPLITS)),
            "duration_s": pandera.Column(float, pandera.Check.gt(0)),
            "audio_sha256": pandera.Column(str, pandera.Check.str_length(64, 64)),
        }
    )


def _utterances_surely_kept(table: pa.Table) -> bool:
    weights, sentiments = table["weight"], table["sentiment"]
    return (
        _named(table["utterance_id"], r"^[a-z0-9-]+/[\w./-]+$")
        and table["corpus"].null_count == table["group"].null_count == 0
        and _all(pc.greater_equal(table["start_s"], 0.0))
        and _all(pc.or_(pc.is_null(table["end_s"]), pc.fill_null(pc.greater(table["end_s"], table["start_s"]), False)))
        and _all(pc.is_in(sentiments.drop_null(), pa.array(SENTIMENTS)))
        and _all(pc.and_(pc.greater_equal(weights, 0.0), pc.less_equal(weights, 1.0)))
    )


def _videos_surely_kept(table: pa.Table) -> bool:
    whole = all(table[name].null_count == 0 for name in ("split", "duration_s", "audio_sha256"))
    return (
        whole
        and _named(table["video_id"], r"^(train|test)-[A-Za-z0-9_-]+$")
        and _all(pc.is_in(table["split"], pa.array(SPLITS)))
        and _all(pc.greater(table["duration_s"], 0.0))
        and _all(pc.equal(pc.utf8_length(table["audio_sha256"]), 64))
    )


def _named(ids: pa.ChunkedArray, pattern: str) -> bool:
    return ids.null_count == 0 and _all(pc.match_substring_regex(ids, pattern)) and len(pc.unique(ids)) == len(ids)


def _all(kept: pa.ChunkedArray) -> bool:
    # pc.all of nulls only is null
    return pc.all(kept).as_py() is not False


@dataclass(frozen=True)
class _Rules:
    """The rules of a table: a fast check with Arrow, and pandera's, which finds the row that breaks a rule.

    Args:
        schema: makes pandera's rules; importing pandera takes half a second
        surely_kept: returns True only for a table that keeps them
    """

    schema: Callable[[], Any]
    surely_kept: Callable[[pa.Table], bool]


_RULES = {
    _name(UTTERANCES): _Rules(_utterance_rules, _utterances_surely_kept),
    _name(VIDEOS): _Rules(_video_rules, _videos_surely_kept),
}
