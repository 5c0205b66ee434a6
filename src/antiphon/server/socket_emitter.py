"""Emitting to one socket with a limit for the acknowledgement.

Source: JavaScript, ``socket.timeout``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, TypeAlias

from antiphon.errors import AckTimeout, ConfigurationError, SocketDisconnected
from antiphon.socketio.packet import check_event_name

if TYPE_CHECKING:
    from antiphon.server.socket import Socket

__all__ = ["AckFunction", "SocketEmitter"]

AckFunction: TypeAlias = Callable[..., object]
"""Called with the arguments of the acknowledgement; with a timeout, an error (or None) comes first."""


class SocketEmitter:
    """Emits to one socket with a limit for the acknowledgement. Made by :meth:`Socket.timeout`."""

    __slots__ = ("_seconds", "_socket")

    def __init__(self, socket: Socket, seconds: float | None) -> None:
        if seconds is not None and (not isinstance(seconds, int | float) or not 0 <= seconds <= 3600):
            raise ConfigurationError(f"a timeout is a number of seconds, at most 3600, not {seconds!r}")
        self._socket = socket
        self._seconds = seconds

    def emit(self, event: str, *args: object, ack: AckFunction) -> Awaitable[None]:
        """Emit an event; ``ack`` is called with an error (or None) and the arguments of the acknowledgement."""
        check_event_name(event)
        socket = self._socket
        send = socket.send_with_ack
        if get_ident() != socket.conn.thread:
            call = socket.nsp.server.call_from_thread
            call(send, event, args, lambda error, answer: ack(error, *answer), self._seconds)
        else:
            send(event, args, lambda error, answer: ack(error, *answer), self._seconds)
        return socket.conn

    async def emit_with_ack(self, event: str, *args: object) -> object:
        """Emit an event and wait for its acknowledgement.

        Returns:
            The first argument of the acknowledgement, None if it has none.

        Raises:
            AckTimeout: it did not come in time.
            SocketDisconnected: the client left before it answered.
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
        """
        check_event_name(event)
        socket = self._socket
        if get_ident() != socket.conn.thread:
            raise ConfigurationError(
                "emit_with_ack must be awaited in the event loop of the server; "
                "in a thread use emit(..., ack=function), or asyncio.run_coroutine_threadsafe"
            )
        if not socket.connected:
            raise SocketDisconnected
        answered: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        def finish(error: AckTimeout | SocketDisconnected | None, answer: Sequence[object]) -> None:
            if answered.done():
                return
            if error is not None:
                answered.set_exception(error)
            else:
                answered.set_result(answer[0] if answer else None)

        ack_id = socket.send_with_ack(event, args, finish, self._seconds)
        try:
            return await answered
        finally:
            # Who is cancelled does not wait any more.
            socket.forget_ack(ack_id)
