"""Terminal output of `undertone labels`: voters, combinations, thresholds, and the card of a trained voter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from tasks.labelling.quality.threshold import ThresholdPoint

_NOTHING = "–"
PROPOSED = "proposed for rating, no random sample"
"""Reason of the stage `labels` for leaving out a rated utterance."""
RECALL, PRECISION = "recall %\nneg neu pos", "precision %\nneg neu pos"
MARK = "*"
MARKED = "* too good: on rows that it was chosen or trained on."
_BOUNDS = ("value", "low", "high")
_SOFT = ("jensen_shannon", "calibration_error")
_MOST_POINTS = 12


def quality(report: Mapping[str, Any]) -> None:
    """Print voters and combinations, with scores if there are rated texts.

    Args:
        report: from `label_quality.measured`
    """
    console = Console()
    console.print(_voters(report))
    console.print(_combinations(report))
    if report["soft"]:
        console.print(_soft(report))
    for mark in report["marks"]:
        right = ", ".join(f"{escape(name)} {_share(value)}" for name, value in mark["right"].items())
        console.print(f"  Accuracy with {escape(mark['mark'])} ({mark['n']} texts): {right}")
    if report["contradicted"]:
        console.print(
            f"{report['contradicted']} labels contradict all voters, who agree with each other: check them before use."
        )
    if "ratings" in report and report["ratings"]["n_rows"]:
        console.print(escape(report["ratings"]["in_words"]))
    if PROPOSED in report.get("ratings", {}).get("left_out", {}):
        console.print(
            "Rows that were proposed for rating are harder than others, so that scores on them would be biased: only "
            "rows drawn at random count, and rows without a mark."
        )
    if not report["n_heard"]:
        console.print("There are no ratings to score against. Collect some with undertone annotate to see scores here.")
    else:
        console.print(
            f"Scores on {report['n_heard']} texts of {report['n_groups_heard']} groups; {report['confidence']:.0%} "
            "intervals, bootstrap over groups. Recall and precision: of negative, neutral and positive. Everywhere: a "
            "missing label counts as neutral."
        )
        if report.get("learning_curve"):
            console.print(f"{escape(report['learning_curve']['in_words'])} Table: undertone labels curve.")
    _chosen_on(report, console)


def audit(report: Mapping[str, Any]) -> bool:
    """Print the rules that the labels depend on, and the scored rows that they were chosen on.

    Args:
        report: from the stage `labels`

    Returns:
        whether a rule was chosen on scored rows
    """
    console = Console()
    if "selection" in report:
        console.print(escape(report["selection"]["in_words"]))
    if not report["rules"]:
        console.print("No rule in use was tuned, selected or trained on rated rows.")
    for rule in report["rules"]:
        console.print(f"{'violation: ' if rule['same'] else ''}{escape(rule['in_words'])}.")
        for name in rule["same"]:
            console.print(f"  {escape(name)}", soft_wrap=True)
    violated = [rule for rule in report["rules"] if rule["same"]]
    if not violated:
        console.print(f"{report['n_heard']} scored rows: no rule in use was chosen on any of them.")
    return bool(violated)


def _chosen_on(report: Mapping[str, Any], console: Console) -> None:
    """Print which rows were used for selection, and the cross-validated scores of a selected combination."""
    if "selection" in report:
        console.print(escape(report["selection"]["in_words"]))
        if report["selection"]["table"]:
            console.print(_cross_validated(report["selection"]))
    elif report.get("cross_validated"):
        console.print(
            "stacking: every text by a model that was not trained on its group. selected: the combination with the "
            "best score in folds of the other groups. Nothing else was chosen on these texts."
        )
    else:
        console.print("Nothing was chosen on these texts.")
    rules = report.get("rules", ())
    for rule in rules:
        console.print(f"{escape(rule['in_words'][0].upper() + rule['in_words'][1:])}.")
    if any(rule["same"] for rule in rules):
        console.print(MARKED)


def _cross_validated(selection: Mapping[str, Any]) -> Table:
    table = Table(title=f"Candidates, cross-validated: {selection['protocol']}")
    for name in ("labels", RECALL, PRECISION, "macro F1"):
        table.add_column(name, justify="left" if name == "labels" else "right", no_wrap=True)
    rows = [
        *selection["table"],
        *([{"name": "the selection itself", **selection["nested"]}] if selection["nested"] else []),
    ]
    for row in rows:
        chosen = ", chosen" if row["name"] == selection["chosen"] else ""
        shares = (by_class(row["per_class"], name) for name in ("recall", "precision"))
        table.add_row(f"{escape(row['name'])}{chosen}", *shares, _score(row))
    return table


def _soft(report: Mapping[str, Any]) -> Table:
    table = Table(title=f"Against the shares of the ratings, {report['soft'][0]['n']} texts with several raters")
    for name in ("labels", "Jensen–Shannon\ndistance", "calibration\nerror"):
        table.add_column(name, justify="left" if name == "labels" else "right", no_wrap=True)
    for row in report["soft"]:
        table.add_row(escape(row["name"]), *(_with_bounds(*(row[key][b] for b in _BOUNDS)) for key in _SOFT))
    return table


def by_class(per_class: Mapping[str, Mapping[str, float]], name: str) -> str:
    """Return recall or precision of negative, neutral and positive in per cent, such as "70  43  87".

    Args:
        per_class: class to scores
        name: `recall` or `precision`
    """
    return " ".join(f"{per_class[label][name] * 100:3.0f}" for label in ("negative", "neutral", "positive"))


def proposal(points: Sequence[ThresholdPoint], proposed: Mapping[str, Any], where: str) -> None:
    """Print the curve of thresholds, the proposed threshold, and its optimistic and nested scores.

    Args:
        points: the curve
        proposed: from `tasks.stages.labels.proposed`
        where: the texts it was chosen on: `training` videos, or the `scored` ones
    """
    thresholds("Threshold, coverage, agreement with listeners", points)
    console = Console()
    console.print(
        f"Proposed: polarity.{proposed['parameter']}: {proposed['value']:.3f} (coverage {proposed['coverage']:.0%})"
    )
    nested = proposed["nested"]
    table = Table()
    for name in ("macro F1", "score", "texts"):
        table.add_column(name, justify="left" if name == "macro F1" else "right")
    optimistic = _with_bounds(proposed["macro_f1"], proposed["low"], proposed["high"])
    table.add_row("where it was chosen (optimistic)", optimistic, str(proposed["n"]))
    if nested is not None:
        by = "other videos" if nested["by"] == "videos" else "other utterances of the same video"
        value = _with_bounds(nested["macro_f1"], nested["low"], nested["high"])
        table.add_row(f"nested, on {by} ({nested['n_folds']} folds)", value, str(nested["n"]))
    console.print(table)
    if nested is not None and nested["by"] == "utterances":
        console.print(
            "Only one video is rated, so folds are of utterances: scores on other videos may be lower. Rate segments "
            "of other videos before you report this score."
        )
    if where == "scored":
        console.print(
            "It was chosen on the rows that labels are scored on, so their scores will be too good if you use it "
            "(undertone labels audit). To avoid this, rate 20 segments of training videos: "
            "undertone annotate --order random --split train"
        )
    else:
        console.print(
            "Chosen on training videos: with this threshold, scores of the labels leave these rows out, as long as "
            "test videos are rated."
        )


def learning_curve(report: Mapping[str, Any], confidence: float) -> None:
    """Print macro F1 by number of ratings, and what more ratings would bring.

    Args:
        report: from `learning_curve.measured`
        confidence: of the intervals
    """
    ways = report["ways"]
    table = Table(title=f"Macro F1 on other {report['by']} by number of ratings")
    for name in ("ratings", *(way["name"] for way in ways)):
        table.add_column(name, justify="right")
    for points in zip(*(way["points"] for way in ways), strict=True):
        cells = (_on_one_line(point) for point in points)
        table.add_row(str(points[0]["n"]), *cells)
    console = Console()
    console.print(table)
    console.print(
        f"Labels in use: {_on_one_line(report['used'])}. {report['n']} rated texts of {report['n_groups']} videos, "
        f"{report['repeats']} times {report['folds']} folds by {report['by']}; a missing label counts as neutral; "
        f"{confidence:.0%} intervals."
    )
    console.print(escape(report["in_words"]))


def thresholds(title: str, points: Sequence[ThresholdPoint]) -> None:
    """Print coverage and macro F1 at about a dozen thresholds, ascending.

    Args:
        title: of the table
        points: of a curve
    """
    table = Table(title=title)
    for name in ("threshold", "coverage", "n", "macro F1 (interval)"):
        table.add_column(name, justify="right", no_wrap=True)
    step = -(-len(points) // _MOST_POINTS) or 1
    for point in points[::step]:
        bounds = "" if point.low is None or point.high is None else f" ({point.low:.3f} to {point.high:.3f})"
        score = _NOTHING if point.macro_f1 is None else f"{point.macro_f1:.3f}{bounds}"
        table.add_row(f"{point.threshold:.3f}", f"{point.coverage:.0%}", str(point.n), score)
    Console().print(table)


def card(fields: Mapping[str, Any], folder: Path) -> None:
    """Print a trained voter's training data and cross-validated score.

    Args:
        fields: the voter's card
        folder: the voter's folder
    """
    held_out = fields["held_out"]
    console = Console()
    console.print(
        f"{escape(str(fields['name']))}: trained on {fields['n_texts']:,} texts ({escape(str(fields['trained_on']))}); "
        f"encoder {escape(str(fields['encoder']['name']))}, {fields['encoder']['precision']}"
    )
    console.print(_learned_scores(fields))
    recalls = ", ".join(
        f"{label} {scores['recall']:.2f} at precision {scores['precision']:.2f}"
        for label, scores in held_out["per_class"].items()
    )
    console.print(f"Recall: {recalls}. Calibration error {held_out['calibration_error']:.3f}.")
    console.print(f"Held out: {held_out['protocol']}.")
    use = f"polarity.voters: [vader, textblob, afinn, {fields['name']}]"
    console.print(f"Written to {escape(str(folder))}. To use it: {escape(use)}")


def _learned_scores(fields: Mapping[str, Any]) -> Table:
    """Return a table of a voter's scores: held out, without stop words, and on sources it was not trained on."""
    rows = [("held-out groups", fields["held_out"])]
    rows += [(f"{entry['tested_on']}, trained on the others", entry) for entry in fields["across_sources"]]
    lexicon = (rows[0][1]["renderings"][0]["lexicon"] or {}).get("name")
    table = Table(title="Macro F1 on texts it was not trained on")
    for name in ("texts", "n", "voter", *((lexicon, f"over {lexicon}") if lexicon else ())):
        table.add_column(name, justify="left" if name == "texts" else "right", no_wrap=name != "texts")
    for name, entry in rows:
        for number, scored in enumerate(entry["renderings"]):
            cells = [escape(scored["texts"] if number else name), str(entry["n"]), _score(scored)]
            if beside := scored["lexicon"]:
                gain = _with_bounds(*(beside["gain"][key] for key in _BOUNDS), signed=True)
                cells += [f"{beside['macro_f1']:.3f}", gain]
            table.add_row(*cells, end_section=number == len(entry["renderings"]) - 1)
    return table


def _voters(report: Mapping[str, Any]) -> Table:
    table = Table(title=f"Voters, {report['n']} texts")
    for name in ("voter", "votes", "n", RECALL, PRECISION, "macro F1"):
        table.add_column(name, justify="left" if name == "voter" else "right", no_wrap=name != "voter")
    for voter in report["voters"]:
        gold = voter["gold"]
        mark = MARK if voter["too_good"] else ""
        shares = [by_class(gold["per_class"], name) for name in ("recall", "precision")] if gold else [_NOTHING] * 2
        n, score = (str(gold["n"]), _score(gold, mark)) if gold else (_NOTHING, _NOTHING)
        table.add_row(escape(voter["name"]), _share(voter["coverage"]), n, *shares, score)
    return table


def _combinations(report: Mapping[str, Any]) -> Table:
    if not report["n_heard"]:
        return _coverages(report)
    best = next((row["gain"]["over"] for row in report["combinations"] if row["gain"]), None)
    table = Table(title="Labels from the votes")
    gain = f"macro F1\nover {escape(best)}" if best else "gain"
    for name in ("labels", "recall,\nprecision %", "macro F1\neverywhere", "macro F1\nlabelled", gain):
        table.add_column(name, justify="left" if name == "labels" else "right", no_wrap=True)
    for row in report["combinations"]:
        mark = MARK if row["too_good"] else ""
        everywhere = row["everywhere"]["per_class"]
        table.add_row(
            f"{escape(row['name'])}\n{_share(row['coverage'])}{', used' if row['used'] else ''}",
            f"R {by_class(everywhere, 'recall')}\nP {by_class(everywhere, 'precision')}",
            _score(row["everywhere"], mark),
            _score(row["covered"], mark),
            _with_bounds(*(row["gain"][key] for key in _BOUNDS), signed=True) if row["gain"] else _NOTHING,
        )
    return table


def _coverages(report: Mapping[str, Any]) -> Table:
    table = Table(title="Labels from the votes")
    for name in ("labels", "coverage"):
        table.add_column(name, justify="left" if name == "labels" else "right")
    for row in report["combinations"]:
        table.add_row(f"{row['name']}{' (used)' if row['used'] else ''}", _share(row["coverage"]))
    return table


def _score(scores: Mapping[str, Any] | None, mark: str = "") -> str:
    return _NOTHING if scores is None else _with_bounds(*(scores["macro_f1"][key] for key in _BOUNDS), mark=mark)


def _with_bounds(
    value: float | None, low: float | None, high: float | None, *, signed: bool = False, mark: str = ""
) -> str:
    if value is None:
        return _NOTHING
    form = "+.3f" if signed else ".3f"
    bounds = "" if low is None or high is None else f"\n{low:{form}}{' to ' if signed else '–'}{high:{form}}"
    return f"{value:{form}}{mark}{bounds}"


def _on_one_line(score: Mapping[str, Any]) -> str:
    return _with_bounds(*(score[key] for key in _BOUNDS)).replace("\n", " (") + ("" if score["low"] is None else ")")


def _share(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.0%}"
