"""Windows lie where they are said to, and come back together as their utterance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.config import Clips, Windows
from tasks.experiments import windows
from tasks.features.base.sequences import Sequences

HALF = Windows(length_s=0.5, hop_s=0.25)


def rows(*lengths: int) -> Sequences:
    """Sequences whose steps are numbered through, so that a window says where it was cut."""
    of = np.array(lengths, dtype=np.int64)
    return Sequences(np.arange(of.sum(), dtype=np.float32)[:, None], np.cumsum(of) - of, of)


def test_half_seconds_every_quarter_of_one() -> None:
    where = windows.cut(np.array([1.0, 0.2, 0.74, 0.75]), HALF)
    assert where.parent.tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert where.number.tolist() == [0, 1, 2, 0, 0, 0, 1]
    cut = windows.of(rows(100, 20, 74, 75), where, HALF, 0.01)
    assert [cut[k][0, 0] for k in range(7)] == [0, 25, 50, 100, 120, 194, 219]
    assert cut.lengths.tolist() == [50, 50, 50, 20, 50, 50, 50]
    assert cut.steps.base is not None or cut.steps.shape == (269, 1)


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=6),
    st.sampled_from([0.1, 0.5, 1.0]),
    st.sampled_from([0.05, 0.25, 0.4]),
    st.sampled_from([0.01, 0.0125, 0.02]),
)
def test_a_window_never_leaves_its_utterance(lengths: list[int], length_s: float, hop_s: float, step_s: float) -> None:
    asked, sequences = Windows(length_s=length_s, hop_s=hop_s), rows(*lengths)
    where = windows.cut(sequences.lengths * step_s, asked)
    cut = windows.of(sequences, where, asked, step_s)
    starts, ends = sequences.starts[where.parent], (sequences.starts + sequences.lengths)[where.parent]
    assert (cut.starts >= starts).all()
    assert (cut.starts + cut.lengths <= ends).all()
    assert (cut.lengths >= 1).all()
    assert np.unique(where.parent).tolist() == list(range(len(lengths))), "every utterance has one"


def test_blocks_of_other_steps_are_cut_at_the_same_times() -> None:
    fine, coarse = rows(100), rows(50)
    where = windows.cut(fine.lengths * 0.01, HALF)
    a, b = windows.of(fine, where, HALF, 0.01), windows.of(coarse, where, HALF, 0.02)
    assert (a.starts * 0.01).tolist() == pytest.approx((b.starts * 0.02).tolist(), abs=0.02)


SCORES = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.2, 0.8], [0.6, 0.4]])
CLIP = np.array(["a", "a", "a", "b", "b"])


@pytest.mark.parametrize(
    ("clips", "expected"),
    [
        (Clips(), [[1.7 / 3, 1.3 / 3], [0.4, 0.6]]),
        (Clips(by="max"), [[0.9, 0.6], [0.6, 0.8]]),
        (Clips(by="vote"), [[1 / 3, 2 / 3], [0.5, 0.5]]),
        (Clips(floor=0.58), [[1.7 / 3, 1.3 / 3, 0.58], [0.4, 0.6, 0.58]]),
    ],
    ids=str,
)
def test_windows_are_scored_together(clips: Clips, expected: list[list[float]]) -> None:
    first, found = windows.pooled(SCORES, CLIP, clips)
    assert first.tolist() == [0, 3]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_tie_of_votes_goes_to_the_surer_class() -> None:
    _, found = windows.pooled(SCORES, CLIP, Clips(by="vote"))
    assert found[1].argmax() == 1


def test_what_nothing_reaches_is_none() -> None:
    _, found = windows.pooled(SCORES, CLIP, Clips(floor=0.58))
    names = np.array(windows.outputs(["joy", "anger"], Clips(floor=0.58)))
    assert names[found.argmax(axis=1)].tolist() == ["none", "anger"]


def test_neighbours_are_averaged_and_only_neighbours_of_the_same_utterance() -> None:
    smooth = windows.smoothed(SCORES[:3], 3)
    np.testing.assert_allclose(smooth[:, 0], [0.65, 1.7 / 3, 0.4])
    _, found = windows.pooled(SCORES, CLIP, Clips(by="max", smooth=3))
    np.testing.assert_allclose(found[1], [0.4, 0.6])


def test_an_even_number_of_neighbours_is_refused() -> None:
    with pytest.raises(ValueError, match="must be odd"):
        Clips(smooth=2)


def test_nothing_gives_nothing() -> None:
    first, found = windows.pooled(np.empty((0, 3)), np.empty(0, dtype=str), Clips())
    assert first.size == 0
    assert found.shape == (0, 3)
