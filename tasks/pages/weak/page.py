"""The page itself: one HTML file that needs nothing else and asks the network for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.core import tables
from tasks.core.config import Config
from tasks.pages.common import headline, templating
from tasks.pages.common.palette import COLOURS, MARKS, SYSTEMS
from tasks.pages.weak import by_video, charts, examples, funnel, protocol_text, vote_counts
from tasks.pages.weak.inputs import Material

LISTED_REJECTS = 1000
"""Rejects listed in full per stage; a crawl of thousands of videos must still give a page that opens."""


def page(found: Material, config: Config) -> str:
    """Return the report as HTML; the same material and settings give the same text.

    Raises:
        TableError: if the numbers of the stages do not add up
    """
    templates = templating.environment(score=_score, share=_share, clock=_clock, signed=_signed, link=templating.link)
    scripts = templating.scripts(templates)
    context = _context(found, config)
    return templates.get_template("pages/weak/templates/report.html").render(
        **context, scripts=scripts, script_hashes=templating.hashes(scripts.values())
    )


def _context(found: Material, config: Config) -> dict[str, Any]:
    rows, scores = funnel.funnel(found), found.metrics["test"]["classifier"]
    counted = vote_counts.decided(found.votes, found.segmented)
    figures_at_top = headline.headline(found.metrics)
    spread = vote_counts.spread(counted["score"].to_pylist(), counted["sentiment"].to_pylist())
    test_videos = by_video.test_videos(found.scored, found.videos.to_pylist())
    labels = _labels(found)
    return {
        "title": config.report.title,
        "metrics": found.metrics,
        "cross_validation": found.cross_validation,
        "card": found.card,
        "audit": found.audit,
        "worth": found.worth,
        "worth_by_video": _by_video(found.worth["voters"]),
        "disagreements": _disagreements(found),
        "config": config,
        "digests": found.digests,
        "parameters": _parameters(found, config),
        "headline": figures_at_top,
        "figure_of": headline.figure,
        "measures": headline.MEASURES,
        "systems": headline.SYSTEMS,
        "verdict": headline.verdict(found.metrics),
        "protocol": protocol_text.protocol(found.metrics, found.cross_validation, config),
        "limits": protocol_text.limits(rows, found.metrics),
        "meanings": protocol_text.MEASURES,
        "funnel": [(row, protocol_text.explain(row, config)) for row in rows],
        "widest": {unit: max(row.total for row in rows if row.unit == unit) for unit in ("videos", "utterances")},
        "pairs": vote_counts.pairs([dict(one or ()) for one in counted["votes"].to_pylist()]),
        "spread": spread,
        "n_voted": counted.num_rows,
        "labels": labels,
        "videos": test_videos,
        "examples": _examples(found, config.report.segments_per_class),
        "reject_counts": _reject_counts(found.rejects),
        "rejects": found.rejects,
        "rejected_paths": found.rejected_paths,
        "listed_rejects": LISTED_REJECTS,
        "sentiments": tables.SENTIMENTS,
        "palette": {"classes": COLOURS, "marks": MARKS, "systems": SYSTEMS},
        "charts": {
            "intervals": charts.intervals(figures_at_top),
            "votes": charts.votes(spread, config.polarity.min_score),
            "labels": charts.labels(labels),
            "per-class": charts.per_class(scores["per_class"]),
            "by-video": charts.by_video(test_videos),
            "curve": charts.curve(found.worth["curve"]),
        },
    }


def _labels(found: Material) -> dict[str, dict[str, int]]:
    counts = Counter((row["split"], row["label"]) for row in found.scored)
    return {split: {name: counts[split, name] for name in tables.SENTIMENTS} for split in tables.SPLITS}


def _examples(found: Material, per_class: int) -> tuple[dict[str, Any], ...]:
    loaded = examples.load(examples.choose(found.scored, per_class), found)
    return tuple({"segment": one, "sound": templating.data_url(one.flac, "audio/flac")} for one in loaded)


def _by_video(voters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how often each voter is right in each video that people listened to; None where it does not vote."""
    found = [{one["group"]: one for one in voter["by_group"]} for voter in voters]
    return [{"video": name, "voters": [one.get(name) for one in found]} for name in sorted(set().union(*found))]


def _disagreements(found: Material) -> tuple[dict[str, Any], ...]:
    """Return where labels and listeners differ, with what can be heard there."""
    asked = {row["utterance_id"]: row for row in found.worth["disagreements"] if row["utterance_id"] in found.segmented}
    return tuple(
        {**asked[one.utterance_id], "segment": one, "sound": templating.data_url(one.flac, "audio/flac")}
        for one in examples.load(tuple(asked), found)
    )


def _parameters(found: Material, config: Config) -> dict[str, str]:
    sections = {
        "eligibility": config.eligibility.model_dump(),
        "polarity": config.polarity.model_dump(),
        "acoustic": found.card.get("windows", {}),
        "train": found.card["parameters"],
    }
    return {f"{name}.{key}": _plain(value) for name, section in sections.items() for key, value in section.items()}


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reject_counts(rejects: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    return [entry for stage, table in rejects.items() for entry in _by_reason(stage, table["reason"].to_pylist())]


def _by_reason(stage: str, reasons: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    for reason, count in sorted(Counter(reasons).items(), key=lambda entry: (-entry[1], entry[0])):
        yield stage, reason, count


def _score(value: float) -> str:
    return f"{value:.3f}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if round(value, 2) else "0.00"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
