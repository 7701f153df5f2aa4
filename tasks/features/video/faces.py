"""The largest face of a frame, by scikit-image's cascade of local binary patterns (Viola & Jones 2001, CVPR).

Frontal faces, and faces turned a little; one in profile is not found, and the whole frame stands for it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError

_LEAST, _MOST = 1 / 8, 1.0
"""Heights of faces that are looked for, as shares of the frame's height."""
_MARGIN = 0.25
"""Beside the face on every side, as a share of its size: the cascade's box ends at brows and chin."""
_SCALE_FACTOR = 1.15


def cropped(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return each frame's largest face, or the whole frame where none is found, scaled to a square.

    Args:
        images: RGB, uint8, shape (n_frames, height, width, 3)
        size: height and width in pixels

    Returns:
        RGB, uint8, shape (n_frames, size, size, 3)

    Raises:
        InputError: if scikit-image is not installed
    """
    return np.stack([_scaled(_face(image), size) for image in images])


def largest(image: NDArray[np.uint8]) -> tuple[int, int, int] | None:
    """Return top, left and size in pixels of the largest face in an RGB picture; None for none."""
    height, width = image.shape[:2]
    most = round(_MOST * min(height, width))
    least = max(1, min(round(_LEAST * height), most))
    found = _detector().detect_multi_scale(
        img=image,
        scale_factor=_SCALE_FACTOR,
        step_ratio=1,
        min_size=(least, least),
        max_size=(most, most),
    )
    if not found:
        return None
    # of equals the one nearest to the top left: the order in which they are found is the library's
    face = max(found, key=lambda one: (one["width"], -one["r"], -one["c"]))
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
    found = library.resize(image, (size, size), preserve_range=True, anti_aliasing=True)
    return np.asarray(np.rint(found), dtype=np.uint8)


@cache
def _detector() -> Any:
    try:
        from skimage import data
        from skimage.feature import Cascade
    except ImportError:
        raise InputError("crop: face needs scikit-image: pip install 'undertone[deep]'") from None
    library: Any = data
    return Cascade(library.lbp_frontal_face_cascade_filename())
