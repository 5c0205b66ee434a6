"""Emitting to the server in a special way: with a limit for the acknowledgement, volatile, uncompressed.

Source: JavaScript, ``socket.timeout``, ``socket.volatile``, ``socket.compress``.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, NamedTuple, TypeVar, TypeVarTuple, overload

from antiphon.common.checks import check_seconds
from antiphon.event import AnyEvent, Event
from antiphon.types import AckFunction

if TYPE_CHECKING:
    from antiphon.client.socket_emitting import ClientSocketEmitting

__all__ = ["ClientEmitter", "Flags"]

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_DAY = 86_400.0


class Flags(NamedTuple):
    """How an event is sent.

    Attributes:
        timeout: seconds to wait for the acknowledgement; None if there is no limit of its own.
        volatile: drop it if it cannot be sent at once.
        compress: whether it may be compressed.
    """

    timeout: float | None = None
    volatile: bool = False
    compress: bool = True


class ClientEmitter:
    """Emits to the server in a special way. It never changes: each modifier returns a new one.

    Made by :meth:`ClientSocket.timeout`, :attr:`ClientSocket.volatile` and :meth:`ClientSocket.compress`.
    """

    __slots__ = ("_flags", "_socket")

    def __init__(self, socket: ClientSocketEmitting, flags: Flags) -> None:
        self._socket = socket
        self._flags = flags

    def timeout(self, seconds: float) -> ClientEmitter:
        """Limit how long the next emit waits for its acknowledgement.

        Raises:
            ConfigurationError: it is not a number of seconds.
        """
        check_seconds("timeout", seconds, _DAY)
        return ClientEmitter(self._socket, self._flags._replace(timeout=seconds))

    @property
    def volatile(self) -> ClientEmitter:
        """Drop the next event if the transport could not take it at once."""
        return ClientEmitter(self._socket, self._flags._replace(volatile=True))

    def compress(self, compress: bool) -> ClientEmitter:
        """Say whether the next event may be compressed, where compression was agreed on."""
        return ClientEmitter(self._socket, self._flags._replace(compress=bool(compress)))

    @overload
    def emit(self, event: Event[tuple[*Ts], object], *args: *Ts, ack: AckFunction | None = None) -> Awaitable[None]: ...
    @overload
    def emit(self, event: str, *args: object, ack: AckFunction | None = None) -> Awaitable[None]: ...
    def emit(self, event: str | AnyEvent, *args: object, ack: AckFunction | None = None) -> Awaitable[None]:
        """Emit an event; returns and raises as :meth:`ClientSocket.emit`.

        Args:
            event: its name.
            args: any number of values that the parser can encode.
            ack: called with the arguments of the acknowledgement; after :meth:`timeout` with an error (or None) first.
        """
        return self._socket.emit_with(self._flags, event, args, ack)

    def send(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event."""
        return self.emit("message", *args)

    @overload
    async def emit_with_ack(self, event: Event[tuple[*Ts], R], *args: *Ts, timeout: float | None = None) -> R: ...
    @overload
    async def emit_with_ack(self, event: str, *args: object, timeout: float | None = None) -> object: ...
    async def emit_with_ack(self, event: str | AnyEvent, *args: object, timeout: float | None = None) -> object:
        """Emit an event and wait for its acknowledgement; returns and raises as :meth:`ClientSocket.emit_with_ack`."""
        flags = self._flags
        if timeout is not None:
            check_seconds("timeout", timeout, _DAY)
            flags = flags._replace(timeout=timeout)
        return await self._socket.await_ack(flags, event, args)
