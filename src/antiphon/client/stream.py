"""The events of a socket as something to iterate over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from antiphon.errors import BufferFull

__all__ = ["EventStream"]


class EventStream:
    """What ``socket.events()`` returns: each event as a tuple, its name first.

    It begins with the call. It goes on through reconnections and ends when either side disconnects.

    ::

        async for event, *args in socket.events():
            print(event, args)

    Args:
        limit: how many events may wait for the loop.
        on_end: is called when nobody iterates any more.
    """

    def __init__(self, limit: int, on_end: Callable[[EventStream], None]) -> None:
        self._limit = limit
        self._on_end = on_end
        self._events: deque[tuple[Any, ...]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._error: Exception | None = None

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> tuple[Any, ...]:
        """Return the next event.

        Raises:
            ConnectError: the connection was given up.
            ConnectionRefused: the server does not let the client in any more.
            BufferFull: events came faster than they were taken.
        """
        while not self._events:
            if self._ended:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._events.popleft()

    def push(self, event: tuple[Any, ...]) -> None:
        """Take an event."""
        if len(self._events) >= self._limit:
            self.end(BufferFull(f"{self._limit} events wait for the loop over socket.events(): it is too slow"))
            return
        self._events.append(event)
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """End, after the events that have come."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._on_end(self)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def aclose(self) -> None:
        """End at once."""
        self._events.clear()
        self.end()
