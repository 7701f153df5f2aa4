"""Base class of image networks over spectrograms: pretrained weights, training of the head first, then of all stages.

The sources take networks trained on ImageNet (Deng et al. 2009) and give them spectrograms. ImageNet's channels were
standardised over ImageNet; here every mel band is standardised over the training part, and the channels are the
spectrogram and its two differences, or three copies of the spectrogram.

Weights are safetensors, or the files that torchvision publishes (`densenet201-c1103571.pth`), which are converted.
Folders on the Hugging Face hub whose weights have the same names also work, such as timm/densenet201.tv_in1k.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from tasks.core.errors import InputError
from tasks.features.base import checkpoints
from tasks.models.base.checks import demand_share
from tasks.models.networks.spectrogram_estimator import SpectrogramEstimator, SpectrogramNetworkSettings, demand_layers
from tasks.models.training.settings import Cycle

if TYPE_CHECKING:
    from torch import nn

    from tasks.models.networks.image_network import ImageNetwork


@dataclass(frozen=True)
class ImageSettings(SpectrogramNetworkSettings):
    """Settings of an image network, its spectrograms and its training.

    Args:
        channels: 3: the spectrogram and its first and second differences; 1: three copies of the spectrogram
        checkpoint: initial weights of the body, as `checkpoints.weights_file` has them; empty: random weights
        head_epochs: first epochs in which only the head is trained; the learning rate follows its schedule from the
            start, also in the learning-rate finder
        second_learning_rate: of the head after `head_epochs`, in a schedule of its own, as fastai trains; 0: one
            schedule over all epochs
        layer_decay: learning rate of a stage of the body over that of the stage above it (Howard & Ruder 2018, who take
            1/2.6); the head, on top, has `learning_rate`; 1: the same rate for all
        dropout: before the head's linear layer
    """

    checkpoint_kind: ClassVar[checkpoints.CheckpointKind] = "network"
    channels: Literal[1, 3] = 3
    checkpoint: str = ""
    head_epochs: int = 0
    second_learning_rate: float = 0.0
    layer_decay: float = 1.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.head_epochs < 0:
            raise ValueError(f"head_epochs must be 0 or more, found {self.head_epochs}")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay must be above 0 and at most 1, found {self.layer_decay}")
        demand_share("dropout", self.dropout)
        if not self.second_learning_rate >= 0:
            raise ValueError(f"second_learning_rate must be 0 or more, found {self.second_learning_rate}")
        if self.second_learning_rate and not 0 < self.head_epochs < self.epochs:
            raise ValueError("second_learning_rate is for the epochs after head_epochs: set fewer than epochs, above 0")
        if self.head_epochs:
            self._check_head_epochs()

    def cycle(self, step: int, n_steps: int) -> Cycle:
        """Return the schedule that a step belongs to: that of the head, or that of the whole network.

        Args:
            step: from 0
            n_steps: in all epochs
        """
        if not self.second_learning_rate:
            return super().cycle(step, n_steps)
        end = n_steps * self.head_epochs // self.epochs
        return Cycle(0, end) if step < end else Cycle(end, n_steps, self.second_learning_rate / self.learning_rate)

    def _check_head_epochs(self) -> None:
        if not self.checkpoint:
            raise ValueError("head_epochs is for a pretrained body: set a checkpoint, or 0")
        if self.devices > 1:
            raise ValueError("head_epochs needs devices: 1, since devices would wait for gradients of the frozen body")
        if self.find_batch_size:
            raise ValueError("head_epochs and find_batch_size: what fits in a first epoch may not in a later one")


@dataclass(frozen=True)
class BlockImageSettings(ImageSettings):
    """Settings of an image network of blocks with batch normalisation.

    Args:
        blocks: in each stage; one stage or more
    """

    blocks: tuple[int, ...] = (3, 4, 6, 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_layers("blocks", self.blocks)
        if self.batch_size < 2:
            raise ValueError("batch_size must be 2 or more: there is batch normalisation")


class ImageEstimator(SpectrogramEstimator):
    """Base class of image networks over pictures of three channels."""

    settings: ImageSettings
    any_size = True

    @property
    def least_size(self) -> int:
        """Bands, and frames, that a picture must have."""
        return 1

    @property
    def least_frames(self) -> int:
        """Frames that a picture must have."""
        return self.least_size

    @abstractmethod
    def _untrained(self, n_outputs: int) -> ImageNetwork:
        """Return the network with random weights."""

    def _load_checkpoint(self, network: ImageNetwork) -> None:
        read_into(network, checkpoints.weights_file(self.settings.checkpoint), self.settings.checkpoint)

    def _body(self, n_channels: int, n_bands: int, n_frames: int, n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.models.networks.image_network import StagedImageNetwork

        if min(n_bands, n_frames) < self.least_size:
            raise InputError(
                f"{type(self).__name__} needs pictures of {self.least_size} bands × {self.least_size} frames or more, "
                f"found {n_bands} × {n_frames}: use more mel bands or frames, or a network for small pictures"
            )
        network = self._untrained(n_outputs)
        if fitting and self.settings.checkpoint not in ("", *checkpoints.TINY):
            self._load_checkpoint(network)
        return StagedImageNetwork(network, head_epochs=self.settings.head_epochs, layer_decay=self.settings.layer_decay)


def read_into(network: ImageNetwork, path: Path, checkpoint: str) -> None:
    """Set a body's weights to those of a file.

    Args:
        network: with the body
        path: of the safetensors file
        checkpoint: its name in messages

    Raises:
        InputError: if the file is damaged, or has the weights of another network
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from tasks.models.networks.image_network import set_body

    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"checkpoint {checkpoint}: {path} cannot be read as safetensors: {error}") from None
    set_body(network, weights, f"checkpoint {checkpoint}")
