"""PyTorch module of `speech-fine-tuned`: a pretrained encoder of raw sound with a classifier, trained together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from tasks.features.sound import speech_encoder
from tasks.models.networks.layer_rates import rated_groups

_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")


class SpeechClassifier(nn.Module):
    """Encoder → one vector over frames → dropout → dense → tanh → dropout → linear.

    The head is that of RoBERTa (Liu et al. 2019). Padding has no effect on a row, in training or after.

    Args:
        encoder: a model of transformers that takes raw sound, as `tasks.features.sound.speech_encoder.load` gives it
        n_outputs: outputs
        pooling: `mean`, `max` or `sum` over a row's own frames
        dense: units of the hidden layer; 0: as many as the encoder's states have
        dropout: rate before each linear layer
        frozen: whether the convolutions are not trained
        spec_augment: whether frames are masked in training, as the encoder's configuration says
        layer_decay: learning rate of a layer over that of the layer above it
        head_rate: learning rate of the head
    """

    def __init__(
        self,
        encoder: Any,
        n_outputs: int,
        *,
        pooling: str,
        dense: int = 0,
        dropout: float,
        frozen: bool,
        spec_augment: bool,
        layer_decay: float,
        head_rate: float,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        _replace_group_norm(encoder)
        if frozen:
            encoder.feature_extractor._freeze_parameters()
        if (masked := getattr(encoder, "masked_spec_embed", None)) is not None:
            # without masked frames in a batch it has no gradient, for which several devices would wait
            masked.requires_grad = False
        width = encoder.config.hidden_size
        hidden = dense or width
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(width, hidden), nn.Tanh(), nn.Dropout(dropout), nn.Linear(hidden, n_outputs)
        )
        self._pooling, self._spec_augment = pooling, spec_augment
        self._layer_decay, self._head_rate = layer_decay, head_rate

    def forward(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            waveform: samples at 16 kHz, padded with zeros, shape (n_rows, n_longest)
            lengths: samples of each row, int64, shape (n_rows,)
        """
        n_frames = self.encoder._get_feat_extract_output_lengths(lengths)
        with self._masking(int(n_frames.min())), speech_encoder.without_mask_warning():
            if speech_encoder.supports_attention_mask(self.encoder.config):
                states = self._states(waveform, lengths)
            else:
                # one row at a time: such encoders let padding into their states
                rows = range(len(lengths))
                alone = [self._states(waveform[row, None, : lengths[row]], lengths[row, None])[0] for row in rows]
                states, n_frames = pad_sequence(alone, batch_first=True), lengths.new_tensor([*map(len, alone)])
        outputs: Tensor = self.head(pooled(states, n_frames, self._pooling))
        return outputs

    def _states(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        if isinstance(norm := _first_norm(self.encoder), _UnpaddedGroupNorm):
            norm.lengths = lengths
        real = torch.arange(waveform.shape[1], device=waveform.device) < lengths[:, None]
        states: Tensor = self.encoder(waveform, attention_mask=real.long()).last_hidden_state
        return states

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Return trained parameters by learning rate: lower layers learn less (Howard & Ruder 2018).

        Args:
            rate: of the top layer, which comes first
        """
        named = [(name, weight) for name, weight in self.encoder.named_parameters() if weight.requires_grad]
        depth = self.encoder.config.num_hidden_layers
        groups = rated_groups(named, _layer, depth, rate, self._layer_decay)
        return [*groups, {"params": list(self.head.parameters()), "lr": self._head_rate}]

    @contextmanager
    def _masking(self, fewest: int) -> Iterator[None]:
        """Switch SpecAugment on or off, and seed it by PyTorch's generator: transformers draws masks from NumPy's.

        A batch with a row shorter than one mask is not masked; transformers would refuse it.
        """
        config = self.encoder.config
        config.apply_spec_augment = self.training and self._spec_augment and config.mask_time_length <= fewest
        if not config.apply_spec_augment:
            yield
            return
        before = np.random.get_state()
        np.random.seed(int(torch.randint(2**32, ())))
        try:
            yield
        finally:
            np.random.set_state(before)


def pooled(states: Tensor, n_frames: Tensor, pooling: str) -> Tensor:
    """Return one vector per row, pooled over its own frames, shape (n_rows, n_features).

    Args:
        states: shape (n_rows, n_longest, n_features)
        n_frames: of each row, shape (n_rows,)
        pooling: `mean`, `max` or `sum`
    """
    padding = (torch.arange(states.shape[1], device=states.device) >= n_frames[:, None])[:, :, None]
    if pooling == "max":
        return states.masked_fill(padding, float("-inf")).amax(dim=1)
    total = states.masked_fill(padding, 0.0).sum(dim=1)
    return total / n_frames[:, None] if pooling == "mean" else total


class _UnpaddedGroupNorm(nn.GroupNorm):
    """Group norm over a row's own steps: with padding, a row's result would depend on the others in its batch."""

    lengths: Tensor

    def __init__(self, norm: nn.GroupNorm, kernel: int, stride: int) -> None:
        super().__init__(norm.num_groups, norm.num_channels, eps=norm.eps)
        self.load_state_dict(norm.state_dict())
        self._kernel, self._stride = kernel, stride

    def forward(self, input: Tensor) -> Tensor:
        """Return normalised steps, 0 after a row's end, shape (n_rows, n_channels, n_longest)."""
        n_steps = ((self.lengths - self._kernel) // self._stride + 1).tolist()
        rows = [
            super(_UnpaddedGroupNorm, self).forward(row[None, :, :n]) for row, n in zip(input, n_steps, strict=True)
        ]
        return torch.cat([functional.pad(row, (0, input.shape[2] - row.shape[2])) for row in rows])


def _layer(name: str) -> int | None:
    """Return the layer of a parameter, from 0, the lowest; None outside the layers."""
    match = _LAYER.match(name)
    return int(match.group(1)) if match else None


def _replace_group_norm(encoder: Any) -> None:
    """Replace the group norm of an encoder's first convolution, if any, by one that ignores padding."""
    norm, config = _first_norm(encoder), encoder.config
    if isinstance(norm, nn.GroupNorm):
        first = encoder.feature_extractor.conv_layers[0]
        first.layer_norm = _UnpaddedGroupNorm(norm, config.conv_kernel[0], config.conv_stride[0])


def _first_norm(encoder: Any) -> nn.Module | None:
    return getattr(encoder.feature_extractor.conv_layers[0], "layer_norm", None)
