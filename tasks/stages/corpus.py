"""Stage corpus@NAME: a corpus in its native layout becomes the utterance table; sound is measured, video opened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from tasks.core import paths, tables
from tasks.core.config import Config, Section
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import InputError
from tasks.core.results import Reject, Result
from tasks.corpora.readers import pool, reading, registry
from tasks.corpora.readers.reading import ReaderOutput, Row
from tasks.media.corpus_files import media_files, sound_check, video_check


def run(config: Config, name: str, *, each: Each) -> None:
    """Read a corpus into `data/corpus/NAME/`: utterances, what was heard and seen of them, rejects, what was mended.

    Raises:
        InputError: if params.yaml names no such corpus, or nothing in its folder can be read
    """
    if name not in config.corpora:
        raise InputError(f"params.yaml names no corpus {name!r}; it has {', '.join(config.corpora) or 'none'}")
    entry, stage = config.corpora[name], f"corpus@{name}"
    corpus, folder = registry.corpus(entry.reader), Path(entry.path)
    found = corpus.read(folder)
    rows, rejects = _once(found)
    digests = _digests(rows, folder, rejects)
    items = media_files.files(rows, "audio", digests, folder)
    heard = collect(each(Work(stage, sound_check.check_sound_one, Section(), tables.SOUNDS), items), tables.SOUNDS)
    items = media_files.files(rows, "video", digests, folder)
    seen = collect(each(Work(stage, video_check.check_video_one, Section(), tables.PICTURES), items), tables.PICTURES)
    rows = _with_media(rows, heard, seen)
    # what is no media file is neither heard nor seen, for one and the same reason
    rejects += dict.fromkeys((*heard.rejects, *seen.rejects))
    if not rows:
        raise InputError(f"{folder}: nothing in it could be read as {corpus.title}; {_first(rejects)}")
    folder_of = paths.folder(stage)
    table = tables.from_rows(sorted(rows, key=lambda row: str(row["utterance_id"])), corpus.schema)
    tables.write(table, folder_of / "utterances.parquet", corpus.schema)
    tables.write(heard.rows.sort_by("utterance_id"), folder_of / "sounds.parquet", tables.SOUNDS)
    tables.write(seen.rows.sort_by("utterance_id"), folder_of / "pictures.parquet", tables.PICTURES)
    write_rejects(stage, rejects)
    note = {
        "reader": corpus.name,
        "title": corpus.title,
        "licence": corpus.licence,
        "simulated": (folder / paths.SIMULATED).is_file(),
        "n_utterances": len(rows),
        "n_with_sound": heard.rows.num_rows,
        "n_with_pictures": seen.rows.num_rows,
        "repairs": dict(sorted(found.repairs.items())),
    }
    tables.write_text(folder_of / "reading.json", json.dumps(note, indent=2, ensure_ascii=False) + "\n")


def _once(found: ReaderOutput) -> tuple[list[Row], list[Reject]]:
    """Return the rows whose id is their own, and rejects with one more for each row that repeats an id."""
    again = set(reading.repeated_ids(found.rows))
    rows, rejects, seen = [], list(found.rejects), set[str]()
    for row in found.rows:
        one = str(row["utterance_id"])
        if one in seen:
            rejects.append(Reject(str(row.get("audio") or one), "same utterance twice", f"{one} is there already"))
            continue
        if one in again:
            seen.add(one)
        rows.append(dict(row))
    return rows, rejects


def _digests(rows: Sequence[Row], folder: Path, rejects: list[Reject]) -> dict[str, str]:
    """Return the digest of every media file that rows name; one that cannot be read is rejected."""
    found = {}
    for name in sorted({row[column] for row in rows for column in ("audio", "video") if row.get(column)}):
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            rejects.append(Reject(name, "outside the corpus", f"{path} leads out of {folder}"))
        elif not path.is_file():
            rejects.append(Reject(name, "no such file", "a row names it"))
        else:
            found[name] = _digest(path)
    return found


def _with_media(rows: Sequence[Row], heard: Result, seen: Result) -> list[Row]:
    """Fill in whole files' times, and take out sound and pictures that cannot be used.

    A row of which nothing is left, neither sound nor pictures nor text, goes; one that names none of them stays.
    """
    sounds, pictures = (
        {row["utterance_id"]: row["duration_s"] for row in one.rows.select(["utterance_id", "duration_s"]).to_pylist()}
        for one in (heard, seen)
    )
    kept = []
    for row in rows:
        one = row["utterance_id"]
        there = {"audio": row.get("audio") if one in sounds else None}
        there["video"] = row.get("video") if one in pictures else None
        if any(there.values()):
            kept.append({**row, **there, **_times(row, sounds.get(one, pictures.get(one)))})
        elif row.get("text") or not (row.get("audio") or row.get("video")):
            kept.append({**row, **there, "start_s": None, "end_s": None})
    return kept


def _times(row: Row, duration_s: float | None) -> dict[str, float | None]:
    start_s, end_s = row.get("start_s") or 0.0, row.get("end_s")
    return {"start_s": start_s, "end_s": end_s or (start_s + duration_s if duration_s else None)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return "there are no files of its kind below it"
    return f"{len(rejects)} rejected, the first: {rejects[0].id}: {rejects[0].reason} ({rejects[0].detail})"


def plugins(config: Config, name: str) -> list[str]:
    """Return the modules of the readers that read a corpus.

    Args:
        config: all settings
        name: of the corpus
    """
    reader = config.corpora[name].reader
    return [registry.module(part) for part in (reader, *(registry.names() if reader == pool.NAME else ()))]
