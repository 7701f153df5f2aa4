"""Plotly figures as plain JSON, in the style that all pages share; style sheets set their text colours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Chart = dict[str, Any]
"""A figure as plain JSON."""


def plain(figure: Figure, height: int) -> Chart:
    """Return a figure as plain JSON in the style of the pages: no background, no title of its own.

    Args:
        figure: a figure of plotly
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
    # a finger that scrolls the page must not move an axis
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
