"""The page of a price: one sentence, both protocols in one table, hostile text escaped."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tasks.pages.common import score_text
from tasks.pages.experiment import price_page

HOSTILE = "</script><script>alert(1)</script>{{ 7*7 }}"
NO_INTERVAL = {"low": None, "high": None}


def score(value: float, spread: float = 0.05) -> dict[str, float]:
    return {"value": value, "low": value - spread, "high": value + spread}


def price(difference: dict[str, float | None], task: str = "classes", **more: Any) -> dict[str, Any]:
    names = score_text.MEASURES[task]
    scores = dict.fromkeys(names, score(0.4))
    baselines = {"majority": dict.fromkeys(names, score(0.125, 0.0)), "shuffled labels": scores}
    side = {"n_train": 900, "scores": scores, "baselines": baselines}
    return {
        "experiment": "mine", "corpus": "ravdess", "reader": "ravdess", "simulated": False, "target": "emotion",
        "task": task, "outputs": ["valence"] if task == "values" else ["anger", "joy"], "n": 1080,
        "n_groups": 18, "confidence": 0.95,
        "honest": {"protocol": "speaker-out(6)", "protocol_in_words": "No speaker is in both.", **side},
        "leaky": {"protocol": "random(6)", "protocol_in_words": "LEAKY: random.", **side},
        "difference": dict.fromkeys(names, difference), **more,
    }  # fmt: skip


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("<body>")[2]))


@pytest.mark.parametrize(
    ("difference", "task", "conclusion"),
    [
        (score(0.07), "classes", "random folds make the recipe look better than it is."),
        (score(-0.07), "classes", "random folds score worse, which no leak explains."),
        (score(-0.07), "values", "random folds make the recipe look better than it is."),
        (score(0.07), "values", "random folds score worse, which no leak explains."),
        (score(0.02), "classes", "the interval contains 0, so an effect of the leak is not shown."),
        ({"value": 0.2, **NO_INTERVAL}, "classes", "there is no interval, so an effect of the leak is not shown."),
    ],
)
def test_the_sentence_takes_the_interval_into_account(
    difference: dict[str, float | None], task: str, conclusion: str
) -> None:
    assert price_page.sentence(price(difference, task)).endswith(conclusion)


def test_the_page_has_both_protocols_and_the_baselines() -> None:
    page = text(price_page.render(price(score(0.07), simulated=True)))
    assert "mine (simulated)" in page
    assert "UAR 0.400 under speaker-out(6), 0.400 under random(6), difference +0.070 (+0.020 to +0.120)" in page
    assert re.search(r"score speaker-out\(6\) random\(6\) LEAKY difference UAR 0\.400 0\.350 to 0\.450", page)
    assert "UAR, majority class 0.125" in page
    assert "No speaker is in both." in page
    assert "A fold trains on 900 rows under speaker-out(6), on 900 under random(6). Both sides" in page


def test_other_numbers_of_training_rows_are_mentioned() -> None:
    result = price(score(0.07))
    result["leaky"] = {**result["leaky"], "n_train": 1000}
    assert "on 1,000 under random(6); part of the difference may be due to more data." in price_page.notes(result)[2]
    result["leaky"] = {**result["leaky"], "n_train": 600}
    assert "on 600 under random(6); with as many rows, the difference might be larger." in price_page.notes(result)[2]


def test_text_from_outside_is_escaped() -> None:
    page = price_page.render(price(score(0.07), experiment=HOSTILE, corpus=HOSTILE, outputs=[HOSTILE]))
    assert "<script>alert" not in page
    assert page.count("{{ 7*7 }}") == 4
