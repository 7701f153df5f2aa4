"""The charts of an experiment's page, as plotly figures in plain JSON; the style sheet colours their text."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evaluation.protocols import PAIR
from tasks.pages.common import score_text
from tasks.pages.common.charts import Chart, plain
from tasks.pages.common.headline import Figure
from tasks.pages.common.palette import COLOURS, SYSTEMS

if TYPE_CHECKING:
    from tasks.experiments.plot_data import Map, Search, Shares

_GREY = COLOURS["neutral"]
_MARKS = (
    ("diamond", SYSTEMS["classifier"]),
    ("square", SYSTEMS["majority"]),
    ("circle", SYSTEMS["shuffled"]),
    ("triangle-up", "#0077bb"),
    ("triangle-down", "#d55e00"),
    ("x", _GREY),
)
"""The recipe and its baselines, in their order: majority, shuffled labels, then parts of the features."""
# Okabe and Ito's, without the black and the yellow that one of the two backgrounds swallows
_HUES = ("#0077bb", "#d55e00", "#009e73", "#cc6fa3", "#b8860b", "#56b4e9", "#8e7cc3", "#a0522d")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross", "star", "pentagon", "hexagon")
_FEW_EPOCHS = 4
_SHOWN = 0.9
"""Of a learning-rate finder's losses, the share whose highest is the top of its chart."""
_DASHES = ("solid", "dash", "dot", "dashdot")
_PARTS = {"train": "training", "training": "training", "development": "development"}
# lighter than the bars: thin lines have to be seen on dark as well
_LINES = {"training": ("#2b8fd6", "solid"), "development": ("#e0701f", "dash"), "": (_GREY, "solid")}
_COUNTED = {"training": "#0077bb", "development": "#b8860b", "test": "#d55e00", "all": "#0077bb"}


def scores(systems: Mapping[str, Mapping[str, Figure]], measures: Sequence[str]) -> Chart:
    """Every score with its interval, the recipe beside the baselines."""
    import plotly.graph_objects as go

    figure = go.Figure()
    step = min(0.24, 0.8 / len(systems))
    for number, (name, found) in enumerate(systems.items()):
        symbol, colour = _MARKS[min(number, len(_MARKS) - 1)]
        shown = [(row, one, found[one]) for row, one in enumerate(measures) if one in found]
        figure.add_scatter(
            name=_text(name),
            mode="markers",
            cliponaxis=False,
            x=[one.value for _, _, one in shown],
            y=[row + step * (number - (len(systems) - 1) / 2) for row, _, _ in shown],
            marker={"color": colour, "symbol": symbol, "size": 11},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0 if one.high is None else one.high - one.value for _, _, one in shown],
                "arrayminus": [0 if one.low is None else one.value - one.low for _, _, one in shown],
                "thickness": 2,
                "width": 4,
            },
            hovertemplate=[
                f"{score_text.NAMES[label]}, {_text(name)}<br>{one}<extra></extra>" for _, label, one in shown
            ],
        )
    if "mae" in measures:
        figure.update_xaxes(title="score (of MAE: the lower, the better)")
    else:
        figure.update_xaxes(range=[0, 1], dtick=0.2, title="score (0 to 1)")
    labels = {"tickvals": list(range(len(measures))), "ticktext": [score_text.NAMES[one] for one in measures]}
    figure.update_yaxes(range=[len(measures) - 0.5, -0.5], showgrid=False, **labels)
    return plain(figure, height=130 + len(measures) * (24 + 16 * len(systems)))


def roc(points: Sequence[Mapping[str, Any]], auc: Mapping[str, float | None], outputs: Sequence[str]) -> Chart:
    """Every class against all others."""
    import plotly.graph_objects as go

    figure, colours = go.Figure(), _colours(outputs)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        showlegend=False,
        hoverinfo="skip",
        line={"color": _GREY, "dash": "dot", "width": 1.5},
    )
    for name in outputs:
        mine = [one for one in points if one["class"] == name]
        if not mine:
            continue
        area = auc.get(name)
        label = _text(name) + ("" if area is None else f" (AUC {area:.3f})")
        figure.add_scatter(
            name=label,
            mode="lines",
            x=[one["false_positive_rate"] for one in mine],
            y=[one["true_positive_rate"] for one in mine],
            line={"color": colours[name], "dash": _DASHES[outputs.index(name) % len(_DASHES)], "width": 2},
            hovertemplate=f"{label}<br>false positives %{{x:.1%}}, true positives %{{y:.1%}}<extra></extra>",
        )
    figure.update_xaxes(range=[0, 1], dtick=0.2, title="false positive rate (dotted: chance)")
    figure.update_yaxes(range=[0, 1.01], dtick=0.2, title="true positive rate")
    return plain(figure, height=_with_legend(400, len(outputs)))


def reliability(bins: Sequence[Mapping[str, float]]) -> Chart:
    """How often it is right, by how sure it is; a point is as large as its share of the rows."""
    import plotly.graph_objects as go

    figure = go.Figure()
    diagonal = {"color": _GREY, "dash": "dot", "width": 1.5}
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="right as often as it is sure", line=diagonal, hoverinfo="skip"
    )
    figure.add_scatter(
        name="found",
        mode="lines+markers",
        x=[one["confidence"] for one in bins],
        y=[one["accuracy"] for one in bins],
        # areas, not widths, are in proportion
        marker={"color": SYSTEMS["classifier"], "size": [round(7 + 25 * one["share"] ** 0.5, 2) for one in bins]},
        line={"color": SYSTEMS["classifier"], "width": 1.5},
        customdata=[one["share"] for one in bins],
        hovertemplate="confidence %{x:.3f}<br>accuracy %{y:.3f}<br>%{customdata:.1%} of the rows<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1.02], dtick=0.2, title="confidence (mean of the bin)")
    figure.update_yaxes(range=[0, 1.02], dtick=0.2, title="accuracy of the bin")
    return plain(figure, height=400)


def curves(rows: Sequence[Mapping[str, Any]]) -> dict[str, Chart]:
    """Return a chart for every quantity (loss, accuracy …): by epoch, one line a fit and part."""
    by_quantity: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for row in rows:
        part, quantity = _part(str(row["name"]))
        by_quantity.setdefault(quantity, []).append((part, row))
    return {quantity: _curve(quantity, found) for quantity, found in sorted(by_quantity.items(), reverse=True)}


def counts(found: Mapping[str, Mapping[str, int]]) -> Chart:
    """How many utterances of each class there are, by part."""
    import plotly.graph_objects as go

    figure = go.Figure()
    classes = list(next(iter(found.values())))
    for name, mine in found.items():
        figure.add_bar(
            name=name,
            orientation="h",
            y=list(range(len(classes))),
            x=[mine.get(one, 0) for one in classes],
            text=[f"{mine.get(one, 0):,}" for one in classes],
            textposition="outside",
            cliponaxis=False,
            textangle=0,
            marker={"color": _COUNTED.get(name, _GREY)},
            hovertemplate=[f"{_text(one)}, {name}: %{{x:,}}<extra></extra>" for one in classes],
        )
    figure.update_layout(barmode="group", bargap=0.3, showlegend=len(found) > 1)
    most = max((n for mine in found.values() for n in mine.values()), default=1)
    # room for the number beside the longest bar
    figure.update_xaxes(title="utterances", range=[0, 1.12 * max(1, most)])
    labels = {"tickvals": list(range(len(classes))), "ticktext": [_text(one) for one in classes]}
    figure.update_yaxes(range=[len(classes) - 0.5, -0.5], showgrid=False, **labels)
    return plain(figure, height=110 + len(classes) * (14 + 16 * len(found)))


def pairs(folds: Sequence[Mapping[str, Any]], measure: str) -> Chart:
    """A score for every two corpora: learned from one, tested on the other; the mean over seeds."""
    import plotly.graph_objects as go

    found: dict[tuple[str, str], list[float]] = {}
    for one in folds:
        learned, _, tested = one["fold"].partition(PAIR)
        found.setdefault((learned, tested), []).append(one[measure])
    names = sorted({name for pair in found for name in pair})
    means = {pair: sum(values) / len(values) for pair, values in found.items()}
    figure = go.Figure()
    figure.add_heatmap(
        x=[_text(name) for name in names],
        y=[_text(name) for name in names],
        z=[[means.get((a, b)) for b in names] for a in names],
        texttemplate="%{z:.3f}",
        hovertemplate="learned from %{y}, tested on %{x}: %{z:.3f}<extra></extra>",
        colorscale="Cividis",
        colorbar={"title": score_text.NAMES[measure]},
        xgap=2,
        ygap=2,
    )
    figure.update_layout(xaxis={"title": "tested on"}, yaxis={"title": "learned from", "autorange": "reversed"})
    return plain(figure, height=140 + 60 * len(names))


def shares(found: Shares) -> Chart:
    """How much of the attention went to each block of features, by class."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_heatmap(
        x=[_text(name) for name in found.blocks],
        y=[f"{_text(name)} ({n:,})" for name, n in zip(found.classes, found.n, strict=True)],
        z=found.of.round(4).tolist(),
        zmin=0,
        zmax=1,
        texttemplate="%{z:.2f}",
        hovertemplate="%{y}: %{z:.3f} of the attention goes to %{x}<extra></extra>",
        colorscale="Cividis",
        colorbar={"title": "share"},
        xgap=2,
        ygap=2,
    )
    figure.update_layout(xaxis={"title": "features"}, yaxis={"autorange": "reversed"})
    return plain(figure, height=140 + 40 * len(found.classes))


def searched(found: Search) -> Chart:
    """A learning-rate finder's curve, and the rate that was taken."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=found.rates.tolist(),
        y=found.losses.round(5).tolist(),
        mode="lines",
        line={"color": _LINES["training"][0], "width": 2.5},
        showlegend=False,
        hovertemplate="learning rate %{x:.2e}: %{y:.4f}<extra></extra>",
    )
    low_rate, high_rate = (math.log10(one) for one in (found.rates[0], found.rates[-1]))
    if found.chosen is not None:
        figure.add_vline(x=found.chosen, line={"color": _LINES["development"][0], "dash": "dash"})
        # on a logarithmic axis plotly wants an annotation's place as its logarithm, and a line's not
        place = {"x": math.log10(found.chosen), "y": 1, "yref": "paper"}
        on_left = math.log10(found.chosen) > (low_rate + high_rate) / 2
        taken = f" taken: {found.chosen:.1e} "
        figure.add_annotation(**place, text=taken, showarrow=False, xanchor="right" if on_left else "left")
    # what lies beyond the point of divergence is not to flatten what comes before
    low, high = float(found.losses.min()), float(np.quantile(found.losses, _SHOWN))
    figure.update_yaxes(title="loss", range=[low - 0.05 * (high - low), high + 0.05 * (high - low)])
    figure.update_xaxes(title="learning rate", type="log", dtick=1, exponentformat="power", range=[low_rate, high_rate])
    return plain(figure, height=320)


def map_of(found: Map, outputs: Sequence[str]) -> Chart:
    """Utterances in the plane, coloured by class; each class with a mark of its own as well."""
    import plotly.graph_objects as go

    figure, colours = go.Figure(), _colours(outputs)
    classes, points = found.classes.tolist(), found.points.tolist()
    for number, name in enumerate(outputs):
        mine = [point for point, one in zip(points, classes, strict=True) if one == name]
        if mine:
            figure.add_scatter(
                name=_text(name),
                mode="markers",
                x=[x for x, _ in mine],
                y=[y for _, y in mine],
                marker={
                    "color": colours[name],
                    "symbol": _SYMBOLS[number % len(_SYMBOLS)],
                    "size": 6 if found.n > 400 else 8,
                    "opacity": 0.8,
                },
                hovertemplate=f"{_text(name)}<extra></extra>",
            )
    figure.update_xaxes(showticklabels=False, title="t-SNE, first dimension (no unit)")
    figure.update_yaxes(showticklabels=False, title="t-SNE, second dimension", scaleanchor="x")
    return plain(figure, height=_with_legend(520, len(outputs)))


def _curve(quantity: str, found: Sequence[tuple[str, Mapping[str, Any]]]) -> Chart:
    import plotly.graph_objects as go

    figure = go.Figure()
    n_fits = len({(row["fold"], row["seed"]) for _, row in found})
    # a line through one point is none
    few = max(row["epoch"] for _, row in found) < _FEW_EPOCHS
    for part in sorted({part for part, _ in found}, key=list(_LINES).index):
        rows = [row for one, row in found if one == part]
        x, y, said = _broken(rows)
        colour, dash = _LINES[part]
        figure.add_scatter(
            name=part or "fits",
            mode="lines+markers" if few else "lines",
            x=x,
            y=y,
            customdata=said,
            opacity=0.8 if n_fits > 1 else 1,
            line={"color": colour, "dash": dash, "width": 1.4 if n_fits > 1 else 2.5},
            hovertemplate=f"%{{customdata}}<br>{part} epoch %{{x}}: %{{y:.4f}}<extra></extra>",
        )
    figure.update_xaxes(title="epoch", rangemode="tozero")
    figure.update_yaxes(title=_text(quantity), rangemode="tozero")
    figure.update_layout(showlegend=True)
    return plain(figure, height=320)


def _broken(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float | None], list[float | None], list[str]]:
    """Return all fits' lines as one, broken between them."""

    def fit(row: Mapping[str, Any]) -> tuple[int, int]:
        return row["fold"], row["seed"]

    x: list[float | None] = []
    y: list[float | None] = []
    said: list[str] = []
    for (fold, seed), mine in groupby(sorted(rows, key=lambda row: (*fit(row), row["epoch"])), key=fit):
        points = list(mine)
        x += [*(row["epoch"] for row in points), None]
        y += [*(row["value"] for row in points), None]
        said += [f"{fold_name(fold)}, seed {seed}"] * (len(points) + 1)
    return x, y, said


def fold_name(number: int) -> str:
    """Return what people call a fold; below 0 is the fit on every row, whose model is kept."""
    return "every row (the kept model)" if number < 0 else f"fold {number + 1}"


def _part(name: str) -> tuple[str, str]:
    first, _, rest = name.partition("_")
    return (_PARTS[first], rest.replace("_", " ")) if first in _PARTS and rest else ("", name.replace("_", " "))


def _colours(outputs: Sequence[str]) -> dict[str, str]:
    rest = iter(number for number in range(len(outputs)))
    return {name: COLOURS[name] if name in COLOURS else _HUES[next(rest) % len(_HUES)] for name in outputs}


def _with_legend(height: int, n_names: int) -> int:
    # on a telephone the names stand two a line above the chart, and must not eat it
    return height + 10 * n_names


def _text(value: str) -> str:
    # plotly reads a small HTML in its texts, and %{…} in a template: neither may come from a class's name
    return html.escape(value, quote=False).replace("%{", "% {")
