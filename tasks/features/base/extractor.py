"""The extractor interface: a name, settings, and a function from a batch of utterances to one value per utterance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Reads = Literal["text", "sound", "video"]
Gives = Literal["vector", "sequence", "text"]
Value = NDArray[np.float32] | str


@dataclass(frozen=True)
class Transcript:
    """Text of one utterance with its dialogue context.

    Args:
        text: the words, "" for none
        speaker: the speaker, "" if unknown
        before: (speaker, text) of the earlier utterances of its group (dialogue, video), oldest first
        after: the same of the later utterances, the next one first
    """

    text: str
    speaker: str = ""
    before: tuple[tuple[str, str], ...] = ()
    after: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Sound:
    """Audio of one utterance.

    Args:
        samples: mono, full scale 1, shape (n_samples,), float32
        rate_hz: sampling rate in Hz; 16,000 for audio decoded by undertone
    """

    samples: NDArray[np.float32]
    rate_hz: int


@dataclass(frozen=True)
class VideoFrames:
    """Video frames of one utterance.

    Args:
        images: RGB frames in temporal order, uint8, shape (n_frames, height, width, 3)
        times_s: time of each frame in seconds from the utterance's start, shape (n_frames,)
        entropies: entropy of each uncropped frame's grey levels in bits, shape (n_frames,)
    """

    images: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    entropies: NDArray[np.float64]


@dataclass(frozen=True)
class Extractor:
    """A kind of features; modules of `tasks.features` list theirs in `EXTRACTORS`.

    Args:
        name: name in params.yaml
        title: one-line description
        reads: input type: `text` (`Transcript`), `sound` (`Sound`) or `video` (`VideoFrames`; its settings need
            `n_frames`, `size` and `crop`)
        gives: output type: `vector` (float32, shape (n_features,)), `sequence` (float32, shape (n_steps, n_features),
            n_steps >= 1) or `text`; n_features is the same for every utterance
        settings: frozen dataclass of the parameters allowed in params.yaml; every field has a default. Special fields:
            `batch_size` (utterances of similar length per call), `checkpoint` (pretrained model, checked by the leakage
            audit), `step_s` (seconds between steps of a sequence; needed to cut windows)
        start: settings → function; called once per process, may load models. The function maps a batch to one value
            per utterance, independent of the rest of the batch. On `AudioError` it is called again for each utterance
        names: settings → feature names, if the features have names
        alongside: whether interviews get these features while their segments are cut: of sound, by NumPy alone
    """

    name: str
    title: str
    reads: Reads
    gives: Gives
    settings: type
    start: Callable[[Any], Callable[[Sequence[Any]], Sequence[Value]]]
    names: Callable[[Any], tuple[str, ...]] | None = None
    alongside: bool = False

    @property
    def column(self) -> Literal["text", "audio", "video"]:
        """Column of the utterance table that holds the input: text, or the path of the audio or video file."""
        return "audio" if self.reads == "sound" else self.reads
