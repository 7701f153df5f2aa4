"""Hugging Face `datasets`: Parquet files per part with an Audio column, a ClassLabel, and a dataset card.

The schema's metadata names the features, so that `datasets.load_dataset(folder)` needs no cast.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_demand.exporting.export_format import Export, ExportFormat

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

DATA = "data"
_MAX_SHARD_BYTES = 400 << 20
_MAX_GROUP_BYTES, _MAX_GROUP_ROWS = 32 << 20, 100
"""Limits of a row group, which is in memory until it is written, and which a reader loads at once."""
_LICENCES = {
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-NC-SA 4.0": "cc-by-nc-sa-4.0",
    "CC BY-NC-ND 4.0": "cc-by-nc-nd-4.0",
    "GPL-3.0": "gpl-3.0",
    "Open Database License": "odbl",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write(folder: Path, export: Export) -> list[str]:
    """Write the Parquet files, the dataset card and Croissant metadata.

    Args:
        folder: an empty folder
        export: the rows
    """
    from tasks.on_demand.exporting import croissant_metadata as croissant
    from tasks.on_demand.exporting import readme

    schema = _schema(export)
    (folder / DATA).mkdir()
    with ExitStack() as stack:
        parts = {split: stack.enter_context(_Part(folder / DATA, name, schema)) for split, name in export.parts.items()}
        for split, row, n_bytes in _rows(export):
            parts[split].add(row, n_bytes)
    names = [f"{DATA}/{name}" for part in parts.values() for name in part.files]
    files = [croissant.DescribedFile.of(folder, name, croissant.PARQUET) for name in names]
    layout = [
        f"`{DATA}/PART-*.parquet`: `datasets.load_dataset(FOLDER)` yields `audio` as an Audio feature; parts: "
        + ", ".join(f"`{name}`" for name in export.parts.values())
        + ".",
        f"`{croissant.FILE}`: Croissant metadata.",
    ]
    card = f"{_header(export, schema, parts)}\n{readme.text(export, layout)}"
    (folder / readme.FILE).write_text(card, encoding="utf-8")
    (folder / croissant.FILE).write_text(_croissant(export, files), encoding="utf-8")
    return []


class _Part:
    """Parquet files of one part; their number is known at the end, when they get their names."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self.folder, self.name, self.schema = folder, name, schema
        self.n_rows = self.n_bytes = 0
        self.files = list[str]()
        self._paths = list[Path]()
        self._writer: pq.ParquetWriter | None = None
        self._rows, self._group_bytes, self._shard_bytes = list[dict[str, Any]](), 0, 0

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self._close(complete=kind is None)

    def add(self, row: dict[str, Any], n_bytes: int) -> None:
        """Append a row.

        Args:
            row: column → value
            n_bytes: size of its sound
        """
        self._rows.append(row)
        self._group_bytes += n_bytes
        self.n_rows, self.n_bytes = self.n_rows + 1, self.n_bytes + n_bytes
        if len(self._rows) >= _MAX_GROUP_ROWS or self._group_bytes >= _MAX_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            path = self.folder / f"{self.name}-{len(self._paths):05d}.parquet"
            self._paths.append(path)
            self._writer = pq.ParquetWriter(path, self.schema, compression="zstd", write_page_checksum=True)
            self._shard_bytes = 0
        self._writer.write_table(pa.Table.from_pylist(self._rows, self.schema))
        self._shard_bytes += self._group_bytes
        self._rows, self._group_bytes = [], 0
        if self._shard_bytes >= _MAX_SHARD_BYTES:
            self._writer.close()
            self._writer = None

    def _close(self, *, complete: bool) -> None:
        if self._rows and complete:
            self._flush()
        if self._writer is not None:
            self._writer.close()
        for number, path in enumerate(self._paths):
            name = f"{self.name}-{number:05d}-of-{len(self._paths):05d}.parquet"
            path.rename(self.folder / name)
            self.files.append(name)


def _schema(export: Export) -> pa.Schema:
    """Return the columns with the features that `datasets` reads from the metadata."""
    import pyarrow as pa

    from tasks.core.sound_files import RATE_HZ
    from tasks.core.tables import SEGMENTS
    from tasks.media.segments import hugging_face

    columns = list(export.table.schema)
    if export.classes:
        place = export.table.column_names.index("label")
        columns[place] = pa.field("label", pa.int64())
    schema = hugging_face.described(pa.schema([columns[0], SEGMENTS.field("audio"), *columns[1:]]), RATE_HZ)
    if not export.classes:
        return schema
    described = json.loads(schema.metadata[hugging_face.KEY])
    described["info"]["features"]["label"] = {"names": list(export.classes), "_type": "ClassLabel"}
    return schema.with_metadata({hugging_face.KEY: json.dumps(described).encode()})


def _rows(export: Export) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield each row with its part and the size of its sound."""
    from tasks.on_demand.exporting import sound_encoding

    numbers = {name: number for number, name in enumerate(export.classes)}
    splits, sounds = export.split_of_rows, export.sounds()
    for number, values in enumerate(row for batch in export.table.to_batches(1_000) for row in batch.to_pylist()):
        if export.classes:
            values["label"] = numbers.get(values["label"])
        content = b""
        if export.names[number]:
            sound = next(sounds)
            content = sound_encoding.encoded(sound.samples, sound.rate_hz, export.encoding)
        values["audio"] = {"bytes": content, "path": export.file(number)} if content else None
        yield splits[number], values, len(content)


def _header(export: Export, schema: pa.Schema, parts: dict[str, _Part]) -> str:
    """Return the card's YAML header: licence, language, size, features and parts."""
    from io import StringIO

    from ruamel.yaml import YAML

    licences = sorted({source.licence for source in export.card.sources})
    identifier = _LICENCES.get(licences[0], "other") if len(licences) == 1 else "other"
    size = next((name for limit, name in _SIZES if export.table.num_rows < limit), "n>1M")
    header: dict[str, Any] = {
        "pretty_name": export.card.title,
        "license": identifier,
        **({"license_name": "see-sources"} if identifier == "other" else {}),
        "language": list(export.card.languages),
        "size_categories": [size],
        "task_categories": ["audio-classification"],
        "tags": ["speech-emotion", *(["simulated"] if export.card.simulated else [])],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": part.name, "path": f"{DATA}/{part.name}-*.parquet"} for part in parts.values()
                ],
            }
        ],
    }
    yaml, sink = YAML(), StringIO()
    yaml.width, yaml.default_flow_style = 4096, False
    yaml.dump({name: value for name, value in header.items() if value != []}, sink)
    return f"---\n{sink.getvalue()}---\n"


def _croissant(export: Export, files: Sequence[Any]) -> str:
    """Return Croissant metadata of the Parquet files."""
    import pyarrow as pa

    from tasks.on_demand.exporting import croissant_metadata as croissant

    source = {"fileSet": {"@id": "parquet-files"}, "extract": {"column": "audio"}, "transform": {"jsonPath": "bytes"}}
    sound = {
        "@type": "cr:Field",
        "@id": "utterances/audio",
        "name": "audio",
        "dataType": "sc:AudioObject",
        "source": source,
    }
    schema = pa.schema([column for column in _schema(export) if column.name != "audio"])
    numbered = ", ".join(f"{number}: {name}" for number, name in enumerate(export.classes))
    notes = {"label": f"class, by its number: {numbered}"} if export.classes else {}
    rows = croissant.RecordSet("utterances", "parquet-files", True, schema, [sound], notes)
    sets = [croissant.file_set("parquet-files", f"{DATA}/*.parquet", croissant.PARQUET)]
    return croissant.metadata(export.name, export.card, files, sets, [rows])


FORMATS = (ExportFormat("hf", "Write Parquet files and a dataset card for Hugging Face datasets.", "flac", write),)
