"""Stage report: one HTML page with scores, protocol, funnel, label quality, examples and rejects."""

from __future__ import annotations

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.pages.weak import inputs, page


def run(config: Config, *, each: Each) -> None:
    """Write `data/report/index.html` from the outputs of the stages before.

    Args:
        config: params.yaml
        each: not used, the stage has no items
    """
    tables.write_text(paths.REPORT, page.page(inputs.read(config.report.experiment), config))
