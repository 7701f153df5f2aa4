"""Adaptation of a model to the speaker of some clips without labels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tasks.core.config import Config
from tasks.core.errors import InputError, NotEnoughData
from tasks.experiments.kept_model import KeptModel
from tasks.models.base.estimator import Inputs
from tasks.on_demand.applying import features, intake, utterances
from tasks.on_demand.applying.utterances import Cutting


@dataclass(frozen=True)
class AdaptedModel:
    """A model for the speaker of some clips, and reasons to doubt the adaptation."""

    model: KeptModel
    n_clips: int
    warnings: tuple[str, ...]


def adapt(
    model: KeptModel, sources: Sequence[str], cutting: Cutting, config: Config, progress: Callable[[float], None]
) -> AdaptedModel:
    """Return a model that is adapted to a speaker.

    Args:
        model: of a recipe with `adapt`
        sources: files and URLs, all of one speaker; each utterance in them is a clip
        cutting: what an utterance is
        config: all settings
        progress: called with the share that is done

    Raises:
        InputError: if the recipe has no adaptation, or a source cannot be used
        NotEnoughData: if no clip has the features that the model needs
    """
    model.demand_adaptation()
    parts = [part for source in _counted(sources, progress) if len(part := _clips(model, source, cutting, config))]
    if not parts:
        raise NotEnoughData(f"--adapt: found no usable clip in {', '.join(sources)}; expected clips of the speaker")
    clips = _joined(parts)
    # plain scores of each part: the model may read other blocks beside those that are adapted
    plain = [model.probabilities(model.scores(part)) for part in parts]
    probabilities = [part for part in plain if part is not None]
    judgement = model.is_one_sided(np.concatenate(probabilities)) if probabilities else None
    return AdaptedModel(model.adapted(clips), len(clips), tuple(warnings(model, len(clips), judgement)))


def warnings(model: KeptModel, n_clips: int, judgement: bool | None) -> Iterator[str]:
    """Yield reasons to doubt an adaptation: too few clips, or one-sided ones.

    Args:
        model: not adapted
        n_clips: of the speaker
        judgement: whether they are one-sided, if that is known
    """
    kept = model.demand_adaptation()
    wanted = 10 if kept.clips == "all" else kept.clips
    if n_clips < wanted:
        yield (
            f"adapted by {n_clips} clip{'' if n_clips == 1 else 's'}, and the score of {model.card.experiment} is "
            f"for {kept.clips}: expect less; give {wanted} or more"
        )
    harm = (
        f"in training, clips of a single class gave {model.card.measure.replace('_', ' ')} {kept.one_class.value:.3f}, "
        f"and {model.card.score.value:.3f} without adaptation"
    )
    if judgement:
        yield (
            f"the {n_clips} clips to adapt to look as if they came from a single class of {model.card.target}, which "
            f"can do harm ({harm}); add clips of other classes, or leave out --adapt"
        )
    elif judgement is None:
        yield f"{n_clips} clips are too few: whether they come from a single class cannot be judged ({harm})"


def _clips(model: KeptModel, source: str, cutting: Cutting, config: Config) -> Inputs:
    with tempfile.TemporaryDirectory(prefix="undertone-") as name:
        folder = Path(name)
        try:
            medium = intake.obtain(source, None, folder, config)
            cut = utterances.cut(medium, cutting, config)
        except InputError as error:
            raise InputError(f"--adapt: {error}") from None
        extracted = features.compute(model, medium, cut, folder / "features", lambda _: None)
        # the folder's files back the values: copies outlive it
        vectors = {block: np.array(values) for block, values in extracted.inputs.vectors.items()}
        sequences = {
            block: replace(values, steps=np.array(values.steps)) for block, values in extracted.inputs.sequences.items()
        }
        return replace(extracted.inputs, vectors=vectors, sequences=sequences)


def _joined(parts: Sequence[Inputs]) -> Inputs:
    if not parts:
        return Inputs(np.empty(0, dtype=str))
    names = list(parts[0].vectors)
    return Inputs(
        np.concatenate([part.units for part in parts]),
        {name: np.concatenate([part.vectors[name] for part in parts]) for name in names},
    )


def _counted(sources: Sequence[str], progress: Callable[[float], None]) -> Iterator[str]:
    for number, source in enumerate(sources, start=1):
        yield source
        progress(number / len(sources))
