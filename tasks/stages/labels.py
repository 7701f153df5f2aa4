"""Stage labels: quality of voters, combinations and thresholds, measured against listeners' ratings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core import paths, pipeline_file, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.base import registry
from tasks.labelling.people import listener_checks, rating_coverage, ratings
from tasks.labelling.people.rating_coverage import RatingCoverage
from tasks.labelling.quality import label_quality, threshold
from tasks.labelling.quality.label_quality import VotedTexts
from tasks.labelling.votes import combine, eligibility, vote_columns
from tasks.labelling.votes.combine import Thresholds

_INELIGIBLE = frozenset(
    {
        eligibility.TOO_SHORT, eligibility.TOO_LONG, eligibility.TOO_FEW,
        eligibility.OTHER_SPEAKER, eligibility.UNKNOWN_SPEAKER,
    }
)  # fmt: skip


def run(config: Config, *, each: Each) -> None:
    """Measure label quality and write `data/labels/results.json`, `metrics.json` and `curve.csv`.

    Args:
        config: params.yaml
        each: not used, the stage has no items
    """
    ids, texts, covered = read(config)
    settings = config.polarity
    thresholds = Thresholds(settings.min_score, settings.min_probability)
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.evaluate.confidence, config.evaluate.seed)
    report = label_quality.measured(texts, settings.combine, thresholds, bootstrap)
    chosen = texts.combined(settings.combine, thresholds)
    report["ratings"] = covered.to_dict()
    spans = [span for file in ratings.read_folder(paths.LISTENERS) for span in file.spans]
    report["listeners"] = [asdict(check) for check in listener_checks.checked(spans, bootstrap)]
    report["licences"] = {name: registry.licence(name) for name in settings.voters}
    report["disagreements"] = [
        {"utterance_id": ids[k], "heard": str(texts.gold[k]), "label": str(chosen.labels[k])}
        for k in label_quality.disagreements(texts, chosen, config.labels.disagreements).tolist()
    ]
    report["proposed"] = proposed(texts, config, config.labels.least_coverage)
    tables.write_text(paths.LABELS, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    tables.write_text(paths.LABEL_METRICS, json.dumps(label_quality.few(report), indent=2) + "\n")
    tables.write_csv(paths.CURVE, report["curve"] or [dict.fromkeys(("threshold", "coverage", "n", "macro_f1"))])


def read(config: Config) -> tuple[Sequence[str], VotedTexts, RatingCoverage]:
    """Return ids, votes and gold labels of the eligible utterances, and how many of the ratings these cover.

    Args:
        config: params.yaml

    Raises:
        InputError: if a file of ratings is not valid
    """
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES).sort_by("utterance_id")
    pooled = ratings.pooled(paths.LISTENERS, utterances)
    gold = {row["utterance_id"]: ratings.gold_label(row) or "" for row in pooled.rated.to_pylist()}
    votes = tables.read(paths.VOTES, tables.VOTES).sort_by("utterance_id")
    left_out = dict(zip(votes["utterance_id"].to_pylist(), votes["left_out"].to_pylist(), strict=True))
    ineligible = {utterance_id: why for utterance_id, why in left_out.items() if why in _INELIGIBLE}
    eligible = np.array([utterance_id not in ineligible for utterance_id in left_out], dtype=bool)
    texts = utterances.select(["utterance_id", "text", "group", "split", "text_source"]).filter(pa.array(eligible))
    ids: list[str] = texts["utterance_id"].to_pylist()
    names = config.polarity.voters
    voted = VotedTexts(
        texts=texts["text"].to_pylist(),
        polarities=vote_columns.to_matrix(votes["votes"], names)[eligible],
        names=names,
        gold=np.array([gold.get(utterance_id, "") for utterance_id in ids], dtype=str),
        groups=np.array(texts["group"].to_pylist(), dtype=str),
        training=np.array([split == "train" for split in texts["split"].to_pylist()], dtype=bool),
        sources=np.array([source or "unknown" for source in texts["text_source"].to_pylist()], dtype=str),
    )
    return ids, voted, rating_coverage.coverage(pooled, ineligible)


def proposed(texts: VotedTexts, config: Config, least_coverage: float) -> dict[str, Any] | None:
    """Return the threshold with the best macro F1 against listeners, and its expected score on other videos.

    Args:
        texts: votes and gold labels
        config: params.yaml
        least_coverage: share of the texts, 0 to 1, that must keep a label

    Returns:
        None if no such threshold leaves a rated text with a label
    """
    how, settings = config.polarity.combine, config.evaluate
    combination = texts.combined(how, Thresholds(0.0, 0.0))
    certain = combine.certainty(combination, how)
    bootstrap = Bootstrap(settings.bootstrap, settings.confidence, settings.seed)
    points = label_quality.curve(texts, how, bootstrap)
    best = threshold.proposed(points, least_coverage)
    if best is None:
        return None
    return {
        "parameter": "min_score" if combine.SCORED[how] else "min_probability",
        "value": threshold.setting(certain, best),
        "coverage": best.coverage,
        "n": best.n,
        "macro_f1": best.macro_f1,
        "held_out": threshold.held_out(combination.labels, certain, texts.gold, texts.groups, least_coverage),
    }


def plugins(config: Config) -> list[str]:
    """Return the modules of the shipped voters that vote.

    Args:
        config: all settings
    """
    return registry.modules(config.polarity.voters)
