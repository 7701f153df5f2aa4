"""Published figures: each with a protocol and a source, of a reader that there is, and none twice."""

from __future__ import annotations

from typing import get_args

import pytest

from tasks.corpora.readers import registry
from tasks.experiments.plan import _TARGETS
from tasks.pages.leaderboard import published_scores


def test_every_figure_says_what_it_is_of() -> None:
    assert published_scores.SCORES
    for one in published_scores.SCORES:
        assert one.corpus in registry.names()
        assert one.target in _TARGETS
        assert one.metric in get_args(published_scores.Metric)
        assert one.system
        assert one.protocol
        assert one.source


def test_figures_are_shares_and_ranges_go_up() -> None:
    for one in published_scores.SCORES:
        assert 0 < one.value < 1
        assert one.up_to is None or one.value < one.up_to < 1


def test_no_figure_stands_twice() -> None:
    keys = [
        (one.corpus, one.target, one.system, one.metric, one.protocol, one.source) for one in published_scores.SCORES
    ]
    assert len(set(keys)) == len(keys)


def test_random_splits_are_leaky() -> None:
    for one in published_scores.SCORES:
        if "random" in one.protocol:
            assert one.leaky is True
        if "no protocol stated" in one.protocol:
            assert one.leaky is None


def test_what_stands_beside_meld() -> None:
    found = {(one.system, one.metric): one for one in published_scores.beside("meld", "sentiment")}
    assert found["COSMIC", "weighted_f1"].value == 0.732
    assert found["BERT [CLS] + XGBoost", "macro_f1"].value == 0.52
    assert found["BERT [CLS] + LogReg", "accuracy"].leaky is True
    assert all(one.target == "emotion" for one in published_scores.beside("meld", "emotion"))


def test_nothing_stands_beside_a_corpus_nobody_published_on() -> None:
    assert published_scores.beside("plain", "emotion") == ()
    assert published_scores.beside("mosei", "valence") == ()


def _ser_bench(corpus: str, metric: str, system: str = "", target: str = "emotion") -> dict[str, float]:
    return {
        f"{one.system}; {one.protocol}": one.value
        for one in published_scores.beside(corpus, target)
        if one.source == "ser-bench" and one.metric == metric and one.system.startswith(system)
    }


def test_the_six_sets_of_actors() -> None:
    found = _ser_bench("ravdess", "accuracy", "2-D CNN")
    assert list(found.values()) == [0.41, 0.88, 0.86, 0.64, 0.64, 0.63]
    assert all("identical reports for 2 and for 6 layers" in protocol for protocol in found)
    assert all("352 clips (eight actors)" in protocol for protocol in found)


@pytest.mark.parametrize(
    ("features", "by_layers"),
    [
        ("40 features", [0.89, 0.90, 0.79]),
        ("13 features, mean over time", [0.54, 0.49, 0.55]),
        ("13 features, mean over frequency", [0.88, 0.91, 0.92]),
    ],
)
def test_one_dimension(features: str, by_layers: list[float]) -> None:
    found = [_ser_bench("ravdess", "accuracy", f"1-D CNN, {layers} layers, {features}") for layers in (3, 5, 8)]
    assert [list(one.values()) for one in found] == [[value] for value in by_layers]


@pytest.mark.parametrize(
    ("corpus", "system", "accuracies"),
    [
        ("ravdess", "DenseNet-201", [0.66, 0.59]),
        ("ravdess", "wav2vec2", [0.7625]),
        ("tess", "", [0.65, 0.99]),
        ("crema-d", "", [0.65, 0.56, 0.84, 0.37]),
        ("iemocap", "", [0.46, 0.53, 0.69, 0.70, 0.63, 0.77, 0.64, 0.69]),
        ("mosei", "", [0.36, 0.41, 0.49, 0.48, 0.51, 0.5696, 0.5017]),
    ],
)
def test_every_report_of_ser_bench(corpus: str, system: str, accuracies: list[float]) -> None:
    for metric in ("accuracy", "uar", "macro_f1", "weighted_f1"):
        assert len(_ser_bench(corpus, metric, system)) == len(accuracies), metric
    assert list(_ser_bench(corpus, "accuracy", system).values()) == accuracies


def test_several_emotions_at_once() -> None:
    for metric, values in {"micro_f1": [0.51, 0.51], "macro_f1": [0.35, 0.35], "weighted_f1": [0.48, 0.47]}.items():
        assert list(_ser_bench("mosei", metric, target="emotions").values()) == values


def test_every_figure_of_ser_bench_counts_its_classes() -> None:
    mine = [one for one in published_scores.SCORES if one.source == "ser-bench"]
    counted = {"classes", "labels", "emotions"}
    assert [
        one
        for one in mine
        if one.protocol.split()[0] not in "345678" or one.protocol.split()[1].strip(",;") not in counted
    ] == []


def test_a_copied_report_is_called_one() -> None:
    (mine,) = _ser_bench("tess", "accuracy", "ResNet-50")
    assert "a copy of the scores on CREMA-D" in mine
    theirs = [value for name, value in _ser_bench("crema-d", "accuracy").items() if name.startswith("ResNet;")]
    assert list(_ser_bench("tess", "accuracy", "ResNet-50").values()) == theirs
