"""Stage report: one page that says what was done, what came of it and what was lost, and nothing it can't defend."""

from __future__ import annotations

from tasks import paths, tables
from tasks.config import Config
from tasks.each import Each
from tasks.page import material, render


def run(config: Config, *, each: Each) -> None:
    """Write `data/report/index.html` from what the stages before have written; there are no items for `each`."""
    tables.write_text(paths.REPORT, render.page(material.read(), config))
