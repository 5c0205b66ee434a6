"""Emitting to many: who is selected, and one encoding for all of them.

Source: JavaScript, ``BroadcastOperator`` of ``socket.io``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Iterable, Sequence
from threading import get_ident
from typing import TYPE_CHECKING

from antiphon.errors import ConfigurationError
from antiphon.server.engine_socket import EngineSocket
from antiphon.server.fanout import Message
from antiphon.socketio.packet import check_event_name
from antiphon.types import Room

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace

__all__ = ["BroadcastOperator", "Delivery", "flatten"]


def flatten(rooms: Iterable[Room | Iterable[Room]]) -> Iterable[Room]:
    """Yield room names out of room names and collections of them.

    Raises:
        ConfigurationError: something is no name.
    """
    for entry in rooms:
        for room in (entry,) if isinstance(entry, str) or not isinstance(entry, Iterable) else entry:
            if not isinstance(room, str):
                raise ConfigurationError(f"a room is a string, not {room!r}; the room of one socket is its id")
            yield room


class Delivery:
    """What a broadcast returns: await it to wait until every transport has taken the data."""

    __slots__ = ("_connections",)

    def __init__(self, connections: Sequence[EngineSocket]) -> None:
        self._connections = connections

    def __await__(self) -> Generator[object, None, None]:
        for connection in self._connections:
            yield from connection.__await__()


class BroadcastOperator:
    """A selection of sockets. It never changes: each method returns a new one, and one may be used many times."""

    __slots__ = ("_except", "_nsp", "_rooms")

    def __init__(
        self, nsp: Namespace, rooms: frozenset[Room] = frozenset(), except_: frozenset[Room] = frozenset()
    ) -> None:
        self._nsp = nsp
        self._rooms = rooms
        self._except = except_

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Add rooms: everyone who is in one of them is selected. No room at all selects everyone."""
        return BroadcastOperator(self._nsp, self._rooms.union(flatten(rooms)), self._except)

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Do the same as :meth:`to`."""
        return self.to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Leave out everyone who is in one of these rooms; the id of a socket is a room too."""
        return BroadcastOperator(self._nsp, self._rooms, self._except.union(flatten(rooms)))

    def emit(self, event: str, *args: object) -> Awaitable[None]:
        """Emit an event to everyone who is selected.

        Returns:
            Something to await until every transport has taken the data; there is no need to. One slow client makes
            it wait, until that client is dropped.

        Raises:
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
        """
        nsp = self._nsp
        check_event_name(event)
        if nsp.server.thread not in (None, get_ident()):
            # Encoded here, for the thread may go on and change the data.
            nsp.server.call_from_thread(self._deliver, nsp.encode_event_in_thread([event, *args]))
            return Delivery(())
        return self._deliver(nsp.encode_event([event, *args], None))

    def _deliver(self, message: Message) -> Delivery:
        nsp = self._nsp
        sockets = nsp.sockets
        if not self._rooms and not self._except:
            connections = [socket.conn for socket in sockets.values()]
        else:
            selected = nsp.rooms.select(self._rooms, self._except)
            connections = [sockets[sid].conn for sid in selected if sid in sockets]
        for connection in connections:
            send = connection.send_message
            send(message)
        return Delivery(connections)

    def send(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event."""
        return self.emit("message", *args)
