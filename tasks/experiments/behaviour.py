"""Scores of an acoustic recipe by sex, intensity and speaker, and by what it loses without a family of features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.corpora.doctor import distributions
from tasks.corpora.readers.reading import Row
from tasks.evaluation import scores
from tasks.evaluation.splits import Labels
from tasks.experiments import data as experiment_data
from tasks.experiments import scoring
from tasks.experiments.fit_item import FAMILY
from tasks.experiments.plan import Plan
from tasks.experiments.runs import Fits, Scorer
from tasks.experiments.scoring import Run

MOST_SPEAKERS = 100
"""Speakers of a corpus above which scores of single ones are not listed."""
_MEASURES = ("uar", "accuracy")


def by_group(scorer: Scorer, runs: Sequence[Run], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the scores of each sex, intensity and speaker that the corpus states.

    Intervals are bootstrapped over speakers; those of a single speaker over utterances.

    Args:
        scorer: of the experiment
        runs: of the recipe
        rows: of the utterance table, with the corpus's own columns
    """
    entries = []
    for attribute, values in attributes(rows).items():
        of_row = np.array([values.get(name, "") for name in runs[0].ids.tolist()], dtype=str)
        names = [name for name in dict.fromkeys(sorted(set(of_row.tolist()))) if name]
        if len(names) < 2 or (attribute == "speaker" and len(names) > MOST_SPEAKERS):
            continue
        entries += [{"attribute": attribute, "value": name, **_scored(scorer, runs, of_row == name)} for name in names]
    return entries


def stated(plan: Plan) -> list[Row]:
    """Return the utterances of a recipe's corpus, sorted by id, with the columns that `attributes` reads.

    Args:
        plan: the recipe
    """
    rows = experiment_data.table(plan)
    used = [name for name in ("utterance_id", "speaker", "sex", "intensity", "level") if name in rows.column_names]
    stated: list[Row] = rows.select(used).to_pylist()
    return stated


def attributes(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Return attribute → utterance → value; utterances without it are left out.

    Args:
        rows: of the utterance table
    """
    columns = {
        "sex": {row["utterance_id"]: distributions.sex(row) for row in rows},
        "intensity": {row["utterance_id"]: distributions.intensity(row) for row in rows},
        "speaker": {row["utterance_id"]: row["speaker"] for row in rows},
    }
    return {
        name: {utterance: str(value) for utterance, value in column.items() if value}
        for name, column in columns.items()
    }


def importance(scorer: Scorer, main: Fits, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return each family of features with the scores if it comes from other test rows, and the loss by that.

    Args:
        scorer: of the experiment
        main: fits of the recipe itself
        runs: of the recipe
    """
    keys = dict.fromkeys(key for record in main.records for key, _ in record["probes"])
    entries = []
    for key in (key for key in keys if key.startswith(FAMILY)):
        records = tuple({**record, "scores": dict(record["probes"]).get(key, [])} for record in main.records)
        changed = scorer.runs(Fits(key, main.items, records))
        loss = scorer.gained(runs, changed)
        entries.append(
            {
                "family": key.removeprefix(FAMILY),
                "scores": {name: scorer.headline(changed)[name] for name in _MEASURES},
                "loss": {name: loss[name] for name in _MEASURES},
            }
        )
    return sorted(entries, key=lambda entry: -entry["loss"]["uar"]["value"])


def _scored(scorer: Scorer, runs: Sequence[Run], chosen: NDArray[np.bool_]) -> dict[str, Any]:
    part = [_only(run, chosen) for run in runs]
    groups = part[0].groups
    # a single group cannot be resampled
    part = [replace(run, groups=run.ids if np.unique(groups).size < 2 else run.groups) for run in part]
    names = scorer.outputs[: part[0].scores.shape[1]]
    counted = scoring.matrices(part, names, per_fold=False)
    score = partial(scores.overall, n_real=len(scorer.data.outputs))
    scored = scores.intervals(counted, scorer.bootstrap, score=score)
    return {
        "n": int(chosen.sum()),
        "n_groups": int(np.unique(groups).size),
        "n_classes": int(np.unique(part[0].actual).size),
        "scores": {name: scored[name] for name in _MEASURES},
    }


def _only(run: Run, chosen: NDArray[np.bool_]) -> Run:
    ids: Labels = run.ids[chosen]
    return Run(ids, run.actual[chosen], run.scores[chosen], run.groups[chosen], run.fold[chosen])
