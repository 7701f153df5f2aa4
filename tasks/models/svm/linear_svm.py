"""Linear support vector machines of several classes, one against one; the rows of a class pair choose the solver.

All minimise the hinge loss with an L2 penalty:

- few rows: libsvm, whose time grows with the square of the rows. Fan, Chen & Lin 2005, "Working Set Selection Using
  Second Order Information for Training Support Vector Machines", JMLR 6
- many rows: the loss with a rounded corner (`tasks.models.svm.rounded_hinge`), whose time grows with the rows
- many rows, but few for their features, so that they are nearly separable: liblinear. Hsieh et al. 2008, "A Dual
  Coordinate Descent Method for Large-scale Linear SVM", ICML; for the squared hinge loss Lin, Weng & Keerthi 2008,
  "Trust Region Newton Method for Large-Scale Logistic Regression", JMLR 9

Where votes tie, `SVC.predict` takes the first of the classes, `OneVsOneClassifier.predict` the one with the larger sum
of decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.models.svm import rounded_hinge

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

ROWS_PER_PAIR = 1000
"""From this many training rows per class pair on, others than libsvm fit. Below, results are those of `SVC`.

A grid over C of 0.001, 0.01, 0.1 and 1 takes libsvm and the rounded loss the same time at 700 rows per pair; at 40,000,
the rounded loss is several hundred times faster (docs/speed.md).
"""
ROWS_PER_FEATURE = 4
"""From this many rows per class pair and feature on, the loss is rounded; with fewer, its steps take long."""
HINGE_LIMIT = 10_000.0
"""Above this product of C and rows per class pair, liblinear minimises the squared hinge loss.

Dual coordinate descent needs more passes as C × rows grows: at 24,000, 300 passes take ten times as long as the squared
hinge loss and lose 1.3 points of macro F1. With that many rows the choice of loss changes macro F1 by less than 0.5
points; with few rows and a C of 10 or more, the squared hinge loss overfits less than `SVC` does.
"""
_HINGE_TOLERANCE, _SQUARED_HINGE_TOLERANCE = 0.1, 0.01
_OPSET, _ONNX_IR = 18, 8
_GRAPH = """
<ir_version: {ir}, opset_import: ["" : {opset}], producer_name: "undertone">
svm (double[?, {n_features}] features) => (string[?] label, double[?, {n_classes}] scores) {{
  centred = Sub(features, mean)
  standardised = Div(centred, scale)
  products = MatMul(standardised, weights)
  decisions = Add(products, intercepts)
  {votes}
  winner = ArgMax<axis = 1, keepdims = 0>(scores)
  label = Gather(classes, winner)
}}
"""
_DECISION = "scores = MatMul(decisions, second_minus_first)"
_VOTES = """
  positive = Greater(decisions, zero)
  second_wins = Cast<to = {double}>(positive)
  gained = MatMul(second_wins, second_minus_first)
  votes = Add(gained, votes_if_first_wins)
  sums = MatMul(decisions, second_minus_first)
  sizes = Abs(sums)
  sizes_and_one = Add(sizes, one)
  divisors = Mul(sizes_and_one, three)
  fractions = Div(sums, divisors)
  both = Add(votes, fractions)
"""
_DECISIONS_WIN = "  scores = Identity(both)"
_FIRST_WINS = """
  most_votes = ArgMax<axis = 1>(votes)
  is_first = Equal(positions, most_votes)
  highest = ReduceMax<keepdims = 1>(both, last_axis)
  scores = Where(is_first, highest, both)
"""


def fit(
    features: Matrix, labels: NDArray[Any], c: float, *, class_weight: str | None = None, weights: Vector | None = None
) -> tuple[Matrix, Vector]:
    """Return the planes of all class pairs of a linear SVM, with the signs of `SVC.coef_`.

    The result does not depend on the number of threads.

    Args:
        features: on similar scales, shape (n_rows, n_features)
        labels: classes, shape (n_rows,)
        c: penalty C: what a unit of hinge loss costs
        class_weight: `balanced` gives all classes the same total weight
        weights: factors of C by row, shape (n_rows,); a row of weight 0 has no effect

    Returns:
        weights, shape (n_pairs, n_features), and intercepts, shape (n_pairs,). A decision above 0 is a vote for the
        first class of the pair; of two classes in all, for the second.

    Raises:
        ValueError: if rows with a weight above 0 belong to fewer than two classes, or a class has none of them

    Warns:
        ConvergenceWarning: if fitting many rows ended before its goal
    """
    from sklearn.svm import SVC

    classes = np.unique(labels)
    if classes.size < 2:
        raise ValueError(f"expected rows of two classes or more, found only one class: {classes.tolist()}")
    # a row belongs to n_classes − 1 of the n_classes · (n_classes − 1) / 2 pairs
    rows_per_pair = 2 * labels.size / classes.size
    if rows_per_pair < ROWS_PER_PAIR:
        svc = SVC(kernel="linear", C=c, class_weight=class_weight).fit(features, labels, weights)
        return svc.coef_, svc.intercept_
    row_weights = _row_weights(labels, class_weight, weights)
    if rows_per_pair < ROWS_PER_FEATURE * features.shape[1]:
        return _fit_liblinear(_liblinear(c, rows_per_pair), features, labels, row_weights)
    return _fit_rounded(features, labels, c * row_weights)


def to_onnx(
    mean: Vector,
    scale: Vector,
    weights: Matrix,
    intercepts: Vector,
    classes: Sequence[str],
    *,
    first_wins: bool = False,
) -> bytes:
    """Return standardisation and a linear SVM as ONNX; the same model gives the same bytes.

    Input `features`, float64, shape (n_rows, n_features); outputs `label`, string, shape (n_rows,), and `scores`, shape
    (n_rows, n_classes), as `tasks.models.support_vectors.Svm` returns them. skl2onnx is not used: it loses the names of
    the classes of a `OneVsOneClassifier`, and keeps an `SVC` as its support vectors, ten times the size.

    Args:
        mean: subtracted from each feature, shape (n_features,)
        scale: divides each centred feature, shape (n_features,)
        weights: as `fit` returns them, shape (n_pairs, n_features)
        intercepts: likewise, shape (n_pairs,)
        classes: in the order of the scores
        first_wins: whether the first of the classes with equal votes gets the highest score
    """
    from onnx import TensorProto, numpy_helper, parser

    n_classes = len(classes)
    first, second = (np.eye(n_classes)[list(side)] for side in zip(*combinations(range(n_classes), 2), strict=True))
    # of two classes, a decision above 0 is for the second already
    sign = 1.0 if n_classes == 2 else -1.0
    tensors = {
        "mean": mean,
        "scale": scale,
        "weights": np.ascontiguousarray(sign * weights.T),
        "intercepts": sign * intercepts,
        "second_minus_first": second - first,
        "classes": np.array(classes, dtype=object),
    }
    if n_classes > 2:
        tensors |= {
            "votes_if_first_wins": first.sum(axis=0),
            "zero": np.array(0.0),
            "one": np.array(1.0),
            "three": np.array(3.0),
            "positions": np.arange(n_classes),
            "last_axis": np.array([1]),
        }
    sizes = {"n_features": weights.shape[1], "n_classes": n_classes}
    votes = _DECISION if n_classes == 2 else _VOTES + (_FIRST_WINS if first_wins else _DECISIONS_WIN)
    text = _GRAPH.format(ir=_ONNX_IR, opset=_OPSET, votes=votes.format(double=TensorProto.DOUBLE), **sizes)
    model = parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(tensor, key) for key, tensor in tensors.items())
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _fit_rounded(features: Matrix, labels: NDArray[Any], costs: Vector) -> tuple[Matrix, Vector]:
    from threadpoolctl import threadpool_limits

    classes, numbers = np.unique(labels, return_inverse=True)
    planes = []
    # sums of products depend on the number of threads in their last digits
    with threadpool_limits(1):
        for first, second in combinations(range(classes.size), 2):
            rows = np.flatnonzero(((numbers == first) | (numbers == second)) & (costs > 0))
            signs = np.where(numbers[rows] == first, 1.0, -1.0) * _sign(classes)
            planes.append(rounded_hinge.plane(features[rows], signs, costs[rows]))
    return np.stack([weights for weights, _ in planes]), np.array([intercept for _, intercept in planes])


def _liblinear(c: float, rows_per_pair: float) -> Any:
    from sklearn.svm import LinearSVC

    # The penalty on the bias, bias² / (2 · scaling²), is then the same share of the loss for any C.
    # A scaling of 1 costs 1 to 2 points of macro F1 at C = 0.001; one of 10 costs up to 1 at 0.0001, and is slow at 1.
    scaling = c**-0.5
    if c * rows_per_pair <= HINGE_LIMIT:
        return LinearSVC(loss="hinge", C=c, intercept_scaling=scaling, tol=_HINGE_TOLERANCE, random_state=0)
    # half of C: then both losses have the same slope for a row on the separating plane, where the slack is 1
    return LinearSVC(dual=False, C=c / 2, intercept_scaling=scaling, tol=_SQUARED_HINGE_TOLERANCE)


def _row_weights(labels: NDArray[Any], class_weight: str | None, weights: Vector | None) -> Vector:
    """Return what multiplies C, by row, as in `SVC`: classes are balanced over all rows, not pair by pair."""
    from sklearn.utils.class_weight import compute_sample_weight

    balanced: Vector = compute_sample_weight(class_weight, labels)
    row_weights: Vector = balanced if weights is None else balanced * weights
    # there is no plane between rows of one class
    if missing := sorted(set(labels.tolist()) - set(labels[row_weights > 0].tolist())):
        raise ValueError(f"expected rows with a weight above 0 in every class, found none in {missing}")
    return row_weights


def _fit_liblinear(machine: Any, features: Matrix, labels: NDArray[Any], weights: Vector) -> tuple[Matrix, Vector]:
    from sklearn import config_context
    from sklearn.multiclass import OneVsOneClassifier

    # without metadata routing, OneVsOneClassifier does not pass weights on
    with config_context(enable_metadata_routing=True):
        pairs = OneVsOneClassifier(machine.set_fit_request(sample_weight=True))
        fitted = pairs.fit(features, labels, sample_weight=weights)
    planes = [(pair.coef_[0], pair.intercept_[0]) for pair in fitted.estimators_]
    # its decisions are above 0 for the second class of each pair
    sign = -_sign(fitted.classes_)
    return sign * np.stack([weights for weights, _ in planes]), sign * np.array([bias for _, bias in planes])


def _sign(classes: NDArray[Any]) -> float:
    """Return the sign of decisions for the first class of a pair; of two classes, they are above 0 for the second."""
    return -1.0 if classes.size == 2 else 1.0
