"""The state machine of an Engine.IO session, server side. It has no clock: time (in seconds) is an argument.

What a received packet means is one look-up in :data:`ON_PACKET`; what a packet on a probing transport means is one
look-up in :data:`ON_PROBE_PACKET`. The tables are what runs, what the tests enumerate and what the documentation shows.

Source: Engine.IO protocol 4, "Lifecycle of a session", "Heartbeat", "Upgrade"; revision 3 for the direction of its
pings.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Final, Literal

from antiphon.engineio.packet import Packet, PacketType

__all__ = [
    "CLOSE_TIMEOUT",
    "NOOP_INTERVAL",
    "ON_PACKET",
    "ON_PROBE_PACKET",
    "Action",
    "CloseReason",
    "Probe",
    "ProbeAction",
    "Session",
    "SessionState",
]

CloseReason = Literal[
    "transport error", "transport close", "forced close", "ping timeout", "parse error", "slow consumer"
]
"""Why a session ended. JavaScript: the first argument of the ``close`` event of ``engine.io`` sockets. Ours alone is
``slow consumer``: the peer did not read, and too much waited for it."""

CLOSE_TIMEOUT: Final = 30.0
"""Seconds that a closing polling session waits for a poll to carry its close packet."""

NOOP_INTERVAL: Final = 0.1
"""Seconds between two looks at a pending poll while a transport is probing."""


class SessionState(Enum):
    """JavaScript: ``readyState``."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Action(Enum):
    """What the driver of a session must do."""

    IGNORE = auto()
    DELIVER = auto()
    HEARTBEAT = auto()
    ANSWER_PING = auto()
    SEND_PING = auto()
    TRANSPORT_CLOSE = auto()
    TRANSPORT_ERROR = auto()
    PING_TIMEOUT = auto()
    DISCARD = auto()


_COMMON = {
    PacketType.OPEN: Action.IGNORE,
    PacketType.CLOSE: Action.TRANSPORT_CLOSE,
    PacketType.MESSAGE: Action.DELIVER,
    PacketType.UPGRADE: Action.IGNORE,
    PacketType.NOOP: Action.IGNORE,
}

ON_PACKET: Final[dict[int, dict[PacketType, Action]]] = {
    # In revision 4 the server pings and the client answers; in revision 3 it is the other way round.
    4: {**_COMMON, PacketType.PING: Action.TRANSPORT_ERROR, PacketType.PONG: Action.HEARTBEAT},
    3: {**_COMMON, PacketType.PING: Action.ANSWER_PING, PacketType.PONG: Action.TRANSPORT_ERROR},
}
"""What a packet means while the session is open, by revision and type."""


class Session:
    """One session: whether it is open, and when its heartbeat is due.

    Args:
        protocol: the revision, 3 or 4.
        ping_interval: seconds from one heartbeat to the next ping.
        ping_timeout: seconds that the peer has to answer.
        now: the time of the handshake.

    Attributes:
        protocol: the revision, 3 or 4.
        state: where the session is in its life.
        deadline: when :meth:`on_timer` is to be called; infinite when never.
        confirmed_at: when the latest ping was sent that the peer has answered; it has got whatever was sent before.
    """

    __slots__ = ("_awaits_pong", "_extended", "_ping_interval", "_ping_timeout", "_pinged_at", "confirmed_at",
                 "deadline", "protocol", "state")  # fmt: skip

    def __init__(self, *, protocol: int, ping_interval: float, ping_timeout: float, now: float) -> None:
        self.protocol: int = protocol
        self.state: SessionState = SessionState.OPEN
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._awaits_pong = False
        self._extended = False
        self.confirmed_at: float = now
        self._pinged_at = now
        self.deadline: float = now
        self._rest(now)

    def _rest(self, now: float) -> None:
        """Wait for the next heartbeat."""
        self._awaits_pong = self.protocol == 3
        self.deadline = now + self._ping_interval + (self._ping_timeout if self._awaits_pong else 0.0)

    def on_packet(self, kind: PacketType, now: float) -> Action:
        """Take a packet and say what to do with it. Packets after the end, or near it, are ignored."""
        if self.state is not SessionState.OPEN:
            return Action.IGNORE
        action = ON_PACKET[self.protocol][kind]
        if action is Action.HEARTBEAT or action is Action.ANSWER_PING:
            self.confirmed_at = self._pinged_at
            self._rest(now)
        return action

    def on_sign_of_life(self, now: float) -> bool:
        """Take it that a packet has come that is not the pong.

        A pong may be late behind other packets, so the peer has ``ping_timeout`` from the first one on: once for each
        ping, for it has to answer. JavaScript: ``hasRefreshedPingTimeout``.

        Returns:
            Whether the deadline has changed.
        """
        if self.protocol == 3 or not self._awaits_pong or self._extended or self.state is not SessionState.OPEN:
            return False
        self._extended = True
        self.deadline = now + self._ping_timeout
        return True

    def on_timer(self, now: float) -> Action:
        """Say what to do now that the deadline has come."""
        if self.state is SessionState.CLOSED:
            return Action.IGNORE
        if self.state is SessionState.CLOSING:
            return Action.DISCARD
        if self._awaits_pong:
            return Action.PING_TIMEOUT
        self._awaits_pong = True
        self._extended = False
        self._pinged_at = now
        self.deadline = now + self._ping_timeout
        return Action.SEND_PING

    def begin_close(self, now: float) -> bool:
        """Start an orderly close; False if the session is not open."""
        if self.state is not SessionState.OPEN:
            return False
        self.state = SessionState.CLOSING
        self.deadline = now + CLOSE_TIMEOUT
        return True

    def finish(self) -> bool:
        """End the session; False if it had ended before."""
        if self.state is SessionState.CLOSED:
            return False
        self.state = SessionState.CLOSED
        self.deadline = math.inf
        return True


class ProbeAction(Enum):
    """What the driver of a probing transport must do."""

    ANSWER = auto()
    UPGRADE = auto()
    FAIL = auto()
    RELEASE_POLL = auto()


ON_PROBE_PACKET: Final[dict[tuple[PacketType, bytes], ProbeAction]] = {
    (PacketType.PING, b"probe"): ProbeAction.ANSWER,
    (PacketType.UPGRADE, b""): ProbeAction.UPGRADE,
}
"""What a packet on a probing transport means; whatever is not here makes the probe fail."""


class Probe:
    """A transport that a session may be upgraded to.

    Args:
        upgrade_timeout: seconds that the client has to finish.
        now: when the transport was opened.

    Attributes:
        deadline: when :meth:`on_timer` is to be called.
    """

    __slots__ = ("_expiry", "deadline")

    def __init__(self, *, upgrade_timeout: float, now: float) -> None:
        self._expiry = now + upgrade_timeout
        self.deadline: float = self._expiry

    def on_packet(self, packet: Packet, now: float) -> ProbeAction:
        """Take a packet of the probing transport and say what to do."""
        if packet.binary:
            return ProbeAction.FAIL
        action = ON_PROBE_PACKET.get((packet.type, packet.data), ProbeAction.FAIL)
        if action is ProbeAction.ANSWER:
            self.deadline = min(now + NOOP_INTERVAL, self._expiry)
        return action

    def on_timer(self, now: float) -> ProbeAction:
        """Say what to do now that the deadline has come: free the pending poll, or give the probe up."""
        if self.deadline >= self._expiry:
            return ProbeAction.FAIL
        self.deadline = min(now + NOOP_INTERVAL, self._expiry)
        return ProbeAction.RELEASE_POLL
