"""PyTorch modules of `whisper-fine-tuned`: Whisper's encoder in two parts, frozen and trained, and a classifier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tasks.models.networks.layer_rates import rated_groups
from tasks.models.networks.speech_classifier import pooled

_LAYER = re.compile(r"layers\.(\d+)\.")


class WhisperAttention(nn.Module):
    """Multi-head self-attention; names as in Hugging Face's `WhisperAttention`, whose keys have no bias."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.q_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(3))
        self.k_proj = nn.Linear(width, width, bias=False)
        self._n_heads = n_heads

    def forward(self, states: Tensor, real: Tensor) -> Tensor:
        """Return new states, shape (n_rows, n_longest, width).

        Args:
            states: likewise
            real: which of them are no padding, Boolean, shape (n_rows, n_longest)
        """
        n_rows, n_steps, width = states.shape
        queries, keys, values = (
            layer(states).view(n_rows, n_steps, self._n_heads, -1).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        seen = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=real[:, None, None, :])
        joined: Tensor = self.out_proj(seen.transpose(1, 2).reshape(n_rows, n_steps, width))
        return joined


class WhisperLayer(nn.Module):
    """A transformer layer with normalisation before each block; names as in Hugging Face's `WhisperEncoderLayer`."""

    def __init__(self, width: int, n_heads: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = WhisperAttention(width, n_heads)
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, states: Tensor, real: Tensor) -> Tensor:
        """Return new states; arguments as in `WhisperAttention`."""
        states = states + self.self_attn(self.self_attn_layer_norm(states), real)
        added: Tensor = self.fc2(functional.gelu(self.fc1(self.final_layer_norm(states))))
        return states + added


class WhisperLowerPart(nn.Module):
    """Convolutions, positions and the lower layers of Whisper's encoder, which are not trained.

    Args:
        shape: `width`, `heads`, `hidden`, `mels`, `positions`
        n_layers: of this part
    """

    def __init__(self, shape: Mapping[str, Any], n_layers: int) -> None:
        super().__init__()
        width = shape["width"]
        self.conv1 = nn.Conv1d(shape["mels"], width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(shape["positions"], width)
        self.layers = nn.ModuleList(WhisperLayer(width, shape["heads"], shape["hidden"]) for _ in range(n_layers))
        self.requires_grad_(False)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the states of one utterance, shape (n_frames / 2, width).

        Args:
            frames: its log-mel spectrogram, shape (n_frames, n_mels), n_frames even
        """
        hidden = functional.gelu(self.conv1(frames.T[None]))
        states = functional.gelu(self.conv2(hidden)).transpose(1, 2)
        states = states + self.embed_positions.weight[: states.shape[1]]
        real = torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)
        for layer in self.layers:
            states = layer(states, real)
        row: Tensor = states[0]
        return row


class WhisperClassifier(nn.Module):
    """Trained layers → weighted mean of their states → mean and deviation over frames → dense → tanh → linear.

    The weights of the layers are learned (Yang et al. 2021, "SUPERB", Interspeech, section 3); states are normalised
    first, since those of higher layers are larger by orders of magnitude. Padding has no effect on a row.

    Args:
        shape: as `WhisperLowerPart` takes it, and `layers`
        n_outputs: outputs
        n_trained: trained layers, from the top
        dense: units of the hidden layer; 0: as many as the encoder's states have
        dropout: rate before each linear layer
        layer_decay: learning rate of a layer over that of the layer above it
        head_rate: learning rate of the head and of the layers' weights
    """

    def __init__(
        self,
        shape: Mapping[str, Any],
        n_outputs: int,
        *,
        n_trained: int,
        dense: int,
        dropout: float,
        layer_decay: float,
        head_rate: float,
    ) -> None:
        super().__init__()
        width = shape["width"]
        self.lower = WhisperLowerPart(shape, shape["layers"] - n_trained)
        self.layers = nn.ModuleList(WhisperLayer(width, shape["heads"], shape["hidden"]) for _ in range(n_trained))
        self.mix = nn.Parameter(torch.zeros(n_trained + 1))
        hidden = dense or width
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(2 * width, hidden),
            nn.Tanh(),
            nn.Dropout(dropout),
            nn.Linear(hidden, n_outputs),
        )
        self._layer_decay, self._head_rate = layer_decay, head_rate

    def load_encoder(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Set the encoder's weights.

        Args:
            tensors: named as in Hugging Face's `WhisperEncoder`
        """
        n_lower = len(self.lower.layers)
        of_lower, of_upper = {}, {}
        for name, values in tensors.items():
            layer = _LAYER.match(name)
            if layer and int(layer[1]) >= n_lower:
                of_upper[_LAYER.sub(f"{int(layer[1]) - n_lower}.", name)] = torch.from_numpy(values)
            elif not name.startswith("layer_norm."):
                of_lower[name] = torch.from_numpy(values)
        self.lower.load_state_dict(of_lower)
        self.layers.load_state_dict(of_upper)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            states: of the lower part, padded, shape (n_rows, n_longest, width)
            lengths: states of each row, int64, shape (n_rows,)
        """
        real = torch.arange(states.shape[1], device=states.device) < lengths[:, None]
        of_layers = [states]
        for layer in self.layers:
            of_layers.append(layer(of_layers[-1], real))
        shares = torch.softmax(self.mix, dim=0)
        width = (states.shape[2],)
        mixed = torch.stack([functional.layer_norm(layer_states, width) for layer_states in of_layers], dim=-1) @ shares
        mean = pooled(mixed, lengths, "mean")
        variance = pooled((mixed - mean[:, None]) ** 2, lengths, "mean")
        # the square root has no gradient at 0: a row may have a single state
        outputs: Tensor = self.head(torch.cat([mean, torch.sqrt(variance + _LEAST_VARIANCE)], dim=1))
        return outputs

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Return trained parameters by learning rate: lower layers learn less (Howard & Ruder 2018).

        Args:
            rate: of the top layer, which comes first
        """
        named = [(f"layers.{name}", weight) for name, weight in self.layers.named_parameters()]
        groups = rated_groups(named, _layer, len(self.layers), rate, self._layer_decay)
        return [
            *groups,
            {"params": list(self.head.parameters()), "lr": self._head_rate},
            {"params": [self.mix], "lr": self._head_rate, "weight_decay": 0.0},
        ]


_LEAST_VARIANCE = 1e-6


def _layer(name: str) -> int | None:
    match = _LAYER.match(name)
    return int(match[1]) if match else None
