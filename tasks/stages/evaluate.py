"""Stage evaluate: score the classifier on held-out test videos against the majority class and shuffled labels.

Truth is the consensus label; where people have listened, consensus and classifier are also scored against them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core import paths, pipeline_file, tables
from tasks.core.config import Config, Train
from tasks.core.each import Each, Work, collect
from tasks.core.errors import NotEnoughData
from tasks.core.results import Result
from tasks.evaluation import scores
from tasks.evaluation.splits import Labels
from tasks.experiments.weak_path import kept_model, recipe, training_rows
from tasks.labelling.people import agreement, rating_coverage, ratings
from tasks.labelling.votes import combine
from tasks.models.svm import weak_svm

GUESSED = pa.schema([("predicted", pa.list_(pa.string()))])


@dataclass(frozen=True)
class Shuffle:
    """One training on shuffled labels; `rows` is the digest of training and test rows."""

    number: int
    c: float
    rows: str

    @property
    def id(self) -> str:
        """Name for messages and logs."""
        return f"shuffle {self.number + 1}"

    @property
    def content(self) -> str:
        """Cache key, besides the settings."""
        return f"{self.number} {self.c} {self.rows}"


def evaluate_one(item: Shuffle, settings: Train) -> Result:
    """Fit on training rows with shuffled labels, and classify the test rows: the chance level.

    Args:
        item: the shuffle
        settings: section `train` of params.yaml

    Returns:
        one row of schema `GUESSED`
    """
    train, test = training_rows.load("train").with_consensus, training_rows.load("test").with_consensus
    order = np.random.default_rng([settings.seed, item.number]).permutation(train.ids.size)
    shuffled = weak_svm.Examples(train.features, train.labels[order], train.weights[order])
    model = weak_svm.fit(shuffled, item.c, recipe.of(settings))
    return Result(tables.from_rows([{"predicted": model.predict(test.features).tolist()}], GUESSED))


def run(config: Config, *, each: Each) -> None:
    """Score classifier and baselines, and write `data/evaluate/`: metrics, predictions and tables for plots.

    Args:
        config: all settings
        each: maps shuffles

    Raises:
        NotEnoughData: if no test utterance has a label
    """
    train, everything = training_rows.load("train").with_consensus, training_rows.load("test")
    test = everything.with_consensus
    if not test.ids.size:
        raise NotEnoughData(
            "no test utterance has a label, so there is nothing to score; "
            "add interviews to the test list, or lower polarity.min_score in params.yaml"
        )
    classifier, card = kept_model.load()
    predicted, values = classifier.predict(everything.features)
    labels = dict(zip(everything.ids.tolist(), predicted.tolist(), strict=True))
    c, digest = card["parameters"]["c"], training_rows.digest(train, test)
    shuffles = [Shuffle(number, c, digest) for number in range(config.evaluate.shuffles)]
    guesses = collect(each(Work("evaluate", evaluate_one, config.train, GUESSED), shuffles), GUESSED)
    compared = {
        "classifier": np.array([labels[name] for name in test.ids]),
        "majority": np.full(test.ids.size, _most_frequent(train.labels)),
        "shuffled": np.array(guesses.rows["predicted"].to_pylist()),
    }
    bootstrap = scores.Bootstrap(config.evaluate.bootstrap, config.evaluate.confidence, config.evaluate.seed)
    tested = {name: _score(test.labels, guess, test.groups, bootstrap) for name, guess in compared.items()}
    metrics = {
        "protocol": _protocol(config, train, test),
        "test": tested,
        "cross_validated": {"classifier": _cross_validated(bootstrap)},
        **_against_listeners(labels, _most_frequent(train.labels), bootstrap),
    }
    tables.write_text(paths.METRICS, json.dumps(metrics, indent=2) + "\n")
    _write_predictions(everything, predicted, values)
    _write_plots(test.labels, compared["classifier"], tested)


def _score(actual: Labels, predicted: Labels, groups: Labels, bootstrap: scores.Bootstrap) -> dict[str, Any]:
    repeated = np.atleast_2d(predicted)
    counted = np.stack([scores.confusions(actual, labels, groups, tables.SENTIMENTS) for labels in repeated])
    return scores.summary(counted if predicted.ndim == 2 else counted[0], tables.SENTIMENTS, bootstrap)


def _most_frequent(labels: Labels) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return str(names[counts.argmax()])


def _protocol(config: Config, train: training_rows.Rows, test: training_rows.Rows) -> dict[str, Any]:
    settings = config.evaluate
    n_train, n_test = np.unique(train.groups).size, np.unique(test.groups).size
    return {
        "words": (
            f"Trained on {n_train} videos, tested on {n_test} others; no video is in both. Truth is "
            f"{combine.DESCRIPTIONS[config.polarity.combine]} {', '.join(config.polarity.voters)} on the captions. "
            "Scaling, SMOTE and the choice of C saw training "
            f"videos only. Intervals: {settings.confidence:.0%}, {settings.bootstrap} bootstrap resamples of whole "
            f"test videos. Shuffled: mean of {settings.shuffles} trainings on permuted training labels."
        ),
        "unit": "video",
        "n_train_videos": int(n_train),
        "n_train_utterances": int(train.ids.size),
        "n_test_videos": int(n_test),
        "n_test_utterances": int(test.ids.size),
        "confidence": settings.confidence,
        "bootstrap": settings.bootstrap,
        "shuffles": settings.shuffles,
    }


def _cross_validated(bootstrap: scores.Bootstrap) -> dict[str, Any]:
    folds = tables.read(paths.FOLDS, tables.PREDICTIONS)
    label, predicted, group = (np.array(folds[name].to_pylist()) for name in ("label", "predicted", "group"))
    return _score(label, predicted, group, bootstrap)


def _against_listeners(predicted: dict[str, str], most_frequent: str, bootstrap: scores.Bootstrap) -> dict[str, Any]:
    """Score consensus and classifier against the listeners' majority, or the adjudicated label after a tie.

    Returns:
        `listeners`: the scores, None without a rated and classified utterance; `ratings`: how many of them are scored
    """
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES)
    pooled = ratings.pooled(paths.LISTENERS, utterances)
    utterances = utterances.filter(pa.compute.equal(utterances["split"], "test"))
    groups = dict(zip(utterances["utterance_id"].to_pylist(), utterances["group"].to_pylist(), strict=True))
    rated = [row for row in pooled.rated.to_pylist() if row["utterance_id"] in predicted]
    decided = [row for row in rated if ratings.gold_label(row)]
    unscored = dict.fromkeys(groups.keys() - predicted.keys(), rating_coverage.NOT_SCORED)
    covered_ratings = rating_coverage.coverage(pooled, unscored, "test").to_dict()
    if not decided:
        return {"listeners": None, "ratings": covered_ratings}
    votes = tables.read(paths.VOTES, tables.VOTES).select(["utterance_id", "sentiment"]).to_pylist()
    consensus = {row["utterance_id"]: row["sentiment"] for row in votes if row["sentiment"]}
    covered = [row for row in decided if row["utterance_id"] in consensus]
    agreed = agreement.agreement(
        [dict(row["ratings"]) for row in rated], np.array([groups[row["utterance_id"]] for row in rated]), bootstrap
    )

    def score(rows: Sequence[dict[str, Any]], labels: Mapping[str, str]) -> dict[str, Any] | None:
        if not rows:
            return None
        ids = [row["utterance_id"] for row in rows]
        truth, given = np.array([ratings.gold_label(row) for row in rows]), np.array([labels[name] for name in ids])
        return _score(truth, given, np.array([groups[name] for name in ids]), bootstrap)

    listened = {
        "n": len(decided),
        "annotators": sorted(agreed.against_majority),
        "n_without_majority": len(rated) - len(decided),
        "n_adjudicated": sum(row[ratings.ADJUDICATED] is not None for row in decided),
        "alpha": agreed.alpha,
        "agreement": {name: asdict(estimate) for name, estimate in agreed.estimates.items()},
        "annotator_macro_f1": dict(agreed.against_majority),
        "leave_one_out_macro_f1": dict(agreed.leave_one_out),
        "coverage": len(covered) / len(decided),
        "consensus": score(covered, consensus),
        "classifier": score(decided, predicted),
        "majority": score(decided, dict.fromkeys(predicted, most_frequent)),
    }
    return {"listeners": listened, "ratings": covered_ratings}


def _write_predictions(rows: training_rows.Rows, predicted: Labels, values: weak_svm.Features) -> None:
    scored = [
        {
            "utterance_id": str(rows.ids[i]),
            "group": str(rows.groups[i]),
            "split": "test",
            "label": str(rows.labels[i]) or None,
            "predicted": str(predicted[i]),
            **dict(zip(tables.SENTIMENTS, values[i].tolist(), strict=True)),
        }
        for i in range(rows.ids.size)
    ]
    folds = tables.read(paths.FOLDS, tables.PREDICTIONS)
    both = pa.concat_tables([tables.from_rows(scored, tables.PREDICTIONS), folds]).sort_by("utterance_id")
    tables.write(both, paths.PREDICTIONS, tables.PREDICTIONS)


def _write_plots(actual: Labels, predicted: Labels, test: dict[str, Any]) -> None:
    pairs = [{"actual": str(a), "predicted": str(p)} for a, p in zip(actual, predicted, strict=True)]
    tables.write_csv(paths.CONFUSION, pairs)
    bars = [
        {"class": name, "score": score, "value": values[score]}
        for name, values in test["classifier"]["per_class"].items()
        for score in ("precision", "recall", "f1")
    ]
    tables.write_csv(paths.PER_CLASS, bars)
