"""The report: an experiment's page, and how its labels and rows came about; one HTML file without network access."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.corpora.doctor.speech_findings import summary
from tasks.pages.common import speech_bars, templating
from tasks.pages.common.charts import Chart
from tasks.pages.experiment import page as experiment_page
from tasks.pages.weak import by_video, charts, examples, funnel, protocol_text, speakers_by_video, vote_counts
from tasks.pages.weak.by_video import VideoResult
from tasks.pages.weak.inputs import RunResults
from tasks.pages.weak.vote_counts import ScoreHistogram

MOST_BYTES = 990_000
"""Size of a page, unless its text alone is larger: sounds that do not fit are left out."""
LISTED_REJECTS = 200
"""Rejects listed per stage, so that the page of a crawl of thousands of videos stays small."""
LISTED_VIDEOS = 200
"""Rows of the tables of videos, for the same reason."""
_TEMPLATE, _SCRIPTS = "pages/weak/templates/report.html", ("pages/common/templates/page.js",)


def page(results: RunResults, config: Config) -> str:
    """Return the report as HTML; the same results and settings give the same text.

    Args:
        results: tables and scores of the run
        config: params.yaml

    Raises:
        TableError: if the numbers of the stages do not add up
    """
    variables = _context(results, config)
    charts, segments = variables.pop("charts"), _segments(results, config)

    def rendered(most_sound_bytes: int) -> str:
        *by_class, differ = examples.limit_sounds(segments, most_sound_bytes)
        chosen = [segment for of_class in by_class for segment in of_class]
        return templating.render(_TEMPLATE, charts, _SCRIPTS, examples=chosen, disagreements=differ, **variables)

    # the sounds get the room that the rest of the page leaves
    return rendered(MOST_BYTES - len(rendered(0).encode()))


def _context(results: RunResults, config: Config) -> dict[str, Any]:
    shared = experiment_page.context(results.metrics, results.audit, results.plot_data)
    rows = funnel.funnel(results)
    with_score = vote_counts.decided(results.votes, results.segmented)
    histogram = vote_counts.histogram(with_score["score"].to_pylist(), with_score["sentiment"].to_pylist())
    test_videos = by_video.test_videos(results.scored, results.videos.to_pylist())
    speakers = speakers_by_video.speakers(results.voices.to_pylist())
    recipe = config.report.experiment
    sections = {name: getattr(config, name) for name in ("eligibility", "polarity", "evaluate")}
    sections |= {"transcribe": config.transcribe} if config.transcribe.is_on else {}
    sections |= {f"experiments.{recipe}": config.experiments[recipe]} if recipe in config.experiments else {}
    return shared | {
        "kind": "sentiment in speech: labels from captions, classifier on audio",
        "title": config.report.title,
        "protocol": [*protocol_text.labels(config), *shared["protocol"]],
        "limits": protocol_text.limits(rows, results),
        "label_quality": results.label_quality,
        "label_quality_by_video": _by_video(results.label_quality["voters"]),
        "speech_bars": speech_bars.charted(summary(results.signals)),
        "recognised": results.recognised,
        "word_errors": {
            name: sum(row[name] or 0 for row in results.recognised) for name in ("n_errors", "n_reference_words")
        },
        "config": config,
        "digests": results.digests,
        "parameters": {
            f"{name}.{key}": value for name, section in sections.items() for key, value in section.model_dump().items()
        },
        "funnel": [(row, protocol_text.explain(row, config)) for row in rows],
        "widest": {unit: max(row.total for row in rows if row.unit == unit) for unit in ("videos", "utterances")},
        "pairs": vote_counts.pairs([dict(votes or ()) for votes in with_score["votes"].to_pylist()]),
        "histogram": histogram,
        "n_voted": with_score.num_rows,
        "videos": test_videos,
        "listed_videos": by_video.evenly(test_videos, LISTED_VIDEOS),
        "most_listed": LISTED_VIDEOS,
        "most_videos": charts.MOST_VIDEOS,
        "predictions_path": paths.experiment(recipe) / "predictions.parquet",
        "speakers_path": paths.SPEAKER_VOICES,
        "speakers": speakers,
        "n_persons": speakers_by_video.n_persons(speakers),
        "reject_counts": [entry for stage, table in results.rejects.items() for entry in _by_reason(stage, table)],
        "rejects": results.rejects,
        "rejected_paths": results.rejected_paths,
        "listed_rejects": LISTED_REJECTS,
        "sentiments": tables.SENTIMENTS,
        "charts": shared["charts"] | _charts(histogram, test_videos, results, config),
    }


def _charts(
    histogram: ScoreHistogram, test_videos: Sequence[VideoResult], results: RunResults, config: Config
) -> dict[str, Chart]:
    """Return the charts that there are data for."""
    drawn = {
        "votes": charts.votes(histogram, config.polarity.min_score) if histogram.n else None,
        "curve": charts.curve(results.label_quality["curve"]),
        "learning-curve": charts.learning_curve(results.label_quality.get("learning_curve")),
        "by-video": charts.by_video(test_videos),
    }
    return {name: chart for name, chart in drawn.items() if chart}


def _by_video(voters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each voter's accuracy in each video that was listened to; None where it does not vote."""
    by_voter = [{scores["group"]: scores for scores in voter["by_group"]} for voter in voters]
    return [
        {"video": name, "voters": [scores.get(name) for scores in by_voter]} for name in sorted(set().union(*by_voter))
    ]


def _segments(results: RunResults, config: Config) -> list[list[dict[str, Any]]]:
    """Return the segments to play: examples of each class, then those where labels and listeners differ."""
    chosen = examples.load(examples.choose(results.scored, config.report.segments_per_class), results)
    by_class = [[segment for segment in chosen if segment["label"] == name] for name in tables.SENTIMENTS]
    rows = [row for row in results.label_quality["disagreements"] if row["utterance_id"] in results.segmented]
    segments = examples.load([row["utterance_id"] for row in rows], results)
    return [*by_class, [segment | row for segment, row in zip(segments, rows, strict=True)]]


def _by_reason(stage: str, table: Any) -> Iterator[tuple[str, str, int]]:
    counts = Counter(table["reason"].to_pylist())
    for reason, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
        yield stage, reason, count
