"""Charts of spectrograms: a clip under each augmentation, and the attention of a network over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.pages.common.charts import Chart, plain, plotly_text
from tasks.pages.common.palette import COLOURS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_FRAMES, MOST_BANDS = 200, 64
"""Resolution of a small picture; larger spectrograms are averaged."""
_RANGE_DB = 80
_ROW_PX = 118
_BAR_PX = 96
_NAME_PX = 26


def augmented(decibels_by_name: Mapping[str, NDArray[Any]], step_s: float) -> Chart:
    """Draw one clip under each augmentation: small multiples in two columns, on the same axes.

    Args:
        decibels_by_name: name → dB, shape (n_frames, n_bands); levels are relative to the loudest of the first
        step_s: seconds from one frame to the next

    Raises:
        ValueError: if there are no clips
    """
    from plotly.subplots import make_subplots

    if not decibels_by_name:
        raise ValueError("expected a clip as it is and under variations, found nothing; pass one clip or more")
    n_rows = math.ceil(len(decibels_by_name) / 2)
    figure = make_subplots(
        rows=n_rows,
        cols=2,
        subplot_titles=[plotly_text(name) for name in decibels_by_name],
        horizontal_spacing=0.04,
        vertical_spacing=_NAME_PX / (_ROW_PX * n_rows),
    )
    figure.update_annotations(font_size=13)
    loudest = _loudest(next(iter(decibels_by_name.values())))
    for number, (name, decibels) in enumerate(decibels_by_name.items()):
        row, column = number // 2 + 1, number % 2 + 1
        hover = f"{plotly_text(name)}<br>%{{x:.2f}} s, band %{{y:.0f}}: %{{z}} dB<extra></extra>"
        figure.add_heatmap(**_picture(decibels, step_s, loudest), hovertemplate=hover, row=row, col=column)
        lowest = number + 2 >= len(decibels_by_name)
        figure.update_xaxes(showticklabels=lowest, title="seconds" if lowest else None, row=row, col=column)
        figure.update_yaxes(showticklabels=column == 1, title="mel band" if column == 1 else None, row=row, col=column)
    figure.update_xaxes(matches="x")
    figure.update_yaxes(matches="y")
    return _coloured(figure, _NAME_PX + _ROW_PX * n_rows + _BAR_PX)


def attended(
    decibels: NDArray[Any], weights: NDArray[np.floating[Any]], step_s: float, predicted: str, actual: str
) -> Chart:
    """Draw a spectrogram, and over it the weight of each moment for the network's prediction.

    Args:
        decibels: dB, shape (n_frames, n_bands)
        weights: of the network's steps, which are equally long and cover the clip, shape (n_steps,)
        step_s: seconds from one frame to the next
        predicted: the class that the network gives
        actual: the true class

    Raises:
        ValueError: if there are no weights
    """
    import plotly.graph_objects as go

    if weights.ndim != 1 or not len(weights):
        raise ValueError(f"expected a weight for each step, shape (n_steps,), found shape {weights.shape}")
    figure = go.Figure()
    hover = "%{x:.2f} s, band %{y:.0f}: %{z} dB<extra></extra>"
    figure.add_heatmap(**_picture(decibels, step_s, _loudest(decibels)), hovertemplate=hover)
    whole_s = len(decibels) * step_s
    seconds = (np.arange(len(weights)) + 0.5) * whole_s / len(weights)
    # a white line with dark edges is visible on every colour
    for colour, width in (("rgba(0,0,0,0.65)", 6), ("#ffffff", 2.5)):
        figure.add_scatter(
            mode="lines",
            x=seconds.round(4).tolist(),
            y=[float(f"{weight:.4g}") for weight in weights.tolist()],
            yaxis="y2",
            showlegend=False,
            line={"color": colour, "width": width},
            hovertemplate="%{x:.2f} s weighs %{y:.2%}<extra></extra>",
        )
    figure.update_xaxes(title="seconds", range=[0, whole_s])
    figure.update_yaxes(title="mel band")
    most = float(weights.max())
    figure.update_layout(
        title={
            "text": f"predicted: {plotly_text(predicted)}; true: {plotly_text(actual)}",
            "font": {"size": 13},
            "x": 0,
            "y": 0.98,
            "xref": "paper",
        },
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "title": "weight (white line)",
            "tickformat": ".2~%",
            "tickmode": "auto",
        },
    )
    chart = _coloured(figure, 330)
    chart["layout"]["yaxis2"] |= {"range": [0, 1.08 * most or 1], "showgrid": False}
    return chart


def _coloured(figure: Figure, height: int) -> Chart:
    bar = {
        "orientation": "h",
        "thickness": 10,
        "x": 0.5,
        "y": 0,
        "yref": "container",
        "yanchor": "bottom",
        "title": {"text": "dB, relative to the loudest", "side": "bottom", "font": {"size": 13}},
        "tickvals": [-80, -60, -40, -20, 0],
    }
    # viridis: lightness carries the value, also for colour-blind readers and in print
    figure.update_layout(coloraxis={"colorscale": "Viridis", "cmin": -_RANGE_DB, "cmax": 0, "colorbar": bar})
    chart = plain(figure, height)
    chart["layout"]["margin"] |= {"t": _NAME_PX, "b": _BAR_PX}
    # the style sheet colours only the first pair of axes; this colour is legible on light and dark
    chart["layout"]["font"]["color"] = COLOURS["neutral"]
    for name, axis in chart["layout"].items():
        if name.startswith(("xaxis", "yaxis")):
            axis["showgrid"] = False
    return chart


def _picture(decibels: NDArray[Any], step_s: float, loudest: float) -> dict[str, Any]:
    """Return a heatmap of int8: plotly writes bytes in a quarter of the space of decimal numbers."""
    if decibels.ndim != 2 or not decibels.size:
        raise ValueError(f"expected a spectrogram of shape (n_frames, n_bands), found shape {decibels.shape}")
    frames = math.ceil(decibels.shape[0] / MOST_FRAMES)
    bands = math.ceil(decibels.shape[1] / MOST_BANDS)
    small = _averaged(_averaged(decibels - loudest, frames, 0), bands, 1)
    return {
        "z": np.clip(small.round(), -_RANGE_DB, 127).astype(np.int8).T,
        "x0": frames * step_s / 2,
        "dx": frames * step_s,
        "y0": (bands - 1) / 2,
        "dy": bands,
        "coloraxis": "coloraxis",
    }


def _averaged(values: NDArray[Any], n: int, axis: int) -> NDArray[Any]:
    length = values.shape[axis]
    starts = np.arange(0, length, n)
    sums = np.add.reduceat(values.astype(np.float64), starts, axis=axis)
    sizes = np.diff(np.append(starts, length))
    return np.asarray(sums / (sizes[:, None] if axis == 0 else sizes))


def _loudest(decibels: NDArray[Any]) -> float:
    return float(decibels.max()) if decibels.size else 0.0
