"""Crop the largest face of a frame, by scikit-image's cascade of local binary patterns (Viola & Jones 2001, CVPR).

The cascade detects frontal and slightly turned faces, not profiles; without a detection the whole frame is used.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import distribution
from tasks.core.errors import InputError

_MIN_HEIGHT, _MAX_HEIGHT = 1 / 8, 1.0
"""Range of face heights, as shares of the frame's height."""
_MARGIN = 0.25
"""Margin on each side, as a share of the face's size: the cascade's box ends at brows and chin."""
_SCALE_FACTOR = 1.15


def cropped(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Crop each frame to its largest face, or keep the whole frame without a face, and scale it to a square.

    Args:
        images: RGB, uint8, shape (n_frames, height, width, 3)
        size: height and width of the result in pixels

    Returns:
        RGB, uint8, shape (n_frames, size, size, 3)

    Raises:
        InputError: if scikit-image is not installed
    """
    return np.stack([_scaled(_face(image), size) for image in images])


def largest(image: NDArray[np.uint8]) -> tuple[int, int, int] | None:
    """Return (top, left, size) in pixels of the largest face, or None.

    Args:
        image: RGB, uint8, shape (height, width, 3)

    Raises:
        InputError: if scikit-image is not installed
    """
    height, width = image.shape[:2]
    most = round(_MAX_HEIGHT * min(height, width))
    least = max(1, min(round(_MIN_HEIGHT * height), most))
    boxes = _detector().detect_multi_scale(
        img=image,
        scale_factor=_SCALE_FACTOR,
        step_ratio=1,
        min_size=(least, least),
        max_size=(most, most),
    )
    if not boxes:
        return None
    # break ties by position: the library does not define the order of detections
    face = max(boxes, key=lambda box: (box["width"], -box["r"], -box["c"]))
    return int(face["r"]), int(face["c"]), int(face["width"])


def _face(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    face = largest(image)
    if face is None:
        return image
    top, left, size = face
    margin = round(_MARGIN * size)
    return image[max(0, top - margin) : top + size + margin, max(0, left - margin) : left + size + margin]


def _scaled(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    from skimage import transform

    library: Any = transform
    resized = library.resize(image, (size, size), preserve_range=True, anti_aliasing=True)
    return np.asarray(np.rint(resized), dtype=np.uint8)


@cache
def _detector() -> Any:
    try:
        from skimage import data
        from skimage.feature import Cascade
    except ImportError:
        raise InputError(f"crop: face needs scikit-image: {distribution.how_to_install('deep')}") from None
    library: Any = data
    return Cascade(library.lbp_frontal_face_cascade_filename())
