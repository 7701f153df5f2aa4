"""Tests of the leaderboard in a browser: filter, order of rows within a protocol, and width on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.pages.leaderboard import page
from tests.browser import CHROMIUM, Tab, opened

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]
SHOWN = "[...document.querySelectorAll('tr[data-text]')].filter(row => row.checkVisibility())"
NAMES = f"{SHOWN}.map(row => row.querySelector('a').textContent)"


def result(name: str, value: float, **more: Any) -> dict[str, Any]:
    def scores(middle: float) -> dict[str, Any]:
        names = ("accuracy", "uar", "macro_f1", "weighted_f1")
        return {measure: {"value": middle, "low": middle - 0.05, "high": middle + 0.05} for measure in names}

    return {
        "experiment": name, "corpus": "ravdess", "reader": "ravdess", "target": "emotion", "labels": "all",
        "task": "classes", "outputs": ["anger", "joy"], "features": [{"name": "functionals"}],
        "model": {"name": "logistic"}, "protocol": "speaker-out(6)", "protocol_in_words": "6 folds.", "leaky": False,
        "audit": [], "n": 1440, "simulated": False, "scores": scores(value),
        "baselines": {"majority": scores(0.2), "shuffled labels": scores(0.21)},
    } | more  # fmt: skip


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    results = [
        result("best", 0.9), result("second", 0.8, n=99), result("leaky", 0.95, protocol="random(5)", leaky=True),
        result("other", 0.5, corpus="tess", reader="tess", model={"name": "ridge-classifier"}),
    ]  # fmt: skip
    (tmp_path / "index.html").write_text(page.render(results), encoding="utf-8")
    with opened(tmp_path, Tab) as open_tab:
        opened_tab = open_tab()
        opened_tab.open(f"file://{tmp_path / 'index.html'}", "!document.getElementById('controls').hidden")
        yield opened_tab


def test_the_filter_hides_rows_groups_and_corpora(tab: Tab) -> None:
    assert tab.run(NAMES) == ["best", "second", "leaky", "other"]
    type_in = "words.value = '{}'; words.dispatchEvent(new Event('input')); {}"
    assert tab.run(type_in.format("RIDGE tess", NAMES)) == ["other"]
    assert tab.run("document.querySelectorAll('section:not([hidden])').length") == 1
    assert tab.run("shown.value") == "1 of 4 shown"
    assert tab.run(type_in.format("", NAMES)) == ["best", "second", "leaky", "other"]
    assert tab.run(f"sound.click(); {NAMES}") == ["best", "second", "other"]


def test_rows_are_sorted_within_their_protocol(tab: Tab) -> None:
    click = "[...document.querySelectorAll('th[data-sort] button')].find(head => head.textContent === 'n').click()"
    assert tab.run(f"{click}; {NAMES}") == ["best", "second", "leaky", "other"]
    assert tab.run("document.querySelector('th[aria-sort]').ariaSort") == "descending"
    assert tab.run(f"{click}; {NAMES}") == ["second", "best", "leaky", "other"]
    assert tab.run("document.querySelectorAll('th[aria-sort=ascending]').length") == 1


def test_nothing_is_wider_than_a_phone(tab: Tab) -> None:
    tab.ask("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    assert tab.run("document.documentElement.scrollWidth") == 390
