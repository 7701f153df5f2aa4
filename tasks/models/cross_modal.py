"""The network of `meld-trimodal`: a BiLSTM per modality, multi-head attention over all of them, and an SVM.

Layer by layer, for blocks of n_features each (in the source: text, voice, ten frames of video):

    together            blocks of the same modality: side by side, step by step; or in turn, one after the other
    projection          n_steps × n_features → n_steps × 512; of each block by itself, if they come in turn
    BiLSTM              n_steps × 512        → n_steps × 2·256
    attention, 8 heads  all states of all modalities, each attending to all
    mean                over the steps of each modality, then over modalities → 512
    linear              512 → classes

Three BiLSTMs, attention and the last layer have 5,785,095 parameters for seven classes. The source also prints two
projections from 25 numbers, 26,624 parameters, and counts 5,813,255 in all, 1,536 more than the layers that it prints.
It states neither the number of heads nor the pooling of states, and trains 9,988 epochs. `cross-modal` classifies by
the last layer, `cross-modal-svm` by an SVM on its input, as in the source.

Utterances may lack modalities (`missing: kept`): nothing attends to a missing modality. `attend: others` is
cross-attention, as in MulT (Tsai et al. 2019, ACL): text attends to sound and sound to text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.features.base.sequences import Rows, Sequences
from tasks.models.base.checks import above_zero, demand_share
from tasks.models.base.estimator import Development, Inputs, Model, Scores, TrainingPart
from tasks.models.base.joined_sequences import Joined, shortened
from tasks.models.base.sequences_in_turn import InTurn
from tasks.models.base.standardisation import moments
from tasks.models.support_vectors import LinearSvmSettings, RbfSvmSettings, Svm
from tasks.models.training import batches
from tasks.models.training.batches import Batch
from tasks.models.training.network import NetworkEstimator, network_model
from tasks.models.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn

    from tasks.models.networks.cross_modal import ModalityInput

_SVM = "svm/"
_ROUNDING = 1e-6
"""Features are float32: a spread below this share of the mean is rounding, and the feature is constant."""


@dataclass(frozen=True)
class CrossModalSettings(TrainingSettings):
    """Settings of the network and its training.

    Args:
        projection: features of a step after projection
        hidden: units of each BiLSTM, per direction
        heads: of attention; a divisor of 2 × hidden
        attend: to the states of `all` modalities, or of the `others` only
        together: modality → its blocks, which one BiLSTM reads. A block that is not listed is a modality of its own
        blocks: of a modality: `side-by-side`: the first block sets the number of steps, the others are resampled to it;
            or `in-turn`: the steps of one block follow those of the one before, and each block is projected by itself
        max_steps: steps of a modality at most; longer ones are averaged in runs; memory grows with the square of all
            modalities' steps
        dropout: before attention and before the last layer
        modality_dropout: share of the training rows with several modalities in which a random one is hidden, so that
            the network learns to cope without it
    """

    learning_rate: float = 1e-4
    projection: int = 512
    hidden: int = 256
    heads: int = 8
    attend: Literal["all", "others"] = "all"
    together: Mapping[str, list[str]] = field(default_factory=dict)
    blocks: Literal["side-by-side", "in-turn"] = "side-by-side"
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
            raise ValueError(f"heads must be a divisor of 2 × hidden, {2 * self.hidden}, found {self.heads}")


@dataclass(frozen=True)
class CrossModalSvmSettings(CrossModalSettings):
    """Settings of the network, and of the SVM on its pooled states.

    Args:
        c: the SVM's penalty C
        kernel: `rbf` or `linear`
    """

    c: float = 1.0
    kernel: Literal["rbf", "linear"] = "rbf"

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero("c", self.c)


class _ModalityRows:
    """Rows of several modalities, read on demand."""

    def __init__(self, modalities: tuple[Joined | InTurn, ...], max_steps: int) -> None:
        self._modalities, self._max_steps = modalities, max_steps
        lengths = [np.minimum(modality.lengths, max_steps) for modality in modalities]
        self.lengths: Rows | None = np.sum(lengths, axis=0)

    def __len__(self) -> int:
        return len(self._modalities[0])

    def batch(self, rows: Rows) -> Batch:
        """Return of modality k `steps_k`, float32, (n_rows, n_longest, n_features), and `lengths_k`, (n_rows,)."""
        arguments: dict[str, NDArray[Any]] = {}
        for number, modality in enumerate(self._modalities):
            steps = [shortened(modality[int(row)], self._max_steps) for row in rows]
            blank = np.zeros((1, modality.n_features), dtype=np.float32)
            # padded with a row of one step: a batch that lacks the modality would have no step at all
            arguments[f"steps_{number}"] = batches.padded([*steps, blank], 0.0, np.float32)[:-1]
            arguments[f"lengths_{number}"] = np.array(list(map(len, steps)), dtype=np.int64)
        return arguments


class CrossModal(NetworkEstimator):
    """A BiLSTM per modality, and attention over all of them."""

    settings: CrossModalSettings

    def examples(self, inputs: Inputs) -> _ModalityRows:
        """Return the rows, which may lack blocks.

        Args:
            inputs: sequences and vectors

        Raises:
            InputError: if there are texts
            ValueError: if a fitted block is missing, or has another number of features
        """
        blocks, modalities = _blocks(inputs), self.shape["modalities"]
        expected = {card["name"]: len(card["mean"]) for modality in modalities for card in modality["blocks"]}
        widths = {name: block.steps.shape[1] for name, block in blocks.items()}
        if widths != expected:
            raise ValueError(f"expected blocks of {expected} features, found {widths}")
        joined = tuple(self._joined(modality["blocks"], blocks) for modality in modalities)
        return _ModalityRows(joined, self.settings.max_steps)

    def _joined(self, cards: list[dict[str, Any]], blocks: Mapping[str, Sequences]) -> Joined | InTurn:
        own = [blocks[card["name"]] for card in cards]
        return InTurn(own) if self._in_turn(cards) else Joined(own, [card["mean"] for card in cards])

    def _in_turn(self, cards: list[dict[str, Any]]) -> bool:
        return self.settings.blocks == "in-turn" and len(cards) > 1

    def _measure(self, inputs: Inputs) -> dict[str, Any]:
        blocks = _blocks(inputs)
        groups = {name: [block for block in some if block in blocks] for name, some in self.settings.together.items()}
        groups = {name: some for name, some in groups.items() if some}
        grouped = {block for some in groups.values() for block in some}
        groups |= {name: [name] for name in blocks if name not in grouped}
        return {
            "modalities": [
                {"name": name, "blocks": [{"name": block, **_measured(blocks[block])} for block in some]}
                for name, some in groups.items()
            ]
        }

    def _build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.models.networks.cross_modal import CrossModalModule

        settings = self.settings
        return CrossModalModule(
            [
                _modality_input(modality["blocks"], in_turn=self._in_turn(modality["blocks"]))
                for modality in shape["modalities"]
            ],
            n_outputs,
            projection=settings.projection,
            hidden=settings.hidden,
            heads=settings.heads,
            attend=settings.attend,
            dropout=settings.dropout,
            modality_dropout=settings.modality_dropout,
        )

    def attended(self, inputs: Inputs) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return the modalities, and each one's share of a row's attention.

        Args:
            inputs: n_rows rows

        Returns:
            n_modalities names; shares, sum 1 per row, shape (n_rows, n_modalities)
        """
        from tasks.models.networks.cross_modal import AttentionShares
        from tasks.models.training import inference

        names = tuple(modality["name"] for modality in self.shape["modalities"])
        return names, inference.logits(AttentionShares(self.networks_[0]), self.examples(inputs), self.settings)


class CrossModalSvm(CrossModal):
    """The same network, and an SVM on the input of its last layer; scores are decision values.

    Attributes:
        beyond: before `fit`: rows that the network learns from instead of the training part; set only to demonstrate a
            leak
    """

    settings: CrossModalSvmSettings
    beyond: TrainingPart | None = None

    def files(self) -> dict[str, bytes]:
        """Return the network's files, and the SVM's under `svm/`."""
        return super().files() | {f"{_SVM}{name}": content for name, content in self.svm_.files().items()}

    def _fit(self, part: TrainingPart, development: Development | None, folder: Path | None) -> None:
        super()._fit(self.beyond or part, development, folder)
        self.svm_ = Svm(self._svm_settings()).fit(self._pooled(part.inputs), part.target, weights=part.weights)
        # not the network's: trained on other rows, it may have classes that these rows lack
        self.outputs_ = self.svm_.outputs_
        self.notes_ = [*self.notes_, *self.svm_.notes_]

    def _scores(self, inputs: Inputs) -> Scores:
        return self.svm_.scores(self._pooled(inputs))

    def _read(self, files: Mapping[str, bytes]) -> None:
        super()._read({name: content for name, content in files.items() if not name.startswith(_SVM)})
        own = {name.removeprefix(_SVM): content for name, content in files.items() if name.startswith(_SVM)}
        self.svm_ = Svm(self._svm_settings()).read(own)
        self.outputs_ = self.svm_.outputs_

    def _pooled(self, inputs: Inputs) -> Inputs:
        return Inputs(inputs.units, {"pooled": self.embeddings(inputs)})

    def _svm_settings(self) -> LinearSvmSettings | RbfSvmSettings:
        kind = RbfSvmSettings if self.settings.kernel == "rbf" else LinearSvmSettings
        return kind(c=self.settings.c)


def _modality_input(cards: list[dict[str, Any]], *, in_turn: bool) -> ModalityInput:
    from tasks.models.networks.cross_modal import ModalityInput

    mean, scale = ([value for card in cards for value in card[name]] for name in ("mean", "scale"))
    return ModalityInput(len(mean), mean, scale, tuple(len(card["mean"]) for card in cards) if in_turn else ())


def _blocks(inputs: Inputs) -> dict[str, Sequences]:
    """Return all blocks as sequences; a vector is a sequence of one step."""
    if inputs.texts or not inputs.names:
        raise InputError(
            f"cross-modal takes sequences and vectors, found {', '.join(inputs.names) or 'none'}; of texts take "
            "token-states or text-embedding"
        )
    vectors = {name: _one_step(np.asarray(block, dtype=np.float32)) for name, block in inputs.vectors.items()}
    return vectors | dict(inputs.sequences)


def _measured(block: Sequences) -> dict[str, list[float]]:
    """Return mean and scale of every feature; 0 and 1 of a block that no row has."""
    present = np.flatnonzero(block.lengths).tolist()
    if not present:
        n_features = block.steps.shape[1]
        return {"mean": [0.0] * n_features, "scale": [1.0] * n_features}
    mean, spread, _ = moments(block[row] for row in present)
    return {"mean": mean.tolist(), "scale": np.where(spread > _ROUNDING * np.abs(mean), spread, 1.0).tolist()}


def _one_step(block: NDArray[np.float32]) -> Sequences:
    rows = np.arange(len(block), dtype=np.int64)
    return Sequences(block, rows, np.ones_like(rows))


MODELS: tuple[Model, ...] = (
    network_model(
        "cross-modal",
        "A BiLSTM per modality, and multi-head attention over the states of all",
        CrossModal,
        CrossModalSettings,
        {"vector", "sequence"},
        lacking=True,
    ),
    network_model(
        "cross-modal-svm",
        "A BiLSTM per modality, multi-head attention over the states of all, and an SVM on what is pooled",
        CrossModalSvm,
        CrossModalSvmSettings,
        {"vector", "sequence"},
        lacking=True,
        tasks=frozenset({"classes"}),
        probabilities=False,
    ),
)
