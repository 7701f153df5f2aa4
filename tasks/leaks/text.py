"""Duplicate and near-duplicate texts.

Near duplicates by MinHash and banding: Broder (1997), "On the resemblance and containment of documents"; Leskovec,
Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4. Candidates are verified on their full sets of shingles.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.leaks import pairing
from tasks.leaks.sides import Pairs

MIN_WORDS = 5
"""Shorter texts ("Okay.", "I don't know.") are not compared: they are alike by chance."""
MIN_RESEMBLANCE = 0.8
_SHINGLE = 5
_HASHES, _BANDS = 64, 16
_LIKELY = 0.6
"""Least share of equal hashes of a candidate: four standard errors below the expected share at 80 % resemblance."""
_CHUNK = 50_000
_SEED = 20


def normal(text: str) -> str:
    """Return the lower-case words of a text, separated by single spaces.

    Args:
        text: any text
    """
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'")))


def bare(text: str) -> str:
    """Return the letters, digits and spaces of a text in lower case.

    Args:
        text: any text
    """
    return re.sub(r"[^\w ]|_", "", text.lower()).strip()


def similar(texts: Sequence[str]) -> Pairs:
    """Return the pairs of texts whose shingles of five bytes have a Jaccard index of `MIN_RESEMBLANCE` or more.

    Args:
        texts: distinct texts from `normal`; those with fewer than `MIN_WORDS` words are not compared

    Returns:
        numbers of the texts, the smaller first, shape (n_pairs, 2)
    """
    long = [i for i, text in enumerate(texts) if text.count(" ") + 1 >= MIN_WORDS]
    shingled = [_shingles(texts[i]) for i in long]
    if len(long) < 2:
        return np.empty((0, 2), dtype=np.int64)
    signatures = _signatures(shingled)
    bands = signatures.reshape(len(long), _BANDS, -1)
    met = np.concatenate([pairing.within(bands[:, band]) for band in range(_BANDS)])
    # a pair as one number: rows of two take several times as long to sort
    candidates = np.stack(np.divmod(np.unique(met[:, 0] * len(long) + met[:, 1]), len(long)), axis=1)
    # in chunks: comparing the signatures of all candidates at once takes too much memory
    chunks = np.split(candidates, np.arange(_CHUNK, len(candidates), _CHUNK))
    sizes = np.array([shingles.size for shingles in shingled])
    likely = np.concatenate([_alike(signatures, sizes, chunk) for chunk in chunks])
    kept = [pair for pair in likely.tolist() if _resemblance(shingled[pair[0]], shingled[pair[1]]) >= MIN_RESEMBLANCE]
    return np.sort(np.asarray(long, dtype=np.int64)[np.array(kept, dtype=np.int64).reshape(-1, 2)], axis=1)


def _shingles(text: str) -> NDArray[np.uint64]:
    encoded = text.encode()
    hashes = {zlib.crc32(encoded[start : start + _SHINGLE]) for start in range(max(1, len(encoded) - _SHINGLE + 1))}
    return np.sort(np.fromiter(hashes, dtype=np.uint64))


def _signatures(shingled: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Return the MinHash signature of every text, shape (n_texts, _HASHES).

    Hash functions by multiply-shift (Dietzfelbinger et al., 1997): upper half of the product with a random odd number,
    modulo 2⁶⁴.
    """
    rng = np.random.default_rng(_SEED)
    factors, shifts = (rng.integers(0, 1 << 63, _HASHES, dtype=np.uint64) for _ in range(2))
    flat = np.concatenate(shingled)
    starts = np.cumsum([0, *(shingles.size for shingles in shingled[:-1])])
    columns = [
        np.minimum.reduceat((flat * (factor | np.uint64(1)) + shift) >> np.uint64(32), starts)
        for factor, shift in zip(factors, shifts, strict=True)
    ]
    return np.stack(columns, axis=1)


def _alike(signatures: NDArray[np.uint64], sizes: NDArray[np.int64], pairs: Pairs) -> Pairs:
    """Return the pairs whose signatures are alike, and whose numbers of shingles let them resemble each other."""
    smaller, larger = np.sort(sizes[pairs], axis=1).T
    pairs = pairs[smaller >= MIN_RESEMBLANCE * larger]
    likely: Pairs = pairs[(signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(axis=1) >= _LIKELY]
    return likely


def _resemblance(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> float:
    shared = np.intersect1d(a, b, assume_unique=True).size
    return float(shared / (a.size + b.size - shared))
