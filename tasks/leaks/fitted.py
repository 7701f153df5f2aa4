"""What was fitted on which rows: checked on the fitted objects, by fitting them again on what they should have seen."""

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
    train: tuple[NDArray[np.float64], NDArray[np.str_]],
    everything: tuple[NDArray[np.float64], NDArray[np.str_]],
) -> Finding:
    """Say whether every scaler, selector and balancer saw the training part and nothing else.

    Args:
        steps: fitted steps before the classifier, in order, as in `Pipeline.steps`: transformers (`transform`) and
            imbalanced-learn's samplers (`fit_resample`)
        train: features, shape (n_train, n_features), and classes, shape (n_train,), of the training part
        everything: the same of all rows there are, to name the mistake

    Returns:
        a violation for steps whose fitted attributes (names that end in `_`) are others
    """
    wrong = []
    (inside, labels), (whole, all_labels) = train, everything
    for name, step in steps:
        if step is None or step == "passthrough":
            continue
        expected, more = _again(step, inside, labels), _again(step, whole, all_labels)
        if differing := _differing(step, expected):
            like_all = not _differing(step, more)
            wrong.append(f"{name} ({', '.join(differing)}{', as fitted on all rows' if like_all else ''})")
        if hasattr(step, "transform"):
            inside, whole = step.transform(inside), step.transform(whole)
    what = f"{len(wrong)} of {len(steps)} fitted steps are not what the training part gives"
    return Finding(CHECK, "violation", len(wrong), len(steps), what, tuple(wrong))


def _again(step: Any, features: NDArray[np.float64], labels: NDArray[np.str_]) -> Any:
    from sklearn.base import clone

    again = clone(step)
    if hasattr(again, "fit_resample") and not hasattr(again, "transform"):
        again.fit_resample(features, labels)
    else:
        again.fit(features, labels)
    return again


def _differing(step: Any, expected: Any) -> list[str]:
    names = sorted(name for name in vars(expected) if name.endswith("_") and not name.startswith("_"))
    return [name for name in names if not _same(getattr(step, name, None), getattr(expected, name))]


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, np.ndarray) or np.isscalar(expected):
        try:
            numbers = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
        except (TypeError, ValueError):
            return bool(np.array_equal(np.asarray(found), np.asarray(expected)))
        same_shape = numbers[0].shape == numbers[1].shape
        return same_shape and bool(np.allclose(*numbers, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True))
    if isinstance(expected, Mapping):
        return dict(found or {}) == dict(expected)
    # fitted helpers inside a step (a neighbours' index, say) are judged by the rows they were given
    inner = getattr(expected, "n_samples_fit_", None)
    return inner is None or getattr(found, "n_samples_fit_", None) == inner
