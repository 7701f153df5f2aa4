"""Tests of an experiment's page in a browser: width on a phone, without JavaScript, and markers inside their frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.experiments.plot_data import Attended, Varied
from tasks.leaks.finding import AuditReport, FoldSize
from tasks.pages.experiment import page
from tests.browser import CHROMIUM, Tab, opened
from tests.tasks.pages.experiment_results import REFERENCES, drawn, of_classes

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]
AUDIT = AuditReport("speaker-out(4)", "No speaker is in both parts.", 480, (FoldSize("fold 1 of 1", 360, 120),), ())
OUTSIDE = """
[...document.querySelectorAll('.frame')].flatMap(frame => {
  const box = frame.getBoundingClientRect();
  return [...frame.querySelectorAll('use, rect, text')].filter(mark => {
    const place = mark.getBoundingClientRect();
    return mark.closest('defs') === null && (place.left < box.left || place.right > box.right
      || place.top < box.top || place.bottom > box.bottom);
  }).map(mark => `${frame.parentNode.id}: ${mark.outerHTML}`);
})
"""


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    decibels = np.random.default_rng(1).uniform(-80, 0, (300, 80))
    attended = Attended("utterance", "joy", "anger", decibels, np.full(300, 1 / 300), 0.01)
    pictures = replace(drawn(), varied=Varied({"as it is": decibels, "noise": decibels}, 0.01), attended=(attended,))
    html = page.render(of_classes(references=REFERENCES), AUDIT, pictures)
    (tmp_path / "index.html").write_text(html, encoding="utf-8")
    with opened(tmp_path, Tab) as open_tab:
        opened_tab = open_tab()
        opened_tab.open(f"file://{tmp_path / 'index.html'}")
        yield opened_tab


@pytest.mark.parametrize("width", [390, 1100])
def test_nothing_is_wider_than_the_screen_and_no_mark_is_cut(tab: Tab, width: int) -> None:
    tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    assert tab.run("document.documentElement.scrollWidth") == width
    frames = "[...document.querySelectorAll('.frame')].filter(frame => frame.scrollWidth > frame.clientWidth).length"
    assert tab.run(frames) == 0
    assert tab.run(OUTSIDE) == []


def test_the_page_has_no_scripts_and_its_charts_are_visible(tab: Tab) -> None:
    assert tab.run("document.scripts.length") == 0
    heights = tab.run(
        "[...document.querySelectorAll('svg[role=img]')].map(plot => plot.getBoundingClientRect().height)"
    )
    assert len(heights) > 8
    assert min(heights) > 50
