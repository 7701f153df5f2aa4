"""Batches of utterances whose features are extracted together, and the work of extracting one of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from tasks.core import code_version, tables
from tasks.core.config import Section
from tasks.core.each import Work
from tasks.core.errors import AudioError
from tasks.core.item_files import ItemFile
from tasks.core.results import Reject, Result
from tasks.features.base import extraction, registry, store
from tasks.features.base.extractor import Extractor, Sound, Transcript, VideoFrames
from tasks.features.base.settings import settings_of
from tasks.features.video import utterance_frames
from tasks.media.corpus_files.media_files import MediaFile

MANY_SPANS = 8
"""A media file with so many utterances is a batch of its own, which has the file's path for a name."""


@dataclass(frozen=True)
class Batch:
    """A batch of utterances of a corpus, and the extractor that is applied to it.

    Args:
        features: name of the feature set
        name: of the batch: its number, or the file or dialogue that it is about
        extractor: its name
        settings: of the extractor, as JSON
        code: digest of the extractor's code, and fingerprint of its pretrained model
        transcripts: id and transcript of every utterance, for extractors that read text
        files: for extractors that read sound or video
    """

    features: str
    name: str
    extractor: str
    settings: str
    code: str
    transcripts: tuple[tuple[str, Transcript], ...] = ()
    files: tuple[MediaFile, ...] = ()

    @property
    def id(self) -> str:
        """Name for messages and logs."""
        return f"{self.features}, {self.name}"

    @property
    def content(self) -> str:
        """Cache key: what is read, and how."""
        texts = [[name, asdict(transcript)] for name, transcript in self.transcripts]
        read = [self.extractor, self.settings, self.code, texts]
        return hashlib.sha256(json.dumps([read, [file.content for file in self.files]]).encode()).hexdigest()

    def reads(self) -> tuple[ItemFile, ...]:
        """Return the media files."""
        return tuple(read for file in self.files for read in file.reads())


def work(name: str, settings: Any) -> Work:
    """Return the work of a feature set's stage.

    Args:
        name: of the feature set
        settings: of its extractor
    """
    # a pretrained model lies in the cache of this machine
    reads = None if getattr(settings, "checkpoint", None) else Batch.reads
    return Work(f"extract@{name}", extract_one, Section(), store.EXTRACTED, reads=reads)


def empty(name: str, extractor: Extractor, settings: Any) -> Batch:
    """Return a batch without utterances, to which they are added.

    Args:
        name: of the feature set
        extractor: its extractor
        settings: of the extractor
    """
    return Batch(name, "", extractor.name, json.dumps(asdict(settings), sort_keys=True), _code(extractor, settings))


def of_file(batch: Batch, file: MediaFile) -> Batch:
    """Return the batch of a media file with many utterances.

    Args:
        batch: from `empty`
        file: with at least `MANY_SPANS` utterances
    """
    return replace(batch, name=file.path, files=(file,))


def extract_one(item: Batch, _: Section) -> Result:
    """Extract the features of one batch.

    Args:
        item: the batch

    Returns:
        rows of schema `store.EXTRACTED`, and rejects
    """
    extractor, rejects = registry.extractor(item.extractor), list[Reject]()
    settings = settings_of(extractor.settings, json.loads(item.settings), item.extractor)
    result = extracted(item, _read(item, extractor, settings, rejects))
    return Result(result.rows, (*rejects, *result.rejects))


def extracted(item: Batch, inputs: Iterable[tuple[str, extraction.Content]]) -> Result:
    """Extract the features of a batch whose inputs have been read.

    Args:
        item: the batch
        inputs: id and input of every utterance

    Returns:
        rows of schema `store.EXTRACTED`, and rejects
    """
    features = extraction.extract(item.extractor, item.settings, inputs)
    return Result(tables.from_rows(features.rows, store.EXTRACTED), tuple(features.rejects))


def _code(extractor: Extractor, settings: Any) -> str:
    """Return the digest of an extractor's code, and the fingerprint of the pretrained model it uses."""
    code = code_version.version(registry.module(extractor.name))
    if checkpoint := getattr(settings, "checkpoint", None):
        from tasks.features.base import checkpoints

        return f"{code} {checkpoints.fingerprint(checkpoint)}"
    return code


def _read(
    item: Batch, extractor: Extractor, settings: Any, rejects: list[Reject]
) -> Iterator[tuple[str, Transcript | Sound | VideoFrames]]:
    """Yield id and input of every utterance of a batch."""
    if extractor.reads == "text":
        yield from item.transcripts
    elif extractor.reads == "sound":
        yield from _sounds(item, rejects)
    else:
        for file in item.files:
            for span in file.spans:
                try:
                    yield span.utterance_id, utterance_frames.read(file.whole_path, span, settings)
                except AudioError as error:
                    rejects.append(Reject(span.utterance_id, "no picture", str(error)))


def _sounds(item: Batch, rejects: list[Reject]) -> Iterator[tuple[str, Sound]]:
    for file in item.files:
        try:
            yield from extraction.sounds(file)
        except AudioError as error:
            rejects.append(Reject(file.path, "no sound", str(error)))
