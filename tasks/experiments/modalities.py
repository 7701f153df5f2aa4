"""What each modality adds: trained on fewer, tested without one, and tested with that of another utterance.

A fusion that is no better than its best modality, or that does not mind whose voice it hears, uses one of the two.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.sequences import Sequences
from tasks.models.base.estimator import Inputs

Named = Mapping[str, tuple[str, ...]]
"""Modality → the features that are read off it."""
ALONE, SWAPPED, WITHOUT = "alone", "swapped", "without"
"""Trained on and tested with nothing else; that of another utterance, or none, in the test alone."""


@dataclass(frozen=True)
class Changed:
    """Test rows whose one modality has been changed.

    Args:
        modality: which one
        how: `SWAPPED` or `WITHOUT`
        inputs: the rows
    """

    modality: str
    how: str
    inputs: Inputs


def available(modalities: Named, lacking: Mapping[str, int], n_rows: int) -> dict[str, tuple[str, ...]]:
    """Return the modalities that any row has, with their features.

    Args:
        modalities: of the recipe
        lacking: features → rows that lack them
        n_rows: of the experiment
    """
    return {name: blocks for name, blocks in modalities.items() if any(lacking.get(one, 0) < n_rows for one in blocks)}


def subsets(modalities: Named, *, every: bool) -> list[tuple[str, ...]]:
    """Return the modalities that are trained on besides all of them: each alone, or every proper subset."""
    sizes = range(1, len(modalities) if every else min(2, len(modalities)))
    return [one for size in sizes for one in itertools.combinations(modalities, size)]


def features_of(modalities: Named, chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the features of some modalities."""
    return tuple(feature for one in chosen for feature in modalities[one])


def changed(modalities: Named, inputs: Inputs, seed: int, *, lacking: bool) -> Iterator[Changed]:
    """Yield test rows with one modality of another row, and, for models that can do without, with it not there.

    Args:
        modalities: two or more
        inputs: the test rows
        seed: of whose modality it is
        lacking: whether the model can do without features
    """
    # along a random circle: nobody keeps what is their own
    circle = np.random.default_rng(seed).permutation(len(inputs))
    other = np.empty_like(circle)
    other[circle] = np.roll(circle, 1)
    for modality, blocks in modalities.items():
        if len(inputs) > 1:
            yield Changed(modality, SWAPPED, _mixed(inputs, inputs.rows(other), blocks))
        if lacking and all(one in inputs.sequences for one in blocks):
            yield Changed(modality, WITHOUT, _emptied(inputs, blocks))


def _mixed(inputs: Inputs, others: Inputs, blocks: Sequence[str]) -> Inputs:
    """Return rows whose blocks of these names are those of other rows."""

    def chosen(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: theirs[name] if name in blocks else block for name, block in mine.items()}

    return replace(
        inputs,
        vectors=chosen(inputs.vectors, others.vectors),
        sequences=chosen(inputs.sequences, others.sequences),
        texts=chosen(inputs.texts, others.texts),
    )


def _emptied(inputs: Inputs, blocks: Sequence[str]) -> Inputs:
    def without(block: Sequences) -> Sequences:
        nothing: NDArray[np.int64] = np.zeros_like(block.lengths)
        return Sequences(block.steps, nothing, nothing)

    sequences = {name: without(one) if name in blocks else one for name, one in inputs.sequences.items()}
    return replace(inputs, sequences=sequences)
