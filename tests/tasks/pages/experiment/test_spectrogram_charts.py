"""Tests of the charts of spectrograms: levels, axes, names and size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.pages.common.charts import CurveMark, ImageMark
from tasks.pages.experiment import spectrogram_charts

STEP_S = 0.01


def clip(n_frames: int = 300, n_bands: int = 128) -> np.ndarray[Any, np.dtype[np.float32]]:
    rng = np.random.default_rng(3)
    return rng.uniform(-80, 0, (n_frames, n_bands)).astype(np.float32)


def test_every_variation_has_a_picture_with_its_name() -> None:
    clips = {"as it is": clip(), "noise": clip(), "time masks": clip()}
    chart = spectrogram_charts.augmented(clips, STEP_S)
    assert [plot.heading for plot in chart.plots] == list(clips)
    assert [[mark.kind for mark in plot.marks] for plot in chart.plots] == [["image"]] * 3
    assert {(plot.x.high, plot.y.high) for plot in chart.plots if plot.y} == {(3.0, 128)}


def test_a_small_clip_is_shown_as_it_is_relative_to_its_loudest() -> None:
    decibels = clip(50, 20) + 30
    shown = spectrogram_charts.levels(decibels, float(decibels.max()))
    assert np.array_equal(shown, np.round(decibels - decibels.max()) + 80)


def test_levels_compare_with_those_of_the_first() -> None:
    decibels = clip(20, 8)
    loudest = float(decibels.max())
    first, second = (spectrogram_charts.levels(decibels - loss, loudest) for loss in (0, 6))
    assert (second == np.maximum(first.astype(int) - 6, 0)).all()


def test_a_long_clip_is_averaged_and_keeps_its_time_and_bands() -> None:
    decibels = np.zeros((1_001, 128), np.float32)
    decibels[:, ::2] = -20
    shown = spectrogram_charts.levels(decibels, 0)
    assert shown.shape == (167, 64)
    assert (shown == 70).all()
    (plot,) = spectrogram_charts.augmented({"as it is": decibels}, STEP_S).plots
    assert plot.y is not None
    assert (plot.x.high, plot.y.high) == (pytest.approx(10.01), 128)


def test_levels_are_clipped_to_the_range() -> None:
    decibels = np.array([[0.0, -1e9], [-3.0, -np.inf]], np.float32)
    assert spectrogram_charts.levels(decibels, 0).tolist() == [[80, 0], [77, 0]]
    assert spectrogram_charts.levels(decibels + 1e6, 0).tolist() == [[80, 0], [80, 0]]


@pytest.mark.parametrize("n_frames", [1, 300, 5_000])
def test_nine_pictures_are_small(n_frames: int) -> None:
    chart = spectrogram_charts.augmented({f"variation {k}": clip(n_frames) for k in range(9)}, STEP_S)
    pictures = [mark for plot in chart.plots for mark in plot.marks if isinstance(mark, ImageMark)]
    assert sum(len(picture.url) for picture in pictures) < 200_000


def test_no_clips_are_an_error() -> None:
    with pytest.raises(ValueError, match="found nothing"):
        spectrogram_charts.augmented({}, STEP_S)
    with pytest.raises(ValueError, match=r"found shape \(0, 128\)"):
        spectrogram_charts.augmented({"as it is": clip(0)}, STEP_S)
    with pytest.raises(ValueError, match=r"found shape \(0,\)"):
        spectrogram_charts.attended(clip(), np.zeros(0), STEP_S)


def test_attention_is_drawn_over_the_spectrogram() -> None:
    (plot,) = spectrogram_charts.attended(clip(), np.linspace(0, 0.01, 300), STEP_S).plots
    picture, dark, line = plot.marks
    assert picture.kind == "image"
    assert isinstance(line, CurveMark)
    assert isinstance(dark, CurveMark)
    assert line.path == dark.path
    # from the middle of the first frame at weight 0 to the middle of the last at the highest weight
    assert line.path.startswith("M2 1000L")
    assert line.path.endswith("L998 74")
    assert plot.right is not None
    assert plot.right.high == pytest.approx(0.0108)
    assert [tick.label for tick in plot.right.marked] == ["0.0%", "0.2%", "0.4%", "0.6%", "0.8%", "1.0%"]


def test_steps_longer_than_frames_are_spread_over_the_clip() -> None:
    (plot,) = spectrogram_charts.attended(clip(), np.full(3, 1 / 3), STEP_S).plots
    line = plot.marks[-1]
    assert isinstance(line, CurveMark)
    assert [place.split(" ")[0] for place in line.path[1:].split("L")] == ["167", "500", "833"]


def test_weights_of_nothing_still_have_an_axis() -> None:
    (plot,) = spectrogram_charts.attended(clip(), np.zeros(30), STEP_S).plots
    assert plot.right is not None
    assert plot.right.high == 1
