"""Votes as a column of maps (voter to polarity) and as a matrix, converted as whole columns.

A Python dictionary per row would take more memory than the votes themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.labelling.votes.combine import Polarities

VOTES = pa.map_(pa.string(), pa.float64())


def to_maps(polarities: Polarities, names: Sequence[str]) -> pa.MapArray:
    """Return votes as maps in the voters' order, without voters that abstain; shape (n_texts,).

    Args:
        polarities: NaN where a voter abstains, shape (n_texts, n_voters)
        names: the voters, shape (n_voters,)
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
    """Return votes as numbers, NaN where a voter abstains, shape (n_texts, n_voters).

    Args:
        votes: maps from voter to polarity, shape (n_texts,); other voters than the named ones are ignored
        names: the voters, shape (n_voters,)
    """
    polarities = np.full((len(votes), len(names)), np.nan)
    whole = pa.concat_arrays(votes.chunks) if votes.num_chunks else pa.array([], VOTES)
    # a sliced array shares its parent's keys and items: the offsets mark the part that belongs to it
    offsets = whole.offsets.to_numpy()
    inside = slice(offsets[0], offsets[-1])
    rows = np.repeat(np.arange(len(votes)), np.diff(offsets))
    columns = pc.index_in(whole.keys[inside], pa.array(names, pa.string())).fill_null(-1).to_numpy()
    named = columns >= 0
    polarities[rows[named], columns[named]] = whole.items[inside].to_numpy()[named]
    return polarities
