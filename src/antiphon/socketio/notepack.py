"""A small exact decoder of MessagePack as notepack.io 2.2 writes it, the library of the JavaScript MessagePack parser.

It is slow and only decodes what fast libraries cannot: they do not tell a fixext from an ext 8, and notepack means
different things by them. A fixext 1 of type 0 is ``undefined``, a fixext 8 of type 0 a ``Date``; an ext 8, 16 or 32 of
type 0 is an ``ArrayBuffer``, of whatever length.

Source: the MessagePack specification; notepack.io 2.2, ``lib/decode.js``, for the extensions.
"""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from antiphon.errors import PacketError

__all__ = ["EPOCH", "MAX_DEPTH", "decode", "from_milliseconds", "key_text"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MAX_DEPTH: Final = 1022
"""How deep arrays and maps may be nested; the limit of ormsgpack."""

_UNDEFINED: Final = object()
"""``undefined``, while it is not yet known what it stands in."""

_LEFT_OUT: Final = object()
"""The key in the outermost map of what is not to be there."""

_LONGER: Final = object()

# What a byte means that is a whole value by itself.
_VALUES: Final[tuple[object, ...]] = (
    *range(0x80),
    *[_LONGER] * 0x20,
    "",
    *[_LONGER] * 0x1F,
    None,
    _LONGER,
    False,
    True,
    *[_LONGER] * 0x1C,
    *range(-0x20, 0),
)


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
_KIND: Final = struct.Struct(">b")
_FIXEXT: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_EXTENSIONS: Final = frozenset({0xC7, 0xC8, 0xC9})
_TEXTS: Final = frozenset({0xD9, 0xDA, 0xDB})
_WIDTHS: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""How many bytes the length of a binary, an extension or a text has."""

_HEADS: Final[dict[int, tuple[int, type[list[Any]] | type[dict[Any, Any]]]]] = {
    0xDC: (2, list),
    0xDD: (4, list),
    0xDE: (2, dict),
    0xDF: (4, dict),
}
"""How many bytes the size of an array or a map has."""

_TOO_EARLY: Final = "invalid MessagePack: it ends too early"


def decode(data: bytes) -> object:  # noqa: C901, PLR0912, PLR0915 - a million values may come
    """Decode one value.

    Arrays become lists, maps dicts with text as keys, dates aware datetimes in UTC, an unknown extension the list of
    its type and its bytes. A key of the outermost map whose value is ``undefined`` is left out; elsewhere
    ``undefined`` becomes None.

    Raises:
        PacketError: it is not one whole value, or is nested too deeply.
    """
    position = 0
    outermost: list[Any] = []
    # What takes the next value, and how many it still takes; behind it, in the stack, those that go on afterwards.
    container: Any = outermost
    is_map, left = False, 1
    stack: list[tuple[Any, bool, int]] = []
    key: Any = None
    try:
        while left:
            prefix = data[position]
            position += 1
            size = 0
            value: Any = _VALUES[prefix]
            if value is _LONGER:
                if prefix < 0xA0:
                    size = prefix & 0x0F
                    value = {} if prefix < 0x90 else []
                elif prefix < 0xC0:
                    start, position = position, position + (prefix & 0x1F)
                    value = str(data[start:position], "utf-8")
                elif prefix in _HEADS:
                    width, make = _HEADS[prefix]
                    value = make()
                    start, position = position, position + width
                    size = int.from_bytes(data[start:position], "big")
                else:
                    value, position = _read_long(prefix, data, position)
                    if value is _UNDEFINED:
                        value = "undefined" if is_map and key is None else None
                        if is_map and key is not None and len(stack) == 1:
                            container.pop(key, None)
                            key = _LEFT_OUT
            if not is_map:
                container.append(value)
            elif key is None:
                key = value if type(value) is str else key_text(value)
                if key is None:
                    raise PacketError("invalid MessagePack: a key of a map is not text")
                continue
            else:
                container[key] = value
                key = None
            left -= 1
            if size:
                if len(stack) == MAX_DEPTH:
                    raise PacketError("invalid MessagePack: nested too deeply")
                stack.append((container, is_map, left))
                container, is_map, left = value, type(value) is dict, size
            while not left and stack:
                container, is_map, left = stack.pop()
    except (IndexError, struct.error):
        raise PacketError(_TOO_EARLY) from None
    except UnicodeDecodeError as error:
        raise PacketError(f"invalid MessagePack: {error.reason} in a text") from None
    if position > len(data):
        raise PacketError(_TOO_EARLY)
    if position < len(data):
        raise PacketError(f"invalid MessagePack: {len(data) - position} trailing bytes")
    value = outermost[0]
    if type(value) is dict:
        value.pop(_LEFT_OUT, None)
    return value


def _read_long(prefix: int, data: bytes, position: int) -> tuple[object, int]:
    """Read a number, a long text, binary or an extension; return it and where it ends."""
    number = _NUMBERS.get(prefix)
    if number is not None:
        return number.unpack_from(data, position)[0], position + number.size
    if prefix in _FIXEXT:
        return _fixed_extension(_FIXEXT[prefix], data, position)
    if prefix not in _WIDTHS:
        raise PacketError(f"invalid MessagePack: a byte {prefix:#x} that begins nothing")
    start = position + _WIDTHS[prefix]
    size = int.from_bytes(data[position:start], "big")
    kind = 0
    if prefix in _EXTENSIONS:
        kind = _KIND.unpack_from(data, start)[0]
        start += 1
    end = start + size
    if end > len(data):
        raise PacketError(_TOO_EARLY)
    taken = data[start:end]
    if prefix in _TEXTS:
        return str(taken, "utf-8"), end
    return taken if kind == 0 else [kind, taken], end


def _fixed_extension(size: int, data: bytes, position: int) -> tuple[object, int]:
    kind = _KIND.unpack_from(data, position)[0]
    start, end = position + 1, position + 1 + size
    if end > len(data):
        raise PacketError(_TOO_EARLY)
    if kind == 0 and size == 1:
        return _UNDEFINED, end
    if kind == 0 and size == 8:
        return from_milliseconds(int.from_bytes(data[start:end], "big", signed=True)), end
    return [kind, data[start:end]], end


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
