"""What a finished flow run shows in the Prefect UI: the funnel, the headline figures, where the report lies."""

from __future__ import annotations

import json

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from tasks import paths
from tasks.page import funnel, headline, material


def publish() -> None:
    """Make the artifacts of the run at hand from the files its stages wrote."""
    metrics = json.loads(paths.METRICS.read_text(encoding="utf-8"))
    create_markdown_artifact(
        key="funnel",
        markdown=funnel.markdown(funnel.funnel(material.read())),
        description="From videos listed to rows learned from and tested on: every loss counted.",
    )
    create_markdown_artifact(
        key="headline-figures",
        markdown=f"{headline.markdown(headline.headline(metrics))}\n{headline.verdict(metrics)}\n",
        description=metrics["protocol"]["words"],
    )
    create_link_artifact(
        key="report",
        link=paths.REPORT.resolve().as_uri(),
        link_text="The report",
        description="One self-contained page; it lies on the machine that ran the flow.",
    )
