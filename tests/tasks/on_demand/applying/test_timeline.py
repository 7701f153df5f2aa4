"""The picture of scored utterances: its size follows the length, and the same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tasks.core import tables
from tasks.on_demand.applying import timeline
from tasks.pages.common.palette import COLOURS

SOUND = np.sin(np.arange(4000) / 9)[:, None] * np.array([[-0.2, 0.2]])


@dataclass(frozen=True)
class Row:
    start_s: float
    end_s: float
    predicted: str | list[str] | float
    drawn: Mapping[str, float]


def rows(
    n: int, length_s: float = 3.0, gap_s: float = 0.0, predicted: str | None = None, classes: Sequence[str] = ()
) -> list[Row]:
    names = classes or tables.SENTIMENTS
    rng = np.random.default_rng(4)
    drawn = []
    for number in range(n):
        values = rng.dirichlet(np.ones(len(names))).tolist()
        start_s = number * (length_s + gap_s)
        label = predicted or names[int(np.argmax(values))]
        drawn.append(Row(start_s, start_s + length_s, label, dict(zip(names, values, strict=True))))
    return drawn


def draw(drawn: Sequence[Row], path: Path, title: str = "talk") -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    from matplotlib.image import imread

    outputs = tuple(drawn[0].drawn)
    timeline.draw(drawn, path, title=title, outputs=outputs, sound=SOUND, duration_s=max(r.end_s for r in drawn))
    return np.asarray(imread(path))


def rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def has_colour(pixels: np.ndarray[tuple[int, ...], np.dtype[np.float32]], colour: str) -> bool:
    return bool((np.abs(pixels[..., :3] - rgb(colour)).max(axis=-1) < 0.01).any())


@pytest.mark.parametrize(("n", "height_px"), [(1, 560), (60, 560), (61, 990)])
def test_one_row_for_three_minutes(tmp_path: Path, n: int, height_px: int) -> None:
    assert draw(rows(n), tmp_path / "t.png").shape[:2] == (height_px, 1600)


@pytest.mark.slow
def test_hours_take_twelve_rows(tmp_path: Path) -> None:
    assert draw(rows(2400, 6.0), tmp_path / "t.png").shape[0] == 130 + 12 * 430


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw(rows(20, gap_s=1.0), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("label", tables.SENTIMENTS)
def test_the_span_has_the_colour_of_its_class(tmp_path: Path, label: str) -> None:
    band = draw(rows(1, predicted=label), tmp_path / "t.png")[485, 400, :3]
    assert band.tolist() == pytest.approx(rgb(COLOURS[label]), abs=0.01)


def test_nothing_is_drawn_where_nothing_was_said(tmp_path: Path) -> None:
    spread = [rows(1)[0], Row(60.0, 63.0, "neutral", {"negative": 0.0, "neutral": 1.0, "positive": 0.0})]
    assert draw(spread, tmp_path / "t.png")[485, 800, :3].tolist() == [1.0, 1.0, 1.0]


def test_the_sound_is_drawn_above_the_classes(tmp_path: Path) -> None:
    pixels = draw(rows(3), tmp_path / "t.png")
    assert has_colour(pixels[40:150], timeline._SOUND)
    assert not has_colour(pixels[170:], timeline._SOUND)


def test_eight_classes_have_eight_colours(tmp_path: Path) -> None:
    classes = ("anger", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
    colours = timeline.colours_of(classes)
    assert len(set(colours.values())) == 8
    pixels = draw(rows(40, classes=classes), tmp_path / "t.png")
    assert all(has_colour(pixels, colour) for colour in colours.values())


def test_values_and_labels_are_drawn_without_spans(tmp_path: Path) -> None:
    values = [Row(0.0, 2.0, -1.5, {"valence": -1.5}), Row(2.0, 4.0, 0.5, {"valence": 0.5})]
    pixels = draw(values, tmp_path / "t.png")
    assert pixels[485, 400, :3].tolist() == [1.0, 1.0, 1.0]
    assert has_colour(pixels, timeline.colours_of(["valence"])["valence"])


@pytest.mark.parametrize("title", ["日本語 – $x^2$ & <b>", "a\tb\nc\x00", "x" * 500])
def test_any_title_can_be_drawn(tmp_path: Path, title: str) -> None:
    draw(rows(1), tmp_path / "t.png", title)
    assert (tmp_path / "t.png").stat().st_size > 1000


def test_equal_scores_can_be_drawn(tmp_path: Path) -> None:
    draw([Row(0.0, 2.0, "neutral", dict.fromkeys(tables.SENTIMENTS, 0.0))], tmp_path / "t.png")
    assert (tmp_path / "t.png").stat().st_size > 1000


def test_no_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        timeline.draw([], tmp_path / "t.png", title="", outputs=(), sound=None, duration_s=1.0)
    assert not list(tmp_path.iterdir())
