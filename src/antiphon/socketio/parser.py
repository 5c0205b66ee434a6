"""What a parser must be able to do; the JSON and the MessagePack parser are two of them.

Source: JavaScript, "Custom parser". The parser is never negotiated: both sides must use the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from antiphon.socketio.packet import Packet

__all__ = ["Decoder", "Encoded", "Parser"]


class Encoded(NamedTuple):
    """A packet on the wire.

    Attributes:
        text: what goes first, as text (UTF-8); None if there is none.
        attachments: what follows, as binary.
    """

    text: bytes | None
    attachments: Sequence[bytes] = ()


class Decoder(Protocol):
    """Turns what one connection receives into packets. There is one for each connection."""

    def add_text(self, data: bytes) -> Packet | None:
        """Take a text message (UTF-8).

        Returns:
            The packet that it completes, or None.

        Raises:
            PacketError: what came is not a packet; the connection is then closed.
        """
        ...

    def add_binary(self, data: bytes) -> Packet | None:
        """Take a binary message; returns and raises as :meth:`add_text`."""
        ...


class Parser(Protocol):
    """Encodes packets and makes decoders. There is one for each server or client."""

    def encode(self, packet: Packet) -> Encoded:
        """Encode a packet.

        Raises:
            EncodeError: the data cannot be put on the wire.
        """
        ...

    def decoder(self) -> Decoder:
        """Make the decoder of a new connection."""
        ...
