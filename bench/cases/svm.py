"""Linear SVM with a grid over C, compared with the same grid with scikit-learn's SVC."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from bench.measurements import Bound, Measurement, MedianRange, OutputComparison
from bench.runner import OURS, Bench, Pairs, seconds, speedup
from bench.side import Prepared, RunSpec
from tasks.core import paths
from tasks.core.config import Tuning, load
from tasks.evaluation.protocols import Split
from tasks.experiments.plan import Plan, plan
from tasks.models.base.estimator import Inputs

C_GRID, FOLDS, NEIGHBOURS, SEED = (0.001, 0.01, 0.1, 1.0), 3, 5, 7
TARGET, MOST_POINTS = 30.0, 0.5
N_FEATURES, N_FACTORS, PER_VIDEO = 136, 20, 40
SHARES = (0.6, 0.25, 0.15)
CLASSES = ("neutral", "positive", "negative")
_APART, _VIDEOS_VARY, _NOISE = 0.35, 0.5, 0.7
"""Chosen such that a linear classifier has a macro F1 of about 0.66, as for sentiment in speech."""
_WARM_UP_ROWS = 200
_PEER = "scikit-learn SVC"


def measure(bench: Bench) -> list[Measurement]:
    """Compare at a size feasible for SVC, and at five times as many rows with SVC's time extrapolated."""
    n_small, n_large = bench.size(4_000, 400), bench.size(20_000, 2_000)
    examples = _examples(bench.folder / "svm.npz", n_large)
    mine, theirs, large = bench.run_in_turn(
        _ours(examples, n_small), _theirs(examples, n_small), _ours(examples, n_large)
    )
    small, fewer = Pairs(mine, theirs), (n_small // 4, n_small // 2)
    peers = {n: list(seconds(bench.repeat(_theirs(examples, n)))) for n in fewer}
    peers[n_small] = list(seconds(small.theirs))
    exponent = growth_exponent({n: MedianRange.of(values).median for n, values in peers.items()})
    factor = (n_large / n_small) ** exponent
    extrapolated = tuple(other.seconds * factor for other in small.theirs)
    note = (
        f"SVC was not run on {n_large:,} rows: its time at {n_small:,} rows was multiplied by {factor:.0f}, since it "
        f"grows with the {exponent:.2f}th power of the rows (medians: {_listed(peers)})"
    )
    agreement = _agreement(small, examples)
    what = "rows × 136 features, 3 classes, 4 C × 3 folds by video, SMOTE, 1 core"
    return [
        speedup("svm", f"{n_small:,} {what}", small, peer=_PEER, target=None, agreement=agreement),
        Measurement(
            "svm extrapolated",
            f"{n_large:,} {what}",
            "times faster",
            tuple(other / mine.seconds for mine, other in zip(large, extrapolated, strict=True)),
            Bound(TARGET),
            {OURS: seconds(large), f"{_PEER}, extrapolated": extrapolated},
            agreement,
            note,
        ),
    ]


def ours(examples: str, n_rows: int) -> Prepared:
    """Prepare our side: the search for C over grouped folds and the fit, as experiments do them.

    Args:
        examples: .npz file as from `synthetic`
        n_rows: number of training rows to use
    """
    from tasks.evaluation.splits import group_k_fold
    from tasks.experiments import fitted_model, scoring
    from tasks.experiments.fitted_model import Fitted

    arrays, recipe = np.load(examples), _recipe()
    features, labels, groups = (arrays[name][:n_rows] for name in ("features", "labels", "groups"))
    classes = np.unique(labels).tolist()

    def search(n: int = n_rows) -> tuple[float, Fitted]:
        inputs, target = _inputs(features[:n]), labels[:n]
        folds = group_k_fold(target, groups[:n], FOLDS, SEED)

        def fit(rows: Any, point: int) -> Fitted:
            split = Split("", rows, np.empty(0, dtype=np.int64))
            return fitted_model.train(recipe, inputs, target, split, weights=None, point=point, seed=SEED)

        def judged(point: int) -> float:
            scores = [fit(fold.train, point).scores(inputs.rows(fold.test)) for fold in folds]
            actual = np.concatenate([target[fold.test] for fold in folds])
            return scoring.judged(actual, np.concatenate(scores), classes, "macro_f1")

        best = max(range(len(C_GRID)), key=judged)
        return C_GRID[best], fit(np.arange(n), best)

    def summary(output: tuple[float, Fitted]) -> dict[str, Any]:
        c, fitted = output
        return {"c": c, "predicted": scoring.predicted(fitted.scores(_inputs(arrays["held_out"])), classes).tolist()}

    return Prepared(timed=search, warm_up=lambda: search(min(n_rows, _WARM_UP_ROWS)), summary=summary)


def _inputs(features: Any) -> Inputs:
    return Inputs(np.full(len(features), ""), {"features": features})


def _recipe() -> Plan:
    """Return the recipe of interviews that params.yaml ships, with our grid."""
    config = load(Path(__file__).parents[2] / paths.PARAMS)
    entry = config.experiments[config.report.experiment]
    tune = Tuning(grid={"c": list(C_GRID)}, folds=FOLDS, by="macro_f1")
    entry = entry.model_copy(update={"tune": tune, "balance": f"smote({NEIGHBOURS})"})
    return plan("svm", config.model_copy(update={"experiments": {"svm": entry}}))


def growth_exponent(times_s: dict[int, float]) -> float:
    """Return the exponent of the growth of time with rows: the least-squares slope of the logarithms.

    Args:
        times_s: number of rows → seconds
    """
    logs = [(math.log(n), math.log(time_s)) for n, time_s in times_s.items()]
    log_sizes, log_times = (np.array(column) for column in zip(*logs, strict=True))
    return float(np.polyfit(log_sizes, log_times, 1)[0])


def synthetic(n_rows: int, seed: int) -> dict[str, Any]:
    """Return synthetic segments: correlated features, unbalanced and overlapping classes, similar rows within a video.

    Args:
        n_rows: number of training rows; a fifth as many, from other videos, are held out
        seed: random seed
    """
    rng = np.random.default_rng(seed)
    total = n_rows + n_rows // 5
    mixing = rng.standard_normal((N_FACTORS, N_FEATURES)) / math.sqrt(N_FACTORS)
    centres = rng.standard_normal((len(CLASSES), N_FACTORS)) * _APART
    labels = rng.choice(len(CLASSES), size=total, p=SHARES)
    groups = np.arange(total) // PER_VIDEO
    videos = rng.standard_normal((groups[-1] + 1, N_FACTORS)) * _VIDEOS_VARY
    factors = centres[labels] + videos[groups] + rng.standard_normal((total, N_FACTORS))
    features = factors @ mixing + _NOISE * rng.standard_normal((total, N_FEATURES))
    names = np.array(CLASSES)[labels]
    return {
        "features": features[:n_rows],
        "labels": names[:n_rows],
        "groups": np.array([f"video-{k:04d}" for k in groups[:n_rows]]),
        "held_out": features[n_rows:],
        "truth": names[n_rows:],
    }


def _listed(times_s: dict[int, list[float]]) -> str:
    return ", ".join(f"{n:,} rows {MedianRange.of(values).median:.3g} s" for n, values in sorted(times_s.items()))


def _examples(path: Path, n_rows: int) -> str:
    np.savez(path, **synthetic(n_rows, SEED))
    return str(path)


def _ours(examples: str, n_rows: int) -> RunSpec:
    return RunSpec(OURS, "bench.cases.svm:ours", {"examples": examples, "n_rows": n_rows})


def _theirs(examples: str, n_rows: int) -> RunSpec:
    inputs = {"examples": examples, "n_rows": n_rows, "c_grid": C_GRID, "folds": FOLDS, "neighbours": NEIGHBOURS}
    return RunSpec(_PEER, "bench.peers.svm:grid", {**inputs, "seed": SEED}, environment="peers")


def _agreement(pairs: Pairs, examples: str) -> OutputComparison:
    from sklearn.metrics import f1_score

    truth, (mine, theirs) = np.load(examples)["truth"], (pairs.ours[-1].summary, pairs.theirs[-1].summary)
    scores = [100 * float(f1_score(truth, np.array(side["predicted"]), average="macro")) for side in (mine, theirs)]
    points = abs(scores[0] - scores[1])
    text = (
        f"macro F1 on {truth.size:,} held-out rows {scores[0]:.2f} against {scores[1]:.2f} "
        f"(at most {MOST_POINTS} apart), C = {mine['c']:g} against {theirs['c']:g}"
    )
    return OutputComparison(points <= MOST_POINTS, text)
