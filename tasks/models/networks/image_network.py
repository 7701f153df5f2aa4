"""PyTorch base class of image networks, and their training in two stages with learning rates by layer."""

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
    """A network for pictures; its weights have the names of the files that its authors publish.

    Attributes:
        HEAD: prefix of the names of the head's weights, which are not taken from a file
        trains_norm: whether batch normalisation of a frozen body is trained
    """

    HEAD: ClassVar[str] = "classifier."
    trains_norm: bool = False

    @abstractmethod
    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of the body by stage, those next to the picture first; without the head."""

    @abstractmethod
    def head(self) -> nn.Module:
        """Return the module on top of the body."""

    @staticmethod
    def renamed(names: list[str]) -> dict[str, str]:
        """Return names in a file → names in this network.

        Args:
            names: all names in the file
        """
        return {name: name for name in names}


class StagedImageNetwork(nn.Module):
    """A network for pictures in training: first the head alone, then all of it, lower stages at lower rates.

    A picture of one channel is copied to all three.

    Args:
        network: for pictures of three channels
        head_epochs: first epochs in which the body is frozen, and in evaluation mode: running statistics of its batch
            normalisation do not change, unless the network trains that
        layer_decay: learning rate of a stage over that of the stage above it; the head is on top
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
        outputs: Tensor = self.network(pictures.expand(-1, _CHANNELS, -1, -1))
        return outputs

    def begin_epoch(self, epoch: int) -> None:
        """Freeze or unfreeze the body, by the epoch alone, so that a restarted training does the same.

        Args:
            epoch: from 0
        """
        self._frozen = epoch < self._head_epochs
        for module in self._body():
            module.requires_grad_(not self._frozen)
        if self.network.trains_norm:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> StagedImageNetwork:
        """Switch to training or evaluation mode; a frozen body stays in evaluation mode.

        Args:
            mode: whether to train
        """
        super().train(mode)
        if self._frozen and not self.network.trains_norm:
            for module in self._body():
                module.eval()
        return self

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Return parameters by learning rate, the head's first (Howard & Ruder 2018, ULMFiT).

        Biases and normalisation have no weight decay.

        Args:
            rate: of the head
        """
        rated = []
        for below, stage in enumerate([[self.network.head()], *reversed(self.network.stages())]):
            parameters = [parameter for module in stage for parameter in module.parameters()]
            weights = {"params": [p for p in parameters if p.ndim > 1], "lr": rate * self._layer_decay**below}
            rest = {"params": [p for p in parameters if p.ndim == 1], "lr": weights["lr"], "weight_decay": 0.0}
            rated += [group for group in (weights, rest) if group["params"]]
        return rated

    def _body(self) -> list[nn.Module]:
        return [module for stage in self.network.stages() for module in stage]


def set_body(network: ImageNetwork, weights: Mapping[str, Tensor], source: str) -> None:
    """Set a body's weights to those of a file, without its head.

    Args:
        network: with the body
        weights: content of the file
        source: its name in messages

    Raises:
        InputError: if a weight is missing, unknown or of another shape
    """
    names = network.renamed(list(weights))
    given = {names[name]: weight for name, weight in weights.items() if not names[name].startswith(network.HEAD)}
    expected = {name: own for name, own in network.state_dict().items() if not name.startswith(network.HEAD)}
    wrong = {
        "missing": [name for name in expected if name not in given and not name.endswith(_COUNTER)],
        "unknown": [name for name in given if name not in expected],
        "of another shape": [
            f"{name} {tuple(given[name].shape)} instead of {tuple(own.shape)}"
            for name, own in expected.items()
            if name in given and given[name].shape != own.shape
        ],
    }
    problems = [f"{len(some)} {problem} ({_listed(some)})" for problem, some in wrong.items() if some]
    if problems:
        raise InputError(
            f"{source} does not hold the weights of this network ({type(network).__name__}): {'; '.join(problems)}. "
            "Give the file of this very network, or set its size to that of the file"
        )
    network.load_state_dict(given, strict=False)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
