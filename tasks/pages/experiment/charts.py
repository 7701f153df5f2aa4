"""Charts of an experiment's page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle, groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.evaluation.protocols import PAIR
from tasks.pages.common import charts as common
from tasks.pages.common import score_text
from tasks.pages.common.charts import (
    GREY,
    SHARE,
    Axis,
    BarMark,
    Box,
    Chart,
    CurveMark,
    Label,
    LabelMark,
    LegendKey,
    Mark,
    MarkerMark,
    Plot,
    Point,
    Span,
    SpanMark,
)
from tasks.pages.common.palette import COLOURS, SYSTEMS
from tasks.pages.common.score_text import Score

if TYPE_CHECKING:
    from tasks.experiments.plot_data import Map, Search, Shares

_MARKS = (
    ("diamond", SYSTEMS["classifier"]),
    ("square", SYSTEMS["majority"]),
    ("circle", SYSTEMS["shuffled"]),
    ("triangle", "#0077bb"),
    ("wedge", "#d55e00"),
    ("x", GREY),
)
"""Symbols and colours of the recipe, the majority, shuffled labels, and single feature sets, in this order."""
# Okabe and Ito's colours without black and yellow, which are invisible on one of the two backgrounds
_HUES = ("#0077bb", "#d55e00", "#009e73", "#cc6fa3", "#b8860b", "#56b4e9", "#8e7cc3", "#a0522d")
_SYMBOLS = ("circle", "square", "diamond", "triangle", "x", "wedge", "cross", "star", "pentagon", "hexagon")
_FIRST_CURVES = ("loss", "accuracy", "macro f1")
_FEW_EPOCHS = 4
_FEW_POINTS = 400
MOST_FITS = 30
"""Lines of a part in a chart of learning curves; more would neither be told apart nor fit into a page."""
_SHOWN = 0.9
"""Quantile of a learning-rate search's losses at the top of its chart."""
_DASHES = ("solid", "dash", "dot", "dashdot")
_PARTS = {"train": "training", "training": "training", "development": "development"}
# lighter than the bars: thin lines must be visible on dark backgrounds
_LINES = {"training": ("#2b8fd6", "solid"), "development": ("#e0701f", "dash"), "": (GREY, "solid")}
_COUNTED = {"training": "#0077bb", "development": "#b8860b", "test": "#d55e00", "all": "#0077bb"}
_DIAGONAL = SpanMark((Span(0, 100, 100, 0),), GREY, "dot", 1.5)
_SCORE = Axis("score (0 to 1)", 0, 1, SHARE)
_ROOM = 1.16
"""Length of an axis of counts over the longest bar, so that a number fits beside it."""


class HeatTable(NamedTuple):
    """A table whose cells are shaded by their value; None for cells without one.

    `highest` is the value of the darkest cell.
    """

    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[float | None]]]
    highest: float


def scores(systems: Mapping[str, Mapping[str, Score]], measures: Sequence[str]) -> Chart:
    """Draw every score with its interval, the recipe beside the baselines.

    Args:
        systems: system → score by name
        measures: names of the scores, in order
    """
    names = [score_text.NAMES[measure] for measure in measures]
    styles = [_MARKS[min(number, len(_MARKS) - 1)] for number in range(len(systems))]
    if errors := [score_text.NAMES[name] for name in measures if name in score_text.LOWER_IS_BETTER]:
        ends = common.extent(score for by_measure in systems.values() for score in by_measure.values())
        axis = common.from_zero(f"score ({' and '.join(errors)}: lower is better)", ends)
    else:
        axis = _SCORE
    step = min(0.24, 0.8 / len(systems))
    marks: list[Mark] = []
    for number, ((system, by_measure), (symbol, colour)) in enumerate(zip(systems.items(), styles, strict=True)):
        shift = step * (number - (len(systems) - 1) / 2)
        places = [
            (by_measure[name], common.row_place(row, len(names), shift), f"{names[row]}, {system}: {by_measure[name]}")
            for row, name in enumerate(measures)
            if name in by_measure
        ]
        marks += _with_intervals(places, axis, symbol, colour)
    legend = [LegendKey(system, *style) for system, style in zip(systems, styles, strict=True)]
    return common.single(Plot(axis, None, marks, len(names) * (24 + 16 * len(systems)), rows=names), legend)


def roc(points: Sequence[Mapping[str, Any]], auc: Mapping[str, float | None], outputs: Sequence[str]) -> Chart:
    """Draw the ROC curve of each class against all others.

    Args:
        points: rows with class, false_positive_rate and true_positive_rate
        auc: class → area under the curve
        outputs: the classes, in order
    """
    x, y = Axis("false positive rate (dotted: chance)", 0, 1, SHARE), Axis("true positive rate", 0, 1, SHARE)
    marks, legend, colours = list[Mark]([_DIAGONAL]), list[LegendKey](), _colours(outputs)
    for name in outputs:
        of_class = [(row["false_positive_rate"], row["true_positive_rate"]) for row in points if row["class"] == name]
        if not of_class:
            continue
        area = auc.get(name)
        label = name + ("" if area is None else f" (AUC {area:.3f})")
        dash = _DASHES[outputs.index(name) % len(_DASHES)]
        marks.append(CurveMark(common.line([of_class], x, y), colours[name], dash, tooltip=label))
        legend.append(LegendKey(label, "line", colours[name], dash))
    return common.single(Plot(x, y, marks, square=True), legend)


def reliability(parts: Mapping[str, Mapping[str, Any]]) -> Chart:
    """Draw accuracy by confidence; the area of a point is its share of the rows.

    Args:
        parts: name of the line → `bins`, rows with confidence, accuracy and share
    """
    x, y = Axis("confidence (mean of the bin)", 0, 1, SHARE), Axis("accuracy of the bin", 0, 1, SHARE)
    marks, legend = list[Mark]([_DIAGONAL]), [LegendKey("perfect calibration", "line", GREY, "dot")]
    for (name, part), (symbol, colour) in zip(parts.items(), (_MARKS[3], _MARKS[0]), strict=False):
        path = common.line([[(row["confidence"], row["accuracy"]) for row in part["bins"]]], x, y)
        marks += [
            CurveMark(path, colour, width=1.5),
            MarkerMark([_bin(name, row, x, y) for row in part["bins"]], symbol, colour),
        ]
        legend.append(LegendKey(name, symbol, colour))
    return common.single(Plot(x, y, marks, square=True), legend)


def abstention(measured: Mapping[str, Any]) -> Chart:
    """Draw accuracy and UAR by the share of utterances that are kept, the most certain first.

    Args:
        measured: `points`, rows with coverage, threshold, accuracy and uar
    """
    x, y = Axis("utterances kept", 0, 1, SHARE, ".0%"), Axis("score of those kept (0 to 1)", 0, 1, SHARE)
    marks, legend = list[Mark](), list[LegendKey]()
    for name, (symbol, colour), dash in (("accuracy", _MARKS[3], "solid"), ("uar", _MARKS[0], "dash")):
        title = score_text.NAMES[name]
        rows = [row for row in measured["points"] if row[name] is not None]
        dots = [
            Point(
                x.place(row["coverage"]),
                100 - y.place(row[name]),
                f"{title} {row[name]:.3f}, {row['coverage']:.0%} kept: probability {row['threshold']:.3f} or more",
            )
            for row in rows
        ]
        path = common.line([[(row["coverage"], row[name]) for row in rows]], x, y)
        marks += [CurveMark(path, colour, dash), MarkerMark(dots, symbol, colour)]
        legend.append(LegendKey(title, symbol, colour))
    return common.single(Plot(x, y, marks), legend)


def per_class(scores: Mapping[str, Mapping[str, float]]) -> Chart:
    """Draw precision, recall and F1 of each class.

    Args:
        scores: class → scores
    """
    named = {"precision": ("#0077bb", "precision"), "recall": ("#b8860b", "recall"), "F1": ("#009e73", "f1")}
    bars = {name: ([of_class[key] for of_class in scores.values()], colour) for name, (colour, key) in named.items()}
    return _grouped(bars, list(scores), _SCORE, ".3f")


def per_value(scores: Mapping[str, Mapping[str, Score]]) -> Chart:
    """Draw the errors and the correlation of each value with their intervals.

    Args:
        scores: value → score by name
    """
    measures = list(next(iter(scores.values())))
    ends = common.extent(score for by_measure in scores.values() for score in by_measure.values())
    axis = common.from_zero("score (MSE and MAE: lower is better)", ends)
    marks, legend = list[Mark](), list[LegendKey]()
    for number, measure in enumerate(measures):
        symbol, colour = _MARKS[number]
        shift = 0.22 * (number - (len(measures) - 1) / 2)
        title = score_text.NAMES[measure]
        places = [
            (by_measure[measure], common.row_place(row, len(scores), shift), f"{name}, {title}: {by_measure[measure]}")
            for row, (name, by_measure) in enumerate(scores.items())
        ]
        marks += _with_intervals(places, axis, symbol, colour)
        legend.append(LegendKey(title, symbol, colour))
    return common.single(Plot(axis, None, marks, 60 * len(scores), rows=list(scores)), legend)


def f1_above(by_threshold: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Chart:
    """Draw the F1 of each emotion at each threshold.

    Args:
        by_threshold: threshold → emotion → scores
    """
    bars = {
        f"predicted above {bound}": ([of_label["f1"] for of_label in by_label.values()], colour)
        for (bound, by_label), (_, colour) in zip(by_threshold.items(), _MARKS, strict=False)
    }
    return _grouped(bars, list(next(iter(by_threshold.values()))), Axis("F1 (0 to 1)", 0, 1, SHARE), ".3f")


def curves(rows: Sequence[Mapping[str, Any]]) -> dict[str, Chart]:
    """Return a chart for every quantity, loss and accuracy first: by epoch, one line for each fit and part.

    Args:
        rows: with name, fold, seed, epoch and value
    """
    by_quantity: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for row in rows:
        # a diverged fit has no value to draw
        if not math.isfinite(row["value"]):
            continue
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
    classes = list(next(iter(by_part.values())))
    most = max((n for by_class in by_part.values() for n in by_class.values()), default=1)
    high = _ROOM * max(1, most)
    ticks = [tick for tick in common.round_values(0, high, 5) if tick == int(tick)]
    axis = Axis("utterances", 0, high, ticks, ",.0f")
    bars = {
        name: ([by_class.get(class_, 0) for class_ in classes], _COUNTED.get(name, GREY))
        for name, by_class in by_part.items()
    }
    return _grouped(bars, classes, axis, ",", numbers=True)


def pairs(folds: Sequence[Mapping[str, Any]], measure: str) -> HeatTable:
    """Return a score for every pair of corpora, trained on one and tested on the other; the mean over seeds.

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
    rows = [(trained, [means.get((trained, tested)) for tested in names]) for trained in names]
    return HeatTable("trained on", names, rows, max(means.values()))


def shares(attention: Shares) -> HeatTable:
    """Return the share of the attention that went to each block of features, by class.

    Args:
        attention: the shares
    """
    rows = [
        (f"{name} ({n:,})", list[float | None](of_class))
        for name, n, of_class in zip(attention.classes, attention.n, attention.of.tolist(), strict=True)
    ]
    return HeatTable("class", list(attention.blocks), rows, 1.0)


def searched(search: Search) -> Chart | None:
    """Draw the curve of a learning-rate search, and the rate that was chosen; None without two rates to draw.

    Args:
        search: rates and losses
    """
    finite = np.isfinite(search.losses)
    rates, losses = search.rates[finite], search.losses[finite]
    if len(np.unique(rates)) < 2:
        return None
    # losses after the point of divergence must not flatten the rest
    low, high = float(losses.min()), float(np.quantile(losses, _SHOWN))
    margin = 0.05 * ((high - low) or 1.0)
    x = Axis("learning rate (logarithmic)", float(rates[0]), float(rates[-1]), log=True)
    y = Axis("loss", low - margin, high + margin)
    path = common.line([list(zip(rates.tolist(), losses.tolist(), strict=True))], x, y)
    marks: list[Mark] = [CurveMark(path, _LINES["training"][0], width=2.5, clip=True)]
    if search.chosen is not None:
        place = x.place(search.chosen)
        marks += [
            SpanMark((Span(place, 0, place, 100),), _LINES["development"][0], "dash"),
            LabelMark([Label(place, 4, f"chosen: {search.chosen:.1e}", "end" if place > 50 else "start")]),
        ]
    return common.single(Plot(x, y, marks))


def map_of(plane: Map, outputs: Sequence[str]) -> Chart:
    """Draw utterances in the plane, each class with a colour and a symbol.

    Args:
        plane: points and their classes
        outputs: the classes, in order
    """
    colours, classes, points = _colours(outputs), plane.classes.tolist(), plane.points
    # both axes are equally long: distances compare in all directions
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    half = 1.04 * float(np.abs(points - middle).max()) or 1.0
    x, y = (
        Axis(title, float(centre) - half, float(centre) + half, (), labelled=False)
        for title, centre in zip(("t-SNE, first dimension (no unit)", "t-SNE, second dimension"), middle, strict=True)
    )
    marks, legend = list[Mark](), list[LegendKey]()
    for number, name in enumerate(outputs):
        dots = [
            Point(round(x.place(a), 1), round(100 - y.place(b), 1))
            for (a, b), class_ in zip(points.tolist(), classes, strict=True)
            if class_ == name
        ]
        if dots:
            symbol = _SYMBOLS[number % len(_SYMBOLS)]
            marks.append(MarkerMark(dots, symbol, colours[name], 0.8, 0.7 if plane.n > _FEW_POINTS else 1))
            legend.append(LegendKey(name, symbol, colours[name]))
    return common.single(Plot(x, y, marks, square=True), legend)


def _with_intervals(places: Sequence[tuple[Score, float, str]], axis: Axis, symbol: str, colour: str) -> list[Mark]:
    """Return markers of scores at their places from the top, with their intervals and tooltips."""
    return [
        SpanMark(common.intervals(((score, place) for score, place, _ in places), axis), colour),
        MarkerMark([Point(axis.place(score.value), place, text) for score, place, text in places], symbol, colour),
    ]


def _bin(name: str, row: Mapping[str, Any], x: Axis, y: Axis) -> Point:
    text = f"{name}: confidence {row['confidence']:.3f}, accuracy {row['accuracy']:.3f}, {row['share']:.1%} of the rows"
    # areas, not widths, are in proportion
    return Point(
        x.place(row["confidence"]), 100 - y.place(row["accuracy"]), text, round(0.7 + 2.3 * row["share"] ** 0.5, 2)
    )


def _grouped(
    bars: Mapping[str, tuple[Sequence[float], str]],
    rows: Sequence[str],
    axis: Axis,
    style: str,
    *,
    numbers: bool = False,
) -> Chart:
    """Return horizontal bars in groups, a row for each class.

    Args:
        bars: name → values of every row, and colour
        rows: names of the rows
        axis: of the values
        style: of the numbers
        numbers: whether they stand beside the bars
    """
    marks, step = list[Mark](), 0.84 / len(bars)
    for number, (name, (values, colour)) in enumerate(bars.items()):
        tops = [common.row_place(row, len(rows), step * number - 0.42) for row in range(len(rows))]
        boxes = [
            Box(0, top, axis.place(value), round(92 * step / len(rows), 2), f"{row}, {name}: {value:{style}}")
            for row, top, value in zip(rows, tops, values, strict=True)
        ]
        marks.append(BarMark(boxes, colour))
        if numbers:
            marks.append(
                LabelMark(
                    [
                        Label(box.width, round(box.y + box.height / 2, 2), f"{value:{style}}")
                        for box, value in zip(boxes, values, strict=True)
                    ]
                )
            )
    legend = [LegendKey(name, "bar", colour) for name, (_, colour) in bars.items()] if len(bars) > 1 else []
    return common.single(Plot(axis, None, marks, len(rows) * (14 + 16 * len(bars)), rows=rows), legend)


def _curve(quantity: str, rows_by_part: Sequence[tuple[str, Mapping[str, Any]]]) -> Chart:
    keys = sorted({(row["fold"], row["seed"]) for _, row in rows_by_part})
    n_fits, drawn = len(keys), {keys[k * len(keys) // MOST_FITS] for k in range(MOST_FITS)}
    rows_by_part = [(part, row) for part, row in rows_by_part if (row["fold"], row["seed"]) in drawn]
    epochs = [row["epoch"] for _, row in rows_by_part]
    # a line needs more than one point
    few = max(epochs) < _FEW_EPOCHS
    x = common.from_zero("epoch", epochs, integers=True)
    if few:
        x = Axis("epoch", min(epochs) - 0.5, max(epochs) + 0.5, sorted(set(epochs)))
    y = common.from_zero(curve_title(quantity), (row["value"] for _, row in rows_by_part))
    marks, legend = list[Mark](), list[LegendKey]()
    for part in sorted({part for part, _ in rows_by_part}, key=list(_LINES).index):
        colour, dash = _LINES[part]
        fits = _fits([row for row_part, row in rows_by_part if row_part == part])
        marks += [
            CurveMark(
                common.line([points], x, y), colour, dash, 1.4 if n_fits > 1 else 2.5, 0.8 if n_fits > 1 else 1,
                f"{name}{', ' + part if part else ''}: {points[-1][1]:.4f} after epoch {points[-1][0]:g}",
            )
            for name, points in fits
        ]  # fmt: skip
        if few:
            dots = [Point(x.place(a), 100 - y.place(b), f"{name}: {b:.4f}") for name, points in fits for a, b in points]
            marks.append(MarkerMark(dots, "circle", colour))
        legend.append(LegendKey(part or "fits", "line", colour, dash))
    return common.single(Plot(x, y, marks), legend)


def curve_title(quantity: str) -> str:
    """Return the name of a quantity of learning curves: Macro F1, Loss.

    Args:
        quantity: as in the keys of `curves`
    """
    return score_text.NAMES.get(quantity.replace(" ", "_"), quantity.capitalize())


def _fits(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[tuple[float, float]]]]:
    """Return every fit's name and its points by epoch."""

    def fit(row: Mapping[str, Any]) -> tuple[int, int]:
        return row["fold"], row["seed"]

    ordered = sorted(rows, key=lambda row: (*fit(row), row["epoch"]))
    return [
        (f"{fold_name(fold)}, seed {seed}", [(row["epoch"], row["value"]) for row in of_fit])
        for (fold, seed), of_fit in groupby(ordered, key=fit)
    ]


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
