"""Plot data of an experiment's rows: class counts, maps of the features, characteristic words."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.protocols import Split
from tasks.experiments.data import Data
from tasks.experiments.plot_data import Map

MAX_POINTS = 1_000
"""More points take longer than all other plots and fits of a recipe of interviews together, and hide each other."""
_ANGLE = 0.8
"""The angle of Barnes and Hut's approximation: up to 0.8, results hardly change (scikit-learn's documentation)."""
_ITERATIONS = 500
"""Half of them with early exaggeration. 1,000 take twice as long for a divergence that is 1 % lower."""
_COMPONENTS = 50
_PERPLEXITY = 50.0
"""50 components and perplexity 50, as in the system `meld-text-audio`."""
_MIN_POINTS = 5
MAX_WORDS = 30
_MIN_COUNT = 3


def counts(data: Data, splits: Sequence[Split]) -> dict[str, dict[str, int]]:
    """Return the number of utterances of each class, by part if there is one fold.

    Args:
        data: the rows
        splits: the folds
    """
    parts = {"all": np.arange(data.ids.size)}
    if len(splits) == 1:
        parts = {"training": splits[0].train, "development": splits[0].development, "test": splits[0].test}
    targets = {name: data.target[rows[np.isin(rows, data.first)]] for name, rows in parts.items() if rows.size}
    return {name: {label: int((target == label).sum()) for label in data.outputs} for name, target in targets.items()}


def maps(data: Data, seed: int) -> list[Map]:
    """Return a map of every block of vectors with enough distinct rows: PCA, then t-SNE (van der Maaten, Hinton 2008).

    Args:
        data: the rows
        seed: random seed of the sample and of t-SNE
    """
    n = data.ids.size
    chosen = np.sort(np.random.default_rng(seed).choice(n, min(MAX_POINTS, n), replace=False))
    blocks = ((name, np.asarray(block[chosen], np.float64)) for name, block in data.inputs.vectors.items())
    distinct = ((name, block) for name, block in blocks if len(np.unique(block, axis=0)) >= _MIN_POINTS)
    return [_map(name, block, data, chosen, seed) for name, block in distinct]


def words(data: Data, texts: Mapping[str, str]) -> dict[str, list[tuple[str, float]]]:
    """Return every class's most characteristic words.

    Weighted log-odds ratio with an informative Dirichlet prior, the prior being all words of the corpus (Monroe et al.
    2008, "Fightin' Words", equations 16 and 22): words of high count and clear preference come first.

    Args:
        data: the rows
        texts: utterance id → text
    """
    bags: dict[str, Counter[str]] = {label: Counter() for label in data.outputs}
    for clip, label in zip(data.clips[data.first].tolist(), data.target[data.first].tolist(), strict=True):
        bags[label].update(re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", texts.get(clip, "").lower()))
    whole = sum(bags.values(), Counter[str]())
    by_class = {}
    for label, bag in bags.items():
        scores = {word: _log_odds(bag, whole, word) for word, count in bag.items() if count >= _MIN_COUNT}
        ranked = sorted((-score, word) for word, score in scores.items() if score > 0)
        by_class[label] = [(word, -score) for score, word in ranked[:MAX_WORDS]]
    return by_class if any(by_class.values()) else {}


def _log_odds(bag: Counter[str], whole: Counter[str], word: str) -> float:
    n, total, prior = bag.total(), whole.total(), whole[word]
    in_class, in_others = bag[word] + prior, whole[word] - bag[word] + prior
    odds = math.log(in_class / (n + total - in_class)) - math.log(in_others / (2 * total - n - in_others))
    return odds / math.sqrt(1 / in_class + 1 / in_others)


def _map(name: str, block: NDArray[np.float64], data: Data, chosen: NDArray[np.int64], seed: int) -> Map:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    n = len(block)
    perplexity = min(_PERPLEXITY, max(2.0, (n - 1) / 3))
    spread = block.std(axis=0)
    standard = (block - block.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # one thread: sums are the same on every machine, and several threads are slower on matrices this small
    with threadpool_limits(1), warnings.catch_warnings():
        # constant features make PCA divide by a variance of zero
        warnings.simplefilter("ignore", RuntimeWarning)
        pca = PCA(min(_COMPONENTS, *standard.shape), random_state=seed, svd_solver="full")
        tsne = TSNE(2, perplexity=perplexity, random_state=seed, init="pca", angle=_ANGLE, max_iter=_ITERATIONS)
        points = tsne.fit_transform(pca.fit_transform(standard)).round(3)
    return Map(name, perplexity, seed, float(tsne.kl_divergence_), n, data.ids.size, points, data.target[chosen])
