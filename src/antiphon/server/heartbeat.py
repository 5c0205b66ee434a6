"""All the deadlines of an engine on one timer of the event loop."""

from __future__ import annotations

import asyncio
import logging
import math
from abc import ABC, abstractmethod
from typing import Final

from antiphon.common.tasks import FAILURES
from antiphon.engineio.timing_wheel import TimingWheel

__all__ = ["Deadlines", "Timer"]

logger: logging.Logger = logging.getLogger("antiphon.engine")

_SHORTEST_SLOT: Final = 0.001
_LONGEST_SLOT: Final = 0.1
_SLOTS_PER_DELAY: Final = 200


class Timer(ABC):
    """Something with one deadline at a time."""

    __slots__ = ("slot",)

    def __init__(self) -> None:
        self.slot: int = -1

    @abstractmethod
    def on_timer(self, now: float) -> None:
        """Be told that the deadline has come."""


class Deadlines:
    """Calls timers when they are due; never late by more than the loop is, early by one slot at most.

    Args:
        loop: whose clock and timer it uses.
        shortest_delay: the shortest delay that matters, in seconds; slots are a small part of it.
    """

    __slots__ = ("_due", "_handle", "_loop", "_wheel")

    def __init__(self, loop: asyncio.AbstractEventLoop, shortest_delay: float) -> None:
        self._loop = loop
        slot = min(max(shortest_delay / _SLOTS_PER_DELAY, _SHORTEST_SLOT), _LONGEST_SLOT)
        self._wheel: TimingWheel[Timer] = TimingWheel(slot)
        self._handle: asyncio.TimerHandle | None = None
        self._due = math.inf

    def now(self) -> float:
        """Return the time on the clock that deadlines are given in, in seconds."""
        return self._loop.time()

    def schedule(self, timer: Timer, deadline: float) -> None:
        """Set, or move, the deadline of a timer."""
        self._wheel.schedule(timer, deadline)
        if deadline < self._due:
            self._arm()

    def cancel(self, timer: Timer) -> None:
        """Forget the deadline of a timer, if it has one."""
        self._wheel.cancel(timer)

    def _arm(self) -> None:
        due = self._wheel.next_deadline
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._due = due
        if due != math.inf:
            self._handle = self._loop.call_at(due, self._on_due)

    def _on_due(self) -> None:
        self._handle = None
        now = self._loop.time()
        try:
            for timer in self._wheel.expire(now):
                try:
                    timer.on_timer(now)
                except FAILURES:
                    # One failure must not stop the heartbeats of everybody.
                    logger.exception("a timer failed")
        finally:
            self._due = math.inf
            self._arm()

    def close(self) -> None:
        """Stop the timer of the loop."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._due = math.inf
