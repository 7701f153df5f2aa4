"""What the cases work on: real speech, and captions spliced from real sentences; none of it is in the repository."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from itertools import cycle, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.commands import ROOT
from bench.method import Bench, Skipped
from tasks.media import decode

RATE_HZ = decode.RATE_HZ
INTERVIEWS = ("1.webm", "2.m4a", "3.m4a", "kobe.mp3")
_WORDS = (6, 14)
"""Least and most words of a spliced caption, as many as a cue on the screen holds."""
_SEED = 7


def real_data() -> Path:
    """Return the folder of real data.

    Raises:
        Skipped: if it is not there
    """
    folder = Path(os.environ.get("UNDERTONE_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        raise Skipped("no real data beside the checkout; set UNDERTONE_REAL_DATA")
    return folder.resolve()


def speech(bench: Bench, duration_s: float) -> Path:
    """Return a file of real speech: the interviews one after the other, from the start again where they are too short.

    Returns:
        16 kHz mono 16-bit samples, an array of shape (n_samples,) as NumPy keeps it
    """
    path = bench.folder / f"speech-{duration_s:.0f}.npy"
    if not path.is_file():
        wanted, pieces = round(duration_s * RATE_HZ), list[NDArray[np.int16]]()
        for name in cycle(INTERVIEWS):
            pieces.append(decode.samples(real_data() / "interviews" / name))
            if sum(piece.size for piece in pieces) >= wanted:
                break
        np.save(path, np.concatenate(pieces)[:wanted])
    return path


def captions(n_captions: int) -> list[str]:
    """Return so many distinct captions, spliced from what people said in a series, wrote in editorials and tweeted."""
    rng = np.random.default_rng(_SEED)
    sentences = list(_sentences(real_data()))
    found: dict[str, None] = {}
    while len(found) < n_captions:
        words = " ".join(sentences[k] for k in rng.permutation(len(sentences))).split()
        cuts = np.cumsum(rng.integers(*_WORDS, size=len(words) // _WORDS[0], endpoint=True))
        for start, end in pairwise(cuts):
            if end <= len(words):
                found.setdefault(" ".join(words[start:end]))
    return list(found)[:n_captions]


def _sentences(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "meld").glob("*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            yield from (row["Utterance"] for row in csv.DictReader(file))
    for path in sorted((folder / "rated_text").glob("*.txt")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            yield line.split("\t")[-1]
