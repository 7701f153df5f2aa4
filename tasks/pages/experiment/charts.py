"""Charts of an experiment's page, as plotly figures in plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle, groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evaluation.protocols import PAIR
from tasks.pages.common import score_text
from tasks.pages.common.charts import Chart, empty, error_bars, plain, plotly_text
from tasks.pages.common.palette import COLOURS, SYSTEMS
from tasks.pages.common.score_text import Score

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

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
"""Symbols and colours of the recipe, the majority, shuffled labels, and single feature sets, in this order."""
# Okabe and Ito's colours without black and yellow, which are invisible on one of the two backgrounds
_HUES = ("#0077bb", "#d55e00", "#009e73", "#cc6fa3", "#b8860b", "#56b4e9", "#8e7cc3", "#a0522d")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross", "star", "pentagon", "hexagon")
_DIAGONAL = {"color": _GREY, "dash": "dot", "width": 1.5}
_FIRST_CURVES = ("loss", "accuracy", "macro f1")
_FEW_EPOCHS = 4
_MOST_TICKS = 12
_SHOWN = 0.9
"""Quantile of a learning-rate search's losses at the top of its chart."""
_DASHES = ("solid", "dash", "dot", "dashdot")
_PARTS = {"train": "training", "training": "training", "development": "development"}
# lighter than the bars: thin lines must be visible on dark backgrounds
_LINES = {"training": ("#2b8fd6", "solid"), "development": ("#e0701f", "dash"), "": (_GREY, "solid")}
_COUNTED = {"training": "#0077bb", "development": "#b8860b", "test": "#d55e00", "all": "#0077bb"}


def scores(systems: Mapping[str, Mapping[str, Score]], measures: Sequence[str]) -> Chart:
    """Draw every score with its interval, the recipe beside the baselines.

    Args:
        systems: system → score by name
        measures: names of the scores, in order
    """
    figure = empty()
    step = min(0.24, 0.8 / len(systems))
    for number, (system, by_measure) in enumerate(systems.items()):
        symbol, colour = _MARKS[min(number, len(_MARKS) - 1)]
        points = [(row, name, by_measure[name]) for row, name in enumerate(measures) if name in by_measure]
        figure.add_scatter(
            name=plotly_text(system),
            mode="markers",
            cliponaxis=False,
            x=[score.value for _, _, score in points],
            y=[row + step * (number - (len(systems) - 1) / 2) for row, _, _ in points],
            marker={"color": colour, "symbol": symbol, "size": 11},
            error_x=error_bars((score for _, _, score in points), thickness=2, width=4),
            hovertemplate=[
                f"{score_text.NAMES[label]}, {plotly_text(system)}<br>{score}<extra></extra>"
                for _, label, score in points
            ],
        )
    if errors := [score_text.NAMES[name] for name in measures if name in score_text.LOWER_IS_BETTER]:
        figure.update_xaxes(title=f"score ({' and '.join(errors)}: lower is better)")
    else:
        figure.update_xaxes(range=[0, 1], dtick=0.2, title="score (0 to 1)")
    _name_rows(figure, [score_text.NAMES[name] for name in measures])
    return plain(figure, height=130 + len(measures) * (24 + 16 * len(systems)))


def roc(points: Sequence[Mapping[str, Any]], auc: Mapping[str, float | None], outputs: Sequence[str]) -> Chart:
    """Draw the ROC curve of each class against all others.

    Args:
        points: rows with class, false_positive_rate and true_positive_rate
        auc: class → area under the curve
        outputs: the classes, in order
    """
    figure, colours = empty(), _colours(outputs)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", showlegend=False, hoverinfo="skip", line=_DIAGONAL)
    for name in outputs:
        of_class = [point for point in points if point["class"] == name]
        if not of_class:
            continue
        area = auc.get(name)
        label = plotly_text(name) + ("" if area is None else f" (AUC {area:.3f})")
        figure.add_scatter(
            name=label,
            mode="lines",
            x=[point["false_positive_rate"] for point in of_class],
            y=[point["true_positive_rate"] for point in of_class],
            line={"color": colours[name], "dash": _DASHES[outputs.index(name) % len(_DASHES)], "width": 2},
            hovertemplate=f"{label}<br>false positives %{{x:.1%}}, true positives %{{y:.1%}}<extra></extra>",
        )
    figure.update_xaxes(range=[0, 1], dtick=0.2, title="false positive rate (dotted: chance)")
    figure.update_yaxes(range=[0, 1.01], dtick=0.2, title="true positive rate")
    return plain(figure, height=_with_legend(400, len(outputs)))


def reliability(parts: Mapping[str, Mapping[str, Any]]) -> Chart:
    """Draw accuracy by confidence; the area of a point is its share of the rows.

    Args:
        parts: name of the line → `bins`, rows with confidence, accuracy and share
    """
    figure = empty()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="perfect calibration", line=_DIAGONAL, hoverinfo="skip")
    for (name, part), (symbol, colour) in zip(parts.items(), (_MARKS[3], _MARKS[0]), strict=False):
        bins = part["bins"]
        figure.add_scatter(
            name=name,
            mode="lines+markers",
            x=[bin_["confidence"] for bin_ in bins],
            y=[bin_["accuracy"] for bin_ in bins],
            # areas, not widths, are in proportion
            marker={
                "color": colour,
                "symbol": symbol,
                "size": [round(7 + 25 * bin_["share"] ** 0.5, 2) for bin_ in bins],
            },
            line={"color": colour, "width": 1.5},
            customdata=[bin_["share"] for bin_ in bins],
            hovertemplate="confidence %{x:.3f}<br>accuracy %{y:.3f}<br>%{customdata:.1%} of the rows<extra></extra>",
        )
    figure.update_xaxes(range=[0, 1.02], dtick=0.2, title="confidence (mean of the bin)")
    figure.update_yaxes(range=[0, 1.02], dtick=0.2, title="accuracy of the bin")
    return plain(figure, height=400)


def abstention(measured: Mapping[str, Any]) -> Chart:
    """Draw accuracy and UAR by the share of utterances that are kept, the most certain first.

    Args:
        measured: `points`, rows with coverage, threshold, accuracy and uar
    """
    figure, points = empty(), measured["points"]
    for name, (symbol, colour), dash in (("accuracy", _MARKS[3], "solid"), ("uar", _MARKS[0], "dash")):
        figure.add_scatter(
            name=score_text.NAMES[name],
            mode="lines+markers",
            x=[point["coverage"] for point in points],
            y=[point[name] for point in points],
            marker={"color": colour, "symbol": symbol, "size": 8},
            line={"color": colour, "dash": dash, "width": 2},
            customdata=[point["threshold"] for point in points],
            hovertemplate=f"{score_text.NAMES[name]} %{{y:.3f}}<br>%{{x:.0%}} kept: probability %{{customdata:.3f}} or "
            "more<extra></extra>",
        )
    figure.update_xaxes(range=[0, 1.02], dtick=0.2, tickformat=".0%", title="utterances kept")
    figure.update_yaxes(range=[0, 1.02], dtick=0.2, title="score of those kept")
    return plain(figure, height=360)


def per_class(scores: Mapping[str, Mapping[str, float]]) -> Chart:
    """Draw precision, recall and F1 of each class.

    Args:
        scores: class → scores
    """
    figure, colours = empty(), _colours(list(scores))
    for name, of_class in scores.items():
        figure.add_bar(
            name=plotly_text(name),
            x=["precision", "recall", "F1"],
            y=[of_class[measure] for measure in ("precision", "recall", "f1")],
            marker={"color": colours[name]},
            hovertemplate=f"{plotly_text(name)}, %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.08)
    figure.update_yaxes(range=[0, 1.05], dtick=0.2, title="score (0 to 1)")
    return plain(figure, height=_with_legend(300, len(scores)))


def per_value(scores: Mapping[str, Mapping[str, Score]]) -> Chart:
    """Draw the errors and the correlation of each value with their intervals.

    Args:
        scores: value → score by name
    """
    figure = empty()
    measures = list(next(iter(scores.values())))
    for number, measure in enumerate(measures):
        symbol, colour = _MARKS[number]
        of_measure = [by_measure[measure] for by_measure in scores.values()]
        figure.add_scatter(
            name=score_text.NAMES[measure],
            mode="markers",
            cliponaxis=False,
            x=[score.value for score in of_measure],
            y=[row + 0.22 * (number - (len(measures) - 1) / 2) for row in range(len(of_measure))],
            marker={"color": colour, "symbol": symbol, "size": 10},
            error_x=error_bars(of_measure, thickness=2, width=4),
            hovertemplate=[
                f"{plotly_text(name)}, {score_text.NAMES[measure]}<br>{score}<extra></extra>"
                for name, score in zip(scores, of_measure, strict=True)
            ],
        )
    figure.update_xaxes(title="score (MSE and MAE: lower is better)")
    _name_rows(figure, list(scores))
    return plain(figure, height=130 + 46 * len(scores))


def f1_above(by_threshold: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Chart:
    """Draw the F1 of each emotion at each threshold.

    Args:
        by_threshold: threshold → emotion → scores
    """
    figure = empty()
    for (bound, by_label), (_, colour) in zip(by_threshold.items(), _MARKS, strict=False):
        figure.add_bar(
            name=f"predicted above {bound}",
            x=list(map(plotly_text, by_label)),
            y=[of_label["f1"] for of_label in by_label.values()],
            marker={"color": colour},
            hovertemplate=f"%{{x}}, predicted above {bound}: F1 %{{y:.3f}}<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.08)
    figure.update_yaxes(range=[0, 1.05], dtick=0.2, title="F1 (0 to 1)")
    return plain(figure, height=330)


def curves(rows: Sequence[Mapping[str, Any]]) -> dict[str, Chart]:
    """Return a chart for every quantity, loss and accuracy first: by epoch, one line for each fit and part.

    Args:
        rows: with name, fold, seed, epoch and value
    """
    by_quantity: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for row in rows:
        part, quantity = _part(str(row["name"]))
        by_quantity.setdefault(quantity, []).append((part, row))
    names = [name for name in _FIRST_CURVES if name in by_quantity]
    names += sorted(by_quantity.keys() - set(names))
    return {quantity: _curve(quantity, by_quantity[quantity]) for quantity in names}


def counts(by_part: Mapping[str, Mapping[str, int]]) -> Chart:
    """Draw the number of utterances of each class, by part.

    Args:
        by_part: part → class → utterances
    """
    figure = empty()
    classes = list(next(iter(by_part.values())))
    for name, by_class in by_part.items():
        figure.add_bar(
            name=name,
            orientation="h",
            y=list(range(len(classes))),
            x=[by_class.get(class_, 0) for class_ in classes],
            text=[f"{by_class.get(class_, 0):,}" for class_ in classes],
            textposition="outside",
            cliponaxis=False,
            textangle=0,
            marker={"color": _COUNTED.get(name, _GREY)},
            hovertemplate=[f"{plotly_text(class_)}, {name}: %{{x:,}}<extra></extra>" for class_ in classes],
        )
    figure.update_layout(barmode="group", bargap=0.3, showlegend=len(by_part) > 1)
    most = max((n for by_class in by_part.values() for n in by_class.values()), default=1)
    # room for the number beside the longest bar
    figure.update_xaxes(title="utterances", range=[0, 1.12 * max(1, most)])
    _name_rows(figure, classes)
    return plain(figure, height=110 + len(classes) * (14 + 16 * len(by_part)))


def pairs(folds: Sequence[Mapping[str, Any]], measure: str) -> Chart:
    """Draw a score for every pair of corpora, trained on one and tested on the other; the mean over seeds.

    Args:
        folds: rows with fold and scores
        measure: name of the score
    """
    values_of: dict[tuple[str, str], list[float]] = {}
    for fold in folds:
        trained, _, tested = fold["fold"].partition(PAIR)
        values_of.setdefault((trained, tested), []).append(fold[measure])
    names = sorted({name for pair in values_of for name in pair})
    means = {pair: sum(values) / len(values) for pair, values in values_of.items()}
    return _heatmap(
        list(map(plotly_text, names)),
        list(map(plotly_text, names)),
        [[means.get((a, b)) for b in names] for a in names],
        layout={"xaxis": {"title": "tested on"}, "yaxis": {"title": "trained on", "autorange": "reversed"}},
        texttemplate="%{z:.3f}",
        hovertemplate="trained on %{y}, tested on %{x}: %{z:.3f}<extra></extra>",
        colorbar={"title": score_text.NAMES[measure]},
    )


def shares(attention: Shares) -> Chart:
    """Draw the share of the attention that went to each block of features, by class.

    Args:
        attention: the shares
    """
    return _heatmap(
        list(map(plotly_text, attention.blocks)),
        [f"{plotly_text(name)} ({n:,})" for name, n in zip(attention.classes, attention.n, strict=True)],
        attention.of.round(4).tolist(),
        layout={"xaxis": {"title": "features"}, "yaxis": {"autorange": "reversed"}},
        zmin=0,
        zmax=1,
        texttemplate="%{z:.2f}",
        hovertemplate="%{y}: %{z:.3f} of the attention goes to %{x}<extra></extra>",
        colorbar={"title": "share"},
    )


def searched(search: Search) -> Chart:
    """Draw the curve of a learning-rate search, and the rate that was chosen.

    Args:
        search: rates and losses
    """
    figure = empty()
    figure.add_scatter(
        x=search.rates.tolist(),
        y=search.losses.round(5).tolist(),
        mode="lines",
        line={"color": _LINES["training"][0], "width": 2.5},
        showlegend=False,
        hovertemplate="learning rate %{x:.2e}: %{y:.4f}<extra></extra>",
    )
    low_rate, high_rate = (math.log10(rate) for rate in (search.rates[0], search.rates[-1]))
    if search.chosen is not None:
        figure.add_vline(x=search.chosen, line={"color": _LINES["development"][0], "dash": "dash"})
        # on a logarithmic axis plotly expects the logarithm for an annotation, but not for a line
        place = {"x": math.log10(search.chosen), "y": 1, "yref": "paper"}
        on_left = math.log10(search.chosen) > (low_rate + high_rate) / 2
        note = f" chosen: {search.chosen:.1e} "
        figure.add_annotation(**place, text=note, showarrow=False, xanchor="right" if on_left else "left")
    # losses after the point of divergence must not flatten the rest
    low, high = float(search.losses.min()), float(np.quantile(search.losses, _SHOWN))
    figure.update_yaxes(title="loss", range=[low - 0.05 * (high - low), high + 0.05 * (high - low)])
    figure.update_xaxes(title="learning rate", type="log", dtick=1, exponentformat="power", range=[low_rate, high_rate])
    return plain(figure, height=320)


def map_of(plane: Map, outputs: Sequence[str]) -> Chart:
    """Draw utterances in the plane, each class with a colour and a symbol.

    Args:
        plane: points and their classes
        outputs: the classes, in order
    """
    figure, colours = empty(), _colours(outputs)
    classes, points = plane.classes.tolist(), plane.points.tolist()
    for number, name in enumerate(outputs):
        of_class = [point for point, class_ in zip(points, classes, strict=True) if class_ == name]
        if of_class:
            figure.add_scatter(
                name=plotly_text(name),
                mode="markers",
                x=[x for x, _ in of_class],
                y=[y for _, y in of_class],
                marker={
                    "color": colours[name],
                    "symbol": _SYMBOLS[number % len(_SYMBOLS)],
                    "size": 6 if plane.n > 400 else 8,
                    "opacity": 0.8,
                },
                hovertemplate=f"{plotly_text(name)}<extra></extra>",
            )
    figure.update_xaxes(showticklabels=False, title="t-SNE, first dimension (no unit)")
    figure.update_yaxes(showticklabels=False, title="t-SNE, second dimension", scaleanchor="x")
    return plain(figure, height=_with_legend(520, len(outputs)))


def _name_rows(figure: Figure, names: Sequence[str]) -> None:
    rows = {"tickvals": list(range(len(names))), "ticktext": list(map(plotly_text, names))}
    figure.update_yaxes(range=[len(names) - 0.5, -0.5], showgrid=False, **rows)


def _heatmap(x: list[str], y: list[str], z: list[list[Any]], *, layout: Mapping[str, Any], **style: Any) -> Chart:
    figure = empty()
    figure.add_heatmap(x=x, y=y, z=z, colorscale="Cividis", xgap=2, ygap=2, **style)
    figure.update_layout(**layout)
    return plain(figure, height=140 + 50 * len(y))


def _curve(quantity: str, rows_by_part: Sequence[tuple[str, Mapping[str, Any]]]) -> Chart:
    figure = empty()
    n_fits = len({(row["fold"], row["seed"]) for _, row in rows_by_part})
    # a line needs more than one point
    last = max(row["epoch"] for _, row in rows_by_part)
    few = last < _FEW_EPOCHS
    for part in sorted({part for part, _ in rows_by_part}, key=list(_LINES).index):
        rows = [row for row_part, row in rows_by_part if row_part == part]
        x, y, fits = _broken(rows)
        colour, dash = _LINES[part]
        figure.add_scatter(
            name=part or "fits",
            mode="lines+markers" if few else "lines",
            x=x,
            y=y,
            customdata=fits,
            opacity=0.8 if n_fits > 1 else 1,
            line={"color": colour, "dash": dash, "width": 1.4 if n_fits > 1 else 2.5},
            hovertemplate=f"%{{customdata}}<br>{part} epoch %{{x}}: %{{y:.4f}}<extra></extra>",
        )
    # chosen by Plotly, the ticks of a short axis are fractions of epochs
    figure.update_xaxes(
        title="epoch", rangemode="normal" if few else "tozero", dtick=1 if last <= _MOST_TICKS else None
    )
    figure.update_yaxes(title=plotly_text(curve_title(quantity)), rangemode="tozero")
    figure.update_layout(showlegend=True)
    return plain(figure, height=320)


def curve_title(quantity: str) -> str:
    """Return the name of a quantity of learning curves: Macro F1, Loss.

    Args:
        quantity: as in the keys of `curves`
    """
    return score_text.NAMES.get(quantity.replace(" ", "_"), quantity.capitalize())


def _broken(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float | None], list[float | None], list[str]]:
    """Return the lines of all fits as one, with a gap between them."""

    def fit(row: Mapping[str, Any]) -> tuple[int, int]:
        return row["fold"], row["seed"]

    x: list[float | None] = []
    y: list[float | None] = []
    names: list[str] = []
    for (fold, seed), of_fit in groupby(sorted(rows, key=lambda row: (*fit(row), row["epoch"])), key=fit):
        points = list(of_fit)
        x += [*(row["epoch"] for row in points), None]
        y += [*(row["value"] for row in points), None]
        names += [f"{fold_name(fold)}, seed {seed}"] * (len(points) + 1)
    return x, y, names


def fold_name(number: int) -> str:
    """Return the name of a fold on pages; below 0 it is the fit on all rows, whose model is kept.

    Args:
        number: of the fold, from 0
    """
    return "all rows (final model)" if number < 0 else f"fold {number + 1}"


def _part(name: str) -> tuple[str, str]:
    first, _, rest = name.partition("_")
    return (_PARTS[first], rest.replace("_", " ")) if first in _PARTS and rest else ("", name.replace("_", " "))


def _colours(outputs: Sequence[str]) -> dict[str, str]:
    hues = cycle(_HUES)
    return {name: COLOURS.get(name) or next(hues) for name in outputs}


def _with_legend(height: int, n_names: int) -> int:
    # on narrow screens the legend takes two names per line above the chart
    return height + 10 * n_names
