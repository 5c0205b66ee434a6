"""WebSocket frames of a client. They are masked.

Source: RFC 6455, sections 5.2 and 5.3.
"""

from __future__ import annotations

from typing import Final

__all__ = ["LARGEST_SMALL_FRAME", "mask", "small_text_frame"]

LARGEST_SMALL_FRAME: Final = 1024
"""Bytes of a payload up to which a frame is built here; what is larger is masked faster elsewhere."""

_SHORT: Final = tuple(bytes((0x81, 0x80 | length)) for length in range(126))
_REPEATS: Final = tuple((length + 3) // 4 for length in range(LARGEST_SMALL_FRAME + 1))


def small_text_frame(payload: bytes, key: bytes) -> bytes:
    """Build the frame of a text message of at most :data:`LARGEST_SMALL_FRAME` bytes.

    Args:
        payload: the message, in UTF-8.
        key: the four bytes that mask it; they must be unpredictable.
    """
    length = len(payload)
    header = _SHORT[length] if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
    return header + key + mask(payload, key)


def mask(payload: bytes, key: bytes) -> bytes:
    """Mask or unmask a short payload.

    Args:
        payload: at most :data:`LARGEST_SMALL_FRAME` bytes.
        key: four bytes.
    """
    length = len(payload)
    pattern = (key * _REPEATS[length])[:length]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pattern, "little")).to_bytes(length, "little")
