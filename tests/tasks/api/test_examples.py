"""The examples in the docstrings of the API."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "name", ["", ".audits", ".captions", ".corpora", ".estimators", ".feature_extractors", ".protocols"]
)
def test_examples(name: str) -> None:
    results = doctest.testmod(import_module(f"tasks.api{name}"))
    assert results.attempted
    assert results.failed == 0
