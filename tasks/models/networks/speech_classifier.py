"""A pretrained encoder of raw sound with a small classifier on top, trained together."""

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

_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")


class SpeechClassifier(nn.Module):
    """Encoder → one vector over frames → dropout → dense → tanh → dropout → linear.

    The part on top is the source's, who took over the classification head of RoBERTa (Liu et al. 2019). What fills a
    batch up has no effect on the other rows, in training or after.

    Args:
        encoder: a model of transformers that takes raw sound, as `tasks.features.sound.speech_encoder.load` gives it
        n_outputs: outputs
        pooling: `mean`, `max` or `sum` over a row's own frames
        dropout: share of features before each linear layer that a step of training sets to 0
        frozen: whether the convolutions stay as they are
        spec_augment: whether stretches of frames are masked in training, as the encoder's configuration says
        layer_decay: learning rate of a layer, over that of the layer above it
        head_rate: learning rate of the part on top
    """

    def __init__(
        self,
        encoder: Any,
        n_outputs: int,
        *,
        pooling: str,
        dropout: float,
        frozen: bool,
        spec_augment: bool,
        layer_decay: float,
        head_rate: float,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        _heed_lengths(encoder)
        if frozen:
            encoder.feature_extractor._freeze_parameters()
        if (masked := getattr(encoder, "masked_spec_embed", None)) is not None:
            # what stands for masked frames has no gradient in a batch without any, and several devices wait for all
            masked.requires_grad = False
        width = encoder.config.hidden_size
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(width, width), nn.Tanh(), nn.Dropout(dropout), nn.Linear(width, n_outputs)
        )
        self._pooling, self._spec_augment = pooling, spec_augment
        self._layer_decay, self._head_rate = layer_decay, head_rate

    def forward(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        """Return outputs, shape (n_rows, n_outputs).

        Args:
            waveform: samples at 16 kHz, filled up with zeros, shape (n_rows, n_longest)
            lengths: samples of each row, int64, shape (n_rows,)
        """
        n_frames = self.encoder._get_feat_extract_output_lengths(lengths)
        with self._masking(int(n_frames.min())), speech_encoder.without_mask_warning():
            if speech_encoder.supports_attention_mask(self.encoder.config):
                states = self._states(waveform, lengths)
            else:
                rows = range(len(lengths))
                alone = [self._states(waveform[row, None, : lengths[row]], lengths[row, None])[0] for row in rows]
                states, n_frames = pad_sequence(alone, batch_first=True), lengths.new_tensor([*map(len, alone)])
        found: Tensor = self.head(pooled(states, n_frames, self._pooling))
        return found

    def _states(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        if isinstance(norm := _first_norm(self.encoder), _NormOfRealSteps):
            norm.lengths = lengths
        real = torch.arange(waveform.shape[1], device=waveform.device) < lengths[:, None]
        found: Tensor = self.encoder(waveform, attention_mask=real.long()).last_hidden_state
        return found

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Return parameters by learning rate: lower layers learn less (Howard & Ruder 2018), what is frozen nothing.

        The top layer, whose rate is the one given, comes first; what lies below all layers, convolutions included, has
        the lowest of the encoder; biases and normalisation are not decayed.
        """
        depth = self.encoder.config.num_hidden_layers
        groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
        for name, parameter in self.encoder.named_parameters():
            if parameter.requires_grad:
                layer = _LAYER.match(name)
                below = depth - 1 - int(layer.group(1)) if layer else depth
                groups.setdefault((below, parameter.ndim > 1), []).append(parameter)
        rated = []
        for (below, decayed), parameters in sorted(groups.items(), key=lambda one: one[0]):
            rest = {} if decayed else {"weight_decay": 0.0}
            rated.append({"params": parameters, "lr": rate * self._layer_decay**below, **rest})
        return [*rated, {"params": list(self.head.parameters()), "lr": self._head_rate}]

    @contextmanager
    def _masking(self, fewest: int) -> Iterator[None]:
        """Let SpecAugment, where it is wanted, be drawn from PyTorch's generator: transformers asks NumPy's.

        A batch with a row shorter than one mask is left whole; transformers would refuse it.
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
    """Return one vector per row over its own frames, shape (n_rows, n_features).

    Args:
        states: shape (n_rows, n_longest, n_features)
        n_frames: of each row, shape (n_rows,)
        pooling: `mean`, `max` or `sum`
    """
    beyond = (torch.arange(states.shape[1], device=states.device) >= n_frames[:, None])[:, :, None]
    if pooling == "max":
        return states.masked_fill(beyond, float("-inf")).amax(dim=1)
    total = states.masked_fill(beyond, 0.0).sum(dim=1)
    return total / n_frames[:, None] if pooling == "mean" else total


class _NormOfRealSteps(nn.GroupNorm):
    """The group norm in the first convolution, over a row's own steps: over padding, a row would depend on others."""

    lengths: Tensor

    def __init__(self, norm: nn.GroupNorm, kernel: int, stride: int) -> None:
        super().__init__(norm.num_groups, norm.num_channels, eps=norm.eps)
        self.load_state_dict(norm.state_dict())
        self._kernel, self._stride = kernel, stride

    def forward(self, input: Tensor) -> Tensor:
        """Return steps normalised, and zeros beyond a row's end, shape (n_rows, n_channels, n_longest)."""
        n_steps = ((self.lengths - self._kernel) // self._stride + 1).tolist()
        rows = [super(_NormOfRealSteps, self).forward(row[None, :, :n]) for row, n in zip(input, n_steps, strict=True)]
        return torch.cat([functional.pad(row, (0, input.shape[2] - row.shape[2])) for row in rows])


def _heed_lengths(encoder: Any) -> None:
    """Put a norm that heeds lengths in place of an encoder's group norm, where it has one."""
    norm, config = _first_norm(encoder), encoder.config
    if isinstance(norm, nn.GroupNorm):
        first = encoder.feature_extractor.conv_layers[0]
        first.layer_norm = _NormOfRealSteps(norm, config.conv_kernel[0], config.conv_stride[0])


def _first_norm(encoder: Any) -> nn.Module | None:
    return getattr(encoder.feature_extractor.conv_layers[0], "layer_norm", None)
