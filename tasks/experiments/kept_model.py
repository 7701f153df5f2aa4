"""The kept model of an experiment: read from its folder alone, verified, and applied to features of new utterances."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.core import artifacts, forgotten, paths
from tasks.core.config import Adapt, Clips, Experiment
from tasks.core.errors import InputError, UndertoneError
from tasks.experiments import adaptation, fitted_model, novelty, one_sided, scoring, windows
from tasks.experiments.adaptation import Speakers
from tasks.experiments.fitted_model import Fitted
from tasks.experiments.plan import FeatureSet
from tasks.experiments.targets import fixed_outputs
from tasks.features.base import registry as extractors
from tasks.features.base.settings import settings_of
from tasks.models.base import registry as models
from tasks.models.base import temperature
from tasks.models.base.estimator import Inputs, Model, Scores, Task

CARD, TRAINING_MEDIA = "card.json", "training_media.json"
ADAPTED_FILES = "adapted/"
"""Folder of the model for adapted vectors, inside that of the kept model."""
DIGITS = 16
"""Hexadecimal digits of a media file's SHA-256 that `training_media.json` holds."""
_NEEDED = ("recipe", "feature_sets", "task")


class _Part(BaseModel):
    """A part of the card; entries of other versions are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class KeptFeatures(_Part):
    """A feature set that the model reads."""

    name: str
    extractor: str
    settings: dict[str, Any]
    reads: Literal["text", "sound", "video"]
    step_s: float | None = None


class Temperature(_Part):
    """Temperature scaling of the scores."""

    temperature: float


class Interval(_Part):
    """The score of the experiment that a model was kept from."""

    value: float
    low: float | None = None
    high: float | None = None


class Bound(_Part):
    """The novelty that a share of the training rows does not exceed."""

    bound: float
    quantile: float


class KeptAdaptation(_Part):
    """How a model for adapted vectors was trained and scored; `bounds`: number of clips → divergence of one-sided ones.

    Its files are in the folder `adapted`.
    """

    name: str
    clips: int | Literal["all"]
    by: Literal["shift", "standardise"]
    prior_clips: float | Literal["estimated"]
    draws: int
    settings: dict[str, Any]
    score: Interval
    one_class: Interval
    bounds: dict[int, float]
    calibration: Temperature | None = None

    @property
    def adapt(self) -> Adapt:
        """The settings, as in the recipe."""
        return Adapt(clips=self.clips, by=self.by, prior_clips=self.prior_clips, draws=self.draws)


class ModelCard(_Part):
    """`card.json`: how the model was trained, and what is needed to apply it."""

    experiment: str
    task: Task
    target: str
    corpus: str
    reader: str = ""
    languages: list[str] = []
    recipe: dict[str, Any]
    feature_sets: list[KeptFeatures]
    model: str
    settings: dict[str, Any]
    outputs: list[str]
    trained_on: str
    n_train: int
    protocol: str
    protocol_in_words: str
    leaky: bool
    simulated: bool
    measure: str
    score: Interval
    beats_baselines: bool
    thresholds: list[float] | None = None
    calibration: Temperature | None = None
    novelty: Bound | None = None
    recipe_sha256: str | None = None
    adaptation: KeptAdaptation | None = None


@dataclass(frozen=True)
class AdaptedFitted(Fitted):
    """A model for adapted vectors, and the clips of the speaker whom it scores.

    Args:
        speakers: that it was trained on
        clips: of the new speaker
    """

    speakers: Speakers
    clips: Inputs

    def scores(self, inputs: Inputs) -> Scores:
        """Return one score per output, shape (n_rows, n_outputs).

        Args:
            inputs: the speaker's rows, neither adapted nor scaled
        """
        return super().scores(self.speakers.adapted(inputs, self.clips))


@dataclass(frozen=True)
class KeptModel:
    """A trained model, ready to score new utterances.

    Args:
        folder: of its files
        card: its description
        recipe: that it was trained by
        model: its family
        parts: its feature sets
        fitted: scalers and estimator
        files: name → verified content
    """

    folder: Path
    card: ModelCard
    recipe: Experiment
    model: Model
    parts: tuple[FeatureSet, ...]
    fitted: Fitted
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns of `scores`."""
        return windows.outputs(self.classes, self.recipe.clips)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns of `probabilities`: the outputs without `none`."""
        # estimators number labels and values
        return fixed_outputs(self.recipe.target) or tuple(self.fitted.estimator.outputs_)

    @cached_property
    def training_media(self) -> frozenset[str]:
        """First digits of the SHA-256 of every media file that the model was trained on."""
        return frozenset(json.loads(self.files[TRAINING_MEDIA])) if TRAINING_MEDIA in self.files else frozenset()

    def scores(self, inputs: Inputs) -> Scores:
        """Return one score per output as the experiment's predictions have them, shape (n_utterances, n_outputs).

        Args:
            inputs: features of the utterances
        """
        where, rows = self._rows(inputs)
        scores = self.fitted.scores(rows)
        if self.card.task == "labels":
            scores = scoring.stretched(scores, np.array(self.card.thresholds))
        if where is not None:
            _, scores = windows.pooled(scores, where.parent.astype(str), self.recipe.clips or Clips())
        return scores

    def probabilities(self, scores: Scores) -> Scores | None:
        """Return probabilities of classes, calibrated if the card has a calibration, shape (n_utterances, n_classes).

        Args:
            scores: as `scores` returned them

        Returns:
            None if the target has no classes, or the scores are not probabilities and there is no calibration
        """
        if self.card.task != "classes":
            return None
        real = scores[:, : len(self.classes)]
        if self.card.calibration is None:
            return real if self.model.probabilities else None
        values = temperature.unscaled(real, probabilities=self.model.probabilities)
        return temperature.softmax(values, self.card.calibration.temperature)

    def adapted(self, clips: Inputs) -> KeptModel:
        """Return the model for a speaker, adapted by clips without labels.

        Args:
            clips: features of the speaker's clips, at least one

        Raises:
            InputError: if the recipe has no adaptation
            TableError: if its files are damaged
        """
        kept = self.demand_adaptation()
        inside = {
            name.removeprefix(ADAPTED_FILES): content
            for name, content in self.files.items()
            if name.startswith(ADAPTED_FILES)
        }
        settings = settings_of(self.model.settings, kept.settings, f"{self.folder / CARD}: adaptation.settings")
        try:
            fitted = fitted_model.restore(self.model, settings, inside)
            speakers = Speakers.from_bytes(kept.adapt, inside[adaptation.FILE])
        except UndertoneError:
            raise
        except Exception as error:
            problem = f"its adapted model cannot be read: {type(error).__name__}: {error}"
            raise artifacts.damaged(self.folder / CARD, problem) from None
        card = self.card.model_copy(update={"calibration": kept.calibration, "score": kept.score})
        return replace(self, card=card, fitted=AdaptedFitted(fitted.scalers, fitted.estimator, speakers, clips))

    def is_one_sided(self, probabilities: Scores) -> bool | None:
        """Return whether clips look as if they came from a single class, by which adapting does harm.

        Args:
            probabilities: of a speaker's clips, as `probabilities` returned them without adaptation

        Returns:
            None if there are too few to judge

        Raises:
            InputError: if the recipe has no adaptation
        """
        return one_sided.is_one_sided(probabilities, self.demand_adaptation().bounds)

    def demand_adaptation(self) -> KeptAdaptation:
        """Return the adaptation of the recipe.

        Raises:
            InputError: if it has none
        """
        if self.card.adaptation is None:
            raise InputError(
                f"{self.card.experiment} cannot adapt to a speaker: its recipe has no `adapt`. Add `adapt: {{}}` "
                f"to its recipe in params.yaml, and train it again: undertone experiment run {self.card.experiment}"
            )
        return self.card.adaptation

    def novelty(self, inputs: Inputs) -> NDArray[np.float64] | None:
        """Return the distance of utterances from the training rows, shape (n_utterances,).

        If the rows of the model are windows, an utterance has the mean of its windows.

        Args:
            inputs: features of the utterances

        Returns:
            NaN for an utterance without vectors and sequences; None if the training part had none
        """
        if self.card.novelty is None:
            return None
        where, rows = self._rows(inputs)
        distances = novelty.from_bytes(self.files[novelty.FILE]).novelty(rows)
        if where is None:
            return distances
        n_windows = np.bincount(where.parent)
        return np.asarray(np.bincount(where.parent, distances) / n_windows)

    def with_widths(self, inputs: Inputs) -> Inputs:
        """Return utterances of which all lack a block with the number of features that it had in training.

        Args:
            inputs: features of the utterances
        """
        if novelty.FILE not in self.files:
            return inputs
        means = novelty.from_bytes(self.files[novelty.FILE]).means
        sequences = {
            name: replace(block, steps=np.zeros((1, means[name].size), dtype=np.float32))
            if name in means and not block.lengths.any()
            else block
            for name, block in inputs.sequences.items()
        }
        return replace(inputs, sequences=sequences)

    def _rows(self, inputs: Inputs) -> tuple[windows.Cut | None, Inputs]:
        """Return the rows that the model scores: the utterances, or their windows and where they were cut."""
        if self.recipe.windows is None:
            return None, inputs
        steps_s = {entry.name: entry.step_s or 0.0 for entry in self.card.feature_sets}
        return windows.of_inputs(inputs, steps_s, self.recipe.windows)


def folder_of(experiment: str) -> Path:
    """Return the folder of an experiment's kept model, or an exported folder that is given by its path.

    Args:
        experiment: name of an experiment of this project, or path of a folder

    Raises:
        InputError: if there is neither
    """
    kept = paths.experiment(experiment) / "model" if "/" not in experiment else Path(experiment)
    for folder in (Path(experiment), kept):
        if (folder / CARD).is_file():
            return folder
    if Path(experiment).is_dir():
        raise InputError(f"{experiment}: this folder holds no model ({CARD} is missing); export one: {_EXPORT}")
    if day := forgotten.read().experiments.get(experiment):
        raise InputError(
            f"{experiment}: its model was removed on {day}, since it was trained on data that a person asked to have "
            f"removed. Train it again without: undertone experiment run {experiment}"
        )
    raise InputError(
        f"{experiment}: there is no trained model of this name and no folder of it. Train it: undertone experiment run "
        f"{experiment}; trained are {', '.join(_trained()) or 'none yet'}"
    )


def load(folder: Path, checkpoints: Mapping[str, str] | None = None) -> KeptModel:
    """Return the model of a folder.

    Args:
        folder: `data/experiment/NAME/model`, or an exported one
        checkpoints: pretrained model → its place on this machine, where that is another one

    Raises:
        TableError: if a file is missing, damaged or does not belong to the card
        InputError: if an earlier version of undertone wrote it, or it was trained on data that was removed since
        ConfigError: if the model, an extractor or a setting is unknown to this version
    """
    path = folder / CARD
    fields = artifacts.read_json(path)
    if missing := [name for name in _NEEDED if name not in fields]:
        raise InputError(
            f"{path} has no {', '.join(missing)}: an earlier version of undertone wrote it, which kept too little to "
            f"apply the model. Train it again: undertone experiment run {fields.get('experiment', 'NAME')} --force"
        )
    try:
        card = ModelCard.model_validate(fields)
        recipe = Experiment.model_validate(card.recipe)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise artifacts.damaged(path, f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
    files = _verified(folder, fields)
    _demand_not_removed(path, card, files)
    model = models.model(card.model)
    parts = tuple(_feature_set(entry, checkpoints or {}, path) for entry in card.feature_sets)
    settings = settings_of(model.settings, card.settings, f"{path}: settings")
    try:
        fitted = fitted_model.restore(model, settings, files)
    except UndertoneError:
        raise
    except Exception as error:
        # files without digests may hold anything, and libraries raise classes of their own
        raise artifacts.damaged(path, f"its model cannot be read: {type(error).__name__}: {error}") from None
    if card.task == "labels" and len(card.thresholds or ()) != len(card.outputs):
        raise artifacts.damaged(path, "it states no threshold for each label")
    return KeptModel(folder, card, recipe, model, parts, fitted, files)


_EXPORT = "undertone model export EXPERIMENT FOLDER"


def _demand_not_removed(path: Path, card: ModelCard, files: Mapping[str, bytes]) -> None:
    """Refuse a model that was trained on data that a person asked to have removed from this project."""
    ledger = forgotten.read()
    media = json.loads(files[TRAINING_MEDIA]) if ledger.media and TRAINING_MEDIA in files else ()
    if ledger.has_trained(media) or (ledger.models and hashlib.sha256(path.read_bytes()).hexdigest() in ledger.models):
        raise InputError(
            f"{path.parent}: this model was trained on data that a person asked to have removed ({forgotten.LEDGER}). "
            f"Delete the folder, and train the model again without: undertone experiment run {card.experiment}"
        )


def _feature_set(entry: KeptFeatures, checkpoints: Mapping[str, str], path: Path) -> FeatureSet:
    settings = dict(entry.settings)
    if settings.get("checkpoint") in checkpoints:
        settings["checkpoint"] = checkpoints[settings["checkpoint"]]
    extractor = extractors.extractor(entry.extractor)
    return FeatureSet(entry.name, extractor, settings_of(extractor.settings, settings, f"{path}: {entry.name}"))


def _verified(folder: Path, fields: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the content of every file that the card lists; raise TableError for one that is not what was written."""
    digests = fields.get(artifacts.FILES)
    if not isinstance(digests, Mapping) or not digests:
        raise artifacts.damaged(folder / CARD, "it lists no files")
    files = {}
    for name, digest in digests.items():
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise artifacts.damaged(folder / CARD, f"it lists the file {name}")
        path = folder / pure
        try:
            files[name] = path.read_bytes()
        except FileNotFoundError:
            raise artifacts.damaged(path, "it is missing") from None
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise artifacts.damaged(path, "it is not the file that its card describes")
    return files


def _trained() -> list[str]:
    return sorted(path.parent.parent.name for path in paths.folder("experiment").glob(f"*/model/{CARD}"))
