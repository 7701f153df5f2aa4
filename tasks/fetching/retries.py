"""Retry temporary failures with exponential backoff and jitter; honour Retry-After."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tasks.core.errors import Transient

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")
LATER = "unavailable for now"


class TryAgain(Transient):
    """A temporary failure that may succeed if retried soon.

    Args:
        detail: the failure
        after_s: wait in seconds requested by the server (Retry-After)
    """

    def __init__(self, detail: str, after_s: float | None = None) -> None:
        super().__init__(LATER, detail)
        self.after_s = after_s


def call_with_retries(call: Callable[[], T], *, attempts: int, backoff_s: float, max_backoff_s: float) -> T:
    """Call a function until it raises no `TryAgain`.

    Args:
        call: one attempt
        attempts: maximum number of attempts
        backoff_s: first wait in seconds; it doubles each time
        max_backoff_s: longest wait in seconds; if the server requests a longer one, there is no further attempt

    Returns:
        result of the call

    Raises:
        TryAgain: that of the last attempt
    """
    from tenacity import Retrying, retry_if_exception_type, wait_exponential, wait_random

    # jitter: workers that failed together must not retry together
    growing = wait_exponential(multiplier=backoff_s, max=max_backoff_s) + wait_random(0, backoff_s)

    def pause_s(state: RetryCallState) -> float:
        return min(max(growing(state), _requested_s(state)), max_backoff_s)

    def is_last(state: RetryCallState) -> bool:
        return state.attempt_number >= attempts or _requested_s(state) > max_backoff_s

    return Retrying(retry=retry_if_exception_type(TryAgain), stop=is_last, wait=pause_s, reraise=True)(call)


def _requested_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.after_s or 0.0) if isinstance(error, TryAgain) else 0.0
