"""The events that nobody has handled yet: ``receive()`` takes them, and handlers that are registered later do."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from antiphon.common.handlers import Ack
from antiphon.errors import BufferFull, Disconnected
from antiphon.sync.waiting import wait_for_condition

__all__ = ["Inbox", "Kept"]

_LIMIT: Final = 10_000


class Kept(NamedTuple):
    """An event.

    Attributes:
        name: its name.
        args: what came with it.
        ack: answers it, if an answer is wanted.
    """

    name: str
    args: tuple[Any, ...]
    ack: Ack | None


class _Wait:
    """Somebody waits for the next event of a name."""

    __slots__ = ("event", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.event: Kept | None = None


class Inbox:
    """Keeps events, the newest ten thousand of them. Whoever receives is told if there were more."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._events: deque[Kept] = deque()
        self._waits: list[_Wait] = []
        self._end: Exception | None = Disconnected(
            "the socket is not connected, no event will come; call connect() first"
        )
        self._ends_quietly = False
        self._dropped = 0

    def notify(self, event: Kept, *, keep: bool) -> None:
        """Tell those who wait for an event, and keep it if nobody handles it.

        Args:
            event: the event.
            keep: whether nobody handles it.
        """
        with self._condition:
            taken = False
            for wait in self._waits:
                if wait.name == event.name and wait.event is None:
                    wait.event = event
                    taken = True
            if keep and not taken:
                self._keep(event)
            self._condition.notify_all()

    def _keep(self, event: Kept) -> None:
        self._events.append(event)
        if len(self._events) > _LIMIT:
            self._events.popleft()
            self._dropped += 1

    def _check_dropped(self) -> None:
        count, self._dropped = self._dropped, 0
        if count:
            raise BufferFull(f"{count} events were dropped: nobody received them, and {_LIMIT} of them are kept")

    def take_all(self, fits: Callable[[str], bool]) -> list[Kept]:
        """Take the events whose names fit, for a handler that was just registered."""
        with self._condition:
            found = [event for event in self._events if fits(event.name)]
            rest = [event for event in self._events if not fits(event.name)]
            self._events.clear()
            self._events.extend(rest)
            return found

    def begin(self) -> None:
        """Be told that the socket connects."""
        with self._condition:
            self._end = None

    def end(self, error: Exception, *, quietly: bool) -> None:
        """Be told that no more events come."""
        with self._condition:
            self._end = error
            self._ends_quietly = quietly
            self._condition.notify_all()

    def receive(self, timeout: float | None, *, iterating: bool = False) -> Kept | None:
        """Take the oldest event; wait for one if there is none.

        Args:
            timeout: seconds to wait; None for as long as the socket connects again by itself.
            iterating: return None at an end that was wanted, instead of raising.

        Raises:
            TimeoutError: none came in time.
            Disconnected, ConnectError, ConnectionRefused: none will come.
            BufferFull: some were dropped, for nobody has taken them.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            self._check_dropped()
            while not self._events:
                if self._end is not None:
                    if iterating and self._ends_quietly:
                        return None
                    raise self._end
                if not wait_for_condition(self._condition, deadline):
                    raise TimeoutError(f"no event came within {timeout:g} s")
            return self._events.popleft()

    def wait_for(self, name: str, timeout: float | None) -> tuple[Any, ...]:
        """Take the oldest event of a name, and wait for one if there is none; return what came with it.

        Raises:
            TimeoutError: none came in time.
            Disconnected, ConnectError, ConnectionRefused: none will come.
            BufferFull: some were dropped, for nobody has taken them.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        wait = _Wait(name)
        with self._condition:
            self._check_dropped()
            for event in self._events:
                if event.name == name:
                    self._events.remove(event)
                    return event.args
            self._waits.append(wait)
            try:
                while wait.event is None:
                    if self._end is not None:
                        raise self._end
                    if not wait_for_condition(self._condition, deadline):
                        raise TimeoutError(f"{name!r} did not come within {timeout:g} s")
                return wait.event.args
            finally:
                self._waits.remove(wait)

    @property
    def end_error(self) -> Exception:
        """Why no more events come."""
        return self._end or Disconnected()
