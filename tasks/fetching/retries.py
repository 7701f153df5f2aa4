"""Patience: what fails for a reason that may pass is tried again, later and later, and never before its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tasks.core.errors import Transient

if TYPE_CHECKING:
    from tenacity import RetryCallState

Found = TypeVar("Found")
LATER = "unavailable for now"


class TryAgain(Transient):
    """A failure worth another try in a moment.

    Args:
        detail: what was found
        after_s: how long the server asks to wait (Retry-After), in seconds
    """

    def __init__(self, detail: str, after_s: float | None = None) -> None:
        super().__init__(LATER, detail)
        self.after_s = after_s


def patiently(call: Callable[[], Found], *, attempts: int, backoff_s: float, max_backoff_s: float) -> Found:
    """Call until it gives something, waiting longer after each `TryAgain`, with jitter.

    Args:
        call: one try
        attempts: how many tries there are
        backoff_s: first wait in seconds; it doubles each time
        max_backoff_s: longest wait in seconds. A server that asks for more is not asked again in this run

    Returns:
        what the call returned

    Raises:
        TryAgain: the last one, when the tries are used up
    """
    from tenacity import Retrying, retry_if_exception_type, wait_exponential, wait_random

    growing = wait_exponential(multiplier=backoff_s, max=max_backoff_s) + wait_random(0, backoff_s)

    def pause_s(state: RetryCallState) -> float:
        return min(max(growing(state), _asked_s(state)), max_backoff_s)

    def enough(state: RetryCallState) -> bool:
        return state.attempt_number >= attempts or _asked_s(state) > max_backoff_s

    return Retrying(retry=retry_if_exception_type(TryAgain), stop=enough, wait=pause_s, reraise=True)(call)


def _asked_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.after_s or 0.0) if isinstance(error, TryAgain) else 0.0
