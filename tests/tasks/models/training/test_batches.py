"""Batches of rows, and of whole documents that rows share."""

from __future__ import annotations

import numpy as np

from tasks.models.training import batches

DOCUMENTS = np.array([0, 1, 0, 2, 2, 3, 3, 3, 4, 5])
LENGTHS = np.array([7, 3, 7, 9, 9, 2, 2, 2, 5, 4])


def test_documents_stay_whole_and_every_row_comes_once() -> None:
    for epoch in range(3):
        cut = batches.shuffled(10, 4, LENGTHS, 7, epoch, documents=DOCUMENTS)
        assert sorted(np.concatenate(cut)) == list(range(10))
        of_batch = [set(DOCUMENTS[rows]) for rows in cut]
        assert sum(map(len, of_batch)) == 6
        # 10 rows of 6 documents: 4 rows are 2.4 documents; schedules count on the same number of batches in each epoch
        assert [len(documents) for documents in of_batch] == [2, 2, 2]
    orders = [
        np.concatenate(batches.shuffled(10, 4, LENGTHS, 7, epoch, documents=DOCUMENTS)).tolist() for epoch in (0, 1)
    ]
    assert orders[0] != orders[1]


def test_documents_of_similar_length_are_scored_together() -> None:
    cut = batches.in_order(10, 4, LENGTHS, DOCUMENTS)
    assert [sorted(set(DOCUMENTS[rows])) for rows in cut] == [[1, 3], [4, 5], [0, 2]]


def test_rows_without_shared_documents_are_batched_as_before() -> None:
    cut = batches.shuffled(10, 4, None, 7, 0)
    order = np.random.default_rng([7, 0]).permutation(10)
    assert {tuple(rows) for rows in cut} == {tuple(order[:4]), tuple(order[4:8]), tuple(order[8:])}
