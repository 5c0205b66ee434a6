"""The default parser: JSON with binary attachments, on orjson.

Source: Socket.IO protocol 5, "Packet encoding"; JavaScript: ``socket.io-parser``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from itertools import chain
from typing import Final, NoReturn

import orjson

from antiphon.errors import ConfigurationError, EncodeError, PacketError
from antiphon.socketio.packet import MAX_ACK_ID, RESERVED_EVENTS, Packet, PacketType, check_payload
from antiphon.socketio.parser import Encoded

__all__ = ["DEFAULT_MAX_ATTACHMENTS", "JSONDecoder", "JSONParser"]

DEFAULT_MAX_ATTACHMENTS: Final = 10

_HEADER = re.compile(rb"([0-6])(?:(\d+)-)?(?:(/[^,]*),?)?(\d*)")
_TYPES = {b"%d" % kind: kind for kind in PacketType}
_DIGITS = tuple(b"%d" % kind for kind in PacketType)
_BINARY_TYPES = {PacketType.BINARY_EVENT: PacketType.EVENT, PacketType.BINARY_ACK: PacketType.ACK}
_MAX_ID_DIGITS = len(str(MAX_ACK_ID))
_MAX_DEPTH: Final = 1024
_BINARY: Final = (bytes, bytearray, memoryview)
_EVENT_BRACKET: Final = b"2["

_REFUSALS: Final = (TypeError, ValueError, RecursionError)
"""What says in its text why data cannot be encoded; of other exceptions the name says more."""

_OPTIONS = orjson.OPT_UTC_Z
_SLOW_OPTIONS = _OPTIONS | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY

_loads = orjson.loads
_dumps = orjson.dumps


class JSONParser:
    """The default parser.

    Args:
        max_attachments: how many attachments a received packet may have.
        default: called with an object that JSON does not know; returns one that it knows, or raises TypeError. Whatever
            it raises becomes an EncodeError.

    Raises:
        ConfigurationError: ``max_attachments`` is not a number of at least 0.
    """

    __slots__ = ("_attachments", "_default", "_hook", "max_attachments")

    def __init__(
        self,
        *,
        max_attachments: int = DEFAULT_MAX_ATTACHMENTS,
        default: Callable[[object], object] | None = None,
    ) -> None:
        if isinstance(max_attachments, bool) or not isinstance(max_attachments, int) or max_attachments < 0:
            raise ConfigurationError(f"max_attachments must be an int of at least 0, not {max_attachments!r}")
        self.max_attachments: int = max_attachments
        self._default = default
        self._attachments: list[bytes] = []
        # Bound once: making a bound method for each packet costs as much as encoding a small one.
        self._hook = self._on_unknown

    def copy(self) -> JSONParser:
        """Make a parser that another thread may use: one parser encodes one packet at a time."""
        return JSONParser(max_attachments=self.max_attachments, default=self._default)

    def decoder(self) -> JSONDecoder:
        """Make the decoder of a new connection."""
        return JSONDecoder(self.max_attachments)

    def encode(self, packet: Packet) -> Encoded:
        """Encode a packet.

        Raises:
            EncodeError: the data has something in it that JSON cannot express.
        """
        nsp = b"" if packet.nsp == "/" else packet.nsp.encode() + b","
        if packet.id is not None:
            nsp += b"%d" % packet.id
        if packet.data is None:
            return Encoded(b"%d%s" % (packet.type, nsp))
        return self.encode_data(b"", packet.type, nsp, packet.data)

    def encode_data(self, lead: bytes, kind: PacketType, tail: bytes, data: object) -> Encoded:
        """Encode a packet of which all but the payload is known as bytes.

        Args:
            lead: what the layer below wants in front of the text.
            kind: EVENT or ACK; it becomes the binary one if there are attachments.
            tail: what stands between the type and the payload: namespace and id.
            data: the payload.

        Raises:
            EncodeError: the data has something in it that JSON cannot express.
        """
        text = self.dumps(data)
        attachments = self._attachments
        if not attachments:
            return Encoded(lead + _DIGITS[kind] + tail + text)
        self._attachments = []
        if kind is PacketType.EVENT or kind is PacketType.ACK:
            return Encoded(b"%s%d%d-%s%s" % (lead, kind + 3, len(attachments), tail, text), attachments)
        raise EncodeError(f"a {kind.name} packet cannot carry binary data; send it in an event or an acknowledgement")

    def encode_payload(self, data: object) -> bytes | Encoded:
        """Encode a payload, with its attachments if there are any. The hot path of ``emit``.

        Raises:
            EncodeError: the data has something in it that JSON cannot express.
        """
        try:
            text = _dumps(data, self._hook, _OPTIONS)
        except TypeError as error:
            text = self._dumps_slowly(data, error)
        except BaseException:
            # Or the next packet would carry what was taken out of this one, to whomever it goes.
            self._attachments = []
            raise
        if self._attachments:
            attachments, self._attachments = self._attachments, []
            return Encoded(text, attachments)
        return text

    def dumps(self, data: object) -> bytes:
        """Encode a payload; its attachments wait in ``_attachments``."""
        try:
            return _dumps(data, self._hook, _OPTIONS)
        except TypeError as error:
            return self._dumps_slowly(data, error)
        except BaseException:
            self._attachments = []
            raise

    def _dumps_slowly(self, data: object, refusal: TypeError) -> bytes:
        """Encode what orjson refuses at first: keys that are no strings, numpy, lone surrogates, huge integers."""
        try:
            _raise_interrupt(refusal)
            return self._dumps_somehow(data)
        except BaseException as error:
            self._attachments = []
            if not isinstance(error, Exception):
                raise
            reason = str(error) if isinstance(error, _REFUSALS) else repr(error)
            raise EncodeError(f"the data cannot be sent as JSON: {reason}") from error

    def _dumps_somehow(self, data: object) -> bytes:
        """Encode with orjson, or with ``json`` if that is what it takes. Whatever goes wrong is raised."""
        self._attachments = []
        try:
            return _dumps(data, self._hook, _SLOW_OPTIONS)
        except TypeError as error:
            _raise_interrupt(error)
            # The cause is what the hook raised, and says more.
            cause = error.__cause__ or error
        if "surrogates" not in str(cause) and "64-bit" not in str(cause):
            raise cause
        self._attachments = []
        return json.dumps(_without_nan(data), default=self._simplify, separators=(",", ":")).encode()

    def _simplify(self, value: object) -> object:
        """Make of what orjson knows and ``json`` does not (a datetime, say) what both know."""
        count = len(self._attachments)
        try:
            return _loads(_dumps(value, self._hook, _SLOW_OPTIONS))
        except TypeError as error:
            _raise_interrupt(error)
            del self._attachments[count:]
            return _without_nan(self._on_unknown(value))

    def _on_unknown(self, value: object) -> object:
        """Take an attachment out, in traversal order, and leave its placeholder."""
        if isinstance(value, _BINARY):
            attachments = self._attachments
            placeholder = {"_placeholder": True, "num": len(attachments)}
            attachments.append(bytes(value))
            return placeholder
        if self._default is not None:
            return self._default(value)
        if hasattr(value, "__await__"):
            raise TypeError(f"{type(value).__name__} is not data; it has to be awaited first")
        if callable(value):
            raise TypeError("a function is not data; for an answer use emit_with_ack, or emit(..., ack=function)")
        raise TypeError(f"{type(value).__name__} is unknown to JSON; convert it first, or give the parser a default")


def _raise_interrupt(error: TypeError) -> None:
    """Raise what orjson has wrapped in its own error though it is none: a KeyboardInterrupt, say."""
    cause = error.__cause__
    if cause is not None and not isinstance(cause, Exception):
        raise cause


class JSONDecoder:
    """The decoder of one connection. It keeps a packet while its attachments arrive, and nothing else."""

    __slots__ = ("_buffers", "_expected", "_max_attachments", "pending")

    def __init__(self, max_attachments: int = DEFAULT_MAX_ATTACHMENTS) -> None:
        self._max_attachments = max_attachments
        self._expected = 0
        self._buffers: list[bytes] = []
        self.pending: Packet | None = None
        """The packet whose attachments are still to come."""

    def add_text(self, data: bytes) -> Packet | None:
        """Take a text message.

        Returns:
            The packet, or None if its attachments are still to come.

        Raises:
            PacketError: it is not a packet, or attachments were due.
        """
        if self.pending is not None:
            raise PacketError("got plaintext data when reconstructing a packet")
        if data[:2] == _EVENT_BRACKET:
            return Packet(PacketType.EVENT, "/", decode_event(data[1:]))
        return self._decode(data)

    def _decode(self, data: bytes) -> Packet | None:
        match = _HEADER.match(data)
        if match is None:
            raise PacketError(f"unknown packet type {data[:1]!r}")
        kind = _TYPES[match[1]]
        ack_id = self._ack_id(match[4])
        nsp = "/"
        if match[3] is not None:
            try:
                nsp = match[3].decode()
            except UnicodeDecodeError as error:
                raise PacketError(f"invalid UTF-8 in a namespace: {error.reason}") from None
        payload = data[match.end() :]
        event = _BINARY_TYPES.get(kind)
        if event is None:
            if match[2] is not None:
                raise PacketError(f"invalid payload for a {kind.name} packet")
            return Packet(kind, nsp, self._payload(kind, payload), ack_id)
        count = self._attachment_count(match[2])
        self.expect(Packet(event, nsp, self._payload(kind, payload), ack_id), count)
        return None

    def expect(self, packet: Packet, count: int) -> None:
        """Keep a packet until its attachments have come.

        Raises:
            PacketError: they are more than are allowed.
        """
        if count > self._max_attachments:
            raise PacketError(f"too many attachments, at most {self._max_attachments} are allowed")
        self.pending, self._expected = packet, count

    @staticmethod
    def _ack_id(digits: bytes) -> int | None:
        if not digits:
            return None
        if len(digits) > _MAX_ID_DIGITS or int(digits) > MAX_ACK_ID:
            raise PacketError("the acknowledgement id is too large")
        return int(digits)

    @staticmethod
    def _attachment_count(digits: bytes | None) -> int:
        if digits is None or not digits.strip(b"0"):
            raise PacketError("Illegal attachments")
        if len(digits) > _MAX_ID_DIGITS:
            raise PacketError("too many attachments: no number may have so many digits")
        return int(digits)

    @staticmethod
    def _payload(kind: PacketType, text: bytes) -> object:
        if not text:
            return None
        data = decode_json(text)
        check_payload(kind, data, present=True)
        return data

    def add_binary(self, data: bytes) -> Packet | None:
        """Take an attachment.

        Returns:
            The packet that it completes, or None.

        Raises:
            PacketError: none was due, or the placeholders do not fit.
        """
        packet = self.pending
        if packet is None:
            raise PacketError("got binary data when not reconstructing a packet")
        self._buffers.append(data)
        if len(self._buffers) < self._expected:
            return None
        buffers, self._buffers, self.pending = self._buffers, [], None
        _fill(packet.data, buffers)
        return packet


def decode_json(text: bytes) -> object:
    """Decode a payload.

    Raises:
        PacketError: it is not JSON, or is nested too deeply.
    """
    try:
        return _loads(text)
    except orjson.JSONDecodeError as error:
        # JavaScript strings may hold half of a surrogate pair, and JSON.stringify writes it as \uD83D. And a number may
        # be too large for a double: JSON.parse makes it infinite.
        if b"\\u" not in text and "infinity" not in str(error):
            raise PacketError(f"invalid payload: {error}") from None
    try:
        data = json.loads(text.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PacketError(f"invalid payload: {error}") from None
    _check_depth(data)
    return data


def _check_depth(data: object) -> None:
    """Hold what ``json`` has read to the limit of orjson; how deep ``json`` goes depends on the version of Python."""
    level = [data]
    for _ in range(_MAX_DEPTH):
        lists = [value for value in level if type(value) is list]
        dicts = [value.values() for value in level if type(value) is dict]
        level = list(chain.from_iterable([*lists, *dicts]))
        if not level:
            return
    raise PacketError("invalid payload: it is nested too deeply")


def decode_event(text: bytes) -> list[object]:
    """Decode the payload of an EVENT, known to start with a bracket. The hot path of received events.

    Raises:
        PacketError: it is not JSON, or its name is not one that may be sent.
    """
    try:
        data = _loads(text)
    except orjson.JSONDecodeError:
        data = decode_json(text)
    if not data or type(data[0]) is not str or data[0] in RESERVED_EVENTS:
        check_payload(PacketType.EVENT, data, present=True)
    return data  # type: ignore[no-any-return]


def _without_nan(value: object) -> object:
    """Copy a value with None for NaN and the infinities, which orjson does by itself and ``json`` does not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _fill(data: object, buffers: list[bytes]) -> None:
    """Put the attachments where their placeholders stand. The containers were just decoded and are ours to change.

    It does not call itself: orjson decodes what is nested deeper than Python's stack allows.
    """
    containers: list[list[object] | dict[str, object]] = [data] if type(data) is list else []
    while containers:
        container = containers.pop()
        items = enumerate(container) if type(container) is list else container.items()  # type: ignore[union-attr]
        for key, value in items:
            if type(value) is dict and value.get("_placeholder") is True:
                container[key] = _attachment(value.get("num"), buffers)  # type: ignore[index]
            elif type(value) is list or type(value) is dict:
                containers.append(value)


def _attachment(number: object, buffers: list[bytes]) -> bytes:
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is not int or not 0 <= number < len(buffers):
        raise PacketError("illegal attachments")
    return buffers[number]
