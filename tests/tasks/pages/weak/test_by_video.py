"""Tests of the results per test video."""

from __future__ import annotations

from typing import Any

from tasks.pages.weak import by_video, charts

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


def test_a_title_is_no_markup_in_the_chart() -> None:
    hostile = [{**VIDEOS[0], "title": '<a href="http://x">%{x}</a></script>'}]
    chart = charts.by_video(by_video.test_videos([row("test-0", "neutral", "neutral")], hostile))
    hover = chart["data"][-1]["hovertemplate"][0]
    assert "<a" not in hover
    assert "%{" not in hover
    assert "&lt;a href" in hover
