"""Tests of the report: reproducible, escaped, and complete even if parts of the data are missing."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.core import bugs, config, each, paths, tables
from tasks.core.errors import TableError
from tasks.core.outcomes import Outcome
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.people import listener_checks
from tasks.labelling.people.rating_sheets import Playback
from tasks.labelling.people.ratings import RatedSpan
from tasks.pages.weak import charts
from tasks.pages.weak import page as weak_page
from tasks.stages import report
from tests.tasks.pages.conftest import EXPERIMENT, FEATURES

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> %{x} ${y} {{ 7*7 }} \"'&amp;"


class Page(HTMLParser):
    """What a browser would make of the page: its elements, and the text outside scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements[-1:] and self.elements[-1][0] not in ("script", "style"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def unused(work: each.Work, items: Sequence[each.Item]) -> Iterator[Outcome]:
    raise AssertionError("the report has no items")


def make(settings: config.Config) -> Page:
    report.run(settings, each=unused)
    return Page(paths.REPORT.read_text(encoding="utf-8"))


def test_every_section_is_there(finished: Callable[..., Any], settings: config.Config) -> None:
    finished(listeners=True)
    page = make(settings)
    sections = [attributes["id"] for attributes in page.all("section")]
    assert sections == [
        "scores", "references", "recipe", "protocol", "funnel", "sound", "votes", "label-quality", "classes", "roc",
        "curves", "counts", "words", "maps", "folds", "audit", "left-out", "videos", "segments", "rejects",
        "provenance", "files",
    ]  # fmt: skip


def test_segments_with_noise_are_named(finished: Callable[..., Any], settings: config.Config) -> None:
    run = finished()
    page = make(settings)
    n = len(run.cut)
    assert f"{n} utterances: 75% of the time is speech, and the signal-to-noise ratio is" in page.text
    # the ratios are 0, 1, 2 … dB
    assert f"noisy 5 {run.cut[0]} (0.0 dB) {run.cut[1]} (1.0 dB)" in page.text
    assert "nearly without speech 0 none" in page.text


def test_the_same_results_give_the_same_bytes(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    make(settings)
    first = paths.REPORT.read_bytes()
    make(settings)
    assert paths.REPORT.read_bytes() == first


def test_machine_settings_do_not_change_the_page(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    make(settings)
    first = paths.REPORT.read_bytes()
    runtime = settings.runtime.model_copy(update={"workers": 13})
    crawl = settings.crawl.model_copy(update={"proxy": "http://user:secret@proxy:1"})
    make(settings.model_copy(update={"runtime": runtime, "crawl": crawl}))
    assert paths.REPORT.read_bytes() == first


def test_the_page_needs_no_network(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    page = make(settings)
    sources = [attributes[name] or "" for _, attributes in page.elements for name in ("src", "srcset", "data", "poster")
               if name in attributes]  # fmt: skip
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert not page.all("link")
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert len(page.all("script")) == 1
    assert "unsafe-eval" not in policy
    assert policy.count("unsafe-inline") == 1


def test_hostile_text_is_escaped(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    expected = len(make(settings).elements)
    finished(title=HOSTILE, text=HOSTILE, detail=HOSTILE)
    named = settings.report.model_copy(update={"title": HOSTILE})
    page = make(settings.model_copy(update={"report": named}))
    assert len(page.elements) == expected
    assert not page.all("img")
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "http://user:secret@host/", "//host/", "["])
def test_only_plain_web_addresses_become_links(finished: Callable[..., Any], settings: config.Config, url: str) -> None:
    run = finished()
    for video in run.videos:
        video["url"] = url
    tables.write(tables.from_rows(run.videos, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
    page = make(settings)
    assert all((tag["href"] or "").startswith("#") for tag in page.all("a"))
    assert "secret" not in page.text


def test_one_test_video_no_rejects_no_listeners(finished: Callable[..., Any], settings: config.Config) -> None:
    finished(n_test=1, with_rejects=False)
    page = make(settings)
    assert "no interval" in page.text
    assert "without intervals they cannot be compared" in page.text
    assert "Nothing was rejected." in page.text
    assert "No listener has rated the utterances" in page.text


def test_a_class_may_be_absent(finished: Callable[..., Any], settings: config.Config) -> None:
    finished(classes=("neutral", "positive"))
    assert "None in the test split." in make(settings).text


def test_videos_without_a_title(finished: Callable[..., Any], settings: config.Config) -> None:
    run = finished()
    for video in run.videos:
        video["title"] = None
    tables.write(tables.from_rows(run.videos, tables.VIDEOS), paths.VIDEOS, tables.VIDEOS)
    assert "test-01" in make(settings).text


def test_long_lists_of_rejects_are_cut_with_a_note(finished: Callable[..., Any], settings: config.Config) -> None:
    run = finished()
    many = [
        {"item": f"weak/train-01/{n:05}", "stage": "polarity", "reason": "too short", "detail": ""} for n in range(1200)
    ]
    assert run.videos
    tables.write(tables.from_rows(many, tables.REJECTED), paths.rejected("polarity"), tables.REJECTED)
    assert "The first 200 of 1,200; the full list is in data/polarity/rejected.parquet" in make(settings).text


def test_the_page_claims_nothing_it_cannot_show(finished: Callable[..., Any], settings: config.Config) -> None:
    finished(listeners=True)
    words = make(settings).text.lower()
    for claim in ("significant", "state of the art", "outperform", "better than", "proves"):
        assert claim not in words


def test_segments_can_be_played(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    sounds = make(settings).all("audio")
    assert len(sounds) == 3 * settings.report.segments_per_class
    assert all((tag["src"] or "").startswith("data:audio/flac;base64,ZkxhQ") for tag in sounds)


def test_segments_without_room_for_their_sound_say_where_to_listen(
    finished: Callable[..., Any], settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished()
    make(settings)
    n_bytes, n_sounds = paths.REPORT.stat().st_size, 3 * settings.report.segments_per_class
    monkeypatch.setattr(weak_page, "MOST_BYTES", n_bytes - 1000)
    page = make(settings)
    assert 0 < len(page.all("audio")) < n_sounds
    assert paths.REPORT.stat().st_size < n_bytes - 1000
    assert page.text.count("Without its sound, to keep the page small.") == n_sounds - len(page.all("audio"))
    monkeypatch.setattr(weak_page, "MOST_BYTES", 0)
    assert not make(settings).all("audio")


def test_no_segments_when_none_are_asked_for(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    silent = settings.report.model_copy(update={"segments_per_class": 0})
    assert not make(settings.model_copy(update={"report": silent})).all("audio")


@pytest.mark.parametrize(
    "path", [paths.VIDEOS, FEATURES / "index.parquet", EXPERIMENT / "results.json"], ids=lambda path: path.stem
)
def test_a_missing_file_names_the_stage_to_run(
    finished: Callable[..., Any], settings: config.Config, path: Any
) -> None:
    finished()
    path.unlink()
    with pytest.raises(TableError, match=r"run the stage that writes it"):
        make(settings)


def test_damaged_metrics_are_named(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    (EXPERIMENT / "results.json").write_text("{", encoding="utf-8")
    with pytest.raises(TableError, match=r"results\.json is damaged .* run experiment@interviews-source --force"):
        make(settings)


def test_each_chart_has_its_table_and_a_name(finished: Callable[..., Any], settings: config.Config) -> None:
    finished(listeners=True)
    page = make(settings)
    names = [(tag.get("id") or "").removeprefix("chart-") for tag in page.all("figure")]
    assert [name for name in names if not name.startswith("curves-")] == [
        "scores", "votes", "curve", "per-class", "roc", "counts", "map-0", "by-video",
    ]  # fmt: skip
    assert len([tag for tag in page.all("svg") if tag.get("role") == "img"]) == len(names)
    assert page.text.count("The same as a table") == len({"votes", "curve", "counts", "by-video"})


def test_the_learning_curve_is_drawn_with_its_sentence_and_table(
    finished: Callable[..., Any], settings: config.Config
) -> None:
    finished(listeners=True)
    results = json.loads(paths.LABELS.read_text(encoding="utf-8"))
    points = [{"n": n, "value": value, "low": value - 0.1, "high": value + 0.1} for n, value in ((10, 0.5), (20, 0.6))]
    ways = [{"name": name, "points": points} for name in ("best voter or combination", "stacking")]
    results["learning_curve"] = {
        "n": 25, "n_groups": 5, "by": "videos", "folds": 5, "repeats": 4,
        "used": {"value": 0.55, "low": 0.4, "high": 0.7}, "ways": ways,
        "best": "stacking", "in_words": "More ratings help: they do.",
    }  # fmt: skip
    tables.write_text(paths.LABELS, json.dumps(results))
    page = make(settings)
    assert "chart-learning-curve" in [tag.get("id") for tag in page.all("figure")]
    assert "Label quality by number of ratings More ratings help: they do." in page.text
    assert "stacking, 20 ratings: macro F1 0.600 (0.500 to 0.700)" in page.text
    assert "4 times 5 folds, 25 rated utterances" in page.text


def test_ratings_of_proposed_segments_only_are_not_called_missing(
    finished: Callable[..., Any], settings: config.Config
) -> None:
    finished()
    results = json.loads(paths.LABELS.read_text(encoding="utf-8"))
    left_out = {"proposed for rating, no random sample": 7}
    results["ratings"] |= {"n_rows": 7, "n_rated": 7, "left_out": left_out, "in_words": "0 of the 7 are scored."}
    tables.write_text(paths.LABELS, json.dumps(results))
    text = make(settings).text
    assert "No rating of them counts, so nothing is scored here." in text
    assert "Rows that were proposed for rating are harder than others" in text


def test_without_ratings_there_is_a_table_of_thresholds_and_no_chart(
    finished: Callable[..., Any], settings: config.Config
) -> None:
    finished()
    page = make(settings)
    assert "chart-curve" not in [tag.get("id") for tag in page.all("figure")]
    assert "Coverage by threshold Nothing has been rated, so there is no score." in page.text


def test_labels_are_compared_with_ratings(finished: Callable[..., Any], settings: config.Config) -> None:
    run = finished(listeners=True, text="A </blockquote><script>alert(1)</script> text")
    figures = run.label_quality()
    assert figures["disagreements"]
    page = make(settings)
    page_text = page.text
    assert f"Listeners’ ratings of {figures['n_heard']:,} of them count" in page_text
    assert "afinn and textblob" in page_text
    assert "Most confident labels first." in page_text
    assert "<script>alert(1)</script>" in page_text
    sounds = [tag for tag in page.all("audio") if tag.get("aria-label", "").startswith("Segment weak/test-")]
    assert len(sounds) >= len(figures["disagreements"])
    finished(listeners=False)
    assert "None of them has been rated" in make(settings).text


def test_careless_listeners_are_named(finished: Callable[..., Any], settings: config.Config) -> None:
    finished(listeners=True)
    playback = {"<b>Ada": Playback(0.5, 1)}
    spans = [RatedSpan("test-1", 0.0, 4.0, {"<b>Ada": "neutral"}, None, playback, {"<b>Ada": "positive"})]
    (check,) = map(asdict, listener_checks.checked(spans, Bootstrap(10, 0.9, 1)))
    content = json.loads(paths.LABELS.read_text())
    content["listeners"] = [check, {**check, "name": "Bo", "reasons": ["too short"]}]
    paths.LABELS.write_text(json.dumps(content))
    page_text = make(settings).text
    assert "Careless: Bo. Their ratings count" in page_text
    assert "<b>Ada 1 0.5 s 100% neutral 100% 0 of 1 – no" in page_text


def test_rows_of_ratings_that_match_nothing_are_listed(finished: Callable[..., Any], settings: config.Config) -> None:
    finished(listeners=True)
    page_text = make(settings).text
    assert "Against the listeners’ majority" in page_text
    covered = "6 of the 7 rated utterances are scored (no majority: 1). 2 of the 9 rows of ratings match no utterance"
    assert page_text.count(covered) == 1
    assert "Rows of ratings that match no utterance (2)" in page_text
    assert "<i>.csv 3 test-9 1.0 s 2.5 s no such video" in page_text


def test_bugs_are_listed_with_their_tracebacks(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    rows = tables.read(paths.rejected("captions"), tables.REJECTED).to_pylist()
    bug = {"item": "train-9", "stage": "captions", "reason": bugs.BUG, "detail": f"Traceback\nKeyError: {HOSTILE}"}
    tables.write(tables.from_rows([*rows, bug], tables.REJECTED), paths.rejected("captions"), tables.REJECTED)
    page = make(settings)
    assert f"train-9 bug Traceback KeyError: {HOSTILE}" in page.text
    assert not [source for source in page.all("img") if source.get("src") == "x"]


def test_recognised_speech_has_a_section_with_word_errors(
    finished: Callable[..., Any], settings: config.Config
) -> None:
    run = finished()
    shared = {"language": "en", "speech_s": 90.0, "n_words": 210, "n_passages": 20, "n_repeated": 3, "n_improbable": 7}
    names = [video["video_id"] for video in run.videos[:2]]
    scored = {"n_reference_words": 200, "n_errors": 14, "word_error_rate": 0.07, "language_probability": 0.98}
    rows = [{"video_id": names[0], **shared, **scored}, {"video_id": names[1], **shared}]
    tables.write(tables.from_rows(rows, tables.RECOGNISED), paths.RECOGNISED, tables.RECOGNISED)
    on = settings.model_copy(update={"transcribe": settings.transcribe.model_copy(update={"when": "always"})})
    page = make(on)
    assert "recognised" in [attributes["id"] for attributes in page.all("section")]
    assert "The text of 2 videos was recognised by whisper-base" in page.text
    assert "14 of 200 words are wrong: a word error rate of 0.070" in page.text
    assert "en (0.98) 1.5 min 210 20 3 7 0.070 of 200" in page.text
    assert "en 1.5 min 210 20 3 7 –" in page.text
    assert "on the recognised speech (stop words kept)" in page.text
    assert "transcribe.model whisper-base" in page.text


def test_the_page_does_not_grow_with_the_number_of_videos(
    finished: Callable[..., Any], settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weak_page, "LISTED_VIDEOS", 20)
    monkeypatch.setattr(charts, "MOST_VIDEOS", 10)
    n_elements = dict[int, Counter[str]]()
    for n_test in (30, 60):
        run = finished(n_train=4, n_test=n_test, per_video=4)
        write(voices(run), paths.SPEAKER_VOICES, tables.SPEAKER_VOICES)
        # the fabricated ratios grow with the number of utterances, and so would their histogram
        write([{"utterance_id": name, "snr_db": 20.0} for name in run.cut], paths.signals("interviews"), tables.SIGNALS)
        page = make(settings)
        tested = {row["group"] for row in run.tested("test")}
        assert f"20 of {len(tested)} videos, evenly chosen by label; the predictions of all are in" in page.text
        assert f"The first 20 of {n_test + 5} videos; all are in {paths.SPEAKER_VOICES}" in page.text
        # histograms have as many bars as there are bins with rows
        n_elements[n_test] = Counter(name for name, _ in page.elements if name not in ("rect", "title"))
    assert n_elements[60] == n_elements[30]


def voices(run: Any) -> list[dict[str, Any]]:
    return [
        {
            "video_id": video["video_id"],
            "voice": f"{video['video_id']}#1",
            "speaker": "interviews/a",
            "speech_s": 9.0,
            "speech_share": 0.5,
        }
        for video in run.videos
    ]


def write(rows: list[dict[str, Any]], path: Path, schema: pa.Schema) -> None:
    tables.write(tables.from_rows(rows, schema), path, schema)
