"""Events that are sent until they are acknowledged, one at a time. No I/O.

Source: JavaScript, the options ``retries`` and ``ackTimeout``: ``_addToQueue`` and ``_drainQueue`` of ``Socket``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from antiphon.errors import EncodeError

__all__ = ["QueuedEvent", "Retries"]

Settled: TypeAlias = Callable[[Exception | None, Sequence[Any]], None]


class QueuedEvent:
    """An event that waits for its acknowledgement.

    Args:
        event: its name and arguments.
        compress: whether it may be compressed.
        timeout: seconds to wait for each acknowledgement.
        settled: is told of the outcome, once; None if nobody wants to know.

    Attributes:
        tries: how often it was sent.
        pending: it is on its way.
    """

    __slots__ = ("compress", "event", "pending", "settled", "timeout", "tries")

    def __init__(self, event: list[Any], *, compress: bool, timeout: float | None, settled: Settled | None) -> None:
        self.event: list[Any] = event
        self.compress: bool = compress
        self.timeout: float | None = timeout
        self.settled: Settled | None = settled
        self.tries: int = 0
        self.pending: bool = False


class Retries:
    """The queue of these events.

    Args:
        retries: how often an event is sent again.
    """

    __slots__ = ("_queue", "_retries")

    def __init__(self, retries: float) -> None:
        self._retries = retries
        self._queue: deque[QueuedEvent] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, event: QueuedEvent) -> None:
        """Put an event at the end."""
        self._queue.append(event)

    def next(self, *, again: bool = False) -> QueuedEvent | None:
        """Return the event that is to be sent now; None if there is none.

        Args:
            again: what was on its way is sent again, for the connection is another one.
        """
        if not self._queue or (self._queue[0].pending and not again):
            return None
        head = self._queue[0]
        head.pending = True
        head.tries += 1
        return head

    def settle(self, event: QueuedEvent, error: Exception | None) -> bool:
        """Take the outcome of sending an event.

        Returns:
            Whether that is the end of it: it was acknowledged, or was sent often enough, or can never be sent.
        """
        if not self._queue or self._queue[0] is not event:
            # After a reconnection there may be two answers to one event.
            return False
        event.pending = False
        if error is None or isinstance(error, EncodeError) or event.tries > self._retries:
            self._queue.popleft()
            return True
        return False
