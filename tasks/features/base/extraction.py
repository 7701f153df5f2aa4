"""Apply an extractor to utterances: started once per process, utterances of similar length together."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from tasks.core import sound_files
from tasks.core.errors import AudioError
from tasks.core.results import Reject
from tasks.features.base import registry, store
from tasks.features.base.extractor import Extractor, Sound, Transcript, VideoFrames
from tasks.features.base.settings import settings_of
from tasks.media.corpus_files import sound_check
from tasks.media.corpus_files.media_files import MediaFile

Content = Transcript | Sound | VideoFrames
_BATCH_SIZE = 32
_MOST_SAMPLES = 1 << 24


@dataclass
class Extracted:
    """Rows of schema `store.EXTRACTED`, and the utterances without these features."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def extract(name: str, settings: str, inputs: Iterable[tuple[str, Content]]) -> Extracted:
    """Extract the features of some utterances; at most 17 minutes of their sound are in memory at once.

    Args:
        name: of the extractor
        settings: of the extractor, as JSON
        inputs: id and input of every utterance
    """
    function, extractor = _started(name, settings)
    size = getattr(settings_of(extractor.settings, json.loads(settings), name), "batch_size", _BATCH_SIZE)
    extracted = Extracted()
    for portion in _portions(inputs):
        portion.sort(key=lambda entry: (_length(entry[1]), entry[0]))
        for start in range(0, len(portion), size):
            _extract(function, portion[start : start + size], extracted)
    return extracted


def _portions(inputs: Iterable[tuple[str, Content]]) -> Iterator[list[tuple[str, Content]]]:
    """Yield inputs in lists that fit into memory: a recording may last for hours."""
    portion, n_samples = list[tuple[str, Content]](), 0
    for name, content in inputs:
        portion.append((name, content))
        n_samples += len(content.samples) if isinstance(content, Sound) else 0
        if n_samples >= _MOST_SAMPLES:
            yield portion
            portion, n_samples = [], 0
    if portion:
        yield portion


def sounds(item: MediaFile) -> Iterator[tuple[str, Sound]]:
    """Yield id and sound of every utterance of a media file.

    Args:
        item: the file

    Raises:
        AudioError: if it cannot be decoded
    """
    with sound_check.opened(item) as sound:
        for span, samples in sound.utterances:
            yield (
                span.utterance_id,
                Sound(samples.astype(np.float32) / np.float32(sound_check.FULL_SCALE), sound_files.RATE_HZ),
            )


def _extract(function: Any, inputs: Sequence[tuple[str, Content]], extracted: Extracted) -> None:
    """Extract several utterances at once; after a failure one by one, so that only the failing one is rejected."""
    try:
        values = function([content for _, content in inputs])
    except AudioError as error:
        if len(inputs) == 1:
            extracted.rejects.append(Reject(inputs[0][0], "no features", str(error)))
            return
        for entry in inputs:
            _extract(function, [entry], extracted)
        return
    extracted.rows += [store.row(name, value) for (name, _), value in zip(inputs, values, strict=True)]


@lru_cache(maxsize=8)
def _started(name: str, settings: str) -> tuple[Any, Extractor]:
    extractor = registry.extractor(name)
    function = extractor.start(settings_of(extractor.settings, json.loads(settings), name))
    if "torch" in sys.modules:
        import torch

        # worker processes fill the cores; one thread also makes sums independent of the number of cores
        torch.set_num_threads(1)
    return function, extractor


def _length(content: Content) -> int:
    if isinstance(content, Transcript):
        return len(content.text) + sum(len(text) for _, text in content.before)
    return len(content.samples if isinstance(content, Sound) else content.images)
