"""Pages with charts: one HTML file that carries its scripts along and asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any


def render(template: str, charts: Mapping[str, Any], **context: Any) -> str:
    """Return a page; all text in the context is escaped, wherever it comes from.

    Args:
        template: its file
        charts: plotly figures as plain JSON, by name; without any, the page has no script at all
        context: what else the template shows
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tasks.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count="{:,}".format, score=_score, share=_share, plain=plain)
    scripts = {}
    if charts:
        from plotly.offline import get_plotlyjs

        scripts = {"plotly": get_plotlyjs(), "page": environment.get_template("page.js").render()}
    return environment.get_template(template).render(
        **context, charts=charts, scripts=scripts, script_hashes=[_hash(text) for text in scripts.values()]
    )


def plain(value: Any) -> str:
    """Return a setting as params.yaml would have it, without its quotes and brackets."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {plain(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value if abs(value) >= 5e-4 else 0.0:.3f}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
