"""Emitting to one socket in a special way: with a limit for the acknowledgement, volatile, uncompressed.

Source: JavaScript, ``socket.timeout``, ``socket.volatile``, ``socket.compress``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload

from antiphon.cluster.selection import BroadcastFlags
from antiphon.errors import AckTimeout, SocketDisconnected
from antiphon.event import AnyEvent, Event
from antiphon.server.adapter import DELIVERED
from antiphon.server.broadcast import BroadcastOperator, check_timeout
from antiphon.socketio.packet import check_event_name
from antiphon.types import AckFunction, Room

if TYPE_CHECKING:
    from antiphon.server.socket import AckCallback, Socket

__all__ = ["SocketEmitter"]

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


class SocketEmitter:
    """Emits to one socket in a special way. It never changes: each modifier returns a new one.

    Made by :meth:`Socket.timeout`, :attr:`Socket.volatile` and :meth:`Socket.compress`.
    """

    __slots__ = ("_flags", "_socket")

    def __init__(self, socket: Socket, flags: BroadcastFlags) -> None:
        self._socket = socket
        self._flags = flags

    # How

    def timeout(self, seconds: float) -> SocketEmitter:
        """Limit how long the next emit waits for its acknowledgement.

        Raises:
            ConfigurationError: it is not a number of seconds.
        """
        return SocketEmitter(self._socket, self._flags._replace(timeout=check_timeout(seconds)))

    @property
    def volatile(self) -> SocketEmitter:
        """Drop the next event if the transport could not take it at once."""
        return SocketEmitter(self._socket, self._flags._replace(volatile=True))

    def compress(self, compress: bool) -> SocketEmitter:
        """Say whether the next event may be compressed, where compression is enabled."""
        return SocketEmitter(self._socket, self._flags._replace(compress=bool(compress)))

    # Others

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everyone in the namespace but this socket, in the same way."""
        return BroadcastOperator(self._socket.nsp, except_=frozenset((self._socket.id,)), flags=self._flags)

    @property
    def local(self) -> BroadcastOperator:
        """Everyone on this server but this socket, in the same way."""
        return self.broadcast.local

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone in these rooms but this socket."""
        return self.broadcast.to(*rooms)

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Do the same as :meth:`to`."""
        return self.broadcast.to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone but this socket and those in these rooms."""
        return self.broadcast.except_(*rooms)

    # Emitting

    @overload
    def emit(self, event: Event[tuple[*Ts], object], *args: *Ts, ack: AckFunction | None = None) -> Awaitable[None]: ...
    @overload
    def emit(self, event: str, *args: object, ack: AckFunction | None = None) -> Awaitable[None]: ...
    def emit(self, event: str | AnyEvent, *args: object, ack: AckFunction | None = None) -> Awaitable[None]:
        """Emit an event to this client; returns and raises as :meth:`Socket.emit`.

        Args:
            event: its name.
            args: any number of values that the parser can encode.
            ack: called with the arguments of the acknowledgement; after :meth:`timeout` with an error (or None) first.
        """
        name = check_event_name(event)
        callback: AckCallback | None = None
        if ack is not None:
            socket, function, error_first = self._socket, ack, self._flags.timeout is not None

            def callback(error: AckTimeout | SocketDisconnected | None, answer: Sequence[object]) -> None:
                if error_first:
                    socket.nsp.call_ack(function, name, (error, *answer), socket)
                elif error is None:
                    socket.nsp.call_ack(function, name, answer, socket)

        self._socket.send_event([name, *args], self._flags, callback)
        return self._socket.conn if not self._socket.nsp.server.in_foreign_thread() else DELIVERED

    def send(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event."""
        return self.emit("message", *args)

    def write(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event. The same as :meth:`send`."""
        return self.emit("message", *args)

    @overload
    async def emit_with_ack(self, event: Event[tuple[*Ts], R], *args: *Ts, timeout: float | None = None) -> R: ...
    @overload
    async def emit_with_ack(self, event: str, *args: object, timeout: float | None = None) -> object: ...
    async def emit_with_ack(self, event: str | AnyEvent, *args: object, timeout: float | None = None) -> object:
        """Emit an event and wait for its acknowledgement; returns and raises as :meth:`Socket.emit_with_ack`."""
        socket, flags = self._socket, self._flags
        name = check_event_name(event)
        if timeout is not None:
            flags = flags._replace(timeout=check_timeout(timeout))
        socket.nsp.server.check_thread("emit_with_ack")
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def finish(error: AckTimeout | SocketDisconnected | None, answer: Sequence[object]) -> None:
            if answered.done():
                return
            if error is not None:
                answered.set_exception(error)
            else:
                answered.set_result(answer[0] if answer else None)

        ack_id = socket.send_now([name, *args], flags, finish)
        try:
            return await answered
        finally:
            # Who is cancelled does not wait any more.
            socket.forget_ack(ack_id)
