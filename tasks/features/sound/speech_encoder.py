"""Speech as a pretrained encoder of raw sound hears it: one vector per utterance, or one per frame.

wav2vec 2.0 (Baevski et al. 2020, NeurIPS), HuBERT (Hsu et al. 2021, TASLP), WavLM (Chen et al. 2022, JSTSP) and their
like: convolutions over samples at 16 kHz, a frame every 320 of them in all published ones, then a transformer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError, ConfigError, InputError
from tasks.features.base import checkpoints
from tasks.features.base.extractor import Extractor, Sound
from tasks.features.sound import framing

DEFAULT = "facebook/wav2vec2-base"
"""Baevski et al. (2020); pretrained on LibriSpeech's 960 hours, without their transcripts."""

Vector = NDArray[np.float32]
_SHORTEST_PIECE_S = 1.0
_WITH_ATTENTION_MASK = ("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat")


@dataclass(frozen=True)
class SpeechStateSettings:
    """Hidden states of frames.

    Args:
        checkpoint: a name or a path, see `tasks.features.base.checkpoints`
        layer: whose states are taken: 0 is what the transformer is given, 1 its first layer; negative ones count from
            the last. Layers in the middle often tell more of emotions than the last (Pepino et al. 2021, Interspeech)
        max_duration_s: what is longer is cut into as few pieces of equal length as need be, each of which the
            transformer sees alone, since its memory grows with the square of their length; states are put together
            again. The level is normalised over the whole
        batch_size: how many utterances, or pieces, run at once, where the checkpoint bears it
    """

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
    """One vector per utterance.

    Args:
        pooling: of the states of all frames, those of all pieces together
    """

    pooling: Literal["mean", "max", "sum"] = "mean"


def load(checkpoint: str) -> tuple[Any, Any]:
    """Return a checkpoint's feature extractor and its model, which takes raw sound at 16 kHz, ready to infer.

    Raises:
        InputError: as `checkpoints.audio_encoder`; or if the model takes something else
    """
    preprocessor, model = checkpoints.audio_encoder(checkpoint)
    if not all(hasattr(model, name) for name in ("feature_extractor", "_get_feat_extract_output_lengths")):
        raise InputError(
            f"checkpoint {checkpoint} is a {model.config.model_type} model, which does not read raw sound; expected "
            f"are wav2vec 2.0, HuBERT, WavLM and their like, such as {DEFAULT}"
        )
    if preprocessor.sampling_rate != framing.RATE_HZ:
        raise InputError(
            f"checkpoint {checkpoint} reads sound at {preprocessor.sampling_rate} Hz; it must be {framing.RATE_HZ} Hz"
        )
    if getattr(model, "adapter", None) is not None:
        # trained to hand frames, fewer of them, to a decoder; states are the encoder's own
        model.adapter, model.config.add_adapter = None, False
    return preprocessor, model


def fewest_samples(config: Any) -> int:
    """Return how many samples it takes for one frame to come out of a model's convolutions."""
    found = 1
    for kernel, stride in reversed(list(zip(config.conv_kernel, config.conv_stride, strict=True))):
        found = (found - 1) * stride + kernel
    return found


def supports_attention_mask(config: Any) -> bool:
    """Whether a model's transformer, given an attention mask, keeps padding apart from sound.

    Others let it in before: data2vec through convolutions that stand one on another, SEW where it halves frames.
    """
    return config.model_type in _WITH_ATTENTION_MASK


@contextmanager
def without_mask_warning() -> Iterator[None]:
    """Let WavLM hand PyTorch one mask of truth values and another of numbers, which PyTorch is going to refuse."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Support for mismatched", UserWarning)
        yield


class _SpeechEncoder:
    """Sounds to hidden states."""

    def __init__(self, settings: SpeechStateSettings) -> None:
        self._preprocessor, self._model = load(settings.checkpoint)
        self._layer = _layer(settings, self._model.config.num_hidden_layers)
        self._longest = round(settings.max_duration_s * framing.RATE_HZ)
        # a group norm in the convolutions takes its mean over time, padding included, and such models have never seen
        # an attention mask: only alone does a row come out as it is
        config = self._model.config
        self._masks = supports_attention_mask(config) and config.feat_extract_norm != "group"
        self._masks &= bool(self._preprocessor.return_attention_mask)
        self._at_once = settings.batch_size if self._masks else 1

    def __call__(self, batch: Sequence[Sound]) -> Iterator[tuple[int, Vector]]:
        """Yield the states of piece after piece, each with its sound's number, shape (n_frames, n_features).

        Raises:
            AudioError: if a sound cannot be used, or is too short for a frame
        """
        pieces = [(number, piece) for number, sound in enumerate(batch) for piece in self._pieces(sound)]
        for start in range(0, len(pieces), self._at_once):
            some = pieces[start : start + self._at_once]
            states = self._states([piece for _, piece in some])
            yield from zip((number for number, _ in some), states, strict=True)

    def _pieces(self, sound: Sound) -> list[Vector]:
        signal = framing.to_16_khz(sound.samples, sound.rate_hz).astype(np.float32)
        fewest = fewest_samples(self._model.config)
        if signal.size < fewest:
            raise AudioError(
                f"{signal.size / framing.RATE_HZ:.3f} s of sound; this encoder's convolutions need at least "
                f"{fewest / framing.RATE_HZ:.3f} s"
            )
        found = self._preprocessor(signal, sampling_rate=framing.RATE_HZ, return_tensors="np")["input_values"][0]
        return np.array_split(np.asarray(found, dtype=np.float32), -(-signal.size // self._longest))

    def _states(self, pieces: list[Vector]) -> list[Vector]:
        import torch

        lengths = torch.tensor([piece.size for piece in pieces])
        padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(piece) for piece in pieces], batch_first=True)
        real = torch.arange(padded.shape[1]) < lengths[:, None]
        last = self._layer == self._model.config.num_hidden_layers
        with torch.inference_mode(), without_mask_warning():
            found = self._model(
                padded, attention_mask=real.long() if self._masks else None, output_hidden_states=not last
            )
            n_frames = self._model._get_feat_extract_output_lengths(lengths).tolist()
        # a large model's last layer is normalised once more than those below
        states = found.last_hidden_state if last else found.hidden_states[self._layer]
        return [one[:n].numpy().astype(np.float32) for one, n in zip(states, n_frames, strict=True)]


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
        return [np.concatenate(some) for some in pieces]

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
