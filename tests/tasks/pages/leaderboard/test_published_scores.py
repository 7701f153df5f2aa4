"""Published scores: each has a protocol, a source and an existing reader, and none is listed twice."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from tasks.core.config import INTERVIEWS
from tasks.core.errors import ConfigError
from tasks.corpora.readers import registry
from tasks.experiments.targets import TARGETS
from tasks.pages.leaderboard import published_scores


def test_every_score_names_corpus_target_metric_system_protocol_and_source() -> None:
    assert published_scores.scores()
    for entry in published_scores.scores():
        assert entry.corpus in (*registry.names(), INTERVIEWS)
        assert entry.target in TARGETS
        assert entry.metric in get_args(published_scores.Metric)
        assert entry.system
        assert entry.protocol
        assert entry.source


def test_scores_are_shares_and_ranges_ascend() -> None:
    for entry in published_scores.scores():
        assert 0 < entry.value < 1
        assert entry.up_to is None or entry.value < entry.up_to < 1


def test_no_score_is_listed_twice() -> None:
    keys = [
        (entry.corpus, entry.target, entry.system, entry.metric, entry.protocol, entry.source)
        for entry in published_scores.scores()
    ]
    assert len(set(keys)) == len(keys)


def test_random_splits_are_leaky() -> None:
    for entry in published_scores.scores():
        if "random" in entry.protocol:
            assert entry.leaky is True
        if "no protocol stated" in entry.protocol:
            assert entry.leaky is None


def test_scores_on_meld() -> None:
    scores = {(entry.system, entry.metric): entry for entry in published_scores.beside("meld", "sentiment")}
    assert scores["COSMIC", "weighted_f1"].value == 0.732
    assert scores["BERT [CLS] + XGBoost", "macro_f1"].value == 0.52
    assert scores["BERT [CLS] + LogReg", "accuracy"].leaky is True
    assert all(entry.target == "emotion" for entry in published_scores.beside("meld", "emotion"))


def test_a_target_without_publications_has_no_scores() -> None:
    assert published_scores.beside("plain", "emotion") == ()
    assert published_scores.beside("mosei", "valence") == ()


def test_native_labels_of_a_corpus_have_the_scores_on_emotions() -> None:
    assert published_scores.beside("crema-d", "native_label") == published_scores.beside("crema-d", "emotion") != ()


def _ser_bench(corpus: str, metric: str, system: str = "", target: str = "emotion") -> dict[str, float]:
    return {
        f"{entry.system}; {entry.protocol}": entry.value
        for entry in published_scores.beside(corpus, target)
        if entry.source == "ser-bench" and entry.metric == metric and entry.system.startswith(system)
    }


def test_the_six_sets_of_actors() -> None:
    scores = _ser_bench("ravdess", "accuracy", "2-D CNN")
    assert list(scores.values()) == [0.41, 0.88, 0.86, 0.64, 0.64, 0.63]
    assert all("identical reports for 2 and for 6 layers" in protocol for protocol in scores)
    assert all("352 clips (eight actors)" in protocol for protocol in scores)


@pytest.mark.parametrize(
    ("features", "by_layers"),
    [
        ("40 features", [0.89, 0.90, 0.79]),
        ("13 features, mean over time", [0.54, 0.49, 0.55]),
        ("13 features, mean over frequency", [0.88, 0.91, 0.92]),
    ],
)
def test_one_dimensional_networks(features: str, by_layers: list[float]) -> None:
    scores = [_ser_bench("ravdess", "accuracy", f"1-D CNN, {layers} layers, {features}") for layers in (3, 5, 8)]
    assert [list(entry.values()) for entry in scores] == [[value] for value in by_layers]


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
    assert published_scores.beside("mosei", "intensities") == published_scores.beside("mosei", "emotions")


def test_every_protocol_of_ser_bench_starts_with_its_number_of_classes() -> None:
    entries = [entry for entry in published_scores.scores() if entry.source == "ser-bench"]
    counted = {"classes", "labels", "emotions"}
    assert [
        entry
        for entry in entries
        if entry.protocol.split()[0] not in "345678" or entry.protocol.split()[1].strip(",;") not in counted
    ] == []


def test_a_copied_report_is_named_as_such() -> None:
    (copy,) = _ser_bench("tess", "accuracy", "ResNet-50")
    assert "a copy of the scores on CREMA-D" in copy
    originals = [value for name, value in _ser_bench("crema-d", "accuracy").items() if name.startswith("ResNet;")]
    assert list(_ser_bench("tess", "accuracy", "ResNet-50").values()) == originals


@pytest.mark.parametrize(
    ("part", "damaged", "message"),
    [
        ("  leaky: null", "  leeky: null", "LINE: unknown key 'leeky'; did you mean 'leaky'?"),
        ("  leaky: null\n", "", "LINE.leaky is missing"),
        ("  leaky: null", "  leaky: 'no'", "LINE.leaky is 'no'; input should be a valid boolean"),
        ("{uar: 0.201", "{recall: 0.201", "LINE.scores is .* input should be 'accuracy', 'uar'"),
        ("{uar: 0.201", "{uar: [0.2, 0.3, 0.4]", "LINE.scores is .* tuple should have at most 2 items"),
        ("{uar: 0.201", "{uar: '0.201'", "LINE.scores is .* input should be a valid number"),
        ("    wav2vec2-base:", "    Whisper-v3:", r"\d+: the key Whisper-v3 occurs twice, first in line \d+"),
    ],
)
def test_an_entry_with_a_mistake_is_named_by_its_line(part: str, damaged: str, message: str, tmp_path: Path) -> None:
    text = published_scores.FILE.read_text(encoding="utf-8")
    before, _, _ = text.partition("- corpus: meld\n  target: emotion\n  source: EmoBox")
    path = tmp_path / "scores.yaml"
    path.write_text(text.replace(part, damaged, 1), encoding="utf-8")
    expected = message.replace("LINE", str(before.count("\n") + 1))
    with pytest.raises(ConfigError, match=rf"(?m)^\S+/scores\.yaml:{expected}"):
        published_scores.scores(path)
