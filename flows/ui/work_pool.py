"""The work pool of `undertone ui`: its runs execute the flow of their deployment, and nothing else.

Prefect's own template for process workers takes `command`, `env` and `working_dir` from the run, so that whoever may
start a run may execute any program. This template passes nothing on: the worker starts `python -m prefect.engine` with
its own environment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flows.ui import crashes

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

NAME = "undertone"
TEMPLATE: dict[str, Any] = {
    # Prefect refuses an empty one; `env: {…}` in it would be merged with the run's
    "job_configuration": {"stream_output": True},
    "variables": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            # projects of earlier versions set it; workers have it in their own environment
            "env": {
                "type": "object",
                "additionalProperties": False,
                "properties": {crashes.HEARTBEAT_SETTING: {"type": "string"}},
            }
        },
    },
}
"""Base job template: job variables that it does not list are refused by the server; workers ignore all."""


def create(client: SyncPrefectClient) -> None:
    """Create the work pool, or reset it to this template.

    Args:
        client: of the Prefect server
    """
    from prefect.client.schemas.actions import WorkPoolCreate

    client.create_work_pool(WorkPoolCreate(name=NAME, type="process", base_job_template=TEMPLATE), overwrite=True)


def refused_variable(errors: str) -> str | None:
    """Return the job variable that the server refused, None if something else went wrong.

    Args:
        errors: what `prefect deploy` printed
    """
    match = re.search(r"Additional properties are not allowed \(\\*'(.+?)\\*'", errors)
    return match and match[1]
