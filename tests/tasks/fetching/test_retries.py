"""Retries: how many, how long the waits are, and which failures are not retried."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tasks.core.errors import Rejected
from tasks.fetching import failures, retries


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The requested waits, which are not waited for."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


def failing(times: int, error: Callable[[], Exception]) -> Callable[[], str]:
    left = [times]

    def call() -> str:
        if left[0]:
            left[0] -= 1
            raise error()
        return "found"

    return call


def test_waits_double_with_jitter_up_to_a_limit(waits: list[float]) -> None:
    call = failing(5, lambda: retries.TryAgain("busy"))
    assert retries.call_with_retries(call, attempts=6, backoff_s=1.0, max_backoff_s=6.0) == "found"
    for waited, base in zip(waits, (1, 2, 4, 6, 6), strict=True):
        assert base <= waited <= min(base + 1, 6)


def test_the_server_decides_how_long(waits: list[float]) -> None:
    call = failing(1, lambda: retries.TryAgain("busy", after_s=30.0))
    assert retries.call_with_retries(call, attempts=2, backoff_s=1.0, max_backoff_s=60.0) == "found"
    assert waits == [30.0]


def test_too_long_a_wait_is_not_waited_for(waits: list[float]) -> None:
    call = failing(1, lambda: retries.TryAgain("busy", after_s=61.0))
    with pytest.raises(retries.TryAgain):
        retries.call_with_retries(call, attempts=9, backoff_s=1.0, max_backoff_s=60.0)
    assert waits == []


def test_the_last_failure_is_raised(waits: list[float]) -> None:
    with pytest.raises(retries.TryAgain, match="unavailable for now: busy"):
        retries.call_with_retries(
            failing(9, lambda: retries.TryAgain("busy")), attempts=3, backoff_s=1.0, max_backoff_s=60.0
        )
    assert len(waits) == 2


def test_permanent_failures_are_not_retried(waits: list[float]) -> None:
    with pytest.raises(Rejected, match="not found"):
        retries.call_with_retries(
            failing(1, lambda: Rejected("not found")), attempts=3, backoff_s=1.0, max_backoff_s=60.0
        )
    assert waits == []


@pytest.mark.parametrize(("value", "seconds"), [("120", 120.0), (" 0 ", 0.0), (None, None), ("", None), ("soon", None)])
def test_retry_after_in_seconds(value: str | None, seconds: float | None) -> None:
    assert failures.retry_after_s(value) == seconds


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 80 < (failures.retry_after_s(later) or 0) <= 90
    assert failures.retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
