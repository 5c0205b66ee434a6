"""Connection state recovery: which sessions may be restored, and what their clients have missed.

Every packet that can be replayed gets an offset, and is kept for a while. A client that comes back says which session
was its own and which offset it has seen last.

Source: JavaScript, ``SessionAwareAdapter`` of ``socket.io-adapter``; "Connection state recovery" in its documentation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from antiphon.cluster.selection import BroadcastOptions
from antiphon.types import Room, SocketId

__all__ = ["RecoveryFailure", "RecoveryLog", "RestoredSession", "Session"]

RecoveryFailure: TypeAlias = Literal[
    "unknown session", "session expired", "unknown offset", "missed too much", "replay interrupted"
]
"""Why a session could not be restored.

``unknown session``: it never was, or ended in a way that cannot be recovered from, or was restored before, or the
server has been restarted. ``session expired``: the client was away for too long. ``unknown offset``: what the client
says it has seen last was not sent by this server. ``missed too much``: what it missed is not kept any more, for want
of room. ``replay interrupted``: it was cut off again while it got what it had missed.
"""

MessageT = TypeVar("MessageT")

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Session(NamedTuple):
    """What is kept of a socket that was cut off.

    Attributes:
        sid: the id of the socket.
        pid: the secret by which its client proves that it was its own.
        rooms: the rooms that it was in.
        data: the data of the application.
        start: the offset at which it began. The client has no use for anything before it, whatever it says it has seen.
        confirmed_at: when the latest ping was sent that the client has answered: it has got whatever was sent before.
        replay: the offset after which packets were replayed when the session was last restored; None if none were.
    """

    sid: SocketId
    pid: str
    rooms: frozenset[Room]
    data: Mapping[str, object]
    start: str
    confirmed_at: float
    replay: str | None = None


class RestoredSession(NamedTuple, Generic[MessageT]):
    """A session that goes on.

    Attributes:
        session: what was kept.
        missed: what its client has not seen, in order.
        after: the offset that its client has seen last.
    """

    session: Session
    missed: list[MessageT]
    after: str


class _Entry(NamedTuple, Generic[MessageT]):
    emitted_at: float
    size: int
    options: BroadcastOptions
    message: MessageT


class RecoveryLog(Generic[MessageT]):
    """The sessions and the packets of one namespace.

    Args:
        name: what every offset starts with; no other log may have the same.
        lifetime: seconds that a session can be restored.
        grace: seconds that packets are kept beyond that: it takes as long until a dead client is found out.
        max_size: bytes that the packets may have; the oldest go first.
        max_sessions: sessions that are kept; the oldest go first.
    """

    def __init__(self, *, name: str, lifetime: float, grace: float, max_size: int, max_sessions: int) -> None:
        self._name = name
        self._lifetime = lifetime
        self._grace = grace
        self._max_size = max_size
        self._max_sessions = max_sessions
        self._sessions: dict[str, tuple[float, Session]] = {}
        self._entries: deque[_Entry[MessageT]] = deque()
        self._size = 0
        self._last = 0
        self._dropped_at = float("-inf")

    @property
    def size(self) -> int:
        """The bytes that the packets have."""
        return self._size

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._entries and not self._sessions

    def __len__(self) -> int:
        return len(self._entries)

    # Packets

    @property
    def head(self) -> str:
        """The offset of the latest packet."""
        return self._name + _to_base36(self._last)

    @property
    def next_offset(self) -> str:
        """The offset that the next packet will have."""
        return self._name + _to_base36(self._last + 1)

    def append(self, message: MessageT, size: int, options: BroadcastOptions, now: float) -> None:
        """Keep a packet, whose offset was :attr:`next_offset`."""
        self._last += 1
        self._entries.append(_Entry(now, size, options, message))
        self._size += size
        while self._size > self._max_size:
            self._drop_oldest()
        self._forget_packets(now)

    def _drop_oldest(self) -> None:
        entry = self._entries.popleft()
        self._size -= entry.size
        self._dropped_at = entry.emitted_at

    def _forget_packets(self, now: float) -> None:
        oldest = now - self._lifetime - self._grace
        entries = self._entries
        while entries and entries[0].emitted_at < oldest:
            self._drop_oldest()

    # Sessions

    def save(self, session: Session, now: float) -> None:
        """Keep a session whose client was cut off."""
        self._sessions.pop(session.pid, None)
        self._sessions[session.pid] = now, session
        if len(self._sessions) > self._max_sessions:
            del self._sessions[next(iter(self._sessions))]

    def restore(self, pid: str, offset: str | None, now: float) -> RestoredSession[MessageT] | RecoveryFailure:
        """Take a session out, with what its client has missed, or say why that is not possible.

        Args:
            pid: the secret of the session.
            offset: the last that the client has seen; None if it has seen none.
            now: the time, in seconds.
        """
        saved = self._sessions.get(pid)
        if saved is None:
            return "unknown session"
        saved_at, session = saved
        if saved_at + self._lifetime < now:
            del self._sessions[pid]
            return "session expired"
        seen, start = self._position(offset), self._position(session.start)
        if start is None or (offset is not None and seen is None):
            return "unknown offset"
        seen = max(seen or 0, start)
        after = self._name + _to_base36(seen)
        if after == session.replay:
            # The client has not got to the end of the last replay. It keeps what it got of it, nobody knows how much,
            # and would hand it to the application together with another replay.
            return "replay interrupted"
        missed = self.missed(session, after)
        if missed is None:
            return "missed too much"
        del self._sessions[pid]
        return RestoredSession(session, missed, after)

    def missed(self, session: Session, after: str) -> list[MessageT] | None:
        """Return the packets after an offset that are for a session; None if any of them may have been dropped."""
        seen = self._position(after) or 0
        if seen < self._first - 1 and self._dropped_at >= session.confirmed_at:
            return None
        count, rooms = self._last - seen, session.rooms
        # From the end: most clients have missed little.
        missed = [entry.message for entry in islice(reversed(self._entries), count) if entry.options.reaches(rooms)]
        missed.reverse()
        return missed

    @property
    def _first(self) -> int:
        """The number of the oldest packet that is kept."""
        return self._last - len(self._entries) + 1

    def _position(self, offset: str | None) -> int | None:
        if offset is None:
            return None
        digits = offset.removeprefix(self._name)
        if len(digits) == len(offset) or not digits or len(digits) > 12 or not set(digits) <= set(_DIGITS):
            return None
        position = int(digits, 36)
        return position if position <= self._last else None

    def sweep(self, now: float) -> None:
        """Forget what is too old to be of use."""
        self._forget_packets(now)
        sessions = self._sessions
        while sessions:
            pid = next(iter(sessions))
            if sessions[pid][0] + self._lifetime >= now:
                break
            del sessions[pid]


def _to_base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
