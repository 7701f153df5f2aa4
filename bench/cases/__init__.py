"""One module per case; each has `measure(bench) -> list[Row]`."""

from __future__ import annotations

NAMES = (
    "features",
    "opensmile",
    "decode",
    "captions",
    "weak-path",
    "svm",
    "growth",
    "incremental",
    "ravdess",
    "startup",
)
"""In the order of the page; the module of `weak-path` is `weak_path`."""
