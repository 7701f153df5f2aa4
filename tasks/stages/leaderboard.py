"""Stage leaderboard: all experiments that have results, side by side with published scores."""

from __future__ import annotations

from tasks.core import artifacts, paths, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.pages.common import result_marks
from tasks.pages.leaderboard import page


def run(config: Config, *, each: Each) -> None:
    """Write `data/leaderboard/index.html`; there are no items for `each`.

    Args:
        config: all settings
        each: unused
    """
    files = [paths.experiment(name) / "results.json" for name in config.experiments]
    results = [artifacts.read_json(path) for path in files if path.is_file()]
    marked = [{**metrics, "mark": result_marks.outdated(metrics, config)} for metrics in results]
    tables.write_text(paths.LEADERBOARD, page.render(marked))
