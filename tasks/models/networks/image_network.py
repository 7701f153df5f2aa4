"""What all image networks over spectrograms share: published weights below, a head of one's own, two stages, rates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from tasks.core.errors import InputError

_CHANNELS = 3
_NAMED = 3
_COUNTER = "num_batches_tracked"
"""A buffer that files from before PyTorch 0.4.1 lack, and that nothing here depends on."""


class ImageNetwork(nn.Module, ABC):
    """A network for pictures, whose weights are named as in the files that its authors publish.

    Attributes:
        HEAD: what the names of the head's weights begin with; those of a file are left where they are
    """

    HEAD: ClassVar[str] = "classifier."

    @abstractmethod
    def stages(self) -> list[list[nn.Module]]:
        """Return the parts of the body, those next to the picture first; the head is in none of them."""

    @abstractmethod
    def head(self) -> nn.Module:
        """Return what stands on top of the body."""

    @staticmethod
    def renamed(names: list[str]) -> dict[str, str]:
        """Return a file's names → the names here."""
        return {name: name for name in names}


class StagedImageNetwork(nn.Module):
    """A network for pictures in training: the head alone first, then all of it, lower stages learning less.

    A picture of one channel is given to all three.

    Args:
        network: for pictures of three channels
        head_epochs: first epochs in which the body stays as it is, the running statistics of its batch normalisation
            included; it then works as it does outside training
        layer_decay: learning rate of a stage, over that of the one above it; the head is on top
    """

    def __init__(self, network: ImageNetwork, *, head_epochs: int = 0, layer_decay: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self._head_epochs, self._layer_decay = head_epochs, layer_decay
        self._frozen = False

    def forward(self, pictures: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            pictures: shape (n_rows, 1 or 3, n_bands, n_frames)
        """
        found: Tensor = self.network(pictures.expand(-1, _CHANNELS, -1, -1))
        return found

    def begin_epoch(self, epoch: int) -> None:
        """Take up an epoch, from 0: the stage is a function of it alone, wherever training started."""
        self._frozen = epoch < self._head_epochs
        for stage in self.network.stages():
            for part in stage:
                part.requires_grad_(not self._frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> StagedImageNetwork:
        """Switch to training, or out of it; a frozen body stays out."""
        super().train(mode)
        if self._frozen:
            for stage in self.network.stages():
                for part in stage:
                    part.eval()
        return self

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Return parameters by learning rate, the head's first, which is the one given (Howard & Ruder 2018, ULMFiT).

        Biases and normalisation are not decayed.
        """
        rated = []
        for below, stage in enumerate([[self.network.head()], *reversed(self.network.stages())]):
            parameters = [one for part in stage for one in part.parameters()]
            weights = {"params": [one for one in parameters if one.ndim > 1], "lr": rate * self._layer_decay**below}
            rest = {"params": [one for one in parameters if one.ndim == 1], "lr": weights["lr"], "weight_decay": 0.0}
            rated += [group for group in (weights, rest) if group["params"]]
        return rated


def take_over(network: ImageNetwork, found: Mapping[str, Tensor], source: str) -> None:
    """Set a body's weights to those of a file; its head is left out.

    Args:
        network: whose body it is
        found: the file's content
        source: what messages call it

    Raises:
        InputError: if a weight is missing, unknown or of another shape
    """
    names = network.renamed(list(found))
    given = {names[name]: one for name, one in found.items() if not names[name].startswith(network.HEAD)}
    expected = {name: one for name, one in network.state_dict().items() if not name.startswith(network.HEAD)}
    wrong = {
        "missing": [name for name in expected if name not in given and not name.endswith(_COUNTER)],
        "unknown": [name for name in given if name not in expected],
        "of another shape": [
            f"{name} {tuple(given[name].shape)} instead of {tuple(one.shape)}"
            for name, one in expected.items()
            if name in given and given[name].shape != one.shape
        ],
    }
    told = [f"{len(some)} {what} ({_listed(some)})" for what, some in wrong.items() if some]
    if told:
        raise InputError(
            f"{source} does not hold the weights of this network ({type(network).__name__}): {'; '.join(told)}. Give "
            "the file of this very network, or set its size to that of the file"
        )
    network.load_state_dict(given, strict=False)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
