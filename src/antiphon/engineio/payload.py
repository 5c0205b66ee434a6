"""Engine.IO 4 payloads: several packets in the body of one HTTP request or response.

Source: Engine.IO protocol 4, "HTTP long-polling", "Packet encoding".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from antiphon.engineio.packet import Binary, Packet, WirePacket, decode_text, encode_base64

__all__ = ["SEPARATOR", "decode_payload", "encode_payload"]

SEPARATOR = b"\x1e"
"""The record separator between two packets."""


def encode_payload(packets: Iterable[WirePacket]) -> bytes:
    """Join packets; binary messages become ``b`` and base64."""
    return SEPARATOR.join(
        [b"b" + encode_base64(packet.data) if isinstance(packet, Binary) else packet for packet in packets]
    )


def decode_payload(body: bytes) -> Iterator[Packet]:
    """Split a body and yield its packets, in order.

    Raises:
        PacketError: at the first packet that is not one; those before it have been yielded.
    """
    for encoded in body.split(SEPARATOR):
        yield decode_text(encoded)
