"""Engine.IO 3, for Socket.IO 2 clients (``allow_eio3``).

What differs from revision 4: a text payload is ``<length>:<packet>`` with the length in UTF-16 code units; a payload
with binary is framed in bytes; a binary packet has a type byte; and base64 is ``b4…``.

Source: Engine.IO protocol 3, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from antiphon.engineio.packet import Binary, Packet, PacketType, WirePacket, decode_base64, encode_base64
from antiphon.engineio.packet import decode_text as decode_text_4
from antiphon.errors import PacketError

__all__ = ["BINARY_MESSAGE", "decode_binary", "decode_payload", "decode_text", "encode_payload"]

BINARY_MESSAGE = b"\x04"
"""The type byte in front of a binary message."""

_STRING, _BINARY, _END = 0, 1, 255
_MAX_DIGITS = 16


def decode_text(encoded: bytes) -> Packet:
    """Decode one text packet.

    Raises:
        PacketError: the type is unknown, or the base64 is broken.
    """
    if encoded[:1] == b"b":
        kind = decode_text_4(encoded[1:2]).type
        return Packet(kind, decode_base64(encoded[2:]), binary=True)
    return decode_text_4(encoded)


def decode_binary(encoded: bytes) -> Packet:
    """Decode one binary packet, type byte first.

    Raises:
        PacketError: it is empty, or the type is unknown.
    """
    if not encoded or encoded[0] > PacketType.NOOP:
        raise PacketError(f"unknown Engine.IO packet type {encoded[:1]!r}")
    return Packet(PacketType(encoded[0]), encoded[1:], binary=True)


def decode_payload(body: bytes, *, binary: bool) -> Iterator[Packet]:
    """Split a body and yield its packets, in order.

    Args:
        body: the body of the request.
        binary: True for ``Content-Type: application/octet-stream``.

    Raises:
        PacketError: at the first thing that is not a packet.
    """
    return _decode_binary_payload(body) if binary else _decode_text_payload(body)


def _decode_text_payload(body: bytes) -> Iterator[Packet]:
    try:
        units = body.decode("utf-8").encode("utf-16-le")
    except UnicodeDecodeError as error:
        raise PacketError(f"invalid UTF-8 in a payload: {error.reason}") from None
    if not units:
        raise PacketError("empty payload")
    colon = ":".encode("utf-16-le")
    position = 0
    while position < len(units):
        # An aligned search: the two bytes of a colon may also straddle two code units.
        end = units.find(colon, position, position + 2 * _MAX_DIGITS + 2)
        while end != -1 and end % 2:
            end = units.find(colon, end + 1, position + 2 * _MAX_DIGITS + 2)
        digits = units[position : max(end, position)].decode("utf-16-le", "replace")
        if not digits.isascii() or not digits.isdigit():
            raise PacketError("a packet of the payload does not start with its length")
        start = end + 2
        position = start + 2 * int(digits)
        if position > len(units):
            raise PacketError("a packet of the payload is shorter than its length says")
        try:
            encoded = units[start:position].decode("utf-16-le").encode("utf-8")
        except UnicodeDecodeError:
            raise PacketError("the length of a packet cuts a character in two") from None
        if encoded:
            yield decode_text(encoded)


def _decode_binary_payload(body: bytes) -> Iterator[Packet]:
    position = 0
    while position < len(body):
        kind = body[position]
        end = body.find(_END, position + 1, position + 2 + _MAX_DIGITS)
        digits = body[position + 1 : max(end, 0)]
        if kind not in (_STRING, _BINARY) or not digits or max(digits) > 9:
            raise PacketError("a packet of the payload does not start with its kind and length")
        start = end + 1
        position = start + int("".join(map(str, digits)))
        if position > len(body):
            raise PacketError("a packet of the payload is shorter than its length says")
        yield decode_text(body[start:position]) if kind == _STRING else decode_binary(body[start:position])


def encode_payload(packets: Sequence[WirePacket], *, supports_binary: bool) -> tuple[bytes, bool]:
    """Join packets.

    Args:
        packets: what is to be sent.
        supports_binary: False if the client asked for base64 (``b64`` in its query).

    Returns:
        The body, and True if it is binary.
    """
    if supports_binary and any(isinstance(packet, Binary) for packet in packets):
        return b"".join(_frame(packet) for packet in packets), True
    return b"".join(_prefix_length(packet) for packet in packets), False


def _prefix_length(packet: WirePacket) -> bytes:
    encoded = b"b4" + encode_base64(packet.data) if isinstance(packet, Binary) else packet
    length = len(encoded) if encoded.isascii() else len(encoded.decode("utf-8", "replace").encode("utf-16-le")) // 2
    return b"%d:%s" % (length, encoded)


def _frame(packet: WirePacket) -> bytes:
    kind, encoded = (_BINARY, BINARY_MESSAGE + packet.data) if isinstance(packet, Binary) else (_STRING, packet)
    return bytes((kind, *map(int, str(len(encoded))), _END)) + encoded
