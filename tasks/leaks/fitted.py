"""Check that preprocessing was fitted on the training part only, by fitting copies and comparing the attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.leaks.finding import Finding

CHECK = "fitted on more"
_TOLERANCE = 1e-6


def check(
    steps: Sequence[tuple[str, Any]],
    train: tuple[NDArray[np.floating], NDArray[np.str_]],
    everything: tuple[NDArray[np.floating], NDArray[np.str_]],
) -> Finding:
    """Check that every scaler, selector and balancer was fitted on exactly the training part.

    Args:
        steps: fitted steps before the classifier, in order, as in `Pipeline.steps`: transformers (`transform`) and
            imbalanced-learn's samplers (`fit_resample`)
        train: features, shape (n_train, n_features), and classes, shape (n_train,), of the training part
        everything: the same of all rows, to recognise steps that were fitted on all rows

    Returns:
        a violation with the steps whose fitted attributes (names that end in `_`) differ from those of the copy
    """
    wrong = []
    (inside, labels), (whole, all_labels) = train, everything
    for number, (name, step) in enumerate(steps, start=1):
        if step is None or step == "passthrough":
            continue
        if differing := _differing(step, _refitted(step, inside, labels)):
            like_all = not _differing(step, _refitted(step, whole, all_labels))
            wrong.append(f"{name} ({', '.join(differing)}{', as fitted on all rows' if like_all else ''})")
        if hasattr(step, "transform") and number < len(steps):
            inside, whole = step.transform(inside), step.transform(whole)
    what = f"{len(wrong)} of {len(steps)} fitted steps are not what the training part gives"
    return Finding(CHECK, "violation", len(wrong), len(steps), what, tuple(wrong))


def _refitted(step: Any, features: NDArray[np.floating], labels: NDArray[np.str_]) -> Any:
    from sklearn.base import clone

    copy = clone(step)
    if hasattr(copy, "fit_resample") and not hasattr(copy, "transform"):
        copy.fit_resample(features, labels)
    else:
        copy.fit(features, labels)
    return copy


def _differing(step: Any, expected: Any) -> list[str]:
    names = sorted(name for name in vars(expected) if name.endswith("_") and not name.startswith("_"))
    return [name for name in names if not _same(getattr(step, name, None), getattr(expected, name))]


def _same(actual: Any, expected: Any) -> bool:
    if isinstance(expected, np.ndarray) or np.isscalar(expected):
        try:
            numbers = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
        except (TypeError, ValueError):
            return bool(np.array_equal(np.asarray(actual), np.asarray(expected)))
        same_shape = numbers[0].shape == numbers[1].shape
        return same_shape and bool(np.allclose(*numbers, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True))
    if isinstance(expected, Mapping):
        return dict(actual or {}) == dict(expected)
    # nested estimators, such as a nearest-neighbour index, are compared by their number of training rows
    n_rows = getattr(expected, "n_samples_fit_", None)
    return n_rows is None or getattr(actual, "n_samples_fit_", None) == n_rows
