"""The grid over C with scikit-learn's SVC, put together as its user guide does: all inside the folds."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.side import Ready

_WARM_UP_ROWS = 200


def grid(*, examples: str, n_rows: int, c_grid: list[float], folds: int, neighbours: int, seed: int) -> Ready:
    """Choose C by macro F1 over grouped folds, fit, and predict the held-out rows.

    Args:
        examples: a .npz of features, labels, groups, and held-out features
        n_rows: how many of its rows to learn from
        c_grid: the candidates
        folds: how many, grouped and stratified
        neighbours: of SMOTE
        seed: of folds and SMOTE
    """
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import Pipeline
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    given = np.load(examples)
    features, labels, groups = (given[name][:n_rows] for name in ("features", "labels", "groups"))

    def search(n: int = n_rows) -> Any:
        steps = [
            ("scale", StandardScaler()),
            ("balance", SMOTE(k_neighbors=neighbours, random_state=seed)),
            ("svm", SVC(kernel="linear")),
        ]
        cut = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        found = GridSearchCV(Pipeline(steps), {"svm__C": c_grid}, scoring="f1_macro", cv=cut)
        return found.fit(features[:n], labels[:n], groups=groups[:n])

    def told(found: Any) -> dict[str, Any]:
        predicted = found.predict(given["held_out"])
        return {"c": float(found.best_params_["svm__C"]), "predicted": [str(one) for one in predicted]}

    return Ready(timed=search, warm_up=lambda: search(min(n_rows, _WARM_UP_ROWS)), told=told)
