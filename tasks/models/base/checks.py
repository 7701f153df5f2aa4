"""Checks of settings and targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError, NotEnoughData
from tasks.features.base.sequences import Sequences
from tasks.models.base.estimator import Inputs


def above_zero(name: str, value: float) -> None:
    """Refuse a setting that is not above 0, or NaN.

    Args:
        name: of the setting
        value: of the setting

    Raises:
        ValueError: naming the setting
    """
    if not value > 0:
        raise ValueError(f"{name} must be above 0, found {value}")


def classes_of(target: NDArray[Any]) -> tuple[str, ...]:
    """Return the classes of a training part, sorted.

    Args:
        target: class names, shape (n_rows,)

    Raises:
        NotEnoughData: if there are fewer than two
    """
    classes = tuple(map(str, np.unique(target)))
    if len(classes) < 2:
        names = ", ".join(classes) or "none"
        raise NotEnoughData(f"a classifier needs two classes in its training part, found {names}")
    return classes


def demand_share(name: str, value: float) -> None:
    """Refuse a setting outside [0, 1).

    Args:
        name: of the setting
        value: of the setting

    Raises:
        ValueError: naming the setting
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, found {value}")


def single_block(inputs: Inputs, model: str, extractor: str) -> Sequences:
    """Return the only block of a model that takes one block of sequences.

    Args:
        inputs: its blocks
        model: name of the model
        extractor: name of the extractor that gives the block

    Raises:
        InputError: if there is not exactly one block, of sequences
    """
    block = next(iter(inputs.sequences.values()), None)
    if block is None or len(inputs.names) != 1:
        names = ", ".join(inputs.names) or "none"
        raise InputError(f"{model} takes one block, of the extractor {extractor}; found {names}")
    return block


def check_width(features: Any, n_features: int) -> None:
    """Refuse features of another shape than (n_rows, n_features).

    Args:
        features: dense or sparse
        n_features: of the model

    Raises:
        ValueError: with the shape
    """
    if features.ndim != 2 or features.shape[1] != n_features:
        raise ValueError(f"expected features of shape (n_rows, {n_features}), found {features.shape}")
