"""Interviews: the utterances that were crawled, cut and voted on, as stage `interviews` joined them.

Layout: `utterances.parquet` in the folder; its sound lies in `data/crawl/media`. Labels are those of the lexicons, with
their weights; `official` is the split into the two lists. The group is the video; speakers are known if
`speakers.when` is always.

Known problems: a label says what the words express, not what a listener hears. `listeners` has the listeners' label of
the utterances that were rated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core import tables
from tasks.core.config import INTERVIEWS
from tasks.core.errors import InputError
from tasks.corpora.readers.reading import CorpusReader, Expected, ReaderOutput, Row

EXTRA = pa.schema([(name, pa.string()) for name in ("vote", "listeners", "ratings", "audio_sha256", "voice")])
"""`vote`: what the lexicons say of the text, also where that is too unsure for a label (null: they tie or abstain).
`listeners`: the listeners' majority, or the adjudicated label (null: no rating, or a tie). `ratings`: the label of each
listener, as JSON (null: none). `voice`: embedding of the speaker's voice in the video (null: unknown), see
`tasks.media.voices.voice_codes`."""


def _read(folder: Path) -> ReaderOutput:
    """Read the table of stage `interviews`.

    Raises:
        InputError: if there is none
    """
    path = folder / "utterances.parquet"
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; write it: undertone run interviews")
    rows = tables.read(path, tables.utterances(EXTRA)).to_pylist()
    return ReaderOutput(tuple(rows), digests={row["audio"]: row["audio_sha256"] for row in rows})


def _expected(_: Sequence[Row]) -> Expected:
    return Expected(())


CORPUS = CorpusReader(
    name=INTERVIEWS,
    title="Crawled interviews",
    licence="those of the videos",
    url="docs/labels.md",
    citation="",
    language="",
    labels={},
    read=_read,
    expected=_expected,
    offers=frozenset({"sentiment", "group", "split", "audio", "text"}),
    depends=frozenset({"speaker"}),
    extra=EXTRA,
)
