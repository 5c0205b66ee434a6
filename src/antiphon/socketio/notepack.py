"""A small exact decoder of MessagePack as notepack.io 2.2 writes it, the library of the JavaScript MessagePack parser.

It is slow and only decodes what fast libraries cannot: they do not tell a fixext from an ext 8, and notepack means
different things by them. A fixext 1 of type 0 is ``undefined``, a fixext 8 of type 0 a ``Date``; an ext 8, 16 or 32 of
type 0 is an ``ArrayBuffer``, of whatever length.

Source: the MessagePack specification; notepack.io 2.2, ``lib/decode.js``, for the extensions.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from antiphon.errors import PacketError

__all__ = ["EPOCH", "MAX_DEPTH", "decode", "from_milliseconds", "key_text"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MAX_DEPTH: Final = 1022
"""How deep arrays and maps may be nested; the limit of ormsgpack."""


_UNDEFINED: Final = object()
"""``undefined``, while it is not yet known what it stands in."""

_NUMBERS: Final = {
    0xCA: struct.Struct(">f"),
    0xCB: struct.Struct(">d"),
    0xCC: struct.Struct(">B"),
    0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"),
    0xCF: struct.Struct(">Q"),
    0xD0: struct.Struct(">b"),
    0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"),
    0xD3: struct.Struct(">q"),
}
_CONSTANTS: Final = {0xC0: None, 0xC2: False, 0xC3: True}
_FIXEXT: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


def decode(data: bytes) -> object:
    """Decode one value.

    Arrays become lists, maps dicts with text as keys, dates aware datetimes in UTC, an unknown extension the list of
    its type and its bytes. A key of the outermost map whose value is ``undefined`` is left out; elsewhere
    ``undefined`` becomes None.

    Raises:
        PacketError: it is not one whole value, or is nested too deeply.
    """
    reader = _Reader(data)
    stack: list[_Frame] = []
    while True:
        value, size = reader.read()
        if size:
            if len(stack) == MAX_DEPTH:
                raise PacketError("invalid MessagePack: nested too deeply")
            stack.append(_Frame(value, size, outermost=not stack))
            continue
        # A whole value goes into the container that waits for it; one that is full thereby is a whole value, too.
        while stack and stack[-1].add(value):
            value = stack.pop().container
        if not stack:
            break
    if reader.position != len(data):
        raise PacketError(f"invalid MessagePack: {len(data) - reader.position} trailing bytes")
    return None if value is _UNDEFINED else value


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the moment that a JavaScript ``Date`` names.

    Raises:
        PacketError: Python has no such date; its years end with 9999.
    """
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise PacketError(f"a date out of range: {milliseconds} ms since 1970") from None


def key_text(key: object) -> str | None:
    """Return the text that JavaScript makes of a key; None if the key is nothing that can be one."""
    if isinstance(key, str):
        return str.__str__(key)  # of an enum the value, not the name
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return str(int(key))
    if isinstance(key, float):
        return _number_text(key)
    return None


def _number_text(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return str(int(number)) if number.is_integer() and abs(number) < 1e21 else repr(number)


class _Frame:
    """An array or a map that waits for its items."""

    __slots__ = ("_key", "_left", "_outermost", "container")

    def __init__(self, container: Any, size: int, *, outermost: bool) -> None:
        self.container = container
        self._left = size
        self._outermost = outermost
        self._key: str | None = None

    def add(self, value: object) -> bool:
        """Take an item; True if it was the last."""
        container = self.container
        if type(container) is list:
            container.append(None if value is _UNDEFINED else value)
        elif self._key is None:
            self._key = "undefined" if value is _UNDEFINED else key_text(value)
            if self._key is None:
                raise PacketError("invalid MessagePack: a key of a map is not text")
            return False
        else:
            if value is not _UNDEFINED:
                container[self._key] = value
            elif self._outermost:
                container.pop(self._key, None)
            else:
                container[self._key] = None
            self._key = None
        self._left -= 1
        return self._left == 0


class _Reader:
    """Reads what stands next: a scalar, or the head of an array or map."""

    __slots__ = ("_data", "_heads", "position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0
        self._heads: dict[int, tuple[int, Callable[[int], tuple[object, int]]]] = {
            0xC4: (1, self._binary),
            0xC5: (2, self._binary),
            0xC6: (4, self._binary),
            0xC7: (1, self._extension),
            0xC8: (2, self._extension),
            0xC9: (4, self._extension),
            0xD9: (1, self._text),
            0xDA: (2, self._text),
            0xDB: (4, self._text),
            0xDC: (2, _array),
            0xDD: (4, _array),
            0xDE: (2, _map),
            0xDF: (4, _map),
        }

    def read(self) -> tuple[object, int]:
        """Return a scalar and 0, or an empty container and the number of items that are to come."""
        prefix = self._take(1)[0]
        if prefix < 0x80:
            return prefix, 0
        if prefix < 0x90:
            return _map(prefix & 0x0F)
        if prefix < 0xA0:
            return _array(prefix & 0x0F)
        if prefix < 0xC0:
            return self._text(prefix & 0x1F)
        if prefix > 0xDF:
            return prefix - 0x100, 0
        return self._read_long(prefix)

    def _read_long(self, prefix: int) -> tuple[object, int]:
        if prefix in _NUMBERS:
            number = _NUMBERS[prefix]
            return number.unpack(self._take(number.size))[0], 0
        if prefix in _CONSTANTS:
            return _CONSTANTS[prefix], 0
        if prefix in _FIXEXT:
            return self._fixed_extension(_FIXEXT[prefix])
        if prefix in self._heads:
            width, read = self._heads[prefix]
            return read(int.from_bytes(self._take(width), "big"))
        raise PacketError(f"invalid MessagePack: a byte {prefix:#x} that begins nothing")

    def _take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._data):
            raise PacketError("invalid MessagePack: it ends too early")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _text(self, size: int) -> tuple[object, int]:
        try:
            return self._take(size).decode(), 0
        except UnicodeDecodeError as error:
            raise PacketError(f"invalid MessagePack: {error.reason} in a text") from None

    def _binary(self, size: int) -> tuple[object, int]:
        return self._take(size), 0

    def _extension(self, size: int) -> tuple[object, int]:
        kind = int.from_bytes(self._take(1), "big", signed=True)
        data = self._take(size)
        return (data if kind == 0 else [kind, data]), 0

    def _fixed_extension(self, size: int) -> tuple[object, int]:
        kind = int.from_bytes(self._take(1), "big", signed=True)
        data = self._take(size)
        if kind == 0 and size == 1:
            return _UNDEFINED, 0
        if kind == 0 and size == 8:
            return from_milliseconds(int.from_bytes(data, "big", signed=True)), 0
        return [kind, data], 0


def _array(size: int) -> tuple[object, int]:
    return [], size


def _map(size: int) -> tuple[object, int]:
    return {}, size
