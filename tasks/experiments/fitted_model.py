"""Training on one split's training part: scaling, balancing, the model; and the result as files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.column_blocks import column_blocks
from tasks.core.errors import LeakError
from tasks.evaluation.protocols import Split
from tasks.experiments.plan import Plan
from tasks.leaks.fitted import check as check_fitted
from tasks.models.base.estimator import Development, Inputs, Model, Scores, TrainingPart, Weights


@dataclass(frozen=True)
class LoadedScaler:
    """A scaler from a model's files: `StandardScaler.transform` to the last bit, without importing scikit-learn.

    Args:
        mean_: of each feature, shape (n_features,)
        scale_: its standard deviation, or 1, shape (n_features,)
    """

    mean_: NDArray[np.float64]
    scale_: NDArray[np.float64]

    def transform(self, block: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return standardised rows, shape (n_rows, n_features).

        Args:
            block: rows, shape (n_rows, n_features)
        """
        return _standardised(block, self.mean_, self.scale_)


@dataclass(frozen=True)
class Fitted:
    """A trained model with the scaler of every block of vectors.

    Args:
        scalers: block → fitted `StandardScaler`, or `LoadedScaler`
        estimator: the fitted model
    """

    scalers: Mapping[str, Any]
    estimator: Any

    def scores(self, inputs: Inputs) -> Scores:
        """Return one score per output, shape (n_rows, n_outputs).

        Args:
            inputs: rows, not scaled
        """
        scores: Scores = self.estimator.scores(_scaled(inputs, self.scalers))
        return scores

    def attended(self, inputs: Inputs) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return the blocks and each row's shares of attention, of a model that has them, shape (n_rows, n_blocks).

        Args:
            inputs: rows, not scaled
        """
        shares: tuple[tuple[str, ...], NDArray[np.float64]] = self.estimator.attended(_scaled(inputs, self.scalers))
        return shares

    def files(self) -> dict[str, bytes]:
        """Return the model and the scalers as files: name → content."""
        from safetensors.numpy import save

        files = {f"model/{name}": content for name, content in self.estimator.files().items()}
        for name, scaler in self.scalers.items():
            files[f"scale/{name}.safetensors"] = save({"mean": scaler.mean_, "scale": scaler.scale_})
        if self.scalers:
            # models that can be exported take vectors only: the matrix has the blocks in this order
            mean, scale = (
                np.concatenate([getattr(scaler, name) for scaler in self.scalers.values()])
                for name in ("mean_", "scale_")
            )
            if graph := self.estimator.to_onnx(mean, scale):
                files["model.onnx"] = graph
        return files


def train(
    plan: Plan,
    inputs: Inputs,
    target: NDArray[Any],
    split: Split,
    *,
    weights: Weights,
    point: int,
    seed: int,
    folder: Path | None = None,
) -> Fitted:
    """Scale, balance and train on a split's training part alone.

    Args:
        plan: the recipe
        inputs: all rows
        target: of all rows, shape (n_rows,), or (n_rows, n_outputs) for labels and several values
        split: its training part is used; its development part is shown to a model that is trained in epochs
        weights: of all rows' labels, shape (n_rows,); None: they count alike
        point: index of the point of the grid
        seed: random seed
        folder: for training in epochs: where its checkpoints are kept until it ends
    """
    training, labels = inputs.rows(split.train), target[split.train]
    scalers = _scalers(plan, training)
    training = _scaled(training, scalers)
    weights = plan.balance.weights(labels, None if weights is None else weights[split.train])
    if plan.balance.way == "choice of rows":
        chosen = plan.balance.rows(labels, seed)
        training, labels = training.rows(chosen), labels[chosen]
        weights = None if weights is None else weights[chosen]
    elif plan.balance.way == "new rows":
        matrix, labels, weights = plan.balance.resampled(training.matrix(), labels, weights, seed)
        training = _with_new_rows(training, matrix)
    estimator: Any = plan.model.make(plan.settings(point), seed)
    if plan.recipe.branches_see == "everything":
        estimator.beyond = TrainingPart(_scaled(inputs, scalers), target, None)
    development = None
    if plan.model.in_epochs and split.development.size:
        development = Development(_scaled(inputs.rows(split.development), scalers), target[split.development])
    fitted = estimator.fit(training, labels, weights=weights, development=development, folder=folder, task=plan.task)
    if folder is not None:
        _remove_empty_folders(folder)
    return Fitted(scalers, fitted)


def load(plan: Plan, files: Mapping[str, bytes], point: int = 0) -> Fitted:
    """Return a model from its files, as `Fitted.files` returned them.

    Args:
        plan: the recipe
        files: name → content
        point: index of the point of the grid that the model was fitted with
    """
    return restore(plan.model, plan.settings(point), files)


def restore(model: Model, settings: Any, files: Mapping[str, bytes]) -> Fitted:
    """Return a model from its files, without its recipe.

    Args:
        model: its family
        settings: that it was fitted with
        files: name → content, as `Fitted.files` returned them; others are ignored
    """
    from safetensors.numpy import load as load_arrays

    scalers = {}
    for name, content in files.items():
        if name.startswith("scale/"):
            arrays = load_arrays(content)
            scalers[name.removeprefix("scale/").removesuffix(".safetensors")] = LoadedScaler(
                arrays["mean"], arrays["scale"]
            )
    inner = {name.removeprefix("model/"): content for name, content in files.items() if name.startswith("model/")}
    return Fitted(scalers, model.load(settings, inner))


def demand_fitted_inside(fitted: Fitted, inputs: Inputs, target: NDArray[Any], split: Split, where: str) -> None:
    """Check that the fitted scalers saw the training part only.

    Args:
        fitted: the trained model
        inputs: all rows
        target: of all rows
        split: its training part is what the scalers may have seen
        where: the fit's id, for the message

    Raises:
        LeakError: if a scaler differs from one that is fitted on the training part
    """
    classes = target.astype(str) if target.ndim == 1 else np.zeros(len(target), dtype=str)
    for name, scaler in fitted.scalers.items():
        block = inputs.vectors[name]
        training = (block[split.train], classes[split.train])
        finding = check_fitted([(name, scaler)], training, (block, classes))
        if finding.n:
            raise LeakError(f"{where}: {finding.what}: {', '.join(finding.examples)}")


def _scalers(plan: Plan, training: Inputs) -> dict[str, Any]:
    if plan.recipe.scale == "none":
        return {}
    return {name: _scaler().fit(block) for name, block in training.vectors.items()}


def _scaler() -> Any:
    """Return a `StandardScaler` that is fitted to few features at a time: scikit-learn copies its input three times."""
    from sklearn.preprocessing import StandardScaler

    class ByFeatures(StandardScaler):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self, X: NDArray[np.floating], y: Any = None, sample_weight: Any = None) -> Any:
            parts = [StandardScaler().fit(np.asarray(block, dtype=np.float64)) for block in column_blocks(X)]
            for name in ("mean_", "var_", "scale_"):
                setattr(self, name, np.concatenate([getattr(part, name) for part in parts]))
            self.n_features_in_, self.n_samples_seen_ = X.shape[1], parts[0].n_samples_seen_
            return self

        def transform(self, X: NDArray[np.floating], copy: bool | None = None) -> NDArray[np.float64]:
            return _standardised(X, self.mean_, self.scale_)

    return ByFeatures()


def _standardised(
    block: NDArray[np.floating], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    rows: NDArray[np.float64] = np.subtract(block, mean, dtype=np.float64)
    rows /= scale
    return rows


def _scaled(inputs: Inputs, scalers: Mapping[str, Any]) -> Inputs:
    if not scalers:
        return inputs
    vectors = {
        name: scalers[name].transform(block) if name in scalers else block for name, block in inputs.vectors.items()
    }
    return replace(inputs, vectors=vectors)


def _with_new_rows(training: Inputs, matrix: NDArray[np.float64]) -> Inputs:
    ends = np.cumsum([block.shape[1] for block in training.vectors.values()])[:-1]
    blocks = dict(zip(training.vectors, np.split(matrix, ends, axis=1), strict=True))
    # an interpolated row belongs to no unit; the plan refuses this balancing for models that read units
    return Inputs(np.full(len(matrix), "", dtype=str), blocks)


def _remove_empty_folders(folder: Path) -> None:
    """Remove folders that training left empty; logs stay."""
    for path in (*sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True), folder):
        with suppress(OSError):
            path.rmdir()
