"""Voters and combinations on files of rated texts, with no text scored by a model that was trained on its group.

Stacking and the selection of a combination are cross-validated: with folds by group, and folds within folds for the
selection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.config import Config
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.quality import label_quality, label_rules, rated_texts, selection
from tasks.labelling.quality.label_quality import VotedTexts
from tasks.labelling.quality.selection import RatedVotes
from tasks.labelling.votes import vote_columns
from tasks.labelling.votes.combine import Thresholds
from tasks.stages import polarity


def report(files: Sequence[Path], voters: Sequence[str], config: Config) -> dict[str, Any]:
    """Return the scores of voters and combinations, as `label_quality.measured` does.

    Args:
        files: of rated texts
        voters: their names
        config: params.yaml; of `polarity`, text cleaning and the combination in use

    Raises:
        ConfigError: if a voter does not exist
        InputError: if a file is not valid
    """
    settings = config.polarity.model_copy(update={"voters": list(voters)})
    rated = rated_texts.read(list(files))
    polarities, chances = vote_columns.side_by_side(
        polarity.cast(rated.texts, polarity.voting_settings(settings)).values()
    )
    texts = VotedTexts(
        rated.texts,
        polarities,
        settings.voters,
        rated.labels,
        rated.groups,
        np.ones(len(rated.texts), dtype=bool),
        chances=chances,
        rated_shares=rated.shares,
    )
    votes = RatedVotes(settings.voters, polarities, chances, rated.labels, rated.groups)
    if selection.possible(votes):
        nested = selection.nested_labels(votes, selection.candidates(settings.voters))
        texts = replace(texts, stacked=selection.stacked_probabilities(votes), nested=nested)
    used = settings.combine if settings.combine in texts.combinations("mean") else "consensus"
    evaluate = config.evaluate
    bootstrap = Bootstrap(evaluate.bootstrap, evaluate.confidence, evaluate.seed)
    measured = label_quality.measured(texts, used, Thresholds(0.0, 0.0), bootstrap)
    checks = label_rules.checks(label_rules.of_voters(settings.voters), rated.texts, rated.names)
    if settings.mask_hedges:
        checks += label_rules.checks([label_rules.hedges()], rated.texts, rated.names)
    measured["cross_validated"] = texts.stacked is not None
    for row in measured["combinations"]:
        row["used"] = row["name"] == settings.combine
    label_rules.mark(measured, checks)
    return measured
