"""Trained voter: multinomial logistic regression over the vectors of a frozen sentence encoder.

The folder `data/voters/NAME/` has `head.safetensors` (weights and biases) and `card.json` (training data with digests,
cross-validated scores). It votes with the probabilities of the classes.
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

from tasks.core import artifacts, distribution, tables
from tasks.core.errors import ConfigError, NotEnoughData, TableError
from tasks.evaluation import scores, splits
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.features.base import checkpoints
from tasks.labelling.base.vote import Chances, Vote

_CARD, _HEAD = "card.json", "head.safetensors"
_C, _ITERATIONS, _FOLDS, _BATCH = 1.0, 2000, 5, 64
_N_CLASSES = len(tables.SENTIMENTS)
_RETRAIN = "train it again: undertone labels learn"
_CARD_FIELDS = ("name", "licence", "checkpoint", "checkpoint_sha256", "trained_on")


@dataclass(frozen=True)
class TrainingTexts:
    """Labelled texts to train a voter on.

    Args:
        texts: with their stop words, shape (n_texts,)
        labels: negative, neutral or positive, shape (n_texts,)
        groups: dialogue, article or video of each text; folds keep groups together, shape (n_texts,)
        source: name of the corpus or file, for the card
        licence: of the texts
    """

    texts: Sequence[str]
    labels: Labels
    groups: Labels
    source: str
    licence: str


@dataclass(frozen=True)
class LearnedVoter:
    """A trained voter, loaded from its folder.

    Args:
        licence: of the texts it was trained on
        checkpoint: the sentence encoder
        weights: shape (3, n_features), classes in the order of `tables.SENTIMENTS`
        biases: shape (3,)
    """

    licence: str
    checkpoint: str
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]

    def votes(self, texts: Sequence[str]) -> list[Vote]:
        """Return the probabilities of the classes, None for a text without letters or digits.

        Args:
            texts: shape (n_texts,)
        """
        votes: list[Vote] = [None] * len(texts)
        with_words = [k for k, text in enumerate(texts) if any(map(str.isalnum, text))]
        if with_words:
            logits = _vectors([texts[k] for k in with_words], self.checkpoint) @ self.weights.T + self.biases
            for k, row in zip(with_words, _probabilities(logits).tolist(), strict=True):
                votes[k] = Chances(*row)
        return votes


def learn(name: str, training: TrainingTexts, folder: Path, bootstrap: Bootstrap, checkpoint: str) -> dict[str, Any]:
    """Train a voter, write it to its folder and return its card.

    Args:
        name: its name in params.yaml
        training: the labelled texts
        folder: the voter's folder
        bootstrap: settings of the scores' intervals, over groups
        checkpoint: the sentence encoder, whose weights stay fixed

    Raises:
        NotEnoughData: if a class is missing or occurs in a single group
        InputError: if the encoder does not exist or PyTorch is not installed
    """
    n_folds = splits.possible_folds(training.labels, training.groups, _FOLDS)
    if set(tables.SENTIMENTS) - set(training.labels.tolist()) or n_folds < 2:
        raise NotEnoughData(
            f"{training.source}: a voter is trained on texts of every sentiment, each in 2 groups or more"
        )
    inputs = _vectors(training.texts, checkpoint)
    held_out = np.empty_like(training.labels)
    for fold in splits.group_k_fold(training.labels, training.groups, n_folds, bootstrap.seed):
        held_out[fold.test] = _fit(inputs[fold.train], training.labels[fold.train]).predict(inputs[fold.test])
    matrices = scores.confusions(training.labels, held_out, training.groups, tables.SENTIMENTS)
    model = _fit(inputs, training.labels)
    order = [list(model.classes_).index(label) for label in tables.SENTIMENTS]
    fields = {
        "name": name,
        "licence": training.licence,
        "model": f"logistic regression (C = {_C:g}, classes weighed alike) on frozen vectors",
        "checkpoint": checkpoint,
        "checkpoint_sha256": checkpoints.fingerprint(checkpoint),
        "trained_on": training.source,
        "texts_sha256": _digest(training),
        "n_texts": len(training.texts),
        "classes": {label: int((training.labels == label).sum()) for label in tables.SENTIMENTS},
        "held_out": {
            "protocol": f"{n_folds} folds, no group on both sides",
            **scores.summary(matrices, tables.SENTIMENTS, bootstrap),
        },
        "versions": {
            package: version(package) for package in (distribution.NAME, "scikit-learn", "torch", "transformers")
        },
    }
    _write(folder, fields, model.coef_[order], model.intercept_[order])
    return card(folder)


def read(folder: Path) -> LearnedVoter:
    """Load a trained voter.

    Args:
        folder: the voter's folder

    Raises:
        ConfigError: if its card or weights are damaged, or the installed encoder is not the one it was trained with
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    fields = card(folder)
    try:
        arrays = load(artifacts.read_bound(folder / _HEAD, fields))
        weights, biases = arrays["weights"], arrays["biases"]
    except (OSError, KeyError, TableError, SafetensorError) as error:
        raise ConfigError(f"{folder}: this voter cannot be read ({_reason(error)}); {_RETRAIN}") from error
    if weights.ndim != 2 or (len(weights), biases.shape) != (_N_CLASSES, (_N_CLASSES,)):
        raise ConfigError(f"{folder}: this voter has weights of shape {weights.shape}; {_RETRAIN}")
    if checkpoints.fingerprint(fields["checkpoint"]) != fields["checkpoint_sha256"]:
        raise ConfigError(
            f"{folder}: this voter was trained with another {fields['checkpoint']} than the installed one; {_RETRAIN}"
        )
    return LearnedVoter(fields["licence"], fields["checkpoint"], weights, biases)


def card(folder: Path) -> dict[str, Any]:
    """Return a trained voter's card.

    Args:
        folder: the voter's folder

    Raises:
        ConfigError: if the card is damaged
    """
    try:
        fields = artifacts.parse_json((folder / _CARD).read_bytes(), folder / _CARD)
        missing = [key for key in _CARD_FIELDS if not isinstance(fields.get(key), str)]
    except (OSError, TableError) as error:
        raise ConfigError(f"{folder}: this voter's card cannot be read ({_reason(error)}); {_RETRAIN}") from error
    if missing:
        raise ConfigError(f"{folder / _CARD}: {', '.join(missing)} is missing; {_RETRAIN}")
    return fields


def _reason(error: Exception) -> str:
    # no stage writes voters
    return str(error).partition("; recreate it:")[0]


def _vectors(texts: Sequence[str], checkpoint: str) -> NDArray[np.float64]:
    """Return the encoder's vectors of length 1, shape (n_texts, n_features)."""
    import torch

    from tasks.features.base.extractor import Transcript
    from tasks.features.base.registry import extractor
    from tasks.features.text.embeddings import EmbeddingSettings

    # one thread: sums over threads depend on their number, and the vectors must not depend on the machine
    torch.set_num_threads(1)
    embed = extractor("text-embedding").start(EmbeddingSettings(checkpoint=checkpoint))
    # texts of similar length share a batch, which needs little padding
    order = sorted(range(len(texts)), key=lambda k: (len(texts[k]), texts[k]))
    vectors: list[Any] = [None] * len(texts)
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        for k, vector in zip(batch, embed([Transcript(texts[k]) for k in batch]), strict=True):
            vectors[k] = vector
    return np.stack(vectors).astype(np.float64)


def _fit(inputs: NDArray[np.float64], labels: Labels) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_C, max_iter=_ITERATIONS, class_weight="balanced").fit(inputs, labels)


def _probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    likely: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    return likely


def _digest(training: TrainingTexts) -> str:
    columns = (training.texts, training.labels.tolist(), training.groups.tolist())
    rows = [list(row) for row in zip(*columns, strict=True)]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _write(folder: Path, fields: dict[str, Any], weights: NDArray[np.float64], biases: NDArray[np.float64]) -> None:
    from safetensors.numpy import save

    head = save({"weights": np.ascontiguousarray(weights), "biases": biases.copy()})
    tables.write_bytes(folder / _HEAD, head)
    tables.write_text(folder / _CARD, artifacts.card_text(fields, {_HEAD: head}))
