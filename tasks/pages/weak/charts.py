"""Charts of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tasks.pages.common import charts as common
from tasks.pages.common.charts import (
    GREY,
    SHARE,
    Axis,
    BarMark,
    Box,
    Chart,
    CurveMark,
    LegendKey,
    Mark,
    MarkerMark,
    Plot,
    Point,
    Span,
    SpanMark,
)
from tasks.pages.common.palette import COLOURS, SYSTEMS
from tasks.pages.weak.by_video import VideoResult, evenly
from tasks.pages.weak.vote_counts import NONE, ScoreHistogram

MOST_VIDEOS = 60
"""Rows of the chart of videos; of more videos, every n-th in the order of their labels is drawn."""
_ROW_PX = 26
_WAYS = (("#0077bb", "circle", -0.4), ("#d55e00", "diamond", 0.4))
"""Colour and symbol of each way to use ratings, and the shift of its marks in percent."""
_MEANS = (-1.0, -0.5, 0.0, 0.5, 1.0)


def votes(histogram: ScoreHistogram, min_score: float) -> Chart:
    """Draw a histogram of mean votes, coloured by the resulting label.

    Args:
        histogram: of the mean votes
        min_score: threshold of a label
    """
    edges, counts = histogram.edges, histogram.counts
    totals = [sum(of_bin) for of_bin in zip(*counts.values(), strict=True)]
    x = Axis("mean of the votes (dotted: the threshold)", edges[0], edges[-1], _MEANS)
    y = common.from_zero("utterances", totals, style=",.0f", integers=True)
    marks, legend, floors = list[Mark](), list[LegendKey](), [0] * len(totals)
    for label, colour in {**COLOURS, NONE: GREY}.items():
        boxes = []
        for number, (low, high) in enumerate(pairwise(edges)):
            n = counts[label][number]
            floors[number] += n
            if n:
                left, width = x.place(low), x.place(high) - x.place(low)
                text = f"score {low:.2f} to {high:.2f}, {label}: {n:,}"
                top = round(100 - y.place(floors[number]), 2)
                boxes.append(Box(round(left + 0.03 * width, 2), top, round(0.94 * width, 2), y.place(n), text))
        marks.append(BarMark(boxes, colour, hatched=label == NONE))
        legend.append(LegendKey(label, "hatched" if label == NONE else "bar", colour))
    places = [x.place(threshold) for threshold in (-min_score, min_score)]
    marks.append(SpanMark([Span(place, 0, place, 100) for place in places], GREY, "dot", 1.5))
    return common.single(Plot(x, y, marks, 240), legend)


def curve(points: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Draw macro F1 against listeners over coverage: one point per threshold, with its interval; None without scores.

    Args:
        points: rows with threshold, coverage, n, macro_f1, low and high
    """
    scored = [point for point in points if point["macro_f1"] is not None]
    if not scored:
        return None
    x = Axis("coverage: share of eligible utterances with a label", 0, 1, SHARE, ".0%")
    y = Axis("macro F1 (0 to 1)", 0, 1, SHARE)
    colour = SYSTEMS["classifier"]
    spans = [
        Span(place := x.place(point["coverage"]), 100 - y.place(point["low"]), place, 100 - y.place(point["high"]))
        for point in scored
        if point["low"] is not None and point["high"] is not None
    ]
    dots = [
        Point(
            x.place(point["coverage"]),
            100 - y.place(point["macro_f1"]),
            f"threshold {point['threshold']:.3f}, n = {point['n']:,}: coverage {point['coverage']:.0%}, "
            f"macro F1 {point['macro_f1']:.3f}",
        )
        for point in scored
    ]
    path = common.line([[(point["coverage"], point["macro_f1"]) for point in scored]], x, y)
    marks = (CurveMark(path, colour, width=1.5), SpanMark(spans, colour, width=1), MarkerMark(dots, "circle", colour))
    return common.single(Plot(x, y, marks, 240))


def learning_curve(report: Mapping[str, Any] | None) -> Chart | None:
    """Draw macro F1 on other videos over the number of ratings, one line for each way to use them; None without.

    Args:
        report: from `learning_curve.measured`
    """
    if report is None:
        return None
    points = [point for way in report["ways"] for point in way["points"]]
    ends = [end for point in (*points, report["used"]) for end in _ends(point)]
    x = common.from_zero("ratings of other videos", [point["n"] for point in points], style=",.0f", integers=True)
    step = common.round_step(max(max(ends) - min(ends), 0.1))
    low, high = step * math.floor(min(ends) / step), min(1.0, step * math.ceil(max(ends) / step))
    y = Axis("macro F1 (0 to 1)", low, high, common.round_values(low, high), "g")
    used = 100 - y.place(report["used"]["value"])
    marks: list[Mark] = [SpanMark([Span(0, used, 100, used)], GREY, "dot", 1.5)]
    legend = [LegendKey("labels in use", "line", GREY, "dot")]
    # a little apart: intervals at the same number of ratings would cover each other
    for way, (colour, symbol, shift) in zip(report["ways"], _WAYS, strict=True):
        places = [(x.place(point["n"]) + shift, point) for point in way["points"]]
        line = common.line([[(point["n"], point["value"]) for point in way["points"]]], x, y)
        spans = [
            Span(place, 100 - y.place(point["low"]), place, 100 - y.place(point["high"]))
            for place, point in places
            if point["low"] is not None
        ]
        dots = [
            Point(place, 100 - y.place(point["value"]), f"{way['name']}, {point['n']:,} ratings: {_scored(point)}")
            for place, point in places
        ]
        marks += [
            CurveMark(line, colour, width=1.5),
            SpanMark(spans, colour, width=1),
            MarkerMark(dots, symbol, colour),
        ]
        legend.append(LegendKey(way["name"], symbol, colour))
    return common.single(Plot(x, y, marks, 260), legend)


def by_video(videos: Sequence[VideoResult]) -> Chart | None:
    """Draw the mean label of each test video, by consensus and by classifier; None without videos.

    Args:
        videos: the test videos, in order
    """
    if not videos:
        return None
    videos = evenly(videos, MOST_VIDEOS)
    x = Axis("mean label: −1 negative, 0 neutral, 1 positive", -1, 1, _MEANS)
    places = [(video, common.row_place(row, len(videos))) for row, video in enumerate(videos)]
    spans = [Span(x.place(video.consensus), place, x.place(video.predicted), place) for video, place in places]
    # the ring is wider than the diamond: both remain visible where they coincide
    rings = [Point(x.place(video.consensus), place, _tooltip(video)) for video, place in places]
    diamonds = [Point(x.place(video.predicted), place, _tooltip(video)) for video, place in places]
    colour = SYSTEMS["classifier"]
    marks = (
        SpanMark([Span(50, 0, 50, 100)], GREY, width=1),
        SpanMark(spans, GREY),
        MarkerMark(rings, "ring", GREY),
        MarkerMark(diamonds, "diamond", colour),
    )
    legend = (LegendKey("consensus", "ring", GREY), LegendKey("classifier", "diamond", colour))
    names = [video.video_id for video in videos]
    return common.single(Plot(x, None, marks, _ROW_PX * len(videos), rows=names), legend)


def _ends(score: Mapping[str, Any]) -> list[float]:
    return [score[name] for name in ("value", "low", "high") if score[name] is not None]


def _scored(score: Mapping[str, Any]) -> str:
    interval = "" if score["low"] is None else f" ({score['low']:.3f} to {score['high']:.3f})"
    return f"macro F1 {score['value']:.3f}{interval}"


def _tooltip(video: VideoResult) -> str:
    return (
        f"{video.title}: label {video.consensus:+.2f}, classifier {video.predicted:+.2f}, "
        f"{video.right} of {video.n} correct"
    )
