"""Input and embedding of the Audio Spectrogram Transformer (AST).

Gong, Chung & Glass (2021), "AST: Audio Spectrogram Transformer", Interspeech. The source of `meld-text-audio` trains on
the input features only. It reads audio at 22.05 kHz but resamples it as if it were 48 kHz, so that its speech is 2.2
times too fast; we do not reproduce this error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.features.base import checkpoints
from tasks.features.base.extractor import Extractor, Sound
from tasks.features.sound import framing

Array = NDArray[np.float32]
_AST = "audio-spectrogram-transformer"


@dataclass(frozen=True)
class AstInputSettings:
    """Settings of the input features of AST.

    Args:
        max_length: number of 25 ms frames, every 10 ms; longer input is cut at its end, shorter input is padded with
            zeros before normalisation
        num_mel_bins: mel bands from 20 Hz to 8 kHz
        mean: subtracted from log energies (published mean of AudioSet)
        std: log energies are divided by twice this value (published standard deviation of AudioSet)
    """

    max_length: int = 1024
    num_mel_bins: int = 128
    mean: float = -4.2677393
    std: float = 4.5689974

    def __post_init__(self) -> None:
        if self.max_length < 1 or self.num_mel_bins < 1:
            raise ValueError(f"a spectrogram of {self.max_length} x {self.num_mel_bins}; both must be 1 or more")
        if not self.std > 0:
            raise ValueError(f"std is {self.std}; it must be above 0")


@dataclass(frozen=True)
class AstSettings:
    """Settings of the embedding of AST.

    Args:
        checkpoint: a name or a path, see `tasks.features.base.checkpoints`
        batch_size: utterances per forward pass
    """

    checkpoint_kind: ClassVar[checkpoints.CheckpointKind] = "ast"
    checkpoint: str = checkpoints.DEFAULT_AUDIO
    batch_size: int = 8

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; it must be 1 or more")


def _start_input(settings: AstInputSettings) -> Callable[[Sequence[Sound]], list[Array]]:
    library = checkpoints.transformers()
    with checkpoints.without_empty_bands():
        extractor = library.ASTFeatureExtractor(
            max_length=settings.max_length,
            num_mel_bins=settings.num_mel_bins,
            mean=settings.mean,
            std=settings.std,
            sampling_rate=framing.RATE_HZ,
        )
    return lambda batch: list(_inputs(extractor, batch))


def _start_ast(settings: AstSettings) -> Callable[[Sequence[Sound]], list[Array]]:
    extractor, model = checkpoints.audio_encoder(settings.checkpoint)
    if model.config.model_type != _AST:
        raise InputError(f"checkpoint {settings.checkpoint} is a {model.config.model_type} model; {_AST} is expected")

    def embed(batch: Sequence[Sound]) -> list[Array]:
        import torch

        with torch.inference_mode():
            # pooler_output: mean of the [CLS] and [DIST] tokens after the final layer norm
            pooled = model(torch.from_numpy(_inputs(extractor, batch))).pooler_output
        return list(pooled.numpy().astype(np.float32))

    return embed


def _inputs(extractor: Any, batch: Sequence[Sound]) -> Array:
    """Return normalised log-mel input, shape (n_sounds, n_frames, n_bands).

    Raises:
        AudioError: if a signal is too short, constant or not finite
    """
    signals = [framing.to_16_khz(sound.samples, sound.rate_hz).astype(np.float32) for sound in batch]
    inputs = extractor(signals, sampling_rate=framing.RATE_HZ, return_tensors="np")["input_values"]
    return np.asarray(inputs, dtype=np.float32)


EXTRACTORS = (
    Extractor(
        "ast-input",
        "the log-mel spectrogram that the Audio Spectrogram Transformer reads",
        "sound",
        "sequence",
        AstInputSettings,
        _start_input,
    ),
    Extractor(
        "ast",
        "one vector per utterance from a pretrained Audio Spectrogram Transformer",
        "sound",
        "vector",
        AstSettings,
        _start_ast,
    ),
)
