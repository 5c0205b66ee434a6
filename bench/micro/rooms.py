"""The index of rooms: 1,000 sockets, each in the room of its own id and in one of ten rooms.

What selects is counted once for each socket that is selected.
"""

from __future__ import annotations

from bench.micro.workload import Run, rounds

from antiphon.cluster.rooms import Rooms
from antiphon.types import Room, SocketId

__all__ = [
    "join_and_leave",
    "select_all_but_one",
    "select_all_but_room",
    "select_everyone",
    "select_room",
    "select_two_rooms",
]

_SIDS = [SocketId(f"socket-{number}") for number in range(1000)]
_ROOMS = [Room(f"room-{number}") for number in range(10)]
_NONE: frozenset[Room] = frozenset()


def _index() -> Rooms:
    rooms = Rooms()
    for number, sid in enumerate(_SIDS):
        rooms.join(sid, (Room(sid), _ROOMS[number % 10]))
    return rooms


def join_and_leave() -> Run:
    """What a socket asks of the index in its life: two rooms to join, one of them to leave, then the end."""
    rooms = _index()
    sid = SocketId("visitor")
    joined = (Room(sid), _ROOMS[0])

    def run(count: int) -> None:
        for _ in range(count):
            rooms.join(sid, joined)
            rooms.leave(sid, _ROOMS[0])
            rooms.leave_all(sid)

    return run


def select_everyone() -> Run:
    return _select(_NONE, _NONE)


def select_room() -> Run:
    return _select(frozenset(_ROOMS[:1]), _NONE)


def select_two_rooms() -> Run:
    return _select(frozenset(_ROOMS[:2]), _NONE)


def select_all_but_one() -> Run:
    """Whom ``socket.broadcast`` reaches."""
    return _select(_NONE, frozenset((Room(_SIDS[7]),)))


def select_all_but_room() -> Run:
    return _select(_NONE, frozenset(_ROOMS[:1]))


def _select(wanted: frozenset[Room], except_: frozenset[Room]) -> Run:
    rooms = _index()
    size = len(rooms.select(wanted, except_))

    def run(count: int) -> None:
        for _ in rounds(count, size):
            for _sid in rooms.select(wanted, except_):
                pass

    return run
