"""Stage page@NAME: an experiment's page, drawn from its results; a new wording refits nothing."""

from __future__ import annotations

from pathlib import Path

from tasks.core import artifacts, paths, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.experiments import plot_data
from tasks.leaks.finding import AuditReport
from tasks.pages.experiment import page, published_score, robustness


def run(config: Config, name: str, *, each: Each) -> None:
    """Write `data/page/NAME/index.html`; there are no items for `each`.

    Args:
        config: unused: the results state their settings
        name: of the experiment
        each: unused
    """
    folder = paths.experiment(name)
    metrics, audit = (artifacts.read_json(folder / file) for file in ("results.json", "audit.json"))
    drawn = plot_data.read(folder / "plot_data.json")
    source = published_score.source_score(metrics)
    measured = paths.robustness(name)
    altered = robustness.section(metrics, artifacts.read_json(measured) if measured.is_file() else None)
    text = page.render(metrics, AuditReport.from_dict(audit), drawn, source, altered)
    tables.write_text(paths.page(name), text)


def optional_inputs(name: str) -> list[Path]:
    """Return the files that a page shows if they exist.

    Args:
        name: of the experiment
    """
    return [paths.robustness(name)]
