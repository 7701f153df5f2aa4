"""Tests of the corpus doctor's page: its sections, and text from outside, which is escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from tasks.corpora.doctor.findings import Complaint, Diagnosis, Facts, KnownBad, SpeechSummary
from tasks.corpora.readers.reading import Count
from tasks.pages.corpus import doctor_page
from tasks.pages.corpus.doctor_page import DurationBar, LabelShare, attribute_shares, bars, speaker_counts

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \"'&amp;"


class Page(HTMLParser):
    """What a browser would make of the page: its elements, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements[-1:] and self.elements[-1][0] != "style":
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def diagnosis(text: str = "x", **changes: Any) -> Diagnosis:
    facts = Facts(
        reader="plain", title=f"Title {text}", licence=f"licence {text}", url="https://example.org/corpus",
        path=f"/{text}",
        n=4, n_with_sound=3, hours=1.25, n_rejected=2,
        classes={f"s/1 {text}": {"anger": 2, "neutral": 1}, "s/2": {f"anger {text}": 1}}, durations_s=(1.0, 2.0, 2.1),
        speech=SpeechSummary((0.05, 0.5, 1.0), (-3.5, 31.0), (f"e {text}",), (f"n {text}",)),
        by_attribute={"sex": {f"female {text}": {"anger": 2, "neutral": 1}, "male": {f"anger {text}": 1}}},
    )  # fmt: skip
    example = Diagnosis(
        name="mine", simulated=False, facts=facts, counts=(Count(f"clips {text}", 5, 4), Count("speakers", 2, 2)),
        complaints=(
            Complaint("unreadable", "fault", 12, f"2 files {text}.", tuple(f"{n} {text}" for n in range(10)), "Fetch."),
            Complaint("repaired", "note", 1, f"1 mended {text}.", (text,), "Nothing."),
        ),
        known_bad=(KnownBad(f"a07 {text}", f"says {text}", "in use"),), clear=("silent", "clipped"), not_looked=(),
        verdict="usable", why=f"Because {text}.", to_do="Fetch.",
    )  # fmt: skip
    return replace(example, **changes)


def test_every_section_is_there() -> None:
    page = Page(doctor_page.render(diagnosis()))
    assert [tag["id"] for tag in page.all("section")] == [
        "verdict", "complaints", "counts", "known-bad", "classes", "attributes", "lengths", "speech", "passed", "about",
    ]  # fmt: skip
    links = [tag["href"] for tag in page.all("a") if str(tag["href"]).startswith("#")]
    assert links == [f"#{tag['id']}" for tag in page.all("section")]
    for text_ in (
        "Usable", "Because x.", "12 Unreadable. 2 files x.", "7 of 9 more", "clips x 5 4 −1", "speakers 2 2 none",
        "says x in use", "silence", "with sound 3", "left out 2",
        "2 speakers with 1 to 3 utterances, median 2; none is unknown.",
    ):  # fmt: skip
        assert text_ in page.text, text_


def test_a_simulated_corpus_says_so_in_the_title() -> None:
    page = doctor_page.render(diagnosis(simulated=True))
    assert "<h1>Title x (simulated)</h1>" in page
    assert "<title>Title x (simulated): corpus doctor · undertone</title>" in page
    assert "synthetic voices" in page
    assert "simulated)" not in doctor_page.render(diagnosis())


def test_text_from_outside_is_escaped() -> None:
    page = Page(doctor_page.render(diagnosis(HOSTILE)))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img"}
    assert page.text.count("alert(1)") >= 10
    assert "{{ 7*7 }}" in page.text
    assert tags == {tag for tag, _ in Page(doctor_page.render(diagnosis())).elements}


def test_only_web_addresses_become_links() -> None:
    facts = replace(diagnosis().facts, url="javascript:alert(1)")
    page = Page(doctor_page.render(diagnosis(facts=facts)))
    assert not [tag for tag in page.all("a") if "javascript" in str(tag["href"])]
    assert "javascript:alert(1)" in page.text


def test_the_page_needs_no_network_and_no_scripts() -> None:
    page = Page(doctor_page.render(diagnosis()))
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert not [attributes for _, attributes in page.elements if "src" in attributes or "onclick" in attributes]
    assert not page.all("link")


def test_a_corpus_with_nothing_in_it() -> None:
    facts = replace(
        diagnosis().facts,
        n=0,
        n_with_sound=0,
        hours=0.0,
        classes={},
        durations_s=(),
        by_attribute={},
        speech=SpeechSummary(),
    )
    page = Page(doctor_page.render(diagnosis(facts=facts, complaints=(), counts=(), known_bad=(), verdict="broken")))
    assert [tag["id"] for tag in page.all("section")] == ["verdict", "passed", "about"]


def test_speech_and_noise() -> None:
    page = Page(doctor_page.render(diagnosis()))
    assert "3 utterances: 50% of the time is speech, and the signal-to-noise ratio is 14 dB (medians)." in page.text
    assert "signal-to-noise ratio, dB utterances −5 to 0 1 0 to 5 0" in page.text
    assert "nearly without speech 1 e x noisy 1 n x" in page.text


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ({"a": {"anger": 3}, "b": {"anger": 1, "fear": 2}}, "2 speakers with 3 utterances; none is unknown."),
        ({"a": {"": 1}, "": {"": 9}}, "1 speaker with 1 utterance; 9 utterances without a speaker."),
        ({"": {"": 1}}, "No speaker is known: 1 utterance."),
    ],
)
def test_speakers_in_words(classes: Any, sentence: str) -> None:
    assert replace(diagnosis().facts, classes=classes).speakers == sentence


def test_skipped_checks() -> None:
    page = Page(doctor_page.render(diagnosis(not_looked=("same bytes",))))
    assert "Skipped checks: there is no audio identical files" in page.text


def test_labels_by_an_attribute() -> None:
    shares = attribute_shares("age", {"20 to 29": {"anger": 3, "": 1}, "30 to 39": {"fear": 2, "anger": 2}})
    assert shares.values == [("20 to 29", 4), ("30 to 39", 4)]
    assert shares.rows == [
        ("anger", [LabelShare(3, 75.0), LabelShare(2, 50.0)]),
        ("fear", [LabelShare(0, 0.0), LabelShare(2, 50.0)]),
        ("", [LabelShare(1, 25.0), LabelShare(0, 0.0)]),
    ]
    assert shares.highest == 75.0
    page = Page(doctor_page.render(diagnosis()))
    assert "Emotions by sex" in page.text
    assert "sex female x n = 3 male n = 1" in page.text
    assert "anger 66.7% 2 0.0% 0" in page.text
    assert [tag.get("style") for tag in page.all("td") if "--share" in str(tag.get("style"))] == [
        "--share: 66.7%", "--share: 100.0%", "--share: 33.3%",
    ]  # fmt: skip


def test_further_speakers_share_a_row() -> None:
    classes = {f"s/{number:02d}": {"anger": number} for number in range(1, 36)} | {"": {"": 3}}
    counts = speaker_counts(classes)
    assert counts.columns == ("anger", "")
    assert counts.n_others == 6
    assert [name for name, _ in counts.rows[:2]] == ["s/35", "s/34"]
    assert counts.rows[-1] == ("6 others", (1 + 2 + 3 + 4 + 5, 3))
    assert counts.most == 35
    assert counts.totals == (sum(range(36)), 3)


def test_few_speakers_stay_in_order() -> None:
    counts = speaker_counts({"s/1": {"anger": 1}, "": {"": 9}})
    assert counts.rows == (("s/1", (1, 0)), ("no speaker", (0, 9)))
    assert counts.n_others == 0


@pytest.mark.parametrize(
    ("lengths", "labels", "counts"),
    [
        ((2.0,), ("2 to 2.1",), (1,)),
        ((1.0, 1.05, 1.2), ("1 to 1.1", "1.1 to 1.2", "1.2 to 1.3"), (2, 0, 1)),
        ((1.0, 30.0), tuple(f"{low} to {low + 2}" for low in range(0, 32, 2)), (1, *[0] * 14, 1)),
    ],
)
def test_lengths_in_bars(lengths: tuple[float, ...], labels: tuple[str, ...], counts: tuple[int, ...]) -> None:
    histogram = bars(lengths)
    assert tuple(bar.label for bar in histogram) == labels
    assert tuple(bar.n for bar in histogram) == counts
    assert max(bar.percent for bar in histogram) == 100


def test_few_that_are_much_longer_share_a_bar() -> None:
    histogram = bars((*[1.0] * 100, *[2.0] * 100, *[3.0] * 100, 305.0))
    assert histogram[-1] == DurationBar("3.25 and more", 1, 1.0)
    assert sum(bar.n for bar in histogram) == 301


def test_no_lengths_no_bars() -> None:
    assert bars(()) == ()
