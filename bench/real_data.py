"""Inputs of the cases: real speech, and captions spliced from real sentences; not part of the repository."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from itertools import cycle, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.commands import ROOT
from bench.runner import Bench, Skipped
from tasks.media import decode

RATE_HZ = decode.RATE_HZ
INTERVIEWS = ("1.webm", "2.m4a", "3.m4a", "kobe.mp3")
_WORDS = (6, 14)
"""Range of words per spliced caption: typical of a subtitle cue."""
_SEED = 7


def folder() -> Path:
    """Return the folder of real data.

    Raises:
        Skipped: if it does not exist
    """
    path = Path(os.environ.get("UNDERTONE_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        raise Skipped("no real data beside the checkout; set UNDERTONE_REAL_DATA")
    return path.resolve()


def speech(bench: Bench, duration_s: float) -> Path:
    """Return a file of real speech: the concatenated interviews, repeated if they are too short.

    Args:
        bench: settings of the runs; the file is kept in its folder
        duration_s: duration in seconds

    Returns:
        .npy file of 16 kHz mono samples, int16, shape (n_samples,)
    """
    path = bench.folder / f"speech-{duration_s:.0f}.npy"
    if not path.is_file():
        n_samples, pieces = round(duration_s * RATE_HZ), list[NDArray[np.int16]]()
        for name in cycle(INTERVIEWS):
            pieces.append(decode.samples(folder() / "interviews" / name))
            if sum(piece.size for piece in pieces) >= n_samples:
                break
        np.save(path, np.concatenate(pieces)[:n_samples])
    return path


def captions(n_captions: int) -> list[str]:
    """Return distinct captions, spliced from sentences of a TV series, editorials and tweets.

    Args:
        n_captions: number of captions
    """
    rng = np.random.default_rng(_SEED)
    sentences = list(_sentences(folder()))
    distinct: dict[str, None] = {}  # a dictionary keeps the order
    while len(distinct) < n_captions:
        words = " ".join(sentences[k] for k in rng.permutation(len(sentences))).split()
        cuts = np.cumsum(rng.integers(*_WORDS, size=len(words) // _WORDS[0], endpoint=True))
        for start, end in pairwise(cuts):
            if end <= len(words):
                distinct.setdefault(" ".join(words[start:end]))
    return list(distinct)[:n_captions]


def _sentences(source: Path) -> Iterator[str]:
    for path in sorted((source / "meld").glob("*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            yield from (row["Utterance"] for row in csv.DictReader(file))
    for path in sorted((source / "rated_text").glob("*.txt")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            yield line.split("\t")[-1]
