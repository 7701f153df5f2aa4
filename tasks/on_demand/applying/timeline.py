"""Plot of scored utterances over time: the sound, the probability of every class, and the classes as coloured spans."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.pages.common.palette import COLOURS, MARKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_S = 180.0
MAX_ROWS = 12
GAP_S = 0.5
_DPI = 100
_WIDTH_PX, _ROW_PX, _FRAME_PX = 1600, 430, 130
_MARK_SHARE = 0.012
_LONGEST_TITLE = 110
_SOUND = "#6b7280"
# Okabe and Ito's colours, then Tol's muted ones: further classes begin again
_OTHERS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#332288", "#882255", "#999933", "#aa4499",
    "#117733", "#8a8f98",
)  # fmt: skip

Outline = NDArray[np.float32]


class Drawable(Protocol):
    """A classified utterance: its span in seconds, its class, and a number per class."""

    @property
    def start_s(self) -> float:
        """Start, in seconds."""

    @property
    def end_s(self) -> float:
        """End, in seconds."""

    @property
    def predicted(self) -> str | list[str] | float:
        """The class; the labels; or the value."""

    @property
    def drawn(self) -> Mapping[str, float]:
        """The probability or score of every class."""


def draw(
    rows: Sequence[Drawable],
    path: Path,
    *,
    title: str,
    outputs: Sequence[str],
    sound: Outline | None,
    duration_s: float,
    axis: str = "probability",
) -> None:
    """Draw predictions over time into a PNG, 1600 pixels wide.

    Up to three minutes take one row of about 430 pixels; longer media take more rows, twelve at most. The same rows
    give the same bytes. Texts are not drawn: fonts may lack their script, and the other formats have them.

    Args:
        rows: the utterances, ordered by time
        path: the PNG to write
        title: above the plot
        outputs: the classes in the order of their colours
        sound: lowest and highest samples of equal stretches of time, shape (n, 2); None: no sound is drawn
        duration_s: of the sound
        axis: name of the numbers

    Raises:
        ValueError: if there are no rows
    """
    from matplotlib.figure import Figure

    if not rows:
        raise ValueError("there is nothing to draw: no utterance was scored")
    colours = colours_of(outputs)
    n_rows, row_s = _layout(max(*(row.end_s for row in rows), duration_s))
    height_px = _FRAME_PX + n_rows * _ROW_PX
    figure = Figure(figsize=(_WIDTH_PX / _DPI, height_px / _DPI), dpi=_DPI, layout="constrained")
    heading = figure.suptitle(
        _drawable(title), x=0.012, y=1 - 14 / height_px, ha="left", fontsize=15, fontweight="bold"
    )
    heading.set_parse_math(False)
    values = [value for row in rows for value in row.drawn.values()]
    bounds = (min(values), max(values))
    grid = figure.subplots(n_rows * 3, 1, squeeze=False, height_ratios=[1.5, 5, 1] * n_rows)[:, 0]
    for number in range(n_rows):
        start_s = number * row_s
        visible = [row for row in rows if row.end_s > start_s and row.start_s < start_s + row_s]
        axes = grid[3 * number : 3 * number + 3]
        _draw_sound(axes[0], sound, duration_s, start_s, row_s)
        _draw_values(axes[1], visible, bounds, colours, axis)
        _draw_spans(axes[2], visible, start_s, row_s, colours)
        for part in axes:
            part.set_xlim(start_s, start_s + row_s)
    grid[-1].set_xlabel("time (h:min:s)" if n_rows * row_s >= 3600 else "time (min:s)")
    _add_legend(figure, colours)
    sink = io.BytesIO()
    # without matplotlib's version in the file, the same plot has the same bytes
    figure.savefig(sink, format="png", metadata={"Software": None})
    tables.write_bytes(path, sink.getvalue())


def colours_of(outputs: Sequence[str]) -> dict[str, str]:
    """Return the colour of every class: those of the pages for sentiments, else distinguishable ones in turn.

    Args:
        outputs: the classes
    """
    if set(outputs) <= set(COLOURS):
        return {name: COLOURS[name] for name in outputs}
    return {name: _OTHERS[number % len(_OTHERS)] for number, name in enumerate(outputs)}


def _marks(outputs: Sequence[str]) -> dict[str, str]:
    """Return a mark of every class for readers who do not tell its colour: a sign, or its first letters."""
    if set(outputs) <= set(MARKS):
        return {name: MARKS[name] for name in outputs}
    return {name: _drawable(name[:2]) for name in outputs}


def _layout(duration_s: float) -> tuple[int, float]:
    """Return the number of rows and their length in seconds."""
    n_rows = min(MAX_ROWS, math.ceil(duration_s / ROW_S))
    if n_rows == 1:
        return 1, duration_s
    row_s = math.ceil(duration_s / n_rows / 60) * 60.0
    return math.ceil(duration_s / row_s), row_s


def _draw_sound(axes: Axes, sound: Outline | None, duration_s: float, start_s: float, row_s: float) -> None:
    if sound is not None:
        times_s = np.arange(len(sound)) * duration_s / len(sound)
        visible = (times_s >= start_s) & (times_s < start_s + row_s)
        # the loudest sample of the medium touches the edge
        scale = float(np.abs(sound).max()) or 1.0
        axes.fill_between(times_s[visible], *(sound[visible] / scale).T, color=_SOUND, linewidth=0.6)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([])
    axes.set_ylabel("sound")
    axes.tick_params(bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)


def _draw_values(
    axes: Axes, rows: Sequence[Drawable], bounds: tuple[float, float], colours: Mapping[str, str], axis: str
) -> None:
    for name, colour in colours.items():
        times_s, values = _steps(rows, name)
        axes.plot(times_s, values, color=colour, linewidth=2, solid_capstyle="butt")
    margin = 0.08 * (bounds[1] - bounds[0] or 1.0)
    axes.set_ylim(bounds[0] - margin, bounds[1] + margin)
    axes.set_ylabel(axis)
    axes.grid(axis="y", color="#e3e5e9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(bottom=False, labelbottom=False, left=False)
    axes.spines[:].set_visible(False)


def _draw_spans(axes: Axes, rows: Sequence[Drawable], start_s: float, row_s: float, colours: Mapping[str, str]) -> None:
    from matplotlib.ticker import MaxNLocator

    style: dict[str, Any] = {"color": "white", "ha": "center", "va": "center", "size": 12, "weight": "bold"}
    marks = _marks(tuple(colours))
    for name, colour in colours.items():
        spans = [(row.start_s, row.end_s - row.start_s) for row in rows if row.predicted == name]
        axes.broken_barh(spans, (0, 1), facecolor=colour, edgecolor="white", linewidth=1)
        for first_s, length_s in spans:
            middle_s = first_s + length_s / 2
            if length_s > _MARK_SHARE * row_s and start_s < middle_s < start_s + row_s:
                axes.text(middle_s, 0.47, marks[name], parse_math=False, **style)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda seconds, _: _clock(seconds))
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, steps=[1, 1.5, 2, 3, 6, 10]))
    axes.spines[["left", "right", "top"]].set_visible(False)


def _steps(rows: Sequence[Drawable], name: str) -> tuple[list[float], list[float]]:
    """Return a class's numbers as a line that is flat within an utterance and broken at gaps."""
    times_s: list[float] = []
    values: list[float] = []
    for row in rows:
        if times_s and row.start_s - times_s[-1] > GAP_S:
            times_s.append(times_s[-1])
            values.append(math.nan)
        times_s += [row.start_s, row.end_s]
        values += [row.drawn[name]] * 2
    return times_s, values


def _add_legend(figure: Any, colours: Mapping[str, str]) -> None:
    from matplotlib.patches import Patch

    marks = _marks(tuple(colours))
    handles = [Patch(color=colour, label=_drawable(f"{marks[name]}  {name}")) for name, colour in colours.items()]
    legend = figure.legend(handles=handles, loc="outside upper right", ncols=min(len(handles), 8), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _drawable(text: str) -> str:
    """Return text for matplotlib's own font: characters that it lacks become question marks."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont("DejaVu Sans:bold"))
    kept = "".join(character if font.get_char_index(ord(character)) else "?" for character in " ".join(text.split()))
    return kept if len(kept) <= _LONGEST_TITLE else f"{kept[: _LONGEST_TITLE - 2]} …"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
