"""Tests of the charts of spectrograms: values, axes, names and size."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from tasks.pages.experiment import spectrogram_charts

HOSTILE = "<b>%{x}</b> & co"
STEP_S = 0.01


def clip(n_frames: int = 300, n_bands: int = 128) -> np.ndarray[Any, np.dtype[np.float32]]:
    rng = np.random.default_rng(3)
    return rng.uniform(-80, 0, (n_frames, n_bands)).astype(np.float32)


def numbers(trace: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Return what a heatmap shows, shape (n_bands, n_frames)."""
    z = trace["z"]
    assert z["dtype"] == "i1"
    shape = [int(entry) for entry in z["shape"].split(",")]
    return np.frombuffer(base64.b64decode(z["bdata"]), np.int8).reshape(shape)


def titles(chart: dict[str, Any]) -> list[str]:
    return [entry["text"] for entry in chart["layout"]["annotations"]]


def test_every_variation_has_a_picture_with_its_name() -> None:
    clips = {"as it is": clip(), "noise": clip(), "time masks": clip()}
    chart = spectrogram_charts.augmented(clips, STEP_S)
    assert titles(chart) == list(clips)
    assert [trace["type"] for trace in chart["data"]] == ["heatmap"] * 3
    assert len({(trace["xaxis"], trace["yaxis"]) for trace in chart["data"]}) == 3
    assert {trace["coloraxis"] for trace in chart["data"]} == {"coloraxis"}


def test_a_small_clip_is_shown_as_it_is_relative_to_its_loudest() -> None:
    decibels = clip(50, 20) + 30
    (trace,) = spectrogram_charts.augmented({"as it is": decibels}, STEP_S)["data"]
    assert np.array_equal(numbers(trace), np.round(decibels - decibels.max()).T)
    assert (trace["x0"], trace["dx"], trace["y0"], trace["dy"]) == (0.005, 0.01, 0, 1)


def test_levels_compare_with_those_of_the_first() -> None:
    decibels = clip(20, 8)
    first, second = spectrogram_charts.augmented({"as it is": decibels, "gain": decibels + 6}, STEP_S)["data"]
    high = numbers(first) > -70
    assert (numbers(second)[high] == numbers(first)[high] + 6).all()


def test_a_long_clip_is_averaged_and_keeps_its_time_and_bands() -> None:
    decibels = np.zeros((1_001, 128), np.float32)
    decibels[:, ::2] = -20
    (trace,) = spectrogram_charts.augmented({"as it is": decibels}, STEP_S)["data"]
    shown = numbers(trace)
    assert shown.shape == (64, 167)
    assert (shown == -10).all()
    assert trace["x0"] - trace["dx"] / 2 == pytest.approx(0)
    assert trace["dx"] == pytest.approx(0.06)
    assert (trace["y0"], trace["dy"]) == (0.5, 2)


def test_levels_are_clipped_to_the_range() -> None:
    decibels = np.array([[0.0, -1e9], [-3.0, -np.inf]], np.float32)
    first, second = spectrogram_charts.augmented({"as it is": decibels, "louder": decibels + 1e6}, STEP_S)["data"]
    assert numbers(first).tolist() == [[0, -3], [-80, -80]]
    assert numbers(second).max() == 127


@pytest.mark.parametrize("n_frames", [1, 300, 5_000])
def test_nine_pictures_are_small_and_fit_in_their_frame(n_frames: int) -> None:
    chart = spectrogram_charts.augmented({f"variation {k}": clip(n_frames) for k in range(9)}, STEP_S)
    assert len(json.dumps(chart)) < 200_000
    # the page's frames scroll above 46 rem
    assert chart["layout"]["height"] <= 46 * 16


def test_names_are_shown_as_they_are() -> None:
    chart = spectrogram_charts.augmented({HOSTILE: clip(9, 3)}, STEP_S)
    assert titles(chart) == ["&lt;b&gt;% {x}&lt;/b&gt; &amp; co"]
    assert "<b>" not in json.dumps(chart)
    whole = spectrogram_charts.attended(clip(9, 3), np.ones(9) / 9, STEP_S, HOSTILE, HOSTILE)
    assert "<b>" not in json.dumps(whole)
    assert "% {x}" in whole["layout"]["title"]["text"]


def test_no_clips_are_an_error() -> None:
    with pytest.raises(ValueError, match="found nothing"):
        spectrogram_charts.augmented({}, STEP_S)
    with pytest.raises(ValueError, match=r"found shape \(0, 128\)"):
        spectrogram_charts.augmented({"as it is": clip(0)}, STEP_S)
    with pytest.raises(ValueError, match=r"found shape \(0,\)"):
        spectrogram_charts.attended(clip(), np.zeros(0), STEP_S, "happy", "sad")


def test_attention_is_drawn_over_the_spectrogram() -> None:
    weights = np.linspace(0, 0.01, 300)
    chart = spectrogram_charts.attended(clip(), weights, STEP_S, "happy", "sad")
    picture, _, line = chart["data"]
    assert picture["type"] == "heatmap"
    assert chart["layout"]["title"]["text"] == "predicted: happy; true: sad"
    assert line["yaxis"] == "y2"
    assert line["y"] == pytest.approx(weights.tolist(), rel=1e-3)
    assert line["x"] == pytest.approx([0.005 + 0.01 * k for k in range(300)], abs=1e-4)
    assert chart["layout"]["yaxis2"]["range"] == pytest.approx([0, 0.0108])
    assert len(json.dumps(chart)) < 200_000


def test_steps_longer_than_frames_are_spread_over_the_clip() -> None:
    line = spectrogram_charts.attended(clip(), np.full(3, 1 / 3), STEP_S, "happy", "happy")["data"][-1]
    assert line["x"] == pytest.approx([0.5, 1.5, 2.5])


def test_weights_of_nothing_still_have_an_axis() -> None:
    chart = spectrogram_charts.attended(clip(), np.zeros(30), STEP_S, "happy", "happy")
    assert chart["layout"]["yaxis2"]["range"] == [0, 1]
