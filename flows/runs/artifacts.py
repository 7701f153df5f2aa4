"""Artifacts of a flow run in the Prefect UI: funnel, scores, audits, leaderboard, rejects, bugs, lineage, links."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows.project.dag import Dag
from flows.runs import experiment_artifacts, experiment_results, lineage
from flows.runs.markdown_text import escaped
from tasks.core import bugs, paths, pipeline_file, tables
from tasks.core.artifacts import read_json
from tasks.core.config import Config, load
from tasks.leaks.finding import AuditReport, Finding
from tasks.pages.common import result_marks, score_text
from tasks.pages.weak import funnel, inputs

_EXPERIMENT = "experiment@"
_MAX_TRACEBACKS = 50_000


def publish(dag: Dag, stages: Sequence[str]) -> None:
    """Create a run's artifacts from the files that its stages wrote, also after a failure.

    Args:
        dag: the project's DAG
        stages: the stages of the run
    """
    create_table_artifact(
        key="rejects",
        table=_rejects(stages),
        description="What each stage rejected, by reason, with an example; details are in the report.",
    )
    if tracebacks := _bugs(stages):
        create_markdown_artifact(
            key="bugs",
            markdown=tracebacks,
            description="Items that met a bug, with tracebacks; all other items of their stages are done.",
        )
    create_markdown_artifact(
        key="lineage",
        markdown=lineage.markdown(dag.recorded(), stages),
        description="Provenance of the results: revisions, versions, and the hashes in dvc.lock.",
    )
    if "audit" in stages and paths.AUDIT.exists():
        create_table_artifact(
            key="audit",
            table=experiment_artifacts.findings(_audit(paths.AUDIT)),
            description="Data that training and test videos share; an undeclared violation stops the run.",
        )
    config, reported = load(paths.PARAMS), "report" in stages
    if reported and dag.is_current("report"):
        _publish_results(config.report.experiment)
    # the experiment of the report has artifacts of its own
    done = (stage.removeprefix(_EXPERIMENT) for stage in stages if stage.startswith(_EXPERIMENT))
    others = [name for name in done if not (reported and name == config.report.experiment)]
    _publish_experiments(others, config, with_leaderboard="leaderboard" in stages and paths.LEADERBOARD.is_file())


def _rejects(stages: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rejected items of each stage, one row per reason."""
    rows, listed = [], pipeline_file.rejected_tables()
    for stage in stages:
        path = listed.get(stage, paths.rejected(stage))
        rejects = tables.read(path, tables.REJECTED).to_pylist() if path.exists() else []
        rejects.sort(key=lambda row: (row["reason"], row["item"]))
        for reason, members in groupby(rejects, key=lambda row: row["reason"]):
            items = [row["item"] for row in members]
            rows.append({"stage": stage, "reason": reason, "n": len(items), "first": items[0]})
    return rows


def _bugs(stages: Sequence[str]) -> str:
    """Return the recorded tracebacks of stages as Markdown; an empty text if there are none."""
    sections = []
    for stage in stages:
        path = bugs.path(stage)
        if path.is_file():
            text = path.read_text(encoding="utf-8")[:_MAX_TRACEBACKS]
            # a fence longer than any in the text: it is shown as it is, whatever it holds
            fence = "`" * (3 + max((len(run) for run in re.findall("`+", text)), default=0))
            sections.append(f"## {stage}\n\nAll of it: `{path}`\n\n{fence}text\n{text}\n{fence}\n")
    return "\n".join(sections)


def _publish_experiments(names: Collection[str], config: Config, *, with_leaderboard: bool) -> None:
    """Publish scores and audits of experiments, and the leaderboard of all experiments with results."""
    if by_name := {name: results for name in names if (results := experiment_results.read(name)) is not None}:
        create_markdown_artifact(
            key="scores",
            markdown=experiment_artifacts.scores(by_name.values()),
            description="Scores of this run's experiments, beside the majority class, shuffled labels and the source.",
        )
        create_table_artifact(
            key="experiment-audits",
            table=experiment_artifacts.audits(
                {name: _audit(paths.experiment(name) / "audit.json") for name in by_name}
            ),
            description="What training and test parts of the experiments' folds share.",
        )
    if with_leaderboard:
        all_results = filter(None, map(experiment_results.read, config.experiments))
        marked = [{**results, "mark": result_marks.outdated(results, config)} for results in all_results]
        create_markdown_artifact(
            key="leaderboard",
            markdown=experiment_artifacts.leaderboard(marked),
            description="All experiments with results, ranked within a corpus, a target and a protocol.",
        )


def _audit(path: Path) -> tuple[Finding, ...]:
    return AuditReport.from_dict(read_json(path)).findings


def _publish_results(experiment: str) -> None:
    results = inputs.read(experiment)
    create_markdown_artifact(
        key="funnel",
        markdown=funnel.markdown(funnel.funnel(results)),
        description="From listed videos to training and test rows: every loss, with its reason.",
    )
    create_markdown_artifact(
        key="headline-scores",
        markdown=f"{score_text.markdown(results.metrics)}\n{escaped(score_text.summary(results.metrics).why)}\n",
        description=escaped(results.metrics["protocol_in_words"]),
    )
    create_link_artifact(
        key="report",
        link=experiment_artifacts.address(paths.REPORT),
        link_text="The report",
        description=f"One self-contained page, at {paths.REPORT.resolve()} on {os.uname().nodename}.",
    )
