"""Tables and scores that the report shows, read from the files of the stages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasks.core import artifacts, paths, pipeline_file, tables
from tasks.core.config import INTERVIEWS
from tasks.core.errors import ConfigError
from tasks.leaks.finding import AuditReport

if TYPE_CHECKING:
    from tasks.experiments.plot_data import PlotData

_EXTRACT = "extract@"


@dataclass(frozen=True)
class RunResults:
    """Tables and scores of one run.

    Attributes:
        segmented: ids of the utterances with a segment
        featured: ids of the utterances with the experiment's features
        scored: the recipe's predictions of labelled test rows, of its first seed
        utterances: those that `polarity` votes on
        utterances_after: `captions`, and each stage inserted between it and `polarity` → the utterances it wrote
        voices: rows of `SPEAKER_VOICES`; none if speakers are not told apart
        rejects: stage → its `rejected` table, in the order of the DAG
        rejected_paths: stage → the path of that table
        metrics: of the experiment
        audit: of its folds
        plot_data: of its charts
        label_quality: metrics of the stage labels
        signals: rows of SIGNALS: speech and noise of the segments
        recognised: rows of RECOGNISED: videos whose speech was recognised
        digests: path to the SHA-256 of the file
    """

    videos: pa.Table
    utterances: pa.Table
    utterances_after: dict[str, pa.Table]
    votes: pa.Table
    voices: pa.Table
    segment_index: pa.Table
    segmented: frozenset[str]
    featured: frozenset[str]
    scored: list[dict[str, Any]]
    rejects: dict[str, pa.Table]
    rejected_paths: dict[str, Path]
    metrics: dict[str, Any]
    audit: AuditReport
    plot_data: PlotData
    label_quality: dict[str, Any]
    signals: list[dict[str, Any]]
    recognised: list[dict[str, Any]]
    digests: dict[str, str]


def read(experiment: str) -> RunResults:
    """Read the results of this project folder.

    Args:
        experiment: name of the experiment whose scores are shown

    Raises:
        ConfigError: if it is not about the sentiment of the interviews
        TableError: if a stage has not run yet, or a file is malformed
    """
    from tasks.experiments import plot_data

    folder = paths.experiment(experiment)
    files = {name: folder / name for name in ("results.json", "audit.json", "plot_data.json", "predictions.parquet")}
    metrics = artifacts.read_json(files["results.json"])
    corpus, target = metrics["corpus"], metrics["target"]
    if (metrics["reader"], target) != (INTERVIEWS, "sentiment"):
        raise ConfigError(
            f"{paths.PARAMS}: report.experiment: {experiment} learns the {target} of {corpus}; "
            f"expected a recipe with corpus: {INTERVIEWS} and target: sentiment"
        )
    sets = [entry["name"] for entry in metrics["features"]]
    features = [_ids(paths.features(corpus, name) / "index.parquet") for name in sets]
    index = tables.read(paths.SEGMENT_INDEX, tables.SEGMENT_INDEX)
    utterances = {
        stage: tables.read(path, tables.UTTERANCES) for stage, path in pipeline_file.utterance_tables().items()
    }
    rejected = {
        stage: path
        for stage, path in pipeline_file.rejected_tables().items()
        if not stage.startswith(_EXTRACT) or stage.removeprefix(_EXTRACT) in sets
    }
    recognised = _recognised()
    read_files = [
        paths.VIDEOS,
        *([paths.RECOGNISED] if recognised else []),
        *pipeline_file.utterance_tables().values(),
        paths.VOTES,
        paths.SEGMENT_INDEX,
        paths.signals(INTERVIEWS),
    ]
    return RunResults(
        videos=tables.read(paths.VIDEOS, tables.VIDEOS),
        utterances=list(utterances.values())[-1],
        utterances_after=utterances,
        votes=tables.read(paths.VOTES, tables.VOTES),
        voices=_voices(paths.SPEAKER_VOICES),
        segment_index=index,
        segmented=frozenset().union(*(_ids(paths.SHARDS / name) for name in sorted(set(index["shard"].to_pylist())))),
        # a recipe may keep rows that lack some of its features
        featured=(frozenset.union if metrics["lacking"] else frozenset.intersection)(*features),
        scored=_scored(files["predictions.parquet"]),
        rejects={stage: _rejects(path) for stage, path in rejected.items()},
        rejected_paths=rejected,
        metrics=metrics,
        audit=AuditReport.from_dict(artifacts.read_json(files["audit.json"])),
        plot_data=plot_data.read(files["plot_data.json"]),
        label_quality=artifacts.read_json(paths.LABELS),
        signals=tables.read(paths.signals(INTERVIEWS), tables.SIGNALS).to_pylist(),
        recognised=recognised,
        digests={str(path): _digest(path) for path in (*read_files, paths.LABELS, *files.values())},
    )


def _ids(path: Path) -> frozenset[str]:
    with artifacts.parquet(path) as file:
        return frozenset(file.read(["utterance_id"])["utterance_id"].to_pylist())


def _scored(path: Path) -> list[dict[str, Any]]:
    import pyarrow.compute as pc

    with artifacts.parquet(path) as file:
        rows = file.read(["variant", "run", "utterance_id", "group", "actual", "predicted"])
    rows = rows.filter((pc.field("variant") == "recipe") & (pc.field("run") == 0))
    scored: list[dict[str, Any]] = rows.rename_columns({"actual": "label"}).to_pylist()
    # the group of predictions is the protocol's unit, such as the speaker; the report lists videos
    return [{**row, "group": video_of(row["utterance_id"])} for row in scored]


def video_of(utterance_id: str) -> str:
    """Return the video of an utterance of the interviews.

    Args:
        utterance_id: `weak/VIDEO/NUMBER`
    """
    return utterance_id.partition("/")[2].rpartition("/")[0]


def _recognised() -> list[dict[str, Any]]:
    # a project of an earlier version has no such table until it runs the stage
    if not paths.RECOGNISED.exists():
        return []
    rows: list[dict[str, Any]] = tables.read(paths.RECOGNISED, tables.RECOGNISED).to_pylist()
    return rows


def _voices(path: Path) -> pa.Table:
    empty = tables.SPEAKER_VOICES.empty_table()
    return tables.read(path, tables.SPEAKER_VOICES) if path.exists() else empty


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _rejects(path: Path) -> pa.Table:
    # if a table is missing by mistake, the funnel does not add up
    return tables.read(path, tables.REJECTED) if path.exists() else tables.REJECTED.empty_table()
