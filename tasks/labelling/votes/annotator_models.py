"""Models of annotators without known labels: Dawid–Skene and MACE, for voters and for listeners.

Both estimate how reliable each annotator is from the annotations alone, and give the probability of each class for each
item; missing annotations are left out of the sums. Items with the same annotations form one pattern: a million items
then cost as much as a few hundred.

- Dawid & Skene 1979 (Applied Statistics 28): a confusion matrix per annotator, and the shares of the classes.
- MACE (Hovy, Berg-Kirkpatrick, Vaswani & Hovy 2013, NAACL, "Learning whom to trust with MACE"): an annotator copies the
  true class, or spams: then the answer comes from a distribution of the annotator's own that ignores the item. Fewer
  parameters than Dawid–Skene, so that it needs fewer annotations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ITERATIONS, _CONVERGED = 200, 1e-6
_SMOOTHING = 1e-10
"""Added to relative frequencies: an event that did not occur must not get probability 0."""
_TRUST_PRIOR, _SPAM_PRIOR = 0.5, 10.0
"""Beta prior of trust and Dirichlet prior of the spamming distribution: those of the authors' program."""
_RESTARTS, _SEED = 4, 1
_TRUST_CONVERGED = 1e-5

_Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Annotations:
    """Patterns of annotations.

    Args:
        codes: number of the class, −1 for none, shape (n_items, n_annotators)
        n_classes: number of classes
        training: items that a model is fitted to, shape (n_items,); None, or none with an annotation: all
    """

    codes: NDArray[np.int64]
    n_classes: int
    training: NDArray[np.bool_] | None = None


def dawid_skene(annotations: Annotations) -> _Reals:
    """Return each class's probability by a Dawid–Skene model, NaN without annotations, shape (n_items, n_classes).

    Args:
        annotations: of all items; the model is fitted to the training items
    """
    return _by_pattern(annotations, _dawid_skene)


def mace(annotations: Annotations) -> _Reals:
    """Return each class's probability by MACE, NaN without annotations, shape (n_items, n_classes).

    Args:
        annotations: of all items; the model is fitted to the training items
    """
    return _by_pattern(annotations, lambda one_hot, counts: fit_mace(one_hot, counts)[0])


def _by_pattern(annotations: Annotations, fit: Callable[[_Reals, _Reals], _Reals]) -> _Reals:
    patterns, pattern_of, counts = np.unique(annotations.codes, axis=0, return_inverse=True, return_counts=True)
    pattern_of = pattern_of.reshape(-1)
    one_hot = (patterns[:, :, None] == np.arange(annotations.n_classes)).astype(np.float64)
    annotated = one_hot.any(axis=(1, 2))
    probabilities = np.full((len(patterns), annotations.n_classes), np.nan)
    training = annotations.training
    fitted_to = counts if training is None else np.bincount(pattern_of[training], minlength=len(patterns))
    if annotated.any():
        weights = fitted_to if fitted_to[annotated].any() else counts
        probabilities[annotated] = fit(one_hot[annotated], weights[annotated].astype(np.float64))
    return probabilities[pattern_of]


def _dawid_skene(one_hot: _Reals, counts: _Reals) -> _Reals:
    """Return each class's probability for each pattern.

    Dawid & Skene (1979), section 4. Start from the shares of annotations; alternate the M step (annotators' confusion
    matrices and class shares, equations 2.3 and 2.4) and the E step (class probabilities, equation 2.5).

    Args:
        one_hot: 1 where an annotator chose a class, shape (n_patterns, n_annotators, n_classes)
        counts: number of items with each pattern that the model is fitted to, shape (n_patterns,)

    Returns:
        shape (n_patterns, n_classes)
    """
    likely: _Reals = one_hot.sum(axis=1)
    likely /= likely.sum(axis=1, keepdims=True)
    for _ in range(_ITERATIONS):
        weighed = likely * counts[:, None]
        confused = np.einsum("pc,pvk->vck", weighed, one_hot) + _SMOOTHING
        confused /= confused.sum(axis=2, keepdims=True)
        shares = weighed.sum(axis=0) / counts.sum() + _SMOOTHING
        log = np.log(shares) + np.einsum("pvk,vck->pc", one_hot, np.log(confused))
        # subtract the maximum before exp: products of many small probabilities would underflow
        before, likely = likely, np.exp(log - log.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        if np.abs(likely - before).max() < _CONVERGED:
            break
    return likely


def fit_mace(one_hot: _Reals, counts: _Reals) -> tuple[_Reals, _Reals]:
    """Return class probabilities by pattern, shape (n_patterns, n_classes), and trust by annotator (n_annotators,).

    Variational EM with the authors' priors (section 3.1); the best of several starts by expected log-likelihood: one
    from no suspicion, the others drawn.

    Args:
        one_hot: 1 where an annotator chose a class, shape (n_patterns, n_annotators, n_classes)
        counts: number of items with each pattern that the model is fitted to, shape (n_patterns,)
    """
    rng = np.random.default_rng(_SEED)
    n_annotators, n_classes = one_hot.shape[1:]
    starts: list[tuple[_Reals, _Reals]] = [
        (np.full(n_annotators, 0.8), np.full((n_annotators, n_classes), 1 / n_classes))
    ]
    for _ in range(_RESTARTS - 1):
        starts.append(
            (np.asarray(rng.uniform(0.2, 1.0, n_annotators)), rng.dirichlet(np.ones(n_classes), n_annotators))
        )
    fits = [_mace_from(one_hot, counts, trust, spam) for trust, spam in starts]
    likely, trust, _ = max(fits, key=lambda fit: round(fit[2], 6))
    return likely, trust


def _mace_from(one_hot: _Reals, counts: _Reals, trust: _Reals, spam: _Reals) -> tuple[_Reals, _Reals, float]:
    """Return class probabilities, trust and log-likelihood after EM from one start."""
    answered = one_hot.sum(axis=2)
    likely, likelihood = np.empty(0), -np.inf
    for _ in range(_ITERATIONS):
        # P(answer | class, annotator) = trust · [answer = class] + (1 − trust) · spam[answer]
        of_spam = np.einsum("pvk,vk->pv", one_hot, (1 - trust)[:, None] * spam)
        answers = one_hot * trust[:, None] + of_spam[:, :, None]
        log = np.where(answered[:, :, None] > 0, np.log(answers + _SMOOTHING), 0.0).sum(axis=1)
        highest = log.max(axis=1, keepdims=True)
        likely = np.exp(log - highest)
        totals = likely.sum(axis=1, keepdims=True)
        likely /= totals
        likelihood = float(counts @ (highest + np.log(totals))[:, 0])
        # expected number of honest and of spammed answers
        honest_share = likely[:, None, :] * one_hot * (trust[:, None] / (answers + _SMOOTHING))
        honest = np.einsum("p,pvk->v", counts, honest_share)
        spammed = np.einsum("p,pvk->vk", counts, one_hot * (1 - honest_share.sum(axis=2))[:, :, None])
        before, trust = trust, _mean_of_beta(honest, spammed.sum(axis=1))
        spam = _exp_digamma(spammed + _SPAM_PRIOR)
        spam /= spam.sum(axis=1, keepdims=True)
        if np.abs(trust - before).max() < _TRUST_CONVERGED:
            break
    return likely, trust, likelihood


def _mean_of_beta(honest: _Reals, spammed: _Reals) -> _Reals:
    above, below = _exp_digamma(honest + _TRUST_PRIOR), _exp_digamma(spammed + _TRUST_PRIOR)
    trust: _Reals = above / (above + below)
    return trust


def _exp_digamma(values: _Reals) -> _Reals:
    """Return exp(ψ(x)), the variational mean of a parameter, by the asymptotic series from x + 6 on.

    scipy.special would take longer to import than the model to fit.
    """
    shifted, correction = values + 6.0, np.zeros_like(values)
    for k in range(6):
        correction += 1.0 / (values + k)
    inverse = 1.0 / shifted**2
    series = np.log(shifted) - 0.5 / shifted - inverse * (1 / 12 - inverse * (1 / 120 - inverse / 252))
    digamma: _Reals = np.exp(series - correction)
    return digamma
