"""Compiled templates are kept beside Python's compiled modules, and only there."""

from __future__ import annotations

import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tasks.pages.common import templating

TEMPLATE = "pages/common/templates/chart.html"


def test_compiled_templates_are_kept_where_python_keeps_modules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    folder = Path(cache_from_source(templating.__file__)).parent
    # no folder yet: nothing is kept, and nothing fails
    templating.environment().get_template(TEMPLATE)
    assert not folder.exists()
    folder.mkdir(parents=True)
    templating.environment().get_template(TEMPLATE)
    (kept,) = folder.iterdir()
    # code digests, wheels and Docker leave out files with this ending
    assert kept.suffix == ".pyc"
    compiled = kept.read_bytes()
    # a damaged entry is compiled again
    kept.write_bytes(b"damaged")
    templating.environment().get_template(TEMPLATE)
    assert kept.read_bytes() == compiled


def test_nothing_is_kept_where_python_is_told_to_keep_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    folder = Path(cache_from_source(templating.__file__)).parent
    folder.mkdir(parents=True)
    templating.environment().get_template(TEMPLATE)
    assert not list(folder.iterdir())
