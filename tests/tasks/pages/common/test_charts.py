"""Tests of the charts' axes and paths."""

from __future__ import annotations

import pytest

from tasks.pages.common import charts
from tasks.pages.common.charts import Axis, Tick
from tasks.pages.common.score_text import Score


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 7, [0, 2, 4, 6]),
        (-1.06, 1.06, [-1, -0.5, 0, 0.5, 1]),
        (0.123, 0.1245, [0.123, 0.1235, 0.124, 0.1245]),
        (0, 123_456, [0, 50_000, 100_000]),
    ],
)
def test_ticks_have_round_values(low: float, high: float, values: list[float]) -> None:
    assert charts.round_values(low, high) == values


def test_an_axis_from_zero_contains_all_values_and_ends_at_a_tick() -> None:
    axis = charts.from_zero("loss", [0.3, 1.27])
    assert (axis.low, axis.high) == (0, 1.5)
    assert charts.from_zero("correlation", [-0.21, 0.9]).low == -0.4
    assert charts.from_zero("nothing", []).high == 1
    assert charts.from_zero("epoch", [1, 3], integers=True).ticks == [0, 1, 2, 3]


def test_places_are_percentages() -> None:
    axis = Axis("score", -1, 1, (-1.0, 0.0, 0.5))
    assert [axis.place(value) for value in (-1, 0, 0.5, 1)] == [0, 50, 75, 100]
    assert axis.marked == [Tick(0, "−1"), Tick(50, "0"), Tick(75, "0.5")]


def test_a_logarithmic_axis_has_powers_of_ten() -> None:
    axis = Axis("learning rate", 1e-5, 1e-1, log=True)
    assert axis.place(1e-3) == 50
    assert [tick.label for tick in axis.marked] == ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]


def test_a_path_leaves_out_points_that_coincide() -> None:
    x = y = Axis("", 0, 1)
    assert charts.line([[(0, 0), (0.00001, 0), (0.5, 1)], [(1, 1)]], x, y) == "M0 1000L500 0M1000 0h0"
    assert charts.line([[]], x, y) == ""


def test_only_scores_with_bounds_have_intervals() -> None:
    scores = [(Score(0.5, 0.4, 0.7), 10.0), (Score(0.5, None, None), 20.0)]
    assert charts.intervals(scores, Axis("", 0, 1)) == [(40, 10, 70, 10)]
    assert charts.extent(score for score, _ in scores) == [0.5, 0.4, 0.7, 0.5]


def test_the_colour_scale_starts_and_ends_with_its_anchors() -> None:
    colours = charts.gradient(81)
    assert (colours[0], colours[40], colours[80]) == ((68, 1, 84), (33, 145, 140), (253, 231, 37))
    # lightness rises with the value
    lightness = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in colours]
    assert lightness == sorted(lightness)
