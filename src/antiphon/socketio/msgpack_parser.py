"""The MessagePack parser: each packet is one binary message, attachments included.

It needs the extra ``antiphon[msgpack]``. Both sides must use it; parsers are never negotiated.

Source: JavaScript, ``socket.io-msgpack-parser`` 3.0 and its ``notepack.io`` 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from antiphon.errors import ConfigurationError, EncodeError, PacketError
from antiphon.socketio import notepack
from antiphon.socketio.packet import MAX_ACK_ID, Packet, PacketType, check_payload
from antiphon.socketio.parser import Encoded

__all__ = ["MsgPackDecoder", "MsgPackParser"]

# There are no binary types: MessagePack carries binary by itself.
_TYPES: Final[dict[float, PacketType]] = {int(kind): kind for kind in PacketType if kind <= PacketType.CONNECT_ERROR}
_MAY_LACK_DATA: Final = frozenset({PacketType.CONNECT, PacketType.DISCONNECT})

_UNDEFINED_OR_DATE: Final = 0
_FIXEXT_SIZES: Final = frozenset({1, 2, 4, 8, 16})
_DATE_SIZE: Final = 8
_EXT: Final = re.compile(rb"[\xC7-\xC9]")
"""The heads of ext 8, 16 and 32. Where there is no such byte, every extension is a fixext."""

_MILLISECOND: Final = timedelta(milliseconds=1)

# ormsgpack says nothing about bytes after the value. So the message is decoded as the first half of a pair whose other
# half is this text: what follows the message then stands in the way. A message with the text in it takes the slow path.
_PAIR: Final = b"\x92"
_MARK: Final = b"\x1eend of message\x1e"
_MARK_TEXT: Final = _MARK.decode()
_END: Final = bytes((0xA0 + len(_MARK),)) + _MARK


class MsgPackParser:
    """The MessagePack parser.

    Dates travel as such: a ``Date`` of the peer is an aware datetime in UTC here, a naive datetime counts as UTC.
    ``bytes``, ``bytearray`` and ``memoryview`` arrive as binary, an ``ArrayBuffer`` as ``bytes``. Keys become text.

    Args:
        default: called with an object that MessagePack does not know; returns one that it knows, or raises TypeError.
            Whatever it raises becomes an EncodeError.

    Raises:
        ConfigurationError: ormsgpack is not installed.
    """

    __slots__ = ("_default", "_ext", "_failure", "_options", "_pack", "_unpack")

    def __init__(self, *, default: Callable[[object], object] | None = None) -> None:
        try:
            import ormsgpack  # noqa: PLC0415 - an optional dependency
        except ImportError:
            raise ConfigurationError("the MessagePack parser needs ormsgpack: pip install antiphon[msgpack]") from None
        self._default = default
        self._pack = ormsgpack.packb
        self._unpack = ormsgpack.unpackb
        self._ext = ormsgpack.Ext
        self._options = ormsgpack.OPT_PASSTHROUGH_DATETIME | ormsgpack.OPT_SERIALIZE_NUMPY
        self._failure: BaseException | None = None

    def decoder(self) -> MsgPackDecoder:
        """Make the decoder of a new connection."""
        return MsgPackDecoder(self._unpack)

    def encode(self, packet: Packet) -> Encoded:
        """Encode a packet.

        Raises:
            EncodeError: the data has something in it that MessagePack cannot express, or it is a binary type.
        """
        if packet.type > PacketType.CONNECT_ERROR:
            raise EncodeError(
                f"a {packet.type.name} packet does not exist in MessagePack; the plain type carries binary"
            )
        # A key without a value is left out: the JavaScript decoder takes nil for a wrong value and ends the connection.
        message: dict[str, object] = {"type": int(packet.type)}
        if packet.data is not None:
            message["data"] = packet.data
        message["nsp"] = packet.nsp
        if packet.id is not None:
            message["id"] = packet.id
        try:
            return Encoded(None, (self._pack(message, self._on_unknown, self._options),))
        except TypeError:
            return Encoded(None, (self._pack_slowly(message),))

    def _pack_slowly(self, message: object) -> bytes:
        """Encode what ormsgpack refuses at first: keys that are no text, and views with gaps."""
        failure = self._take_failure()
        if failure is None or isinstance(failure, Exception):
            try:
                return self._pack(_plain(message), self._on_unknown, self._options)
            except Exception as error:  # noqa: BLE001 - whatever it is, the data cannot be sent
                failure = self._take_failure() or error
        if not isinstance(failure, Exception):
            raise failure
        reason = str(failure) if isinstance(failure, TypeError | ValueError) else repr(failure)
        if isinstance(failure, RecursionError):
            reason = "it is nested too deeply"
        elif "64-bit" in reason:
            reason = "an integer needs more than 64 bits; send it as text"
        raise EncodeError(f"the data cannot be sent as MessagePack: {reason}") from failure

    def _take_failure(self) -> BaseException | None:
        failure, self._failure = self._failure, None
        return failure

    def _on_unknown(self, value: object) -> object:
        """Return what stands for a value that ormsgpack does not know.

        ormsgpack swallows the exceptions raised here; the latest waits in ``_failure``.
        """
        try:
            return self._replace(value)
        except BaseException as error:
            self._failure = error
            raise

    def _replace(self, value: object) -> object:
        if isinstance(value, datetime):
            return self._ext(_UNDEFINED_OR_DATE, _milliseconds(value).to_bytes(8, "big", signed=True))
        if isinstance(value, date | time):
            return value.isoformat()
        if self._default is not None:
            return self._default(value)
        if callable(value):
            raise TypeError("a function is not data; for an answer use emit_with_ack, or emit(..., ack=function)")
        name = type(value).__name__
        raise TypeError(f"{name} is unknown to MessagePack; convert it first, or give the parser a default")


class MsgPackDecoder:
    """The decoder of one connection. It keeps nothing: each message is a whole packet."""

    __slots__ = ("_unpack",)

    def __init__(self, unpack: Callable[..., Any]) -> None:
        self._unpack = unpack

    def add_text(self, data: bytes) -> Packet | None:
        """Refuse a text message.

        Raises:
            PacketError: always; a MessagePack packet is binary.
        """
        raise PacketError(f"got text instead of MessagePack ({len(data)} bytes); the peer uses another parser")

    def add_binary(self, data: bytes) -> Packet:
        """Take a binary message, and return its packet.

        Raises:
            PacketError: it is not a packet.
        """
        message = self._decode_fast(data, _on_extension)
        if message is None and _EXT.search(data) is None:
            message = self._decode_fast(data, _on_fixed_extension)
        if message is not None:
            return _to_packet(message)
        exact = notepack.decode(data)
        if not isinstance(exact, dict):
            raise PacketError("a packet must be a map")
        return _to_packet(exact)

    def _decode_fast(self, data: bytes, on_extension: Callable[[int, bytes], object]) -> dict[str, object] | None:
        """Return the message; None if it is broken, or something about it is for the exact decoder to tell."""
        pair = b"%b%b%b" % (_PAIR, data, _END)
        if pair.find(_MARK) != len(pair) - len(_MARK):
            return None
        try:
            message, end = self._unpack(pair, ext_hook=on_extension)
        except ValueError:
            return None
        # A value of None was nil, which may not be, or undefined, which is as good as absent.
        if end != _MARK_TEXT or type(message) is not dict or None in message.values():
            return None
        return message


def _to_packet(message: dict[str, object]) -> Packet:
    """Check a message as ``checkPacket`` of the JavaScript parser does, and the event name besides."""
    value = message.get("type")
    if type(value) is not int and type(value) is not float:
        raise PacketError("invalid packet type")
    kind = _TYPES.get(value)
    if kind is None:
        raise PacketError("invalid packet type")
    nsp = message.get("nsp")
    if type(nsp) is not str:
        raise PacketError("invalid namespace")
    data = message.get("data")
    present = "data" in message
    if not present and kind not in _MAY_LACK_DATA:
        raise PacketError(f"invalid payload for a {kind.name} packet")
    check_payload(kind, data, present=present)
    return Packet(kind, nsp, data, _ack_id(message["id"]) if "id" in message else None)


def _ack_id(value: object) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise PacketError("invalid packet id")
    if abs(value) > MAX_ACK_ID:
        raise PacketError("the acknowledgement id is too large")
    return value


def _on_extension(kind: int, data: bytes) -> object:
    """Return what an extension means, or raise ValueError if that depends on how its length was written."""
    if kind != 0:
        return [kind, data]
    if len(data) in _FIXEXT_SIZES:
        raise ValueError("a fixext or an ext")
    return data


def _on_fixed_extension(kind: int, data: bytes) -> object:
    """Return what a fixext means. As a key, and in the outermost map, ``undefined`` is left to the exact decoder."""
    if kind == 0 and len(data) == 1:
        return None
    if kind == 0 and len(data) == _DATE_SIZE:
        return notepack.from_milliseconds(int.from_bytes(data, "big", signed=True))
    return [kind, data]


def _milliseconds(moment: datetime) -> int:
    aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
    return (aware - notepack.EPOCH) // _MILLISECOND


def _plain(value: object) -> object:
    """Copy a value, with keys as the text that JavaScript makes of them and views without gaps."""
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return bytes(value) if isinstance(value, memoryview) else value


def _key(key: object) -> str:
    text = notepack.key_text(key)
    if text is None:
        raise TypeError(f"{type(key).__name__} cannot be a key; make it a str")
    return text
