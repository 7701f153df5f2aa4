"""Tests of an experiment's page: complete, without empty sections, escaped, and reproducible."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tasks.experiments.plot_data import Attended, Map, PlotData, Search, Varied
from tasks.leaks.finding import AuditReport, Finding, FoldSize
from tasks.pages.experiment import page as experiment
from tests.tasks.pages.experiment_results import (
    REFERENCES,
    SCORE,
    drawn,
    folds,
    of_classes,
    of_intensities,
    of_labels,
    of_values,
)

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> %{x} {{ 7*7 }} \"'&amp;"
SEEN = Finding("seen scripts", "warning", 384, 480, "384 test utterances of a sentence of the training part.", ("a/1",))
CLEAR = Finding("seen speakers", "violation", 0, 480, "No speaker is on both sides.", ())
DECLARED = Finding("seen speakers", "declared", 480, 480, "480 test utterances by speakers of the training part.", ())
PARTS = tuple(FoldSize(f"fold {k + 1} of 4", 360, 120) for k in range(4))
AUDIT = AuditReport("speaker-out(4)", "No speaker is in both parts.", 480, PARTS, (CLEAR, SEEN))
NOTHING = PlotData({}, (), {}, (), ())


class Page(HTMLParser):
    """What a browser would make of the page: its elements, and the text outside scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open = tag
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open not in ("script", "style"):
            self.words.append(data)

    @property
    def sections(self) -> list[str | None]:
        return [attributes["id"] for name, attributes in self.elements if name == "section"]

    @property
    def charts(self) -> list[str]:
        names = [
            attributes["id"] or "" for name, attributes in self.elements if name == "figure" and "id" in attributes
        ]
        return [name.removeprefix("chart-") for name in names]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_everything_is_there_the_headline_first() -> None:
    page = Page(experiment.render(of_classes(left_out={"no label": 12}), AUDIT, drawn()))
    assert page.sections == [
        "scores", "recipe", "protocol", "classes", "roc", "calibration", "curves", "counts", "words", "maps", "folds",
        "audit", "left-out", "provenance",
    ]  # fmt: skip
    page_text = page.text
    assert re.search(
        r"UAR 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\) 95% interval; n = 480 test utterances of 24 groups; protocol "
        r"speaker-out\(4\)\. Baselines: the majority class 0\.125 \(.*?\) and shuffled labels 0\.\d{3} \(.*?\); "
        r"the recipe’s interval lies entirely above that of the majority class and that of shuffled labels\.",
        page_text,
    )
    assert "text only" in page_text
    assert "window_s = 0.05, deltas = true, n_mfcc = 13, 40" in page_text
    assert "perplexity 50, seed 7, KL divergence 1.234; 300 of 480 utterances" in page_text
    assert "Sound, with warnings" in page_text
    assert "ab" * 32 in page_text
    assert "LEAKY" not in page_text
    assert "imulated" not in page_text


def test_the_same_results_give_the_same_page() -> None:
    assert experiment.render(of_classes(), AUDIT, drawn()) == experiment.render(of_classes(), AUDIT, drawn())


def test_results_from_a_file_give_the_same_page() -> None:
    read = json.loads(json.dumps(of_classes(tuned=[{"fold": 0, "seed": 7, "hidden": [64, 32]}])))
    assert experiment.render(read, AUDIT, NOTHING) == experiment.render(
        of_classes(tuned=[{"fold": 0, "seed": 7, "hidden": (64, 32)}]), AUDIT, NOTHING
    )


def test_a_leaky_protocol_is_named_in_words() -> None:
    page = experiment.render(of_classes(leaky=True, protocol="random(5)"), AUDIT, NOTHING)
    assert "<title>LEAKY: ravdess-wav2vec2-svm" in page
    page_text = Page(page).text
    assert "ravdess-wav2vec2-svm LEAKY" in page_text
    assert "LEAKY: UAR" in page_text
    assert "Compare these scores only with leaky ones" in page_text


def test_a_declared_leak_is_a_leak() -> None:
    declared = [{"check": "seen speakers", "severity": "declared", "n": 480, "of": 480, "what": "…"}]
    page_text = Page(experiment.render(of_classes(audit=declared), replace(AUDIT, findings=(DECLARED,)), NOTHING)).text
    assert "LEAKY: UAR" in page_text
    assert "declared: seen speakers" in page_text
    assert "Leaks, as declared" in page_text


def test_a_simulated_corpus_says_so_in_the_title() -> None:
    page = experiment.render(of_classes(simulated=True), AUDIT, NOTHING)
    assert "<title>ravdess-wav2vec2-svm (simulated) · undertone</title>" in page
    assert "scores on it say nothing about real speech" in page


def test_sections_without_data_are_left_out() -> None:
    figures = of_classes()
    del figures["calibration"]
    page = Page(experiment.render(figures, replace(AUDIT, findings=()), NOTHING))
    assert page.sections == ["scores", "recipe", "protocol", "classes", "folds", "audit", "provenance"]
    assert "nan" not in page.text.lower().split()
    assert page.charts == ["scores", "per-class"]


def test_several_labels_at_once_have_their_own_scores() -> None:
    page = Page(experiment.render(of_labels(), AUDIT, NOTHING))
    assert page.sections == ["scores", "recipe", "protocol", "classes", "folds", "audit", "provenance"]
    assert re.search(r"Macro F1 0\.\d{3} \(", page.text)
    assert "Micro F1" in page.text
    head = "Label by label label with this label share precision recall F1"
    results = of_labels()
    row = results["scores"]["per_label"]["anger"]
    values = " ".join(f"{row[name]:.3f}" for name in ("precision", "recall", "f1"))
    assert f"{head} anger {row['support']} {row['share_positive']:.1%} {values}" in page.text
    for of_label in results["scores"]["per_label"].values():
        del of_label["support"], of_label["precision"], of_label["recall"]
    earlier = Page(experiment.render(results, AUDIT, NOTHING)).text
    assert f"{head} anger – {row['share_positive']:.1%} – – {row['f1']:.3f}" in earlier
    assert "UAR" not in page.text


def test_a_lower_error_is_better() -> None:
    page = Page(experiment.render(of_values(), AUDIT, NOTHING))
    assert page.sections == ["scores", "recipe", "protocol", "folds", "audit", "provenance"]
    assert re.search(
        r"MAE 0\.\d{3} \(.*mean of the training part .* "
        r"the recipe’s interval lies entirely below that of the mean of the training part",
        page.text,
    )
    assert "-0.000" not in page.text
    assert all(name in page.text for name in ("Correlation", "Acc2", "Acc7"))


def test_several_intensities_have_scores_of_each_emotion_and_at_each_threshold() -> None:
    results = of_intensities()
    page = Page(experiment.render(results, AUDIT, NOTHING))
    assert page.sections == ["scores", "recipe", "protocol", "classes", "folds", "audit", "provenance"]
    assert re.search(r"MSE 0\.\d{3} \(.*lies entirely below that of the mean of the training part", page.text)
    of_anger = [results["scores"]["per_value"]["anger"][name] for name in ("mse", "mae", "correlation")]
    row = " ".join(f"{score['value']:.3f} {score['low']:.3f} to {score['high']:.3f}" for score in of_anger)
    assert f"anger {row}" in page.text
    for bound in ("0.3", "0.5"):
        fear = results["scores"]["per_label_above"][bound]["fear"]
        values = " ".join(f"{fear[name]:.3f}" for name in ("precision", "recall", "f1"))
        assert (
            f"fear {fear['support']} {fear['share_positive']:.1%} {values}"
            in page.text.split(f"Predicted above {bound}")[-1]
        )
    assert page.charts == ["scores", "per-value", "f1-above"]


def test_without_intervals_nothing_is_compared() -> None:
    figures = of_classes(n_groups=1)
    for found in (figures["scores"], *figures["baselines"].values()):
        for name in ("accuracy", "uar", "macro_f1", "weighted_f1"):
            found[name] = found[name] | {"low": None, "high": None}
    page_text = Page(experiment.render(figures, AUDIT, NOTHING)).text
    assert re.search(r"UAR 0\.\d{3} \(no interval\)", page_text)
    assert "without intervals they cannot be compared" in page_text


def test_tuning_lists_the_chosen_settings() -> None:
    chosen = [{"fold": k, "seed": 7, "c": 0.1 if k else 10.0} for k in (-1, 0, 1, 2)]
    page_text = Page(experiment.render(of_classes(tuned=chosen), AUDIT, NOTHING)).text
    assert "c = 0.1 in 3 of 4 fits; c = 10.0 in 1 of 4 fits" in page_text
    assert "all rows (final model)" in page_text


def test_many_folds_are_folded_away() -> None:
    page = Page(
        experiment.render(of_classes(folds=folds(("uar", "macro_f1", "weighted_f1", "accuracy"), 91)), AUDIT, NOTHING)
    )
    assert "91 folds and seeds" in page.text


def test_text_from_outside_is_escaped() -> None:
    classes = (f"a{HOSTILE}", "b")
    figures = of_classes(
        classes,
        experiment=HOSTILE,
        note=HOSTILE,
        notes=[HOSTILE],
        left_out={HOSTILE: 1},
        tuned=[{"fold": 0, "seed": 7, HOSTILE: HOSTILE}],
    )
    figures["model"] = {"name": HOSTILE, "title": HOSTILE, "settings": {HOSTILE: HOSTILE}}
    pictures = drawn(classes)
    words = {HOSTILE: [(HOSTILE, 2.0)], "b": []}
    found = Finding("seen scripts", "warning", 1, 2, HOSTILE, (HOSTILE,))
    text = experiment.render(figures, replace(AUDIT, findings=(found,)), replace(pictures, words=words))
    harmless = Page(text)
    assert not any(name in ("img", "script") for name, _ in harmless.elements)
    assert "{{ 7*7 }}" in harmless.text
    assert f"a{HOSTILE}" in harmless.text.partition("ROC curves")[2].partition("Calibration")[0], "in a legend"


def test_the_page_needs_no_network() -> None:
    page = Page(experiment.render(of_classes(), AUDIT, drawn()))
    assert not any(name in ("link", "img", "iframe") for name, _ in page.elements)
    assert not any("src" in attributes for _, attributes in page.elements)
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in page.elements)
    policy = next(one["content"] for name, one in page.elements if name == "meta" and "http-equiv" in one)
    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
        policy,
    )


def chart(html: str, name: str) -> str:
    """Return a chart's elements."""
    return html.partition(f'<figure id="chart-{name}">')[2].partition("</figure>")[0]


@pytest.mark.parametrize("n", [1, 2])
def test_curves_of_one_fit_and_of_several(n: int) -> None:
    rows = [
        {"fold": fold, "seed": 7, "epoch": 1.0 + epoch, "name": "train_loss", "value": 1.0}
        for fold in range(n)
        for epoch in range(2)
    ]
    drawn = chart(experiment.render(of_classes(), AUDIT, replace(NOTHING, curves=rows)), "curves-0")
    assert drawn.count('d="M250 0L750 0"') == n
    assert "fold 1, seed 7, training: 1.0000 after epoch 2" in drawn
    assert '<p class="xaxis">epoch</p>' in drawn
    assert "↑ Loss" in drawn
    assert re.findall(r">(\d+)</text>", drawn) == ["1", "2", "0", "1"], "no fractions of an epoch"
    assert drawn.count("<use ") == 2 * n, "a line through one point would not be seen"


def test_curves_of_accuracy_stand_below_those_of_the_loss() -> None:
    names = ("train_loss", "learning_rate", "train_accuracy", "development_macro_f1", "development_accuracy")
    rows = [
        {"fold": 0, "seed": 7, "epoch": 1.0 + epoch, "name": name, "value": 0.5} for name in names for epoch in range(2)
    ]
    html = experiment.render(of_classes(), AUDIT, replace(NOTHING, curves=rows))
    titles = [re.findall(r"↑ (.*?)</span>", chart(html, f"curves-{number}")) for number in range(4)]
    assert titles == [["Loss"], ["Accuracy"], ["Macro F1"], ["Learning rate"]]
    assert re.findall(r"<bdi>(\w+)</bdi>", chart(html, "curves-1")) == ["training", "development"]


def test_a_chart_has_at_most_thirty_lines_and_no_values_of_a_diverged_fit() -> None:
    rows = [
        {"fold": fold, "seed": 7, "epoch": epoch, "name": "train_loss", "value": 1.0 if fold else float("nan")}
        for fold in range(100)
        for epoch in range(1, 9)
    ]
    html = experiment.render(of_classes(), AUDIT, replace(NOTHING, curves=rows))
    assert chart(html, "curves-0").count("<path ") == 31
    assert "at most 30 of a part" in Page(html).text
    assert "nan" not in chart(html, "curves-0")


def test_windows_are_described_with_their_own_scores() -> None:
    alone = {"uar": {"value": 0.4321, "low": 0.4, "high": 0.5}}
    clips = {"by": "vote", "floor": 0.4, "smooth": 3}
    cut = {"length_s": 0.5, "hop_s": 0.25, "clips": clips, "n": 4321, "scores": alone}
    page_text = Page(experiment.render({**of_classes(), "windows": cut}, AUDIT, NOTHING)).text
    assert "0.5 s every 0.25 s, 4,321 in all" in page_text
    assert "smoothing over 3, then their votes; no class if none reaches 0.4" in page_text
    assert "Scores of single windows, before they are combined (n = 4,321): UAR 0.432" in page_text
    assert "Scores of single windows" not in Page(experiment.render(of_classes(), AUDIT, NOTHING)).text


def test_a_score_for_every_pair_of_corpora() -> None:
    figures = of_classes()
    row = figures["folds"][0]
    folds = [{**row, "fold": f"{a} → {b}", "uar": value} for a, b, value in (("a", "b", 0.2), ("b", "a", 0.6))]
    html = experiment.render({**figures, "protocol": "corpus-pairs", "folds": folds}, AUDIT, NOTHING)
    assert "UAR, trained on one corpus, tested on another" in Page(html).text
    assert "trained on a b a – 0.200 b 0.600 –" in Page(html).text


def test_inputs_of_a_network() -> None:
    decibels = np.linspace(-80, 0, 40 * 8).reshape(40, 8)
    weights = np.full(40, 1 / 40)
    shown = Attended("u <em id=x>", "joy", "anger", decibels, weights, 0.01)
    varied = Varied({"as it is": decibels, "time masks": decibels}, 0.01)
    html = experiment.render(of_classes(), AUDIT, replace(NOTHING, varied=varied, attended=(shown,)))
    assert chart(html, "varied").count("<image ") == 2
    assert chart(html, "attended-0").count("<image ") == 1
    assert "True: joy; predicted: anger." in Page(html).text
    assert "<em id=x>" not in html
    assert "Test rows are never augmented" in Page(html).text


def test_both_references_with_their_baselines_and_what_they_measure() -> None:
    page = Page(experiment.render(of_classes(references=REFERENCES), AUDIT, NOTHING))
    page_text = page.text
    assert page.sections.index("references") == 1
    rows = "rated test rows, n = 1,234 of 9 groups"
    assert (
        f"Against the weak labels {rows} recipe 0.610 0.520 to 0.700 0.610 0.520 to 0.700 – – lexicons’ vote 1.000 "
        "0.520 to 0.700 – – – majority class 0.333"
    ) in page_text
    assert "The listeners’ majority Whether the sound predicts what people hear. system" in page_text
    assert f"Against the listeners’ majority {rows} recipe 0.610 no interval – – – lexicons’ vote 0.456" in page_text
    assert "2 listeners: anna, <b>ben. Without a majority, and not scored: 17." in page_text
    agreed = "pairwise 0.720 (0.650 to 0.790), Fleiss’ kappa 0.600, Krippendorff’s alpha 0.514 (0.500 to 0.550)."
    assert agreed in page_text
    assert "anna 0.820 0.681 <b>ben 0.790 –" in page_text
    assert "references" not in Page(experiment.render(of_classes(), AUDIT, NOTHING)).sections


def test_calibration_before_and_after() -> None:
    html = experiment.render(of_classes(), AUDIT, NOTHING)
    assert re.search(r"error: 0\.\d{3} before calibration, 0\.012 after calibration", Page(html).text)
    assert "Calibration Temperature scaling (1.25), fitted on the other folds." in Page(html).text
    drawn = chart(html, "reliability")
    assert re.findall(r"</svg> <bdi>(.*?)</bdi>", drawn) == [
        "perfect calibration", "before calibration", "after calibration"
    ]  # fmt: skip
    assert "after calibration: confidence 0.750, accuracy 0.700, 100.0% of the rows" in drawn
    assert '<svg x="75.0%" y="30.0%"><use' in drawn


def test_scores_of_cross_validation_on_the_training_part() -> None:
    measured = {"folds": 5, "unit": "video", "n": 4321, "scores": {"uar": SCORE, "macro_f1": SCORE}, "tuned": []}
    page_text = Page(experiment.render(of_classes(cross_validated=measured), AUDIT, NOTHING)).text
    assert "Cross-validated on the training part (n = 4,321): UAR 0.610 (0.520 to 0.700), Macro F1 0.610" in page_text
    assert "in 5 folds that keep each video whole, each tuned by itself" in page_text


def test_random_weights_are_marked() -> None:
    page_text = Page(experiment.render(of_classes(random_weights=True), AUDIT, NOTHING)).text
    assert "ravdess-wav2vec2-svm RANDOM WEIGHTS" in page_text
    assert "The scores show that the recipe runs, and nothing else." in page_text
    assert "andom weights" not in Page(experiment.render(of_classes(), AUDIT, NOTHING)).text


def test_small_test_sets_and_those_of_one_class_have_a_notice() -> None:
    assert "Small test set" not in Page(experiment.render(of_classes(), AUDIT, NOTHING)).text
    small = Page(experiment.render(of_classes(n=29), AUDIT, NOTHING)).text
    assert small.index("Small test set (29 test utterances): scores of so few") < small.index("95% interval")
    results = of_classes()
    results["scores"]["confusion"] = [[0] * 8, [60] * 8, *[[0] * 8] * 6]
    assert (
        "One class (480 test utterances): the scores do not show"
        in Page(experiment.render(results, AUDIT, NOTHING)).text
    )


def test_a_large_page_stays_under_one_megabyte() -> None:
    rng = np.random.default_rng(1)
    classes = tuple(f"class {k}" for k in range(8))
    pictures = drawn(classes)
    many = Map("functionals", 50.0, 7, 1.2, 2000, 9000, rng.normal(0, 30, (2000, 2)), rng.choice(classes, 2000))
    curves = [
        {"fold": fold, "seed": 7, "epoch": epoch, "name": name, "value": rng.random()}
        for fold in range(91)
        for epoch in range(1, 51)
        for name in ("train_loss", "development_loss", "train_accuracy", "development_accuracy")
    ]
    varied = Varied({f"variation {k}": rng.uniform(-80, 0, (500, 128)) for k in range(9)}, 0.01)
    pictures = replace(pictures, maps=(many, many), curves=curves, varied=varied)
    assert len(experiment.render(of_classes(classes), AUDIT, pictures).encode()) < 1_000_000


@pytest.mark.parametrize("n", [1, 9])
def test_a_search_that_diverges_at_once_is_drawn_as_far_as_it_is_finite(n: int) -> None:
    losses = np.array([*np.linspace(2, 1, n), np.inf, np.nan])
    search = Search("", np.logspace(-5, -1, n + 2), losses, 1e-3)
    rows = [{"fold": 0, "seed": 7, "epoch": epoch, "name": "train_loss", "value": 1.0} for epoch in range(1, 9)]
    html = experiment.render(of_classes(), AUDIT, replace(NOTHING, searched=(search,), curves=rows))
    assert ("chart-searched-0" in html) == (n > 1)
    assert "nan" not in chart(html, "searched-0")


def test_every_chart_has_a_title_and_a_description() -> None:
    html = experiment.render(of_classes(), AUDIT, drawn())
    svgs = re.findall(r'<svg role="img" aria-labelledby="(\S+) (\S+)"', html)
    assert len(svgs) > 5
    for ends in svgs:
        for number, tag in zip(ends, ("title", "desc"), strict=True):
            assert re.search(rf'<{tag} id="{number}">[^<]+</{tag}>', html)
    names = [attributes["id"] for _, attributes in Page(html).elements if "id" in attributes]
    assert len(names) == len(set(names))


def test_empty_settings_are_named_and_totals_are_those_of_the_utterances() -> None:
    results = of_classes()
    results["model"]["settings"] = {"name": "any", "layers": [], "statistics": "mean"}
    first, support = next((name, scores["support"]) for name, scores in results["scores"]["per_class"].items())
    # means over seeds, rounded one by one
    results["scores"]["confusion"][0][-1] += 1
    text = Page(experiment.render(results, AUDIT, NOTHING)).text
    assert "layers = none, statistics = mean" in text
    correct = results["scores"]["confusion"][0][0]
    assert f" {first} {support} {correct} {support - correct} " in text
