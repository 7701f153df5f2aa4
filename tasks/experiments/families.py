"""Families of features, and what a model loses if one of them comes from other test rows (permutation importance).

Breiman (2001), "Random Forests", Machine Learning 45, section 10, with whole families in place of single features:
those of a family are correlated, so that permuting one of them alone changes little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.models.base.estimator import Inputs

_BY_NAME = (
    ("rhythm and duration", r"duration_s|log_duration|voiced_|loudness_peaks"),
    ("mel bands", r"mel_"),
    ("cepstrum", r"mfcc_"),
    ("pitch", r"f0"),
    ("formants", r"f[1-9]"),
    ("voice quality", r"periodicity|h1_|hnr|jitter|shimmer"),
    ("level and loudness", r"level|loudness"),
)
"""Families of named features: the first expression that matches the beginning of a name decides."""
_REST = "shape of the spectrum"
_WIDTHS = {"whisper-tiny": 384, "whisper-base": 512, "whisper-small": 768, "whisper-medium": 1024}
"""Features of one layer of encoders whose layers are side by side in a vector."""

Columns = NDArray[np.int64]


def of_block(name: str, card: Mapping[str, Any], n_features: int) -> dict[str, Columns]:
    """Return the columns of each family of a block of vectors; a block without known families is one by itself.

    Args:
        name: of the feature set
        card: its card: extractor, settings and names of the features
        n_features: its width
    """
    names = card.get("names") or ()
    if card["extractor"] == "functionals" and len(names) == n_features:
        family = np.array([_family(feature) for feature in names])
        return {name: np.flatnonzero(family == name) for name in dict.fromkeys(family.tolist())}
    if card["extractor"] == "speech-encoder" and (layers := _layers(card["settings"], n_features)):
        parts = np.split(np.arange(n_features), len(layers))
        return {f"layer {layer}": part for layer, part in zip(layers, parts, strict=True)}
    return {name: np.arange(n_features)}


def permuted(inputs: Inputs, cards: Mapping[str, Any], seed: int) -> Iterator[tuple[str, Inputs]]:
    """Yield each family's name and the rows with this family taken from other rows; none for a single family.

    Args:
        inputs: test rows
        cards: feature set → its card
        seed: of the random assignment of rows
    """
    by_block = {
        name: of_block(name, cards[name], block.shape[1]) for name, block in inputs.vectors.items() if name in cards
    }
    if len(inputs) < 2 or sum(map(len, by_block.values())) < 2:
        return
    # a random cycle: no row keeps its own features
    circle = np.random.default_rng(seed).permutation(len(inputs))
    other = np.empty_like(circle)
    other[circle] = np.roll(circle, 1)
    for name, by_family in by_block.items():
        for family, columns in by_family.items():
            block = np.array(inputs.vectors[name])
            block[:, columns] = block[np.ix_(other, columns)]
            title = family if len(by_block) == 1 or family == name else f"{name}: {family}"
            yield title, replace(inputs, vectors={**inputs.vectors, name: block})


def _family(feature: str) -> str:
    return next((family for family, pattern in _BY_NAME if re.match(pattern, feature)), _REST)


def _layers(settings: Mapping[str, Any], n_features: int) -> tuple[int, ...]:
    """Return the layers of a vector, in order; none if they are unknown."""
    if stated := tuple(settings.get("layers") or ()):
        return stated if n_features % len(stated) == 0 else ()
    width = _WIDTHS.get(str(settings.get("checkpoint")), 0) * (1 if settings.get("statistics") == "mean" else 2)
    return tuple(range(1, n_features // width + 1)) if width and n_features % width == 0 else ()
