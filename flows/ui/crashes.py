"""A run whose process is gone is marked Crashed: by Prefect itself, when the run's heartbeat stops."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.events.schemas.automations import AutomationCore

NAME = "mark runs crashed whose process is gone"
HEARTBEAT_S = 30
SILENCE_S = 90
SETTINGS = {
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    # for how long a server that was down still remembers whom it waited for
    "PREFECT_SERVER_EVENTS_EXPIRED_BUCKET_BUFFER": "P30D",
}


def detect(api: str) -> None:
    """Have the server mark silent runs, under one automation however often this is called.

    Args:
        api: URL of the server's API
    """
    from prefect.client.orchestration import SyncPrefectClient

    wanted = _automation()
    with SyncPrefectClient(api) as client:
        for known in client.read_automations_by_name(NAME):
            # one that is as it should be stays untouched: an update would forget the runs that it waits for
            if known.model_dump(exclude={"id", "enabled"}) == wanted.model_dump(exclude={"enabled"}):
                return
            client.delete_automation(known.id)
        client.create_automation(wanted)


def record(api: str, flow_runs: Collection[UUID]) -> None:
    """Mark the flow runs whose processes were ended, where they had no time to say so themselves.

    Args:
        api: URL of the server's API
        flow_runs: whose processes are gone
    """
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.states import Crashed

    with SyncPrefectClient(api) as client:
        for flow_run in flow_runs:
            state = client.read_flow_run(flow_run).state
            if state is None or not state.is_final():
                message = "Ended together with `undertone ui`. Start the run again: it goes on where it was."
                client.set_flow_run_state(flow_run, Crashed(message=message))


def _automation() -> AutomationCore:
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    return AutomationCore(
        name=NAME,
        description=f"A run that says nothing for {SILENCE_S} s is crashed: its slot is free for a new one.",
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
                message=f"Nothing was heard of this run for {SILENCE_S} s: its process was killed, or its machine went "
                "down. Start the run again: it goes on where it was.",
            )
        ],
    )
