"""One fit: scale and balance by the training part, train, and score what was held out. The work items of a recipe."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import paths, tables
from tasks.core.config import Section
from tasks.core.errors import LeakError, NotEnoughData
from tasks.core.results import Result
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Protocol, Split
from tasks.experiments import data as rows_of
from tasks.experiments import modalities, scoring
from tasks.experiments.data import Data
from tasks.experiments.plan import Plan
from tasks.leaks.fitted import check as check_fitted
from tasks.models.base.estimator import Development, Inputs, Scores, TrainingPart

FINAL = -1
"""The fold that trains on every row, to keep the model."""
RECIPE, SHUFFLED, ONLY = "recipe", "shuffled", "only"
TUNED_THRESHOLD = "tuned"

FITTED = pa.schema(
    [
        ("ids", pa.list_(pa.string())),
        ("outputs", pa.list_(pa.string())),
        ("scores", pa.list_(pa.list_(pa.float64()))),
        ("n_train", pa.int64()),
        ("curves", pa.string()),
        ("notes", pa.list_(pa.string())),
        ("files", pa.map_(pa.string(), pa.binary())),
        ("probes", pa.map_(pa.string(), pa.list_(pa.list_(pa.float64())))),
        ("seconds", pa.float64()),
        ("peak_mb", pa.float64()),
    ]
)
TUNED = pa.schema([("score", pa.float64())])


@dataclass(frozen=True)
class Fit:
    """A fold, a seed, a point of the grid: what is trained, and what is told of it.

    Args:
        plan: the recipe, looked up
        data: digest of the rows
        code: stands for the code of the model
        variant: the recipe itself; its labels shuffled; or `only`: a part of its features, named in `features`
        number: which of several shuffles
        keep: whether the fitted model is kept
    """

    plan: Plan = field(repr=False, compare=False)
    data: str
    code: str
    fold: int
    seed: int
    point: int = 0
    variant: str = RECIPE
    number: int = 0
    features: tuple[str, ...] = ()
    keep: bool = False

    @property
    def id(self) -> str:
        """A readable name."""
        where = "all rows" if self.fold == FINAL else f"fold {self.fold + 1}"
        what = {
            RECIPE: "",
            SHUFFLED: f", labels shuffled ({self.number + 1})",
            ONLY: f", {'+'.join(self.features)} only",
        }
        point = f", point {self.point + 1} of {len(self.plan.points)}" if len(self.plan.points) > 1 else ""
        return f"{self.plan.name}, {where}, seed {self.seed}{point}{what[self.variant]}"

    @property
    def content(self) -> str:
        """The rows, the cut through them, and all of the recipe that decides a fit."""
        recipe = self.plan.recipe
        decides = recipe.model_dump(include={"target", "protocol", "scale", "balance", "threshold", "branches_see"})
        decides |= {"model": self.plan.model.name, "settings": dict(self.plan.points[self.point])}
        decides |= {"folds": recipe.tune.folds, "by": recipe.tune.by} if recipe.tune else {}
        which = [self.fold, self.seed, self.variant, self.number, list(self.features), self.keep]
        return json.dumps([decides, self.data, self.code, which], sort_keys=True)


@dataclass(frozen=True)
class Fitted:
    """A trained model with what its inputs go through first: the scaling of every block of vectors."""

    scalers: Mapping[str, Any]
    estimator: Any

    def scores(self, inputs: Inputs) -> Scores:
        """Return one score per output, shape (n_rows, n_outputs)."""
        found: Scores = self.estimator.scores(_scaled(inputs, self.scalers))
        return found

    def attended(self, inputs: Inputs) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return the blocks and each row's shares of attention, of a model that has them, shape (n_rows, n_blocks)."""
        found: tuple[tuple[str, ...], NDArray[np.float64]] = self.estimator.attended(_scaled(inputs, self.scalers))
        return found

    def files(self) -> dict[str, bytes]:
        """Return the model and the scaling as files."""
        from safetensors.numpy import save

        found = {f"model/{name}": content for name, content in self.estimator.files().items()}
        for name, scaler in self.scalers.items():
            found[f"scale/{name}.safetensors"] = save({"mean": scaler.mean_, "scale": scaler.scale_})
        return found


def fit_one(item: Fit, _: Section) -> Result:
    """Train on one fold's training part, and score its test part."""
    started = time.perf_counter()
    data = rows_of.load(item.plan)
    split = split_of(item, data)
    labels = _labels(item, data, split)
    inputs = data.inputs.only(item.features) if item.features else data.inputs
    fitted = train(item.plan, inputs, labels, split, point=item.point, seed=item.seed, folder=_folder(item))
    _demand_fitted_inside(fitted, inputs, labels, split, item.id)
    scores = fitted.scores(inputs.rows(split.test)) if split.test.size else np.empty((0, 0))
    notes = list(getattr(fitted.estimator, "notes_", ()))
    if item.plan.task == "labels" and split.test.size:
        thresholds = _thresholds(item.plan, fitted, inputs, labels, split)
        scores = scoring.stretched(scores, thresholds)
        if item.plan.recipe.threshold == TUNED_THRESHOLD:
            notes.append(f"{split.name}: thresholds of the labels: {', '.join(f'{one:.2f}' for one in thresholds)}")
    found = {
        "ids": data.ids[split.test].tolist(),
        "outputs": list(fitted.estimator.outputs_),
        "scores": scores.tolist(),
        "n_train": split.train.size,
        "curves": json.dumps(fitted.estimator.curves_),
        "notes": notes,
        "files": list(fitted.files().items()) if item.keep else [],
        "probes": _probed(item, fitted, data, split),
        "seconds": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    return Result(tables.from_rows([found], FITTED))


def _probed(item: Fit, fitted: Fitted, data: Data, split: Split) -> list[tuple[str, list[list[float]]]]:
    """Return the test part's scores with one modality changed, by `MODALITY|HOW`; none for baselines."""
    plan = item.plan
    there = modalities.there(plan.modalities, data.lacking, data.ids.size)
    if item.variant != RECIPE or len(there) < 2 or plan.task != "classes" or not split.test.size:
        return []
    tested = data.inputs.rows(split.test)
    return [
        (f"{one.modality}|{one.how}", fitted.scores(one.inputs).tolist())
        for one in modalities.changed(there, tested, item.seed, lacking=plan.model.lacking)
    ]


def tune_one(item: Fit, _: Section) -> Result:
    """Judge one point of the grid inside one fold's training part."""
    data = rows_of.load(item.plan)
    split = split_of(item, data)
    tune = item.plan.recipe.tune
    assert tune is not None
    inputs = data.inputs.only(item.features) if item.features else data.inputs
    expected, found = [], []
    for inner in _inner(item, data, split, tune.folds):
        fitted = train(
            item.plan,
            inputs,
            data.target,
            inner,
            point=item.point,
            seed=item.seed,
            folder=_folder(item, inner.name),
        )
        found.append(scoring.aligned(fitted.scores(inputs.rows(inner.test)), fitted.estimator.outputs_, data.outputs))
        expected.append(data.target[inner.test])
    score = scoring.judged(np.concatenate(expected), np.concatenate(found), data.outputs, tune.by)
    return Result(tables.from_rows([{"score": score}], TUNED))


def folds(plan: Plan, data: Data, seed: int) -> tuple[Split, ...]:
    """Cut the rows as the protocol says; corpora that are only learned from are in every training part."""
    return tuple(_with_extra(plan, data, one) for one in _folds(plan, data, seed))


def split_of(item: Fit, data: Data) -> Split:
    """Return the item's rows; models that are trained in epochs get development rows."""
    plan = item.plan
    final = item.fold == FINAL
    everything = Split("all rows", np.arange(data.ids.size), np.empty(0, dtype=np.int64))
    split = everything if final else _folds(plan, data, item.seed)[item.fold]
    if _shows_development(plan):
        split = protocols.with_development(split, plan.protocol, data.columns, data.strata, item.seed)
    return split if final else _with_extra(plan, data, split)


def _folds(plan: Plan, data: Data, seed: int) -> tuple[Split, ...]:
    """Cut the rows that are tested as the protocol says."""
    if not plan.recipe.only_in_training:
        return plan.protocol.folds(data.columns, data.strata, seed)
    tested = np.flatnonzero(~_extra(plan, data))
    columns = {name: column[tested] for name, column in data.columns.items()}
    found = plan.protocol.folds(columns, data.strata[tested], seed)
    return tuple(Split(one.name, tested[one.train], tested[one.test], tested[one.development]) for one in found)


def _extra(plan: Plan, data: Data) -> NDArray[np.bool_]:
    return np.isin(data.columns["corpus"], list(plan.recipe.only_in_training))


def _with_extra(plan: Plan, data: Data, split: Split) -> Split:
    if not plan.recipe.only_in_training:
        return split
    return replace(split, train=np.union1d(split.train, np.flatnonzero(_extra(plan, data))))


def _shows_development(plan: Plan) -> bool:
    """Whether rows are held out of the training part, to stop at, to choose by or to set thresholds by."""
    recipe = plan.recipe
    chosen = recipe.tune is not None and recipe.tune.folds == 0
    return plan.model.in_epochs or chosen or recipe.threshold == TUNED_THRESHOLD


def train(
    plan: Plan, inputs: Inputs, target: NDArray[Any], split: Split, *, point: int, seed: int, folder: Path | None = None
) -> Fitted:
    """Scale, balance and train on a split's training part alone.

    Args:
        plan: the recipe
        inputs: all rows
        target: of all rows
        split: whose training part is used, and whose development part is shown to a model that is trained in epochs
        point: of the grid
        seed: of everything that chance decides
        folder: where training in epochs may leave what it needs to go on after a kill
    """
    inside, labels = inputs.rows(split.train), target[split.train]
    scalers = _scalers(plan, inside)
    inside = _scaled(inside, scalers)
    weights = plan.balance.weights(labels)
    if plan.balance.way == "choice of rows":
        chosen = plan.balance.rows(labels, seed)
        inside, labels = inside.rows(chosen), labels[chosen]
    elif plan.balance.way == "new rows":
        inside, labels = _with_new_rows(plan, inside, labels, seed)
    estimator: Any = plan.model.make(plan.settings(point), seed)
    if plan.recipe.branches_see == "everything":
        estimator.beyond = TrainingPart(_scaled(inputs, scalers), target, None)
    development = None
    if plan.model.in_epochs and split.development.size:
        development = Development(_scaled(inputs.rows(split.development), scalers), target[split.development])
    fitted = estimator.fit(inside, labels, weights=weights, development=development, folder=folder)
    if folder is not None:
        _sweep(folder)
    return Fitted(scalers, fitted)


def loaded(plan: Plan, files: Mapping[str, bytes], point: int = 0) -> Fitted:
    """Return a model from its files, as `Fitted.files` has written them."""
    from safetensors.numpy import load
    from sklearn.preprocessing import StandardScaler

    scalers = {}
    for name, content in files.items():
        if name.startswith("scale/"):
            scaler, arrays = StandardScaler(), load(content)
            scaler.mean_, scaler.scale_ = arrays["mean"], arrays["scale"]
            scaler.n_features_in_ = arrays["mean"].size
            scalers[name.removeprefix("scale/").removesuffix(".safetensors")] = scaler
    inner = {name.removeprefix("model/"): content for name, content in files.items() if name.startswith("model/")}
    return Fitted(scalers, plan.model.load(plan.settings(point), inner))


def _thresholds(plan: Plan, fitted: Fitted, inputs: Inputs, target: NDArray[Any], split: Split) -> NDArray[np.float64]:
    """Return from which score on each label is said to be there, shape (n_labels,)."""
    asked = plan.recipe.threshold
    if asked != TUNED_THRESHOLD:
        return np.full(target.shape[1], float(asked))
    return scoring.best_thresholds(target[split.development], fitted.scores(inputs.rows(split.development)))


def _labels(item: Fit, data: Data, split: Split) -> NDArray[Any]:
    """Return the rows' target; shuffled, within the training and within the development part, for that baseline."""
    if item.variant != SHUFFLED:
        return data.target
    shuffled, rng = data.target.copy(), np.random.default_rng([item.seed, item.number])
    for part in (split.train, split.development):
        shuffled[part] = shuffled[rng.permutation(part)]
    return shuffled


def _inner(item: Fit, data: Data, split: Split, n_folds: int) -> Sequence[Split]:
    """Return cuts inside a training part by the protocol's first unit; or its development part, for 0 folds."""
    if not n_folds:
        return [replace(split, test=split.development)]
    plan = item.plan
    part = split.train[~_extra(plan, data)[split.train]]
    columns = {name: column[part] for name, column in data.columns.items()}
    unit = plan.protocol.inner_unit
    kind = {"speaker": "speaker-out", "script": "script-out", "group": "group-k-fold", "": "random"}[unit]
    n_units = np.unique(columns[unit or "utterance_id"]).size
    if n_units < 2:
        raise NotEnoughData(f"{item.id}: a single {unit or 'row'} in training; there is nothing to tune on")
    rule = Protocol(kind, k=min(n_folds, n_units))
    found = []
    for one in rule.folds(columns, data.strata[part], item.seed):
        inner = Split(one.name, part[one.train], part[one.test])
        if plan.model.in_epochs:
            inner = protocols.with_development(inner, rule, data.columns, data.strata, item.seed)
        found.append(_with_extra(plan, data, inner))
    return found


def _scalers(plan: Plan, inside: Inputs) -> dict[str, Any]:
    if plan.recipe.scale == "none":
        return {}
    from sklearn.preprocessing import StandardScaler

    return {name: StandardScaler().fit(np.asarray(block, np.float64)) for name, block in inside.vectors.items()}


def _scaled(inputs: Inputs, scalers: Mapping[str, Any]) -> Inputs:
    if not scalers:
        return inputs
    vectors = {
        name: scalers[name].transform(np.asarray(block, dtype=np.float64)) if name in scalers else block
        for name, block in inputs.vectors.items()
    }
    return replace(inputs, vectors=vectors)


def _with_new_rows(plan: Plan, inside: Inputs, labels: NDArray[Any], seed: int) -> tuple[Inputs, NDArray[Any]]:
    matrix, made = plan.balance.sampler(labels, seed).fit_resample(inside.matrix(), labels)
    ends = np.cumsum([block.shape[1] for block in inside.vectors.values()])[:-1]
    blocks = dict(zip(inside.vectors, np.split(matrix, ends, axis=1), strict=True))
    # a row between two others is of no unit; models that look at units are not balanced this way
    return Inputs(np.full(len(matrix), "", dtype=str), blocks), made


def _demand_fitted_inside(fitted: Fitted, inputs: Inputs, target: NDArray[Any], split: Split, where: str) -> None:
    """Check, on the fitted scalers, that they saw the training part alone."""
    classes = target.astype(str) if target.ndim == 1 else np.zeros(len(target), dtype=str)
    for name, scaler in fitted.scalers.items():
        block = np.asarray(inputs.vectors[name], dtype=np.float64)
        inside = (block[split.train], classes[split.train])
        found = check_fitted([(name, scaler)], inside, (block, classes))
        if found.n:
            raise LeakError(f"{where}: {found.what}: {', '.join(found.examples)}")


def _sweep(folder: Path) -> None:
    """Remove folders in which training has left nothing; logs stay."""
    for path in (*sorted((one for one in folder.rglob("*") if one.is_dir()), reverse=True), folder):
        with suppress(OSError):
            path.rmdir()


def _folder(item: Fit, inner: str = "") -> Path | None:
    """Return where this very fit leaves what it needs to go on after a kill."""
    if not item.plan.model.in_epochs:
        return None
    key = hashlib.sha256(f"{item.id} {item.content} {inner} {sys.version}".encode()).hexdigest()
    return paths.HOUSE / "training" / key[:24]
