"""What the workloads are measured by: the same kind of work for the interpreter, with nothing of the package in it.

How many instructions a line of Python needs depends on the version of Python and on how it was compiled. So a workload
is compared with one of these, in the same run. They must not be changed: every limit would change with them.
"""

from __future__ import annotations

from collections import deque

import orjson
from bench.micro.workload import Run, rounds

__all__ = ["for_event", "for_socket"]

_TEXT = b'42["echo","%s"]' % (b"x" * 64)
_DESKS = 1000


class _Desk:
    """One of those that hand an event on."""

    __slots__ = ("drawer", "name", "next")

    def __init__(self, name: str, following: _Desk | None, drawer: deque[bytes]) -> None:
        self.name = name
        self.next = following
        self.drawer = drawer

    def hand_on(self, data: list[object], number: int | None) -> None:
        following = self.next
        if following is None:
            data[0] = self.name
            self.put(b"42" + orjson.dumps(data))
        elif number is None and type(data[0]) is str and len(data) > 1:
            following.hand_on(data, number)

    def put(self, data: bytes) -> None:
        drawer = self.drawer
        drawer.append(data)


def for_event() -> Run:
    """An event is decoded, handed on by ten functions, and encoded: like all that is done once for each event."""
    drawer: deque[bytes] = deque(maxlen=1)
    desk: _Desk | None = None
    for number in range(10):
        desk = _Desk(f"desk-{number}", desk, drawer)
    assert desk is not None
    first = desk

    def run(count: int) -> None:
        for _ in range(count):
            if _TEXT[:2] == b"42":
                first.hand_on(orjson.loads(_TEXT[2:]), None)

    return run


def for_socket() -> Run:
    """Of 1,000 objects those are picked that are not in a set, and given something: like all that is done for many."""
    drawer: deque[bytes] = deque(maxlen=1)
    desks = {f"desk-{number}": _Desk(f"desk-{number}", None, drawer) for number in range(_DESKS)}
    absent = {"desk-7"}

    def run(count: int) -> None:
        for _ in rounds(count, _DESKS):
            for desk in [desks[name] for name in desks if name not in absent]:
                desk.put(_TEXT)

    return run
