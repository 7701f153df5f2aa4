"""audformat (https://audeering.github.io/audformat): a database with a table for each split, schemes, media and raters.

`audformat.Database.load(FOLDER)` reads it. The header is YAML, tables are Parquet with the columns' schemes; ratings of
listeners are tables of their own, with a rater for each column.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_demand.exporting.export_format import Export, ExportFormat

if TYPE_CHECKING:
    import pyarrow as pa

SOUNDS, HEADER = "audio", "db.yaml"
_MEDIA, _TABLE, _RATINGS = "sound", "utterances", "ratings"
_TYPES = {"string": "str", "int64": "int", "double": "float", "bool": "bool"}
_SPLITS = {"train": "train", "dev": "dev", "valid": "dev", "validation": "dev", "test": "test"}
_WITH_LABELS = ("label", "emotion", "sentiment", "native_label", "predicted", "vote", "listeners", "speaker")
_USAGE = {
    "CC BY 4.0": "commercial",
    "CC BY-NC-SA 4.0": "research",
    "CC BY-NC-ND 4.0": "research",
    "free for research": "research",
    "Open Database License": "commercial",
    "GPL-3.0": "other",
}
_LANGUAGES = {"en": "eng", "de": "deu", "el": "ell", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld"}
"""ISO 639-1 → 639-3, which audformat writes; others stay out of the header."""


def write(folder: Path, export: Export) -> list[str]:
    """Write the header, the tables and the sound files.

    Args:
        folder: an empty folder
        export: the rows
    """
    from ruamel.yaml import YAML

    from tasks.on_demand.exporting import readme, sound_files

    sound_files.write(folder / SOUNDS, export)
    rows_of: dict[str, list[int]] = {}
    for row, split in enumerate(export.split_of_rows):
        rows_of.setdefault(split, []).append(row)
    header = _header(export)
    raters = _listeners(export)
    for split, part in export.parts.items():
        table = export.table.take(rows_of[split])
        files = [f"{SOUNDS}/{export.file(row)}" for row in rows_of[split]]
        identifier = f"{_TABLE}.{part}"
        header["tables"][identifier] = _table(part, {name: _column(export, name) for name in table.column_names})
        _write(folder / f"db.{identifier}.parquet", files, table)
        if raters:
            identifier = f"{_RATINGS}.{part}"
            columns = {f"listener-{k}": {"scheme_id": "rating", "rater_id": name} for k, name in enumerate(raters)}
            header["tables"][identifier] = _table(part, columns)
            _write(folder / f"db.{identifier}.parquet", files, _rating_table(table, raters))
    yaml = YAML()
    yaml.width, yaml.allow_unicode = 4096, True
    with (folder / HEADER).open("w", encoding="utf-8") as file:
        yaml.dump(header, file)
    layout = [
        f"`{HEADER}`: header; `audformat.Database.load(FOLDER)` reads it.",
        f"`db.{_TABLE}.PART.parquet`: the rows of each part.",
        *([f"`db.{_RATINGS}.PART.parquet`: a column for each listener."] if raters else []),
        f"`{SOUNDS}/`: the sound of each row, {export.encoding.upper()}.",
    ]
    (folder / readme.FILE).write_text(readme.text(export, layout), encoding="utf-8")
    return []


def _header(export: Export) -> dict[str, Any]:
    """Return the header without its tables."""
    from tasks.core.sound_files import RATE_HZ

    card = export.card
    licences = sorted({source.licence for source in card.sources})
    usages = {_USAGE.get(licence, "other") for licence in licences}
    addresses = [source.url or source.title for source in card.sources]
    schemes = {name: _scheme(export, name) for name in export.table.column_names}
    raters = _listeners(export)
    return {
        "name": export.name,
        "source": "; ".join(addresses[:10]) + (f"; and {len(addresses) - 10} more" if len(addresses) > 10 else ""),
        "usage": usages.pop() if len(usages) == 1 else "other",
        "languages": [_LANGUAGES[name] for name in card.languages if name in _LANGUAGES],
        "description": " ".join([f"{card.title}.", *card.protocol, *card.labels, *card.limits]),
        "license": "; ".join(licences),
        "media": {
            _MEDIA: {
                "type": "audio", "format": export.encoding, "channels": 1, "bit_depth": 16, "sampling_rate": RATE_HZ,
            }
        },
        "raters": {name: {"type": "human"} for name in raters},
        "schemes": {**schemes, **({"rating": _classes(raters and _rated(export))} if raters else {})},
        "splits": {part: {"type": _SPLITS.get(split, "other")} for split, part in export.parts.items()},
        "tables": {},
    }  # fmt: skip


def _scheme(export: Export, name: str) -> dict[str, Any]:
    column = export.table[name]
    if name in _WITH_LABELS and _TYPES.get(str(column.type)) == "str":
        values = export.classes if name in ("label", "predicted") else ()
        return _classes({*values, *column.drop_null().to_pylist()})
    return {"dtype": _TYPES.get(str(column.type), "str")}


def _classes(values: Any) -> dict[str, Any]:
    return {"dtype": "str", "labels": sorted(values)} if values else {"dtype": "str"}


def _column(export: Export, name: str) -> dict[str, Any]:
    return {"scheme_id": name}


def _table(split: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "filewise", "split_id": split, "media_id": _MEDIA, "columns": dict(columns)}


def _write(path: Path, files: Sequence[str], table: pa.Table) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(table.add_column(0, "file", pa.array(files, pa.string())), path, compression="zstd")


def _listeners(export: Export) -> list[str]:
    """Return the names of all listeners, sorted; none if there is no column of ratings."""
    return sorted({name for ratings in _ratings(export.table) for name in ratings})


def _rated(export: Export) -> set[str]:
    return {label for ratings in _ratings(export.table) for label in ratings.values()}


def _ratings(table: pa.Table) -> list[dict[str, str]]:
    if "ratings" not in table.column_names:
        return []
    return [json.loads(cell) if cell else {} for cell in table["ratings"].to_pylist()]


def _rating_table(table: pa.Table, raters: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    ratings = _ratings(table)
    columns = {
        f"listener-{k}": pa.array([row.get(name) for row in ratings], pa.string()) for k, name in enumerate(raters)
    }
    return pa.table(columns)


FORMATS = (ExportFormat("audformat", "Write an audformat database.", "flac", write, needs_sound=True),)
