"""Detection of faces in a photograph that comes with the library; otherwise the whole frame."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import InputError
from tasks.features.video import faces

pytest.importorskip("skimage", reason="faces are detected by scikit-image, of the extra `deep`")


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """Eileen Collins (NASA), 512 × 512; her face is about 100 pixels wide, its middle near row 115, column 220."""
    from skimage import data

    library: Any = data
    image: np.ndarray = library.astronaut()
    return image


def test_a_face_is_detected(portrait: np.ndarray) -> None:
    face = faces.largest(portrait)
    assert face is not None
    top, left, size = face
    assert abs(top + size / 2 - 115) < 25
    assert abs(left + size / 2 - 220) < 25
    assert 70 < size < 150


def test_a_frame_becomes_its_largest_face(portrait: np.ndarray) -> None:
    half = portrait[::2, ::2]
    both = portrait.copy()
    both[256:, 256:] = half
    crops = faces.cropped(np.stack([portrait, both]), 96)
    assert crops.shape == (2, 96, 96, 3)
    assert crops.dtype == np.uint8
    np.testing.assert_array_equal(crops[0], crops[1])
    top, left, size = faces.largest(portrait) or (0, 0, 0)
    margin = round(size / 4)
    around = portrait[top - margin : top + size + margin, left - margin : left + size + margin]
    np.testing.assert_allclose(crops[0].mean(axis=(0, 1)), around.mean(axis=(0, 1)), atol=3)


def test_a_frame_without_a_face_is_kept_whole() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    assert faces.largest(noise) is None
    crops = faces.cropped(noise[None], 60)
    assert crops.shape == (1, 60, 60, 3)
    np.testing.assert_allclose(crops.mean(axis=(1, 2)), noise.mean(axis=(0, 1))[None], atol=3)


def test_a_missing_library_is_reported(monkeypatch: pytest.MonkeyPatch, portrait: np.ndarray) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    faces._detector.cache_clear()
    with pytest.raises(InputError, match=r"crop: face needs scikit-image: make env EXTRAS=deep,dev"):
        faces.largest(portrait)
    faces._detector.cache_clear()
