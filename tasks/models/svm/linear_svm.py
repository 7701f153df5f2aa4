"""Linear support vector machines of several classes, one against one: libsvm for few rows, liblinear for many.

libsvm's time grows with the square of the rows of a class pair, liblinear's with the rows. Both minimise the hinge loss
with an L2 penalty; they differ in the bias, which only liblinear penalises, and in how they break ties: `SVC.predict`
takes the first of the classes with equal votes, `OneVsOneClassifier.predict` the one with the larger sum of decisions.

- libsvm: Fan, Chen & Lin 2005, "Working Set Selection Using Second Order Information for Training Support Vector
  Machines", JMLR 6
- liblinear, dual coordinate descent for the hinge loss: Hsieh et al. 2008, "A Dual Coordinate Descent Method for
  Large-scale Linear SVM", ICML
- liblinear, trust region Newton for the squared hinge loss: Lin, Weng & Keerthi 2008, "Trust Region Newton Method for
  Large-Scale Logistic Regression", JMLR 9
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

ROWS_PER_PAIR = 1000
"""From this many training rows per class pair on, liblinear fits.

A grid over C of 0.001, 0.01, 0.1 and 1 takes both the same time at 300 to 400 rows per pair, whether classes are 3 or 8
and features 136 or 768. At 1,000 rows liblinear is 2 to 6 times faster. With C chosen by the grid, macro F1 differs by
0.2 points at most on the benchmark's data, at a fixed C of 1 by up to 0.6 (docs/speed.md). Below, results are those
of `SVC`.
"""
HINGE_LIMIT = 10_000.0
"""Above this product of C and rows per class pair, the squared hinge loss is minimised instead of the hinge loss.

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
) -> Any:
    """Fit a linear SVM by the solver that suits the number of rows per class pair.

    The result does not depend on the number of threads: both solvers run on one, and the order in which liblinear
    visits the rows has a fixed seed.

    Args:
        features: on similar scales, shape (n_rows, n_features)
        labels: classes, shape (n_rows,)
        c: penalty C of libsvm: what a unit of hinge loss costs
        class_weight: `balanced` gives all classes the same total weight
        weights: factors of C by row, shape (n_rows,); a row of weight 0 has no effect

    Returns:
        a fitted `SVC` or `OneVsOneClassifier` of `LinearSVC`

    Raises:
        ValueError: if rows with a weight above 0 belong to fewer than two classes, or a class has none of them

    Warns:
        ConvergenceWarning: if liblinear stopped after its last pass: C × rows per pair is above about 500, or features
            have very different scales
    """
    from sklearn.svm import SVC

    # a row belongs to n_classes − 1 of the n_classes · (n_classes − 1) / 2 pairs
    rows_per_pair = 2 * len(labels) / np.unique(labels).size
    if rows_per_pair < ROWS_PER_PAIR:
        return SVC(kernel="linear", C=c, class_weight=class_weight).fit(features, labels, weights)
    return _fit_liblinear(_liblinear(c, rows_per_pair), features, labels, _row_weights(labels, class_weight, weights))


def coefficients(svm: Any) -> tuple[Matrix, Vector]:
    """Return the planes of all class pairs, with the signs of `SVC.coef_`.

    Args:
        svm: fitted by `fit`

    Returns:
        weights, shape (n_pairs, n_features), and intercepts, shape (n_pairs,). A decision above 0 is a vote for the
        first class of the pair; of two classes in all, for the second.
    """
    if not hasattr(svm, "estimators_"):
        return svm.coef_, svm.intercept_
    weights, intercepts = _planes(svm)
    sign = 1.0 if svm.classes_.size == 2 else -1.0
    return sign * weights, sign * intercepts


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
        weights: as `coefficients` returns them, shape (n_pairs, n_features)
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
    """Return what multiplies C, by row: `LinearSVC` would balance each pair by itself, `SVC` balances over all rows."""
    from sklearn.utils.class_weight import compute_sample_weight

    balanced: Vector = compute_sample_weight(class_weight, labels)
    row_weights: Vector = balanced if weights is None else balanced * weights
    # liblinear drops rows of weight 0 and would fit a plane to the only class left
    if missing := sorted(set(labels.tolist()) - set(labels[row_weights > 0].tolist())):
        raise ValueError(f"expected rows with a weight above 0 in every class, found none in {missing}")
    return row_weights


def _fit_liblinear(machine: Any, features: Matrix, labels: NDArray[Any], weights: Vector) -> Any:
    from sklearn import config_context
    from sklearn.multiclass import OneVsOneClassifier

    # without metadata routing, OneVsOneClassifier does not pass weights on
    with config_context(enable_metadata_routing=True):
        pairs = OneVsOneClassifier(machine.set_fit_request(sample_weight=True))
        return pairs.fit(features, labels, sample_weight=weights)


def _planes(svm: Any) -> tuple[Matrix, Vector]:
    """Return weights, shape (n_pairs, n_features), and intercepts, shape (n_pairs,); above 0 for the second class."""
    machines = svm.estimators_
    return np.vstack([machine.coef_ for machine in machines]), np.concatenate([one.intercept_ for one in machines])
