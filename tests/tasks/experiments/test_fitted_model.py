"""Scalers from a model's files, and what the process that collects an experiment's fits imports."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from tasks.experiments import fitted_model
from tasks.experiments.fitted_model import LoadedScaler

_COLLECTING = """
import sys
import numpy as np
from tasks.evaluation import splits
from tasks.evaluation.scores import Bootstrap
from tasks.experiments import fitted_model, result_files, scoring
from tasks.models import support_vectors
from tasks.stages import experiment, page, report

ids, classes = np.arange(40).astype(str), np.array(["a", "b"] * 20)
splits.group_k_fold(classes, ids, 3, 1)
run = scoring.Run(ids, classes, np.random.default_rng(1).normal(size=(40, 2)), ids, np.zeros(40, dtype=int))
scoring.roc([run], ("a", "b"))
scoring.of_classes([run], ("a", "b"), Bootstrap(50, 0.95, 3), per_fold=False)
print("sklearn" in sys.modules)
"""


def test_a_loaded_scaler_is_the_fitted_one_to_the_last_bit() -> None:
    rows = np.random.default_rng(1).normal(3.0, 7.0, (50, 6))
    rows[:, 2] = 1.5
    scaler = StandardScaler().fit(rows)
    assert np.array_equal(LoadedScaler(scaler.mean_, scaler.scale_).transform(rows), scaler.transform(rows))


@pytest.mark.parametrize("n_features", [1, 2, 16, 17, 33, 136])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_scaler_is_that_of_scikit_learn_to_the_last_bit(n_features: int, dtype: type[np.floating]) -> None:
    rows = np.random.default_rng(1).normal(3.0, 7.0, (1_000, n_features)).astype(dtype)
    rows[:, -1] = 1.5
    doubles = rows.astype(np.float64)
    expected, scaler = StandardScaler().fit(doubles), fitted_model._scaler().fit(rows)
    for name in ("mean_", "var_", "scale_"):
        assert np.array_equal(getattr(scaler, name), getattr(expected, name))
    assert np.array_equal(scaler.transform(rows), expected.transform(doubles))


def test_folds_and_scores_do_without_scikit_learn() -> None:
    # its import takes 0.8 s, for which the worker processes would wait
    done = subprocess.run([sys.executable, "-c", _COLLECTING], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
