"""Who is in which room of one namespace.

Source: JavaScript, ``Adapter`` of ``socket.io-adapter``: ``rooms`` and ``sids``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Literal, TypeAlias

from antiphon.types import Room, SocketId

__all__ = ["RoomEvent", "RoomListener", "Rooms"]

_NONE: frozenset[SocketId] = frozenset()

RoomEvent: TypeAlias = Literal["create-room", "delete-room", "join-room", "leave-room"]
RoomListener: TypeAlias = Callable[[RoomEvent, Room, SocketId], None]
"""Is told what has happened to a room, and because of which socket."""


class Rooms(Mapping[Room, AbstractSet[SocketId]]):
    """Two maps that always agree: the sockets of each room, and the rooms of each socket.

    It is itself the first of them, to read.

    Attributes:
        listener: is told of what changes, if there is one.
    """

    __slots__ = ("_rooms", "_sids", "listener")

    def __init__(self) -> None:
        self._rooms: dict[Room, set[SocketId]] = {}
        self._sids: dict[SocketId, set[Room]] = {}
        self.listener: RoomListener | None = None

    @property
    def sids(self) -> Mapping[SocketId, AbstractSet[Room]]:
        """The rooms of each socket."""
        return MappingProxyType(self._sids)

    def __getitem__(self, room: Room) -> AbstractSet[SocketId]:
        return self._rooms[room]

    def __iter__(self) -> Iterator[Room]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    def join(self, sid: SocketId, rooms: Iterable[Room]) -> None:
        """Put a socket into rooms. JavaScript: ``addAll``."""
        joined = self._sids.setdefault(sid, set())
        for room in rooms:
            joined.add(room)
            members = self._rooms.get(room)
            if members is None:
                self._rooms[room] = {sid}
                if self.listener is not None:
                    self.listener("create-room", room, sid)
                    self.listener("join-room", room, sid)
            elif sid not in members:
                members.add(sid)
                if self.listener is not None:
                    self.listener("join-room", room, sid)

    def leave(self, sid: SocketId, room: Room) -> None:
        """Take a socket out of a room; nothing happens if it is not in it. JavaScript: ``del``."""
        joined = self._sids.get(sid)
        if joined is not None and room in joined:
            joined.discard(room)
            self._forget(sid, room)

    def leave_all(self, sid: SocketId) -> None:
        """Take a socket out of every room. JavaScript: ``delAll``."""
        for room in self._sids.pop(sid, ()):
            self._forget(sid, room)

    def _forget(self, sid: SocketId, room: Room) -> None:
        members = self._rooms[room]
        members.discard(sid)
        if not members:
            del self._rooms[room]
        if self.listener is not None:
            self.listener("leave-room", room, sid)
            if not members:
                self.listener("delete-room", room, sid)

    def of(self, sid: SocketId) -> frozenset[Room]:
        """Return the rooms of a socket. JavaScript: ``socketRooms``."""
        return frozenset(self._sids.get(sid, ()))

    def members(self, room: Room) -> AbstractSet[SocketId]:
        """Return the sockets in a room; it is a view, not a copy."""
        return self._rooms.get(room, _NONE)

    def select(self, rooms: Collection[Room], except_: Collection[Room]) -> Collection[SocketId]:
        """Return whom a broadcast reaches, each socket once.

        Args:
            rooms: the union of these rooms; all sockets if empty.
            except_: but nobody who is in one of these.
        """
        if not rooms:
            selected: AbstractSet[SocketId] = self._sids.keys()
        else:
            selected = self.members_of(rooms)
        if not except_:
            return selected
        excluded = self.members_of(except_)
        return [sid for sid in selected if sid not in excluded]

    def members_of(self, rooms: Collection[Room]) -> AbstractSet[SocketId]:
        """Return the sockets that are in at least one of these rooms."""
        if len(rooms) == 1:
            return self.members(next(iter(rooms)))
        return set[SocketId]().union(*(self.members(room) for room in rooms))
