"""The score that a recipe's source reports, beside the experiment's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tasks.evaluation.scores import PRESENT_ABOVE
from tasks.experiments import recipe_book
from tasks.experiments.targets import INTENSITIES
from tasks.pages.common import score_text
from tasks.pages.experiment.page import SourceScore
from tasks.pages.leaderboard import published_scores

_LEAKY = ", leaky"
_NUMBER = re.compile(r"\d+\.\d+")


def source_score(results: Mapping[str, Any]) -> SourceScore | None:
    """Return the published score of the recipe that an experiment comes from; None if there is none.

    Args:
        results: of the experiment
    """
    recipe = recipe_book.reported(results["experiment"], results["corpus"], results["reader"])
    if recipe is None:
        return None
    score = recipe.published.removesuffix(_LEAKY)
    leaky = score != recipe.published
    values = {float(number) for number in _NUMBER.findall(score)}
    name = next((key for key, title in score_text.NAMES.items() if score.lower().startswith(title.lower())), "")
    entries = [
        entry
        for entry in published_scores.beside(recipe.reader, results["target"])
        if entry.source == recipe.system and entry.metric == name and entry.value in values
    ]
    measure = name if name in results["scores"] else ""
    if results["target"] == INTENSITIES:
        end, bound = list(PRESENT_ABOVE.items())[-1]
        measure = f"{name}_{end}"
        # its report is of the labels that it predicts above this threshold
        score = f"{score[: len(score_text.NAMES[name])]} at {bound}: {score[len(score_text.NAMES[name]) :].strip()}"
        entries = [entry for entry in entries if f"threshold {bound}" in entry.protocol]
    protocols = [entry.protocol for entry in entries]
    return SourceScore(recipe.system, score, measure, protocols[0] if len(set(protocols)) == 1 else "", leaky)
