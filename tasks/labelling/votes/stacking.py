"""Stacking: multinomial logistic regression over the votes of all voters, trained on rated texts.

Inputs of each voter are its polarity, the polarity's magnitude, whether it votes negative, whether positive, whether it
abstains, and the log-odds of negative and positive against neutral where it votes with probabilities (Wolpert 1992,
"Stacked generalization", Neural Networks 5; Ting & Witten 1999, JAIR 10, for probabilities instead of classes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.errors import TableError
from tasks.evaluation.splits import Labels
from tasks.labelling.votes.combine import Polarities

INPUTS = ("polarity", "magnitude", "negative", "positive", "abstains", "log-odds negative", "log-odds positive")
C, _ITERATIONS = 1.0, 2000
_LEAST_CHANCE = 1e-3
"""Probabilities are at least this before their logarithm is taken."""
_DIGITS = 6
"""Coefficients are rounded: their last digits depend on the machine's linear algebra, and labels must not."""
_NEGATIVE, _NEUTRAL, _POSITIVE = range(len(tables.SENTIMENTS))


@dataclass(frozen=True)
class StackedModel:
    """A trained combination of voters.

    Args:
        voters: names, in the order of the votes' columns
        weights: shape (3, n_voters · len(INPUTS)), classes in the order of `tables.SENTIMENTS`
        biases: shape (3,)
    """

    voters: tuple[str, ...]
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]

    def probabilities(self, polarities: Polarities, chances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each class's probability, NaN where all voters abstain, shape (n_texts, 3).

        Args:
            polarities: NaN where a voter abstains, shape (n_texts, n_voters)
            chances: NaN where a voter has no probabilities, shape (n_texts, n_voters, 3)
        """
        logits = inputs(polarities, chances) @ self.weights.T + self.biases
        likely: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        likely[np.isnan(polarities).all(axis=1)] = np.nan
        return likely

    def to_dict(self) -> dict[str, Any]:
        """Return the model as a dictionary for JSON."""
        return {
            "voters": list(self.voters),
            "inputs": list(INPUTS),
            "weights": self.weights.tolist(),
            "biases": self.biases.tolist(),
        }


def from_dict(fields: Mapping[str, Any]) -> StackedModel:
    """Return the model of a dictionary from `StackedModel.to_dict`.

    Args:
        fields: content of the artifact

    Raises:
        TableError: if fields are missing or shapes do not match
    """
    try:
        voters = tuple(map(str, fields["voters"]))
        weights, biases = (np.array(fields[name], dtype=np.float64) for name in ("weights", "biases"))
        has_inputs = list(fields["inputs"]) == list(INPUTS)
    except (KeyError, TypeError, ValueError) as error:
        raise TableError(f"this stacked model cannot be read ({type(error).__name__}: {error})") from error
    shapes = ((len(tables.SENTIMENTS), len(voters) * len(INPUTS)), (len(tables.SENTIMENTS),))
    if not has_inputs or (weights.shape, biases.shape) != shapes:
        raise TableError(f"this stacked model has weights of shape {weights.shape}, expected {shapes[0]}")
    return StackedModel(voters, weights, biases)


def inputs(polarities: Polarities, chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inputs of the regression, shape (n_texts, n_voters · len(INPUTS)).

    Args:
        polarities: NaN where a voter abstains, shape (n_texts, n_voters)
        chances: NaN where a voter has no probabilities, shape (n_texts, n_voters, 3)
    """
    numbers = np.nan_to_num(polarities)
    logs = np.log(np.clip(chances, _LEAST_CHANCE, 1.0))
    odds = np.nan_to_num(logs[:, :, [_NEGATIVE, _POSITIVE]] - logs[:, :, [_NEUTRAL]])
    columns = [
        numbers,
        np.abs(numbers),
        polarities < 0,
        polarities > 0,
        np.isnan(polarities),
        odds[..., 0],
        odds[..., 1],
    ]
    return np.stack([column.astype(np.float64) for column in columns], axis=2).reshape(len(polarities), -1)


def fit(polarities: Polarities, chances: NDArray[np.float64], labels: Labels, voters: Sequence[str]) -> StackedModel:
    """Train a model; classes count alike, since label quality is a mean over classes.

    Args:
        polarities: NaN where a voter abstains, shape (n_texts, n_voters)
        chances: NaN where a voter has no probabilities, shape (n_texts, n_voters, 3)
        labels: ratings, of every class at least one, shape (n_texts,)
        voters: names, shape (n_voters,)
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, max_iter=_ITERATIONS, class_weight="balanced")
    model.fit(inputs(polarities, chances), labels)
    order = [list(model.classes_).index(label) for label in tables.SENTIMENTS]
    return StackedModel(tuple(voters), model.coef_[order].round(_DIGITS), model.intercept_[order].round(_DIGITS))
