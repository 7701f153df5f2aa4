"""References of a corpus that voters labelled: scores against the labels, and against listeners' ratings.

Both are scored on the same rows, those that listeners rated, so that they can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tasks.core import paths, tables
from tasks.core.errors import NotEnoughData
from tasks.evaluation import protocols, scores
from tasks.evaluation.scores import Bootstrap
from tasks.experiments import data as experiment_data
from tasks.experiments.fit_item import RECIPE
from tasks.experiments.model_folder import Kept
from tasks.experiments.runs import MAJORITY, Scorer
from tasks.experiments.scoring import Run
from tasks.experiments.windows import NONE
from tasks.labelling.people import agreement

VOTE = "lexicons' vote"
_COLUMNS = ("listeners", "vote", "ratings")
_WORDS = {
    "labels": {
        "title": "the weak labels",
        "what": "What the words express, by the lexicons: scores show how well the recipe predicts that from its "
        "features. The lexicons' vote equals the label, so its score is no achievement.",
    },
    "listeners": {
        "title": "the listeners' majority",
        "what": "What people hear: scores show how well the recipe, and the lexicons' vote on the text, predict that.",
    },
}

Labelled = Mapping[str, str]
"""Utterance → its class."""


@dataclass(frozen=True)
class _Table:
    """The utterance table's extra columns, by utterance, and settings of the intervals."""

    rows: Mapping[str, Mapping[str, Any]]
    bootstrap: Bootstrap

    def column(self, name: str) -> Labelled:
        return {row_id: row[name] for row_id, row in self.rows.items() if row[name]}

    def entry(self, name: str, rows: str, truth: Labelled, systems: Mapping[str, Sequence[Labelled]]) -> dict[str, Any]:
        """Return the scores of every system, the recipe's first, against a reference."""
        ids = sorted(truth)
        groups = np.array([self.rows[row_id]["group"] for row_id in ids])
        predicted = {label for of_system in systems.values() for of_run in of_system for label in of_run.values()}
        real = sorted({*truth.values(), *predicted} - {NONE})
        actual = np.array([truth[row_id] for row_id in ids])

        def score(of_system: Sequence[Labelled]) -> dict[str, Any]:
            repeated = [np.array([of_run.get(row_id, NONE) for row_id in ids]) for of_run in of_system]
            counted = [scores.confusions(actual, labels, groups, (*real, NONE)) for labels in repeated]
            summary = scores.summary(np.stack(counted), (*real, NONE), self.bootstrap, len(real))
            return {measure: summary[measure] for measure in scores.NAMES}

        scored = {system: score(of_system) for system, of_system in systems.items()}
        sizes = {"n": len(ids), "n_groups": int(np.unique(groups).size)}
        described = {"name": name, **_WORDS[name], "rows": rows, **sizes}
        return {**described, "scores": scored.pop(RECIPE), "baselines": scored}

    def people(self, ids: Sequence[str]) -> dict[str, Any]:
        """Return the agreement of the listeners on some utterances, and each one's score against the others."""
        rated = [row_id for row_id in sorted(ids) if self.rows[row_id]["ratings"]]
        ratings = [json.loads(self.rows[row_id]["ratings"]) for row_id in rated]
        groups = np.array([self.rows[row_id]["group"] for row_id in rated])
        agreed = agreement.agreement(ratings, groups, self.bootstrap)
        return {
            "alpha": agreed.alpha,
            "agreement": {name: asdict(estimate) for name, estimate in agreed.estimates.items()},
            "annotators": sorted(agreed.against_majority),
            "n_without_majority": sum(not self.rows[row_id]["listeners"] for row_id in rated),
            "annotator_macro_f1": dict(agreed.against_majority),
            "leave_one_out_macro_f1": dict(agreed.leave_one_out),
        }


def of(scorer: Scorer, systems: Mapping[str, Sequence[Run]], model: Kept) -> list[dict[str, Any]]:
    """Return the scores against each reference, ready for JSON; none for a corpus without votes.

    Args:
        scorer: of the experiment
        systems: runs of the recipe, and of baselines, the majority class (one constant answer) among them
        model: the kept model; of an official split it also predicts rated test rows without a label
    """
    recipe = scorer.plan.recipe
    table = tables.read_corpus(paths.utterances(recipe.corpus))
    if recipe.target != "sentiment" or not set(_COLUMNS) <= set(table.column_names):
        return []
    rows = table.select(["utterance_id", "group", "split", *_COLUMNS]).to_pylist()
    utterances = _Table({row["utterance_id"]: row for row in rows}, scorer.bootstrap)
    listeners, vote = utterances.column("listeners"), [utterances.column("vote")]
    predicted = {name: [_classes(scorer, run) for run in of_system] for name, of_system in systems.items()}
    predicted[VOTE] = vote
    first = systems[RECIPE][0]
    labels = dict(zip(first.ids.tolist(), first.actual.tolist(), strict=True))
    references = [utterances.entry("labels", "labelled", labels, predicted)]
    if rated := labels.keys() & listeners.keys():
        by_voters, by_people = ({row_id: truth[row_id] for row_id in rated} for truth in (labels, listeners))
        references.append(utterances.entry("labels", "rated", by_voters, predicted))
        references.append(utterances.entry("listeners", "rated", by_people, predicted) | utterances.people([*labels]))
    if by_model := _beyond_labels(scorer, model):
        truth = {row_id: listeners[row_id] for row_id in by_model}
        commonest = next(iter(predicted[MAJORITY][0].values()))
        kept: dict[str, Sequence[Labelled]] = {
            RECIPE: [by_model],
            MAJORITY: [dict.fromkeys(truth, commonest)],
            VOTE: vote,
        }
        tested = [row["utterance_id"] for row in rows if row["split"] in protocols.TEST]
        references.append(utterances.entry("listeners", "all rated", truth, kept) | utterances.people(tested))
    return references


def _beyond_labels(scorer: Scorer, model: Kept) -> Labelled:
    """Return the kept model's predictions of all rated test rows of an official split, with or without a label."""
    if scorer.plan.protocol.kind != "official":
        return {}
    try:
        rated = experiment_data.with_target(scorer.plan, "listeners", scorer.data.outputs)
    except NotEnoughData:
        return {}
    of_rated = Scorer.of(scorer.plan, rated, scorer.bootstrap)
    tested = np.flatnonzero(np.isin(rated.columns["split"], protocols.TEST))
    return _classes(of_rated, model.predicted(of_rated, tested)) if tested.size else {}


def _classes(scorer: Scorer, run: Run) -> Labelled:
    return dict(zip(run.ids.tolist(), scorer.predicted(run).tolist(), strict=True))
