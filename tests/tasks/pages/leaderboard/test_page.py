"""Tests of the leaderboard: ranks within a protocol, leaky results last, published scores separate."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from tasks.pages.common import score_text
from tasks.pages.leaderboard import page
from tests.tasks.pages.experiment_results import of_intensities

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \"'&amp;"
NAMES = {
    "classes": ("accuracy", "uar", "macro_f1", "weighted_f1"),
    "labels": ("micro_f1", "macro_f1", "accuracy"),
    "values": ("mae", "correlation", "acc2", "acc7"),
}


def result(
    name: str, value: float = 0.5, task: str = "classes", low: float | None = None, **more: Any
) -> dict[str, Any]:
    def scores(middle: float) -> dict[str, Any]:
        bounds = {"low": middle - 0.05 if low is None else low, "high": middle + 0.05}
        return {one: {"value": middle, **bounds} for one in NAMES[task]}

    return {
        "experiment": name, "corpus": "ravdess", "reader": "ravdess", "target": "emotion", "labels": "all",
        "task": task, "outputs": ["valence"] if task == "values" else ["anger", "joy", "neutral"],
        "features": [{"name": "functionals"}],
        "model": {"name": "logistic"}, "protocol": "speaker-out(6)", "protocol_in_words": "6 folds.", "leaky": False,
        "audit": [], "n": 1440, "simulated": False, "scores": scores(value),
        "baselines": {"majority": scores(0.2), "shuffled labels": scores(0.21)},
    } | more  # fmt: skip


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("<body>")[2]))


def ranked(*results: dict[str, Any]) -> list[tuple[str, int]]:
    return [(row.result["experiment"], row.rank) for row in page.rows(results)]


def test_the_best_comes_first() -> None:
    assert ranked(result("b", 0.4), result("a", 0.6), result("c", 0.4)) == [("a", 1), ("b", 2), ("c", 3)]


def test_protocols_are_ranked_apart_and_leaky_ones_come_last() -> None:
    random_split = result("leaky", 0.9, protocol="random(5)", leaky=True)
    declared = result("declared", 0.8, audit=[{"check": "seen speakers", "severity": "declared", "n": 40, "of": 100}])
    assert ranked(random_split, declared, result("honest", 0.5), result("own split", 0.3, protocol="official")) == [
        ("own split", 1), ("honest", 1), ("leaky", 1), ("declared", 1),
    ]  # fmt: skip
    page_text = text(page.render([random_split, declared, result("honest")]))
    assert "random(5) LEAKY no groups are kept apart" in page_text
    assert "speaker-out(6) LEAKY declared: seen speakers" in page_text
    assert "leaky LEAKY logistic on functionals" in page_text


def test_every_row_has_protocol_n_intervals_and_baselines() -> None:
    page_text = text(page.render([result("mine", 0.61)]))
    assert "speaker-out(6) · 6 folds. 1 mine logistic on functionals" in page_text
    line = "mine: UAR 0.610 (0.560 to 0.660); majority 0.200 (0.150 to 0.250); shuffled labels 0.210 (0.160 to 0.260)"
    assert f"{line} 0.610 0.560 to 0.660 0.610 0.610 0.610 0.200 0.210 1,440" in page_text


def test_the_lowest_error_comes_first() -> None:
    target = {"target": "sentiment_intensity", "outputs": ["sentiment_intensity"]}
    mosei: dict[str, Any] = {"corpus": "mosei", "reader": "mosei", "task": "values", **target}
    found = page.rows([result("b", 0.8, **mosei), result("a", 0.6, **mosei)])
    assert [row.result["experiment"] for row in found] == ["a", "b"]
    assert found[0].measure == "mae"
    page_text = text(page.render([result("a", 0.6, **mosei), result("b", 1.3, **mosei)]))
    assert "MAE (lower is better)" in page_text
    assert "Self-MM" in page_text
    assert "mosei, sentiment intensity" in page_text


def test_several_intensities_are_ranked_by_the_squared_error() -> None:
    board = {"corpus": "mosei", "reader": "mosei", "target": "intensities"}
    ours = of_intensities(experiment="ours", **board)
    worse = of_intensities(experiment="worse", **board)
    worse["scores"] = ours["scores"] | {"mse": {"value": 1.2, "low": 1.1, "high": 1.3}}
    found = page.rows([worse, ours])
    assert [(row.result["experiment"], row.measure) for row in found] == [("ours", "mse"), ("worse", "mse")]
    page_text = text(page.render([ours, worse]))
    assert "mosei, intensities" in page_text
    assert "MSE (lower is better)" in page_text
    assert "6 emotions at once by regression, threshold 0.3" in page_text


def test_melds_own_split_is_ranked_by_weighted_f1() -> None:
    meld: dict[str, Any] = {"corpus": "meld", "reader": "meld"}
    found = page.rows([result("a", protocol="official", **meld), result("b", protocol="group-k-fold(5)", **meld)])
    assert {row.measure for row in found} == {"weighted_f1"}
    assert next(iter(found[0].scores)) == "weighted_f1"
    (row,) = page.rows([result("b", protocol="group-k-fold(5)", **meld)])
    assert row.measure == "uar"


def test_published_scores_are_separate_with_their_protocol() -> None:
    html = page.render([result("mine")])
    page_text = text(html)
    assert "Published, not ranked" in page_text
    assert "early stopping, presumably on the test set LEAKY ser-bench" in page_text
    assert "HuBERT-L: UAR 0.700 UAR 0.700 8 classes, actor folds no EmoBox, table 4" in page_text
    assert "2-D CNN, 2 or 6 layers" in page_text
    assert "0.7625" in page_text
    assert html.index("<details>") < html.index("HuBERT-L") < html.index("</details>"), "collapsed"
    # drawn only where it is the same measure
    drawn = re.findall(r"<title>(.*?):", html)
    assert "HuBERT-L" in drawn
    assert "eGeMAPS" in html
    assert "eGeMAPS" not in drawn
    assert "0.583 to 0.658" in text(page.render([result("mine", reader="iemocap")]))


def test_no_published_scores_no_section() -> None:
    assert "Published, not ranked" not in page.render([result("mine", reader="plain", corpus="own")])


def test_corpora_targets_and_sets_of_classes_are_separate() -> None:
    results = [result("a"), result("b", labels="ekman"), result("c", target="sentiment"), result("d", corpus="other")]
    assert len(page.boards(results)) == 4
    assert all(row.rank == 1 for row in page.rows(results))


def test_different_test_rows_are_mentioned() -> None:
    assert "These experiments have different test rows" in page.render([result("a"), result("b", n=1000)])
    assert "These experiments have different test rows" not in page.render([result("a"), result("b")])


def test_a_simulated_corpus_says_so() -> None:
    page_text = text(page.render([result("a", simulated=True)]))
    assert "ravdess, emotion (simulated)" in page_text
    assert "published scores are on the real corpus and are not comparable" in page_text


def test_the_order_of_results_does_not_matter() -> None:
    results = [result(f"e{k}", k / 10, protocol=f"speaker-out({2 + k % 3})", leaky=k > 6) for k in range(9)]
    first = page.render(results)
    random.Random(1).shuffle(results)
    assert page.render(results) == first


def test_no_intervals_and_no_shuffles() -> None:
    one = result("a")
    for found in (one["scores"], one["baselines"]["majority"]):
        for score in found.values():
            score |= {"low": None, "high": None}
    del one["baselines"]["shuffled labels"]
    (row,) = page.rows([one])
    assert row.shuffled is None
    assert "no interval" in page.render([one])


@pytest.mark.parametrize("task", list(NAMES))
def test_every_task_has_its_scores(task: str) -> None:
    (row,) = page.rows([result("a", task=task)])
    assert sorted(row.scores) == sorted(NAMES[task])


def test_every_experiment_has_one_row_and_a_link_to_its_page() -> None:
    results = [result(f"e{k}", protocol=f"speaker-out({2 + k % 3})", corpus=f"c{k % 4}") for k in range(12)]
    html = page.render(results)
    assert html.count("<tr data-text=") == 12
    assert re.findall(r'href="\.\./page/(\w+)/index\.html"', html).count("e7") == 1


def test_small_test_sets_are_marked() -> None:
    page_text = text(page.render([result("a", n=29), result("b", n=30)]))
    assert page_text.count("small test set") == 1


def test_text_from_outside_is_escaped() -> None:
    html = page.render([result(HOSTILE, corpus=HOSTILE, labels=HOSTILE, protocol=HOSTILE, protocol_in_words=HOSTILE)])
    assert html.count("<script>") == html.count("<script") == 1
    assert "<img" not in html
    policy = re.findall(r'content="(default-src[^"]*)"', html)[0]
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[^']+'; style-src [^;]*; base-uri [^;]*; form.*", policy
    )
    assert "{{ 7*7 }}" in html


def test_without_javascript_the_filter_is_hidden_and_all_rows_are_shown() -> None:
    html = page.render([result("a"), result("b")])
    assert '<form id="controls" role="search" hidden>' in html
    assert len(re.findall(r"<[^>]* hidden", html.partition("<body>")[2].partition("<script>")[0])) == 1
    assert "<button" not in html


def test_an_empty_leaderboard_says_so() -> None:
    assert "No experiment has been run yet." in page.render([])


def test_a_small_declared_leak_is_stated_and_not_called_leaky() -> None:
    audit = [{"check": "overlapping spans", "severity": "declared", "n": 35, "of": 2610}]
    assert score_text.leak({"leaky": False, "audit": audit}) == ""
    audit[0]["n"] = 300
    assert score_text.leak({"leaky": False, "audit": audit}) == "declared: overlapping spans"
    assert score_text.leak({"leaky": True, "audit": []}) == "no groups are kept apart"
