"""Static charts as SVG: axes, marks in percent of the plot area, and a legend; `chart.html` draws them.

Places are percentages and sizes are pixels, so a chart fills any width without scaling its text. Colours of text and
grid come from the style sheet, for light and dark pages. The same data give the same bytes: no font is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from tasks.pages.common.palette import COLOURS

if TYPE_CHECKING:
    from tasks.pages.common.score_text import Score

SYMBOLS: Mapping[str, str] = {
    "circle": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0Z",
    "square": "M-4-4h8v8h-8Z",
    "diamond": "M0-6 6 0 0 6-6 0Z",
    "triangle": "M0-5.5 5.5 4.5-5.5 4.5Z",
    "wedge": "M0 5.5 5.5-4.5-5.5-4.5Z",
    "cross": "M-1.6-5h3.2v3.4H5v3.2H1.6V5h-3.2V1.6H-5v-3.2h3.4Z",
    "x": "M-5-3-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0Z",
    "star": "M0-6 1.6-2 5.8-1.9 2.5.8 3.6 5 0 2.6-3.6 5-2.5.8-5.8-1.9-1.6-2Z",
    "pentagon": "M0-5.5 5.3-1.7 3.3 4.6-3.3 4.6-5.3-1.7Z",
    "hexagon": "M-5 0-2.5-4.4h5L5 0 2.5 4.4h-5Z",
    "ring": "M-7.5 0a7.5 7.5 0 1 0 15 0a7.5 7.5 0 1 0-15 0Z",
}
"""Outlines of markers around the origin, in pixels."""
DASHES: Mapping[str, str] = {"solid": "", "dash": "7 4", "dot": "2 4", "dashdot": "8 4 2 4"}
GREY = COLOURS["neutral"]
VIRIDIS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")
"""Colours of a scale whose lightness carries the value, also for colour-blind readers and in print; evenly spaced."""
_STEPS = (1.0, 2.0, 5.0, 10.0)
_UNITS = 1000
"""Units of a path over the whole width or height of a plot."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Point(NamedTuple):
    """A marker: its place in percent from the left and the top, its tooltip, and a factor on its size."""

    x: float
    y: float
    tooltip: str = ""
    factor: float = 1.0


class Box(NamedTuple):
    """A bar: left, top, width and height in percent, and its tooltip."""

    x: float
    y: float
    width: float
    height: float
    tooltip: str = ""


class Span(NamedTuple):
    """A straight line between two places in percent."""

    x1: float
    y1: float
    x2: float
    y2: float


class Tick(NamedTuple):
    """A place on an axis in percent, and its label."""

    place: float
    label: str


class Label(NamedTuple):
    """A text at a place in percent, which it follows, or ends at."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "end"] = "start"


@dataclass(frozen=True)
class CurveMark:
    """A line through points as an SVG path, in thousandths of the plot; `clip` cuts it at the edges."""

    kind: ClassVar[str] = "curve"
    path: str
    colour: str
    dash: str = "solid"
    width: float = 2.0
    opacity: float = 1.0
    tooltip: str = ""
    clip: bool = False


@dataclass(frozen=True)
class MarkerMark:
    """Markers of one symbol and colour; a factor on the size of all."""

    kind: ClassVar[str] = "markers"
    points: Sequence[Point]
    symbol: str
    colour: str
    opacity: float = 1.0
    factor: float = 1.0


@dataclass(frozen=True)
class BarMark:
    """Bars of one colour, or hatched."""

    kind: ClassVar[str] = "bars"
    boxes: Sequence[Box]
    colour: str
    hatched: bool = False


@dataclass(frozen=True)
class SpanMark:
    """Straight lines of one colour: intervals, thresholds, the diagonal."""

    kind: ClassVar[str] = "spans"
    spans: Sequence[Span]
    colour: str
    dash: str = "solid"
    width: float = 2.0


@dataclass(frozen=True)
class LabelMark:
    """Texts beside marks."""

    kind: ClassVar[str] = "labels"
    labels: Sequence[Label]


@dataclass(frozen=True)
class ImageMark:
    """A picture that fills the plot."""

    kind: ClassVar[str] = "image"
    url: str


Mark = CurveMark | MarkerMark | BarMark | SpanMark | LabelMark | ImageMark


class LegendKey(NamedTuple):
    """An entry of a legend: symbol, `line`, `bar` or `hatched`, and its colour."""

    name: str
    symbol: str
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic axis.

    Args:
        title: with the unit
        low: value at the left or bottom
        high: value at the right or top
        ticks: values with a label; None: round values
        style: of the labels: a format specification such as `.0%`
        log: whether the axis is logarithmic
        grid: whether lines mark the ticks
        labelled: whether the ticks have labels
    """

    title: str
    low: float
    high: float
    ticks: Sequence[float] | None = None
    style: str = "g"
    log: bool = False
    grid: bool = True
    labelled: bool = True

    def place(self, value: float) -> float:
        """Return the place of a value in percent, from the low end."""
        low, high, value = map(math.log10, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return round(100 * (value - low) / (high - low), 2) + 0.0

    @property
    def marked(self) -> list[Tick]:
        """The ticks and their labels."""
        if self.log:
            return [Tick(self.place(10.0**power), _power(power)) for power in _powers(self.low, self.high)]
        values = round_values(self.low, self.high) if self.ticks is None else self.ticks
        return [Tick(self.place(value), f"{value:{self.style}}".replace("-", "−")) for value in values]


SHARE = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Ticks of a score from 0 to 1."""


@dataclass(frozen=True)
class Plot:
    """Marks in one plot area, as high as `height` pixels, or square.

    `rows`: names of equally high rows, in place of a vertical axis. `right`: a second vertical axis.
    """

    x: Axis
    y: Axis | None
    marks: Sequence[Mark]
    height: int = 300
    square: bool = False
    rows: Sequence[str] = ()
    right: Axis | None = None
    heading: str = ""


@dataclass(frozen=True)
class Chart:
    """Plots with one legend; `scale` is the title of a colour scale with its labels."""

    plots: Sequence[Plot]
    legend: Sequence[LegendKey] = ()
    scale: tuple[str, Sequence[str]] | None = None


def single(plot: Plot, legend: Sequence[LegendKey] = ()) -> Chart:
    """Return a chart of one plot."""
    return Chart((plot,), tuple(legend))


def round_values(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values from the low to the high end, at most `most` and one.

    Args:
        low: end of the axis
        high: the other end
        most: steps on the axis
    """
    step = round_step(high - low, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # `+ 0.0` makes a zero of a negative zero
    return [float(f"{number * step:.12g}") + 0.0 for number in range(first, last + 1)]


def round_step(extent: float, most: int = 6) -> float:
    """Return the smallest step of 1, 2 or 5 times a power of ten that divides an axis into at most `most` parts.

    Args:
        extent: length of the axis
        most: parts
    """
    size = 10.0 ** math.floor(math.log10(extent / most))
    return next(step * size for step in _STEPS if extent / (step * size) <= most + 1e-9)


def from_zero(title: str, values: Iterable[float], *, style: str = "g", integers: bool = False) -> Axis:
    """Return an axis that contains zero and all values, and ends at round values.

    Args:
        title: of the axis
        values: those of the marks
        style: of the labels
        integers: whether steps are whole numbers
    """
    ends = [0.0, *values]
    low, high = min(ends), max(ends)
    if high == low:
        high = low + 1.0
    step = round_step(high - low)
    if integers:
        step = max(1.0, step)
    low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    ticks = [float(f"{low + number * step:.12g}") + 0.0 for number in range(round((high - low) / step) + 1)]
    return Axis(title, ticks[0], ticks[-1], ticks, style)


def row_place(row: int, n_rows: int, shift: float = 0.0) -> float:
    """Return the place of a row's middle in percent from the top.

    Args:
        row: from 0
        n_rows: of the plot
        shift: from the middle, in rows
    """
    return round(100 * (row + 0.5 + shift) / n_rows, 2)


def line(lines: Iterable[Sequence[tuple[float, float]]], x: Axis, y: Axis) -> str:
    """Return lines through points as one SVG path, in thousandths of the plot.

    Args:
        lines: points as (x, y), line by line
        x: horizontal axis
        y: vertical axis
    """
    return "".join(_path([_unit(x.place(a), 100 - y.place(b)) for a, b in points]) for points in lines)


def intervals(scores: Iterable[tuple[Score, float]], x: Axis) -> list[Span]:
    """Return horizontal intervals of scores at their places from the top; a score without interval has none.

    Args:
        scores: score and place in percent
        x: horizontal axis
    """
    return [
        Span(x.place(score.low), place, x.place(score.high), place)
        for score, place in scores
        if score.low is not None and score.high is not None
    ]


def extent(scores: Iterable[Score]) -> list[float]:
    """Return the values and bounds of scores, for an axis."""
    return [end for score in scores for end in (score.value, score.low, score.high) if end is not None]


def gradient(steps: int) -> list[tuple[int, int, int]]:
    """Return the colour scale in equal steps, as red, green and blue from 0 to 255.

    Args:
        steps: number of colours, at least 2
    """
    anchors = [tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5)) for colour in VIRIDIS]
    colours = []
    for step in range(steps):
        place = step * (len(anchors) - 1) / (steps - 1)
        number = min(int(place), len(anchors) - 2)
        first, second = anchors[number], anchors[number + 1]
        red, green, blue = (round(a + (b - a) * (place - number)) for a, b in zip(first, second, strict=True))
        colours.append((red, green, blue))
    return colours


def _path(points: Sequence[tuple[int, int]]) -> str:
    if not points:
        return ""
    (x, y), moves = points[0], [f"M{points[0][0]} {points[0][1]}"]
    # points that coincide after rounding draw nothing; a single one is drawn as a dot
    moves += [f"L{b[0]} {b[1]}" for a, b in pairwise(points) if a != b]
    return "".join(moves) if len(moves) > 1 else f"M{x} {y}h0"


def _unit(x: float, y: float) -> tuple[int, int]:
    return round(x * _UNITS / 100), round(y * _UNITS / 100)


def _powers(low: float, high: float) -> range:
    return range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)


def _power(power: int) -> str:
    return f"10{str(power).translate(_SUPERSCRIPTS)}"
