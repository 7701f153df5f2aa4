"""Rendering of pages with tables only: one HTML file without scripts and network access."""

from __future__ import annotations

from typing import Any

from tasks.pages.common import templating

MARKS = {"fault": "✕", "violation": "✕", "warning": "!", "note": "i", "declared": "§"}
"""Severity → mark: colour alone does not carry meaning."""


def render(template: str, **context: Any) -> str:
    """Return a page; all text in the context is escaped.

    Args:
        template: path of the template
        context: variables of the template
    """
    templates = templating.environment(share=_share, link=templating.link)
    return templates.get_template(template).render(**context, marks=MARKS)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
