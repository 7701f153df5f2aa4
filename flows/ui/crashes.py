"""Mark flow runs as crashed when their process is gone: a Prefect automation watches their heartbeats."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

NAME = "mark runs crashed whose process is gone"
HEARTBEAT_S = 30
SILENCE_S = 90
HEARTBEAT_SETTING = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
SETTINGS = {
    HEARTBEAT_SETTING: str(HEARTBEAT_S),
    # how long a stopped server keeps the list of runs whose heartbeats it expects
    "PREFECT_SERVER_EVENTS_EXPIRED_BUCKET_BUFFER": "P30D",
}


def create_automation(client: SyncPrefectClient) -> None:
    """Make the server mark runs without heartbeats as crashed; repeated calls leave one automation.

    Args:
        client: of the Prefect server
    """
    wanted = _automation()
    for existing in client.read_automations_by_name(NAME):
        # do not replace an identical one: that would discard the runs whose heartbeats it expects
        if existing.model_dump(exclude={"id", "enabled"}) == wanted.model_dump(exclude={"enabled"}):
            return
        client.delete_automation(existing.id)
    client.create_automation(wanted)


def mark(client: SyncPrefectClient, flow_runs: Collection[UUID]) -> None:
    """Mark flow runs as crashed whose processes were ended before they could report a final state.

    Args:
        client: of the Prefect server
        flow_runs: ids of the flow runs
    """
    from prefect.states import Crashed

    for flow_run in flow_runs:
        state = client.read_flow_run(flow_run).state
        if state is None or not state.is_final():
            message = "`undertone ui` was stopped during this run. Start the run again: finished items are kept."
            client.set_flow_run_state(flow_run, Crashed(message=message))


def _automation() -> AutomationCore:
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    return AutomationCore(
        name=NAME,
        description=f"A run without heartbeat for {SILENCE_S} s is marked as crashed, which frees its slot.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            after={"prefect.flow-run.Pending", "prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENCE_S),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"No heartbeat for {SILENCE_S} s: the run's process was killed, or its machine went down. "
                "Start the run again: finished items are kept.",
            )
        ],
    )
