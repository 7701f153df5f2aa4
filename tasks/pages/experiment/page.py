"""HTML page of an experiment: headline score with interval, n, protocol and baselines; then the details."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.evaluation.scores import PRESENT_ABOVE
from tasks.leaks.finding import AuditReport
from tasks.pages.common import audit_page, score_text, templating
from tasks.pages.common.charts import Chart
from tasks.pages.common.score_text import Score
from tasks.pages.common.templating import plain
from tasks.pages.experiment import adaptation, modalities, spectrogram_charts
from tasks.pages.experiment import charts as experiment_charts
from tasks.pages.experiment.charts import HeatTable
from tasks.pages.experiment.robustness import RobustnessSection

if TYPE_CHECKING:
    from tasks.experiments.plot_data import PlotData

MOST_SHOWN = 12
"""Rows of the tables of folds and of tuned fits; longer tables are collapsed."""
_SEEN = "all rows, including those of the test part"
_SOUND = "No, by its protocol; the audit below lists what the protocol does not keep apart."
_SMALLEST_REM, _LARGEST_REM = 0.85, 2.1


class SourceScore(NamedTuple):
    """A score in a source document.

    Args:
        source: name of the system
        score: as published, such as "accuracy 0.481"
        measure: as results name it, or an empty text if these have no such score
        protocol: the source's, in its words, or an empty text
        leaky: whether the source's training and test part share what they must not
    """

    source: str
    score: str
    measure: str
    protocol: str
    leaky: bool

    @property
    def value(self) -> str:
        """The score without the name of its measure, for a column that has this name."""
        return self.score[len(score_text.NAMES[self.measure]) :].strip(" :") if self.measure else self.score


def render(
    results: Mapping[str, Any],
    audit: AuditReport,
    plot_data: PlotData,
    source: SourceScore | None = None,
    altered: RobustnessSection | None = None,
) -> str:
    """Return the page as HTML; the same input gives the same text.

    Args:
        results: content of `results.json`
        audit: checks of the folds, and findings
        plot_data: data of the charts
        source: the score that the recipe's source reports
        altered: scores on altered sound; None: there is no such section
    """
    variables = context(results, audit, plot_data) | {"robustness": altered}
    return templating.render(
        "pages/experiment/templates/experiment.html", variables.pop("charts"), source_score=source, **variables
    )


def context(results: Mapping[str, Any], audit: AuditReport, plot_data: PlotData) -> dict[str, Any]:
    """Return the variables of the template; pages that extend it add theirs.

    Args:
        results: content of `results.json`
        audit: checks of the folds, and findings
        plot_data: data of the charts
    """
    charts, captions = _charts(results, plot_data)
    return {
        "charts": charts,
        "heat_tables": _heat_tables(results, plot_data),
        "notices": score_text.notices(results),
        "results": results,
        "kind": "experiment",
        "limits": (),
        "cross_validated": _in_line(results, "cross_validated"),
        "random_weights": results.get("random_weights", False),
        "references": (references := results.get("references", ())),
        "heard": max((one for one in references if "annotators" in one), key=lambda one: int(one["n"]), default=None),
        "reliability": _reliability(results),
        "adapted": adaptation.rows(results),
        "adapted_folds": adaptation.folds(results),
        "adapted_in_words": adaptation.sentences(results),
        "adaptation_warning": adaptation.warning(results),
        "behaviour": results.get("behaviour"),
        "robustness": None,
        "abstention": results.get("abstention"),
        "alone": (results.get("calibration") or {}).get("alone"),
        "title": f"{results['experiment']} (simulated)" if results["simulated"] else results["experiment"],
        "headline": score_text.summary(results),
        "leak": score_text.leak(results),
        "measures": score_text.measures(results),
        "by_window": _in_line(results, "windows"),
        "by_class": _by_class(results) if results["task"] == "classes" else (),
        "accuracy_above": _accuracy_above(results["scores"]),
        "names": score_text.NAMES,
        "gains": (gains := modalities.gains(results)),
        "gained": modalities.verdict(gains),
        "meanings": score_text.MEANINGS,
        "systems": score_text.systems(results),
        "recipe": _recipe(results),
        "protocol": _protocol(results),
        "tuned": _tuned(results["tuned"]),
        "fold_name": experiment_charts.fold_name,
        "most_shown": MOST_SHOWN,
        "most_fits": experiment_charts.MOST_FITS,
        "captions": captions,
        "plot_data": plot_data,
        "clouds": _clouds(plot_data.words),
        **audit_page.context(audit),
    }


def _in_line(results: Mapping[str, Any], key: str) -> str:
    """Return the scores of a part of the results, such as `windows`, in one line; "" without that part."""
    scores = (results.get(key) or {}).get("scores", {})
    names = (name for name in score_text.measures(results) if name in scores)
    return ", ".join(f"{score_text.NAMES[name]} {Score.of(scores[name])}" for name in names)


def _by_class(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every class's utterances, how many are predicted correctly, and its scores."""
    scores = results["scores"]
    rows = []
    for k, (name, of_class) in enumerate(scores["per_class"].items()):
        # cells are means over seeds, each rounded: their sum may differ from the number of utterances
        total, correct = of_class["support"], scores["confusion"][k][k]
        auc = scores["auc"]["per_class"][name]
        rows.append(
            {"name": name, "total": total, "correct": correct, "wrong": total - correct, "auc": auc, **of_class}
        )
    return rows


def _accuracy_above(scores: Mapping[str, Any]) -> dict[str, Score]:
    """Return the accuracy of labels at each threshold on intensities; nothing of other targets."""
    ends = {str(bound): end for end, bound in PRESENT_ABOVE.items()}
    return {bound: Score.of(scores[f"accuracy_{ends[bound]}"]) for bound in scores.get("per_label_above", ())}


def _recipe(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the recipe as rows of a table: what is learned, from which rows and features, by which model."""
    model = results["model"]
    settings = {key: value for key, value in model["settings"].items() if key != "name"}
    chosen = f"the first {results['first_per_class']:,} of each class" if results["first_per_class"] else ""
    rows = [
        ("corpus", f"{results['corpus']} (read by {results['reader']})"),
        ("target", results["target"] + (f", classes: {results['labels']}" if results["labels"] != "all" else "")),
        ("rows used", chosen),
        ("rows chosen by", plain(results.get("only") or "")),
        ("branches trained on", _SEEN if results.get("branches_see") == "everything" else ""),
        ("windows", _windows(results.get("windows"))),
        ("threshold of labels", plain(results.get("threshold") or "")),
        ("only in training", plain(results.get("only_in_training") or "")),
        *(
            (f"features: {feature_set['name']}", _with(feature_set, feature_set["settings"]))
            for feature_set in results["features"]
        ),
        ("model", _with(model, settings)),
        ("size of the model", _size_of(model)),
        ("scale", results["scale"]),
        ("balance", results["balance"]),
        ("tuning", "; ".join(f"{settings} in {n:,} of {of:,} fits" for settings, n, of in _tuned(results["tuned"]))),
        ("seeds", plain(results["seeds"])),
    ]
    return [(name, value) for name, value in rows if value]


def _size_of(model: Mapping[str, Any]) -> str:
    if "n_bytes" not in model:
        return ""
    weights = f", {model['n_parameters']:,} parameters" if model["n_parameters"] else ""
    return f"{model['n_bytes'] / 1e6:,.2f} MB on disk{weights}"


def _windows(windows: Mapping[str, Any] | None) -> str:
    if not windows:
        return ""
    clips = windows["clips"]
    smooth = f"smoothing over {clips['smooth']}, then " if clips["smooth"] > 1 else ""
    by = {"mean": "the mean of their scores", "vote": "their votes", "max": "their highest score"}[clips["by"]]
    floor = f"; no class if none reaches {clips['floor']:g}" if clips["floor"] else ""
    cut = f"{windows['length_s']:g} s every {windows['hop_s']:g} s, {windows['n']:,} in all"
    return f"{cut}; combined for each utterance by {smooth}{by}{floor}"


def _protocol(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the protocol as named paragraphs."""
    per_fold = results["averaging"] == "per fold"
    resampled = "the folds" if per_fold else f"the test part’s {results['n_groups']:,} groups, each drawn whole"
    seeds, leak, adapted = len(results["seeds"]), score_text.leak(results), results.get(adaptation.KEY)
    rows = [
        ("Folds", results["protocol_in_words"]),
        ("Adaptation", f"{adapted['protocol']}: {adapted['in_words']}" if adapted else ""),
        ("Leaky", f"Yes: {leak}. The scores do not show how the model performs on unseen data." if leak else _SOUND),
        ("Cross-validation", _cross_validation(results.get("cross_validated"))),
        ("Calibration", _calibration(results.get("calibration"))),
        ("Intervals", f"{results['confidence']:.0%}, by bootstrap over {resampled}."),
        ("Seeds", f"Mean over {seeds:,} seeds." if seeds > 1 else ""),
        (
            "Majority",
            f"{score_text.majority(results).capitalize()}: a baseline that uses no features. It gives the same "
            "answer in every fold, from the training parts of all folds.",
        ),
        (
            "Shuffled labels",
            "The same recipe trained on labels in random order: the score if there is nothing to learn."
            if score_text.SHUFFLED in results["baselines"]
            else "",
        ),
    ]
    return [(name, value) for name, value in rows if value]


def _tuned(fits: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """Return the settings that were chosen, most frequent first: settings, in how many fits, of how many."""
    counted = Counter(plain({key: value for key, value in fit.items() if key not in ("fold", "seed")}) for fit in fits)
    return [(text, n, len(fits)) for text, n in sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))]


def _clouds(words: Mapping[str, Sequence[tuple[str, float]]]) -> dict[str, list[tuple[str, float, float]]]:
    """Return every class's words with their sizes in rem, which compare across classes, and their log-odds ratios."""
    strongest = max((strength for of_class in words.values() for _, strength in of_class), default=1.0)
    return {
        name: [
            (word, round(_SMALLEST_REM + (_LARGEST_REM - _SMALLEST_REM) * max(0.0, strength / strongest), 2), strength)
            for word, strength in of_class
        ]
        for name, of_class in words.items()
        if of_class
    }


def _with(named: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return the title of an extractor or a model, and the settings that the recipe sets."""
    name = named.get("extractor", named["name"])
    stated = f"; {plain(settings)}" if settings else ""
    return f"{name}: {named['title']}{stated}"


def _cross_validation(measured: Mapping[str, Any] | None) -> str:
    if not measured:
        return ""
    return (
        f"The training part in {measured['folds']} folds that keep each {measured['unit']} whole, each tuned by itself."
    )


def _calibration(measured: Mapping[str, Any] | None) -> str:
    if not measured or not measured.get("temperature"):
        return ""
    return f"{measured['method'].capitalize()} ({measured['temperature']:.3g}), fitted on {measured['fitted_on']}."


def _reliability(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the reliability before and after calibration; nothing for other tasks than classes."""
    calibration = results.get("calibration") or {}
    named = {
        "before calibration": calibration.get("before"),
        "after calibration": calibration.get("after"),
    }
    return {name: part for name, part in named.items() if part and part["bins"]}


def _charts(results: Mapping[str, Any], plot_data: PlotData) -> tuple[dict[str, Chart], dict[str, str]]:
    """Return the charts that there are data for, and the captions of those whose number varies."""
    charts, captions = _score_charts(results, plot_data) | _certainty_charts(results), {}
    if any(n for by_class in plot_data.counts.values() for n in by_class.values()):
        charts["counts"] = experiment_charts.counts(plot_data.counts)
    for number, (quantity, chart) in enumerate(experiment_charts.curves(plot_data.curves).items()):
        charts[f"curves-{number}"] = chart
        captions[f"curves-{number}"] = experiment_charts.curve_title(quantity)
    if plot_data.varied:
        charts["varied"] = spectrogram_charts.augmented(plot_data.varied.spectrograms, plot_data.varied.step_s)
    for number, attended in enumerate(plot_data.attended):
        charts[f"attended-{number}"] = spectrogram_charts.attended(attended.decibels, attended.weights, attended.step_s)
    for number, search in enumerate(plot_data.searched):
        if drawn := experiment_charts.searched(search):
            charts[f"searched-{number}"] = drawn
    for number, plane in enumerate(plot_data.maps):
        charts[f"map-{number}"] = experiment_charts.map_of(plane, results["outputs"])
    return charts, captions


def _score_charts(results: Mapping[str, Any], plot_data: PlotData) -> dict[str, Chart]:
    """Return the charts of scores, of all classes and of each."""
    outputs, scores = results["outputs"], results["scores"]
    charts = {"scores": experiment_charts.scores(score_text.systems(results), score_text.measures(results))}
    if plot_data.roc:
        charts["roc"] = experiment_charts.roc(plot_data.roc, scores["auc"]["per_class"], outputs)
    if results["task"] == "classes":
        charts["per-class"] = experiment_charts.per_class(scores["per_class"])
    if "per_value" in scores:
        by_value = {
            name: {measure: Score.of(score) for measure, score in by_measure.items()}
            for name, by_measure in scores["per_value"].items()
        }
        charts["per-value"] = experiment_charts.per_value(by_value)
        charts["f1-above"] = experiment_charts.f1_above(scores["per_label_above"])
    return charts


def _certainty_charts(results: Mapping[str, Any]) -> dict[str, Chart]:
    """Return the charts of calibration and abstention, of classes only."""
    charts = {}
    if reliability := _reliability(results):
        charts["reliability"] = experiment_charts.reliability(reliability)
    if results.get("abstention"):
        charts["abstention"] = experiment_charts.abstention(results["abstention"])
    return charts


def _heat_tables(results: Mapping[str, Any], plot_data: PlotData) -> dict[str, HeatTable]:
    """Return the tables with shaded cells that there are data for."""
    tables = {}
    if results["protocol"] == "corpus-pairs":
        tables["pairs"] = experiment_charts.pairs(results["folds"], score_text.headline(results))
    if plot_data.shares:
        tables["shares"] = experiment_charts.shares(plot_data.shares)
    return tables
