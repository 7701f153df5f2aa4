"""What all networks over spectrograms share: rows of one length, standardised by the training part and varied in it.

A row is a sequence of frames (log-mel, MFCC …), a vector, whose features are taken for steps one after the other, or
raw sound, which becomes a log-mel spectrogram inside the network, on its device: only so can it be varied as sound.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.features.base.sequences import Rows, Sequences
from tasks.features.sound import spectra
from tasks.features.sound.spectra import MelSettings
from tasks.models.base.checks import above_zero
from tasks.models.base.estimator import Inputs, Kind
from tasks.models.base.standardisation import moments
from tasks.models.training.augmentation import Augmentation
from tasks.models.training.batches import Batch
from tasks.models.training.network import NetworkEstimator
from tasks.models.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn

Form = Literal["frames", "vector", "sound"]
TAKES: frozenset[Kind] = frozenset({"sequence", "vector"})
_LEAST_SCALE = 1e-3
"""In dB: what hardly varies over the training part is not blown up."""


@dataclass(frozen=True)
class SpectrogramNetworkSettings(TrainingSettings):
    """Settings of a network over spectrograms, beside those of its training.

    Args:
        frames: that every row is made of: longer ones lose as much on either side, shorter ones are filled up after
            their end with the quietest frame of the training part; 0: as many as the longest training row has
        channels: of the picture; 3: the spectrogram and its first and second differences
        differences: along `time`: derivatives over nine frames; or from band to band (`bands`), one minus the one
            below it, as `iemocap-fusion` has them
        normalise: what every band is standardised by: the `training` part, or the `utterance` itself
        mel: of raw sound, the spectrogram that is made of it; other features are what they are
        augment: what is done to training rows
    """

    frames: int = 300
    channels: Literal[1, 3] = 1
    differences: Literal["time", "bands"] = "time"
    normalise: Literal["training", "utterance"] = "training"
    mel: MelSettings = field(default_factory=MelSettings)
    augment: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frames < 0:
            raise ValueError(f"frames must be 0 or more, found {self.frames}")


class _Steps:
    """Rows of one length, read when they are asked for."""

    lengths: Rows | None = None

    def __init__(self, sequences: Sequences, n_steps: int, fill: NDArray[np.float32]) -> None:
        self._sequences, self._n_steps, self._fill = sequences, n_steps, fill

    def __len__(self) -> int:
        return len(self._sequences)

    def batch(self, rows: Rows) -> Batch:
        """Return `steps`, float32, shape (n_rows, n_steps, n_features)."""
        found = np.empty((rows.size, self._n_steps, self._fill.size), dtype=np.float32)
        for k, row in enumerate(rows):
            start, length = int(self._sequences.starts[row]), int(self._sequences.lengths[row])
            skipped = max(0, length - self._n_steps) // 2
            kept = min(length, self._n_steps)
            found[k, :kept] = self._sequences.steps[start + skipped : start + skipped + kept]
            found[k, kept:] = self._fill
        return {"steps": found}


class SpectrogramEstimator(NetworkEstimator):
    """A network over pictures of shape (n_rows, n_channels, n_bands, n_frames)."""

    settings: SpectrogramNetworkSettings

    @abstractmethod
    def body(self, n_channels: int, n_bands: int, n_frames: int, n_outputs: int, *, fitting: bool) -> nn.Module:
        """Return the network proper: pictures, shape (n_rows, n_channels, n_bands, n_frames) → (n_rows, n_outputs).

        Its last linear layer is the last of its `modules()`. It may have `groups`, as `networks.run` asks for them.

        Args:
            n_channels: of the pictures
            n_bands: mel bands, coefficients, or 1 for vectors
            n_frames: frames, or features of a vector
            n_outputs: outputs
            fitting: whether it is going to be trained: pretrained weights are read then, and only then
        """

    def examples(self, inputs: Inputs) -> _Steps:
        """Return rows of one length.

        Raises:
            InputError: if there is not exactly one block
            ValueError: if the number of features is not the model's
        """
        form, sequences = _only(inputs, type(self).__name__)
        if (form, sequences.steps.shape[1]) != (self.shape["form"], self.shape["n_features"]):
            expected = f"{self.shape['n_features']} features ({self.shape['form']})"
            raise ValueError(f"expected steps of {expected}, found {sequences.steps.shape[1]} ({form})")
        return _Steps(sequences, self.shape["n_steps"], np.asarray(self.shape["fill"], dtype=np.float32))

    def start(self, inputs: Inputs) -> dict[str, Any]:
        """Measure every band over the training part."""
        form, sequences = _only(inputs, type(self).__name__)
        settings = self.settings
        if form != "sound" and settings.augment.of_sound:
            asked = ", ".join(settings.augment.of_sound)
            raise InputError(f"augment.{asked} needs raw sound (the extractor waveform), and these are {form}")
        longest = int(sequences.lengths.max())
        if form == "sound":
            frames = settings.frames or 1 + longest // settings.mel.hop
            n_steps = frames * settings.mel.hop
        else:
            n_steps = longest if form == "vector" else settings.frames or longest
            frames = n_steps
        mean, spread, fill = moments(_frames(sequences, settings.mel if form == "sound" else None))
        return {
            "form": form,
            "n_features": int(sequences.steps.shape[1]),
            "n_steps": n_steps,
            "n_frames": frames,
            "mean": mean.tolist(),
            "scale": np.where(spread > _LEAST_SCALE, spread, 1.0).tolist(),
            "fill": [0.0] if form == "sound" else fill.tolist(),
        }

    def build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        """Return the network with first weights, or pretrained ones."""
        from tasks.models.networks.spectrogram_input import SpectrogramInput

        settings = self.settings
        return SpectrogramInput(
            self.body(settings.channels, len(shape["mean"]), shape["n_frames"], n_outputs, fitting=fitting),
            mean=shape["mean"],
            scale=shape["scale"],
            channels=settings.channels,
            differences=settings.differences,
            by_utterance=settings.normalise == "utterance",
            n_frames=shape["n_frames"],
            mel=settings.mel if shape["form"] == "sound" else None,
            augment=settings.augment,
        )


def demand_layers(name: str, units: tuple[int, ...]) -> None:
    """Refuse layers without units.

    Raises:
        ValueError: naming the setting
    """
    if not units:
        raise ValueError(f"{name} must name a layer or more")
    for one in units:
        above_zero(name, one)


def _only(inputs: Inputs, who: str) -> tuple[Form, Sequences]:
    """Return what the one block holds; a vector's features are steps of one feature."""
    if len(inputs.names) != 1 or inputs.texts:
        raise InputError(f"{who} takes one block of sequences or vectors, found {', '.join(inputs.names) or 'none'}")
    if inputs.vectors:
        block = np.asarray(next(iter(inputs.vectors.values())), dtype=np.float32)
        n_rows, n_features = block.shape
        starts = np.arange(n_rows, dtype=np.int64) * n_features
        return "vector", Sequences(block.reshape(-1, 1), starts, np.full(n_rows, n_features, dtype=np.int64))
    sequences = next(iter(inputs.sequences.values()))
    return ("sound" if sequences.steps.shape[1] == 1 else "frames"), sequences


def _frames(sequences: Sequences, mel: MelSettings | None) -> Iterator[NDArray[Any]]:
    for row in range(len(sequences)):
        values = sequences[row]
        if mel is not None:
            yield np.asarray(spectra.spectrogram(values[:, 0], mel))
        else:
            yield values
