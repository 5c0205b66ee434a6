"""A socket among others: whom it selects, and the rooms that it is in.

Source: JavaScript, ``Socket`` of ``socket.io``: ``to``, ``except``, ``broadcast``, ``join``, ``leave``.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import get_ident

from antiphon.server.broadcast import BroadcastOperator, flatten
from antiphon.server.engine_socket import EngineSocket
from antiphon.server.socket_events import SocketEvents
from antiphon.types import Room, SocketId

__all__ = ["SocketRooms"]


class SocketRooms(SocketEvents):
    """Selects others by rooms, and joins and leaves them.

    Attributes:
        id: the public identifier, also the name of the room that only this socket is in.
        conn: the Engine.IO session.
    """

    __slots__ = ()

    id: SocketId
    conn: EngineSocket

    # Broadcasting

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everyone in the namespace but this socket."""
        return BroadcastOperator(self.nsp, except_=frozenset((self.id,)))

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone in these rooms but this socket."""
        return self.broadcast.to(*rooms)

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Do the same as :meth:`to`."""
        return self.broadcast.to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone but this socket and those in these rooms."""
        return self.broadcast.except_(*rooms)

    @property
    def local(self) -> BroadcastOperator:
        """Everyone on this server but this socket."""
        return self.broadcast.local

    # Rooms

    def join(self, *rooms: Room | Iterable[Room]) -> None:
        """Join a room, or several; nothing happens after the end. Middlewares may do it before the beginning."""
        names = list(flatten(rooms))
        if get_ident() != self.conn.thread:
            self.nsp.server.call_from_thread(self.join, names)
        elif not self._ended:
            self.nsp.adapter.add_all(self.id, names)

    def leave(self, *rooms: Room | Iterable[Room]) -> None:
        """Leave a room, or several."""
        names = list(flatten(rooms))
        if get_ident() != self.conn.thread:
            self.nsp.server.call_from_thread(self.leave, names)
            return
        for room in names:
            self.nsp.adapter.del_(self.id, room)
