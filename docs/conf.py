"""Sphinx's settings for the documentation site; `make docs` builds it.

The pages are plain Markdown, to be read in a repository as well; what only the site needs is added while one is read.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections import defaultdict
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent

project = "undertone"
author = "undertone's authors"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser"]
exclude_patterns = ["_build", "notebooks/**"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]
nitpicky = True

html_theme = "furo"
html_title = f"undertone {release}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
# styles with enough contrast for small text; accessible-pygments comes with the theme
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

INCLUDED = {
    "benchmarks": "bench/README.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "listeners": "data/listeners/README.md",
    "voters": "data/voters/README.md",
}
"""Page that only links to a file outside of docs/ → that file, whose text the site shows in its place."""
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
_FILE_NAME = re.compile(r"\[[\w/.-]+\.md\]\(")
"""A link whose text is a file's name; without it, the site shows the title of the page or section."""
_MERMAID = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)
_NODE = re.compile(r"(\w+)(?:\[([^\]]*)\])?")


def setup(app: Sphinx) -> None:
    """Register the changes of a page's source and HTML."""
    app.connect("source-read", prepare)
    # after the theme has made its navigation
    app.connect("html-page-context", make_accessible, priority=900)


def prepare(_app: Sphinx, name: str, source: list[str]) -> None:
    """Include files from outside of docs/, and draw diagrams as HTML, which needs no script."""
    path = ROOT / INCLUDED.get(name, f"docs/{name}.md")
    text = path.read_text(encoding="utf-8") if name in INCLUDED else source[0]
    text = _FILE_NAME.sub("[](", text)
    text = _LINK.sub(lambda match: f"]({on_the_site(path.parent, match[1])}", text)
    source[0] = _MERMAID.sub(lambda match: layers(match[1]), text)


def on_the_site(folder: Path, target: str) -> str:
    """Return a link's target relative to docs/, or the page that includes it.

    Args:
        folder: of the file that holds the link
        target: as written, relative to that folder
    """
    path = (folder / target).resolve()
    pages = {ROOT / file: f"{page}.md" for page, file in INCLUDED.items()}
    return pages.get(path) or Path(os.path.relpath(path, ROOT / "docs")).as_posix()


def make_accessible(_app: Sphinx, _name: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Let the keyboard scroll wide code and tables, and give headings of the navigation their level."""
    context["body"] = (
        context.get("body", "")
        .replace("<pre>", '<pre tabindex="0">')
        .replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')
    )
    navigation = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = navigation.replace('role="heading"', 'role="heading" aria-level="2"')


def layers(diagram: str) -> str:
    """Return a Mermaid flowchart without cycles as rows of boxes, those that others point at below.

    Args:
        diagram: lines such as `a[label] --> b`
    """
    labels: dict[str, str] = {}
    below: defaultdict[str, set[str]] = defaultdict(set)
    for line in diagram.splitlines():
        if "-->" not in line:
            continue
        upper, lower = (_NODE.match(part.strip()) for part in line.split("-->"))
        if upper is None or lower is None:
            raise ValueError(f"{line.strip()}: expected two nodes, such as a[label] --> b")
        for node in (upper, lower):
            labels[node[1]] = node[2] or labels.get(node[1], node[1])
        below[upper[1]].add(lower[1])
    rows: defaultdict[int, list[str]] = defaultdict(list)
    for name in labels:
        rows[height(name, below)].append(name)
    boxes = (
        "<li>" + "".join(f"<span>{escape(labels[name])}</span>" for name in rows[level]) + "</li>"
        for level in sorted(rows, reverse=True)
    )
    return f'<ol class="layers">{"".join(boxes)}</ol>\n'


def height(name: str, below: defaultdict[str, set[str]]) -> int:
    """Return the length of the longest path that starts at a node."""
    return max((height(lower, below) + 1 for lower in below[name]), default=0)
