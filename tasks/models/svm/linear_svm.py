"""The linear support vector machine of several classes, one against one, over few rows and over many.

Over few rows libsvm fits it, over many `tasks.models.svm.hinge_solver` solves the same problems. Both decide
alike: each pair of classes votes, of equal votes the first class in the alphabet wins, and the values per class are
scikit-learn's.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.models.svm import hinge_solver

Matrix = NDArray[np.float64]

MANY_ROWS = 700
_ROWS_PER_FEATURE = 5
"""From so many training rows on, and so many for each feature, `LinearSvm` is the faster of the two over a grid of C.

Measured on one core, three overlapping classes, 136 features: 957 balanced rows for C of 0.001, 0.01, 0.1 and 1 take
libsvm 0.04, 0.03, 0.05 and 0.28 s, interior points 0.05 s each; 1,788 rows 0.13, 0.12, 0.22 and 1.3 s against 0.09 to
0.11 s. With 384 features both take the same time at about 2,000 rows (0.5 s), with 768 at 4,000 at most (6 s). Below,
results stay those of libsvm to the last bit.
"""
_OPSET, _ONNX_IR = 18, 8


def machine(shape: tuple[int, ...], c: float, class_weight: str | None = None) -> Any:
    """Return the unfitted linear SVM for so much data: scikit-learn's `SVC` (libsvm), or `LinearSvm`.

    Args:
        shape: of the features that it will be fitted to, after balancing: (n_rows, n_features)
        c: the penalty C
        class_weight: `balanced`: classes weigh alike
    """
    from sklearn.svm import SVC

    n_rows, n_features = shape
    if n_rows >= MANY_ROWS and n_rows >= _ROWS_PER_FEATURE * n_features:
        return LinearSvm(c, class_weight)
    return SVC(kernel="linear", C=c, class_weight=class_weight)


class LinearSvm:
    """What `SVC(kernel="linear")` is, fitted in time that grows with the rows and not with their square.

    Attributes (after `fit`), as scikit-learn has them:
        classes_: sorted, shape (n_classes,)
        coef_: one row per pair of classes, shape (n_pairs, n_features): decisions above 0 are for the pair's first
            class; of two classes, for the second
        intercept_: shape (n_pairs,)
        n_features_in_: how many features it was fitted to

    Args:
        c: the penalty C
        class_weight: `balanced`: classes weigh alike
    """

    classes_: NDArray[Any]
    coef_: Matrix
    intercept_: NDArray[np.float64]
    n_features_in_: int

    def __init__(self, c: float, class_weight: str | None = None) -> None:
        self.c = c
        self.class_weight = class_weight

    def fit(self, X: Matrix, y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None) -> Self:
        """Fit to rows.

        Args:
            X: shape (n_rows, n_features)
            y: their classes, shape (n_rows,)
            sample_weight: multiplies a row's C; a row of weight 0 is as good as absent; shape (n_rows,)

        Raises:
            ValueError: if rows of fewer than two classes count
        """
        from sklearn.utils.class_weight import compute_class_weight

        self.classes_, codes = np.unique(y, return_inverse=True)
        weights = np.ones(len(codes)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        balance = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        bounds = self.c * weights * balance[codes]
        parts = [np.flatnonzero((codes == code) & (bounds > 0)) for code in range(self.classes_.size)]
        if len(parts) < 2 or not all(part.size for part in parts):
            raise ValueError(f"expected rows of two classes or more, each with a weight above 0; found {self.classes_}")
        features = np.asarray(X, dtype=np.float64)
        planes = [_plane(features, bounds, first, second) for first, second in combinations(parts, 2)]
        sign = -1.0 if len(parts) == 2 else 1.0
        self.coef_ = sign * np.array([plane.weights for plane in planes])
        self.intercept_ = sign * np.array([plane.bias for plane in planes])
        self.n_features_in_ = features.shape[1]
        return self

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the class with the most votes, shape (n_rows,)."""
        first, second = _sides(self.classes_.size)
        won = self._pairs(X) > 0
        return np.asarray(self.classes_[(won @ first + ~won @ second).argmax(axis=1)])

    def decision_function(self, X: Matrix) -> Matrix:
        """Return votes and, within ±1/3, the summed decisions of each class, shape (n_rows, n_classes).

        Of two classes: the decision for the second, shape (n_rows,).
        """
        pairs = self._pairs(X)
        if self.classes_.size == 2:
            return -pairs[:, 0]
        first, second = _sides(self.classes_.size)
        lost = pairs < 0
        sums = pairs @ (first - second)
        return np.asarray(~lost @ first + lost @ second + sums / (3 * (np.abs(sums) + 1)))

    def __sklearn_tags__(self) -> Any:
        # what BaseEstimator would say, without importing scikit-learn at import
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        target, classifier = TargetTags(required=True), ClassifierTags()
        return Tags("classifier", target, transformer_tags=None, classifier_tags=classifier, regressor_tags=None)

    def _pairs(self, X: Matrix) -> Matrix:
        """Return the decisions of all pairs, above 0 for the first class of each, shape (n_rows, n_pairs)."""
        decisions = np.asarray(X @ self.coef_.T + self.intercept_)
        return -decisions if self.classes_.size == 2 else decisions


def to_onnx(mean: NDArray[np.float64], scale: NDArray[np.float64], svm: LinearSvm, name: str) -> bytes:
    """Return standardisation and SVM as ONNX, the same bytes for the same model: weights, and no support vectors.

    Inputs and outputs are those that skl2onnx gives `StandardScaler` and `SVC`: `features`, float64, shape
    (n_rows, n_features); `label`, string, and `probabilities`, which are decision values, shape (n_rows, n_classes).

    Args:
        mean: what is subtracted from each feature, shape (n_features,)
        scale: what it is then divided by, shape (n_features,)
        svm: fitted to standardised features
        name: of the graph
    """
    from onnx import TensorProto, helper, numpy_helper

    steps, numbers = _steps(svm), {"mean": mean, "scale": scale, **_weights(svm)}
    read = {name for _, taken, _, _ in steps for name in taken}
    constants = [numpy_helper.from_array(value, key) for key, value in numbers.items() if key in read]
    constants.append(numpy_helper.from_array(svm.classes_.astype(object), "classes"))
    graph = helper.make_graph(
        [helper.make_node(kind, taken, [given], **options) for kind, taken, given, options in steps],
        name,
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, [None, svm.n_features_in_])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [None, svm.classes_.size]),
        ],
        constants,
    )
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=_ONNX_IR, producer_name="undertone")
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _weights(svm: LinearSvm) -> dict[str, NDArray[Any]]:
    """Return the graph's tensors of numbers: decisions of pairs are above 0 for the first class of each."""
    first, second = _sides(svm.classes_.size)
    sign = -1 if svm.classes_.size == 2 else 1
    return {
        "coefficients": np.ascontiguousarray(sign * svm.coef_.T),
        "intercepts": sign * svm.intercept_,
        "zero": np.array(0.0),
        "one": np.array(1.0),
        "three": np.array(3.0),
        "for_and_against": first - second,
        "against": second.sum(axis=0),
        "for": first.sum(axis=0),
    }


def _steps(svm: LinearSvm) -> list[tuple[str, list[str], str, dict[str, Any]]]:
    """Return the graph's nodes: operator, inputs, output, attributes.

    A pair at exactly 0 votes for its second class in the label, as in libsvm, and for its first one in the values, as
    in scikit-learn.
    """
    from onnx import TensorProto

    double = {"to": TensorProto.DOUBLE}
    decided: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Sub", ["features", "mean"], "centred", {}),
        ("Div", ["centred", "scale"], "standardised", {}),
        ("MatMul", ["standardised", "coefficients"], "products", {}),
        ("Add", ["products", "intercepts"], "pairs", {}),
        ("Greater", ["pairs", "zero"], "wins", {}),
        ("Cast", ["wins"], "won", double),
        ("MatMul", ["won", "for_and_against"], "balance_won", {}),
        ("Add", ["balance_won", "against"], "votes", {}),
        ("ArgMax", ["votes"], "winner", {"axis": 1, "keepdims": 0}),
        ("Gather", ["classes", "winner"], "label", {}),
    ]
    if svm.classes_.size == 2:
        return [*decided, ("MatMul", ["pairs", "for_and_against"], "probabilities", {})]
    return [
        *decided,
        ("MatMul", ["pairs", "for_and_against"], "sums", {}),
        ("Abs", ["sums"], "sizes", {}),
        ("Add", ["sizes", "one"], "sizes_and_one", {}),
        ("Mul", ["sizes_and_one", "three"], "divisors", {}),
        ("Div", ["sums", "divisors"], "thirds", {}),
        ("Less", ["pairs", "zero"], "losses", {}),
        ("Cast", ["losses"], "lost", double),
        ("MatMul", ["lost", "for_and_against"], "balance_lost", {}),
        ("Sub", ["for", "balance_lost"], "values", {}),
        ("Add", ["values", "thirds"], "probabilities", {}),
    ]


def _plane(features: Matrix, bounds: NDArray[np.float64], first: NDArray[np.intp], second: NDArray[np.intp]) -> Any:
    rows = np.concatenate([first, second])
    return hinge_solver.solve(features[rows], np.where(np.arange(rows.size) < first.size, 1.0, -1.0), bounds[rows])


def _sides(n_classes: int) -> tuple[Matrix, Matrix]:
    """Return, as 0 and 1, the first and the second class of each pair, shapes (n_pairs, n_classes)."""
    pairs = np.array(list(combinations(range(n_classes), 2)))
    return np.eye(n_classes)[pairs[:, 0]], np.eye(n_classes)[pairs[:, 1]]
