"""Votes as a table keeps them, a map from voter to polarity for each text, and as numbers: columns either way.

A row of a map as a Python dictionary costs more than the votes in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.labelling.votes.combine import Polarities

VOTES = pa.map_(pa.string(), pa.float64())


def to_maps(polarities: Polarities, names: Sequence[str]) -> pa.MapArray:
    """Return votes as maps, in the voters' order; a voter that abstains is not in it.

    Args:
        polarities: not a number where a voter abstains, shape (n_texts, n_voters)
        names: of the voters
    """
    voted = ~np.isnan(polarities)
    ends = np.cumsum(voted.sum(axis=1), dtype=np.int32)
    keys = np.broadcast_to(np.arange(len(names)), voted.shape)[voted]
    return pa.MapArray.from_arrays(
        np.concatenate([np.zeros(1, dtype=np.int32), ends]),
        pa.array(names, pa.string()).take(pa.array(keys)),
        pa.array(polarities[voted]),
    )


def to_matrix(votes: pa.ChunkedArray, names: Sequence[str]) -> Polarities:
    """Return votes as numbers, not a number where a voter abstains, shape (n_texts, n_voters).

    Args:
        votes: maps from voter to polarity; voters that are not named are left out
        names: of the voters
    """
    found = np.full((len(votes), len(names)), np.nan)
    whole = pa.concat_arrays(votes.chunks) if votes.num_chunks else pa.array([], VOTES)
    offsets = whole.offsets.to_numpy()
    inside = slice(offsets[0], offsets[-1])
    rows = np.repeat(np.arange(len(votes)), np.diff(offsets))
    columns = pc.index_in(whole.keys[inside], pa.array(names, pa.string())).fill_null(-1).to_numpy()
    named = columns >= 0
    found[rows[named], columns[named]] = whole.items[inside].to_numpy()[named]
    return found
