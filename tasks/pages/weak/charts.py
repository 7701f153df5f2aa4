"""Charts of the report, as plotly figures in plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tasks.pages.common.charts import Chart, empty, error_bars, plain, plotly_text
from tasks.pages.common.palette import COLOURS, SYSTEMS
from tasks.pages.common.score_text import Score
from tasks.pages.weak.by_video import VideoResult
from tasks.pages.weak.vote_counts import NONE, ScoreHistogram

_ROW_PX = 26
_GREY = COLOURS["neutral"]
_HATCHED = {"pattern": {"shape": "/", "fgcolor": _GREY, "bgcolor": "rgba(0,0,0,0)", "size": 5, "solidity": 0.3}}


def votes(histogram: ScoreHistogram, min_score: float) -> Chart:
    """Draw a histogram of mean votes, coloured by the resulting label.

    Args:
        histogram: of the mean votes
        min_score: threshold of a label
    """
    figure = empty()
    edges = histogram.edges
    spans = [f"{low:.2f} to {high:.2f}" for low, high in pairwise(edges)]
    markers = {name: {"color": colour} for name, colour in COLOURS.items()}
    for label, marker in {**markers, NONE: {"color": _GREY, **_HATCHED}}.items():
        figure.add_bar(
            name=label,
            x=[(low + high) / 2 for low, high in pairwise(edges)],
            y=histogram.counts[label],
            marker=marker,
            customdata=spans,
            hovertemplate=f"score %{{customdata}}<br>{label}: %{{y}}<extra></extra>",
        )
    for threshold in (-min_score, min_score):
        figure.add_vline(threshold, line={"dash": "dot", "width": 1.5, "color": _GREY})
    figure.update_layout(barmode="stack", bargap=0.06)
    figure.update_xaxes(range=[-1.06, 1.06], dtick=0.5, title="mean of the votes (dotted: the threshold)")
    figure.update_yaxes(title="utterances", rangemode="tozero")
    return plain(figure, height=300)


def curve(points: Sequence[Mapping[str, Any]]) -> Chart:
    """Draw macro F1 against listeners over coverage: one point per threshold, with its interval.

    Args:
        points: rows with threshold, coverage, n, macro_f1, low and high
    """
    scored = [point for point in points if point["macro_f1"] is not None]
    figure = empty()
    figure.add_scatter(
        x=[point["coverage"] for point in scored],
        y=[point["macro_f1"] for point in scored],
        mode="lines+markers",
        name="labels",
        line={"color": SYSTEMS["classifier"], "width": 1.5},
        marker={"size": 7},
        error_y=error_bars(
            (Score(point["macro_f1"], point["low"], point["high"]) for point in scored), thickness=1, width=2
        ),
        customdata=[[point["threshold"], point["n"]] for point in scored],
        hovertemplate="threshold %{customdata[0]:.3f}, n = %{customdata[1]}<br>coverage %{x:.0%}, macro F1 %{y:.3f}"
        "<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", title="coverage: share of eligible utterances with a label")
    figure.update_yaxes(range=[0, 1.02], dtick=0.2, title="macro F1 (0 to 1)")
    return plain(figure, height=300)


def by_video(videos: Sequence[VideoResult]) -> Chart:
    """Draw the mean label of each test video, by consensus and by classifier.

    Args:
        videos: the test videos, in order
    """
    figure = empty()
    names = [video.video_id for video in videos]
    for video in videos:
        ends = [video.consensus, video.predicted]
        line = {"color": _GREY, "width": 2}
        figure.add_scatter(x=ends, y=[video.video_id] * 2, mode="lines", line=line, showlegend=False, hoverinfo="skip")
    # the ring is wider than the diamond: both remain visible where they coincide
    systems = {"consensus": ("circle-open", _GREY, 16), "predicted": ("diamond", SYSTEMS["classifier"], 9)}
    for system, (shape, colour, size) in systems.items():
        figure.add_scatter(
            name="classifier" if system == "predicted" else system,
            mode="markers",
            x=[getattr(video, system) for video in videos],
            y=names,
            marker={"color": colour, "symbol": shape, "size": size, "line": {"width": 2, "color": colour}},
            hovertemplate=[_hover(video) for video in videos],
        )
    figure.update_xaxes(
        range=[-1.05, 1.05], dtick=0.5, zeroline=True, title="mean label: −1 negative, 0 neutral, 1 positive"
    )
    figure.update_yaxes(type="category", autorange="reversed")
    return plain(figure, height=130 + _ROW_PX * len(videos))


def _hover(video: VideoResult) -> str:
    return (
        f"<b>{plotly_text(video.title)}</b><br>label {video.consensus:+.2f}, classifier {video.predicted:+.2f}"
        f"<br>{video.right} of {video.n} correct<extra></extra>"
    )
