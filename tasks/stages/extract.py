"""Stage extract@NAME: one set of features of one corpus, computed once and shared by every experiment.

Utterances are worked on in batches that hold whole groups (a dialogue's earlier utterances are at hand) or whole media
files; which batch one is in depends on its name alone, so that a new recording changes one batch.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core import code_version, paths, tables
from tasks.core.config import Config, Section
from tasks.core.each import Each, Work
from tasks.core.errors import AudioError, InputError
from tasks.core.results import Reject, Result
from tasks.features.base import feature_sets, registry, store
from tasks.features.base.extractor import Extractor, Sound, Transcript, VideoFrames
from tasks.features.base.settings import settings_of
from tasks.features.video import contact_sheet, utterance_frames
from tasks.media import decode
from tasks.media.corpus_files import media_files as media
from tasks.media.corpus_files import sound_check
from tasks.media.corpus_files.media_files import MediaFile

_TEXTS_A_BATCH, _FILES_A_BATCH = 256, 16
_BATCH_SIZE = 32
_LIBRARIES = ("undertone", "numpy", "torch", "transformers", "simplemma", "pyAudioAnalysis")


@dataclass(frozen=True)
class Batch:
    """Some utterances of a corpus, and who extracts what from them.

    Args:
        number: which batch, of how many
        said: for extractors that read text: id and words of every utterance
        files: for extractors that read sound or video
        settings: the extractor's, as JSON
        code: stands for the extractor's code, and for the bytes of a pretrained model it uses
    """

    features: str
    number: int
    of: int
    extractor: str
    settings: str
    code: str
    said: tuple[tuple[str, Transcript], ...] = ()
    files: tuple[MediaFile, ...] = ()

    @property
    def id(self) -> str:
        """A readable name."""
        return f"{self.features}, batch {self.number + 1} of {self.of}"

    @property
    def content(self) -> str:
        """What is read, and how."""
        read = [self.extractor, self.settings, self.code, [[one, asdict(said)] for one, said in self.said]]
        return hashlib.sha256(json.dumps([read, [file.content for file in self.files]]).encode()).hexdigest()


@dataclass
class _Found:
    rows: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def extract_one(item: Batch, _: Section) -> Result:
    """Extract the features of one batch, utterances of similar length together."""
    function, extractor = _started(item.extractor, item.settings)
    found = _Found()
    settings = settings_of(extractor.settings, json.loads(item.settings), item.extractor)
    waiting = list(_read(item, extractor, settings, found))
    waiting.sort(key=lambda one: (_length(one[1]), one[0]))
    size = getattr(settings, "batch_size", _BATCH_SIZE)
    for start in range(0, len(waiting), size):
        _together(function, waiting[start : start + size], found)
    return Result(tables.from_rows(found.rows, store.EXTRACTED), tuple(found.rejects))


def run(config: Config, name: str, *, each: Each) -> None:
    """Extract one set of features into `data/extract/CORPUS/NAME/`.

    Where no utterance has them (a corpus without sound, say) the set is empty: other experiments on the corpus go on,
    and one that learns from it says so.

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
        "versions": {library: found for library in _LIBRARIES if (found := _version(library))},
    }
    store.write(target, _rows(name, items, each, rejects), card)
    if extractor.reads == "video":
        contact_sheet.write(target, _shown(name, config, settings))
    rows = [{"item": one.id, "stage": "extract", "reason": one.reason, "detail": one.detail} for one in rejects]
    rows.sort(key=lambda row: (row["item"], row["reason"], row["detail"]))
    tables.write(tables.from_rows(rows, tables.REJECTED), target / "rejected.parquet", tables.REJECTED)


def _shown(name: str, config: Config, settings: Any) -> Iterator[contact_sheet.SheetEntry]:
    """Yield the chosen frames of one utterance of each emotion that has these features."""
    corpus = config.features[name].corpus
    known = set(store.read(paths.features(corpus, name)).ids)
    rows = tables.read_corpus(paths.utterances(corpus)).to_pylist()
    folder = Path(config.corpora[corpus].path)
    for row in contact_sheet.first_per_emotion([row for row in rows if row["utterance_id"] in known]):
        span = media.UtteranceSpan(row["utterance_id"], row["start_s"], row["end_s"])
        yield contact_sheet.SheetEntry(
            row["utterance_id"],
            row["emotion"] or "",
            utterance_frames.read(folder / row["video"], span, settings, height=contact_sheet.HEIGHT),
        )


def _rows(name: str, items: Sequence[Batch], each: Each, rejects: list[Reject]) -> Iterator[pa.Table]:
    for outcome in each(Work(f"extract@{name}", extract_one, Section(), store.EXTRACTED), items):
        result = outcome.result()
        rejects.extend(result.rejects)
        yield result.rows


def _batches(name: str, config: Config, extractor: Extractor, settings: Any) -> list[Batch]:
    corpus = config.features[name].corpus
    rows = tables.read_corpus(paths.utterances(corpus)).to_pylist()
    if extractor.reads == "text":
        said = _in_batches(_said(rows, getattr(settings, "context", 0)), _TEXTS_A_BATCH)
        parts: list[dict[str, Any]] = [{"said": tuple(one)} for one in said]
    else:
        files = _files(corpus, rows, config, extractor)
        parts = [{"files": tuple(one)} for one in _in_batches([(one.path, one) for one in files], _FILES_A_BATCH)]
    if not parts:
        # a pretrained model that nothing is given to need not be there
        return []
    base = Batch(name, 0, 0, extractor.name, json.dumps(asdict(settings), sort_keys=True), _code(extractor, settings))
    return [replace(base, number=n, of=len(parts), **one) for n, one in enumerate(parts)]


def _files(
    corpus: str, rows: Sequence[Mapping[str, Any]], config: Config, extractor: Extractor
) -> list[media.MediaFile]:
    """Return the files whose sound could be heard, or whose pictures could be seen."""
    sounds, column = extractor.reads == "sound", extractor.column
    path, schema = (paths.sounds(corpus), tables.SOUNDS) if sounds else (paths.pictures(corpus), tables.PICTURES)
    table = tables.read(path, schema)
    digests = {row[column]: row["sha256"] for row in table.select([column, "sha256"]).to_pylist()}
    return media.files(rows, column, digests, Path(config.corpora[corpus].path))


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
    """Return what stands for an extractor's code and for the pretrained model it uses."""
    code = code_version.version(registry.module(extractor.name))
    if checkpoint := getattr(settings, "checkpoint", None):
        from tasks.features.base import checkpoints

        return f"{code} {checkpoints.fingerprint(checkpoint)}"
    return code


def _said(rows: Sequence[Mapping[str, Any]], context: int) -> list[tuple[str, tuple[str, Transcript]]]:
    """Return dialogue, id and words of every utterance that has any, with so many utterances that went before it."""
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["text"]:
            groups[row.get("dialogue") or row["group"]].append(row)
    found = []
    for group, members in sorted(groups.items()):
        members.sort(key=lambda row: (row["turn"] is None, row["turn"] or 0, row["utterance_id"]))
        turns = [((row["speaker"] or "").rpartition("/")[2], row["text"]) for row in members]
        # without turns there is no before and after
        ordered = all(row["turn"] is not None for row in members)
        for number, row in enumerate(members):
            before = tuple(turns[max(0, number - context) : number]) if ordered else ()
            found.append((group, (row["utterance_id"], Transcript(row["text"], turns[number][0], before))))
    return found


def _in_batches(keyed: Sequence[tuple[str, Any]], size: int) -> list[list[Any]]:
    """Spread things over batches by a digest of their key; a power of two of them, so that growth rarely moves them."""
    n_batches = 1
    while n_batches * size < len(keyed):
        n_batches *= 2
    batches: list[list[Any]] = [[] for _ in range(n_batches)]
    for key, thing in keyed:
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % n_batches
        batches[number].append(thing)
    return [batch for batch in batches if batch]


def _read(
    item: Batch, extractor: Extractor, settings: Any, found: _Found
) -> Iterator[tuple[str, Transcript | Sound | VideoFrames]]:
    """Yield every utterance of a batch as the extractor reads it."""
    if extractor.reads == "text":
        yield from item.said
    elif extractor.reads == "sound":
        yield from _sounds(item, found)
    else:
        for file in item.files:
            for span in file.spans:
                try:
                    yield span.utterance_id, utterance_frames.read(file.whole_path, span, settings)
                except AudioError as error:
                    found.rejects.append(Reject(span.utterance_id, "no picture", str(error)))


def _sounds(item: Batch, found: _Found) -> Iterator[tuple[str, Sound]]:
    for file in item.files:
        try:
            samples = decode.samples(file.whole_path)
        except AudioError as error:
            found.rejects.append(Reject(file.path, "no sound", str(error)))
            continue
        for span, part in sound_check.utterance_samples(file, samples):
            yield span.utterance_id, Sound(part.astype(np.float32) / np.float32(sound_check.FULL_SCALE), decode.RATE_HZ)


def _together(function: Any, waiting: Sequence[tuple[str, Transcript | Sound | VideoFrames]], found: _Found) -> None:
    """Extract a batch at once; where that fails for one of them, one by one, so that only that one is rejected."""
    try:
        values = function([thing for _, thing in waiting])
    except AudioError as error:
        if len(waiting) == 1:
            found.rejects.append(Reject(waiting[0][0], "no features", str(error)))
            return
        for one in waiting:
            _together(function, [one], found)
        return
    found.rows += [store.row(one, value) for (one, _), value in zip(waiting, values, strict=True)]


@lru_cache(maxsize=2)
def _started(name: str, settings: str) -> tuple[Any, Extractor]:
    extractor = registry.extractor(name)
    function = extractor.start(settings_of(extractor.settings, json.loads(settings), name))
    if "torch" in sys.modules:
        import torch

        # workers fill the cores, and sums come out the same however many there are
        torch.set_num_threads(1)
    return function, extractor


def _length(thing: Transcript | Sound | VideoFrames) -> int:
    if isinstance(thing, Transcript):
        return len(thing.text) + sum(len(text) for _, text in thing.before)
    return len(thing.samples if isinstance(thing, Sound) else thing.images)


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
