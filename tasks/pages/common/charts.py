"""Style shared by the charts of all pages; text colours come from the style sheets."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from tasks.pages.common.score_text import Score

Chart = dict[str, Any]
"""A plotly figure as plain JSON."""


def empty() -> Figure:
    """Return a plotly figure without data."""
    import plotly.graph_objects as go

    return go.Figure()


def error_bars(scores: Iterable[Score], **style: Any) -> dict[str, Any]:
    """Return the error bars of scores; a score without interval has none.

    Args:
        scores: in the order of the points
        style: such as thickness and width
    """
    bounds = [(score.value, score.low, score.high) for score in scores]
    above = [0 if high is None else high - value for value, _, high in bounds]
    below = [0 if low is None else value - low for value, low, _ in bounds]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **style}


def plain(figure: Figure, height: int) -> Chart:
    """Return a plotly figure as plain JSON in the style of the pages: no background, no title of its own.

    Args:
        figure: with its data and axes
        height: in pixels
    """
    import plotly.graph_objects as go

    figure.update_layout(
        template=go.layout.Template(),
        height=height,
        autosize=True,
        margin={"l": 10, "r": 26, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        dragmode=False,
        hovermode="closest",
    )
    # fixed axes: on a touch screen, scrolling the page must not zoom a chart
    axis = {
        "fixedrange": True,
        "automargin": True,
        "gridcolor": "#c9ced6",
        "title_standoff": 8,
        "title_font_size": 13,
        "ticklabelstandoff": 4,
    }
    figure.update_xaxes(zeroline=bool(figure.layout.xaxis.zeroline), **axis)
    figure.update_yaxes(zeroline=False, **axis)
    chart: Chart = json.loads(figure.to_json())
    return chart


def plotly_text(text: str) -> str:
    """Return text for plotly, which reads HTML in its texts and `%{…}` in its templates; names must contain neither.

    Args:
        text: from outside, such as a title
    """
    return html.escape(text, quote=False).replace("%{", "% {")
