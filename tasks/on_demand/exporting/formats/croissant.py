"""Croissant: a Parquet table, sound files, and the JSON-LD by which programs such as `mlcroissant` read both.

The table is no CSV, since `mlcroissant` reads CSV by pandas, which takes the text NA for a null and the code 01 for 1.
"""

from __future__ import annotations

from pathlib import Path

from tasks.on_demand.exporting.export_format import Export, ExportFormat

TABLE, SOUNDS = "utterances.parquet", "audio"
_ROWS, _SOUND_FILES = "utterances", "sound-files"


def write(folder: Path, export: Export) -> list[str]:
    """Write the table, the sound files, the README and `croissant.json`.

    Args:
        folder: an empty folder
        export: the rows
    """
    import pyarrow.parquet as pq

    from tasks.on_demand.exporting import croissant_metadata as croissant
    from tasks.on_demand.exporting import readme, sound_encoding, sound_files

    sound_files.write(folder / SOUNDS, export)
    table = sound_files.with_paths(export, SOUNDS)
    pq.write_table(table, folder / TABLE, compression="zstd", write_page_checksum=True)
    file = croissant.DescribedFile.of(folder, TABLE, croissant.PARQUET)
    sounds = croissant.file_set(_SOUND_FILES, f"{SOUNDS}/*.{export.encoding}", sound_encoding.MIME[export.encoding])
    rows = croissant.RecordSet(_ROWS, TABLE, False, table.schema)
    text = croissant.metadata(export.name, export.card, [file], [sounds] if export.with_sound else [], [rows])
    (folder / croissant.FILE).write_text(text, encoding="utf-8")
    layout = [
        f"`{croissant.FILE}`: Croissant metadata; `mlcroissant.Dataset(FILE).records('{_ROWS}')` reads the rows.",
        f"`{TABLE}`: the rows; `file` is the path of the sound.",
        f"`{SOUNDS}/`: the sound of each row, {export.encoding.upper()}.",
    ]
    (folder / readme.FILE).write_text(readme.text(export, layout), encoding="utf-8")
    return []


FORMATS = (ExportFormat("croissant", "Write Parquet, sound files, and Croissant metadata.", "flac", write),)
