"""Export of interviews, a corpus or predictions into a new folder, which is complete or absent."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tasks.core import locks
from tasks.core.config import Config
from tasks.core.discovery import Registry
from tasks.core.errors import InputError
from tasks.on_demand.exporting import formats
from tasks.on_demand.exporting.export_format import Export, ExportFormat
from tasks.on_demand.exporting.selection import ExportRequest

REGISTRY = Registry("export format", "FORMATS", (formats.__name__,))
_PART = ".part"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Exported:
    """Result of an export: numbers of rows, of rows with sound, and notes for the user."""

    n_rows: int
    n_with_sound: int
    notes: tuple[str, ...]


def export(
    format_name: str, request: ExportRequest, folder: Path, config: Config, *, encoding: str | None, progress: Progress
) -> Exported:
    """Export rows with their sound.

    Args:
        format_name: a name of `REGISTRY`
        request: what to export
        folder: must not exist, or be empty
        config: all settings
        encoding: of the sound: flac or wav; None: the format's
        progress: called with the number of sounds done and of all

    Raises:
        InputError: if the folder has files, or the request or a media file is not what it should be
        TableError: if a stage has not run yet, or media changed since
        AudioError: if a media file cannot be decoded
    """
    from tasks.on_demand.exporting import sound_encoding

    chosen: ExportFormat = REGISTRY.find(format_name)
    encoding = sound_encoding.demand(encoding or chosen.encoding)
    with new_folder(folder) as part:
        prepared, notes = _prepared(chosen, request, config, encoding, progress)
        notes += chosen.write(part, prepared)
        _write_sources(part, prepared)
    return Exported(prepared.table.num_rows, len(prepared.with_sound), tuple(notes))


def _prepared(
    chosen: ExportFormat, request: ExportRequest, config: Config, encoding: str, progress: Progress
) -> tuple[Export, list[str]]:
    from tasks.on_demand.exporting import description, file_names, selection, sounds

    rows, notes = selection.select(request, config), list[str]()
    if chosen.needs_sound:
        rows, n_mute = selection.with_sound(rows)
        if n_mute:
            notes.append(f"{n_mute:,} rows without sound are left out: {chosen.name} describes sound files")
    names = file_names.unique(rows.table["utterance_id"].to_pylist())
    prepared = Export(
        name=request.name.rpartition("@")[2],
        table=rows.table,
        names=[name if digest else "" for name, digest in zip(names.values(), rows.digests, strict=True)],
        classes=rows.classes,
        encoding=encoding,
        card=description.describe(rows, config),
        sounds=partial(sounds.read, rows, config.corpora[rows.corpus], progress),
    )
    return prepared, notes


def _write_sources(folder: Path, prepared: Export) -> None:
    from tasks.core import tables
    from tasks.on_demand.exporting import readme

    columns = ("name", "title", "url", "licence", "citation")
    rows = [
        {**{name: _harmless(getattr(source, name)) for name in columns}, "rows": source.n}
        for source in prepared.card.sources
    ]
    if rows:
        tables.write_csv(folder / readme.SOURCES, rows)


def _harmless(cell: str) -> str:
    """Return a title from outside so that no spreadsheet program takes it for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, which gets its name on a clean exit and is removed otherwise.

    A killed run leaves it behind, and the next export to the same folder removes it.

    Args:
        folder: must not exist, or be empty

    Raises:
        InputError: if it has files, or is a file
        Busy: if another process writes it
    """
    target = folder.resolve()
    part = target.with_name(f".{target.name}{_PART}")
    lock = f"export-{hashlib.sha256(str(target).encode()).hexdigest()[:16]}"
    with locks.alone(lock, f"undertone export to {folder}", wait_s=0.0, waiting=lambda _: None):
        _demand_free(folder)
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir(parents=True)
            yield part
            _demand_free(folder)
            # an empty folder is replaced
            part.replace(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _demand_free(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} has files already; expected a new or an empty folder: choose another, or remove it")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a new or an empty folder")
