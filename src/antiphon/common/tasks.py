"""What asyncio does not tell about tasks."""

from __future__ import annotations

import asyncio
import inspect
from typing import Final

__all__ = ["FAILURES", "as_exception", "close_unawaited", "is_cancelled_itself"]

FAILURES: Final = (Exception, asyncio.CancelledError)
"""What a plain function of the user may raise.

A CancelledError is not meant for the task that calls the function, for that can be cancelled only where it waits: the
function has asked something that was cancelled for its result, say.
"""


def is_cancelled_itself() -> bool:
    """Tell whether a CancelledError is meant for the running task, and not for something that it has waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def as_exception(error: BaseException) -> Exception:
    """Return the error itself, or for a CancelledError one that can be reported."""
    if isinstance(error, Exception):
        return error
    failure = RuntimeError(f"it has asked for the result of something that was cancelled: {error!r}")
    failure.__cause__ = error
    return failure


def close_unawaited(awaitable: object) -> None:
    """Close a coroutine that nobody has begun to wait for, so that Python does not complain."""
    if inspect.iscoroutine(awaitable) and inspect.getcoroutinestate(awaitable) == inspect.CORO_CREATED:
        awaitable.close()
