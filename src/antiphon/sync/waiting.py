"""Waiting that Ctrl-C ends at once."""

from __future__ import annotations

import concurrent.futures
import os
import threading
import time
from typing import Final, TypeVar

__all__ = ["wait_for_condition", "wait_for_future"]

T = TypeVar("T")

_SLICE: Final = 0.1 if os.name == "nt" else None
"""Seconds after which waiting begins anew: on Windows a signal does not interrupt it."""


def wait_for_condition(condition: threading.Condition, deadline: float | None) -> bool:
    """Wait for a condition to be notified, or for nothing at all; the caller looks again in any case.

    Args:
        condition: held by the caller.
        deadline: on the monotonic clock; None for none.

    Returns:
        False once the deadline is over.
    """
    remaining = None if deadline is None else deadline - time.monotonic()
    if remaining is not None and remaining <= 0:
        return False
    limits = [limit for limit in (remaining, _SLICE) if limit is not None]
    condition.wait(min(limits) if limits else None)
    return True


def wait_for_future(future: concurrent.futures.Future[T], timeout: float | None = None) -> T:
    """Wait for an outcome, and return or raise it.

    Raises:
        TimeoutError: it did not come within so many seconds.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        remaining = None if deadline is None else deadline - time.monotonic()
        limits = [limit for limit in (remaining, _SLICE) if limit is not None]
        try:
            return future.result(max(min(limits), 0) if limits else None)
        except TimeoutError:
            # It may be the outcome itself.
            if future.done() or (deadline is not None and time.monotonic() >= deadline):
                raise
