"""Stage labels: what the labels are worth. Voters, combinations and thresholds, beside what people heard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.base import registry
from tasks.labelling.people import ratings
from tasks.labelling.quality import label_quality, threshold
from tasks.labelling.quality.label_quality import VotedTexts
from tasks.labelling.votes import combine, eligibility, vote_columns
from tasks.labelling.votes.combine import Thresholds

_UNFIT = frozenset({eligibility.TOO_SHORT, eligibility.TOO_LONG, eligibility.TOO_FEW})


def run(config: Config, *, each: Each) -> None:
    """Measure, and write `data/labels/metrics.json` and `curve.csv`; there are no items for `each`."""
    ids, judged = read(config)
    settings = config.polarity
    thresholds = Thresholds(settings.min_score, settings.min_probability)
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.evaluate.confidence, config.evaluate.seed)
    figures = label_quality.measured(judged, settings.combine, thresholds, bootstrap)
    chosen = judged.combined(settings.combine, thresholds)
    figures["licences"] = {name: registry.licence(name) for name in settings.voters}
    figures["disagreements"] = [
        {"utterance_id": ids[k], "heard": str(judged.gold[k]), "label": str(chosen.labels[k])}
        for k in label_quality.disagreements(judged, chosen, config.labels.disagreements).tolist()
    ]
    figures["proposed"] = proposed(judged, config, config.labels.least_coverage)
    tables.write_text(paths.LABELS, json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    tables.write_csv(paths.CURVE, figures["curve"] or [dict.fromkeys(("threshold", "coverage", "n", "macro_f1"))])


def read(config: Config) -> tuple[Sequence[str], VotedTexts]:
    """Return the ids of the utterances that are fit to be judged, and the votes on them beside what people heard."""
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES).sort_by("utterance_id")
    heard = {
        row["utterance_id"]: ratings.gold_label(row) or ""
        for row in ratings.pooled(paths.LISTENERS, utterances).to_pylist()
    }
    votes = tables.read(paths.VOTES, tables.VOTES).sort_by("utterance_id")
    fit = np.array([why not in _UNFIT for why in votes["left_out"].to_pylist()], dtype=bool)
    said = utterances.select(["utterance_id", "text", "group", "split"]).filter(pa.array(fit))
    ids: list[str] = said["utterance_id"].to_pylist()
    names = config.polarity.voters
    return ids, VotedTexts(
        texts=said["text"].to_pylist(),
        polarities=vote_columns.to_matrix(votes["votes"], names)[fit],
        names=names,
        gold=np.array([heard.get(one, "") for one in ids], dtype=str),
        groups=np.array(said["group"].to_pylist(), dtype=str),
        learns=np.array([one == "train" for one in said["split"].to_pylist()], dtype=bool),
    )


def proposed(judged: VotedTexts, config: Config, least_coverage: float) -> dict[str, Any] | None:
    """Return the threshold of the best macro F1 that keeps so much, and what to expect of it; None: nobody listened."""
    how, settings = config.polarity.combine, config.evaluate
    found = judged.combined(how, Thresholds(0.0, 0.0))
    certain = combine.certainty(found, how)
    bootstrap = Bootstrap(settings.bootstrap, settings.confidence, settings.seed)
    points = label_quality.curve(judged, how, bootstrap)
    best = threshold.proposed(points, least_coverage)
    if best is None:
        return None
    return {
        "parameter": "min_score" if combine.SCORED[how] else "min_probability",
        "value": threshold.setting(certain, best),
        "coverage": best.coverage,
        "n": best.n,
        "macro_f1": best.macro_f1,
        "held_out": threshold.held_out(found.labels, certain, judged.gold, judged.groups, least_coverage),
    }
