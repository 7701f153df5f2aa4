"""Labels that listeners' ratings add up to: majority, Dawid–Skene or MACE, and the distribution of the ratings.

The two models estimate each listener's reliability from all ratings, so that a careless listener counts less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import tables
from tasks.labelling.people import rated_utterances
from tasks.labelling.people.rated_utterances import PooledRatings
from tasks.labelling.people.rating_sheets import Ratings
from tasks.labelling.people.ratings import majority
from tasks.labelling.votes import annotator_models
from tasks.labelling.votes.annotator_models import Annotations

Adding = Literal["majority", "dawid-skene", "mace"]
_TOLERANCE = 1e-6


def labels(ratings: Sequence[Ratings], how: Adding) -> list[str | None]:
    """Return the label of every row, None without ratings and where classes tie.

    Args:
        ratings: listener to label, per row
        how: `majority`, `dawid-skene` or `mace`
    """
    if how == "majority":
        return [majority(row) for row in ratings]
    return [_likeliest(row) for row in probabilities(ratings, how)]


def probabilities(ratings: Sequence[Ratings], how: Adding) -> NDArray[np.float64]:
    """Return each class's probability, NaN without ratings, shape (n_rows, 3); by majority: its share of the ratings.

    Args:
        ratings: listener to label, per row
        how: `majority`, `dawid-skene` or `mace`
    """
    if how == "majority":
        return shares(ratings)
    model = annotator_models.mace if how == "mace" else annotator_models.dawid_skene
    return model(Annotations(_codes(ratings), len(tables.SENTIMENTS)))


def shares(ratings: Sequence[Ratings]) -> NDArray[np.float64]:
    """Return the distribution of each row's ratings, NaN without ratings, shape (n_rows, 3).

    Args:
        ratings: listener to label, per row
    """
    counts = np.array(
        [[list(row.values()).count(label) for label in tables.SENTIMENTS] for row in ratings], dtype=np.float64
    ).reshape(len(ratings), len(tables.SENTIMENTS))
    totals = counts.sum(axis=1, keepdims=True)
    distribution: NDArray[np.float64] = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    return distribution


def _codes(ratings: Sequence[Ratings]) -> NDArray[np.int64]:
    names = sorted({name for row in ratings for name in row})
    code = {label: k for k, label in enumerate(tables.SENTIMENTS)}
    return np.array([[code.get(row.get(name, ""), -1) for name in names] for row in ratings], dtype=np.int64).reshape(
        len(ratings), len(names)
    )


def _likeliest(row: NDArray[np.float64]) -> str | None:
    if np.isnan(row).any() or (row >= row.max() - _TOLERANCE).sum() > 1:
        return None
    return tables.SENTIMENTS[int(row.argmax())]


def pooled(folder: Path, utterances: pa.Table, how: Adding) -> PooledRatings:
    """Collect every utterance's ratings as `rated_utterances.pooled` does, with the label by a model of the listeners.

    Args:
        folder: files of rated spans; it need not exist
        utterances: as for `rated_utterances.match`
        how: `majority`, `dawid-skene` or `mace`; its label is in the column `majority`

    Raises:
        InputError: names file, row and error
    """
    everything = rated_utterances.pooled(folder, utterances)
    if how == "majority" or not everything.rated.num_rows:
        return everything
    by_listener = [dict(row) for row in everything.rated["ratings"].to_pylist()]
    column = everything.rated.schema.get_field_index("majority")
    given = pa.array(labels(by_listener, how), pa.string())
    return replace(everything, rated=everything.rated.set_column(column, everything.rated.schema.field(column), given))
