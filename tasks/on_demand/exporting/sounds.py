"""Sound of exported rows: each media file is decoded once, and its samples are checked against their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.config import Corpus
from tasks.core.errors import InputError, TableError
from tasks.core.sound_files import RATE_HZ
from tasks.media.corpus_files import sound_check
from tasks.media.corpus_files.media_files import MediaFile, UtteranceSpan
from tasks.on_demand.exporting.export_format import ExportedSound
from tasks.on_demand.exporting.selection import Selection

Progress = Callable[[int, int], None]


def read(selection: Selection, entry: Corpus, progress: Progress) -> Iterator[ExportedSound]:
    """Yield the sound of each row that has some, in the order of the table; one media file at a time is in memory.

    Args:
        selection: the rows
        entry: of the corpus in params.yaml
        progress: called with the number of rows done and of all rows with sound

    Raises:
        InputError: if a media file is not on this machine
        AudioError: if one cannot be decoded
        TableError: if one is not what the corpus was read from
    """
    if "source_audio" not in selection.table.column_names:
        return
    columns = selection.table.select(["utterance_id", "source_audio", "start_s", "end_s"])
    rows = [row for row in enumerate(columns.to_pylist()) if row[1]["source_audio"]]
    done = 0
    for path, members in groupby(rows, key=lambda row: row[1]["source_audio"]):
        for sound in _of_file(path, list(members), selection, entry):
            yield sound
            done += 1
            progress(done, len(rows))


def _of_file(
    path: str, members: list[tuple[int, dict[str, Any]]], selection: Selection, entry: Corpus
) -> Iterator[ExportedSound]:
    spans = tuple(UtteranceSpan(row["utterance_id"], row["start_s"], row["end_s"]) for _, row in members)
    file = MediaFile(str(entry.media.resolve()), path, "", spans, entry.is_interviews)
    _demand(file.whole_path, selection.corpus)
    with sound_check.opened(file) as sound:
        for (number, _), (span, samples) in zip(members, sound.utterances, strict=True):
            digest = hashlib.sha256(np.ascontiguousarray(samples, dtype="<i2").tobytes()).hexdigest()
            if digest != selection.digests[number]:
                raise TableError(
                    f"{file.whole_path}: the sound of {span.utterance_id} is not what the corpus was read from; "
                    f"read it again: undertone run corpus@{selection.corpus} --force"
                )
            yield ExportedSound(number, samples, RATE_HZ)


def _demand(path: Path, corpus: str) -> None:
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such file; the export of corpus {corpus} needs its media on this machine (dvc pull)"
        )
