"""Plot data of an experiment: what its page draws, kept as one JSON file between the fit and the page."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.splits import Labels


@dataclass(frozen=True)
class Attended:
    """An utterance's spectrogram, and how much each of its frames counted.

    Args:
        utterance: its id
        actual: its class
        said: what the kept model calls it
        decibels: shape (n_frames, n_bands)
        weights: of the frames, sum 1, shape (n_frames,)
        step_s: seconds from one frame to the next
    """

    utterance: str
    actual: str
    said: str
    decibels: NDArray[Any]
    weights: NDArray[np.float64]
    step_s: float


@dataclass(frozen=True)
class Varied:
    """One utterance as it is and under each augmentation: name → dB, shape (n_frames, n_bands)."""

    spectrograms: Mapping[str, NDArray[Any]]
    step_s: float


@dataclass(frozen=True)
class Shares:
    """How much of a network's attention went to each block of features, on the mean over utterances of a class.

    Args:
        blocks: the features
        classes: those that the utterances have
        n: utterances of each class
        of: each class's shares, sum 1, shape (n_classes, n_blocks)
        tested: whether the utterances are those that the kept model was tested on; else it has learned from them
    """

    blocks: tuple[str, ...]
    classes: tuple[str, ...]
    n: tuple[int, ...]
    of: NDArray[np.float64]
    tested: bool


@dataclass(frozen=True)
class Frames:
    """Frames of a few utterances as a block's extractor chose them: rows of `contact_sheet.SHEET`."""

    features: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Search:
    """A learning-rate finder's curve.

    Args:
        block: whose network it is, of a model with several; else ""
        rates: that were tried, ascending, shape (n_steps,)
        losses: the running mean of the loss at each, shape (n_steps,)
        chosen: the rate that was taken; None: none, and the recipe's own was used
    """

    block: str
    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    chosen: float | None


@dataclass(frozen=True)
class Map:
    """Utterances in the plane: near each other where their features are.

    Args:
        features: which block it is a map of
        perplexity: of t-SNE; less than asked for where there are few points
        seed: of t-SNE and of the choice of points
        divergence: the Kullback–Leibler divergence that is left
        n: points shown, of `of`
        points: x and y, shape (n, 2)
        classes: of the points, shape (n,)
    """

    features: str
    perplexity: float
    seed: int
    divergence: float
    n: int
    of: int
    points: NDArray[np.float64]
    classes: Labels


@dataclass(frozen=True)
class PlotData:
    """Everything that is drawn.

    Args:
        counts: part (`all`, or `training`, `development`, `test` where there is one fold) → class → utterances
        maps: one per block of vectors
        words: class → its most telling words with their log-odds against the other classes, the strongest first
        roc: points of every class's ROC curve: `class`, `false_positive_rate`, `true_positive_rate`
        curves: learning curves: `fold`, `seed`, `epoch`, `name`, `value`
        varied: one utterance under each augmentation
        attended: where a network with attention looked
        shares: how much of its attention went to each modality
        searched: how its learning rates were found
        frames: what an image network was given of a few utterances
    """

    counts: Mapping[str, Mapping[str, int]]
    maps: Sequence[Map]
    words: Mapping[str, Sequence[tuple[str, float]]]
    roc: Sequence[Mapping[str, Any]]
    curves: Sequence[Mapping[str, Any]]
    varied: Varied | None = None
    attended: Sequence[Attended] = ()
    shares: Shares | None = None
    searched: Sequence[Search] = ()
    frames: Sequence[Frames] = ()


_CLASSES = {kind.__name__: kind for kind in (Attended, Varied, Shares, Frames, Search, Map, PlotData)}


def dumps(plot_data: PlotData) -> str:
    """Return plot data as JSON; the same data give the same text.

    Args:
        plot_data: what is drawn
    """
    return json.dumps(_encoded(plot_data), ensure_ascii=False) + "\n"


def loads(text: str) -> PlotData:
    """Return the plot data that `dumps` wrote; arrays come back with their dtype, floats to the last bit.

    Args:
        text: JSON
    """
    plot_data: PlotData = json.loads(text, object_hook=_decoded)
    return plot_data


def _encoded(value: Any) -> Any:
    if is_dataclass(value):
        entries = {field.name: _encoded(getattr(value, field.name)) for field in fields(value)}
        return {"class": type(value).__name__, "fields": entries}
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value).tobytes()
        return {"dtype": value.dtype.str, "shape": value.shape, "base64": _base64(content)}
    if isinstance(value, bytes):
        return {"base64": _base64(value)}
    if isinstance(value, Mapping):
        # pairs: a key of the data must not be mistaken for one of this file's own
        return {"pairs": [[key, _encoded(entry)] for key, entry in value.items()]}
    if isinstance(value, (tuple, list)):
        return [_encoded(entry) for entry in value]
    return value


def _decoded(entry: dict[str, Any]) -> Any:
    if "class" in entry:
        return _CLASSES[entry["class"]](**entry["fields"])
    if "base64" in entry:
        content = base64.b64decode(entry["base64"])
        return np.frombuffer(content, entry["dtype"]).reshape(entry["shape"]) if "dtype" in entry else content
    return dict(entry["pairs"]) if "pairs" in entry else entry


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
