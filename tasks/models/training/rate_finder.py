"""Reading a learning-rate finder's curve: the steepest fall of the loss (Smith 2017, WACV, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def proposed(curve: Sequence[Mapping[str, float]], skip: int = 10) -> float | None:
    """Return the learning rate at which the loss falls most steeply over log(rate); None if it never falls.

    Lightning's own suggestion takes the slope over the rate itself, which favours the lowest rates tried.

    Args:
        curve: `learning_rate` and `loss` per step; rates grow by a constant factor
        skip: first steps, in which the running mean of the loss has not settled
    """
    loss = np.array([step["loss"] for step in curve[skip:]])
    if loss.size < 2:
        return None
    slope = np.gradient(loss)
    return curve[skip + int(slope.argmin())]["learning_rate"] if slope.min() < 0 else None
