"""Tests of the audit's page: verdict, findings with their share, and advice."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tasks.leaks.finding import AuditReport, Finding, FoldSize
from tasks.pages.common import audit_page

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \"'&amp;"
SPEAKERS = Finding("speaker overlap", "violation", 958, 1000, "958 test utterances by speakers in training.", ("ross",))
TEXT = Finding("exact text", "warning", 153, 1000, "153 test utterances say what is said in training.", ("a = b",))
DECLARED = Finding("speaker overlap", "declared", 958, 1000, "958 test utterances by speakers in training.", ("ross",))
RANDOM = Finding("random folds", "violation", 1000, 1000, "All are of folds that keep nothing apart.", ())
NOTE = Finding("pretraining", "note", 1, 1, "The encoder was trained on LibriSpeech.", ())
UNKNOWN = Finding(
    "unknown pretraining", "unknown", 1, 2, "1 of 2 models cannot be cleared.", ("whisper-base: unknown",)
)
CLEAR = Finding("dialogue overlap", "violation", 0, 1000, "No dialogue is on both sides.", ())


def page(*findings: Finding, title: str = "MELD", simulated: bool = False) -> str:
    return audit_page.render(
        AuditReport("official", "Train and test as published.", 1000, (FoldSize("official", 700, 300),), findings),
        title,
        simulated=simulated,
    )


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("<body>")[2]))


@pytest.mark.parametrize(
    ("findings", "headline", "why"),
    [
        ((TEXT, SPEAKERS), "Leaks", "The run stops: speaker overlap (958 of 1,000)."),
        ((TEXT, DECLARED), "Leaks, as declared", "Declared: speaker overlap (958 of 1,000)."),
        ((TEXT, RANDOM), "LEAKY", "The run stops: random folds (1,000 of 1,000)."),
        (
            (TEXT, replace(RANDOM, severity="declared")),
            "LEAKY, as declared",
            "Declared: random folds (1,000 of 1,000).",
        ),
        ((CLEAR, TEXT), "Sound, with warnings", "Report this with your scores: exact text (153 of 1,000)."),
        ((TEXT, UNKNOWN), "Sound, with warnings", "exact text (153 of 1,000), unknown pretraining (1 of 2)."),
        ((UNKNOWN, CLEAR), "Not cleared", "but this cannot be cleared: unknown pretraining (1 of 2)."),
        ((CLEAR, NOTE), "Clean", "Training and test part share nothing that the protocol keeps apart."),
        ((), "Clean", "Training and test part share nothing that the protocol keeps apart."),
    ],
)
def test_the_verdict_comes_first(findings: tuple[Finding, ...], headline: str, why: str) -> None:
    page_text = text(page(*findings))
    assert f"{headline} " in page_text
    assert why in page_text
    assert page_text.index(why) < page_text.index("Train and test as published.")


def test_the_worst_finding_comes_first_with_its_share() -> None:
    page_text = text(page(NOTE, TEXT, SPEAKERS, CLEAR))
    assert re.search(r"violation 958 1,000 95\.8%.*warning 153 1,000 15\.3%.*note 1 1 100\.0%", page_text)
    assert "Choose a protocol that keeps these apart" in page_text
    assert "a = b" in page_text
    assert re.search(r"Passed checks dialogue overlap \(of 1,000\)", page_text)


def test_a_simulated_corpus_says_so_in_the_title() -> None:
    assert "<h1>MELD (simulated)</h1>" in page(simulated=True)
    assert "<title>MELD (simulated): audit · undertone</title>" in page(simulated=True)
    assert "imulated" not in text(page())


def test_text_from_outside_is_escaped() -> None:
    hostile = page(Finding("exact text", "warning", 1, 2, HOSTILE, (HOSTILE,)), title=HOSTILE)
    assert "<script" not in hostile
    assert "<img" not in hostile
    assert hostile.count("{{ 7*7 }}") == 4
    assert "default-src 'none'; style-src 'unsafe-inline'" in hostile


def test_a_clean_audit_lists_its_checks() -> None:
    html = page(CLEAR)
    assert re.findall(r'<section id="([a-z-]+)"', html) == ["verdict", "protocol", "passed"]
