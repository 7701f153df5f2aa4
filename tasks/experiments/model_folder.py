"""Folder of an experiment's kept model: all that is needed to apply it to new media, covered by the card's digests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from tasks.core import artifacts, languages, paths, tables
from tasks.evaluation.protocols import Split
from tasks.experiments import fitted_model, folds, matching, novelty
from tasks.experiments.data import Data
from tasks.experiments.fit_item import FINAL, Fit
from tasks.experiments.fitted_model import Fitted
from tasks.experiments.kept_model import ADAPTED_FILES
from tasks.experiments.plan import Plan
from tasks.experiments.runs import Fits, Scorer
from tasks.experiments.scoring import Run
from tasks.features.base.sequences import Rows

TRAINING_MEDIA = "training_media.json"
_DIGITS = 16
_CHANCE = ("majority", "shuffled labels")
"""Baselines that use no features: a model that is not better has learned nothing that helps."""


@dataclass(frozen=True)
class Kept:
    """The kept model: that of the only fold, or one that is trained on all rows.

    Args:
        item: its fit
        record: what the fit returned
        files: of the model and its scalers, name → content
        fitted: the model, read from them
        split: its rows
    """

    item: Fit
    record: Mapping[str, Any]
    files: Mapping[str, bytes]
    fitted: Fitted
    split: Split

    def predicted(self, scorer: Scorer, rows: Rows) -> Run:
        """Return the predictions of rows as a run of utterances.

        Args:
            scorer: of the experiment, or of other rows
            rows: positions of those to predict
        """
        return scorer.of_model(rows, self.fitted.scores(scorer.data.inputs.rows(rows)), self.record["outputs"])


def kept(recipe: Plan, data: Data, fits: Fits) -> Kept:
    """Return the kept model of a recipe.

    Args:
        recipe: the experiment
        data: its rows
        fits: of the recipe itself
    """
    item, record = next(pair for pair in zip(fits.items, fits.records, strict=True) if pair[0].keep)
    files = dict(record["files"])
    return Kept(item, record, files, fitted_model.load(recipe, files, item.point), folds.split_of(item, data))


def write(
    folder: Path,
    recipe: Plan,
    data: Data,
    model: Kept,
    metrics: Mapping[str, Any],
    *,
    adapted: Kept | None = None,
    limits: Mapping[int, float] = MappingProxyType({}),
) -> None:
    """Write the folder of a kept model.

    Args:
        folder: an empty one, or one that does not exist
        recipe: the experiment
        data: its rows
        model: what is kept
        metrics: content of `results.json`
        adapted: the model for adapted vectors, which is kept beside it
        limits: bounds of one-sided clips, by the number of clips
    """
    files = {**model.files, TRAINING_MEDIA: _training_media(recipe, data, model.split)}
    training = data.inputs.rows(model.split.train)
    spread, bounds = novelty.measure(training), None
    if spread is not None:
        files[novelty.FILE] = spread.to_bytes()
        bound = novelty.bound(spread.novelty(training))
        bounds = {"bound": bound, "quantile": novelty.QUANTILE, "blocks": list(spread.means)}
    if adapted is not None:
        files |= {f"{ADAPTED_FILES}{name}": content for name, content in adapted.files.items()}
    for name, content in sorted(files.items()):
        tables.write_bytes(folder / name, content)
    card = {**_trained(recipe, model), **_read(recipe, data), **_scored(metrics), "novelty": bounds}
    card["languages"] = _languages(recipe, data, model.split)
    if adapted is not None:
        card["adaptation"] = _of_adaptation(recipe, adapted, metrics, limits)
    tables.write_text(folder / "card.json", artifacts.card_text(card, files))


def _trained(recipe: Plan, model: Kept) -> dict[str, Any]:
    return {
        "experiment": recipe.name,
        "trained_on": "every row" if model.item.fold == FINAL else "the protocol's training part",
        "n_train": model.record["n_train"],
        "task": recipe.task,
        "target": recipe.recipe.target,
        "outputs": model.record["outputs"],
        "thresholds": model.record["thresholds"],
        "model": recipe.model.name,
        "settings": dict(recipe.points[model.item.point]),
        "seed": model.item.seed,
        "recipe": recipe.recipe.model_dump(mode="json"),
    }


def _of_adaptation(
    recipe: Plan, adapted: Kept, metrics: Mapping[str, Any], limits: Mapping[int, float]
) -> dict[str, Any]:
    """Return how the adapted model was trained and scored, and when clips are one-sided."""
    measured, measure = metrics["adaptation"], metrics["measure"]
    temperature = measured["calibration"]["temperature"]
    return {
        **{name: measured[name] for name in ("name", "clips", "by", "prior_clips", "draws", "in_words")},
        "settings": dict(recipe.points[adapted.item.point]),
        "calibration": {"temperature": temperature} if temperature else None,
        "score": measured["scores"][measure],
        "one_class": measured["one_class"][measure],
        "bounds": {str(size): bound for size, bound in limits.items()},
    }


def _read(recipe: Plan, data: Data) -> dict[str, Any]:
    """Return what the model reads: its features, and how they are computed."""
    sets = [
        {
            "name": part.name,
            "extractor": part.extractor.name,
            "settings": data.cards[part.name]["settings"],
            "reads": part.extractor.reads,
            "gives": part.extractor.gives,
            "names": data.cards[part.name].get("names"),
            "step_s": data.cards[part.name].get("step_s"),
        }
        for part in recipe.parts
    ]
    features = list(recipe.recipe.features)
    return {"corpus": recipe.recipe.corpus, "reader": recipe.reader, "features": features, "feature_sets": sets}


def _languages(recipe: Plan, data: Data, split: Split) -> list[str]:
    """Return the languages of the training rows, as codes without country, sorted; rows without one do not count."""
    trained = set(data.ids[split.train].tolist())
    rows = tables.read_corpus(paths.utterances(recipe.recipe.corpus)).select(["utterance_id", "language"]).to_pylist()
    return sorted({languages.base(row["language"]) for row in rows if row["utterance_id"] in trained} - {""})


def _scored(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return how good the model is, under which protocol, and what makes its scores doubtful."""
    measure, calibration = metrics["measure"], metrics.get("calibration") or {}
    score = metrics["scores"][measure]
    baselines = {name: scores[measure] for name, scores in metrics["baselines"].items()}
    chance = [baselines[name] for name in _CHANCE if name in baselines]
    fields = ("protocol", "protocol_in_words", "leaky", "simulated", "versions", matching.DIGEST)
    return {
        "calibration": {"temperature": calibration["temperature"]} if calibration.get("temperature") else None,
        "measure": measure,
        "score": score,
        "baselines": baselines,
        "beats_baselines": all(_is_better(score, other, lower=measure in ("mae", "mse")) for other in chance),
        **{name: metrics[name] for name in fields},
    }


def _is_better(score: Mapping[str, Any], other: Mapping[str, Any], *, lower: bool) -> bool:
    """Return whether a score's whole interval is on the better side of another's; False without intervals."""
    worst, best = (score["high"], other["low"]) if lower else (other["high"], score["low"])
    return worst is not None and best is not None and worst < best


def _training_media(recipe: Plan, data: Data, split: Split) -> bytes:
    """Return the media files that the model has seen, as a sorted list of the first digits of their SHA-256."""
    chosen_by = split.development if folds.needs_development(recipe) else split.development[:0]
    used = set(data.clips[np.concatenate([split.train, chosen_by])].tolist())
    corpus = recipe.recipe.corpus
    digests = set[str]()
    for path in (paths.sounds(corpus), paths.pictures(corpus)):
        with artifacts.parquet(path) as file:
            # without the other columns: fingerprints take more memory than all else
            rows = file.read(columns=["utterance_id", "sha256"])
        columns = (rows[name].to_pylist() for name in rows.column_names)
        digests |= {digest[:_DIGITS] for name, digest in zip(*columns, strict=True) if name in used}
    return (json.dumps(sorted(digests), indent=0) + "\n").encode()
