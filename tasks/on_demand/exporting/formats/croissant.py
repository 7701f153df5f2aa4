"""Croissant: a CSV table with sound files, and the JSON-LD by which programs such as `mlcroissant` read both."""

from __future__ import annotations

from pathlib import Path

from tasks.on_demand.exporting.export_format import Export, ExportFormat
from tasks.on_demand.exporting.formats import csv_table

_ROWS, _SOUND_FILES = "utterances", "sound-files"


def write(folder: Path, export: Export) -> list[str]:
    """Write a CSV export with `croissant.json`.

    Args:
        folder: an empty folder
        export: the rows
    """
    from tasks.on_demand.exporting import croissant_metadata as croissant
    from tasks.on_demand.exporting import sound_encoding

    notes = csv_table.write_with(folder, export, [f"`{croissant.FILE}`: Croissant metadata of both."])
    table = croissant.DescribedFile.of(folder, csv_table.TABLE, "text/csv")
    mime = sound_encoding.MIME[export.encoding]
    sets = (
        [croissant.file_set(_SOUND_FILES, f"{csv_table.SOUNDS}/*.{export.encoding}", mime)] if export.with_sound else []
    )
    rows = croissant.RecordSet(_ROWS, csv_table.TABLE, False, csv_table.with_files(export).schema)
    text = croissant.metadata(export.name, export.card, [table], sets, [rows])
    (folder / croissant.FILE).write_text(text, encoding="utf-8")
    return notes


FORMATS = (ExportFormat("croissant", "Write a CSV table, sound files, and Croissant metadata.", "flac", write),)
