"""Signs of careless listening, on simulated listeners whose behaviour is known."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tasks.core import tables
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.people import agreement, listener_checks
from tasks.labelling.people.listener_checks import INCONSISTENT, SAME_ANSWER, TOO_SHORT, UNLIKE, ListenerCheck
from tasks.labelling.people.rating_sheets import Playback
from tasks.labelling.people.ratings import RatedSpan

BOOTSTRAP = Bootstrap(200, 0.95, 1)
N = 60


def spans() -> list[RatedSpan]:
    """Return 60 clips of 12 videos: three listeners agree in 9 of 10; one clicks at random, one always neutral."""
    rng = random.Random(4)
    rows = []
    for number in range(N):
        truth = tables.SENTIMENTS[number % 3]
        ratings = {name: truth if rng.random() < 0.9 else rng.choice(tables.SENTIMENTS) for name in ("Ada", "Bo", "Cy")}
        ratings |= {"Random": rng.choice(tables.SENTIMENTS), "Same": "neutral"}
        playback = {name: Playback(4.0, 1) for name in ratings} | {"Cy": Playback(1.0 if number % 2 else 8.0, 1)}
        again: Mapping[str, str | None] = {}
        if number % 10 == 0:
            again = {"Ada": ratings["Ada"], "Bo": "positive" if ratings["Bo"] == "negative" else "negative"}
        rows.append(RatedSpan(f"test-{number % 12}", number * 5.0, number * 5.0 + 4.0, ratings, None, playback, again))
    return rows


@pytest.fixture(scope="module")
def checks() -> dict[str, ListenerCheck]:
    return {check.name: check for check in listener_checks.checked(spans(), BOOTSTRAP)}


def test_the_signs(checks: Mapping[str, ListenerCheck]) -> None:
    assert {name: check.reasons for name, check in checks.items()} == {
        "Ada": (), "Bo": (INCONSISTENT,), "Cy": (TOO_SHORT,), "Random": (UNLIKE,), "Same": (SAME_ANSWER, UNLIKE),
    }  # fmt: skip


def test_the_figures(checks: Mapping[str, ListenerCheck]) -> None:
    ada, bo, cy, same = (checks[name] for name in ("Ada", "Bo", "Cy", "Same"))
    assert (ada.n, ada.n_timed, ada.n_too_short, ada.played_s) == (N, N, 0, 4.0)
    assert (ada.n_repeats, ada.n_same) == (6, 6)
    assert (bo.n_repeats, bo.n_same) == (6, 0)
    assert (cy.n_too_short, cy.played_s) == (N // 2, 4.5)
    assert (same.commonest, same.n_commonest, same.n_shared_commonest) == ("neutral", N, same.n_shared)
    assert ada.kappa.value is not None
    assert ada.kappa.value > 0.6
    # a constant answer agrees by chance only
    assert same.kappa.value == pytest.approx(0.0)


def test_few_ratings_are_not_judged() -> None:
    assert not any(check.reasons for check in listener_checks.checked(spans()[:9], BOOTSTRAP))


def test_older_ratings_and_a_single_listener() -> None:
    old = [RatedSpan("test-1", 0.0, 4.0, {"Ada": "neutral"})] * 2
    (check,) = listener_checks.checked(old, BOOTSTRAP)
    assert (check.n, check.n_timed, check.played_s, check.n_repeats, check.kappa.value) == (1, 0, None, 0, None)
    assert listener_checks.checked([], BOOTSTRAP) == []


def test_clips_in_two_files_are_one_and_the_first_rating_counts() -> None:
    first = RatedSpan("test-1", 0.0, 4.0, {"Ada": "neutral"})
    second = replace(first, ratings={"Ada": "positive", "Bo": "neutral"})
    ada, bo = listener_checks.checked([first, second], BOOTSTRAP)
    assert (ada.n, ada.commonest, ada.n_shared) == (1, "neutral", 1)
    assert bo.n == 1


def test_cohens_kappa_by_hand() -> None:
    # Cohen 1960: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: p = 0.7, by chance 0.5
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    videos = np.array([str(number % 10) for number in range(50)])
    kappa = agreement.cohens_kappa(pairs, videos, BOOTSTRAP)
    assert kappa.value == pytest.approx(0.4)
    assert kappa.low is not None
    assert kappa.high is not None
    assert kappa.low < 0.4 < kappa.high
    assert agreement.cohens_kappa(pairs, np.array(["1"] * 50), BOOTSTRAP).low is None
    assert agreement.cohens_kappa([("yes", "yes")] * 3, videos[:3], BOOTSTRAP).value is None
    assert agreement.cohens_kappa([], videos[:0], BOOTSTRAP).value is None
