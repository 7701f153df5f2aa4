"""Chart of all measurements: median, range and target on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measurements import Measurement, formatted
from tasks.core import tables

_MET, _MISSED, _NO_TARGET, _TARGET = "#1b7f5c", "#c2410c", "#64748b", "#0f172a"
_ROW_INCHES, _MARGIN_INCHES, _WIDTH_INCHES = 0.34, 1.1, 9.0


def write(path: Path, rows: Sequence[Measurement]) -> None:
    """Draw measurements as SVG, reproducibly: above, speed relative to peers; below, values relative to our limits.

    Args:
        path: SVG file
        rows: the measurements
    """
    import matplotlib as mpl

    mpl.use("Agg")
    # element ids are random by default
    mpl.rcParams.update({"svg.hashsalt": "undertone", "svg.fonttype": "path", "font.size": 9})
    from matplotlib import pyplot as plt

    panels = [panel for panel in (_peer_panel(rows), _limit_panel(rows)) if panel.rows]
    heights = [len(panel.rows) * _ROW_INCHES + _MARGIN_INCHES for panel in panels]
    figure, axes = plt.subplots(
        max(len(panels), 1), 1, figsize=(_WIDTH_INCHES, sum(heights) or _MARGIN_INCHES), squeeze=False,
        height_ratios=heights or None, layout="constrained",
    )  # fmt: skip
    for axis, panel in zip(axes[:, 0], panels, strict=False):
        panel.draw(axis)
    with tables.whole(path) as target:
        figure.savefig(target, format="svg", metadata={"Date": None})
    plt.close(figure)


class _Panel:
    """Measurements on one axis, with their targets."""

    def __init__(self, rows: Sequence[Measurement], title: str, label: str, *, by_limit: bool) -> None:
        self.rows, self._title, self._label, self._by_limit = rows, title, label, by_limit

    def draw(self, axis: Any) -> None:
        """Draw the rows, the first on top.

        Args:
            axis: Matplotlib axis
        """
        from matplotlib.ticker import LogLocator

        for place, row in enumerate(self.rows):
            self._draw_row(axis, place, row)
        axis.set_xscale("log")
        axis.set_yticks(range(len(self.rows)), [row.name for row in self.rows])
        axis.set_ylim(len(self.rows) - 0.4, -0.6)
        axis.axvline(1, color=_TARGET, linewidth=0.8, linestyle=":")
        axis.set_xlim(*self._limits())
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.xaxis.set_minor_formatter("")
        axis.grid(axis="x", which="major", color="#e2e8f0")
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
        axis.set_title(self._title, loc="left", fontweight="bold")
        axis.set_xlabel(self._label)

    def _limits(self) -> tuple[float, float]:
        """Return the axis limits: at least one decade, including 1."""
        ends = [value / self._unit(row) for row in self.rows for value in (row.spread.least, row.spread.most)]
        marks = [row.target.bound / self._unit(row) for row in self.rows if row.target is not None]
        return min([*ends, *marks, 0.2]) / 1.3, max([*ends, *marks, 2.0]) * 1.3

    def _unit(self, row: Measurement) -> float:
        return row.target.bound if self._by_limit and row.target else 1.0

    def _draw_row(self, axis: Any, place: int, row: Measurement) -> None:
        unit, spread = self._unit(row), row.spread
        colour = {None: _NO_TARGET, True: _MET, False: _MISSED}[row.met]
        axis.plot([spread.least / unit, spread.most / unit], [place, place], color=colour, linewidth=3, alpha=0.45)
        axis.plot(spread.median / unit, place, "o", color=colour, markersize=6)
        if row.target is not None:
            axis.plot(row.target.bound / unit, place, "|", color=_TARGET, markersize=14, markeredgewidth=2)
        point, offset = (spread.median / unit, place), (0, 6)
        style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": 8, "color": colour}
        axis.annotate(formatted(spread.median, row.quantity), point, offset, **style)


def _peer_panel(rows: Sequence[Measurement]) -> _Panel:
    selected = [row for row in rows if row.quantity == "times faster"]
    return _Panel(
        selected, "Times faster than the other program", "dot: median, band: least to most, upright bar: target",
        by_limit=False,
    )  # fmt: skip


def _limit_panel(rows: Sequence[Measurement]) -> _Panel:
    selected = [row for row in rows if row.quantity != "times faster"]
    return _Panel(selected, "Against our own limits", "measured ÷ limit: left of the bar is within it", by_limit=True)
