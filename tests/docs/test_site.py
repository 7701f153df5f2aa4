"""The documentation site builds without a warning and loads nothing from elsewhere; every page can be reached."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
pytest.importorskip("myst_parser", reason="the site needs the extra docs")
pytest.importorskip("furo", reason="the site needs the extra docs")


@pytest.fixture(scope="module")
def conf() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conf", DOCS / "conf.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", str(folder / "doctrees")]
    done = subprocess.run([*command, str(DOCS), str(folder / "html")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_page_is_built_and_listed(site: Path) -> None:
    listed = set(re.findall(r'href="([\w-]+\.html)', (site / "index.html").read_text(encoding="utf-8"))) | {
        "index.html"
    }
    assert {path.with_suffix(".html").name for path in DOCS.glob("*.md")} <= listed


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]+src=\"(?:https?:)?//|<link[^>]+rel=\"stylesheet\"[^>]+href=\"(?:https?:)?//"
    )
    for path in site.glob("*.html"):
        assert not loaded.search(path.read_text(encoding="utf-8")), path.name
    for path in (site / "_static").rglob("*.css"):
        assert "url(http" not in path.read_text(encoding="utf-8"), path.name


def test_files_outside_of_docs_are_pages(site: Path) -> None:
    assert "All notable changes" in (site / "changelog.html").read_text(encoding="utf-8")
    assert 'href="changelog.html"' in (site / "contributing.html").read_text(encoding="utf-8")


def test_a_diagram_has_a_row_per_layer(conf: ModuleType) -> None:
    drawn = conf.layers("flowchart TD\n    a[top & all] --> b\n    a --> c\n    b --> d\n")
    assert drawn == (
        '<ol class="layers"><li><span>top &amp; all</span></li><li><span>b</span></li>'
        "<li><span>c</span><span>d</span></li></ol>\n"
    )


def test_links_are_relative_to_docs(conf: ModuleType) -> None:
    assert conf.on_the_site(ROOT, "docs/audit.md") == "audit.md"
    assert conf.on_the_site(ROOT / "bench", "speed.svg") == "../bench/speed.svg"
    assert conf.on_the_site(DOCS, "../CHANGELOG.md") == "changelog.md"
