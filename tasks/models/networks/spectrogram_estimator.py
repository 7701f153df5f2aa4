"""Base class of estimators over spectrograms: rows of one length, standardised and augmented.

A row is a sequence of frames (log-mel, MFCC …), a vector, whose features are taken as steps, or raw sound, which
becomes a log-mel spectrogram inside the network, on its device, so that it can be augmented as sound.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

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
"""In dB: bands that hardly vary over the training part are not scaled up."""


@dataclass(frozen=True)
class SpectrogramNetworkSettings(TrainingSettings):
    """Settings of a network over spectrograms, and of its training.

    Args:
        frames: of every row; 0: as many as the longest training row has
        fit: how rows get that number: `cut`: longer rows lose as much on either side, shorter ones are padded at their
            end with the quietest frame of the training part; `stretched`: frames are interpolated in time; `own`: rows
            keep their own number, which needs batches of single rows and a network for pictures of any size
        channels: of the picture; 3: the spectrogram and its first and second differences
        differences: along `time`: derivatives over nine frames; or along `bands`: each minus the one below it, as in
            `iemocap-fusion`
        normalise: standardise every band by the `training` part, or by the `utterance` itself; `none`: levels as they
            are
        mel: spectrogram made of raw sound; no effect on other features
        augment: random variations of training rows
    """

    frames: int = 300
    channels: Literal[1, 3] = 1
    differences: Literal["time", "bands"] = "time"
    fit: Literal["cut", "stretched", "own"] = "cut"
    normalise: Literal["training", "utterance", "none"] = "training"
    mel: MelSettings = field(default_factory=MelSettings)
    augment: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frames < 0:
            raise ValueError(f"frames must be 0 or more, found {self.frames}")
        if self.fit == "own" and self.batch_size != 1:
            raise ValueError(f"fit: own needs batch_size: 1, since lengths differ, found {self.batch_size}")


class _EqualLengths:
    """Rows of one length, or single rows of their own, read on demand.

    Args:
        sequences: the rows
        n_steps: of every row; where rows keep their own length, the least
        fill: padding, shape (n_features,)
        fit: as in `SpectrogramNetworkSettings`
    """

    lengths: Rows | None = None

    def __init__(
        self,
        sequences: Sequences,
        n_steps: int,
        fill: NDArray[np.float32],
        fit: Literal["cut", "stretched", "own"] = "cut",
    ) -> None:
        self._sequences, self._n_steps, self._fill, self._fit = sequences, n_steps, fill, fit

    def __len__(self) -> int:
        return len(self._sequences)

    def batch(self, rows: Rows) -> Batch:
        """Return `steps`, float32, shape (n_rows, n_steps, n_features)."""
        if self._fit == "stretched":
            return {"steps": np.stack([_stretched(self._sequences[int(row)], self._n_steps) for row in rows])}
        n_steps = self._n_steps
        if self._fit == "own":
            n_steps = max(n_steps, int(self._sequences.lengths[rows].max()))
        steps = np.empty((rows.size, n_steps, self._fill.size), dtype=np.float32)
        for k, row in enumerate(rows):
            start, length = int(self._sequences.starts[row]), int(self._sequences.lengths[row])
            skipped = max(0, length - n_steps) // 2
            kept = min(length, n_steps)
            steps[k, :kept] = self._sequences.steps[start + skipped : start + skipped + kept]
            steps[k, kept:] = self._fill
        return {"steps": steps}


class SpectrogramEstimator(NetworkEstimator):
    """Base class of networks over pictures of shape (n_rows, n_channels, n_bands, n_frames)."""

    settings: SpectrogramNetworkSettings
    any_size: ClassVar[bool] = False
    """Whether the network takes pictures of any number of frames, from `least_frames` up."""

    @property
    def least_frames(self) -> int:
        """Frames that a picture must have."""
        return 1

    @abstractmethod
    def _body(self, n_channels: int, n_bands: int, n_frames: int, n_outputs: int, *, fitting: bool) -> nn.Module:
        """Return the network: pictures, shape (n_rows, n_channels, n_bands, n_frames) → (n_rows, n_outputs).

        Its last linear layer is the last of its `modules()`. It may have `groups` and `begin_epoch`.

        Args:
            n_channels: of the pictures
            n_bands: mel bands, coefficients, or 1 for vectors
            n_frames: frames, or features of a vector
            n_outputs: outputs
            fitting: whether it will be trained; pretrained weights are read only then
        """

    def examples(self, inputs: Inputs) -> _EqualLengths:
        """Return rows of one length.

        Args:
            inputs: a single block

        Raises:
            InputError: if there is not exactly one block
            ValueError: if the number of features is not the model's
        """
        form, sequences = _single_block(inputs, type(self).__name__)
        if (form, sequences.steps.shape[1]) != (self.shape["form"], self.shape["n_features"]):
            expected = f"{self.shape['n_features']} features ({self.shape['form']})"
            raise ValueError(f"expected steps of {expected}, found {sequences.steps.shape[1]} ({form})")
        way = self.settings.fit
        n_steps = self.least_frames if way == "own" else self.shape["n_steps"]
        return _EqualLengths(sequences, n_steps, np.asarray(self.shape["fill"], dtype=np.float32), way)

    def _measure(self, inputs: Inputs) -> dict[str, Any]:
        form, sequences = _single_block(inputs, type(self).__name__)
        settings = self.settings
        if form != "sound" and settings.augment.of_sound:
            asked = ", ".join(settings.augment.of_sound)
            raise InputError(f"augment.{asked} needs raw sound (the extractor waveform), and these are {form}")
        if settings.fit != "cut" and form != "frames":
            raise InputError(f"fit: {settings.fit} is for spectrograms, and these are {form}; set fit: cut")
        if settings.fit == "own" and not self.any_size:
            raise InputError(f"{type(self).__name__} needs pictures of one size; set fit: cut or stretched")
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

    def _build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.models.networks.spectrogram_input import SpectrogramInput

        settings = self.settings
        return SpectrogramInput(
            self._body(settings.channels, len(shape["mean"]), shape["n_frames"], n_outputs, fitting=fitting),
            mean=shape["mean"],
            scale=shape["scale"],
            channels=settings.channels,
            differences=settings.differences,
            normalise=settings.normalise,
            n_frames=shape["n_frames"],
            mel=settings.mel if shape["form"] == "sound" else None,
            augment=settings.augment,
        )


def demand_layers(name: str, units: tuple[int, ...]) -> None:
    """Refuse an empty list of layers, or a layer without units.

    Args:
        name: of the setting
        units: of each layer

    Raises:
        ValueError: naming the setting
    """
    if not units:
        raise ValueError(f"{name} must name a layer or more")
    for layer in units:
        above_zero(name, layer)


def _single_block(inputs: Inputs, who: str) -> tuple[Form, Sequences]:
    """Return form and content of the only block; a vector's features are steps of one feature."""
    if len(inputs.names) != 1 or inputs.texts:
        raise InputError(f"{who} takes one block of sequences or vectors, found {', '.join(inputs.names) or 'none'}")
    if inputs.vectors:
        block = np.asarray(next(iter(inputs.vectors.values())), dtype=np.float32)
        n_rows, n_features = block.shape
        starts = np.arange(n_rows, dtype=np.int64) * n_features
        return "vector", Sequences(block.reshape(-1, 1), starts, np.full(n_rows, n_features, dtype=np.int64))
    sequences = next(iter(inputs.sequences.values()))
    return ("sound" if sequences.steps.shape[1] == 1 else "frames"), sequences


def _stretched(frames: NDArray[Any], n_steps: int) -> NDArray[np.float32]:
    """Return frames interpolated linearly in time, shape (n_steps, n_features)."""
    places = np.linspace(0, len(frames) - 1, n_steps)
    before = places.astype(np.int64)
    after = np.minimum(before + 1, len(frames) - 1)
    share = (places - before)[:, None]
    return np.asarray(frames[before] * (1 - share) + frames[after] * share, dtype=np.float32)


def _frames(sequences: Sequences, mel: MelSettings | None) -> Iterator[NDArray[Any]]:
    for row in range(len(sequences)):
        values = sequences[row]
        yield values if mel is None else np.asarray(spectra.spectrogram(values[:, 0], mel))
