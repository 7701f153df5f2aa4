"""Warnings: reasons not to trust a model, or its scores of a medium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.core import paths
from tasks.core.config import Config
from tasks.experiments import matching
from tasks.experiments.kept_model import DIGITS, KeptModel, ModelCard
from tasks.features.base.checkpoints import TINY
from tasks.on_demand.applying.scored import ScoredUtterance

MUCH_OUTSIDE = 0.05
"""Share of utterances outside the training distribution from which on a medium is; of training rows, 1 % are."""


def of_model(model: KeptModel, config: Config) -> Iterator[str]:
    """Yield reasons to doubt a model.

    Args:
        model: the model
        config: of the project, whose recipe may have changed since the model was trained
    """
    card = model.card
    score = f"{card.measure.replace('_', ' ')} {_interval(card)}"
    if not card.beats_baselines:
        yield f"{card.experiment} has not beaten its baselines ({score}): what it predicts may be chance"
    if card.leaky:
        yield (
            f"{card.experiment} was scored under {card.protocol}, which is leaky ({card.protocol_in_words}): expect it "
            f"to be worse than {score} on new media"
        )
    if card.simulated:
        yield f"{card.experiment} was trained on a simulated corpus: it says nothing about real speech"
    named = [entry.settings.get("checkpoint") for entry in card.feature_sets] + [card.settings.get("checkpoint")]
    if random_weights := [name for name in named if name in TINY]:
        yield f"{card.experiment} builds on random weights ({', '.join(random_weights)}): it was a trial of the recipe"
    # an exported model, or one of another project, has no recipe here
    is_here = model.folder == paths.experiment(card.experiment) / "model" and card.experiment in config.experiments
    if is_here and card.recipe_sha256 != matching.digest(card.experiment, config):
        yield (
            f"{card.experiment} does not match its recipe in params.yaml any more; train it again: undertone "
            f"experiment run {card.experiment}"
        )


def of_medium(
    model: KeptModel, digests: Sequence[str], rows: Sequence[ScoredUtterance], language: str = ""
) -> Iterator[str]:
    """Yield reasons to doubt the scores of a medium.

    Args:
        model: the model
        digests: SHA-256 of the medium and of its decoded sound
        rows: its scored utterances
        language: of the medium, as `tasks.core.languages.base` returns it; "": unknown
    """
    trained = model.card.languages
    if language and trained and language not in trained:
        yield (
            f"its language is {language}, and {model.card.experiment} was trained on {', '.join(trained)}: expect it "
            "to be worse than its score"
        )
    if any(digest[:DIGITS] in model.training_media for digest in digests):
        yield f"{model.card.experiment} was trained on this file: its scores say nothing about new media"
    distances = sorted(row.novelty for row in rows if row.novelty is not None)
    n_outside = sum(bool(row.outside) for row in rows)
    if distances and model.card.novelty and n_outside > MUCH_OUTSIDE * len(distances):
        yield (
            f"{n_outside} of {len(distances)} utterances sound unlike the training data: their median distance is "
            f"{distances[len(distances) // 2]:.2f}, and {model.card.novelty.quantile:.0%} of the training data is "
            f"within {model.card.novelty.bound:.2f}"
        )


def _interval(card: ModelCard) -> str:
    score = card.score
    return f"{score.value:.3f}" + ("" if score.low is None else f", {score.low:.3f} to {score.high:.3f}")
