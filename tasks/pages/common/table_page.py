"""Pages of tables: one HTML file that runs nothing, needs nothing else and asks the network for nothing."""

from __future__ import annotations

from typing import Any

from tasks.pages.common import templating

MARKS = {"fault": "✕", "violation": "✕", "warning": "!", "note": "i", "declared": "§"}
"""A mark for every severity, so that none is told by its colour alone."""


def render(template: str, **context: Any) -> str:
    """Return a page; all text in the context is escaped, wherever it comes from."""
    templates = templating.environment(share=_share, link=templating.link)
    return templates.get_template(template).render(**context, marks=MARKS)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
