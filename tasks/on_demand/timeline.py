"""Plot of a prediction over time: the classes as coloured spans, and the decision values above them."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tasks.core import tables
from tasks.pages.common.palette import COLOURS, MARKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_S = 180.0
MAX_ROWS = 12
GAP_S = 0.5
_DPI = 100
_WIDTH_PX, _ROW_PX, _FRAME_PX = 1600, 370, 130
_MARK_SHARE = 0.012


class Classified(Protocol):
    """One classified segment: its span in seconds, its class, and the decision value of every class."""

    @property
    def start_s(self) -> float:
        """Start, in seconds."""

    @property
    def end_s(self) -> float:
        """End, in seconds."""

    @property
    def predicted(self) -> str:
        """The class."""

    @property
    def negative(self) -> float:
        """The decision value of negative."""

    @property
    def neutral(self) -> float:
        """The decision value of neutral."""

    @property
    def positive(self) -> float:
        """The decision value of positive."""


def draw(rows: Sequence[Classified], path: Path) -> None:
    """Draw predicted classes and their scores over time into a PNG, 1600 pixels wide.

    Up to three minutes take one row of about 370 pixels; longer media take more rows, twelve at most. The same
    rows give the same bytes. Texts are not drawn: fonts may lack their script, and the CSV has them.

    Args:
        rows: the segments, ordered by time
        path: the PNG to write

    Raises:
        ValueError: if there are no rows
    """
    from matplotlib.figure import Figure

    if not rows:
        raise ValueError("there is nothing to draw: no segment was classified")
    n_rows, row_s = _layout(max(row.end_s for row in rows))
    height_px = _FRAME_PX + n_rows * _ROW_PX
    figure = Figure(figsize=(_WIDTH_PX / _DPI, height_px / _DPI), dpi=_DPI, layout="constrained")
    figure.suptitle(
        "Predicted sentiment over time", x=0.012, y=1 - 14 / height_px, ha="left", fontsize=15, fontweight="bold"
    )
    values = [value for row in rows for value in (row.negative, row.neutral, row.positive)]
    bounds = (min(values), max(values))
    grid = figure.subplots(n_rows * 2, 1, squeeze=False, height_ratios=[5, 1] * n_rows)[:, 0]
    for number in range(n_rows):
        start_s = number * row_s
        visible = [row for row in rows if row.end_s > start_s and row.start_s < start_s + row_s]
        _draw_scores(grid[2 * number], visible, bounds)
        _draw_spans(grid[2 * number + 1], visible, start_s, row_s)
        for axes in grid[2 * number : 2 * number + 2]:
            axes.set_xlim(start_s, start_s + row_s)
    grid[-1].set_xlabel("time (h:min:s)" if n_rows * row_s >= 3600 else "time (min:s)")
    _add_legend(figure)
    sink = io.BytesIO()
    # without matplotlib's version in the file, the same plot has the same bytes
    figure.savefig(sink, format="png", metadata={"Software": None})
    tables.write_bytes(path, sink.getvalue())


def _layout(duration_s: float) -> tuple[int, float]:
    """Return the number of rows and their length in seconds."""
    n_rows = min(MAX_ROWS, math.ceil(duration_s / ROW_S))
    if n_rows == 1:
        return 1, duration_s
    row_s = math.ceil(duration_s / n_rows / 60) * 60.0
    return math.ceil(duration_s / row_s), row_s


def _draw_scores(axes: Axes, rows: Sequence[Classified], bounds: tuple[float, float]) -> None:
    for name in tables.SENTIMENTS:
        times_s, values = _steps(rows, name)
        axes.plot(times_s, values, color=COLOURS[name], linewidth=2, solid_capstyle="butt")
    margin = 0.08 * (bounds[1] - bounds[0] or 1.0)
    axes.set_ylim(bounds[0] - margin, bounds[1] + margin)
    axes.set_ylabel("decision value")
    axes.grid(axis="y", color="#e3e5e9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(bottom=False, labelbottom=False, left=False)
    axes.spines[:].set_visible(False)


def _draw_spans(axes: Axes, rows: Sequence[Classified], start_s: float, row_s: float) -> None:
    from matplotlib.ticker import MaxNLocator

    style: dict[str, Any] = {"color": "white", "ha": "center", "va": "center", "size": 13, "weight": "bold"}
    for name in tables.SENTIMENTS:
        spans = [(row.start_s, row.end_s - row.start_s) for row in rows if row.predicted == name]
        axes.broken_barh(spans, (0, 1), facecolor=COLOURS[name], edgecolor="white", linewidth=1)
        for first_s, length_s in spans:
            middle_s = first_s + length_s / 2
            if length_s > _MARK_SHARE * row_s and start_s < middle_s < start_s + row_s:
                axes.text(middle_s, 0.47, MARKS[name], **style)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda seconds, _: _clock(seconds))
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, steps=[1, 1.5, 2, 3, 6, 10]))
    axes.spines[["left", "right", "top"]].set_visible(False)


def _steps(rows: Sequence[Classified], name: str) -> tuple[list[float], list[float]]:
    """Return a class's scores as a line that is flat within a segment and broken at gaps."""
    times_s: list[float] = []
    values: list[float] = []
    for row in rows:
        if times_s and row.start_s - times_s[-1] > GAP_S:
            times_s.append(times_s[-1])
            values.append(math.nan)
        times_s += [row.start_s, row.end_s]
        values += [getattr(row, name)] * 2
    return times_s, values


def _add_legend(figure: Any) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=COLOURS[name], label=f"{MARKS[name]}  {name}") for name in tables.SENTIMENTS]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), frameon=False, fontsize=12)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
