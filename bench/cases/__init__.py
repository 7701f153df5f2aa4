"""Benchmark cases, one module each with a function `measure(bench) -> list[Measurement]`."""

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
    "dask",
    "ravdess",
    "extraction",
    "encoder",
    "recognition",
    "crawl",
    "startup",
)
"""Cases in the order of the page; the module of `weak-path` is `weak_path`."""
