"""Fill in the speakers of the interviews' utterances from the tables of stage `speakers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tasks.core import paths, tables
from tasks.core.config import SpeakerDetection

NAME = "speaker_name"
"""Column that is added: the speaker's name in the captions."""
VOICE = "voice"
"""Column that is added: the embedding of the speaker's voice in the video, from `voice_codes.encode`."""


def with_speakers(utterances: pa.Table, settings: SpeakerDetection) -> pa.Table:
    """Return utterances with their speakers and the column `NAME`; unchanged if speakers are not told apart.

    Args:
        utterances: rows of `UTTERANCES`
        settings: section `speakers` of params.yaml

    Raises:
        TableError: if the stage `speakers` has not run
    """
    if settings.when == "never":
        return utterances
    return _filled(utterances, _by_utterance())


def _filled(utterances: pa.Table, of: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    rows = [of.get(name, {}) for name in utterances["utterance_id"].to_pylist()]
    place = utterances.column_names.index("speaker")
    filled = utterances.set_column(place, "speaker", pa.array([row.get("speaker") for row in rows], pa.string()))
    return filled.append_column(NAME, pa.array([row.get("name") for row in rows], pa.string()))


def with_voices(utterances: pa.Table, settings: SpeakerDetection) -> pa.Table:
    """Return utterances with their speakers and the columns `NAME` and `VOICE`; unchanged if these are not told apart.

    Args:
        utterances: rows of `UTTERANCES`
        settings: section `speakers` of params.yaml

    Raises:
        TableError: if the stage `speakers` has not run
    """
    if settings.when == "never":
        return utterances
    of = _by_utterance()
    voices = tables.read(paths.SPEAKER_VOICES, tables.SPEAKER_VOICES).select(["voice", "embedding"])
    embedding = dict(zip(*voices.to_pydict().values(), strict=True))
    codes = [embedding.get(of.get(name, {}).get("voice")) for name in utterances["utterance_id"].to_pylist()]
    return _filled(utterances, of).append_column(VOICE, pa.array(codes, pa.string()))


def _by_utterance() -> Mapping[str, Mapping[str, Any]]:
    return {row["utterance_id"]: row for row in tables.read(paths.SPEAKER_OF, tables.SPEAKERS).to_pylist()}
