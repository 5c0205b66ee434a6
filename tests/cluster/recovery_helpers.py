"""What the tests of the recovery log write into it."""

from antiphon.cluster.recovery import Session
from antiphon.cluster.selection import BroadcastOptions
from antiphon.types import SocketId

EVERYONE = BroadcastOptions()
LIFETIME = 100.0
GRACE = 10.0


def to(*rooms):
    return BroadcastOptions(frozenset(rooms))


def emit(log, message, now=0.0, *, size=10, options=EVERYONE):
    """Append a packet, and return its offset."""
    offset = log.next_offset
    log.append(message, size, options, now)
    return offset


def save(log, now=0.0, *, name="a", rooms=("r",), start=None, confirmed_at=0.0):
    """Save a session, and return it."""
    session = Session(
        sid=SocketId(name),
        pid=f"pid of {name}",
        rooms=frozenset({name, *rooms}),
        data={"name": name},
        start=log.head if start is None else start,
        confirmed_at=confirmed_at,
    )
    log.save(session, now)
    return session


def sent(restored):
    """Return the session of a client that is sent what it has missed, as it is when it is cut off again."""
    return restored.session._replace(replay=restored.after if restored.missed else None)
