"""The charts, as plotly figures in plain JSON; the page's style sheet colours their text for light and dark."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tasks.core import tables
from tasks.pages.common.charts import Chart, plain
from tasks.pages.common.headline import SYSTEMS as SYSTEM_NAMES
from tasks.pages.common.headline import Row
from tasks.pages.common.palette import COLOURS, SYSTEMS
from tasks.pages.weak.by_video import Video
from tasks.pages.weak.vote_counts import NONE, Spread

if TYPE_CHECKING:
    pass

_SHAPES = {"classifier": "diamond", "majority": "square", "shuffled": "circle"}
_OFFSETS = {"classifier": -0.24, "majority": 0.0, "shuffled": 0.24}
_ROW_PX = 26
_GREY = COLOURS["neutral"]
_HATCHED = {"pattern": {"shape": "/", "fgcolor": _GREY, "bgcolor": "rgba(0,0,0,0)", "size": 5, "solidity": 0.3}}


def intervals(rows: Sequence[Row]) -> Chart:
    """Every measure with its interval, the classifier beside the baselines."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for system, name in SYSTEM_NAMES.items():
        found = [getattr(row, system) for row in rows]
        figure.add_scatter(
            name=name,
            mode="markers",
            x=[one.value for one in found],
            y=[number + _OFFSETS[system] for number in range(len(rows))],
            marker={"color": SYSTEMS[system], "symbol": _SHAPES[system], "size": 11},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0 if one.high is None else one.high - one.value for one in found],
                "arrayminus": [0 if one.low is None else one.value - one.low for one in found],
                "thickness": 2,
                "width": 5,
            },
            hovertemplate=[
                f"{row.label}, {name}<br>{one}<extra></extra>" for row, one in zip(rows, found, strict=True)
            ],
        )
    figure.update_xaxes(range=[0, 1], dtick=0.2, title="score (0 to 1)")
    labels = {"tickvals": list(range(len(rows))), "ticktext": [row.label for row in rows]}
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5], showgrid=False, **labels)
    return plain(figure, height=300)


def votes(found: Spread, min_score: float) -> Chart:
    """Mean votes in bins, coloured by the label they led to."""
    import plotly.graph_objects as go

    figure = go.Figure()
    edges = found.edges
    spans = [f"{low:.2f} to {high:.2f}" for low, high in pairwise(edges)]
    markers = {name: {"color": colour} for name, colour in COLOURS.items()}
    for label, marker in {**markers, NONE: {"color": _GREY, **_HATCHED}}.items():
        figure.add_bar(
            name=label,
            x=[(low + high) / 2 for low, high in pairwise(edges)],
            y=found.counts[label],
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
    """Macro F1 against listeners over coverage, one point for each threshold, with its interval."""
    import plotly.graph_objects as go

    known = [one for one in points if one["macro_f1"] is not None]
    figure = go.Figure()
    figure.add_scatter(
        x=[one["coverage"] for one in known],
        y=[one["macro_f1"] for one in known],
        mode="lines+markers",
        name="labels",
        line={"color": SYSTEMS["classifier"], "width": 1.5},
        marker={"size": 7},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [0 if one["high"] is None else one["high"] - one["macro_f1"] for one in known],
            "arrayminus": [0 if one["low"] is None else one["macro_f1"] - one["low"] for one in known],
            "thickness": 1,
            "width": 2,
        },
        customdata=[[one["threshold"], one["n"]] for one in known],
        hovertemplate="threshold %{customdata[0]:.3f}, n = %{customdata[1]}<br>coverage %{x:.0%}, macro F1 %{y:.3f}"
        "<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", title="coverage: share of the fit utterances with a label")
    figure.update_yaxes(range=[0, 1.02], dtick=0.2, title="macro F1 (0 to 1)")
    return plain(figure, height=300)


def labels(counts: Mapping[str, Mapping[str, int]]) -> Chart:
    """The share of each class in training and test."""
    import plotly.graph_objects as go

    figure = go.Figure()
    splits = list(counts)
    totals = {split: max(1, sum(counts[split].values())) for split in splits}
    for name in tables.SENTIMENTS:
        shares = [counts[split][name] / totals[split] for split in splits]
        figure.add_bar(
            name=name,
            orientation="h",
            y=splits,
            x=shares,
            marker={"color": COLOURS[name]},
            text=[f"{share:.0%}" if share >= 0.06 else "" for share in shares],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": "#fff"},
            customdata=[counts[split][name] for split in splits],
            hovertemplate=f"%{{y}}, {name}: %{{customdata}} (%{{x:.1%}})<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(range=[0, 1], tickvals=[0, 0.25, 0.5, 0.75, 1], tickformat=".0%", title="share of the split")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return plain(figure, height=210)


def per_class(scores: Mapping[str, Mapping[str, float]]) -> Chart:
    """Precision, recall and F1 of each class."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for name in tables.SENTIMENTS:
        values = [scores[name][measure] for measure in ("precision", "recall", "f1")]
        figure.add_bar(
            name=name,
            x=["precision", "recall", "F1"],
            y=values,
            marker={"color": COLOURS[name]},
            text=[f"{value:.2f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"{name}, %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.08)
    figure.update_yaxes(range=[0, 1.05], dtick=0.2, title="score (0 to 1)")
    return plain(figure, height=300)


def by_video(videos: Sequence[Video]) -> Chart:
    """The mean label of each test video: consensus and classifier."""
    import plotly.graph_objects as go

    figure = go.Figure()
    names = [video.video_id for video in videos]
    for video in videos:
        ends = [video.consensus, video.predicted]
        line = {"color": _GREY, "width": 2}
        figure.add_scatter(x=ends, y=[video.video_id] * 2, mode="lines", line=line, showlegend=False, hoverinfo="skip")
    # the ring is wider than the diamond, so that both show where they meet
    systems = {"consensus": ("circle-open", _GREY, 16), "predicted": (_SHAPES["classifier"], SYSTEMS["classifier"], 9)}
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


def _hover(video: Video) -> str:
    # plotly reads a small HTML in its texts, and %{…} in a template: neither may come from a title
    title = html.escape(video.title, quote=False).replace("%{", "% {")
    return (
        f"<b>{title}</b><br>label {video.consensus:+.2f}, classifier {video.predicted:+.2f}"
        f"<br>{video.right} of {video.n} right<extra></extra>"
    )
