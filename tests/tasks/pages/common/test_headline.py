"""Tests of the headline scores and the sentence that compares their intervals."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.pages.common import headline


def metrics(classifier: Any, majority: Any, shuffled: Any) -> dict[str, Any]:
    def scores(bounds: Any) -> dict[str, Any]:
        interval = {"value": 0.5, "low": bounds[0], "high": bounds[1]}
        return {"n": 90, **dict.fromkeys(headline.MEASURES, interval)}

    test = {"classifier": scores(classifier), "majority": scores(majority), "shuffled": scores(shuffled)}
    return {"protocol": {"confidence": 0.9}, "test": test}


def test_rows_in_order_with_n() -> None:
    rows = headline.headline(metrics((0.4, 0.6), (0.1, 0.3), (0.2, 0.35)))
    assert [row.label for row in rows] == ["Macro F1", "UAR", "Accuracy", "Weighted F1"]
    assert {row.n for row in rows} == {90}
    assert str(rows[0].classifier) == "0.500 (0.400 to 0.600)"


@pytest.mark.parametrize(
    ("majority", "shuffled", "said"),
    [
        (
            (0.1, 0.3), (0.2, 0.35),
            "lies entirely above that of the majority class (0.100 to 0.300) "
            "and that of the shuffled labels (0.200 to 0.350).",
        ),
        (
            (0.1, 0.3), (0.2, 0.4),
            "lies entirely above that of the majority class (0.100 to 0.300), "
            "and it overlaps that of the shuffled labels (0.200 to 0.400).",
        ),
        (
            (0.7, 0.8), (0.5, 0.9),
            "lies entirely below that of the majority class (0.700 to 0.800), "
            "and it overlaps that of the shuffled labels (0.500 to 0.900).",
        ),
    ],
)  # fmt: skip
def test_the_verdict_follows_the_intervals(majority: Any, shuffled: Any, said: str) -> None:
    verdict = headline.verdict(metrics((0.4, 0.6), majority, shuffled))
    assert verdict == f"On macro F1, the classifier’s 90% interval (0.400 to 0.600) {said}"


def test_without_intervals_nothing_is_compared() -> None:
    none = (None, None)
    assert "cannot be compared" in headline.verdict(metrics(none, none, none))
    assert str(headline.Score(0.5, None, None)) == "0.500 (no interval)"


def test_a_score_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a value"):
        headline.Score.of({"value": None, "low": None, "high": None})
