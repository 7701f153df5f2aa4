"""Plot data of an experiment, saved as one JSON file for its page.

The file holds the names of these classes and of their fields: renaming one makes existing files unreadable.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import artifacts
from tasks.evaluation.splits import Labels


@dataclass(frozen=True)
class Attended:
    """An utterance's spectrogram and the attention weight of each of its frames.

    Args:
        utterance: its id
        actual: its class
        said: the class that the kept model predicts
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
    """One utterance without and under each augmentation: name → dB, shape (n_frames, n_bands)."""

    spectrograms: Mapping[str, NDArray[Any]]
    step_s: float


@dataclass(frozen=True)
class Shares:
    """A network's attention per block of features: means over the utterances of each class.

    Args:
        blocks: the features
        classes: of the utterances
        n: utterances per class
        of: shares of each class, sum 1, shape (n_classes, n_blocks)
        tested: whether these are test utterances of the kept model; otherwise it was trained on them
    """

    blocks: tuple[str, ...]
    classes: tuple[str, ...]
    n: tuple[int, ...]
    of: NDArray[np.float64]
    tested: bool


@dataclass(frozen=True)
class Frames:
    """Frames of a few utterances that a block's extractor chose: rows of `contact_sheet.SHEET` with their `emotion`."""

    features: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Search:
    """A learning-rate finder's curve.

    Args:
        block: features of the network, in a model with several networks; else ""
        rates: learning rates tried, ascending, shape (n_steps,)
        losses: running mean of the loss at each rate, shape (n_steps,)
        chosen: the chosen rate; None: the recipe's own rate was used
    """

    block: str
    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    chosen: float | None


@dataclass(frozen=True)
class Map:
    """A t-SNE map of utterances.

    Args:
        features: the mapped block
        perplexity: lower than the default if there are few points
        seed: of t-SNE and of the sample of points
        divergence: final Kullback–Leibler divergence
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
    """All plot data of an experiment.

    Args:
        counts: part (`all`, or `training`, `development`, `test` with one fold) → class → utterances
        maps: one per block of vectors
        words: class → its most characteristic words with their log-odds, the strongest first
        roc: points of every class's ROC curve: `class`, `false_positive_rate`, `true_positive_rate`
        curves: learning curves: `fold`, `seed`, `epoch`, `name`, `value`
        varied: one utterance under each augmentation
        attended: attention of a network over time
        shares: its attention per modality
        searched: its learning-rate searches
        frames: video frames of a few utterances
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
    """Return plot data as JSON; deterministic.

    Args:
        plot_data: of one experiment
    """
    return json.dumps(_encoded(plot_data), ensure_ascii=False) + "\n"


def loads(text: str) -> PlotData:
    """Return plot data from JSON; arrays and floats are restored exactly.

    Args:
        text: from `dumps`
    """
    plot_data: PlotData = json.loads(text, object_hook=_decoded)
    return plot_data


def read(path: Path) -> PlotData:
    """Return plot data from a file that the stage `experiment` wrote.

    Args:
        path: the file

    Raises:
        TableError: if it is missing or damaged
    """
    try:
        plot_data = loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise artifacts.missing(path) from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise artifacts.damaged(path, str(error)) from None
    if not isinstance(plot_data, PlotData):
        raise artifacts.damaged(path, f"found {type(plot_data).__name__}")
    return plot_data


def _encoded(value: Any) -> Any:
    if is_dataclass(value):
        return {"class": type(value).__name__, "fields": {name: _encoded(field) for name, field in vars(value).items()}}
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "shape": value.shape, **_encoded(value.tobytes())}
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        # pairs: a key of the data must not be mistaken for one of this format
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
