"""What a learning-rate finder's curve says: where the loss falls most steeply (Smith 2017, WACV, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def proposed(curve: Sequence[Mapping[str, float]], skip: int = 10) -> float | None:
    """Return the learning rate at which the loss falls most steeply, over the logarithm of the rate; None: nowhere.

    Lightning's own suggestion takes the slope over the rate itself, and so comes out near the lowest rate tried.

    Args:
        curve: of the finder; rates grow by the same factor from step to step
        skip: steps at the beginning, where the running mean of the loss has not settled
    """
    loss = np.array([one["loss"] for one in curve[skip:]])
    if loss.size < 2:
        return None
    slope = np.gradient(loss)
    return curve[skip + int(slope.argmin())]["learning_rate"] if slope.min() < 0 else None
