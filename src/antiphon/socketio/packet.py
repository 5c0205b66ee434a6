"""Socket.IO 5 packets, and what the protocol allows in them.

Source: Socket.IO protocol 5, "Packet types"; JavaScript: ``socket.io-parser``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from antiphon.errors import ConfigurationError, PacketError, ReservedEventError
from antiphon.event import Event

__all__ = [
    "MAX_ACK_ID",
    "RESERVED_EVENTS",
    "Packet",
    "PacketType",
    "check_event_name",
    "check_payload",
    "event_name",
]

RESERVED_EVENTS: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Names that neither side may emit."""

MAX_ACK_ID: Final = 2**53 - 1
"""The largest acknowledgement id: beyond it a JavaScript peer could not send the same number back."""


class PacketType(IntEnum):
    """The packet types, by their digit on the wire."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


class Packet(NamedTuple):
    """A decoded packet. Binary types never appear here: they become ``EVENT`` and ``ACK``.

    Attributes:
        type: what it is.
        nsp: the namespace, with its slash.
        data: the payload; None if absent.
        id: the acknowledgement id, if there is one.
    """

    type: PacketType
    nsp: str = "/"
    data: object = None
    id: int | None = None


def check_payload(kind: PacketType, data: object, *, present: bool) -> None:
    """Check that a payload is one that its type may carry.

    JavaScript: ``isPayloadValid``. An absent payload passes, as there.

    Raises:
        PacketError: it may not.
    """
    if not present:
        return
    if kind is PacketType.EVENT or kind is PacketType.BINARY_EVENT:
        valid = type(data) is list and bool(data) and _is_event_name(data[0])
    elif kind is PacketType.ACK or kind is PacketType.BINARY_ACK:
        valid = type(data) is list
    elif kind is PacketType.CONNECT:
        valid = type(data) is dict
    elif kind is PacketType.CONNECT_ERROR:
        valid = type(data) in (str, dict)
    else:
        valid = False
    if not valid:
        raise PacketError(f"invalid payload for a {kind.name} packet")


def _is_event_name(name: object) -> bool:
    if type(name) is str:
        return name not in RESERVED_EVENTS
    return type(name) is int or type(name) is float


def check_event_name(event: object) -> str:
    """Check the name of an event that is to be emitted, and return it.

    Raises:
        ReservedEventError: the protocol keeps it for itself.
        ConfigurationError: it is not a string, nor an :class:`~antiphon.event.Event`.
    """
    if isinstance(event, Event):
        event = event.name
    if not isinstance(event, str):
        raise ConfigurationError(f"the name of an event must be a string, not {event!r}")
    if event in RESERVED_EVENTS:
        raise ReservedEventError(event)
    return event


def event_name(name: object) -> str:
    """Return the name under which listeners know an event: a number is known by its digits, as in JavaScript."""
    if type(name) is float and name.is_integer():
        name = int(name)
    return str(name)
