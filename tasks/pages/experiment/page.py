"""An experiment's page: its headline with all that it needs to be believed, then what was done, then every figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.leaks.finding import AuditReport
from tasks.pages.common import audit_page, chart_page, score_text, table_page
from tasks.pages.common.chart_page import plain
from tasks.pages.common.headline import Figure, figure
from tasks.pages.experiment import charts as experiment_charts
from tasks.pages.experiment import modalities, spectrogram_charts

if TYPE_CHECKING:
    from tasks.experiments.plot_data import PlotData

MOST_SHOWN = 12
"""Folds, and fits that were tuned, which are shown at once; more are folded away."""
_RELATIONS = {"better": "wholly better than", "worse": "wholly worse than", "overlap": "not apart from"}
_SEEN = "every row, those of the test part included"
_SMALLEST_REM, _LARGEST_REM = 0.85, 2.1


@dataclass(frozen=True)
class Headline:
    """The sentence at the top.

    Args:
        name: its class in the style sheet
        score: the score with its interval
        why: what it stands on, and what stands beside it
    """

    name: str
    score: str
    why: str


@dataclass(frozen=True)
class Word:
    """A word of a cloud: its size, and the log-odds behind it."""

    text: str
    size_rem: float
    strength: float


def render(figures: Mapping[str, Any], audit: AuditReport, pictures: PlotData) -> str:
    """Return the page as HTML; the same input gives the same text.

    Args:
        figures: the content of `metrics.json`
        audit: what was looked for in the folds, and found
        pictures: what is drawn
    """
    charts, captions = _charts(figures, pictures)
    return chart_page.render(
        "pages/experiment/templates/experiment.html",
        charts,
        figures=figures,
        title=f"{figures['experiment']} (simulated)" if figures["simulated"] else figures["experiment"],
        headline=headline(figures),
        leak=score_text.leak(figures),
        measures=score_text.measures(figures),
        by_window=by_window(figures),
        by_class=by_class(figures) if figures["task"] == "classes" else (),
        names=score_text.NAMES,
        gains=(gains := modalities.gains(figures)),
        gained=modalities.verdict(gains),
        meanings=score_text.MEANINGS,
        systems=score_text.systems(figures),
        recipe=recipe(figures),
        protocol=protocol(figures),
        tuned=tuned(figures["tuned"]),
        fold_name=experiment_charts.fold_name,
        most_shown=MOST_SHOWN,
        captions=captions,
        pictures=pictures,
        clouds=clouds(pictures.words),
        verdict=audit_page.verdict(audit),
        found=audit_page.ranked(audit),
        clear=[one for one in audit.findings if not one.n],
        advice=audit_page.advice,
        marks=table_page.MARKS,
    )


def headline(figures: Mapping[str, Any]) -> Headline:
    """Return the headline score with interval, n, protocol and baselines in one sentence."""
    measure, leak = score_text.headline(figures), score_text.leak(figures)
    systems = {name: found[measure] for name, found in score_text.systems(figures).items()}
    mine = systems["recipe"]
    majority = score_text.majority(figures)
    beside = {f"the {majority}": systems[majority]}
    if score_text.SHUFFLED in systems:
        beside[score_text.SHUFFLED] = systems[score_text.SHUFFLED]
    sides = {name: score_text.side(mine, other, measure) for name, other in beside.items()}
    score = f"{'LEAKY: ' if leak else ''}{score_text.NAMES[measure]} {mine.value:.3f} ({mine.interval})"
    groups = f" of {figures['n_groups']:,} groups" if figures["n_groups"] > 1 else ""
    why = (
        f"{figures['confidence']:.0%} interval; n = {figures['n']:,} test utterances{groups}; protocol "
        f"{figures['protocol']}. Beside it: {' and '.join(f'{name} {other}' for name, other in beside.items())}; "
        f"{_relations(sides)}."
    )
    apart = set(sides.values()) == {"better"}
    return Headline("failed" if leak else "passed" if apart else "usable", score, why)


def by_window(figures: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the scores of windows by themselves, before they are scored together; none where there are none."""
    found = (figures.get("windows") or {}).get("scores", {})
    return {name: figure(found[name]) for name in score_text.measures(figures) if name in found}


def by_class(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every class's utterances, how many of them were called so, and its scores."""
    scores = figures["scores"]
    rows = []
    for k, (name, one) in enumerate(scores["per_class"].items()):
        total, correct = sum(scores["confusion"][k]), scores["confusion"][k][k]
        auc = scores["auc"]["per_class"][name]
        rows.append({"name": name, "total": total, "correct": correct, "wrong": total - correct, "auc": auc, **one})
    return rows


def recipe(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was learned, from what, by what, as rows of a table; features and tuning have rows of their own."""
    model = figures["model"]
    settings = {key: value for key, value in model["settings"].items() if key != "name"}
    chosen = f"the first {figures['first_per_class']:,} of each class" if figures["first_per_class"] else ""
    rows = [
        ("corpus", f"{figures['corpus']} (read by {figures['reader']})"),
        ("target", figures["target"] + (f", classes: {figures['labels']}" if figures["labels"] != "all" else "")),
        ("rows used", chosen),
        ("rows chosen by", plain(figures.get("only") or "")),
        ("branches learned from", _SEEN if figures.get("branches_see") == "everything" else ""),
        ("windows", _windows(figures.get("windows"))),
        ("threshold of labels", plain(figures.get("threshold") or "")),
        ("only learned from", plain(figures.get("only_in_training") or "")),
        *((f"features: {one['name']}", _with(one, one["settings"])) for one in figures["features"]),
        ("model", _with(model, settings)),
        ("size of the model", _size_of(model)),
        ("scale", figures["scale"]),
        ("balance", figures["balance"]),
        ("tuning", "; ".join(f"{settings} in {n:,} of {of:,} fits" for settings, n, of in tuned(figures["tuned"]))),
        ("seeds", plain(figures["seeds"])),
    ]
    return [(name, value) for name, value in rows if value]


def _size_of(model: Mapping[str, Any]) -> str:
    if "n_bytes" not in model:
        return ""
    weights = f", {model['n_parameters']:,} parameters" if model["n_parameters"] else ""
    return f"{model['n_bytes'] / 1e6:,.2f} MB on disk{weights}"


def _windows(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    clips = found["clips"]
    smooth = f"smoothed over {clips['smooth']}, " if clips["smooth"] > 1 else ""
    by = {"mean": "the mean of their scores", "vote": "their votes", "max": "their highest score"}[clips["by"]]
    floor = f"; none where no class reaches {clips['floor']:g}" if clips["floor"] else ""
    cut = f"{found['length_s']:g} s every {found['hop_s']:g} s, {found['n']:,} in all"
    return f"{cut}; an utterance is what they say together: {smooth}{by}{floor}"


def protocol(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the protocol as named paragraphs: only what the figures themselves say."""
    per_fold = figures["averaging"] == "per fold"
    resampled = "the folds" if per_fold else f"the test part’s {figures['n_groups']:,} groups, each drawn whole"
    seeds = len(figures["seeds"])
    rows = [
        ("Folds", figures["protocol_in_words"]),
        ("Leaky", f"Yes: {leak}. The figures do not say what the model does on what it has not seen." if leak else "")
        if (leak := score_text.leak(figures))
        else ("Leaky", "No, as far as the protocol goes; the audit below says what it cannot keep apart."),
        ("Intervals", f"{figures['confidence']:.0%}, by bootstrap over {resampled}."),
        ("Seeds", f"Mean over {seeds:,} seeds." if seeds > 1 else ""),
        ("Majority", f"{score_text.majority(figures).capitalize()}: what needs no features at all."),
        (
            "Shuffled labels",
            "The same recipe, trained on labels in random order: what it gives when there is nothing to learn."
            if score_text.SHUFFLED in figures["baselines"]
            else "",
        ),
    ]
    return [(name, value) for name, value in rows if value]


def tuned(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """Return the settings that were chosen, the most frequent first: settings, in how many fits, of how many."""
    counted = Counter(plain({key: value for key, value in one.items() if key not in ("fold", "seed")}) for one in found)
    return [(text, n, len(found)) for text, n in sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))]


def clouds(words: Mapping[str, Sequence[tuple[str, float]]]) -> dict[str, list[Word]]:
    """Return every class's words with their sizes; sizes of different classes compare."""
    strongest = max((strength for found in words.values() for _, strength in found), default=1.0)
    return {
        name: [Word(text, round(_size(strength / strongest), 2), strength) for text, strength in found]
        for name, found in words.items()
        if found
    }


def _size(share: float) -> float:
    return _SMALLEST_REM + (_LARGEST_REM - _SMALLEST_REM) * max(0.0, share)


def _relations(sides: Mapping[str, str | None]) -> str:
    if None in sides.values():
        return "for want of intervals they cannot be compared"
    said = [
        f"{relation} {' and '.join(name for name, found in sides.items() if found == side)}"
        for side, relation in _RELATIONS.items()
        if side in sides.values()
    ]
    return f"the recipe is {', and '.join(said)}"


def _with(named: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return an extractor or a model with its title, and the settings that the recipe states."""
    name = named.get("extractor", named["name"])
    stated = f"; {plain(settings)}" if settings else ""
    return f"{name}: {named['title']}{stated}"


def _charts(figures: Mapping[str, Any], pictures: PlotData) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the charts there is something for, and the captions of those that come in numbers."""
    outputs, found = figures["outputs"], figures["scores"]
    charts = {"scores": experiment_charts.scores(score_text.systems(figures), score_text.measures(figures))}
    if pictures.roc:
        charts["roc"] = experiment_charts.roc(pictures.roc, found["auc"]["per_class"], outputs)
    if calibration := figures.get("calibration"):
        charts["reliability"] = experiment_charts.reliability(calibration["bins"])
    if figures["protocol"] == "corpus-pairs":
        charts["pairs"] = experiment_charts.pairs(figures["folds"], score_text.headline(figures))
    if pictures.counts:
        charts["counts"] = experiment_charts.counts(pictures.counts)
    captions = {}
    for number, (quantity, chart) in enumerate(experiment_charts.curves(pictures.curves).items()):
        charts[f"curves-{number}"] = chart
        captions[f"curves-{number}"] = score_text.NAMES.get(quantity.replace(" ", "_"), quantity.capitalize())
    if pictures.varied:
        charts["varied"] = spectrogram_charts.augmented(pictures.varied.spectrograms, pictures.varied.step_s)
    for number, shown in enumerate(pictures.attended):
        charts[f"attended-{number}"] = spectrogram_charts.attended(
            shown.decibels, shown.weights, shown.step_s, shown.said, shown.actual
        )
    if pictures.shares:
        charts["shares"] = experiment_charts.shares(pictures.shares)
    for number, search in enumerate(pictures.searched):
        charts[f"searched-{number}"] = experiment_charts.searched(search)
    for number, one in enumerate(pictures.maps):
        charts[f"map-{number}"] = experiment_charts.map_of(one, outputs)
    return charts, captions
