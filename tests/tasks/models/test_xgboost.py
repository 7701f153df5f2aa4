"""XGBoost: the library's classifier with its defaults, kept without a pickle."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tasks.core.errors import InputError
from tasks.models.base.estimator import Inputs
from tasks.models.xgboost import Xgboost, XgboostSettings


def drawn(n_classes: int = 3, n: int = 120) -> tuple[Inputs, np.ndarray]:
    rng = np.random.default_rng(8)
    codes = rng.integers(0, n_classes, n)
    features = rng.standard_normal((n, 4)) + codes[:, None]
    return Inputs(np.full(n, "a"), {"f": features}), np.array([f"class-{code}" for code in codes])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_is_the_librarys_classifier_with_its_defaults(n_classes: int) -> None:
    xgboost = pytest.importorskip("xgboost")
    inputs, target = drawn(n_classes)
    fitted = Xgboost(XgboostSettings()).fit(inputs, target)
    theirs = xgboost.XGBClassifier(n_jobs=1).fit(inputs.matrix(), np.unique(target, return_inverse=True)[1])
    np.testing.assert_allclose(fitted.scores(inputs), theirs.predict_proba(inputs.matrix()), atol=1e-7)


def test_the_seed_draws_the_rows_of_each_tree() -> None:
    pytest.importorskip("xgboost")
    inputs, target = drawn()
    settings = XgboostSettings(n_estimators=5, subsample=0.5)
    first, same, other = (Xgboost(settings, seed).fit(inputs, target).files() for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_files_are_ubjson_and_json() -> None:
    pytest.importorskip("xgboost")
    inputs, target = drawn()
    files = Xgboost(XgboostSettings(n_estimators=2)).fit(inputs, target).files()
    assert set(files) == {"trees.ubj", "model.json"}
    assert files["trees.ubj"].startswith(b"{")


def test_missing_features_are_missing_not_wrong() -> None:
    pytest.importorskip("xgboost")
    inputs, target = drawn()
    holes = inputs.vectors["f"].copy()
    holes[::3, 0] = np.nan
    fitted = Xgboost(XgboostSettings(n_estimators=5)).fit(Inputs(inputs.units, {"f": holes}), target)
    assert np.isfinite(fitted.scores(inputs)).all()
    with pytest.raises(ValueError, match=r"expected features of shape \(n_rows, 4\), found \(120, 3\)"):
        fitted.scores(Inputs(inputs.units, {"f": holes[:, 1:]}))


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(InputError, match=r"make env EXTRAS=deep,dev"):
        Xgboost(XgboostSettings()).fit(*drawn())


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_estimators", 0), ("max_depth", 0), ("learning_rate", 1.5), ("subsample", 0.0), ("reg_lambda", -1.0)],
)
def test_impossible_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        XgboostSettings(**{name: value})
