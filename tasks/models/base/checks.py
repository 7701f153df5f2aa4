"""What settings and targets of all models are held to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import NotEnoughData


def above_zero(name: str, value: float) -> None:
    """Refuse what is not above 0, NaN too.

    Raises:
        ValueError: naming the setting
    """
    if not value > 0:
        raise ValueError(f"{name} must be above 0, found {value}")


def classes_of(target: NDArray[Any]) -> tuple[str, ...]:
    """Return the classes of a training part, sorted.

    Raises:
        NotEnoughData: if there are fewer than two
    """
    found = tuple(str(one) for one in np.unique(target))
    if len(found) < 2:
        raise NotEnoughData(f"a classifier needs two classes in its training part, found {', '.join(found) or 'none'}")
    return found


def demand_share(name: str, value: float) -> None:
    """Refuse what is no share below 1.

    Raises:
        ValueError: naming the setting
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, found {value}")
