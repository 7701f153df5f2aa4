"""The report: one HTML file without further files or network access."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.core import tables
from tasks.core.config import Config
from tasks.pages.common import headline, templating
from tasks.pages.weak import by_video, charts, examples, funnel, protocol_text, vote_counts
from tasks.pages.weak.inputs import RunResults

LISTED_REJECTS = 1000
"""Rejects listed per stage, so that the page of a crawl of thousands of videos still opens."""


def page(results: RunResults, config: Config) -> str:
    """Return the report as HTML; the same results and settings give the same text.

    Args:
        results: tables and scores of the run
        config: params.yaml

    Raises:
        TableError: if the numbers of the stages do not add up
    """
    context = _context(results, config)
    return templating.render("pages/weak/templates/report.html", context.pop("charts"), **context)


def _context(results: RunResults, config: Config) -> dict[str, Any]:
    rows, scores = funnel.funnel(results), results.metrics["test"]["classifier"]
    with_score = vote_counts.decided(results.votes, results.segmented)
    headline_rows = headline.headline(results.metrics)
    histogram = vote_counts.histogram(with_score["score"].to_pylist(), with_score["sentiment"].to_pylist())
    test_videos = by_video.test_videos(results.scored, results.videos.to_pylist())
    labels = _labels(results)
    return {
        "title": config.report.title,
        "metrics": results.metrics,
        "cross_validation": results.cross_validation,
        "card": results.card,
        "audit": results.audit,
        "label_quality": results.label_quality,
        "label_quality_by_video": _by_video(results.label_quality["voters"]),
        "disagreements": _disagreements(results),
        "config": config,
        "digests": results.digests,
        "parameters": _parameters(results, config),
        "headline": headline_rows,
        "measures": headline.MEASURES,
        "systems": headline.SYSTEMS,
        "verdict": headline.verdict(results.metrics),
        "protocol": protocol_text.protocol(results.metrics, results.cross_validation, config),
        "limits": protocol_text.limits(rows, results.metrics),
        "meanings": protocol_text.MEASURES,
        "funnel": [(row, protocol_text.explain(row, config)) for row in rows],
        "widest": {unit: max(row.total for row in rows if row.unit == unit) for unit in ("videos", "utterances")},
        "pairs": vote_counts.pairs([dict(votes or ()) for votes in with_score["votes"].to_pylist()]),
        "histogram": histogram,
        "n_voted": with_score.num_rows,
        "labels": labels,
        "videos": test_videos,
        "examples": _examples(results, config.report.segments_per_class),
        "reject_counts": _reject_counts(results.rejects),
        "rejects": results.rejects,
        "rejected_paths": results.rejected_paths,
        "listed_rejects": LISTED_REJECTS,
        "sentiments": tables.SENTIMENTS,
        "charts": {
            "intervals": charts.intervals(headline_rows),
            "votes": charts.votes(histogram, config.polarity.min_score),
            "labels": charts.labels(labels),
            "per-class": charts.per_class(scores["per_class"]),
            "by-video": charts.by_video(test_videos),
            "curve": charts.curve(results.label_quality["curve"]),
        },
    }


def _labels(results: RunResults) -> dict[str, dict[str, int]]:
    counts = Counter((row["split"], row["label"]) for row in results.scored)
    return {split: {name: counts[split, name] for name in tables.SENTIMENTS} for split in tables.SPLITS}


def _examples(results: RunResults, per_class: int) -> tuple[dict[str, Any], ...]:
    loaded = examples.load(examples.choose(results.scored, per_class), results)
    return tuple({"segment": example, "sound": templating.data_url(example.flac, "audio/flac")} for example in loaded)


def _by_video(voters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each voter's accuracy in each video that was listened to; None where it does not vote."""
    by_voter = [{scores["group"]: scores for scores in voter["by_group"]} for voter in voters]
    return [
        {"video": name, "voters": [scores.get(name) for scores in by_voter]} for name in sorted(set().union(*by_voter))
    ]


def _disagreements(results: RunResults) -> tuple[dict[str, Any], ...]:
    """Return where labels and listeners differ, with the segments to play."""
    entries = {
        row["utterance_id"]: row
        for row in results.label_quality["disagreements"]
        if row["utterance_id"] in results.segmented
    }
    return tuple(
        {**entries[example.utterance_id], "segment": example, "sound": templating.data_url(example.flac, "audio/flac")}
        for example in examples.load(tuple(entries), results)
    )


def _parameters(results: RunResults, config: Config) -> dict[str, str]:
    sections = {
        "eligibility": config.eligibility.model_dump(),
        "polarity": config.polarity.model_dump(),
        "acoustic": results.card.get("windows", {}),
        "train": results.card["parameters"],
    }
    return {
        f"{name}.{key}": templating.plain(value) for name, section in sections.items() for key, value in section.items()
    }


def _reject_counts(rejects: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    return [entry for stage, table in rejects.items() for entry in _by_reason(stage, table["reason"].to_pylist())]


def _by_reason(stage: str, reasons: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    for reason, count in sorted(Counter(reasons).items(), key=lambda entry: (-entry[1], entry[0])):
        yield stage, reason, count
