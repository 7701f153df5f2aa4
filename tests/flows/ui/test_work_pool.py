"""What a run can change in the program that a worker executes for it: nothing."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest
from prefect.server.schemas.actions import validate_base_job_template
from prefect.utilities.schema_tools.validation import ValidationError, validate
from prefect.workers.process import ProcessJobConfiguration

from flows.ui import work_pool

ATTACKS: list[dict[str, Any]] = [
    {"command": "touch /tmp/started"},
    {"working_dir": "/tmp"},
    {"env": {"PATH": "/tmp"}},
    {"env": {"LD_PRELOAD": "/tmp/x.so"}},
    {"env.PYTHONSTARTUP": "/tmp/x.py"},
    {"env": "{{ prefect.variables.x }}"},
    {"labels": {"x": "y"}},
    {"name": "x"},
    {"stream_output": False},
    {"image": "evil"},
]


@pytest.mark.parametrize("variables", ATTACKS, ids=str)
def test_job_variables_are_refused_by_the_server_and_ignored_by_the_worker(variables: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validate(variables, work_pool.TEMPLATE["variables"], raise_on_error=True, preprocess=True)
    made = asyncio.run(
        ProcessJobConfiguration.from_template_and_values(work_pool.TEMPLATE, variables, client=AsyncMock())
    )
    assert made == ProcessJobConfiguration()
    assert made.command is None
    assert made.env == {}


def test_the_template_is_valid_and_earlier_projects_deploy() -> None:
    assert validate_base_job_template(work_pool.TEMPLATE)
    earlier = {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}}
    validate(earlier, work_pool.TEMPLATE["variables"], raise_on_error=True, preprocess=True)


def test_the_refused_variable_is_read_from_prefects_error() -> None:
    error = r"""'Error: <ValidationError: "Additional properties are not allowed (\'FOO\' was unexpected)">'"""
    assert work_pool.refused_variable(error) == "FOO"
    assert work_pool.refused_variable(error.replace("\\", "")) == "FOO"
    two = "Additional properties are not allowed ('A', 'B' were unexpected)"
    assert work_pool.refused_variable(two) == "A"
    assert work_pool.refused_variable("Connection refused") is None
