"""Hidden states and pooled embeddings of pretrained speech encoders with raw audio input.

wav2vec 2.0 (Baevski et al. 2020, NeurIPS), HuBERT (Hsu et al. 2021, TASLP), WavLM (Chen et al. 2022, JSTSP) and
similar: convolutions over samples at 16 kHz, one frame per 320 samples in all published models, then a transformer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError, ConfigError, InputError
from tasks.features.base import checkpoints
from tasks.features.base.extractor import Extractor, Sound
from tasks.features.sound import framing

DEFAULT = "facebook/wav2vec2-base"
"""Baevski et al. (2020); pretrained on 960 hours of LibriSpeech, without transcripts."""

Vector = NDArray[np.float32]
_SHORTEST_PIECE_S = 1.0
_WITH_ATTENTION_MASK = ("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat")


@dataclass(frozen=True)
class SpeechStateSettings:
    """Settings of hidden states.

    Args:
        checkpoint: a name or a path, see `tasks.features.base.checkpoints`
        layer: 0: input of the transformer, 1: its first layer; negative: from the last. Middle layers often carry more
            information on emotions than the last (Pepino et al. 2021, Interspeech)
        max_duration_s: longer utterances are cut into equal pieces, which the transformer processes separately (its
            memory grows with the square of the length); their states are concatenated. The level is normalised over
            the whole utterance
        batch_size: utterances or pieces per forward pass; 1 for checkpoints without attention masks
    """

    checkpoint_kind: ClassVar[checkpoints.CheckpointKind] = "speech"
    checkpoint: str = DEFAULT
    layer: int = -1
    max_duration_s: float = 30.0
    batch_size: int = 8

    def __post_init__(self) -> None:
        if not self.max_duration_s >= _SHORTEST_PIECE_S:
            raise ValueError(f"max_duration_s is {self.max_duration_s}; it must be {_SHORTEST_PIECE_S} or more")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; it must be 1 or more")


@dataclass(frozen=True)
class SpeechEmbeddingSettings(SpeechStateSettings):
    """Settings of one vector per utterance.

    Args:
        pooling: over the states of all frames of all pieces
    """

    pooling: Literal["mean", "max", "sum"] = "mean"


def load(checkpoint: str) -> tuple[Any, Any]:
    """Return the feature extractor and the model of a checkpoint with raw audio input at 16 kHz.

    Args:
        checkpoint: see `checkpoints.folder_of`

    Raises:
        InputError: as `checkpoints.audio_encoder`; or if the model has another input
    """
    preprocessor, model = checkpoints.audio_encoder(checkpoint)
    if not all(hasattr(model, name) for name in ("feature_extractor", "_get_feat_extract_output_lengths")):
        raise InputError(
            f"checkpoint {checkpoint} is a {model.config.model_type} model, which does not read raw sound; expected "
            f"a model such as wav2vec 2.0, HuBERT or WavLM, for example {DEFAULT}"
        )
    if preprocessor.sampling_rate != framing.RATE_HZ:
        raise InputError(
            f"checkpoint {checkpoint} reads sound at {preprocessor.sampling_rate} Hz; it must be {framing.RATE_HZ} Hz"
        )
    if getattr(model, "adapter", None) is not None:
        # the adapter shortens the sequence for a decoder; we need the encoder's own states
        model.adapter, model.config.add_adapter = None, False
    return preprocessor, model


def fewest_samples(config: Any) -> int:
    """Return the number of samples that a model's convolutions need for one frame (their receptive field).

    Args:
        config: configuration of the model, with `conv_kernel` and `conv_stride`
    """
    n_samples = 1
    for kernel, stride in reversed(list(zip(config.conv_kernel, config.conv_stride, strict=True))):
        n_samples = (n_samples - 1) * stride + kernel
    return n_samples


def supports_attention_mask(config: Any) -> bool:
    """Return whether results are independent of padding if an attention mask is given.

    In other models padding leaks in before the attention: in data2vec through stacked convolutions, in SEW through its
    downsampling.

    Args:
        config: configuration of the model
    """
    return config.model_type in _WITH_ATTENTION_MASK


@contextmanager
def without_mask_warning() -> Iterator[None]:
    """Silence PyTorch's deprecation warning about WavLM's mix of Boolean and floating-point masks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Support for mismatched", UserWarning)
        yield


class _SpeechEncoder:
    """Compute hidden states of a batch of sounds, in pieces of bounded length."""

    def __init__(self, settings: SpeechStateSettings) -> None:
        self._preprocessor, self._model = load(settings.checkpoint)
        self._layer = _layer(settings, self._model.config.num_hidden_layers)
        self._longest = round(settings.max_duration_s * framing.RATE_HZ)
        # group norm averages over time, padding included, and such models were trained without attention masks: their
        # rows must be processed one by one
        config = self._model.config
        self._masks = supports_attention_mask(config) and config.feat_extract_norm != "group"
        self._masks &= bool(self._preprocessor.return_attention_mask)
        self._at_once = settings.batch_size if self._masks else 1

    def __call__(self, batch: Sequence[Sound]) -> Iterator[tuple[int, Vector]]:
        """Yield (index of the sound, states of shape (n_frames, n_features)) for each piece, in order.

        Args:
            batch: sounds of any length

        Raises:
            AudioError: if a sound is unusable or too short for one frame
        """
        pieces = [(number, piece) for number, sound in enumerate(batch) for piece in self._pieces(sound)]
        for start in range(0, len(pieces), self._at_once):
            chunk = pieces[start : start + self._at_once]
            states = self._states([piece for _, piece in chunk])
            yield from zip((number for number, _ in chunk), states, strict=True)

    def _pieces(self, sound: Sound) -> list[Vector]:
        signal = framing.to_16_khz(sound.samples, sound.rate_hz).astype(np.float32)
        fewest = fewest_samples(self._model.config)
        if signal.size < fewest:
            raise AudioError(
                f"{signal.size / framing.RATE_HZ:.3f} s of sound; this encoder's convolutions need at least "
                f"{fewest / framing.RATE_HZ:.3f} s"
            )
        normalised = self._preprocessor(signal, sampling_rate=framing.RATE_HZ, return_tensors="np")["input_values"][0]
        return np.array_split(np.asarray(normalised, dtype=np.float32), -(-signal.size // self._longest))

    def _states(self, pieces: list[Vector]) -> list[Vector]:
        import torch

        lengths = torch.tensor([piece.size for piece in pieces])
        padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(piece) for piece in pieces], batch_first=True)
        real = torch.arange(padded.shape[1]) < lengths[:, None]
        last = self._layer == self._model.config.num_hidden_layers
        with torch.inference_mode(), without_mask_warning():
            outputs = self._model(
                padded, attention_mask=real.long() if self._masks else None, output_hidden_states=not last
            )
            n_frames = self._model._get_feat_extract_output_lengths(lengths).tolist()
        # large models normalise the last layer once more than those below
        states = outputs.last_hidden_state if last else outputs.hidden_states[self._layer]
        return [row[:n].numpy().astype(np.float32) for row, n in zip(states, n_frames, strict=True)]


def _layer(settings: SpeechStateSettings, n_layers: int) -> int:
    if not -n_layers - 1 <= settings.layer <= n_layers:
        raise ConfigError(
            f"layer is {settings.layer}; checkpoint {settings.checkpoint} has layers 0 to {n_layers}, or "
            f"{-n_layers - 1} to -1"
        )
    return settings.layer % (n_layers + 1)


def _start_embedding(settings: SpeechEmbeddingSettings) -> Callable[[Sequence[Sound]], list[Vector]]:
    encoder = _SpeechEncoder(settings)
    join = np.maximum if settings.pooling == "max" else np.add

    def embed(batch: Sequence[Sound]) -> list[Vector]:
        # pool piece by piece in float64: the states of long sounds need not be kept
        pooled: dict[int, NDArray[np.float64]] = {}
        n_frames = [0] * len(batch)
        for number, states in encoder(batch):
            part = join.reduce(states.astype(np.float64), axis=0)
            pooled[number] = join(pooled[number], part) if number in pooled else part
            n_frames[number] += len(states)
        if settings.pooling == "mean":
            pooled = {number: total / n_frames[number] for number, total in pooled.items()}
        return [pooled[number].astype(np.float32) for number in range(len(batch))]

    return embed


def _start_states(settings: SpeechStateSettings) -> Callable[[Sequence[Sound]], list[Vector]]:
    encoder = _SpeechEncoder(settings)

    def states_of(batch: Sequence[Sound]) -> list[Vector]:
        pieces: list[list[Vector]] = [[] for _ in batch]
        for number, states in encoder(batch):
            pieces[number].append(states)
        return [np.concatenate(arrays) for arrays in pieces]

    return states_of


EXTRACTORS = (
    Extractor(
        "speech-embedding",
        "one vector per utterance from a pretrained speech encoder, such as wav2vec 2.0",
        "sound",
        "vector",
        SpeechEmbeddingSettings,
        _start_embedding,
    ),
    Extractor(
        "speech-states",
        "the hidden states of an utterance's frames in a pretrained speech encoder, such as wav2vec 2.0",
        "sound",
        "sequence",
        SpeechStateSettings,
        _start_states,
    ),
)
