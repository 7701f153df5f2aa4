"""The picture of a prediction: its size follows the length, and the same rows give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tasks.core import tables
from tasks.on_demand import timeline
from tasks.pages.common.palette import COLOURS


@dataclass(frozen=True)
class Row:
    start_s: float
    end_s: float
    predicted: str
    negative: float
    neutral: float
    positive: float


def rows(n: int, length_s: float = 3.0, gap_s: float = 0.0, predicted: str | None = None) -> list[Row]:
    rng = np.random.default_rng(4)
    found = []
    for number in range(n):
        values = rng.normal(size=3).tolist()
        start_s = number * (length_s + gap_s)
        label = predicted or tables.SENTIMENTS[int(np.argmax(values))]
        found.append(Row(start_s, start_s + length_s, label, *values))
    return found


def pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    from matplotlib.image import imread

    return np.asarray(imread(path))


@pytest.mark.parametrize(("n", "height_px"), [(1, 500), (60, 500), (61, 870)])
def test_one_row_for_three_minutes(tmp_path: Path, n: int, height_px: int) -> None:
    timeline.draw(rows(n), tmp_path / "t.png")
    assert pixels(tmp_path / "t.png").shape[:2] == (height_px, 1600)


@pytest.mark.slow
def test_hours_take_twelve_rows(tmp_path: Path) -> None:
    timeline.draw(rows(2400, 6.0), tmp_path / "t.png")
    assert pixels(tmp_path / "t.png").shape[0] == 130 + 12 * 370


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        timeline.draw(rows(20, gap_s=1.0), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("label", tables.SENTIMENTS)
def test_the_span_has_the_colour_of_its_class(tmp_path: Path, label: str) -> None:
    timeline.draw(rows(1, predicted=label), tmp_path / "t.png")
    band = pixels(tmp_path / "t.png")[420, 400, :3]
    expected = [int(COLOURS[label][i : i + 2], 16) / 255 for i in (1, 3, 5)]
    assert band.tolist() == pytest.approx(expected, abs=0.01)


def test_nothing_is_drawn_where_nothing_was_said(tmp_path: Path) -> None:
    timeline.draw([rows(1)[0], Row(60.0, 63.0, "neutral", 0.0, 1.0, 0.0)], tmp_path / "t.png")
    assert pixels(tmp_path / "t.png")[420, 800, :3].tolist() == [1.0, 1.0, 1.0]


def test_equal_scores_can_be_drawn(tmp_path: Path) -> None:
    timeline.draw([Row(0.0, 2.0, "neutral", 0.0, 0.0, 0.0)], tmp_path / "t.png")
    assert (tmp_path / "t.png").stat().st_size > 1000


def test_no_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        timeline.draw([], tmp_path / "t.png")
    assert not list(tmp_path.iterdir())
