"""Windows: cut an utterance's frames into overlapping windows, and pool their scores into the utterance's.

A window inherits its utterance's label, speaker, group and script: a protocol that keeps any of these apart keeps the
windows of an utterance together. The protocol `random` separates them, as some publications do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tasks.core.config import Clips, Windows
from tasks.evaluation.splits import Labels
from tasks.features.base.sequences import Rows, Sequences
from tasks.models.base.estimator import Inputs, Scores

NONE = "none"
"""Output for an utterance of which no class reaches the floor."""
_TIE = 1e-6


@dataclass(frozen=True)
class Cut:
    """Positions of the windows of some utterances.

    Args:
        parent: row of each window's utterance, ascending, shape (n_windows,)
        number: of the window within its utterance, from 0, shape (n_windows,)
    """

    parent: Rows
    number: Rows


def cut(durations_s: NDArray[np.float64], windows: Windows) -> Cut:
    """Return the windows that fit into utterances; an utterance shorter than a window becomes one window.

    Args:
        durations_s: of the utterances, in seconds, shape (n_utterances,)
        windows: their length and hop
    """
    spare = np.maximum(durations_s - windows.length_s, 0)
    # round first: floating-point error must not turn 0.75 s into less than three hops of 0.25 s
    counts = 1 + np.floor(np.round(spare / windows.hop_s, 6)).astype(np.int64)
    parent = np.repeat(np.arange(counts.size, dtype=np.int64), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    return Cut(parent, np.arange(parent.size, dtype=np.int64) - first)


def of(sequences: Sequences, where: Cut, windows: Windows, step_s: float) -> Sequences:
    """Return the windows of sequences, as views: nothing is copied.

    Args:
        sequences: of the utterances
        where: from `cut`
        windows: their length and hop
        step_s: seconds from one step to the next
    """
    most = max(1, round(windows.length_s / step_s))
    lengths = sequences.lengths[where.parent]
    offset = np.round(where.number * windows.hop_s / step_s).astype(np.int64)
    # a block with another step may end one step earlier than the block that the windows were counted on
    offset = np.minimum(offset, np.maximum(lengths - most, 0))
    starts = sequences.starts[where.parent] + offset
    return replace(sequences, starts=starts, lengths=np.minimum(lengths - offset, most))


def of_inputs(inputs: Inputs, steps_s: Mapping[str, float], windows: Windows) -> tuple[Cut, Inputs]:
    """Cut every block of utterances into windows, which are the rows of the result.

    Args:
        inputs: sequences of the utterances
        steps_s: block → seconds from one step to the next; windows are counted on the first block
        windows: their length and hop
    """
    counted = next(iter(steps_s))
    where = cut(inputs.sequences[counted].lengths.astype(np.float64) * steps_s[counted], windows)
    blocks = {name: of(block, where, windows, steps_s[name]) for name, block in inputs.sequences.items()}
    return where, Inputs(inputs.units[where.parent], sequences=blocks)


def pooled(scores: Scores, clip: Labels, clips: Clips) -> tuple[Rows, Scores]:
    """Pool the scores of windows into one row of scores per utterance.

    Args:
        scores: of the windows, in their order within each utterance, shape (n_windows, n_outputs)
        clip: utterance of each window; windows of one utterance are adjacent; shape (n_windows,)
        clips: how scores are smoothed and pooled

    Returns:
        the first window of each utterance, shape (n_utterances,), and scores, shape (n_utterances, n_outputs); with a
        floor, one more column: `NONE`, which is highest where no class reaches the floor
    """
    first = np.flatnonzero(np.append(True, clip[1:] != clip[:-1])) if clip.size else np.empty(0, dtype=np.int64)
    parts = np.split(scores, first[1:]) if clip.size else []
    rows = np.array([_pooled(smoothed(part, clips.smooth), clips) for part in parts]).reshape(-1, scores.shape[1])
    if clips.floor:
        rows = np.column_stack([rows, np.full(len(rows), clips.floor)])
    return first, rows


def smoothed(scores: Scores, n_windows: int) -> Scores:
    """Return the moving average of scores over windows, over fewer at the ends, shape as given.

    Args:
        scores: of adjacent windows in order, shape (n, n_outputs)
        n_windows: windows per average, odd
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
    """Return the names of the columns of pooled scores.

    Args:
        names: of the classes, labels or values
        clips: how scores are pooled; None: not at all
    """
    return (*names, NONE) if clips is not None and clips.floor else tuple(names)


def _pooled(scores: Scores, clips: Clips) -> Scores:
    if clips.by == "max":
        highest: Scores = scores.max(axis=0)
        return highest
    mean: Scores = scores.mean(axis=0)
    if clips.by == "mean":
        return mean
    votes = np.bincount(scores.argmax(axis=1), minlength=scores.shape[1]) / len(scores)
    # ties between classes go to the one with the higher mean score
    return np.asarray((votes + _TIE * mean) / (1 + _TIE))
