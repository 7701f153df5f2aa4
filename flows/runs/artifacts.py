"""What a flow run shows in the Prefect UI: funnel, scores, rejects, lineage, and where the report lies."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows.project.dag import Dag
from flows.runs import lineage
from tasks.core import paths, pipeline_file, tables
from tasks.pages.common import headline
from tasks.pages.weak import funnel, inputs

REPORT_URL = "UNDERTONE_REPORT_URL"


def publish(dag: Dag, stages: Sequence[str]) -> None:
    """Make the artifacts of a run from the files its stages wrote; also of one that failed half-way."""
    create_table_artifact(
        key="rejects",
        table=rejects(stages),
        description="What each stage rejected, by reason, with an example; details are in the report.",
    )
    create_markdown_artifact(
        key="lineage",
        markdown=lineage.markdown(dag.recorded(), stages),
        description="Provenance of the results: revisions, versions, and the hashes in dvc.lock.",
    )
    if "audit" in stages and paths.AUDIT.exists():
        create_table_artifact(
            key="audit",
            table=audited(json.loads(paths.AUDIT.read_text(encoding="utf-8"))),
            description="What training and test videos share; a violation stops the run unless it is declared.",
        )
    if "report" in stages and dag.is_current("report"):
        _publish_results()


def rejects(stages: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each stage rejected: a row per reason."""
    rows, listed = [], pipeline_file.rejected_tables()
    for stage in stages:
        path = listed.get(stage, paths.rejected(stage))
        found = tables.read(path, tables.REJECTED).to_pylist() if path.exists() else []
        found.sort(key=lambda row: (row["reason"], row["item"]))
        for reason, members in groupby(found, key=lambda row: row["reason"]):
            items = [row["item"] for row in members]
            rows.append({"stage": stage, "reason": reason, "n": len(items), "first": items[0]})
    return rows


def audited(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the audit's findings: a row per check, violations first."""
    order = ("violation", "declared", "warning", "note")
    rows = [{**one, "examples": ", ".join(one["examples"])} for one in found["findings"]]
    return sorted(rows, key=lambda one: (not one["n"], order.index(one["severity"])))


def _publish_results() -> None:
    metrics = json.loads(paths.METRICS.read_text(encoding="utf-8"))
    create_markdown_artifact(
        key="funnel",
        markdown=funnel.markdown(funnel.funnel(inputs.read())),
        description="From listed videos to training and test rows: every loss, with its reason.",
    )
    create_markdown_artifact(
        key="headline-scores",
        markdown=f"{headline.markdown(headline.headline(metrics))}\n{headline.verdict(metrics)}\n",
        description=metrics["protocol"]["words"],
    )
    create_link_artifact(
        key="report",
        link=os.environ.get(REPORT_URL) or paths.REPORT.resolve().as_uri(),
        link_text="The report",
        description=f"One self-contained page, at {paths.REPORT.resolve()} on {os.uname().nodename}.",
    )
