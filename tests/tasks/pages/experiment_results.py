"""Fabricated results of experiments, scored by the engine's own functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.evaluation.scores import MEASURES, SEVERAL_VALUES, Bootstrap
from tasks.experiments import calibration, scoring
from tasks.experiments.plot_data import Map, PlotData
from tasks.experiments.scoring import Run

CLASSES = ("anger", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
BOOTSTRAP = Bootstrap(200, 0.95, 7)
BIN = {"confidence": 0.75, "accuracy": 0.7, "share": 1.0}
SCORE = {"value": 0.61, "low": 0.52, "high": 0.7}
REFERENCES = [
    {
        "name": "labels", "title": "the weak labels", "what": "Whether the sound predicts what the lexicons say.",
        "rows": "rated", "n": 1234, "n_groups": 9, "scores": {"uar": SCORE, "macro_f1": SCORE},
        "baselines": {"majority": {"uar": SCORE | {"value": 0.333}}, "lexicons’ vote": {"uar": SCORE | {"value": 1.0}}},
    },
    {
        "name": "listeners", "title": "the listeners’ majority", "what": "Whether the sound predicts what people hear.",
        "rows": "rated", "n": 1234, "n_groups": 9, "scores": {"uar": SCORE | {"low": None, "high": None}},
        "baselines": {"lexicons’ vote": {"uar": SCORE | {"value": 0.456}}}, "alpha": 0.514,
        "annotators": ["anna", "<b>ben"], "n_without_majority": 17, "leave_one_out_macro_f1": {"anna": 0.681},
        "annotator_macro_f1": {"anna": 0.82, "<b>ben": 0.79},
        "agreement": {
            "percent": {"value": 0.72, "low": 0.65, "high": 0.79}, "alpha": {"value": 0.514, "low": 0.5, "high": 0.55},
            "kappa": {"value": 0.6, "low": None, "high": None},
        },
    },
]  # fmt: skip


def runs(actual: Any, scores: Any, n_groups: int = 24) -> Run:
    n = len(actual)
    groups = np.array([f"speaker {k % n_groups:02}" for k in range(n)])
    return Run(np.array([f"a/{k:04}" for k in range(n)]), actual, scores, groups, np.arange(n) % 4)


def some_runs(classes: tuple[str, ...] = CLASSES, strength: float = 1.6, n: int = 480) -> list[Run]:
    found = []
    for seed in (7, 8):
        rng = np.random.default_rng(seed)
        which = np.arange(n) % len(classes)
        scores = rng.gumbel(size=(n, len(classes)))
        scores[np.arange(n), which] += strength
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        found.append(runs(np.array(classes)[which], scores))
    return found


def common(task: str, outputs: tuple[str, ...], **more: Any) -> dict[str, Any]:
    return {
        "experiment": "ravdess-wav2vec2-svm", "note": "", "corpus": "ravdess", "reader": "ravdess",
        "target": "emotion", "labels": "all", "task": task, "outputs": list(outputs),
        "features": [{"name": "functionals", "extractor": "mid-term", "title": "means of frames (Giannakopoulos)",
                      "settings": {"window_s": 0.05, "deltas": True, "n_mfcc": [13, 40]}}],
        "model": {"name": "logistic", "title": "logistic regression", "settings": {"name": "logistic", "c": 1.0}},
        "scale": "standard", "balance": "none", "first_per_class": None, "tuned": [],
        "protocol": "speaker-out(4)", "protocol_in_words": "4 folds; no speaker is in both parts of one.",
        "leaky": False, "averaging": "pooled", "seeds": [7, 8], "n": 480, "n_groups": 24, "left_out": {},
        "lacking": {}, "modalities": [],
        "confidence": 0.95, "folds": [], "audit": [], "notes": [], "simulated": False,
        "versions": {"numpy": "2.4.0", "undertone": "0.1.0"}, "data_sha256": "ab" * 32,
    } | more  # fmt: skip


def folds(measures: tuple[str, ...], n: int = 4) -> list[dict[str, Any]]:
    return [
        {
            "fold": f"fold {k + 1} of {n}",
            "seed": 7,
            "n_train": 360,
            "n_test": 120,
            **dict.fromkeys(measures, 0.5 + k / 99),
        }
        for k in range(n)
    ]


def of_classes(classes: tuple[str, ...] = CLASSES, **more: Any) -> dict[str, Any]:
    these = some_runs(classes)
    whole = {
        name: scoring.of_classes(some_runs(classes, strength), classes, BOOTSTRAP, per_fold=False)
        for name, strength in (("recipe", 1.6), ("shuffled labels", 0.0), ("text only", 0.5), ("sound only", 1.2))
    }
    constant = [replace(one, scores=np.tile(np.eye(len(classes))[0], (480, 1))) for one in these]
    whole["majority"] = scoring.of_classes(constant, classes, BOOTSTRAP, per_fold=False)
    names = ("accuracy", "uar", "macro_f1", "weighted_f1")
    shown = ("majority", "shuffled labels", "text only", "sound only")
    figures = common(
        "classes",
        classes,
        scores=whole["recipe"],
        baselines={one: {name: whole[one][name] for name in names} for one in shown},
        folds=folds(names),
        calibration={
            "method": "temperature scaling", "temperature": 1.25, "fitted_on": "the other folds", "n": 480,
            "before": calibration.measured(these, classes, probabilities=True, fitted_on=[])["before"],
            "after": {"ece": 0.0123, "bins": [BIN]},
        },
    )  # fmt: skip
    return figures | more


def of_labels(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    actual = (rng.random((300, 3)) < 0.3).astype(float)
    found = np.clip(actual * 0.5 + rng.random((300, 3)) * 0.6, 0, 1)
    labels = ("anger", "fear", "joy")
    scores = scoring.of_labels([runs(actual, found)], labels, BOOTSTRAP)
    none = scoring.of_labels([runs(actual, np.zeros((300, 3)))], labels, BOOTSTRAP)
    names = ("micro_f1", "macro_f1", "accuracy")
    baselines = {"majority": {name: none[name] for name in names}}
    return common("labels", labels, scores=scores, baselines=baselines, target="emotions", folds=folds(names)) | more


def of_values(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    actual = rng.normal(0, 1.2, 300).clip(-3, 3)
    scores = scoring.of_values([runs(actual, (actual + rng.normal(0, 0.8, 300))[:, None])], BOOTSTRAP)
    none = scoring.of_values([runs(actual, np.full((300, 1), 0.1))], BOOTSTRAP)
    names = ("mae", "correlation", "acc2", "acc7")
    baselines = {"majority": {name: none[name] for name in names}}
    outputs = ("sentiment_intensity",)
    target = "sentiment_intensity"
    return common("values", outputs, scores=scores, baselines=baselines, target=target, folds=folds(names)) | more


def of_intensities(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    actual = (rng.integers(0, 10, (300, 3)) - 6).clip(0) / 3
    emotions = ("happiness", "anger", "fear")
    scores = scoring.of_several_values([runs(actual, actual + rng.normal(0, 0.3, actual.shape))], emotions, BOOTSTRAP)
    none = scoring.of_several_values([runs(actual, np.full(actual.shape, 0.2))], emotions, BOOTSTRAP)
    names = MEASURES[SEVERAL_VALUES]
    baselines = {"majority": {name: none[name] for name in names}}
    return (
        common("values", emotions, scores=scores, baselines=baselines, target="intensities", folds=folds(names)) | more
    )


def drawn(classes: tuple[str, ...] = CLASSES) -> PlotData:
    rng = np.random.default_rng(3)
    which = rng.integers(len(classes), size=300)
    corners = rng.normal(0, 18, (len(classes), 2))
    points = (corners[which] + rng.normal(0, 9, (300, 2))).round(3)
    parts = {"training": 120, "development": 20, "test": 40}
    curves = [
        {
            "fold": fold,
            "seed": 7,
            "epoch": float(epoch),
            "name": name,
            "value": value / (epoch + abs(fold)) + rng.random() / 9,
        }
        for fold in (0, 1, 2, -1)
        for epoch in range(1, 13)
        for name, value in (
            ("train_loss", 2.0),
            ("development_loss", 2.4),
            ("train_accuracy", 0.8),
            ("development_accuracy", 0.7),
        )
    ]
    return PlotData(
        {part: {one: n + 7 * k for k, one in enumerate(classes)} for part, n in parts.items()},
        (Map("functionals", 50.0, 7, 1.234, 300, 480, points, np.array(classes)[which]),),
        {one: [(f"{one}{k}", 9.0 / (k + 1)) for k in range(30)] for one in classes},
        scoring.roc(some_runs(classes), classes),
        curves,
    )
