"""The doctor's page: what it says, and that nothing a corpus holds can do anything in it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from tasks.corpora.doctor.findings import Complaint, Diagnosis, Facts, KnownBad
from tasks.corpora.readers.reading import Count
from tasks.pages.corpus import doctor_page
from tasks.pages.corpus.doctor_page import DurationBar, bars, speaker_counts

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
    )  # fmt: skip
    found = Diagnosis(
        name="mine", simulated=False, facts=facts, counts=(Count(f"clips {text}", 5, 4), Count("speakers", 2, 2)),
        complaints=(
            Complaint("unreadable", "fault", 12, f"2 files {text}.", tuple(f"{n} {text}" for n in range(10)), "Fetch."),
            Complaint("repaired", "note", 1, f"1 mended {text}.", (text,), "Nothing."),
        ),
        known_bad=(KnownBad(f"a07 {text}", f"says {text}", "in use"),), clear=("silent", "clipped"), not_looked=(),
        verdict="usable", why=f"Because {text}.", to_do="Fetch.",
    )  # fmt: skip
    return replace(found, **changes)


def test_every_section_is_there() -> None:
    page = Page(doctor_page.render(diagnosis()))
    assert [one["id"] for one in page.all("section")] == [
        "verdict", "complaints", "counts", "known-bad", "classes", "lengths", "passed", "about",
    ]  # fmt: skip
    links = [one["href"] for one in page.all("a") if str(one["href"]).startswith("#")]
    assert links == [f"#{one['id']}" for one in page.all("section")]
    for said in (
        "Usable", "Because x.", "12 Unreadable. 2 files x.", "7 of 9 more", "clips x 5 4 −1", "speakers 2 2 none",
        "says x in use", "silence", "with sound 3", "left out 2",
    ):  # fmt: skip
        assert said in page.text, said


def test_a_simulated_corpus_says_so_in_the_title() -> None:
    page = doctor_page.render(diagnosis(simulated=True))
    assert "<h1>Title x (simulated)</h1>" in page
    assert "<title>Title x (simulated): corpus doctor · undertone</title>" in page
    assert "synthetic voices" in page
    assert "simulated)" not in doctor_page.render(diagnosis())


def test_text_from_outside_stays_text() -> None:
    page = Page(doctor_page.render(diagnosis(HOSTILE)))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img"}
    assert page.text.count("alert(1)") >= 10
    assert "{{ 7*7 }}" in page.text
    assert tags == {tag for tag, _ in Page(doctor_page.render(diagnosis())).elements}


def test_an_address_that_is_none_is_no_link() -> None:
    facts = replace(diagnosis().facts, url="javascript:alert(1)")
    page = Page(doctor_page.render(diagnosis(facts=facts)))
    assert not [one for one in page.all("a") if "javascript" in str(one["href"])]
    assert "javascript:alert(1)" in page.text


def test_the_page_asks_the_network_for_nothing_and_runs_nothing() -> None:
    page = Page(doctor_page.render(diagnosis()))
    policy = next(one["content"] for one in page.all("meta") if one.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert not [attributes for _, attributes in page.elements if "src" in attributes or "onclick" in attributes]
    assert not page.all("link")


def test_a_corpus_with_nothing_in_it() -> None:
    facts = replace(diagnosis().facts, n=0, n_with_sound=0, hours=0.0, classes={}, durations_s=())
    page = Page(doctor_page.render(diagnosis(facts=facts, complaints=(), counts=(), known_bad=(), verdict="broken")))
    assert [one["id"] for one in page.all("section")] == ["verdict", "passed", "about"]


def test_what_could_not_be_looked_for() -> None:
    page = Page(doctor_page.render(diagnosis(not_looked=("same bytes",))))
    assert "Skipped checks: there is no audio identical files" in page.text


def test_many_speakers_are_put_together() -> None:
    classes = {f"s/{number:02d}": {"anger": number} for number in range(1, 36)} | {"": {"": 3}}
    found = speaker_counts(classes)
    assert found.columns == ("anger", "")
    assert found.n_others == 6
    assert [name for name, _ in found.rows[:2]] == ["s/35", "s/34"]
    assert found.rows[-1] == ("6 others", (1 + 2 + 3 + 4 + 5, 3))
    assert found.most == 35
    assert found.totals == (sum(range(36)), 3)


def test_few_speakers_stay_in_order() -> None:
    found = speaker_counts({"s/1": {"anger": 1}, "": {"": 9}})
    assert found.rows == (("s/1", (1, 0)), ("no speaker", (0, 9)))
    assert found.n_others == 0


@pytest.mark.parametrize(
    ("lengths", "labels", "counts"),
    [
        ((2.0,), ("2 to 2.1",), (1,)),
        ((1.0, 1.05, 1.2), ("1 to 1.1", "1.1 to 1.2", "1.2 to 1.3"), (2, 0, 1)),
        ((1.0, 30.0), tuple(f"{low} to {low + 2}" for low in range(0, 32, 2)), (1, *[0] * 14, 1)),
    ],
)
def test_lengths_in_bars(lengths: tuple[float, ...], labels: tuple[str, ...], counts: tuple[int, ...]) -> None:
    found = bars(lengths)
    assert tuple(one.label for one in found) == labels
    assert tuple(one.n for one in found) == counts
    assert max(one.percent for one in found) == 100


def test_few_that_are_much_longer_share_a_bar() -> None:
    found = bars((*[1.0] * 100, *[2.0] * 100, *[3.0] * 100, 305.0))
    assert found[-1] == DurationBar("3.25 and more", 1, 1.0)
    assert sum(one.n for one in found) == 301


def test_no_lengths_no_bars() -> None:
    assert bars(()) == ()
