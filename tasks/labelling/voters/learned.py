"""A voter that learned from labelled texts: a linear head over a frozen sentence encoder.

A voter `data/voters/NAME/` is `head.safetensors` (weights and biases of a multinomial logistic regression) and
`card.json`, which says what it learned from and how well it did on groups it had not seen. Its vote is the probability
of positive less that of negative, and 0 where neutral is the most likely class.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.errors import ConfigError, NotEnoughData
from tasks.evaluation import scores, splits
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.features.base import checkpoints

CARD, HEAD = "card.json", "head.safetensors"
_C, _ITERATIONS, _FOLDS, _BATCH = 1.0, 2000, 5, 64
_AGAIN = "make it again: undertone labels learn"
_CARD = ("name", "licence", "checkpoint", "checkpoint_sha256", "trained_on")


@dataclass(frozen=True)
class Texts:
    """What a voter learns from.

    Args:
        texts: as they are said, shape (n_texts,)
        labels: negative, neutral or positive, shape (n_texts,)
        groups: dialogue, article or video; no group is on both sides of a fold, shape (n_texts,)
        source: where they are from, for the card
        licence: theirs
    """

    texts: Sequence[str]
    labels: Labels
    groups: Labels
    source: str
    licence: str


@dataclass(frozen=True)
class Head:
    """A learned voter, read back."""

    licence: str
    checkpoint: str
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]

    def votes(self, texts: Sequence[str]) -> list[float | None]:
        """Return the vote on each text; one without a word abstains."""
        found: list[float | None] = [None] * len(texts)
        worded = [k for k, text in enumerate(texts) if any(map(str.isalnum, text))]
        if worded:
            logits = vectors([texts[k] for k in worded], self.checkpoint) @ self.weights.T + self.biases
            for k, vote in zip(worded, _polarities(logits).tolist(), strict=True):
                found[k] = vote
        return found


def learn(name: str, given: Texts, folder: Path, bootstrap: Bootstrap, checkpoint: str) -> dict[str, Any]:
    """Train a voter, and write it; return its card.

    Args:
        name: what params.yaml will call it
        given: the labelled texts
        folder: where it goes
        bootstrap: of the intervals, over groups
        checkpoint: the sentence encoder, which stays as it is

    Raises:
        NotEnoughData: if a class is missing, or lives in one group only
        InputError: if there is no such encoder, or PyTorch is not installed
    """
    n_folds = splits.possible_folds(given.labels, given.groups, _FOLDS)
    if set(tables.SENTIMENTS) - set(given.labels.tolist()) or n_folds < 2:
        raise NotEnoughData(f"{given.source}: a voter learns from texts of every sentiment, each in 2 groups or more")
    inputs = vectors(given.texts, checkpoint)
    held_out = np.empty_like(given.labels)
    for fold in splits.group_k_fold(given.labels, given.groups, n_folds, bootstrap.seed):
        held_out[fold.test] = _fit(inputs[fold.train], given.labels[fold.train]).predict(inputs[fold.test])
    counted = scores.confusions(given.labels, held_out, given.groups, tables.SENTIMENTS)
    model = _fit(inputs, given.labels)
    order = [list(model.classes_).index(one) for one in tables.SENTIMENTS]
    told = {
        "name": name,
        "licence": given.licence,
        "model": f"logistic regression (C = {_C:g}, classes weighed alike) on frozen vectors",
        "checkpoint": checkpoint,
        "checkpoint_sha256": checkpoints.fingerprint(checkpoint),
        "trained_on": given.source,
        "texts_sha256": _digest(given),
        "n_texts": len(given.texts),
        "classes": {one: int((given.labels == one).sum()) for one in tables.SENTIMENTS},
        "held_out": {
            "protocol": f"{n_folds} folds, no group on both sides",
            **scores.summary(counted, tables.SENTIMENTS, bootstrap),
        },
        "versions": {one: version(one) for one in ("undertone", "scikit-learn", "torch", "transformers")},
    }
    _write(folder, told, model.coef_[order], model.intercept_[order])
    return told


def read(folder: Path) -> Head:
    """Read a voter back.

    Raises:
        ConfigError: if its card or its head is damaged, or its encoder is not the one it learned with
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    known = card(folder)
    try:
        head = load_file(folder / HEAD)
        weights, biases = head["weights"], head["biases"]
    except (OSError, KeyError, SafetensorError) as error:
        raise ConfigError(f"{folder}: this voter cannot be read ({error}); {_AGAIN}") from error
    if checkpoints.fingerprint(known["checkpoint"]) != known["checkpoint_sha256"]:
        raise ConfigError(
            f"{folder}: this voter learned over another {known['checkpoint']} than the one that is installed; {_AGAIN}"
        )
    return Head(known["licence"], known["checkpoint"], weights, biases)


def card(folder: Path) -> dict[str, Any]:
    """Return what a voter says of itself.

    Raises:
        ConfigError: if its card is damaged
    """
    try:
        told: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        missing = [key for key in _CARD if key not in told]
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{folder}: this voter's card cannot be read ({error}); {_AGAIN}") from error
    if missing:
        raise ConfigError(f"{folder / CARD}: {', '.join(missing)} is missing; {_AGAIN}")
    return told


def vectors(texts: Sequence[str], checkpoint: str) -> NDArray[np.float64]:
    """Return a sentence encoder's vectors, length 1, shape (n_texts, n_features); texts of similar length together."""
    import torch

    from tasks.features.base.extractor import Said
    from tasks.features.base.registry import extractor
    from tasks.features.text.embeddings import EmbeddingSettings

    torch.set_num_threads(1)
    embed = extractor("text-embedding").start(EmbeddingSettings(checkpoint=checkpoint))
    order = sorted(range(len(texts)), key=lambda k: (len(texts[k]), texts[k]))
    found: list[Any] = [None] * len(texts)
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        for k, vector in zip(batch, embed([Said(texts[k]) for k in batch]), strict=True):
            found[k] = vector
    return np.stack(found).astype(np.float64)


def _fit(inputs: NDArray[np.float64], labels: Labels) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_C, max_iter=_ITERATIONS, class_weight="balanced").fit(inputs, labels)


def _polarities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    negative, neutral, positive = map(tables.SENTIMENTS.index, tables.SENTIMENTS)
    return np.where(likely.argmax(axis=1) == neutral, 0.0, likely[:, positive] - likely[:, negative])


def _digest(given: Texts) -> str:
    rows = [list(row) for row in zip(given.texts, given.labels.tolist(), given.groups.tolist(), strict=True)]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _write(folder: Path, told: dict[str, Any], weights: NDArray[np.float64], biases: NDArray[np.float64]) -> None:
    from safetensors.numpy import save

    tables.write_bytes(folder / HEAD, save({"weights": np.ascontiguousarray(weights), "biases": biases.copy()}))
    tables.write_text(folder / CARD, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
