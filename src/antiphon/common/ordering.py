"""The order of events: their handlers are started one after the other, as the events came.

Before Python 3.12 a task starts in the next turn of the loop: events that come in between have to wait, or their
handlers would start before those of earlier events.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any

from antiphon.common.handlers import EAGER, Ack, Handler
from antiphon.common.listeners import AnyListeners

__all__ = ["OrderedListeners"]


class OrderedListeners(AnyListeners):
    """A socket, on either side, as far as it calls its handlers in order.

    Attributes:
        connected: what arrived is handled only while it is True.
    """

    __slots__ = ("_deferred", "_holds", "connected")

    def __init__(self) -> None:
        super().__init__()
        self.connected: bool = False
        self._holds = 0
        self._deferred: deque[tuple[list[Any], int | None]] | None = None

    @abstractmethod
    def on_event(self, data: list[Any], ack_id: int | None) -> None:
        """Start the handlers of an event.

        Args:
            data: the name and the arguments; the list is ours to change.
            ack_id: set if the other side asked for an acknowledgement.
        """

    @abstractmethod
    def report(self, error: Exception, event: str) -> None:
        """Take what a handler raised."""

    @abstractmethod
    def send_ack(self, ack_id: int, args: Sequence[object]) -> None:
        """Answer an event."""

    @abstractmethod
    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run an async handler. Before Python 3.12 this is one more that holds up what comes later."""

    def _ack(self, ack_id: int | None) -> Ack | None:
        return None if ack_id is None else Ack(self, ack_id)

    def _invoke(self, handler: Handler, name: str, arguments: list[Any], ack: Ack | None, late: bool) -> bool:
        """Invoke a handler, after those before it have begun; return whether those after it have to wait."""
        if EAGER or not (late or handler.is_async):
            handler.invoke(self, name, arguments, ack)
            return False
        if handler.is_async:
            handler.invoke(self, name, arguments, ack)
        else:
            # The tasks of the handlers before it begin in the next turn of the loop.
            asyncio.get_running_loop().call_soon(handler.invoke, self, name, arguments, ack)
        return True

    def notify_outgoing(self, event: Sequence[object]) -> None:
        """Tell the listeners of what is sent."""
        if self._extras is not None:
            for handler in list(self._extras.any_outgoing):
                handler.invoke(self, str(event[0]), list(event), None)

    def started(self) -> None:
        """Be told that an async handler is about to start."""
        self._holds -= 1
        if self._deferred:
            asyncio.get_running_loop().call_soon(self._resume)

    def _defer(self, data: list[Any], ack_id: int | None) -> None:
        if self._deferred is None:
            self._deferred = deque()
        self._deferred.append((data, ack_id))

    def _resume(self) -> None:
        waiting = self._deferred
        while waiting and not self._holds and self.connected:
            self._deferred = None
            self.on_event(*waiting.popleft())
            self._deferred = waiting
        if waiting and not self.connected:
            waiting.clear()
