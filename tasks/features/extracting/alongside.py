"""Results of later stages, computed and cached while a video's segments are cut.

The stages `corpus@NAME` and `extract@NAME` read the same samples as `segments`. While these are in memory, their
results are cached under the keys that those stages look up, so that they need not decode the sound again. Nothing
depends on it: a result that is missing is computed by its own stage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np

from tasks.core import memo, paths, sound_files
from tasks.core.config import Extraction
from tasks.core.each import Item, Work
from tasks.core.errors import UndertoneError
from tasks.core.results import Result
from tasks.features.base import registry
from tasks.features.base.extractor import Sound
from tasks.features.base.settings import settings_of
from tasks.features.extracting import batches
from tasks.features.extracting.batches import Batch
from tasks.media.corpus_files import sound_check
from tasks.media.corpus_files.media_files import MediaFile, UtteranceSpan
from tasks.media.corpus_files.sound_check import CorpusSound
from tasks.media.segments.cutting import CutSegment, VideoSpans


def remember(video: VideoSpans, segments: Sequence[CutSegment], copies: Mapping[str, Mapping[str, Any]]) -> None:
    """Cache the check of a video's sound and its features, unless they are cached.

    Args:
        video: its `alongside` names the corpora and feature sets
        segments: all segments of the video, in the order of its spans
        copies: columns of copy detection by utterance
    """
    spans = tuple(UtteranceSpan(cut.span.utterance_id, cut.span.start_s, cut.span.end_s) for cut in segments)
    file = MediaFile(str(paths.of_the_run(paths.MEDIA)), video.audio, video.audio_sha256, spans, is_ours=True)
    # what fails here fails in its own stage, which rejects the item or reports the bug
    with suppress(Exception):
        for work, item in _works(video.alongside, file):
            if not memo.touch(place := work.place(item)):
                memo.remember(place, _result(item, segments, copies))


def _works(alongside: str, file: MediaFile) -> Iterator[tuple[Work, MediaFile | Batch]]:
    checks, extractions = _stages(alongside)
    for work in checks:
        yield work, file
    if len(file.spans) >= batches.MANY_SPANS:
        # shorter videos share batches with others
        for work, batch in extractions:
            yield work, batches.of_file(batch, file)


@lru_cache(maxsize=1)
def _stages(alongside: str) -> tuple[tuple[Work, ...], tuple[tuple[Work, Batch], ...]]:
    entries = json.loads(alongside)
    extractions = []
    for name, fields in entries["features"].items():
        # stage extract reports a wrong name or setting
        with suppress(UndertoneError):
            entry = Extraction(**fields)
            extractor = registry.extractor(entry.extractor)
            if extractor.alongside:
                settings = settings_of(extractor.settings, entry.settings, name)
                extractions.append((batches.work(name, settings).pinned(), batches.empty(name, extractor, settings)))
    checks = tuple(sound_check.work(name).pinned() for name in entries["corpora"])
    return checks, tuple(extractions)


def _result(item: Item, segments: Sequence[CutSegment], copies: Mapping[str, Mapping[str, Any]]) -> Result:
    if isinstance(item, Batch):
        inputs = ((cut.span.utterance_id, _sound(cut)) for cut in segments)
        return batches.extracted(item, inputs)
    assert isinstance(item, MediaFile)
    with sound_files.opened(item.whole_path) as sound:
        cut_samples = zip(item.spans, (cut.samples for cut in segments), strict=True)
        return sound_check.checked(item, CorpusSound.of_ours(sound, cut_samples), copies)


def _sound(cut: CutSegment) -> Sound:
    return Sound(cut.samples.astype(np.float32) / np.float32(sound_check.FULL_SCALE), cut.rate_hz)
