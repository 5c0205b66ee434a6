"""Engine.IO 3, for Socket.IO 2 clients (``allow_eio3``).

What differs from revision 4: a text payload is ``<length>:<packet>`` with the length in UTF-16 code units; a payload
with binary is framed in bytes; a binary packet has a type byte; and base64 is ``b4…``.

Source: Engine.IO protocol 3, "Encoding".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from antiphon.engineio.packet import Binary, Packet, PacketType, WirePacket, decode_base64, encode_base64
from antiphon.engineio.packet import decode_text as decode_text_4
from antiphon.errors import PacketError

__all__ = ["BINARY_MESSAGE", "decode_binary", "decode_payload", "decode_text", "encode_payload"]

BINARY_MESSAGE = b"\x04"
"""The type byte in front of a binary message."""

_STRING, _BINARY, _END = 0, 1, 255
_MAX_DIGITS = 16
_KINDS = tuple(PacketType)

# Its digits are the bytes 0 to 9; whatever else there is must not look like a digit.
_TO_DIGITS = b"0123456789".ljust(256, b"x")

_NOTHING = re.compile("(?:0{1,16}:)+")
"""Packets of no length."""


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
    if not encoded or encoded[0] >= len(_KINDS):
        raise PacketError(f"unknown Engine.IO packet type {encoded[:1]!r}")
    return Packet(_KINDS[encoded[0]], encoded[1:], binary=True)


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
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PacketError(f"invalid UTF-8 in a payload: {error.reason}") from None
    if not text:
        raise PacketError("empty payload")
    if len(text.encode("utf-16-le")) > 2 * len(text):
        text = _code_units(text)
    position = 0
    while position < len(text):
        end = text.find(":", position, position + _MAX_DIGITS + 1)
        digits = text[position : max(end, position)]
        if not digits.isascii() or not digits.isdigit():
            raise PacketError("a packet of the payload does not start with its length")
        start = end + 1
        size = int(digits)
        position = start + size
        if position > len(text):
            raise PacketError("a packet of the payload is shorter than its length says")
        if size:
            yield decode_text(_encode_units(text[start:position]))
        elif (nothing := _NOTHING.match(text, position)) is not None:
            position = nothing.end()


def _code_units(text: str) -> str:
    """Make a text of the UTF-16 code units of another, so that lengths count characters."""
    return "".join(map(chr, memoryview(text.encode("utf-16")[2:]).cast("H")))


def _encode_units(units: str) -> bytes:
    try:
        return units.encode()
    except UnicodeEncodeError:
        # There are surrogates, in pairs as long as no length cuts one in two.
        try:
            return units.encode("utf-16", "surrogatepass").decode("utf-16").encode()
        except UnicodeDecodeError:
            raise PacketError("the length of a packet cuts a character in two") from None


def _decode_binary_payload(body: bytes) -> Iterator[Packet]:
    position = 0
    while position < len(body):
        kind = body[position]
        end = body.find(_END, position + 1, position + 2 + _MAX_DIGITS)
        digits = body[position + 1 : max(end, 0)].translate(_TO_DIGITS)
        if kind not in (_STRING, _BINARY) or not digits.isdigit():
            raise PacketError("a packet of the payload does not start with its kind and length")
        start = end + 1
        position = start + int(digits)
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
