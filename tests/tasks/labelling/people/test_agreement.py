"""Agreement: published worked examples, intervals over videos, each listener against the others."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tasks.evaluation.scores import Bootstrap
from tasks.labelling.people import agreement
from tasks.labelling.people.rating_sheets import Ratings

BOOTSTRAP = Bootstrap(500, 0.95, 3)
NAMES = {"p": "positive", "n": "negative", "u": "neutral"}

# Fleiss 1971, table 1: 30 patients, 6 psychiatrists each, 5 diagnoses
FLEISS_1971 = """0 0 0 6 0|0 3 0 0 3|0 1 4 0 1|0 0 0 0 6|0 3 0 3 0|2 0 4 0 0|0 0 4 0 2|2 0 3 1 0|2 0 0 4 0|0 0 0 0 6
1 0 0 5 0|1 1 0 4 0|0 3 3 0 0|1 0 0 5 0|0 2 0 3 1|0 0 5 0 1|3 0 0 1 2|5 1 0 0 0|0 2 0 4 0|1 0 2 0 3
0 0 0 0 6|0 1 0 5 0|0 2 0 1 3|2 0 0 4 0|1 0 0 4 1|0 5 0 1 0|4 0 0 0 2|0 2 0 4 0|1 0 5 0 0|0 0 0 0 6"""
# https://en.wikipedia.org/wiki/Fleiss%27_kappa#Worked_example: 10 subjects, 14 raters, kappa 0.210
WIKIPEDIA = "0 0 0 0 14|0 2 6 4 2|0 0 3 5 6|0 3 9 2 0|2 2 8 1 1|7 7 0 0 0|3 2 6 3 0|2 5 3 2 2|6 5 2 1 0|0 2 2 3 7"


def counted(table: str) -> list[Ratings]:
    """Return rows of counts per label as ratings of invented listeners."""
    rows = []
    for cells in table.replace("\n", "|").split("|"):
        given = [label for label, count in zip("abcde", map(int, cells.split()), strict=True) for _ in range(count)]
        rows.append({f"rater {number}": label for number, label in enumerate(given)})
    return rows


def sheet(**columns: str) -> list[Ratings]:
    """Return rows of ratings from a letter per row and listener; a space is no rating."""
    n_rows = len(next(iter(columns.values())))
    return [{who: NAMES[votes[row]] for who, votes in columns.items() if votes[row] != " "} for row in range(n_rows)]


def measured(votes: list[Ratings], videos: list[str] | None = None) -> agreement.Agreement:
    return agreement.agreement(votes, np.array(videos or ["one"] * len(votes)), BOOTSTRAP)


def value(votes: list[Ratings], name: str) -> float | None:
    return agreement.measures(votes, np.array(["one"] * len(votes)), BOOTSTRAP)[name].value


def test_kappa_of_fleiss_1971() -> None:
    votes = counted(FLEISS_1971)
    assert len(votes) == 30
    assert value(votes, "kappa") == pytest.approx(0.430, abs=5e-4)
    assert value(votes, "percent") == pytest.approx(0.556, abs=5e-4)


def test_kappa_of_the_other_worked_example() -> None:
    assert value(counted(WIKIPEDIA), "kappa") == pytest.approx(0.210, abs=5e-4)


def test_alpha_of_krippendorff_2011() -> None:
    # section C: four observers, twelve units, five values, some missing
    table = {
        "A": "1 2 3 3 2 1 4 1 2 . . .",
        "B": "1 2 3 3 2 2 4 1 2 5 . 3",
        "C": ". 3 3 3 2 3 4 2 2 5 1 .",
        "D": "1 2 3 3 2 4 4 1 2 5 1 .",
    }
    rows: list[Ratings] = [
        {who: cells.split()[unit] for who, cells in table.items() if cells.split()[unit] != "."} for unit in range(12)
    ]
    assert value(rows, "alpha") == pytest.approx(0.743, abs=5e-4)


def test_alpha_of_two_observers_and_two_values() -> None:
    # Krippendorff 2011, section A: ten articles, alpha 0.095
    first, second = "0100000010", "1110010000"
    votes: list[Ratings] = [{"A": label, "B": other} for label, other in zip(first, second, strict=True)]
    assert value(votes, "alpha") == pytest.approx(0.095, abs=5e-4)
    assert value(votes, "percent") == pytest.approx(0.6)


def test_alpha_against_coincidences_counted_one_by_one() -> None:
    rows = ["ppn", "nnn", "up", "uuu", "p", "npu", "ppp"]
    weights: dict[tuple[str, str], float] = {}
    for row in rows:
        for first, second in itertools.permutations(range(len(row)), 2):
            pair = row[first], row[second]
            weights[pair] = weights.get(pair, 0.0) + 1 / (len(row) - 1)
    n = sum(weights.values())
    totals = {label: sum(w for pair, w in weights.items() if pair[0] == label) for label in NAMES}
    observed = sum(w for (a, b), w in weights.items() if a != b) / n
    expected = sum(totals[a] * totals[b] for a in NAMES for b in NAMES if a != b) / (n * (n - 1))
    votes = [{str(place): NAMES[vote] for place, vote in enumerate(row)} for row in rows]
    assert value(votes, "alpha") == pytest.approx(1 - observed / expected)


def test_without_variation_there_is_neither_kappa_nor_alpha() -> None:
    same = sheet(Ada="uuu", Bruno="uuu")
    assert (value(same, "percent"), value(same, "kappa"), value(same, "alpha")) == (1.0, None, None)


@pytest.mark.parametrize("votes", [[], [{"Ada": "positive"}], [{}]])
def test_without_two_votes_on_a_row_nothing_is_measured(votes: list[Ratings]) -> None:
    assert {value(votes, name) for name in agreement.NAMES} == {None}


def test_intervals_resample_whole_videos() -> None:
    votes = sheet(Ada="ppnnuupnpu" * 6, Bruno="ppnnuunpup" * 3 + "ppnnuupnpu" * 3)
    videos = [f"test-{row // 10}" for row in range(60)]
    report = measured(votes, videos).estimates
    for name in agreement.NAMES:
        value, low, high = report[name].value, report[name].low, report[name].high
        assert value is not None and low is not None and high is not None
        assert low < value < high
    # the same bounds, computed resample by resample from the same draws
    draws = BOOTSTRAP.weights(6)
    alphas = []
    for draw in draws:
        rows = [
            row for video, times in enumerate(draw.astype(int)) for row in votes[video * 10 : video * 10 + 10] * times
        ]
        alphas.append(value_of(rows))
    assert BOOTSTRAP.bounds(np.array(alphas)) == pytest.approx((report["alpha"].low, report["alpha"].high))


def value_of(votes: list[Ratings]) -> float:
    report = value(votes, "alpha")
    assert report is not None
    return report


def test_one_video_gives_values_without_intervals() -> None:
    report = measured(sheet(Ada="pnu", Bruno="pnn")).estimates["kappa"]
    assert report.value is not None
    assert (report.low, report.high) == (None, None)


def test_each_listener_against_the_others() -> None:
    votes = sheet(Ada="ppnu", Bruno="ppnn", Chen="punu")
    report = measured(votes)
    assert report.against_majority["Ada"] == 1.0
    assert report.pairs["Ada", "Bruno"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert set(report.pairs) == {("Ada", "Bruno"), ("Ada", "Chen"), ("Bruno", "Chen")}
    assert report.ties == 0
    # without Ada the others tie on rows 2 and 4; on rows 1 and 3 she agrees with them
    assert report.leave_one_out["Ada"] == 1.0
    # without Bruno the others tie on row 2; he rates the last row negative, they rate it neutral
    assert report.leave_one_out["Bruno"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_a_listener_without_shared_rows_has_no_leave_one_out_score() -> None:
    report = measured(sheet(Ada="pn ", Bruno="pn ", Chen="  u"))
    assert set(report.leave_one_out) == {"Ada", "Bruno"}


def test_ties_are_counted() -> None:
    assert measured(sheet(Ada="pnu", Bruno="pun")).ties == 2
