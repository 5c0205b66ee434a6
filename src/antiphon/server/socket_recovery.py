"""What connection state recovery knows of a socket.

Source: the official guide, "Connection state recovery"; JavaScript: ``Socket`` of ``socket.io``, ``pid`` and
``recovered``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from antiphon.cluster.recovery import RecoveryFailure, Session
from antiphon.types import Room, SocketId

__all__ = ["FINAL", "SocketRecovery"]

FINAL: Final = ("server namespace disconnect", "client namespace disconnect")
"""The reasons after which nothing is kept for the client to come back to. JavaScript:
``RECOVERABLE_DISCONNECT_REASONS`` are all others."""


class SocketRecovery:
    """By what a client may come back, and from where it goes on.

    Args:
        pid: the secret by which the client may come back.
        start: the offset at which the session began.
        seen: an offset that the client has seen.
        recovered: whether the client has come back already.

    Attributes:
        failure: why the client could not come back; None if it did not try, or could.
        replay: the offset after which the client is being sent what it has missed.
    """

    __slots__ = ("failure", "pid", "recovered", "replay", "seen", "start")

    def __init__(self, pid: str, start: str, seen: str, *, recovered: bool) -> None:
        self.pid: str = pid
        self.start: str = start
        self.seen: str = seen
        self.recovered: bool = recovered
        self.replay: str | None = None
        self.failure: RecoveryFailure | None = None

    def session(
        self, sid: SocketId, rooms: frozenset[Room], data: Mapping[str, object], confirmed_at: float
    ) -> Session:
        """Make what the adapter keeps of the socket.

        Args:
            sid: its public identifier.
            rooms: the rooms that it is in.
            data: what the application keeps with it.
            confirmed_at: when the latest ping was sent that the client has answered, on the clock of the event loop.
        """
        return Session(
            sid=sid,
            pid=self.pid,
            rooms=rooms,
            data=data,
            start=self.start,
            confirmed_at=confirmed_at,
            replay=self.replay,
        )
