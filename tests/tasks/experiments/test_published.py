"""Published figures: each with a protocol and a source, of a reader that there is, and none twice."""

from __future__ import annotations

from typing import get_args

from tasks.corpora.offers import OFFERS
from tasks.experiments import published
from tasks.experiments.plan import _TARGETS


def test_every_figure_says_what_it_is_of() -> None:
    assert published.FIGURES
    for one in published.FIGURES:
        assert one.corpus in OFFERS
        assert one.target in _TARGETS
        assert one.metric in get_args(published.Metric)
        assert one.system
        assert one.protocol
        assert one.source


def test_figures_are_shares_and_ranges_go_up() -> None:
    for one in published.FIGURES:
        assert 0 < one.value < 1
        assert one.up_to is None or one.value < one.up_to < 1


def test_no_figure_stands_twice() -> None:
    keys = [(one.corpus, one.target, one.system, one.metric, one.protocol, one.source) for one in published.FIGURES]
    assert len(set(keys)) == len(keys)


def test_random_splits_are_leaky() -> None:
    for one in published.FIGURES:
        if "random" in one.protocol:
            assert one.leaky is True
        if "no protocol stated" in one.protocol:
            assert one.leaky is None


def test_what_stands_beside_meld() -> None:
    found = {(one.system, one.metric): one for one in published.beside("meld", "sentiment")}
    assert found["COSMIC", "weighted_f1"].value == 0.732
    assert found["BERT [CLS] + XGBoost", "macro_f1"].value == 0.52
    assert found["BERT [CLS] + LogReg", "accuracy"].leaky is True
    assert all(one.target == "emotion" for one in published.beside("meld", "emotion"))


def test_nothing_stands_beside_a_corpus_nobody_published_on() -> None:
    assert published.beside("plain", "emotion") == ()
    assert published.beside("mosei", "valence") == ()
