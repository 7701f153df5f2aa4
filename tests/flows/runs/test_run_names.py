"""Names of flow runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from prefect import flow, get_client

from flows.runs import run_names
from flows.runs.run_names import run_name


def test_the_time_is_in_utc() -> None:
    assert run_name("nightly", datetime(2026, 11, 30, 3, 0, 59, tzinfo=UTC)) == "nightly 2026-11-30 03:00"
    vienna = timezone(timedelta(hours=1))
    assert run_name("nightly", datetime(2026, 12, 1, 0, 30, tzinfo=vienna)) == "nightly 2026-11-30 23:30"


@pytest.mark.filterwarnings("default")
def test_a_run_without_a_deployment_has_the_name_of_its_flow(prefect: None) -> None:
    @flow(name="small", flow_run_name=run_names.of_this_run)
    def small() -> None:
        pass

    state: Any = small(return_state=True)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert run.expected_start_time is not None
    assert run.name == run_name("small", run.expected_start_time)
