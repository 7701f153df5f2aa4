"""Stage report: one page that says what was done, what came of it and what was lost, and nothing it can't defend."""

from __future__ import annotations

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.pages.weak import inputs, page


def run(config: Config, *, each: Each) -> None:
    """Write `data/report/index.html` from what the stages before have written; there are no items for `each`."""
    tables.write_text(paths.REPORT, page.page(inputs.read(), config))
