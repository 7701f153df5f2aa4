"""Fine-tuning of the upper layers of Whisper's encoder, with a classifier on top.

Radford et al. (2023), "Robust speech recognition via large-scale weak supervision", ICML. Convolutions and lower layers
are frozen: a row's states in them are computed once for all epochs, and kept in memory while there is room. So two
trained layers of Whisper base cost some 7 billion operations per utterance of 4 s and epoch, a tenth of a second on one
core. Batches, schedule and learning rates of the head are those of `speech-fine-tuned`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError, InputError
from tasks.features.base import torch_state
from tasks.features.base.checkpoints import CheckpointKind
from tasks.features.base.sequences import Rows, Sequences
from tasks.models.base.checks import single_block
from tasks.models.base.estimator import Inputs, Model
from tasks.models.training import batches
from tasks.models.training.batches import Batch
from tasks.models.training.network import NetworkEstimator, network_model
from tasks.models.training.settings import FineTuningSettings

if TYPE_CHECKING:
    from torch import nn

    from tasks.models.networks.whisper_classifier import WhisperClassifier, WhisperLowerPart
    from tasks.models.training.checkpoint import Trained

_NAMES = ("whisper-fine-tuned", "whisper-spectrogram")
"""Names of the model and of the extractor whose features it takes."""
_FRAMES_A_SECOND = 100
_SHORTEST_S, _LONGEST_S = 1.0, 30.0
_MOST_KEPT = 2**28
"""Numbers of frozen states that are kept in memory: 1 GiB, some 45 minutes of sound with Whisper base."""


@dataclass(frozen=True)
class WhisperFineTunedSettings(FineTuningSettings):
    """Settings of a fine-tuned Whisper encoder and its training.

    Args:
        batch_size: rows in memory at once; with `accumulate`, a step has 16
        checkpoint: `whisper-base` (`undertone weights fetch whisper-base`), or the folder of a Whisper model
        trained_layers: of the transformer, from the top; those below and the convolutions stay as they are; 0: only the
            classifier is trained
        dense: units of the hidden layer on top, which are the row's embedding; 0: as many as the encoder's states have
        dropout: before either layer on top
        max_duration_s: longer rows are cut equally on both sides; Whisper has positions for 30 s
    """

    checkpoint_kind: ClassVar[CheckpointKind] = "speech"
    epochs: int = 5
    batch_size: int = 8
    accumulate: int = 2
    learning_rate: float = 1e-4
    layer_decay: float = 0.8
    checkpoint: str = "whisper-base"
    trained_layers: int = 2
    dense: int = 0
    dropout: float = 0.2
    max_duration_s: float = 15.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("trained_layers", "dense"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, found {getattr(self, name)}")
        if not _SHORTEST_S <= self.max_duration_s <= _LONGEST_S:
            raise ValueError(f"max_duration_s must be from {_SHORTEST_S} to {_LONGEST_S}, found {self.max_duration_s}")


class _FrozenStates:
    """Rows as states of the encoder's lower part, each computed by itself; the middle of long rows."""

    def __init__(self, sequences: Sequences, most: int, lower: WhisperLowerPart) -> None:
        self._sequences, self._most, self._lower = sequences, most, lower
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._n_kept = 0
        self.lengths: Rows | None = np.minimum(sequences.lengths, most) // 2

    def __len__(self) -> int:
        return len(self._sequences)

    def batch(self, rows: Rows) -> Batch:
        """Return `states`, float32, shape (n_rows, n_longest, width), and `lengths`, shape (n_rows,)."""
        states = [self._row(int(row)) for row in rows]
        lengths = np.array([len(row) for row in states], dtype=np.int64)
        return {"states": batches.padded(states, 0.0, np.float32), "lengths": lengths}

    def _row(self, row: int) -> NDArray[np.float32]:
        if row in self._kept:
            return self._kept[row]
        states = self._computed(row)
        if self._n_kept + states.size <= _MOST_KEPT:
            self._kept[row] = states
            self._n_kept += states.size
        return states

    def _computed(self, row: int) -> NDArray[np.float32]:
        import torch

        length = int(self._sequences.lengths[row])
        start = int(self._sequences.starts[row]) + max(0, length - self._most) // 2
        n_frames = min(length, self._most) // 2 * 2
        frames = np.array(self._sequences.steps[start : start + n_frames], dtype=np.float32)
        with torch.inference_mode():
            on_device = torch.from_numpy(frames).to(self._lower.conv1.weight.device)
            states: NDArray[np.float32] = self._lower(on_device).cpu().numpy()
        return states


class WhisperFineTuned(NetworkEstimator):
    """A Whisper encoder with a dense and a linear layer."""

    settings: WhisperFineTunedSettings
    _lower: WhisperLowerPart

    def _measure(self, inputs: Inputs) -> dict[str, Any]:
        """Return the encoder's shape, and the most frames of a row; build its frozen part."""
        from tasks.features.base import whisper_files
        from tasks.weights.conversion import whisper_encoder

        block, settings = single_block(inputs, *_NAMES), self.settings
        tensors, n_heads = whisper_files.tensors_of(settings.checkpoint)
        width, n_mels, _ = tensors["conv1.weight"].shape
        n_layers, n_positions = whisper_encoder.layers_of(tensors), len(tensors["embed_positions.weight"])
        if block.steps.shape[1] != n_mels:
            raise InputError(
                f"whisper-fine-tuned with {settings.checkpoint} takes {n_mels} bands, as the extractor "
                f"whisper-spectrogram gives them; found {block.steps.shape[1]} numbers a step in {inputs.names[0]}"
            )
        if settings.trained_layers > n_layers:
            raise ConfigError(
                f"trained_layers is {settings.trained_layers}; checkpoint {settings.checkpoint} has {n_layers} layers"
            )
        most = min(round(settings.max_duration_s * _FRAMES_A_SECOND), 2 * n_positions) // 2 * 2
        sizes = {"layers": n_layers, "width": width, "heads": n_heads, "mels": n_mels, "positions": n_positions}
        shape = {**sizes, "hidden": tensors["layers.0.fc1.weight"].shape[0], "most": most}
        # initial weights are drawn and then replaced; the caller's random state must not change
        with torch_state.own_random_state():
            self._lower = self._loaded(shape, 1).lower
        return shape

    def examples(self, inputs: Inputs) -> _FrozenStates:
        """Return rows as states of the frozen part.

        Args:
            inputs: a single block

        Raises:
            InputError: if there is not exactly one block of sequences
        """
        return _FrozenStates(single_block(inputs, *_NAMES), self.shape["most"], self._lower)

    def _build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        return self._loaded(shape, n_outputs) if fitting else self._empty(shape, n_outputs)

    def _set_networks(self, weights: Iterable[dict[str, Any]], first: Trained) -> None:
        super()._set_networks(weights, first)
        self._lower = cast("WhisperClassifier", self.networks_[0]).lower

    def _loaded(self, shape: Mapping[str, Any], n_outputs: int) -> WhisperClassifier:
        from tasks.features.base import whisper_files

        network = self._empty(shape, n_outputs)
        network.load_encoder(whisper_files.tensors_of(self.settings.checkpoint)[0])
        return network

    def _empty(self, shape: Mapping[str, Any], n_outputs: int) -> WhisperClassifier:
        from tasks.models.networks.whisper_classifier import WhisperClassifier

        settings = self.settings
        return WhisperClassifier(
            shape,
            n_outputs,
            n_trained=settings.trained_layers,
            dense=settings.dense,
            dropout=settings.dropout,
            layer_decay=settings.layer_decay,
            head_rate=settings.head_learning_rate,
        )


MODELS: tuple[Model, ...] = (
    network_model(
        "whisper-fine-tuned",
        "The upper layers of Whisper's encoder, fine-tuned",
        WhisperFineTuned,
        WhisperFineTunedSettings,
        {"sequence"},
    ),
)
