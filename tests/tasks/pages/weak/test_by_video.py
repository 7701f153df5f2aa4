"""Tests of the results per test video."""

from __future__ import annotations

from typing import Any

from tasks.pages.common.charts import MarkerMark
from tasks.pages.weak import by_video, charts, inputs

VIDEOS = [{"video_id": f"test-{n}", "title": title, "url": None} for n, title in enumerate(("One", None, "Three"))]


def row(group: str, label: str, predicted: str) -> dict[str, Any]:
    return {"group": group, "label": label, "predicted": predicted}


def test_means_and_accuracy_from_negative_to_positive() -> None:
    rows = [
        row("test-1", "positive", "positive"),
        row("test-0", "negative", "neutral"),
        row("test-0", "neutral", "neutral"),
    ]
    first, second = by_video.test_videos(rows, VIDEOS)
    assert (first.video_id, first.n, first.right, first.accuracy) == ("test-0", 2, 1, 0.5)
    assert (first.consensus, first.predicted) == (-0.5, 0.0)
    assert (second.title, second.url) == ("test-1", "")


def test_both_means_of_a_video_are_in_its_row() -> None:
    rows = [row("test-0", "negative", "neutral"), row("test-1", "positive", "positive")]
    chart = charts.by_video(by_video.test_videos(rows, VIDEOS))
    assert chart is not None
    (plot,) = chart.plots
    assert plot.rows == ["test-0", "test-1"]
    rings, diamonds = plot.marks[2:]
    assert isinstance(rings, MarkerMark)
    assert isinstance(diamonds, MarkerMark)
    assert [point[:2] for point in rings.points] == [(0.0, 25.0), (100.0, 75.0)]
    assert [point[:2] for point in diamonds.points] == [(50.0, 25.0), (100.0, 75.0)]
    assert rings.points[0].tooltip == "One: label -1.00, classifier +0.00, 0 of 1 correct"


def test_without_videos_there_is_no_chart() -> None:
    assert charts.by_video(()) is None


def test_of_many_videos_some_are_drawn() -> None:
    one = by_video.VideoResult("v", "v", "", 1, 1, 0.0, 0.0)
    many = [one._replace(video_id=f"v{k:03}", consensus=k / 200) for k in range(200)]
    chart = charts.by_video(many)
    assert chart is not None
    (plot,) = chart.plots
    assert len(plot.rows) == charts.MOST_VIDEOS
    assert (plot.rows[0], plot.rows[-1]) == ("v000", "v196")


def test_an_utterances_video_does_not_depend_on_the_protocol() -> None:
    assert inputs.video_of("weak/test-9/0003") == "test-9"
