"""Names of flow runs: the deployment and the scheduled time, such as `nightly 2026-11-30 03:00` (UTC)."""

from __future__ import annotations

from datetime import UTC, datetime


def of_this_run() -> str:
    """Return the name of the calling flow run: of its deployment, or of its flow if it has none, and its time."""
    from prefect.runtime import deployment, flow_run

    return run_name(deployment.name or flow_run.flow_name, flow_run.scheduled_start_time)


def run_name(of: str, scheduled: datetime) -> str:
    """Return the name of a flow run.

    Args:
        of: the deployment or the flow
        scheduled: when the run was to start, with a time zone; for a run started by hand, when that was
    """
    return f"{of} {scheduled.astimezone(UTC):%Y-%m-%d %H:%M}"
