"""Contribution of each modality: train on fewer, test without one, test with another utterance's.

A fusion that is no better than its best modality, or whose score survives a swapped modality, uses only one of them.
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

FeaturesByModality = Mapping[str, tuple[str, ...]]
ALONE, SWAPPED, WITHOUT = "alone", "swapped", "without"
"""Trained and tested on this modality only; replaced by another utterance's, or left out, in the test only."""


@dataclass(frozen=True)
class ChangedRows:
    """Test rows of which one modality is changed; `how` is `SWAPPED` or `WITHOUT`."""

    modality: str
    how: str
    inputs: Inputs


def available(modalities: FeaturesByModality, lacking: Mapping[str, int], n_rows: int) -> dict[str, tuple[str, ...]]:
    """Return the modalities that at least one row has, with their features.

    Args:
        modalities: of the recipe
        lacking: features → number of rows that lack them
        n_rows: of the experiment
    """
    return {
        modality: features
        for modality, features in modalities.items()
        if any(lacking.get(name, 0) < n_rows for name in features)
    }


def subsets(modalities: FeaturesByModality, *, every: bool) -> list[tuple[str, ...]]:
    """Return the subsets of modalities to train on besides all of them.

    Args:
        modalities: of the recipe
        every: every proper subset, instead of each modality alone
    """
    sizes = range(1, len(modalities) if every else min(2, len(modalities)))
    return [subset for size in sizes for subset in itertools.combinations(modalities, size)]


def features_of(modalities: FeaturesByModality, chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the features of some modalities.

    Args:
        modalities: of the recipe
        chosen: some of them
    """
    return tuple(feature for modality in chosen for feature in modalities[modality])


def changed(modalities: FeaturesByModality, inputs: Inputs, seed: int, *, lacking: bool) -> Iterator[ChangedRows]:
    """Yield test rows with each modality taken from another row and, if the model accepts missing features, without.

    Args:
        modalities: two or more
        inputs: the test rows
        seed: of the random assignment of rows
        lacking: whether the model accepts missing features
    """
    # a random cycle: no row keeps its own modality
    circle = np.random.default_rng(seed).permutation(len(inputs))
    other = np.empty_like(circle)
    other[circle] = np.roll(circle, 1)
    for modality, blocks in modalities.items():
        if len(inputs) > 1:
            yield ChangedRows(modality, SWAPPED, _mixed(inputs, inputs.rows(other), blocks))
        if lacking and all(name in inputs.sequences for name in blocks):
            yield ChangedRows(modality, WITHOUT, _emptied(inputs, blocks))


def _mixed(inputs: Inputs, others: Inputs, blocks: Sequence[str]) -> Inputs:
    """Return rows with the blocks of these names taken from other rows."""

    def chosen(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
        return {name: other[name] if name in blocks else block for name, block in own.items()}

    return replace(
        inputs,
        vectors=chosen(inputs.vectors, others.vectors),
        sequences=chosen(inputs.sequences, others.sequences),
        texts=chosen(inputs.texts, others.texts),
    )


def _emptied(inputs: Inputs, blocks: Sequence[str]) -> Inputs:
    def without(block: Sequences) -> Sequences:
        zeros: NDArray[np.int64] = np.zeros_like(block.lengths)
        return Sequences(block.steps, zeros, zeros)

    sequences = {name: without(block) if name in blocks else block for name, block in inputs.sequences.items()}
    return replace(inputs, sequences=sequences)
