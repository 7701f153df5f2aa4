"""Features of new utterances, computed as those that the model was trained on, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from tasks.core import tables
from tasks.core.errors import AudioError
from tasks.core.results import Reject
from tasks.experiments.data import inputs_of
from tasks.experiments.kept_model import KeptModel
from tasks.experiments.plan import FeatureSet
from tasks.features.base import extraction, store
from tasks.features.base.extraction import Content
from tasks.features.base.transcripts import transcripts
from tasks.features.video import utterance_frames
from tasks.media.corpus_files.media_files import MediaFile, UtteranceSpan
from tasks.models.base.estimator import Inputs
from tasks.on_demand.applying.intake import Medium
from tasks.on_demand.applying.utterances import NewUtterances

_TOGETHER = 64
"""Utterances whose sound or frames are in memory at once."""


@dataclass(frozen=True)
class NewFeatures:
    """Features of the utterances that have what the model needs.

    Args:
        inputs: n_rows rows
        rows: their positions among the utterances, shape (n_rows,)
        rejects: the other utterances
    """

    inputs: Inputs
    rows: tuple[int, ...]
    rejects: tuple[Reject, ...]


def compute(
    model: KeptModel, medium: Medium, utterances: NewUtterances, folder: Path, progress: Callable[[float], None]
) -> NewFeatures:
    """Return the features of a medium's utterances.

    Args:
        model: names its feature sets
        medium: the medium
        utterances: of the medium
        folder: for the values: they are read from there when they are used
        progress: called with the share that is done
    """
    ids = [row.id for row in utterances.rows]
    rejects, places = dict[str, Reject](), {}
    sets: dict[str, store.Features] = {}
    for number, part in enumerate(model.parts):
        contents = _counted(
            contents_of(part, medium, utterances, rejects),
            progress,
            number / len(model.parts),
            len(ids) * len(model.parts),
        )
        store.write(folder / part.name, _extracted(part, contents, rejects), {})
        sets[part.name] = store.read(folder / part.name)
        places[part.name] = store.positions(sets[part.name], ids)
    needs = np.logical_and if model.recipe.missing == "left-out" else np.logical_or
    rows = np.flatnonzero(needs.reduce([place >= 0 for place in places.values()]))
    chosen = {name: place[rows] for name, place in places.items()}
    units = np.full(rows.size, "", dtype=str)
    used = {ids[row] for row in rows}
    return NewFeatures(
        model.with_widths(inputs_of(model.parts, model.recipe.missing, sets, chosen, units)),
        tuple(rows.tolist()),
        tuple(reject for name, reject in sorted(rejects.items()) if name not in used),
    )


def _counted(
    contents: Iterable[tuple[str, Content]], progress: Callable[[float], None], before: float, n_inputs: int
) -> Iterator[tuple[str, Content]]:
    for number, content in enumerate(contents, start=1):
        yield content
        progress(before + number / n_inputs)


def _extracted(
    part: FeatureSet, contents: Iterator[tuple[str, Content]], rejects: dict[str, Reject]
) -> Iterator[pa.Table]:
    settings = json.dumps(asdict(part.settings), sort_keys=True)
    while batch := list(islice(contents, _TOGETHER)):
        extracted = extraction.extract(part.extractor.name, settings, batch)
        rejects |= {reject.id: reject for reject in extracted.rejects}
        yield tables.from_rows(extracted.rows, store.EXTRACTED)


def contents_of(
    part: FeatureSet, medium: Medium, utterances: NewUtterances, rejects: dict[str, Reject]
) -> Iterator[tuple[str, Content]]:
    """Yield id and input of every utterance, in the order of time.

    Args:
        part: extractor and settings
        medium: the medium
        utterances: of the medium
        rejects: gets the utterances without input
    """
    if part.extractor.reads == "text":
        yield from _texts(medium, utterances, getattr(part.settings, "context", 0), rejects)
        return
    is_whole = utterances.unit == "file"
    spans = tuple(UtteranceSpan(row.id, None if is_whole else row.start_s, row.end_s) for row in utterances.rows)
    if part.extractor.reads == "sound":
        # a whole file is decoded sample by sample, others are cut on the grid of milliseconds, as for training
        item = MediaFile(str(medium.flac.parent), medium.flac.name, "", spans, is_ours=not is_whole)
        for name, sound in extraction.sounds(item):
            if sound.samples.size:
                yield name, sound
            else:
                rejects[name] = Reject(name, "past the end", f"the sound is {medium.duration_s:.3f} s long")
        return
    for span in spans:
        try:
            yield span.utterance_id, utterance_frames.read(medium.media, span, part.settings)
        except AudioError as error:
            rejects[span.utterance_id] = Reject(span.utterance_id, "no picture", str(error))


def _texts(
    medium: Medium, utterances: NewUtterances, context: int, rejects: dict[str, Reject]
) -> Sequence[tuple[str, Content]]:
    for row in utterances.rows:
        if not row.text:
            rejects[row.id] = Reject(row.id, "no text", "the model reads text, and there are no captions")
    rows = [
        {"utterance_id": row.id, "group": medium.name, "turn": number, "speaker": None, "text": row.text}
        for number, row in enumerate(utterances.rows)
    ]
    return [entry for _, entry in transcripts(rows, context)]
