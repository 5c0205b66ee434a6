"""Engine.IO 4 packets.

A packet on the wire is ``bytes``: the first byte is the type (``0`` to ``6``), the rest the data. A binary message has
no type byte; in a WebSocket it is a binary frame, in a payload it is ``b`` and base64.

Source: Engine.IO protocol 4, "Packet encoding".
"""

from __future__ import annotations

import binascii
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from antiphon.errors import PacketError

__all__ = [
    "CLOSE",
    "MESSAGE",
    "NOOP",
    "PING",
    "PONG",
    "PROBE_PING",
    "PROBE_PONG",
    "UPGRADE",
    "Binary",
    "Packet",
    "PacketType",
    "WirePacket",
    "decode_base64",
    "decode_text",
    "encode_base64",
]


class PacketType(IntEnum):
    """The packet types, by their digit on the wire."""

    OPEN = 0
    CLOSE = 1
    PING = 2
    PONG = 3
    MESSAGE = 4
    UPGRADE = 5
    NOOP = 6


class Packet(NamedTuple):
    """A decoded packet. ``data`` is ``bytes`` for text (UTF-8, without the type byte) and for binary alike."""

    type: PacketType
    data: bytes = b""
    binary: bool = False


class Binary:
    """A binary message that waits to be sent; text packets are plain ``bytes``."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data: bytes = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Binary) and other.data == self.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"Binary({self.data!r})"


WirePacket: TypeAlias = bytes | Binary
"""A packet that waits to be sent: text with its type byte, or a binary message."""

CLOSE = b"1"
PING = b"2"
PONG = b"3"
MESSAGE = b"4"
UPGRADE = b"5"
NOOP = b"6"
PROBE_PING = b"2probe"
PROBE_PONG = b"3probe"

_MESSAGE = PacketType.MESSAGE  # Python 3.11 looks members of an enumeration up slowly

_TYPES = {b"%d" % kind: kind for kind in PacketType}

# A body may hold half a million of these.
_BARE = {encoded: Packet(kind) for encoded, kind in _TYPES.items()} | {b"b": Packet(_MESSAGE, binary=True)}

_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def decode_text(encoded: bytes) -> Packet:
    """Decode one text packet; it may be a binary message in base64.

    Raises:
        PacketError: the type is not one of ``0`` to ``6``, or there is no type at all; or the base64 is none.
    """
    if len(encoded) == 1 and encoded in _BARE:
        return _BARE[encoded]
    kind = _TYPES.get(encoded[:1])
    if kind is None:
        if encoded[:1] == b"b":
            # Clients with ``forceBase64`` send binary so over WebSocket, too.
            return Packet(_MESSAGE, decode_base64(encoded[1:]), binary=True)
        raise PacketError(f"unknown Engine.IO packet type {encoded[:1]!r}")
    return Packet(kind, encoded[1:])


def decode_base64(encoded: bytes) -> bytes:
    """Decode base64 as lax as the official server does: padding may lack, the URL-safe alphabet is understood.

    Raises:
        PacketError: what is left cannot be base64 of anything.
    """
    data = encoded.translate(_URL_SAFE).rstrip(b"=")
    try:
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    except binascii.Error as error:
        raise PacketError(f"invalid base64 in a binary packet: {error}") from None


def encode_base64(data: bytes) -> bytes:
    """Encode a binary message for a payload, without the ``b`` in front."""
    return binascii.b2a_base64(data, newline=False)
