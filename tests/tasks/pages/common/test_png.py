"""Tests of the PNG writer: other decoders read the same pixels, and the bytes do not depend on zlib's compression."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib import image

from tasks.pages.common import charts, png


@pytest.mark.parametrize(("height", "width"), [(1, 1), (64, 200), (300, 400)])
def test_a_decoder_reads_the_colours(height: int, width: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 81, (height, width)).astype(np.uint8)
    palette = charts.gradient(81)
    decoded = image.imread(io.BytesIO(png.encode(pixels, palette)), format="png")
    assert np.array_equal((decoded[..., :3] * 255).round().astype(int), np.array(palette)[pixels])


def test_pixels_are_stored_and_not_compressed() -> None:
    content = png.encode(np.array([[0, 1]], np.uint8), [(0, 0, 0), (255, 255, 255)])
    # zlib's header, one stored block of three bytes with its length twice, the bytes, their Adler-32
    assert bytes.fromhex("7801 01 0300 fcff 000001 00040002") in content
