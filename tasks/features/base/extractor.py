"""What an extractor of features is: a name, settings, and a function from a batch of utterances to one value each."""

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
    """What was said in one utterance.

    Args:
        text: the words, "" for none
        speaker: who said it, "" where that is unknown
        before: speaker and text of the earlier utterances of its group (dialogue, video), oldest first
    """

    text: str
    speaker: str = ""
    before: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Sound:
    """How one utterance sounds.

    Args:
        samples: mono, full scale 1, shape (n_samples,), float32
        rate_hz: their sampling rate; 16,000 wherever the house reads sound itself
    """

    samples: NDArray[np.float32]
    rate_hz: int


@dataclass(frozen=True)
class VideoFrames:
    """How one utterance looks.

    Args:
        images: frames in the order of time, RGB, uint8, shape (n_frames, height, width, 3)
        times_s: of the frames, from the utterance's start, shape (n_frames,)
        entropies: of the whole frames' grey levels, in bits, shape (n_frames,)
    """

    images: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    entropies: NDArray[np.float64]


@dataclass(frozen=True)
class Extractor:
    """A kind of features, as a module of `tasks.features` offers it under the name `EXTRACTOR` or in `EXTRACTORS`.

    Args:
        name: how params.yaml names it
        title: one line for people
        reads: `text`: the function is given `Transcript`; `sound`: `Sound`; `video`: `VideoFrames`, by its settings
            `n_frames`, `size` and `crop`
        gives: a `vector` (float32, shape (n_features,)), a `sequence` (float32, shape (n_steps, n_features), 1 step or
            more) or a `text`; of the same n_features for every utterance
        settings: a frozen dataclass whose fields have defaults; what params.yaml may set. A field `batch_size` says how
            many utterances (of similar length) are handed over at once; a field `checkpoint` names a pretrained model,
            which the leakage audit looks up; an attribute `step_s` says how many seconds lie between two steps of a
            sequence, so that windows can be cut out of it
        start: settings → function. It may load models; it is called once per process. The function takes a batch and
            returns one value for each, whatever else is in the batch; it raises `AudioError` where sound cannot be
            used, and is then given the batch one by one
        names: settings → names of the features, where they have names
    """

    name: str
    title: str
    reads: Reads
    gives: Gives
    settings: type
    start: Callable[[Any], Callable[[Sequence[Any]], Sequence[Value]]]
    names: Callable[[Any], tuple[str, ...]] | None = None

    @property
    def column(self) -> Literal["text", "audio", "video"]:
        """The column of the utterance table that says what is read."""
        return "audio" if self.reads == "sound" else self.reads
