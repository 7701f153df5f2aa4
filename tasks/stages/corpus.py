"""Stage corpus@NAME: read a corpus in its native layout into the utterance table; check its sound and video."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.core import bugs, forgotten, paths, tables
from tasks.core.config import Config, Section
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import InputError
from tasks.core.results import Reject, Result
from tasks.corpora import unreferenced
from tasks.corpora.readers import pool, reading, registry
from tasks.corpora.readers.reading import ReaderOutput, Row
from tasks.media.corpus_files import media_files, sound_check, video_check
from tasks.media.corpus_files.media_files import MediaFile


def run(config: Config, name: str, *, each: Each) -> None:
    """Read a corpus into `data/corpus/NAME/`: utterances, checks of sound and video, rejects, repairs.

    Args:
        config: all settings
        name: of the corpus
        each: maps media files

    Raises:
        InputError: if params.yaml names no such corpus, or nothing in its folder can be read
    """
    if name not in config.corpora:
        raise InputError(f"params.yaml names no corpus {name!r}; it has {', '.join(config.corpora) or 'none'}")
    entry, stage = config.corpora[name], f"corpus@{name}"
    corpus, folder = registry.corpus(entry.reader), Path(entry.path)
    output = corpus.read(folder)
    rows, rejects = _without_repeated_ids(output)
    unused = unreferenced.find(folder, rows, rejects)
    rows, removed = _without_forgotten(rows)
    rejects += removed
    digests = _digests(rows, entry.media, output.digests, rejects)
    items = media_files.files(rows, "audio", digests, entry)
    with bugs.also_rejected(rejects):
        sounds = collect(each(sound_check.work(name), items), sound_check.CHECKS)
        items = media_files.files(rows, "video", digests, entry)
        work = Work(stage, video_check.check_video_one, Section(), tables.PICTURES, reads=MediaFile.reads)
        videos = collect(each(work, items), tables.PICTURES)
    rows = _with_media(rows, sounds, videos)
    # a damaged file fails both checks for the same reason: list it once
    rejects += dict.fromkeys((*sounds.rejects, *videos.rejects))
    if not rows:
        raise InputError(f"{folder}: nothing in it could be read as {corpus.title}; {_first(rejects)}")
    folder_of = paths.folder(stage)
    table = tables.from_rows(sorted(rows, key=lambda row: str(row["utterance_id"])), corpus.schema)
    tables.write(table, paths.utterances(name), corpus.schema)
    tables.write(tables.unlabelled(table), paths.unlabelled(name), tables.UNLABELLED)
    checked = sounds.rows.sort_by("utterance_id")
    tables.write(checked.select(tables.SOUNDS.names), folder_of / "sounds.parquet", tables.SOUNDS)
    tables.write(checked.select(tables.SIGNALS.names), folder_of / "signals.parquet", tables.SIGNALS)
    tables.write(videos.rows.sort_by("utterance_id"), folder_of / "pictures.parquet", tables.PICTURES)
    write_rejects(stage, [_printable(reject) for reject in rejects])
    note = {
        "reader": corpus.name,
        "title": corpus.title,
        "licence": corpus.licence,
        "simulated": (folder / paths.SIMULATED).is_file(),
        "n_utterances": len(rows),
        "n_with_sound": sounds.rows.num_rows,
        "n_with_pictures": videos.rows.num_rows,
        "repairs": dict(sorted(output.repairs.items())),
        **unused.note(),
    }
    tables.write_text(folder_of / "reading.json", json.dumps(note, indent=2, ensure_ascii=False) + "\n")


def _without_repeated_ids(output: ReaderOutput) -> tuple[list[Row], list[Reject]]:
    """Keep the first row of every id; reject the others."""
    repeated = set(reading.repeated_ids(output.rows))
    rows, rejects, seen = [], list(output.rejects), set[str]()
    for row in output.rows:
        name = str(row["utterance_id"])
        if name in seen:
            rejects.append(Reject(str(row.get("audio") or name), reading.COPY, f"{name} is there already"))
            continue
        if name in repeated:
            seen.add(name)
        rows.append(dict(row))
    return rows, rejects


def _without_forgotten(rows: list[Row]) -> tuple[list[Row], list[Reject]]:
    """Leave out the rows of speakers who asked for their removal; the rejects name none."""
    ledger = forgotten.read()
    if not ledger.removed:
        return rows, []
    speakers = sorted({str(row["speaker"]) for row in rows if row.get("speaker")})
    days = {name: day for name in speakers if (day := ledger.day(forgotten.SPEAKER, name))}
    rejects = [
        Reject(ledger.mark(forgotten.SPEAKER, name), forgotten.FORGOTTEN, f"a speaker, removed on request on {day}")
        for name, day in days.items()
    ]
    return [row for row in rows if row.get("speaker") not in days], rejects


def _printable(reject: Reject) -> Reject:
    """Return a reject whose names are UTF-8: names of files may not be, and no table could hold them."""
    return Reject(reading.printable(reject.id), reject.reason, reading.printable(reject.detail))


def _digests(rows: Sequence[Row], folder: Path, stated: Mapping[str, str], rejects: list[Reject]) -> dict[str, str]:
    """Return the digest of every media file that rows name; reject missing files and files outside the corpus."""
    digests = {}
    for name in sorted({row[column] for row in rows for column in ("audio", "video") if row.get(column)}):
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            rejects.append(Reject(name, "outside the corpus", f"{path} leads out of {folder}"))
        elif not path.is_file():
            rejects.append(Reject(name, "no such file", "a row names it"))
        else:
            digests[name] = stated.get(name) or _digest(path)
    return digests


def _with_media(rows: Sequence[Row], sounds: Result, pictures: Result) -> list[Row]:
    """Fill in the times of whole files, and remove sound and video that cannot be used, in the rows themselves.

    A row that loses its media and has no text is dropped; a row that names no media stays.
    """
    sound_s, picture_s = (
        dict(zip(*(check.rows[name].to_pylist() for name in ("utterance_id", "duration_s")), strict=True))
        for check in (sounds, pictures)
    )
    kept = []
    for row in rows:
        name = row["utterance_id"]
        usable = {"audio": row.get("audio") if name in sound_s else None}
        usable["video"] = row.get("video") if name in picture_s else None
        if any(usable.values()):
            changed = {**usable, **_times(row, sound_s.get(name, picture_s.get(name)))}
        elif row.get("text") or not (row.get("audio") or row.get("video")):
            changed = {**usable, "start_s": None, "end_s": None}
        else:
            continue
        row.update(changed)
        kept.append(row)
    return kept


def _times(row: Row, duration_s: float | None) -> dict[str, float | None]:
    start_s, end_s = row.get("start_s") or 0.0, row.get("end_s")
    return {"start_s": start_s, "end_s": end_s or (start_s + duration_s if duration_s else None)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return "found no files of this corpus in it"
    return f"{len(rejects)} rejected, the first: {rejects[0].id}: {rejects[0].reason} ({rejects[0].detail})"


def plugins(config: Config, name: str) -> list[str]:
    """Return the modules of the readers that read a corpus.

    Args:
        config: all settings
        name: of the corpus
    """
    reader = config.corpora[name].reader
    return [registry.module(part) for part in (reader, *(registry.names() if reader == pool.NAME else ()))]
