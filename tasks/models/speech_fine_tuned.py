"""Fine-tuning of a whole encoder of raw sound (wav2vec 2.0, HuBERT, WavLM …) with a classifier on top.

The source fine-tunes jonatasgrosman/wav2vec2-large-xlsr-53-english, pooled over frames, represents an utterance by 512
numbers (`dense: 512`), and reports accuracies of 0.76 on RAVDESS (8 classes, 240 clips) and 0.70 on IEMOCAP (4 classes,
644 utterances). Defaults are those of Wagner et al. (2023), "Dawn of the transformer era in speech emotion
recognition", TPAMI: batches of 32, a rate of 1e-4, five epochs of which the best on development rows is kept,
convolutions frozen; in addition, the rate rises and falls, and gradients are clipped.

A row's scores do not depend on the other rows of its batch, whatever the encoder's normalisation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.features.base.checkpoints import CheckpointKind
from tasks.features.base.sequences import Rows, Sequences
from tasks.features.sound import framing
from tasks.models.base import array_files
from tasks.models.base.checks import single_block
from tasks.models.base.estimator import Inputs, Model
from tasks.models.training import batches
from tasks.models.training.batches import Batch
from tasks.models.training.network import NetworkEstimator, network_model
from tasks.models.training.settings import FineTuningSettings

if TYPE_CHECKING:
    from torch import nn

_CONFIG = "encoder/config.json"
_MACHINE_FIELDS = ("_name_or_path", "transformers_version")
_SHORTEST_S = 1.0


@dataclass(frozen=True)
class SpeechFineTunedSettings(FineTuningSettings):
    """Settings of a fine-tuned speech encoder and its training.

    Args:
        batch_size: rows in memory at once; with `accumulate`, a step has 32
        layer_decay: 1 gives all layers the same rate, as published
        checkpoint: name in `tasks.features.base.checkpoints`, path of a folder, or name on the Hugging Face hub
        pooling: over frames
        freeze_feature_encoder: do not train the convolutions
        spec_augment: mask frames in training, as the checkpoint's configuration says (usually 5 % of them)
        dense: units of the hidden layer on top, which are the row's embedding; 0: as many as the encoder's states have
        dropout: before either layer on top; the encoder has its own
        max_duration_s: longer rows are cut equally on both sides
    """

    checkpoint_kind: ClassVar[CheckpointKind] = "speech"
    epochs: int = 5
    batch_size: int = 8
    accumulate: int = 4
    learning_rate: float = 1e-4
    checkpoint: str = "facebook/wav2vec2-base"
    pooling: Literal["mean", "max", "sum"] = "mean"
    freeze_feature_encoder: bool = True
    spec_augment: bool = True
    dense: int = 0
    max_duration_s: float = 15.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dense < 0:
            raise ValueError(f"dense must be 0 (as wide as the encoder's states) or more, found {self.dense}")
        if not self.max_duration_s >= _SHORTEST_S:
            raise ValueError(f"max_duration_s must be {_SHORTEST_S} or more, found {self.max_duration_s}")


class _SoundRows:
    """Raw sound, read on demand: the middle of long rows; rows too short for a frame are padded with zeros."""

    def __init__(self, sequences: Sequences, fewest: int, most: int) -> None:
        self._sequences, self._fewest, self._most = sequences, fewest, most
        self.lengths: Rows | None = np.clip(sequences.lengths, fewest, most)

    def __len__(self) -> int:
        return len(self._sequences)

    def batch(self, rows: Rows) -> Batch:
        """Return `waveform`, float32, shape (n_rows, n_longest), and `lengths`, shape (n_rows,)."""
        samples = [self._row(int(row)) for row in rows]
        lengths = np.array([row.size for row in samples], dtype=np.int64)
        return {"waveform": batches.padded(samples, 0.0, np.float32), "lengths": lengths}

    def _row(self, row: int) -> NDArray[np.float32]:
        length = int(self._sequences.lengths[row])
        start = int(self._sequences.starts[row]) + max(0, length - self._most) // 2
        samples = self._sequences.steps[start : start + min(length, self._most), 0]
        return np.pad(np.asarray(samples, dtype=np.float32), (0, max(0, self._fewest - length)))


class SpeechFineTuned(NetworkEstimator):
    """A speech encoder with a dense and a linear layer."""

    settings: SpeechFineTunedSettings
    _config: dict[str, Any]

    def _measure(self, inputs: Inputs) -> dict[str, Any]:
        """Keep the checkpoint's configuration; return the fewest and the most samples of a row."""
        from tasks.features.sound import speech_encoder

        _waveforms(inputs)
        _, encoder = speech_encoder.load(self.settings.checkpoint)
        described = encoder.config.to_dict()
        self._config = {name: value for name, value in described.items() if name not in _MACHINE_FIELDS}
        fewest = speech_encoder.fewest_samples(encoder.config)
        return {"fewest": fewest, "most": max(fewest, round(self.settings.max_duration_s * framing.RATE_HZ))}

    def examples(self, inputs: Inputs) -> _SoundRows:
        """Return rows as raw sound.

        Args:
            inputs: a single block

        Raises:
            InputError: if there is not exactly one block, of raw sound
        """
        return _SoundRows(_waveforms(inputs), self.shape["fewest"], self.shape["most"])

    def _build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.features.base import checkpoints
        from tasks.features.sound import speech_encoder
        from tasks.models.networks.speech_classifier import SpeechClassifier

        settings = self.settings
        if fitting:
            _, encoder = speech_encoder.load(settings.checkpoint)
        else:
            library = checkpoints.transformers()
            encoder = library.AutoModel.from_config(library.AutoConfig.for_model(**self._config), dtype="float32")
        if settings.devices > 1:
            # a skipped layer has no gradient, for which other devices would wait
            encoder.config.layerdrop = 0.0
        return SpeechClassifier(
            encoder,
            n_outputs,
            pooling=settings.pooling,
            dense=settings.dense,
            dropout=settings.dropout,
            frozen=settings.freeze_feature_encoder,
            spec_augment=settings.spec_augment,
            layer_decay=settings.layer_decay,
            head_rate=settings.head_learning_rate,
        )

    def files(self) -> dict[str, bytes]:
        """Return weights and their description, and the encoder's configuration."""
        return {**super().files(), _CONFIG: array_files.to_json(self._config)}

    def _read(self, files: Mapping[str, bytes]) -> None:
        self._config = json.loads(files[_CONFIG])
        super()._read(files)


def _waveforms(inputs: Inputs) -> Sequences:
    block = single_block(inputs, "speech-fine-tuned", "waveform")
    if block.steps.shape[1] != 1:
        raise InputError(
            f"speech-fine-tuned takes raw sound, one number a step, as the extractor waveform gives it; found "
            f"{block.steps.shape[1]} numbers a step in {inputs.names[0]}: for frames use bilstm"
        )
    return block


MODELS: tuple[Model, ...] = (
    network_model(
        "speech-fine-tuned",
        "A whole speech encoder (wav2vec 2.0, HuBERT, WavLM), fine-tuned",
        SpeechFineTuned,
        SpeechFineTunedSettings,
        {"sequence"},
    ),
)
