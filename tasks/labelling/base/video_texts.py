"""Items of the stage polarity: the utterances of a video, with no more than its voters are given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import groupby
from typing import Any

import pyarrow as pa

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
        texts: (utterance id, text) of its utterances, in order of time
        language: of its captions
        spans: start and end in seconds, and the speaker, of each utterance; only for voters that want context
        sound: path of its sound, relative to the folder of media, and its digest; only for voters that want prosody
    """

    id: str
    texts: tuple[tuple[str, str], ...]
    language: str | None = None
    spans: tuple[tuple[float, float, str | None], ...] | None = None
    sound: tuple[str, str] | None = None

    @property
    def content(self) -> str:
        """All that voters are given, for the cache key."""
        optional = [value for value in (self.spans, self.sound) if value is not None]
        return json.dumps([self.texts, self.language, *optional])

    def reads(self) -> tuple[ItemFile, ...]:
        """Return the sound if a voter wants prosody."""
        return () if self.sound is None else (ItemFile(paths.MEDIA / self.sound[0], self.sound[1]),)

    def inputs(self) -> list[VoterInput]:
        """Return what voters are given for each utterance, shape (n_utterances,).

        There is no prosody if the sound is damaged.
        """
        if self.spans is None:
            return [
                VoterInput(text, language=self.language, video=self.id, utterance_id=utterance_id)
                for utterance_id, text in self.texts
            ]
        spoken = [SpokenText(text, *span) for (_, text), span in zip(self.texts, self.spans, strict=True)]
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
            for (utterance_id, _), utterance, around, voice in zip(
                self.texts, spoken, contexts.surroundings(spoken), self._prosody(spoken), strict=True
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
    columns = utterances.select(["group", "language", "utterance_id", "text", "start_s", "end_s", "speaker"])
    rows = zip(*columns.to_pydict().values(), strict=True)
    return [
        _item(str(group), list(members), sounds, needed) for group, members in groupby(rows, key=lambda row: row[0])
    ]


def _item(
    group: str, rows: Sequence[tuple[Any, ...]], sounds: Mapping[str, tuple[str, str]], needed: VoterNeeds
) -> VideoTexts:
    texts = tuple((utterance_id, text) for _, _, utterance_id, text, *_ in rows)
    spans = tuple((start_s, end_s, speaker) for *_, start_s, end_s, speaker in rows)
    sound = sounds.get(group) if needed.prosody else None
    return VideoTexts(group, texts, rows[0][1], spans if needed.context else None, sound)
