"""Stage labels: quality of voters, combinations and thresholds, measured against listeners' ratings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import paths, pipeline_file, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.base import registry
from tasks.labelling.people import listener_checks, rated_utterances, rating_coverage, rating_models, ratings
from tasks.labelling.people.rating_coverage import RatingCoverage
from tasks.labelling.quality import combination_file, label_quality, label_rules, learning_curve, row_digests, threshold
from tasks.labelling.quality.combination_file import CombinationFile
from tasks.labelling.quality.label_quality import VotedTexts
from tasks.labelling.votes import combine, eligibility, vote_columns
from tasks.labelling.votes.combine import Combined, Thresholds

SELECTED_ON = "used to select or train the combination"
TUNED_ON = "used to choose the threshold"
PROPOSED = "proposed for rating, no random sample"
Rows = Literal["scored", "sampled", "all"]
"""Rated utterances with a gold label: those that scores use; a random sample of all; or all of them."""
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
    ids, texts, covered, combination = read(config)
    settings = config.polarity
    thresholds = Thresholds(settings.min_score, settings.min_probability)
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.evaluate.confidence, config.evaluate.seed)
    report = label_quality.measured(texts, combination.chosen, thresholds, bootstrap)
    chosen = texts.combined(combination.chosen, thresholds)
    report["ratings"] = covered.to_dict()
    report["selection"] = _selection(combination)
    scored = np.flatnonzero(texts.gold != "").tolist()
    rules = label_rules.in_use(settings, combination)
    checked = label_rules.checks(rules, [texts.texts[k] for k in scored], [ids[k] for k in scored])
    label_rules.mark(report, checked)
    spans = [span for file in ratings.read_folder(paths.LISTENERS) for span in file.spans]
    report["listeners"] = [asdict(check) for check in listener_checks.checked(spans, bootstrap)]
    report["licences"] = {name: registry.licence(name) for name in settings.voters}
    report["disagreements"] = [
        {"utterance_id": ids[k], "heard": str(texts.gold[k]), "label": str(chosen.labels[k])}
        for k in label_quality.disagreements(texts, chosen, config.labels.disagreements).tolist()
    ]
    tunable, _ = tuning_texts(read(config, rows="sampled")[1], texts, combination)
    report["proposed"] = proposed(tunable, combination.chosen, config, config.labels.least_coverage)
    report["learning_curve"] = _learning_curve(texts, chosen, bootstrap)
    tables.write_text(paths.LABELS, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    tables.write_text(paths.LABEL_METRICS, json.dumps(label_quality.few(report), indent=2) + "\n")
    tables.write_csv(paths.CURVE, report["curve"] or [dict.fromkeys(("threshold", "coverage", "n", "macro_f1"))])


def _selection(combination: CombinationFile) -> dict[str, Any]:
    """Return how the combination was chosen, for JSON; the rows' digests stay in its own file."""
    rows = combination.rows and {name: value for name, value in combination.rows.items() if name != "digests"}
    fields = {name: getattr(combination, name) for name in ("combine", "chosen", "why", "protocol", "table", "nested")}
    return {**fields, "rows": rows, "in_words": label_rules.chosen_in_words(combination)}


def read(config: Config, *, rows: Rows = "scored") -> tuple[Sequence[str], VotedTexts, RatingCoverage, CombinationFile]:
    """Return ids, votes and gold labels of the eligible utterances, the ratings these cover, and the combination.

    Scores leave out utterances that were proposed for rating, and those of training videos that the combination or the
    threshold was chosen or trained on, unless no test videos are rated.

    Args:
        config: params.yaml
        rows: rated utterances with a gold label: `scored`; `sampled`: all but the proposed ones; or `all`

    Raises:
        InputError: if a file of ratings is not valid
    """
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES).sort_by("utterance_id")
    pooled = rating_models.pooled(paths.LISTENERS, utterances, config.labels.listeners)
    rated = pooled.rated.to_pylist()
    combination = combination_file.read(paths.COMBINATION)
    votes = tables.read(paths.VOTES, tables.VOTES).sort_by("utterance_id")
    left_out = dict(zip(votes["utterance_id"].to_pylist(), votes["left_out"].to_pylist(), strict=True))
    unscored = {utterance_id: why for utterance_id, why in left_out.items() if why in _INELIGIBLE}
    eligible = np.array([utterance_id not in unscored for utterance_id in left_out], dtype=bool)
    texts = utterances.select(["utterance_id", "text", "group", "split", "text_source"]).filter(pa.array(eligible))
    ids: list[str] = texts["utterance_id"].to_pylist()
    training = np.array([split == "train" for split in texts["split"].to_pylist()], dtype=bool)
    labels = {row["utterance_id"]: rated_utterances.gold_label(row) or "" for row in rated}
    gold = np.array([labels.get(utterance_id, "") for utterance_id in ids], dtype=str)
    if rows != "all":
        is_proposed = [row["utterance_id"] for row in rated if row[ratings.SAMPLING] == ratings.PROPOSED]
        unscored |= {utterance_id: PROPOSED for utterance_id in is_proposed if utterance_id not in unscored}
        gold[np.isin(ids, is_proposed)] = ""
    if rows == "scored" and combination.rows is not None and (gold[~training] != "").any():
        # the combination was selected on rated training videos: their scores would be too good
        unscored |= {ids[k]: SELECTED_ON for k in np.flatnonzero(training & (gold != "")).tolist()}
        gold[training] = ""
    elif rows == "scored" and (gold[~training] != "").any():
        tuned = _tuned_on(config, combination, texts["text"].to_pylist()) & training & (gold != "")
        unscored |= {ids[k]: TUNED_ON for k in np.flatnonzero(tuned).tolist()}
        gold[tuned] = ""
    names = config.polarity.voters
    polarities = vote_columns.to_matrix(votes["votes"], names)[eligible]
    chances = vote_columns.to_chances(votes["probabilities"], names)[eligible]
    voted = VotedTexts(
        texts=texts["text"].to_pylist(),
        polarities=polarities,
        names=names,
        gold=gold,
        groups=np.array(texts["group"].to_pylist(), dtype=str),
        training=training,
        sources=np.array([source or "unknown" for source in texts["text_source"].to_pylist()], dtype=str),
        stacked=combination.stacked(polarities, chances),
        chances=chances,
        rated_shares=_shares(rated, ids),
    )
    return ids, voted, rating_coverage.coverage(pooled, unscored), combination


def _tuned_on(config: Config, combination: CombinationFile, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Return which texts the threshold in use was chosen on, shape (n_texts,)."""
    rules = label_rules.in_use(config.polarity, combination)
    digests = [digest for rule in rules if rule.kind == label_rules.THRESHOLD for digest in rule.digests or ()]
    chosen_on = np.zeros(len(texts), dtype=bool)
    chosen_on[row_digests.overlap(texts, digests)] = True
    return chosen_on


def tuning_texts(
    sampled: VotedTexts, scored: VotedTexts, combination: CombinationFile
) -> tuple[VotedTexts, Literal["training", "scored"]]:
    """Return the texts that a threshold is chosen on, and which they are.

    Training videos with enough ratings come first: labels are not scored on them. If the combination was selected or
    trained on them, its certainties are too high there, and the scored texts are used.

    Args:
        sampled: with the gold labels of a random sample, training videos included
        scored: with the gold labels that scores use
        combination: the combination in use
    """
    of_training = np.where(sampled.training, sampled.gold, "")
    if combination.rows is None and (of_training != "").sum() >= threshold.LEAST_RATINGS:
        return replace(sampled, gold=of_training), "training"
    return scored, "scored"


def _learning_curve(texts: VotedTexts, chosen: Combined, bootstrap: Bootstrap) -> dict[str, Any] | None:
    """Return the learning curve of the rated texts; None with few of them."""
    rated = np.flatnonzero(texts.gold != "")
    if rated.size < learning_curve.LEAST_RATINGS:
        return None
    votes = combine.Votes(texts.names, texts.polarities, None, texts.training)
    candidates = learning_curve.labels_without_ratings(votes)
    chances = np.full((*texts.polarities.shape, 3), np.nan) if texts.chances is None else texts.chances
    return learning_curve.measured(
        learning_curve.RatedTexts(
            texts.polarities[rated],
            chances[rated],
            texts.names,
            texts.gold[rated],
            texts.groups[rated],
            {name: labels[rated] for name, labels in candidates.items()},
            chosen.labels[rated],
        ),
        bootstrap,
    )


def _shares(rated: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> NDArray[np.float64]:
    """Return the shares of the ratings of utterances that several listeners rated, NaN for others, shape (n, 3)."""
    of_utterance = {row["utterance_id"]: dict(row["ratings"]) for row in rated if len(row["ratings"]) > 1}
    return rating_models.shares([of_utterance.get(utterance_id, {}) for utterance_id in ids])


def proposed(texts: VotedTexts, how: str, config: Config, least_coverage: float) -> dict[str, Any] | None:
    """Return the threshold with the best macro F1 against listeners, and its expected score on other videos.

    Args:
        texts: votes and gold labels
        how: the combination in use, or a name from `combine.alone`
        config: params.yaml
        least_coverage: share of the texts, 0 to 1, that must keep a label

    Returns:
        None with fewer than `threshold.LEAST_RATINGS` rated texts, or if no such threshold leaves one of them a label
    """
    if (texts.gold != "").sum() < threshold.LEAST_RATINGS:
        return None
    settings = config.evaluate
    combination = texts.combined(how, Thresholds(0.0, 0.0))
    certain = combine.certainty(combination, how)
    bootstrap = Bootstrap(settings.bootstrap, settings.confidence, settings.seed)
    points = label_quality.curve(texts, how, bootstrap)
    best = threshold.proposed(points, least_coverage)
    if best is None:
        return None
    nested = threshold.nested(
        combination.labels, certain, texts.gold, texts.groups, least_coverage=least_coverage, bootstrap=bootstrap
    )
    return {
        "parameter": "min_score" if combine.SCORED[combine.combination_of(how)] else "min_probability",
        "value": threshold.setting(certain, best),
        "coverage": best.coverage,
        "n": best.n,
        "macro_f1": best.macro_f1,
        "low": best.low,
        "high": best.high,
        "nested": None if nested is None else asdict(nested),
    }


def plugins(config: Config) -> list[str]:
    """Return the modules of the shipped voters that vote.

    Args:
        config: all settings
    """
    return registry.modules(config.polarity.voters)
