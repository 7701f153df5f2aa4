"""Robustness of an acoustic recipe: scores of its test utterances as recordings alter them.

The sound of the test rows is altered and its features are extracted again; each fold's model, which was trained on the
sound as it is, predicts them.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core import artifacts, code_version, paths, tables
from tasks.core.config import Config, Section
from tasks.core.each import Each, Work
from tasks.core.errors import AudioError, InputError
from tasks.core.results import Reject, Result
from tasks.evaluation.scores import Bootstrap
from tasks.experiments import all_fits, fitted_model, matching, scoring
from tasks.experiments import data as experiment_data
from tasks.experiments import plan as plans
from tasks.experiments.data import Data, inputs_of
from tasks.experiments.plan import FeatureSet, Plan
from tasks.experiments.runs import Fits, Predictions, Scorer
from tasks.experiments.scoring import Run
from tasks.features.base import extraction, registry, store
from tasks.features.base.extractor import Sound
from tasks.features.base.sequences import Rows
from tasks.media.alterations import ALTERATIONS
from tasks.media.corpus_files import media_files
from tasks.media.corpus_files.media_files import MediaFile
from tasks.models.base.estimator import Inputs

_FILES_PER_BATCH = 16
MOST = 400
"""Test utterances that are altered, unless all are asked for."""


@dataclass(frozen=True)
class AlteredBatch:
    """Media files of utterances whose sound is altered in one way, and the extractor that is applied to it.

    Args:
        features: name of the feature set
        extractor: its name
        settings: of the extractor, as JSON
        code: digest of the extractor's code, and fingerprint of its pretrained model
        files: with only the utterances that are used
        alteration: a key of `ALTERATIONS`
    """

    features: str
    extractor: str
    settings: str
    code: str
    files: tuple[MediaFile, ...]
    alteration: str

    @property
    def id(self) -> str:
        """Name for messages and logs."""
        return f"{self.features}, {self.alteration}, from {self.files[0].path}"

    @property
    def content(self) -> str:
        """Cache key: the files, their utterances, how they are altered and read."""
        ids = [span.utterance_id for file in self.files for span in file.spans]
        read = [self.extractor, self.settings, self.code, self.alteration, ids, [file.content for file in self.files]]
        return hashlib.sha256(json.dumps(read).encode()).hexdigest()


def alter_one(item: AlteredBatch, _: Section) -> Result:
    """Extract the features of a batch's altered sound.

    Args:
        item: the batch

    Returns:
        rows of schema `store.EXTRACTED`, and rejects
    """
    rejects = list[Reject]()
    extracted = extraction.extract(item.extractor, item.settings, _altered(item, rejects))
    return Result(tables.from_rows(extracted.rows, store.EXTRACTED), (*rejects, *extracted.rejects))


def measure(name: str, config: Config, *, each: Each, most: int = MOST) -> dict[str, Any]:
    """Return a recipe's scores on the sound as it is and under each alteration, on the same utterances.

    Args:
        name: of the experiment; its corpus and features are up to date
        config: all settings
        each: maps fits, and batches of utterances
        most: test utterances that are used, drawn by a hash of their ids; 0: all

    Returns:
        the content of `robustness.json`

    Raises:
        InputError: if the recipe does not read sound only, or has no classes
        NotEnoughData: if the corpus is too small for the protocol
    """
    recipe = demand_acoustic(plans.plan(name, config))
    data = experiment_data.load(recipe)
    fits = all_fits.of_folds(recipe, data, each)
    rows = _chosen(data, fits, most)
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.evaluate.confidence, config.evaluate.seed)
    scorer = Scorer.of(recipe, data, bootstrap)
    entries, clean = [], _predicted(scorer, fits, data.inputs.rows(rows), rows)
    for alteration in ALTERATIONS:
        inputs, kept = _inputs(recipe, data, rows, alteration, each)
        altered = _predicted(scorer, fits, inputs, rows[kept])
        as_is = _only(clean, altered)
        loss = scorer.gained([as_is], [altered])
        entries.append(
            {
                "alteration": alteration,
                "n": int(altered.ids.size),
                "scores": scorer.headline([altered]),
                "loss": {measure: loss[measure] for measure in scorer.measures},
                "changed": float(np.mean(scorer.predicted(as_is) != scorer.predicted(altered))),
            }
        )
    return {
        "experiment": name,
        "corpus": recipe.recipe.corpus,
        "reader": recipe.reader,
        "simulated": artifacts.read_json(paths.reading(recipe.recipe.corpus)).get("simulated", False),
        "target": recipe.recipe.target,
        "task": recipe.task,
        "outputs": list(data.outputs),
        "protocol": recipe.protocol.name,
        "protocol_in_words": recipe.protocol.in_words(),
        "leaky": recipe.protocol.leaky,
        "n": int(clean.ids.size),
        "of": int(sum(len(record["ids"]) for record in fits.records)),
        "confidence": bootstrap.confidence,
        "data_sha256": data.digest,
        matching.DIGEST: matching.digest(name, config),
        "scores": scorer.headline([clean]),
        "alterations": entries,
    }


def demand_acoustic(recipe: Plan) -> Plan:
    """Return a recipe that reads sound only and predicts classes of whole utterances.

    Args:
        recipe: any recipe

    Raises:
        InputError: if it does not
    """
    others = [part.name for part in recipe.parts if part.extractor.reads != "sound"]
    if others or recipe.task != "classes" or recipe.recipe.windows or recipe.recipe.missing == "kept":
        reason = f"the features {', '.join(others)}" if others else f"the target {recipe.recipe.target}"
        if not others and recipe.task == "classes":
            reason = "windows or missing: kept"
        raise InputError(f"{recipe.name}: found {reason}; expected a recipe of sound only, of classes, without windows")
    return recipe


def _altered(item: AlteredBatch, rejects: list[Reject]) -> Iterator[tuple[str, Sound]]:
    alter = ALTERATIONS[item.alteration]
    for file in item.files:
        try:
            for name, sound in extraction.sounds(file):
                yield name, Sound(alter(np.asarray(sound.samples), sound.rate_hz, name), sound.rate_hz)
        except AudioError as error:
            rejects += [Reject(span.utterance_id, "undecodable", str(error)) for span in file.spans]


def _chosen(data: Data, fits: Fits, most: int) -> Rows:
    """Return the rows that are altered: tested ones, drawn by a hash of their ids."""
    ids = sorted({name for record in fits.records for name in record["ids"]})
    drawn = sorted(ids, key=lambda name: hashlib.sha256(f"robustness\0{name}".encode()).digest())[: most or len(ids)]
    return np.flatnonzero(np.isin(data.ids, drawn))


def _inputs(recipe: Plan, data: Data, rows: Rows, alteration: str, each: Each) -> tuple[Inputs, Rows]:
    """Return the features of rows under an alteration, and which of the rows have all of them."""
    ids, used = data.ids[rows].tolist(), set(data.ids[rows].tolist())
    version = f"{code_version.version(__name__)} {code_version.version(extraction.__name__)}"
    work = Work(f"robustness@{recipe.name}", alter_one, Section(), store.EXTRACTED, version=version)
    with tempfile.TemporaryDirectory(prefix="undertone-") as folder:
        sets, places = {}, {}
        for part in recipe.parts:
            items = list(_items(recipe, part, used, alteration))
            extracted = (outcome.result().rows for outcome in each(work, items))
            store.write(Path(folder, part.name), extracted, {})
            sets[part.name] = store.read(Path(folder, part.name))
            places[part.name] = store.positions(sets[part.name], ids)
        kept = np.flatnonzero(np.logical_and.reduce([place >= 0 for place in places.values()]))
        chosen_places = {name: place[kept] for name, place in places.items()}
        units = data.inputs.units[rows][kept]
        inputs = inputs_of(recipe.parts, recipe.recipe.missing, sets, chosen_places, units)
        return _in_memory(inputs), kept


def _items(recipe: Plan, part: FeatureSet, used: set[str], alteration: str) -> Iterator[AlteredBatch]:
    corpus = recipe.recipe.corpus
    unlabelled = tables.read(paths.unlabelled(corpus), tables.UNLABELLED).to_pylist()
    rows = [row for row in unlabelled if row["utterance_id"] in used]
    sounds = tables.read(paths.sounds(corpus), tables.SOUNDS).select(["audio", "sha256"]).to_pylist()
    digests = {row["audio"]: row["sha256"] for row in sounds}
    files = media_files.files(rows, "audio", digests, recipe.config.corpora[corpus])
    settings, code = json.dumps(asdict(part.settings), sort_keys=True), _code(part)
    for start in range(0, len(files), _FILES_PER_BATCH):
        portion = tuple(files[start : start + _FILES_PER_BATCH])
        yield AlteredBatch(part.name, part.extractor.name, settings, code, portion, alteration)


def _code(part: FeatureSet) -> str:
    code = code_version.version(registry.module(part.extractor.name))
    if checkpoint := getattr(part.settings, "checkpoint", None):
        from tasks.features.base import checkpoints

        return f"{code} {checkpoints.fingerprint(checkpoint)}"
    return code


def _in_memory(inputs: Inputs) -> Inputs:
    """Return inputs that outlive the files they were read from."""
    return replace(
        inputs,
        vectors={name: np.array(block) for name, block in inputs.vectors.items()},
        sequences={name: replace(block, steps=np.array(block.steps)) for name, block in inputs.sequences.items()},
    )


def _predicted(scorer: Scorer, fits: Fits, inputs: Inputs, rows: Rows) -> Run:
    """Return the predictions of rows, each by the model of the fold that tests it."""
    data, parts = scorer.data, list[Predictions]()
    for item, record in zip(fits.items, fits.records, strict=True):
        tested = np.flatnonzero(np.isin(data.ids[rows], record["ids"]))
        if tested.size:
            fitted = fitted_model.load(scorer.plan, dict(record["files"]), item.point)
            scores = scoring.aligned(fitted.scores(inputs.rows(tested)), record["outputs"], data.outputs)
            parts.append((rows[tested], item.fold, scores))
    return scorer.gathered(parts)


def _only(run: Run, other: Run) -> Run:
    """Return the rows of a run that another one has, too."""
    keys = set(zip(other.ids.tolist(), other.fold.tolist(), strict=True))
    chosen = np.array([key in keys for key in zip(run.ids.tolist(), run.fold.tolist(), strict=True)])
    return Run(run.ids[chosen], run.actual[chosen], run.scores[chosen], run.groups[chosen], run.fold[chosen])
