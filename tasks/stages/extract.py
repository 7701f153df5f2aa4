"""Stage extract@NAME: extract one feature set of one corpus, shared by all its experiments.

A batch holds whole dialogues (context is available) or whole media files. The batch of an utterance depends on its name
only: a new recording changes one batch.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import bugs, code_version, distribution, paths, tables
from tasks.core.config import Config, Section
from tasks.core.each import Each, Work
from tasks.core.errors import AudioError, InputError
from tasks.core.item_files import ItemFile
from tasks.core.outcomes import Outcome
from tasks.core.results import Reject, Result
from tasks.features.base import extraction, feature_sets, registry, store
from tasks.features.base.extractor import Extractor, Sound, Transcript, VideoFrames
from tasks.features.base.settings import settings_of
from tasks.features.base.transcripts import transcripts
from tasks.features.video import contact_sheet, utterance_frames
from tasks.media.corpus_files import media_files as media
from tasks.media.corpus_files.media_files import MediaFile

_TEXTS_PER_BATCH, _FILES_PER_BATCH = 256, 16
_MANY_TEXTS, _MANY_SPANS = 32, 8
"""A dialogue or video with so many texts, and a media file with so many utterances, is a batch of its own."""
_LIBRARIES = (distribution.NAME, "numpy", "torch", "transformers", "simplemma", "pyAudioAnalysis")


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


def extract_one(item: Batch, _: Section) -> Result:
    """Extract the features of one batch.

    Args:
        item: the batch

    Returns:
        rows of schema `store.EXTRACTED`, and rejects
    """
    extractor, rejects = registry.extractor(item.extractor), list[Reject]()
    settings = settings_of(extractor.settings, json.loads(item.settings), item.extractor)
    extracted = extraction.extract(item.extractor, item.settings, _read(item, extractor, settings, rejects))
    return Result(tables.from_rows(extracted.rows, store.EXTRACTED), (*rejects, *extracted.rejects))


def run(config: Config, name: str, *, each: Each) -> None:
    """Extract one feature set into `data/extract/CORPUS/NAME/`.

    If no utterance has these features (sound, in a corpus without any), the set is empty: only experiments that use it
    fail.

    Args:
        config: all settings
        name: of the feature set
        each: maps batches

    Raises:
        InputError: if params.yaml has no such features
    """
    if name not in config.features:
        raise InputError(f"params.yaml has no features {name!r}; it has {', '.join(config.features) or 'none'}")
    entry = config.features[name]
    extractor, settings = feature_sets.resolve(name, config)
    items = _batches(name, config, extractor, settings)
    target = paths.features(entry.corpus, name)
    rejects: list[Reject] = []
    card = {
        "features": name,
        "corpus": entry.corpus,
        "extractor": extractor.name,
        "title": extractor.title,
        "settings": asdict(settings),
        "reads": extractor.reads,
        "gives": extractor.gives,
        "names": list(extractor.names(settings)) if extractor.names else None,
        "step_s": getattr(settings, "step_s", None),
        "versions": {library: installed for library in _LIBRARIES if (installed := _version(library))},
    }
    # a pretrained model lies in the cache of this machine
    reads = None if getattr(settings, "checkpoint", None) else Batch.reads
    work = Work(f"extract@{name}", extract_one, Section(), store.EXTRACTED, reads=reads)
    store.write(target, _rows(each(work, items), rejects), card)
    if extractor.reads == "video":
        contact_sheet.write(target, _sheet(name, config, settings))
    bugs.write_rejects("extract", rejects, rejected_table(config, name))


def _sheet(name: str, config: Config, settings: Any) -> Iterator[contact_sheet.SheetEntry]:
    """Yield the frames of a few of the utterances that have these features, evenly spread."""
    corpus = config.features[name].corpus
    extracted = set(store.read(paths.features(corpus, name)).ids)
    rows = tables.read(paths.unlabelled(corpus), tables.UNLABELLED).to_pylist()
    for row in contact_sheet.spread([row for row in rows if row["utterance_id"] in extracted]):
        span = media.UtteranceSpan(row["utterance_id"], row["start_s"], row["end_s"])
        path = config.corpora[corpus].media / row["video"]
        frames = utterance_frames.read(path, span, settings, height=contact_sheet.HEIGHT)
        yield contact_sheet.SheetEntry(row["utterance_id"], frames)


def _rows(outcomes: Iterator[Outcome], rejects: list[Reject]) -> Iterator[pa.Table]:
    for outcome in outcomes:
        result = outcome.result()
        rejects.extend(result.rejects)
        yield result.rows


def _batches(name: str, config: Config, extractor: Extractor, settings: Any) -> list[Batch]:
    corpus = config.features[name].corpus
    rows = tables.read(paths.unlabelled(corpus), tables.UNLABELLED).to_pylist()
    if extractor.reads == "text":
        keyed = transcripts(rows, getattr(settings, "context", 0), getattr(settings, "after", 0))
        large = {key for key, count in Counter(key for key, _ in keyed).items() if count >= _MANY_TEXTS}
        batches, column = _in_batches(keyed, _TEXTS_PER_BATCH, large), "transcripts"
    else:
        files = _files(corpus, rows, config, extractor)
        large = {file.path for file in files if len(file.spans) >= _MANY_SPANS}
        batches, column = _in_batches([(file.path, file) for file in files], _FILES_PER_BATCH, large), "files"
    if not batches:
        # return before _code, which reads the pretrained model: without inputs it may be missing
        return []
    base = Batch(name, "", extractor.name, json.dumps(asdict(settings), sort_keys=True), _code(extractor, settings))
    parts: dict[str, dict[str, Any]] = {batch: {column: tuple(entries)} for batch, entries in batches.items()}
    return [replace(base, name=batch, **part) for batch, part in parts.items()]


def _files(
    corpus: str, rows: Sequence[Mapping[str, Any]], config: Config, extractor: Extractor
) -> list[media.MediaFile]:
    """Return the files whose sound or video passed the check of stage corpus."""
    sounds, column = extractor.reads == "sound", extractor.column
    path, schema = (paths.sounds(corpus), tables.SOUNDS) if sounds else (paths.pictures(corpus), tables.PICTURES)
    table = tables.read(path, schema)
    digests = {row[column]: row["sha256"] for row in table.select([column, "sha256"]).to_pylist()}
    folder = config.corpora[corpus].media
    if digests and not folder.is_dir():
        # every file would be rejected, and the set empty
        raise InputError(
            f"the files of corpus {corpus} are not on this machine: there is no folder {folder.resolve()}. Mount "
            f"or copy it, or correct corpora.{corpus}.path in params.yaml"
        )
    return media.files(rows, column, digests, config.corpora[corpus])


def rejected_table(config: Config, name: str) -> Path:
    """Return the path of a feature set's table of rejected utterances, which lies beside the features.

    Args:
        config: all settings
        name: of the feature set
    """
    return paths.features(config.features[name].corpus, name) / "rejected.parquet"


def plugins(config: Config, name: str) -> tuple[str, ...]:
    """Return the module of the extractor of a feature set.

    Args:
        config: all settings
        name: of the feature set
    """
    return (registry.module(config.features[name].extractor),)


def checkpoints_of(config: Config, name: str) -> tuple[str, ...]:
    """Return the pretrained model that a feature set's extractor uses, as params.yaml names it.

    Args:
        config: all settings
        name: of the feature set
    """
    _, settings = feature_sets.resolve(name, config)
    checkpoint = getattr(settings, "checkpoint", None)
    return (checkpoint,) if checkpoint else ()


def _code(extractor: Extractor, settings: Any) -> str:
    """Return the digest of an extractor's code, and the fingerprint of the pretrained model it uses."""
    code = code_version.version(registry.module(extractor.name))
    if checkpoint := getattr(settings, "checkpoint", None):
        from tasks.features.base import checkpoints

        return f"{code} {checkpoints.fingerprint(checkpoint)}"
    return code


def _in_batches(keyed: Sequence[tuple[str, Any]], size: int, large: Collection[str]) -> dict[str, list[Any]]:
    """Distribute entries over batches by a digest of their key; the number of batches is a power of two.

    Growth then rarely moves an entry to another batch. `large`: keys whose entries are a batch of their own.
    """
    n_batches = 1
    while n_batches * size < sum(key not in large for key, _ in keyed):
        n_batches *= 2
    batches: dict[str, list[Any]] = {f"batch {number + 1} of {n_batches}": [] for number in range(n_batches)}
    for key, entry in keyed:
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % n_batches
        batches.setdefault(key if key in large else f"batch {number + 1} of {n_batches}", []).append(entry)
    return {name: entries for name, entries in batches.items() if entries}


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


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
