"""What asyncio does not tell about tasks."""

from __future__ import annotations

import asyncio

__all__ = ["is_cancelled_itself"]


def is_cancelled_itself() -> bool:
    """Tell whether a CancelledError is meant for the running task, and not for something that it has waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
