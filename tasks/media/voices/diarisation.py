"""Who speaks when in a recording: speech is detected, embedded in windows, clustered by voice and cut into turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.core import sound_files
from tasks.media.voices import clustering, hints
from tasks.media.voices.hints import TurnHint
from tasks.media.voices.mel_spectrum import FRAMES_PER_S, N_MELS, MelStream
from tasks.media.voices.models import STEP, STEP_S, SpeechDetector, VoiceEncoder
from tasks.media.voices.speech_runs import speech_runs

WINDOW, HOP = 160, 40
"""Window of the encoder and its step in frames of 10 ms."""
_BLOCK = 1_000 * STEP
_BATCH = 64
_POOLED = 8
"""Successive windows of a run of speech that make one stretch to cluster."""
_LEVEL = 0.0095
"""Mean mel power of a window of speech at -30 dB of full scale, the level at which the encoder was trained."""
_SWITCH_COSTS = 2.0
"""Costs of another voice within a run of speech, as a sum of cosine similarities over steps of 32 ms."""


class VoiceTurn(NamedTuple):
    """A stretch of time in which one voice speaks; voices are numbered from 0, by speaking time."""

    start_s: float
    end_s: float
    voice: int


@dataclass(frozen=True)
class Diarisation:
    """Result of `diarise`.

    Args:
        turns: in order of time, without overlaps; empty: nobody speaks
        voices: embedding of each voice, of length 1, shape (n_voices, n_values)
        names: name of each voice from the captions, "" for none, shape (n_voices,)
        duration_s: of the recording
    """

    turns: tuple[VoiceTurn, ...]
    voices: NDArray[np.float64]
    names: tuple[str, ...]
    duration_s: float

    @property
    def spoken_s(self) -> tuple[float, ...]:
        """Speaking time of each voice in seconds."""
        times_s = np.zeros(len(self.voices))
        for turn in self.turns:
            times_s[turn.voice] += turn.end_s - turn.start_s
        return tuple(times_s.tolist())


class _Windows(NamedTuple):
    """First and last frame (exclusive), and run of speech, of each window."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    runs: NDArray[np.int64]


def diarise(
    sound: Path, detector: SpeechDetector, encoder: VoiceEncoder, turn_hints: Sequence[TurnHint] = ()
) -> Diarisation:
    """Find who speaks when.

    Args:
        sound: a mono file at 16 kHz
        detector: new, since it keeps a state
        encoder: of voices
        turn_hints: turns that the captions mark, in order of time; empty: they mark none

    Raises:
        AudioError: if the file is damaged
    """
    probabilities, mels = analysed(sound, detector)
    duration_s = len(mels) / FRAMES_PER_S
    runs = speech_runs(probabilities)
    if not runs.size:
        return Diarisation((), np.empty((0, 0)), (), duration_s)
    windows = _windows(runs, len(mels))
    embedded = np.concatenate(list(_embedded(mels, windows, encoder))).astype(np.float64)
    stretches, seconds, middles_s = _stretches(embedded, windows, runs)
    related = hints.relations(middles_s, turn_hints)
    voices = clustering.voices(stretches, seconds, related)
    scores = _step_scores(embedded @ voices.T, windows, int(runs[-1, 1]))
    turns = list(_turns(runs, scores))
    names = [""] * len(voices)
    if turn_hints:
        turns, names = hints.applied(turns, turn_hints, stretches @ voices.T * seconds[:, None], middles_s)
    return _numbered(turns, voices, names, duration_s)


def analysed(sound: Path, detector: SpeechDetector) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the probability of speech of each step of 32 ms, and the mel spectrum of each 10 ms.

    Args:
        sound: a mono file at 16 kHz; it is read in blocks
        detector: new, since it keeps a state

    Raises:
        AudioError: if the file is damaged
    """
    stream = MelStream()
    probabilities, mels = [np.empty(0, np.float32)], list[NDArray[np.float32]]()
    with sound_files.opened(sound) as file:
        for block in file.blocks(_BLOCK, dtype="float32"):
            mels.append(stream.frames(block))
            whole = np.pad(block, (0, -block.size % STEP))
            probabilities.append(detector.probabilities(whole))
    mels.append(stream.rest())
    return np.concatenate(probabilities), np.concatenate(mels)


def _windows(runs: NDArray[np.int64], n_frames: int) -> _Windows:
    """Return windows that cover each run; a run that is shorter than a window has one of its own length."""
    edges = np.minimum(np.round(runs * (STEP_S * FRAMES_PER_S)).astype(np.int64), n_frames)
    starts, ends, numbers = [], [], []
    for number, (first, stop) in enumerate(edges.tolist()):
        n_windows = max(1, -(-(stop - first - WINDOW) // HOP) + 1)
        placed = np.linspace(first, max(first, stop - WINDOW), n_windows).round().astype(np.int64)
        starts.append(placed)
        ends.append(np.minimum(placed + WINDOW, stop))
        numbers.append(np.full(n_windows, number))
    return _Windows(np.concatenate(starts), np.concatenate(ends), np.concatenate(numbers))


def _embedded(mels: NDArray[np.float32], windows: _Windows, encoder: VoiceEncoder) -> Iterator[NDArray[np.float32]]:
    for first in range(0, windows.starts.size, _BATCH):
        spans = zip(windows.starts[first : first + _BATCH], windows.ends[first : first + _BATCH], strict=True)
        # a short window is repeated to the usual length
        stacked = np.stack([np.resize(mels[start:end], (WINDOW, N_MELS)) for start, end in spans])
        level = np.maximum(stacked.mean(axis=(1, 2), keepdims=True), 1e-12)
        yield encoder.embed((stacked * (_LEVEL / level)).astype(np.float32))


def _stretches(
    embedded: NDArray[np.float64], windows: _Windows, runs: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return embedding, duration and middle in seconds of each stretch of up to `_POOLED` windows."""
    lengths_s = (runs[:, 1] - runs[:, 0]) * STEP_S
    pooled, seconds, middles_s = [], [], []
    for run in range(len(runs)):
        rows = np.flatnonzero(windows.runs == run)
        parts = np.array_split(rows, -(-rows.size // _POOLED))
        for part in parts:
            pooled.append(clustering.unit(embedded[part].mean(axis=0)))
            seconds.append(lengths_s[run] / len(parts))
            middles_s.append((windows.starts[part[0]] + windows.ends[part[-1]]) / 2 / FRAMES_PER_S)
    return np.array(pooled), np.array(seconds), np.array(middles_s)


def _step_scores(similarities: NDArray[np.float64], windows: _Windows, n_steps: int) -> NDArray[np.float64]:
    """Return the similarity of each step of 32 ms to each voice, shape (n_steps, n_voices).

    Args:
        similarities: of each window to each voice, shape (n_windows, n_voices)
        windows: their places
        n_steps: number of steps
    """
    total, weights = np.zeros((n_steps, similarities.shape[1])), np.full(n_steps, 1e-9)
    edges = np.stack([windows.starts, windows.ends], axis=1) / (STEP_S * FRAMES_PER_S)
    for (first, stop), similarity in zip(edges.round().astype(np.int64).tolist(), similarities, strict=True):
        steps = np.arange(first, min(stop, n_steps))
        # triangular: a window says most about its middle
        weight = 1 - np.abs((steps - (first + stop) / 2) / ((stop - first) / 2 + 1))
        total[steps] += weight[:, None] * similarity
        weights[steps] += weight
    scores: NDArray[np.float64] = total / weights[:, None]
    return scores


def _turns(runs: NDArray[np.int64], scores: NDArray[np.float64]) -> Iterator[VoiceTurn]:
    for first, stop in runs.tolist():
        path = best_path(scores[first:stop])
        edges = np.flatnonzero(np.diff(path, prepend=-1, append=-1)).tolist()
        for start, end in pairwise(edges):
            yield VoiceTurn((first + start) * STEP_S, (first + end) * STEP_S, int(path[start]))


def best_path(scores: NDArray[np.float64], costs: float = _SWITCH_COSTS) -> NDArray[np.int64]:
    """Return the sequence of voices with the highest sum of scores less the costs of switches (Viterbi 1967).

    Args:
        scores: of each voice at each step, shape (n_steps, n_voices)
        costs: of a switch
    """
    n_steps, n_voices = scores.shape
    if n_voices == 1:
        return np.zeros(n_steps, dtype=np.int64)
    before = np.zeros((n_steps, n_voices), dtype=np.int64)
    best, stay = scores[0].copy(), np.arange(n_voices)
    for step in range(1, n_steps):
        top = int(best.argmax())
        switched = best[top] - costs
        before[step] = np.where(best >= switched, stay, top)
        best = np.maximum(best, switched) + scores[step]
    path = np.empty(n_steps, dtype=np.int64)
    path[-1] = best.argmax()
    for step in range(n_steps - 1, 0, -1):
        path[step - 1] = before[step, path[step]]
    return path


def _numbered(
    turns: Sequence[VoiceTurn], voices: NDArray[np.float64], names: Sequence[str], duration_s: float
) -> Diarisation:
    """Number the voices by speaking time, the earlier first if tied; leave out voices that have no turn."""
    spoken_s, first_s = dict[int, float](), dict[int, float]()
    for turn in turns:
        spoken_s[turn.voice] = spoken_s.get(turn.voice, 0.0) + turn.end_s - turn.start_s
        first_s.setdefault(turn.voice, turn.start_s)
    order = sorted(spoken_s, key=lambda voice: (-round(spoken_s[voice], 3), first_s[voice]))
    number = {voice: rank for rank, voice in enumerate(order)}
    renamed = tuple(turn._replace(voice=number[turn.voice]) for turn in turns)
    return Diarisation(renamed, voices[order], tuple(names[voice] for voice in order), duration_s)
