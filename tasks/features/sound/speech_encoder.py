"""Hidden states and pooled embeddings of pretrained speech encoders.

wav2vec 2.0 (Baevski et al. 2020, NeurIPS), HuBERT (Hsu et al. 2021, TASLP), WavLM (Chen et al. 2022, JSTSP) and
similar: convolutions over samples at 16 kHz, one frame per 320 samples in all published models, then a transformer.
They need PyTorch; the encoder of Whisper (`whisper_encoder`) does not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError, ConfigError, InputError
from tasks.features.base import checkpoints, whisper_files
from tasks.features.base.extractor import Extractor, Sound
from tasks.features.sound import framing
from tasks.features.sound.whisper_encoder import WhisperEncoder

DEFAULT = "facebook/wav2vec2-base"
"""Baevski et al. (2020); pretrained on 960 hours of LibriSpeech, without transcripts."""
WHISPER = "whisper-base"
"""Radford et al. (2023); `undertone weights fetch whisper-base`."""

Vector = NDArray[np.float32]
States = NDArray[np.float32]
_SHORTEST_PIECE_S = 1.0
_SLOWEST, _FASTEST = 0.5, 2.0
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


@dataclass(frozen=True)
class SpeechEncoderSettings:
    """Settings of statistics of several layers.

    Args:
        checkpoint: `whisper-base`, or any other as in `SpeechStateSettings`
        layers: as `layer` in `SpeechStateSettings`; none: all layers of the transformer but its input
        statistics: of each feature over the frames of all pieces, layer after layer: their mean, or their mean and
            standard deviation
        speeds: the sound is also played faster or slower, which changes pitch and tempo as another speaker would, and
            the statistics of all versions are averaged; 1: as it is
        max_duration_s: as in `SpeechStateSettings`; Whisper has positions for 30 s
        batch_size: as in `SpeechStateSettings`; Whisper's pieces are processed one by one
    """

    checkpoint_kind: ClassVar[checkpoints.CheckpointKind] = "speech"
    checkpoint: str = WHISPER
    layers: tuple[int, ...] = ()
    statistics: Literal["mean", "mean-deviation"] = "mean-deviation"
    speeds: tuple[float, ...] = (1.0,)
    max_duration_s: float = 30.0
    batch_size: int = 8

    def __post_init__(self) -> None:
        SpeechStateSettings(self.checkpoint, max_duration_s=self.max_duration_s, batch_size=self.batch_size)
        if len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers is {list(self.layers)}; expected each of them once")
        if not self.speeds or not all(_SLOWEST <= speed <= _FASTEST for speed in self.speeds):
            raise ValueError(f"speeds is {list(self.speeds)}; expected numbers from {_SLOWEST} to {_FASTEST}")


class SpeechModel(Protocol):
    """A pretrained encoder that is ready to run."""

    n_layers: int
    at_once: int

    def pieces(self, sound: Sound, longest_s: float) -> list[Vector]:
        """Return a sound's pieces of at most so many seconds, as `states` takes them."""

    def states(self, pieces: Sequence[Vector], layers: Sequence[int]) -> list[States]:
        """Return each piece's states, float32, shape (n_layers, n_frames, n_features); layers are 0 … n_layers."""


def started(checkpoint: str, batch_size: int) -> SpeechModel:
    """Return the encoder of a checkpoint.

    Args:
        checkpoint: see `checkpoints.folder_of`, and `whisper_files.onnx_file`
        batch_size: of models whose results do not depend on it

    Raises:
        InputError: as `load`
    """
    file = whisper_files.onnx_file(checkpoint)
    return RawSoundEncoder(checkpoint, batch_size) if file is None else WhisperEncoder(file)


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


class RawSoundEncoder:
    """The states of sounds in an encoder of transformers that takes raw sound.

    Args:
        checkpoint: see `checkpoints.folder_of`
        batch_size: pieces per forward pass, where their results are independent of each other

    Raises:
        InputError: as `load`
    """

    def __init__(self, checkpoint: str, batch_size: int) -> None:
        self._preprocessor, self._model = load(checkpoint)
        config = self._model.config
        self.n_layers = int(config.num_hidden_layers)
        # group norm averages over time, padding included, and such models were trained without attention masks: their
        # rows must be processed one by one
        self._masks = supports_attention_mask(config) and config.feat_extract_norm != "group"
        self._masks &= bool(self._preprocessor.return_attention_mask)
        self.at_once = batch_size if self._masks else 1

    def pieces(self, sound: Sound, longest_s: float) -> list[Vector]:
        """Return the samples of a sound's equal pieces; the level is normalised over the whole sound.

        Args:
            sound: of any length
            longest_s: longer sounds are cut, in seconds

        Raises:
            AudioError: if it is unusable or too short for one frame
        """
        signal = framing.to_16_khz(sound.samples, sound.rate_hz).astype(np.float32)
        fewest = fewest_samples(self._model.config)
        if signal.size < fewest:
            raise AudioError(
                f"{signal.size / framing.RATE_HZ:.3f} s of sound; this encoder's convolutions need at least "
                f"{fewest / framing.RATE_HZ:.3f} s"
            )
        normalised = self._preprocessor(signal, sampling_rate=framing.RATE_HZ, return_tensors="np")["input_values"][0]
        longest = round(longest_s * framing.RATE_HZ)
        return np.array_split(np.asarray(normalised, dtype=np.float32), -(-signal.size // longest))

    def states(self, pieces: Sequence[Vector], layers: Sequence[int]) -> list[States]:
        """Return the states of pieces, float32, shape (n_layers, n_frames, n_features).

        Args:
            pieces: from `pieces`
            layers: 0: the input of the first transformer layer; n: the output of the n-th
        """
        import torch

        lengths = torch.tensor([piece.size for piece in pieces])
        padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(piece) for piece in pieces], batch_first=True)
        real = torch.arange(padded.shape[1]) < lengths[:, None]
        with torch.inference_mode(), without_mask_warning():
            outputs = self._model(
                padded,
                attention_mask=real.long() if self._masks else None,
                output_hidden_states=list(layers) != [self.n_layers],
            )
            n_frames = self._model._get_feat_extract_output_lengths(lengths).tolist()
        # large models normalise the last layer once more than those below
        chosen = torch.stack(
            [outputs.last_hidden_state if layer == self.n_layers else outputs.hidden_states[layer] for layer in layers]
        )
        return [chosen[:, row, :n].numpy().astype(np.float32) for row, n in enumerate(n_frames)]


def _in_pieces(
    model: SpeechModel, batch: Sequence[Sound], layers: Sequence[int], longest_s: float
) -> Iterator[tuple[int, States]]:
    """Yield (index of the sound, states of shape (n_layers, n_frames, n_features)) for each piece, in order."""
    pieces = [(number, piece) for number, sound in enumerate(batch) for piece in model.pieces(sound, longest_s)]
    for start in range(0, len(pieces), model.at_once):
        chunk = pieces[start : start + model.at_once]
        states = model.states([piece for _, piece in chunk], layers)
        yield from zip((number for number, _ in chunk), states, strict=True)


def _layer(layer: int, name: str, checkpoint: str, n_layers: int) -> int:
    if not -n_layers - 1 <= layer <= n_layers:
        raise ConfigError(
            f"{name} is {layer}; checkpoint {checkpoint} has layers 0 to {n_layers}, or {-n_layers - 1} to -1"
        )
    return layer % (n_layers + 1)


def _start_embedding(settings: SpeechEmbeddingSettings) -> Callable[[Sequence[Sound]], list[Vector]]:
    model = started(settings.checkpoint, settings.batch_size)
    layer = _layer(settings.layer, "layer", settings.checkpoint, model.n_layers)
    join = np.maximum if settings.pooling == "max" else np.add

    def embed(batch: Sequence[Sound]) -> list[Vector]:
        # pool piece by piece in float64: the states of long sounds need not be kept
        pooled: dict[int, NDArray[np.float64]] = {}
        n_frames = [0] * len(batch)
        for number, (states,) in _in_pieces(model, batch, [layer], settings.max_duration_s):
            part = join.reduce(states.astype(np.float64), axis=0)
            pooled[number] = join(pooled[number], part) if number in pooled else part
            n_frames[number] += len(states)
        if settings.pooling == "mean":
            pooled = {number: total / n_frames[number] for number, total in pooled.items()}
        return [pooled[number].astype(np.float32) for number in range(len(batch))]

    return embed


def _start_states(settings: SpeechStateSettings) -> Callable[[Sequence[Sound]], list[Vector]]:
    model = started(settings.checkpoint, settings.batch_size)
    layer = _layer(settings.layer, "layer", settings.checkpoint, model.n_layers)

    def states_of(batch: Sequence[Sound]) -> list[Vector]:
        pieces: list[list[Vector]] = [[] for _ in batch]
        for number, (states,) in _in_pieces(model, batch, [layer], settings.max_duration_s):
            pieces[number].append(states)
        return [np.concatenate(arrays) for arrays in pieces]

    return states_of


def _start_statistics(settings: SpeechEncoderSettings) -> Callable[[Sequence[Sound]], list[Vector]]:
    model = started(settings.checkpoint, settings.batch_size)
    wanted = settings.layers or range(1, model.n_layers + 1)
    layers = [_layer(layer, "one of layers", settings.checkpoint, model.n_layers) for layer in wanted]

    def summarise(batch: Sequence[Sound]) -> list[Vector]:
        versions = []
        for speed in settings.speeds:
            # a sound that is said to have a lower rate becomes longer
            played = [Sound(sound.samples, round(sound.rate_hz * speed)) for sound in batch]
            moments = [_Moments() for _ in batch]
            for number, states in _in_pieces(model, played, layers, settings.max_duration_s):
                moments[number].add(states)
            versions.append([sums.vector(settings.statistics == "mean-deviation") for sums in moments])
        return [np.mean(vectors, axis=0).astype(np.float32) for vectors in zip(*versions, strict=True)]

    return summarise


class _Moments:
    """Sums over the frames of an utterance's pieces, from which mean and standard deviation follow."""

    def __init__(self) -> None:
        self._n_frames = 0
        self._sum: Any = 0.0
        self._squares: Any = 0.0

    def add(self, states: States) -> None:
        precise = states.astype(np.float64)
        self._n_frames += states.shape[1]
        self._sum = self._sum + precise.sum(axis=1)
        self._squares = self._squares + (precise**2).sum(axis=1)

    def vector(self, deviation: bool) -> NDArray[np.float64]:
        """Return the statistics of layer after layer, shape (n_layers * n_statistics * n_features,)."""
        mean = self._sum / self._n_frames
        parts = [mean]
        if deviation:
            parts.append(np.sqrt(np.maximum(self._squares / self._n_frames - mean**2, 0.0)))
        return np.stack(parts, axis=1).reshape(-1)


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
        "speech-encoder",
        "mean and deviation of several layers of a pretrained speech encoder, such as Whisper's",
        "sound",
        "vector",
        SpeechEncoderSettings,
        _start_statistics,
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
