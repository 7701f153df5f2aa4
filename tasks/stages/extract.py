"""Stage extract@NAME: extract one feature set of one corpus, shared by all its experiments.

A batch holds whole dialogues (context is available) or whole media files. The batch of an utterance depends on its name
only: a new recording changes one batch.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import bugs, distribution, paths, tables
from tasks.core.config import Config
from tasks.core.each import Each, in_order
from tasks.core.errors import InputError
from tasks.core.outcomes import Outcome
from tasks.core.results import Reject
from tasks.features.base import feature_sets, registry, store
from tasks.features.base.extractor import Extractor
from tasks.features.base.transcripts import transcripts
from tasks.features.extracting import batches
from tasks.features.extracting.batches import Batch
from tasks.features.video import contact_sheet, utterance_frames
from tasks.media.corpus_files import media_files as media

_TEXTS_PER_BATCH, _FILES_PER_BATCH = 256, 16
_MANY_TEXTS = 32
"""A dialogue or video with so many texts is a batch of its own."""
_LIBRARIES = (distribution.NAME, "numpy", "torch", "transformers", "simplemma", "pyAudioAnalysis")


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
    store.write(target, _rows(each(batches.work(name, settings), items), rejects), card)
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
    for result in in_order(outcomes):
        rejects.extend(result.rejects)
        yield result.rows


def _batches(name: str, config: Config, extractor: Extractor, settings: Any) -> list[Batch]:
    corpus = config.features[name].corpus
    rows = tables.read(paths.unlabelled(corpus), tables.UNLABELLED).to_pylist()
    if extractor.reads == "text":
        keyed = transcripts(rows, getattr(settings, "context", 0), getattr(settings, "after", 0))
        large = {key for key, count in Counter(key for key, _ in keyed).items() if count >= _MANY_TEXTS}
        entries, column = _in_batches(keyed, _TEXTS_PER_BATCH, large), "transcripts"
    else:
        files = _files(corpus, rows, config, extractor)
        large = {file.path for file in files if len(file.spans) >= batches.MANY_SPANS}
        entries, column = _in_batches([(file.path, file) for file in files], _FILES_PER_BATCH, large), "files"
    if not entries:
        # return before `empty`, which reads the pretrained model: without inputs it may be missing
        return []
    base = batches.empty(name, extractor, settings)
    parts: dict[str, dict[str, Any]] = {batch: {column: tuple(content)} for batch, content in entries.items()}
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


def _in_batches(keyed: Sequence[tuple[str, Any]], size: int, large: Collection[str]) -> dict[str, list[Any]]:
    """Distribute entries over batches by a digest of their key; the number of batches is a power of two.

    Growth then rarely moves an entry to another batch. `large`: keys whose entries are a batch of their own.
    """
    n_batches = 1
    while n_batches * size < sum(key not in large for key, _ in keyed):
        n_batches *= 2
    in_batch: dict[str, list[Any]] = {f"batch {number + 1} of {n_batches}": [] for number in range(n_batches)}
    for key, entry in keyed:
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % n_batches
        in_batch.setdefault(key if key in large else f"batch {number + 1} of {n_batches}", []).append(entry)
    return {name: entries for name, entries in in_batch.items() if entries}


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
