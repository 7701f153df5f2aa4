"""Stage train: nested cross-validation grouped by video, then the classifier fitted on every training video."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core import artifacts, paths, tables
from tasks.core.config import Config, Train
from tasks.core.each import Each, Work, collect
from tasks.core.errors import LeakError
from tasks.core.results import Result
from tasks.evaluation import scores, splits
from tasks.experiments.weak_path import recipe, training_rows
from tasks.features.mid_term.mid_term import NAMES
from tasks.leaks.fitted import check as check_fitted
from tasks.models.svm import weak_svm

FINAL = -1
_SCORED = pa.struct(
    [("utterance_id", pa.string()), ("predicted", pa.string()), *((name, pa.float64()) for name in tables.SENTIMENTS)]
)
FITTED = pa.schema(
    [
        ("fold", pa.int64()),
        ("c", pa.float64()),
        ("macro_f1", pa.map_(pa.float64(), pa.float64())),
        ("warnings", pa.list_(pa.string())),
        ("n_train", pa.int64()),
        ("scored", pa.list_(_SCORED)),
        ("classifier", pa.string()),
        ("model", pa.binary()),
    ]
)


@dataclass(frozen=True)
class OuterFold:
    """One outer fold of the training videos, or all of them (`FINAL`); `rows` is the digest of the training rows."""

    fold: int
    n_folds: int
    rows: str

    @property
    def id(self) -> str:
        """Name for messages and logs."""
        return "all training videos" if self.fold == FINAL else f"fold {self.fold + 1} of {self.n_folds}"

    @property
    def content(self) -> str:
        """Cache key: the rows and the split."""
        return f"{self.rows} {self.fold} {self.n_folds}"


def train_one(item: OuterFold, settings: Train) -> Result:
    """Choose C and fit on a fold's training part, and score its test part; or fit on all rows, and keep the model.

    Args:
        item: the fold
        settings: section `train` of params.yaml

    Returns:
        one row of schema `FITTED`

    Raises:
        LeakError: if scaler or balancer saw more than the training part
    """
    rows = training_rows.load("train").with_consensus
    if item.fold == FINAL:
        inside, outside = np.arange(rows.ids.size), np.empty(0, dtype=np.int64)
    else:
        fold = splits.group_k_fold(rows.labels, rows.groups, item.n_folds, settings.seed)[item.fold]
        inside, outside = fold.train, fold.test
    examples = weak_svm.Examples(rows.features, rows.labels, rows.weights).rows(inside)
    choice = weak_svm.choose_c(examples, rows.groups[inside], recipe.of(settings))
    model = weak_svm.fit(examples, choice.c, recipe.of(settings))
    _demand_fitted_inside(model, rows, inside, item.id)
    fitted = {
        "fold": item.fold,
        "c": choice.c,
        "macro_f1": list(choice.macro_f1.items()),
        "warnings": list(choice.warnings),
        "n_train": inside.size,
        "scored": _scored(model, rows.ids[outside], rows.features[outside]),
        "classifier": weak_svm.described(model),
        "model": weak_svm.to_onnx(model) if item.fold == FINAL else None,
    }
    return Result(tables.from_rows([fitted], FITTED))


def run(config: Config, *, each: Each) -> None:
    """Cross-validate, fit, and write `data/train/`: the model, its card, out-of-fold predictions and metrics.

    Args:
        config: all settings
        each: maps folds

    Raises:
        NotEnoughData: if a class occurs in fewer than two videos
    """
    rows = training_rows.load("train").with_consensus
    training_rows.demand_classes(rows)
    n_folds = splits.possible_folds(rows.labels, rows.groups, config.train.outer_folds)
    digest = training_rows.digest(rows)
    items = [OuterFold(number, n_folds, digest) for number in (*range(n_folds), FINAL)]
    *folds, final = collect(each(Work("train", train_one, config.train, FITTED), items), FITTED).rows.to_pylist()
    predictions = _predictions(rows, folds)
    tables.write(predictions, paths.FOLDS, tables.PREDICTIONS)
    metrics = _metrics(config, rows, folds, final, predictions)
    tables.write_text(paths.CROSS_VALIDATION, json.dumps(metrics, indent=2) + "\n")
    tables.write_bytes(paths.MODEL, final["model"])
    card = _card(config, rows, final, n_folds)
    tables.write_text(paths.CARD, artifacts.card_text(card, {paths.MODEL.name: final["model"]}))


def _demand_fitted_inside(model: Any, rows: training_rows.Rows, inside: Any, where: str) -> None:
    """Check that the fitted scaler and balancer saw the training part only."""
    finding = check_fitted(model.steps[:-1], (rows.features[inside], rows.labels[inside]), (rows.features, rows.labels))
    if finding.n:
        raise LeakError(f"{where}: {finding.what}: {', '.join(finding.examples)}")


def _scored(model: Any, ids: splits.Labels, features: weak_svm.Features) -> list[dict[str, Any]]:
    if not ids.size:
        return []
    predicted, values = weak_svm.decisions(model, features, tables.SENTIMENTS)
    return [
        {"utterance_id": str(name), "predicted": str(label), **dict(zip(tables.SENTIMENTS, row.tolist(), strict=True))}
        for name, label, row in zip(ids, predicted, values, strict=True)
    ]


def _predictions(rows: training_rows.Rows, folds: list[dict[str, Any]]) -> pa.Table:
    columns = zip(rows.ids, rows.labels, rows.groups, strict=True)
    truth = {str(name): {"label": str(label), "group": str(group)} for name, label, group in columns}
    scored = [
        {**entry, "fold": fold["fold"], "split": "train", **truth[entry["utterance_id"]]}
        for fold in folds
        for entry in fold["scored"]
    ]
    return tables.from_rows(scored, tables.PREDICTIONS).sort_by("utterance_id")


def _metrics(
    config: Config, rows: training_rows.Rows, folds: list[dict[str, Any]], final: dict[str, Any], predictions: pa.Table
) -> dict[str, Any]:
    bootstrap = scores.Bootstrap(config.evaluate.bootstrap, config.evaluate.confidence, config.evaluate.seed)
    wanted, n_folds = config.train.outer_folds, len(folds)
    notes = [f"all training videos: {note}" for note in final["warnings"]]
    notes += [f"fold {fold['fold'] + 1}: {note}" for fold in folds for note in fold["warnings"]]
    if n_folds < wanted:
        notes.insert(0, f"{n_folds} outer folds instead of {wanted}: a class lives in {n_folds} videos only")
    pooled = scores.summary(_confusions(predictions), tables.SENTIMENTS, bootstrap)
    return {
        "protocol": f"{n_folds} folds grouped by video, stratified by class; C chosen inside each fold; pooled",
        "c": final["c"],
        "n_utterances": int(rows.ids.size),
        "n_videos": int(np.unique(rows.groups).size),
        "classes": {name: int((rows.labels == name).sum()) for name in tables.SENTIMENTS},
        **{name: pooled[name] for name in scores.NAMES},
        "folds": [_fold_metrics(fold, predictions) for fold in folds],
        "warnings": notes,
    }


def _fold_metrics(fold: dict[str, Any], predictions: pa.Table) -> dict[str, Any]:
    tested = predictions.filter(pa.compute.equal(predictions["fold"], fold["fold"]))
    macro_f1 = scores.overall(_confusions(tested).sum(axis=0))["macro_f1"]
    return {
        "fold": fold["fold"],
        "c": fold["c"],
        "n_train": fold["n_train"],
        "n_test": tested.num_rows,
        "macro_f1": float(macro_f1),
    }


def _confusions(predictions: pa.Table) -> scores.Matrices:
    label, predicted, group = (np.array(predictions[name].to_pylist()) for name in ("label", "predicted", "group"))
    return scores.confusions(label, predicted, group, tables.SENTIMENTS)


def _card(config: Config, rows: training_rows.Rows, final: dict[str, Any], n_folds: int) -> dict[str, Any]:
    libraries = ("undertone", "numpy", "scikit-learn", "imbalanced-learn", "skl2onnx", "onnxruntime", "pyAudioAnalysis")
    return {
        "task": "sentiment of an utterance from its sound, labels by lexicon consensus",
        "features": list(NAMES),
        "windows": config.acoustic.model_dump(),
        "sampling_rate_hz": 16_000,
        "classes": list(tables.SENTIMENTS),
        "model": final["classifier"],
        "parameters": {**config.train.model_dump(), "c": final["c"]},
        "macro_f1_by_c": {str(c): value for c, value in final["macro_f1"]},
        "folds": {"outer": n_folds, "unit": "video"},
        "n_utterances": int(rows.ids.size),
        "n_videos": int(np.unique(rows.groups).size),
        "training_rows_sha256": training_rows.digest(rows),
        "versions": {name: version(name) for name in libraries},
    }
