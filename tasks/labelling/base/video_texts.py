"""Items of the stage polarity: the utterances of a video, with no more than its voters are given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import paths
from tasks.core.errors import AudioError
from tasks.core.item_files import ItemFile
from tasks.labelling.base import contexts, voter_kinds
from tasks.labelling.base.contexts import SpokenText
from tasks.labelling.base.voter_input import Prosody, VoterInput
from tasks.labelling.base.voter_kinds import VoterNeeds


@dataclass(frozen=True)
class VideoTexts:
    """An item: all utterances of a video.

    Args:
        id: the video
        rows: `utterance_id` and `text` of its utterances, in order of time; for voters that want context also
            `start_s`, `end_s` and `speaker`. A slice of the whole table: a million texts are in memory once
        language: of its captions
        sound: path of its sound, relative to the folder of media, and its digest; only for voters that want prosody
    """

    id: str
    rows: pa.RecordBatch
    language: str | None = None
    sound: tuple[str, str] | None = None

    def __reduce__(self) -> tuple[Callable[..., VideoTexts], tuple[Any, ...]]:
        """Pickle the rows of this video only: Arrow would pickle the table that they are a slice of."""
        return _unpickled, (self.id, self.rows.schema.serialize(), self.rows.serialize(), self.language, self.sound)

    @property
    def content(self) -> str:
        """All that voters are given, for the cache key."""
        names, texts, *spans = self.rows.columns
        optional = [column.to_pylist() for column in spans] + ([self.sound] if self.sound else [])
        return json.dumps([_digest(names), _digest(texts), self.language, *optional])

    @property
    def ids(self) -> list[str]:
        """The ids of the utterances, shape (n_utterances,)."""
        ids: list[str] = self.rows["utterance_id"].to_pylist()
        return ids

    def reads(self) -> tuple[ItemFile, ...]:
        """Return the sound if a voter wants prosody."""
        return () if self.sound is None else (ItemFile(paths.MEDIA / self.sound[0], self.sound[1]),)

    def inputs(self) -> list[VoterInput]:
        """Return what voters are given for each utterance, shape (n_utterances,).

        There is no prosody if the sound is damaged.
        """
        ids, *columns = (column.to_pylist() for column in self.rows.columns)
        if len(columns) == 1:
            return [
                VoterInput(text, language=self.language, video=self.id, utterance_id=utterance_id)
                for utterance_id, text in zip(ids, columns[0], strict=True)
            ]
        spoken = [SpokenText(*row) for row in zip(*columns, strict=True)]
        return [
            VoterInput(
                utterance.text,
                language=self.language,
                sentence=around.sentence,
                before=around.before,
                after=around.after,
                video=self.id,
                utterance_id=utterance_id,
                speaker=utterance.speaker,
                prosody=voice,
            )
            for utterance_id, utterance, around, voice in zip(
                ids, spoken, contexts.surroundings(spoken), self._prosody(spoken), strict=True
            )
        ]

    def _prosody(self, spoken: Sequence[SpokenText]) -> Sequence[Prosody | None]:
        if self.sound is None:
            return [None] * len(spoken)
        # by name: the code for sound belongs to the stage only where a voter asks for prosody
        voices: Sequence[Prosody]
        try:
            voices = import_module(voter_kinds.VOICES).prosody(self.id, *self.sound, spoken)
        except AudioError:
            # the stage segments rejects the video; its texts are voted on nevertheless
            return [None] * len(spoken)
        return voices


def items(utterances: pa.Table, sounds: Mapping[str, tuple[str, str]], needed: VoterNeeds) -> list[VideoTexts]:
    """Return one item per video.

    Args:
        utterances: rows of `UTTERANCES`, sorted by `utterance_id`
        sounds: video id → its sound and the digest of it; used only if prosody is needed
        needed: what the voters ask for
    """
    names = ["utterance_id", "text", *(["start_s", "end_s", "speaker"] if needed.context else [])]
    columns = utterances.select(names).combine_chunks()
    (rows,) = columns.to_batches() or [pa.RecordBatch.from_pylist([], columns.schema)]
    groups, languages = (utterances[name].combine_chunks() for name in ("group", "language"))
    items = list[VideoTexts]()
    for start, end in pairwise(_bounds(groups)):
        video = str(groups[start].as_py())
        sound = sounds.get(video) if needed.prosody else None
        items.append(VideoTexts(video, rows.slice(start, end - start), languages[start].as_py(), sound))
    return items


def _bounds(groups: pa.Array) -> list[int]:
    """Return the row at which each group begins, and the number of rows."""
    if not len(groups):
        return []
    changes = pc.not_equal(groups[1:], groups[:-1]).fill_null(True).to_numpy(zero_copy_only=False)
    return [0, *(np.flatnonzero(changes) + 1).tolist(), len(groups)]


def _digest(column: pa.Array) -> str:
    """Return a digest of texts, wherever they lie in memory."""
    lengths = pc.binary_length(column).fill_null(-1).to_numpy()
    text = "".join(filter(None, column.to_pylist()))
    return hashlib.sha256(lengths.tobytes() + text.encode()).hexdigest()


def _unpickled(
    video: str, schema: pa.Buffer, rows: pa.Buffer, language: str | None, sound: tuple[str, str] | None
) -> VideoTexts:
    return VideoTexts(video, pa.ipc.read_record_batch(rows, pa.ipc.read_schema(schema)), language, sound)
