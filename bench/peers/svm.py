"""Grid over C with scikit-learn's SVC, with all preprocessing inside the folds, as in its user guide."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.side import Prepared

_WARM_UP_ROWS = 200


def grid(*, examples: str, n_rows: int, c_grid: list[float], folds: int, neighbours: int, seed: int) -> Prepared:
    """Prepare the choice of C by macro F1 over grouped folds, the fit and the predictions for held-out rows.

    Args:
        examples: .npz file of features, labels, groups and held-out features
        n_rows: number of training rows to use
        c_grid: candidates
        folds: number of folds, grouped and stratified
        neighbours: neighbours in SMOTE
        seed: random seed of folds and SMOTE
    """
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import Pipeline
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    arrays = np.load(examples)
    features, labels, groups = (arrays[name][:n_rows] for name in ("features", "labels", "groups"))

    def search(n: int = n_rows) -> Any:
        steps = [
            ("scale", StandardScaler()),
            ("balance", SMOTE(k_neighbors=neighbours, random_state=seed)),
            ("svm", SVC(kernel="linear")),
        ]
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        grid_search = GridSearchCV(Pipeline(steps), {"svm__C": c_grid}, scoring="f1_macro", cv=splitter)
        return grid_search.fit(features[:n], labels[:n], groups=groups[:n])

    def summary(fitted: Any) -> dict[str, Any]:
        predicted = fitted.predict(arrays["held_out"])
        return {"c": float(fitted.best_params_["svm__C"]), "predicted": [str(label) for label in predicted]}

    return Prepared(timed=search, warm_up=lambda: search(min(n_rows, _WARM_UP_ROWS)), summary=summary)
