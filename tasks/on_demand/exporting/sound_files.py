"""Sound files of an export."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from tasks.on_demand.exporting import sound_encoding
from tasks.on_demand.exporting.export_format import Export


def write(folder: Path, export: Export) -> None:
    """Write the sound of each row that has some as a file of its own; one is in memory at a time.

    Args:
        folder: made if there is sound
        export: the rows
    """
    for sound in export.sounds():
        folder.mkdir(exist_ok=True)
        content = sound_encoding.encoded(sound.samples, sound.rate_hz, export.encoding)
        (folder / export.file(sound.row)).write_bytes(content)


def with_paths(export: Export, folder: str) -> pa.Table:
    """Return the table with a second column `file`: the path of each row's sound, null for rows without sound.

    Args:
        export: the rows
        folder: of the sound files, relative to that of the table
    """
    paths = [f"{folder}/{export.file(row)}" if name else None for row, name in enumerate(export.names)]
    return export.table.add_column(1, "file", pa.array(paths, pa.string()))
