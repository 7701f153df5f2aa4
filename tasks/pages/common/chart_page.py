"""Rendering of pages with charts: one HTML file with its scripts, without network access."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.pages.common import templating


def render(template: str, charts: Mapping[str, Any], **context: Any) -> str:
    """Return a page; all text in the context is escaped.

    Args:
        template: path of the template
        charts: name → plotly figure as plain JSON; a page without charts has no scripts
        context: further variables of the template
    """
    templates = templating.environment(score=_score, share=_share, plain=plain, data_url=templating.data_url)
    scripts = templating.scripts(templates) if charts else {}
    return templates.get_template(template).render(
        **context, charts=charts, scripts=scripts, script_hashes=templating.hashes(scripts.values())
    )


def plain(value: Any) -> str:
    """Return a setting as params.yaml would show it, without quotes and brackets.

    Args:
        value: of the setting
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_inside(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inside(value: Any) -> str:
    return f"({plain(value)})" if isinstance(value, Mapping) else plain(value)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value if abs(value) >= 5e-4 else 0.0:.3f}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "–"
