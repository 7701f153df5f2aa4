"""What an experiment's page shows beside its figures: where utterances lie, what each class says, how they spread."""

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

MOST_POINTS = 2_000
_COMPONENTS = 50
_PERPLEXITY = 50.0
"""50 components and perplexity 50, as the system `meld-text-audio` has them."""
_FEWEST_POINTS = 5
MOST_WORDS = 30
_FEWEST = 3


def counts(data: Data, splits: Sequence[Split]) -> dict[str, dict[str, int]]:
    """Return how many utterances of each class there are, by part where there is one fold only."""
    parts = {"all": np.arange(data.ids.size)}
    if len(splits) == 1:
        (only,) = splits
        named = {"training": only.train, "development": only.development, "test": only.test}
        parts = {name: rows for name, rows in named.items() if rows.size}
    parts = {name: rows[np.isin(rows, data.first)] for name, rows in parts.items()}
    return {name: {one: int((data.target[rows] == one).sum()) for one in data.outputs} for name, rows in parts.items()}


def maps(data: Data, seed: int) -> list[Map]:
    """Return a map of every block of vectors: PCA, then t-SNE (van der Maaten and Hinton 2008).

    A block that has nothing to spread out, a handful of different vectors at most, has no map.
    """
    rng = np.random.default_rng(seed)
    n = min(MOST_POINTS, data.ids.size)
    chosen = np.sort(rng.choice(data.ids.size, n, replace=False))
    blocks = {name: np.asarray(block[chosen], np.float64) for name, block in data.inputs.vectors.items()}
    return [
        _map(name, block, data, chosen, seed)
        for name, block in blocks.items()
        if len(np.unique(block, axis=0)) >= _FEWEST_POINTS
    ]


def words(data: Data, texts: Mapping[str, str]) -> dict[str, list[tuple[str, float]]]:
    """Return every class's most telling words.

    Weighted log-odds ratio with an informative Dirichlet prior, the prior being all words of the corpus (Monroe et al.
    2008, "Fightin' Words", equations 16 and 22): words of high count and clear preference come first.

    Args:
        data: the rows
        texts: id → words
    """
    bags: dict[str, Counter[str]] = {one: Counter() for one in data.outputs}
    for one, label in zip(data.clips[data.first].tolist(), data.target[data.first].tolist(), strict=True):
        bags[label].update(re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", texts.get(one, "").lower()))
    whole = sum(bags.values(), Counter[str]())
    found = {}
    for label, bag in bags.items():
        scored = [(word, _z(bag, whole, word)) for word, count in bag.items() if count >= _FEWEST]
        found[label] = sorted((one for one in scored if one[1] > 0), key=lambda one: (-one[1], one[0]))[:MOST_WORDS]
    return found if any(found.values()) else {}


def _z(bag: Counter[str], whole: Counter[str], word: str) -> float:
    n, total = bag.total(), whole.total()
    prior = whole[word]
    mine, others = bag[word] + prior, whole[word] - bag[word] + prior
    odds = math.log(mine / (n + total - mine)) - math.log(others / (2 * total - n - others))
    return odds / math.sqrt(1 / mine + 1 / others)


def _map(name: str, block: NDArray[np.float64], data: Data, chosen: NDArray[np.int64], seed: int) -> Map:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    n = len(block)
    perplexity = min(_PERPLEXITY, max(2.0, (n - 1) / 3))
    spread = block.std(axis=0)
    standard = (block - block.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # one thread: sums come out the same on every machine, and threads that wait for each other take longer than one
    with threadpool_limits(1), warnings.catch_warnings():
        # constant features make PCA divide by a variance of nothing
        warnings.simplefilter("ignore", RuntimeWarning)
        components = PCA(min(_COMPONENTS, *standard.shape), random_state=seed, svd_solver="full").fit_transform(
            standard
        )
        tsne = TSNE(2, perplexity=perplexity, random_state=seed, init="pca", n_jobs=1)
        points = tsne.fit_transform(components)
    classes = data.target[chosen]
    return Map(name, perplexity, seed, float(tsne.kl_divergence_), n, data.ids.size, points.round(3), classes)
