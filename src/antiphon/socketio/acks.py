"""The acknowledgements that a socket waits for.

Source: Socket.IO protocol 5, "Acknowledgement".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from antiphon.errors import AckTimeout, SocketDisconnected

__all__ = ["AckCallback", "PendingAcks"]

AckCallback: TypeAlias = "Callable[[AckTimeout | SocketDisconnected | None, Sequence[object]], None]"
"""Called once: with None and the arguments of the answer, or with why there will be none."""


class PendingAcks:
    """What is waited for, by id. Each callback is called exactly once."""

    __slots__ = ("_callbacks",)

    def __init__(self) -> None:
        self._callbacks: dict[int, AckCallback] = {}

    def __len__(self) -> int:
        return len(self._callbacks)

    def add(self, ack_id: int, callback: AckCallback) -> None:
        """Wait for an acknowledgement."""
        self._callbacks[ack_id] = callback

    def resolve(self, ack_id: int, arguments: Sequence[object]) -> bool:
        """Hand an answer over; False if nobody waits for it (any more)."""
        callback = self._callbacks.pop(ack_id, None)
        if callback is None:
            return False
        callback(None, arguments)
        return True

    def expire(self, ack_id: int) -> bool:
        """Give one up because its time is over; False if nobody waits for it (any more)."""
        callback = self._callbacks.pop(ack_id, None)
        if callback is None:
            return False
        callback(AckTimeout(), ())
        return True

    def discard(self, ack_id: int) -> None:
        """Do not wait for one any more; nothing is called."""
        self._callbacks.pop(ack_id, None)

    def disconnect(self) -> None:
        """Give all of them up because the peer has left."""
        callbacks, self._callbacks = self._callbacks, {}
        for callback in callbacks.values():
            callback(SocketDisconnected(), ())
