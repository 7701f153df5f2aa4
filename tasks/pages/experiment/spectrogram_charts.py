"""Charts of spectrograms: a clip under each augmentation, and the attention of a network over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.pages.common import charts, png
from tasks.pages.common.charts import Axis, Chart, CurveMark, ImageMark, Mark, Plot
from tasks.pages.common.templating import data_url

MOST_FRAMES, MOST_BANDS = 200, 64
"""Resolution of a small picture; larger spectrograms are averaged."""
_RANGE_DB = 80
_SCALE = ("dB, relative to the loudest", ("−80", "−60", "−40", "−20", "0"))
_HEIGHT_PX, _SMALL_PX = 220, 90


def augmented(decibels_by_name: Mapping[str, NDArray[Any]], step_s: float) -> Chart:
    """Draw one clip under each augmentation: small multiples on the same axes.

    Args:
        decibels_by_name: name → dB, shape (n_frames, n_bands); levels are relative to the loudest of the first
        step_s: seconds from one frame to the next

    Raises:
        ValueError: if there are no clips
    """
    if not decibels_by_name:
        raise ValueError("expected a clip as it is and under variations, found nothing; pass one clip or more")
    loudest = _loudest(next(iter(decibels_by_name.values())))
    plots = [
        _plot(decibels, step_s, [_picture(decibels, loudest)], height=_SMALL_PX, heading=name)
        for name, decibels in decibels_by_name.items()
    ]
    return Chart(plots, scale=_SCALE)


def attended(decibels: NDArray[Any], weights: NDArray[np.floating[Any]], step_s: float) -> Chart:
    """Draw a spectrogram, and over it the weight of each moment for the network's prediction.

    Args:
        decibels: dB, shape (n_frames, n_bands)
        weights: of the network's steps, which are equally long and cover the clip, shape (n_steps,)
        step_s: seconds from one frame to the next

    Raises:
        ValueError: if there are no weights
    """
    if weights.ndim != 1 or not len(weights):
        raise ValueError(f"expected a weight for each step, shape (n_steps,), found shape {weights.shape}")
    marks = list[Mark]([_picture(decibels, _loudest(decibels))])
    most = 1.08 * float(weights.max()) or 1.0
    time, weight = _time(decibels, step_s), Axis("weight (white line)", 0, most, style=_percent(most))
    seconds = (np.arange(len(weights)) + 0.5) * time.high / len(weights)
    path = charts.line([list(zip(seconds.tolist(), weights.tolist(), strict=True))], time, weight)
    # a white line with dark edges is visible on every colour
    marks += [CurveMark(path, "rgba(0, 0, 0, 0.65)", width=6), CurveMark(path, "#ffffff", width=2.5)]
    return Chart((_plot(decibels, step_s, marks, height=_HEIGHT_PX, right=weight),), scale=_SCALE)


def _plot(
    decibels: NDArray[Any],
    step_s: float,
    marks: list[Mark],
    *,
    height: int,
    heading: str = "",
    right: Axis | None = None,
) -> Plot:
    bands = Axis("mel band", 0, decibels.shape[1], charts.round_values(0, decibels.shape[1], 3), grid=False)
    return Plot(_time(decibels, step_s), bands, marks, height, heading=heading, right=right)


def _time(decibels: NDArray[Any], step_s: float) -> Axis:
    return Axis("seconds", 0, len(decibels) * step_s, grid=False)


def _percent(most: float) -> str:
    """Return the format of percentages with as many decimals as the steps of an axis need."""
    return f".{max(0, -math.floor(math.log10(charts.round_step(100 * most)) + 1e-9))}%"


def _picture(decibels: NDArray[Any], loudest: float) -> ImageMark:
    """Return a spectrogram as a picture, the lowest band at the bottom."""
    colours = charts.gradient(_RANGE_DB + 1)
    return ImageMark(data_url(png.encode(levels(decibels, loudest).T[::-1], colours), png.MEDIA_TYPE))


def levels(decibels: NDArray[Any], loudest: float) -> NDArray[np.uint8]:
    """Return whole levels from 0 to 80 dB above the lowest that is shown; long clips are averaged.

    Args:
        decibels: dB, shape (n_frames, n_bands)
        loudest: level of the brightest colour in dB

    Returns:
        shape (n_frames, n_bands) or fewer of both
    """
    if decibels.ndim != 2 or not decibels.size:
        raise ValueError(f"expected a spectrogram of shape (n_frames, n_bands), found shape {decibels.shape}")
    frames = math.ceil(decibels.shape[0] / MOST_FRAMES)
    bands = math.ceil(decibels.shape[1] / MOST_BANDS)
    small = _averaged(_averaged(decibels - loudest, frames, 0), bands, 1)
    return np.asarray(np.clip(small.round(), -_RANGE_DB, 0) + _RANGE_DB, np.uint8)


def _averaged(values: NDArray[Any], n: int, axis: int) -> NDArray[Any]:
    length = values.shape[axis]
    starts = np.arange(0, length, n)
    sums = np.add.reduceat(values.astype(np.float64), starts, axis=axis)
    sizes = np.diff(np.append(starts, length))
    return np.asarray(sums / (sizes[:, None] if axis == 0 else sizes))


def _loudest(decibels: NDArray[Any]) -> float:
    return float(decibels.max()) if decibels.size else 0.0
