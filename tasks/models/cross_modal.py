"""The network of `meld-trimodal`: a BiLSTM per modality, multi-head attention over all of them, and an SVM at the end.

Layer by layer, for blocks of n_features each (the source: text, voice, ten frames of video):

    side by side        blocks of one modality, step by step (`together`)
    projection          n_steps × n_features → n_steps × 512
    BiLSTM              n_steps × 512        → n_steps × 2·256
    attention, 8 heads  all states of all modalities, each attending to all
    mean                over the steps of each modality, then over modalities → 512
    linear              512 → classes

Three BiLSTMs, attention and the last layer are 5,785,095 parameters for seven classes; with its projections from 25
numbers the source counts 5,813,255. It states neither heads nor how states become one vector, and trains 9,988 epochs.
`cross-modal` classifies by the last layer, `cross-modal-svm` by an SVM on what goes into it, as the source does.

Utterances may lack modalities (`missing: kept`): what is not there is attended to by nobody. `attend: others` is
cross-attention, as in MulT (Tsai et al. 2019, ACL): text attends to sound and sound to text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.features.base.sequences import Rows, Sequences
from tasks.models.base.branches import TrainingPart
from tasks.models.base.checks import above_zero, demand_share
from tasks.models.base.estimator import Development, Inputs, Model, Scores, reading
from tasks.models.base.joined_sequences import Joined, shortened
from tasks.models.base.standardisation import moments
from tasks.models.support_vectors import LinearSvmSettings, RbfSvmSettings, Svm
from tasks.models.training import batches
from tasks.models.training.batches import Batch
from tasks.models.training.network import NetworkEstimator
from tasks.models.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn

    from tasks.models.networks.cross_modal import ModalityInput

_SVM = "svm/"
_ROUNDING = 1e-6
"""Features are float32: what varies by less, over its mean, does not vary."""


@dataclass(frozen=True)
class CrossModalSettings(TrainingSettings):
    """Settings of the network, beside those of its training.

    Args:
        projection: features of a step after projection
        hidden: units of each BiLSTM, per direction
        heads: of attention; they share 2 × hidden
        attend: to the states of `all` modalities, or of the `others` alone
        together: modality → its blocks of features, which one BiLSTM reads side by side; the first one counts the
            steps, and the others are brought to as many. A block that is not named is a modality of its own
        max_steps: an utterance with more steps of a modality has the means of neighbouring ones, so that it has no
            more; memory grows with the square of all modalities' steps
        dropout: before attention and before the last layer
        modality_dropout: share of the training rows with several modalities of which one is hidden, by chance: the
            network then learns to do without
    """

    learning_rate: float = 1e-4
    projection: int = 512
    hidden: int = 256
    heads: int = 8
    attend: Literal["all", "others"] = "all"
    together: Mapping[str, list[str]] = field(default_factory=dict)
    max_steps: int = 256
    dropout: float = 0.2
    modality_dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("projection", "hidden", "heads", "max_steps"):
            above_zero(name, getattr(self, name))
        for name in ("dropout", "modality_dropout"):
            demand_share(name, getattr(self, name))
        named = [block for blocks in self.together.values() for block in blocks]
        if len(set(named)) < len(named):
            raise ValueError(f"together must name every block once, found {', '.join(named)}")
        if 2 * self.hidden % self.heads:
            raise ValueError(f"heads must share 2 × hidden, {2 * self.hidden}, evenly, found {self.heads}")


@dataclass(frozen=True)
class CrossModalSvmSettings(CrossModalSettings):
    """Settings of the network, and of the SVM on what it pools.

    Args:
        c: the SVM's penalty C
        kernel: `rbf` or `linear`
    """

    c: float = 1.0
    kernel: Literal["rbf", "linear"] = "rbf"

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero("c", self.c)


class _Rows:
    """Modalities, read row by row."""

    def __init__(self, modalities: tuple[Joined, ...], max_steps: int) -> None:
        self._modalities, self._max_steps = modalities, max_steps
        self.lengths: Rows | None = np.sum([np.minimum(one.lengths, max_steps) for one in modalities], axis=0)

    def __len__(self) -> int:
        return len(self._modalities[0])

    def batch(self, rows: Rows) -> Batch:
        """Return of modality k `steps_k`, float32, (n_rows, n_longest, n_features), and `lengths_k`, (n_rows,)."""
        found: dict[str, NDArray[Any]] = {}
        for number, one in enumerate(self._modalities):
            steps = [shortened(one[int(row)], self._max_steps) for row in rows]
            nothing = np.zeros((1, one.n_features), dtype=np.float32)
            # with a row of one step beside them: in a batch that lacks the modality there would be no step at all
            found[f"steps_{number}"] = batches.padded([*steps, nothing], 0.0, np.float32)[:-1]
            found[f"lengths_{number}"] = np.array([len(one) for one in steps], dtype=np.int64)
        return found


class CrossModal(NetworkEstimator):
    """A BiLSTM per block, and attention over all of them."""

    settings: CrossModalSettings

    def examples(self, inputs: Inputs) -> _Rows:
        """Return rows; one may lack blocks.

        Raises:
            InputError: if there are texts
            ValueError: if a block that was fitted is missing, or has another number of features
        """
        found = _blocks(inputs)
        fitted = [one for modality in self.shape["modalities"] for one in modality["blocks"]]
        expected = {one["name"]: len(one["mean"]) for one in fitted}
        there = {name: one.steps.shape[1] for name, one in found.items()}
        if there != expected:
            raise ValueError(f"expected blocks of {expected} features, found {there}")
        joined = (
            Joined([found[one["name"]] for one in modality["blocks"]], [one["mean"] for one in modality["blocks"]])
            for modality in self.shape["modalities"]
        )
        return _Rows(tuple(joined), self.settings.max_steps)

    def start(self, inputs: Inputs) -> dict[str, Any]:
        """Say which blocks stand together, and measure every feature over the training part."""
        found = _blocks(inputs)
        groups = {name: [one for one in blocks if one in found] for name, blocks in self.settings.together.items()}
        grouped = {one for blocks in groups.values() for one in blocks}
        groups = {name: blocks for name, blocks in groups.items() if blocks}
        groups |= {name: [name] for name in found if name not in grouped}
        return {
            "modalities": [
                {"name": name, "blocks": [{"name": one, **_measured(found[one])} for one in blocks]}
                for name, blocks in groups.items()
            ]
        }

    def build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        """Return the network with first weights."""
        from tasks.models.networks.cross_modal import CrossModalModule

        settings = self.settings
        return CrossModalModule(
            [_modality(one["blocks"]) for one in shape["modalities"]],
            n_outputs,
            projection=settings.projection,
            hidden=settings.hidden,
            heads=settings.heads,
            attend=settings.attend,
            dropout=settings.dropout,
            modality_dropout=settings.modality_dropout,
        )

    def attended(self, inputs: Inputs) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return the modalities, and the share of a row's attention that each gets, shape (n_rows, n_modalities)."""
        from tasks.models.networks.cross_modal import AttentionShares
        from tasks.models.training import inference

        names = tuple(one["name"] for one in self.shape["modalities"])
        return names, inference.logits(AttentionShares(self.networks_[0]), self.examples(inputs), self.settings)


class CrossModalSvm(CrossModal):
    """The same network, and an SVM on what goes into its last layer.

    Attributes:
        beyond: before `fit`: rows that the network learns from instead of the training part. None but the leak that is
            to be shown sets it
    """

    settings: CrossModalSvmSettings

    def __init__(self, settings: CrossModalSvmSettings, seed: int = 0) -> None:
        super().__init__(settings, seed)
        self.beyond: TrainingPart | None = None

    def fit(
        self,
        inputs: Inputs,
        target: NDArray[Any],
        *,
        weights: NDArray[np.float64] | None = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Train the network, then the SVM on the same rows."""
        seen = self.beyond or TrainingPart(inputs, target, weights)
        super().fit(seen.inputs, seen.target, weights=seen.weights, development=development, folder=folder)
        self.svm_ = Svm(self._svm_settings()).fit(self._pooled(inputs), target, weights=weights)
        # a network that has seen more than these rows may know classes that they lack
        self.outputs_ = self.svm_.outputs_
        self.notes_ = [*self.notes_, *self.svm_.notes_]
        return self

    def scores(self, inputs: Inputs) -> Scores:
        """Return one decision value per class, shape (n_rows, n_classes)."""
        return self.svm_.scores(self._pooled(inputs))

    def files(self) -> dict[str, bytes]:
        """Return the network's files, and the SVM's under `svm/`."""
        return super().files() | {f"{_SVM}{name}": content for name, content in self.svm_.files().items()}

    def read(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `files` gave."""
        super().read({name: content for name, content in files.items() if not name.startswith(_SVM)})
        mine = {name.removeprefix(_SVM): content for name, content in files.items() if name.startswith(_SVM)}
        self.svm_ = Svm(self._svm_settings()).read(mine)
        self.outputs_ = self.svm_.outputs_
        return self

    def _pooled(self, inputs: Inputs) -> Inputs:
        return Inputs(inputs.units, {"pooled": self.embeddings(inputs)})

    def _svm_settings(self) -> LinearSvmSettings | RbfSvmSettings:
        kind = RbfSvmSettings if self.settings.kernel == "rbf" else LinearSvmSettings
        return kind(c=self.settings.c)


def _modality(blocks: list[dict[str, Any]]) -> ModalityInput:
    from tasks.models.networks.cross_modal import ModalityInput

    mean, scale = ([value for one in blocks for value in one[name]] for name in ("mean", "scale"))
    return ModalityInput(len(mean), mean, scale)


def _blocks(inputs: Inputs) -> dict[str, Sequences]:
    """Return all blocks as sequences: a vector is a sequence of one step."""
    if inputs.texts or not inputs.names:
        raise InputError(
            f"cross-modal takes sequences and vectors, found {', '.join(inputs.names) or 'none'}; of texts take "
            "token-states or text-embedding"
        )
    found = {name: _one_step(np.asarray(block, dtype=np.float32)) for name, block in inputs.vectors.items()}
    return found | dict(inputs.sequences)


def _measured(block: Sequences) -> dict[str, list[float]]:
    """Return mean and scale of every feature; 0 and 1 of a block that no row has."""
    there = np.flatnonzero(block.lengths).tolist()
    if not there:
        n_features = block.steps.shape[1]
        return {"mean": [0.0] * n_features, "scale": [1.0] * n_features}
    mean, spread, _ = moments(block[row] for row in there)
    return {"mean": mean.tolist(), "scale": np.where(spread > _ROUNDING * np.abs(mean), spread, 1.0).tolist()}


def _one_step(block: NDArray[np.float32]) -> Sequences:
    rows = np.arange(len(block), dtype=np.int64)
    return Sequences(block, rows, np.ones_like(rows))


def _model(name: str, title: str, settings: type, make: Any, **more: Any) -> Model:
    return Model(
        name=name,
        title=title,
        takes=frozenset({"vector", "sequence"}),
        settings=settings,
        make=make,
        load=reading(make),
        in_epochs=True,
        lacking=True,
        **more,
    )


MODELS: tuple[Model, ...] = (
    _model(
        "cross-modal",
        "A BiLSTM per modality, and multi-head attention over the states of all",
        CrossModalSettings,
        CrossModal,
        tasks=frozenset({"classes", "labels", "values"}),
    ),
    _model(
        "cross-modal-svm",
        "A BiLSTM per modality, multi-head attention over the states of all, and an SVM on what is pooled",
        CrossModalSvmSettings,
        CrossModalSvm,
        probabilities=False,
    ),
)
