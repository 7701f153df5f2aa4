"""Votes with and without probabilities: polarities, and errors that name voter and text."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core.errors import ConfigError
from tasks.labelling.base import vote
from tasks.labelling.base.vote import Chances


def test_probabilities_give_a_polarity_and_a_polarity_gives_no_probabilities() -> None:
    votes = [0.5, None, Chances(0.7, 0.1, 0.2), Chances(0.2, 0.5, 0.3), (0.1, 0.2, 0.7)]
    cast = vote.from_votes("mine", ["text"] * 5, votes)  # type: ignore[arg-type]
    np.testing.assert_allclose(cast.polarities, [0.5, np.nan, -0.5, 0.0, 0.6])
    assert np.isnan(cast.chances[:2]).all()
    np.testing.assert_allclose(cast.chances[2:], [(0.7, 0.1, 0.2), (0.2, 0.5, 0.3), (0.1, 0.2, 0.7)])


@pytest.mark.parametrize(
    "wrong", ["glad", 1.5, float("nan"), (0.5, 0.5), (0.5, 0.6, 0.2), (-0.1, 0.6, 0.5), (float("nan"), 0.5, 0.5)]
)
def test_a_vote_out_of_range_is_an_error(wrong: object) -> None:
    with pytest.raises(ConfigError, match=r"voter mine returned .* for the text 'so be it'; expected"):
        vote.from_votes("mine", ["so be it"], [wrong])  # type: ignore[list-item]
