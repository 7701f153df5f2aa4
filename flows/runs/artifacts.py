"""Artifacts of a flow run in the Prefect UI: funnel, scores, rejects, bugs, audit, lineage, link to the report."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows.project.dag import Dag
from flows.runs import lineage
from tasks.core import bugs, paths, pipeline_file, tables
from tasks.core.artifacts import read_json
from tasks.core.config import load
from tasks.leaks.finding import AuditReport, Finding
from tasks.pages.common import audit_page, score_text
from tasks.pages.weak import funnel, inputs

REPORT_URL = "UNDERTONE_REPORT_URL"
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
            table=_findings(AuditReport.from_dict(read_json(paths.AUDIT)).findings),
            description="Data that training and test videos share; an undeclared violation stops the run.",
        )
    if "report" in stages and dag.is_current("report"):
        _publish_results(load(paths.PARAMS).report.experiment)


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


def _findings(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return the audit's checks, one row each, the most severe findings first and checks without findings last."""
    order = list(audit_page.SEVERITIES)
    return [
        {
            "check": finding.check,
            "finding": finding.severity if finding.n else "not found",
            "n": finding.n,
            "of": finding.of,
            "what": finding.what,
            "examples": "; ".join(finding.examples),
        }
        for finding in sorted(findings, key=lambda finding: (not finding.n, order.index(finding.severity)))
    ]


def _publish_results(experiment: str) -> None:
    results = inputs.read(experiment)
    create_markdown_artifact(
        key="funnel",
        markdown=funnel.markdown(funnel.funnel(results)),
        description="From listed videos to training and test rows: every loss, with its reason.",
    )
    create_markdown_artifact(
        key="headline-scores",
        markdown=f"{score_text.markdown(results.metrics)}\n{score_text.summary(results.metrics).why}\n",
        description=results.metrics["protocol_in_words"],
    )
    create_link_artifact(
        key="report",
        link=os.environ.get(REPORT_URL) or paths.REPORT.resolve().as_uri(),
        link_text="The report",
        description=f"One self-contained page, at {paths.REPORT.resolve()} on {os.uname().nodename}.",
    )
