"""Windows: stretches of an utterance's frames that are learned and scored by themselves, and the way back to it.

A window has its utterance's label, speaker, group and script: protocols that keep any of these apart keep windows
together. A split that keeps nothing apart (`random`) tears them apart, as published figures do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tasks.core.config import Clips, Windows
from tasks.evaluation.splits import Labels
from tasks.features.base.sequences import Rows, Sequences
from tasks.models.base.estimator import Scores

NONE = "none"
"""What a clip is called of which the model is not sure enough."""
_TIE = 1e-6


@dataclass(frozen=True)
class Cut:
    """Where the windows of some utterances lie.

    Args:
        parent: number of the utterance that each window is of, ascending, shape (n_windows,)
        number: of the window within its utterance, from 0, shape (n_windows,)
    """

    parent: Rows
    number: Rows


def cut(durations_s: NDArray[np.float64], windows: Windows) -> Cut:
    """Return the windows that fit into utterances; one that is shorter than a window is a single one.

    Args:
        durations_s: of the utterances, shape (n_utterances,)
        windows: how long they are, and how far apart
    """
    spare = np.maximum(durations_s - windows.length_s, 0)
    # rounded first: 0.75 s are three hops of 0.25 s, whatever the last bit says
    counts = 1 + np.floor(np.round(spare / windows.hop_s, 6)).astype(np.int64)
    parent = np.repeat(np.arange(counts.size, dtype=np.int64), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    return Cut(parent, np.arange(parent.size, dtype=np.int64) - first)


def of(sequences: Sequences, where: Cut, windows: Windows, step_s: float) -> Sequences:
    """Return the windows of sequences, which are not copied.

    Args:
        sequences: of the utterances
        where: from `cut`
        windows: how long they are, and how far apart
        step_s: seconds from one step to the next
    """
    most = max(1, round(windows.length_s / step_s))
    lengths = sequences.lengths[where.parent]
    offset = np.round(where.number * windows.hop_s / step_s).astype(np.int64)
    # blocks of other steps may end a step earlier than the block that the windows were counted by
    offset = np.minimum(offset, np.maximum(lengths - most, 0))
    starts = sequences.starts[where.parent] + offset
    return replace(sequences, starts=starts, lengths=np.minimum(lengths - offset, most))


def pooled(scores: Scores, clip: Labels, clips: Clips) -> tuple[Rows, Scores]:
    """Return one row of scores per utterance out of its windows' scores.

    Args:
        scores: of the windows, in their order within each utterance, shape (n_windows, n_outputs)
        clip: the utterance of each window, those of one standing together, shape (n_windows,)
        clips: how they are smoothed and pooled

    Returns:
        the first window of each utterance, shape (n_utterances,), and scores, shape (n_utterances, n_outputs); with a
        floor, one more column: `NONE`, which is highest where no class reaches the floor
    """
    first = np.flatnonzero(np.append(True, clip[1:] != clip[:-1])) if clip.size else np.empty(0, dtype=np.int64)
    parts = np.split(scores, first[1:]) if clip.size else []
    found = np.array([_one(smoothed(part, clips.smooth), clips) for part in parts]).reshape(-1, scores.shape[1])
    if clips.floor:
        found = np.column_stack([found, np.full(len(found), clips.floor)])
    return first, found


def smoothed(scores: Scores, n_windows: int) -> Scores:
    """Return the mean of each window's scores and its neighbours', fewer at the ends, shape as given.

    Args:
        scores: of neighbouring windows in order, shape (n, n_outputs)
        n_windows: how many are averaged, the window in the middle: odd
    """
    if n_windows == 1:
        return scores
    reach = n_windows // 2
    sums = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, axis=0)])
    where = np.arange(len(scores))
    low, high = np.maximum(where - reach, 0), np.minimum(where + reach + 1, len(scores))
    smooth: Scores = (sums[high] - sums[low]) / (high - low)[:, None]
    return smooth


def outputs(names: Sequence[str], clips: Clips | None) -> tuple[str, ...]:
    """Return what the columns of pooled scores stand for."""
    return (*names, NONE) if clips is not None and clips.floor else tuple(names)


def _one(scores: Scores, clips: Clips) -> Scores:
    if clips.by == "max":
        highest: Scores = scores.max(axis=0)
        return highest
    mean: Scores = scores.mean(axis=0)
    if clips.by == "mean":
        return mean
    votes = np.bincount(scores.argmax(axis=1), minlength=scores.shape[1]) / len(scores)
    # of classes with as many votes, the one that was voted for more surely
    return np.asarray((votes + _TIE * mean) / (1 + _TIE))
