"""Votes as columns of maps (voter to polarity, voter to probabilities) and as arrays, converted as whole columns.

A Python dictionary per row would take more memory than the votes themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.core import tables
from tasks.labelling.base.vote import CastVotes
from tasks.labelling.votes.combine import Polarities

VOTES = tables.VOTES.field("votes").type
CHANCES = tables.VOTES.field("probabilities").type
VoterChances = NDArray[np.float64]
"""Probabilities by voter, NaN where a voter has none, shape (n_texts, n_voters, 3)."""


def side_by_side(cast: Iterable[CastVotes]) -> tuple[Polarities, VoterChances]:
    """Return the votes of several voters as polarities (n_texts, n_voters) and chances (n_texts, n_voters, 3).

    Args:
        cast: the votes of each voter on the same texts, at least one voter
    """
    of_voters = list(cast)
    return (
        np.stack([votes.polarities for votes in of_voters], axis=1),
        np.stack([votes.chances for votes in of_voters], axis=1),
    )


def to_maps(polarities: Polarities, names: Sequence[str]) -> pa.MapArray:
    """Return votes as maps in the voters' order, without voters that abstain; shape (n_texts,).

    Args:
        polarities: NaN where a voter abstains, shape (n_texts, n_voters)
        names: the voters, shape (n_voters,)
    """
    voted = ~np.isnan(polarities)
    return _maps(voted, names, pa.array(polarities[voted]))


def to_chance_maps(chances: VoterChances, names: Sequence[str]) -> pa.MapArray:
    """Return probabilities as maps in the voters' order, without voters that have none; shape (n_texts,).

    Args:
        chances: NaN where a voter has no probabilities, shape (n_texts, n_voters, 3)
        names: the voters, shape (n_voters,)
    """
    present = ~np.isnan(chances[:, :, 0])
    items = chances[present]
    columns = [pa.array(np.ascontiguousarray(items[:, k])) for k in range(len(tables.SENTIMENTS))]
    return _maps(present, names, pa.StructArray.from_arrays(columns, fields=list(CHANCES.item_type)))


def _maps(present: NDArray[np.bool_], names: Sequence[str], items: pa.Array) -> pa.MapArray:
    """Return maps with the keys that are present, shape (n_texts, n_voters); items are in the same order."""
    ends = np.cumsum(present.sum(axis=1), dtype=np.int32)
    keys = np.broadcast_to(np.arange(len(names)), present.shape)[present]
    return pa.MapArray.from_arrays(
        np.concatenate([np.zeros(1, dtype=np.int32), ends]), pa.array(names, pa.string()).take(pa.array(keys)), items
    )


def to_matrix(votes: pa.ChunkedArray, names: Sequence[str]) -> Polarities:
    """Return votes as numbers, NaN where a voter abstains, shape (n_texts, n_voters).

    Args:
        votes: maps from voter to polarity, shape (n_texts,); other voters than the named ones are ignored
        names: the voters, shape (n_voters,)
    """
    polarities = np.full((len(votes), len(names)), np.nan)
    rows, columns, items = _items(votes, VOTES, names)
    polarities[rows, columns] = items.to_numpy()
    return polarities


def to_chances(chances: pa.ChunkedArray, names: Sequence[str]) -> VoterChances:
    """Return probabilities as numbers, NaN where a voter has none, shape (n_texts, n_voters, 3).

    Args:
        chances: maps from voter to probabilities, null in tables of earlier versions, shape (n_texts,)
        names: the voters, shape (n_voters,)
    """
    numbers = np.full((len(chances), len(names), len(tables.SENTIMENTS)), np.nan)
    rows, columns, items = _items(chances, CHANCES, names)
    for k, label in enumerate(tables.SENTIMENTS):
        numbers[rows, columns, k] = pc.struct_field(items, label).to_numpy(zero_copy_only=False)
    return numbers


def _items(
    maps: pa.ChunkedArray, kind: pa.MapType, names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], pa.Array]:
    """Return row, column and item of every entry of a named voter."""
    whole = pa.concat_arrays(maps.chunks) if maps.num_chunks else pa.array([], kind)
    # a sliced array shares its parent's keys and items: the offsets mark the part that belongs to it
    offsets = whole.offsets.to_numpy()
    inside = slice(offsets[0], offsets[-1])
    rows = np.repeat(np.arange(len(maps)), np.diff(offsets))
    columns = pc.index_in(whole.keys[inside], pa.array(names, pa.string())).fill_null(-1).to_numpy()
    named = columns >= 0
    return rows[named], columns[named], whole.items[inside].filter(pa.array(named))
