"""Emitting to the server in a special way, blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload

from antiphon.client.emitter import Flags
from antiphon.common.checks import check_seconds
from antiphon.event import AnyEvent, Event
from antiphon.types import AckFunction

if TYPE_CHECKING:
    from antiphon.sync.socket import Socket

__all__ = ["Emitter"]

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_DAY = 86_400.0


class Emitter:
    """Emits to the server in a special way. It never changes: each modifier returns a new one.

    Made by :meth:`Socket.timeout`, :attr:`Socket.volatile` and :meth:`Socket.compress`.
    """

    __slots__ = ("_flags", "_socket")

    def __init__(self, socket: Socket, flags: Flags) -> None:
        self._socket = socket
        self._flags = flags

    def timeout(self, seconds: float) -> Emitter:
        """Limit how long the next emit waits for its acknowledgement.

        Raises:
            ConfigurationError: it is not a number of seconds.
        """
        check_seconds("timeout", seconds, _DAY)
        return Emitter(self._socket, self._flags._replace(timeout=seconds))

    @property
    def volatile(self) -> Emitter:
        """Drop the next event if the transport could not take it at once."""
        return Emitter(self._socket, self._flags._replace(volatile=True))

    def compress(self, compress: bool) -> Emitter:
        """Say whether the next event may be compressed, where compression was agreed on."""
        return Emitter(self._socket, self._flags._replace(compress=bool(compress)))

    @overload
    def emit(self, event: Event[tuple[*Ts], object], *args: *Ts, ack: AckFunction | None = None) -> None: ...
    @overload
    def emit(self, event: str, *args: object, ack: AckFunction | None = None) -> None: ...
    def emit(self, event: str | AnyEvent, *args: object, ack: AckFunction | None = None) -> None:
        """Emit an event; raises as :meth:`Socket.emit`.

        Args:
            event: its name.
            args: any number of values that the parser can encode.
            ack: called with the arguments of the acknowledgement; after :meth:`timeout` with an error (or None) first.
        """
        self._socket.emit_with(self._flags, event, args, ack)

    def send(self, *args: object) -> None:
        """Emit a ``message`` event."""
        self.emit("message", *args)

    @overload
    def emit_with_ack(self, event: Event[tuple[*Ts], R], *args: *Ts, timeout: float | None = None) -> R: ...
    @overload
    def emit_with_ack(self, event: str, *args: object, timeout: float | None = None) -> Any: ...
    def emit_with_ack(self, event: str | AnyEvent, *args: object, timeout: float | None = None) -> Any:
        """Emit an event and wait for its acknowledgement; returns and raises as :meth:`Socket.emit_with_ack`."""
        flags = self._flags
        if timeout is not None:
            check_seconds("timeout", timeout, _DAY)
            flags = flags._replace(timeout=timeout)
        return self._socket.await_ack(flags, event, args)
