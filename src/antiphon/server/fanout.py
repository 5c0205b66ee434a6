"""From one emit to many connections: encode once, frame once, write once per connection and loop turn.

Source: RFC 6455, section 5.2 (server frames are not masked); JavaScript: ``wsPreEncodedFrame``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from antiphon.engineio.packet import Binary, WirePacket
from antiphon.engineio.v3 import BINARY_MESSAGE

__all__ = ["TEXT_HEADERS", "Flushable", "Flusher", "Message", "binary_frame", "text_frame"]

logger: logging.Logger = logging.getLogger("antiphon.engine")

TEXT_HEADERS = tuple(bytes((0x81, length)) for length in range(126))
"""The headers of short text frames, by the length of the payload."""

_BINARY_HEADERS = tuple(bytes((0x82, length)) for length in range(126))


def text_frame(payload: bytes) -> bytes:
    """Build the WebSocket frame of a text message."""
    length = len(payload)
    if length < 126:
        return TEXT_HEADERS[length] + payload
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


def binary_frame(payload: bytes) -> bytes:
    """Build the WebSocket frame of a binary message."""
    length = len(payload)
    if length < 126:
        return _BINARY_HEADERS[length] + payload
    if length < 65536:
        return b"\x82\x7e" + length.to_bytes(2, "big") + payload
    return b"\x82\x7f" + length.to_bytes(8, "big") + payload


class Message:
    """One Socket.IO packet, encoded once for any number of connections.

    Args:
        text: an Engine.IO text packet, type byte first; None if there is none.
        attachments: binary messages that follow it directly.
        compress: whether it may be compressed.

    Attributes:
        frames: its WebSocket frames, once somebody has needed them.
        frames_v3: the same for Engine.IO 3.
    """

    __slots__ = ("attachments", "compress", "frames", "frames_v3", "text")

    def __init__(self, text: bytes | None, attachments: Sequence[bytes] = (), *, compress: bool = True) -> None:
        self.text: bytes | None = text
        self.attachments: Sequence[bytes] = attachments
        self.compress: bool = compress
        self.frames: bytes | None = None
        self.frames_v3: bytes | None = None

    def build_frames(self) -> bytes:
        """Build the WebSocket frames, joined, so that nothing can come between them, and keep them in ``frames``."""
        text = self.text
        self.frames = self._join(b"") if self.attachments or text is None else text_frame(text)
        return self.frames

    def build_frames_v3(self) -> bytes:
        """Do the same for Engine.IO 3, where a binary message has a type byte."""
        self.frames_v3 = self._join(BINARY_MESSAGE)
        return self.frames_v3

    def _join(self, lead: bytes) -> bytes:
        frames = [] if self.text is None else [text_frame(self.text)]
        frames.extend(binary_frame(lead + attachment) for attachment in self.attachments)
        return frames[0] if len(frames) == 1 else b"".join(frames)

    @property
    def size(self) -> int:
        """The bytes of its text and its attachments."""
        return (0 if self.text is None else len(self.text)) + sum(map(len, self.attachments))

    @property
    def packets(self) -> list[WirePacket]:
        """The Engine.IO packets."""
        packets: list[WirePacket] = [] if self.text is None else [self.text]
        packets.extend(map(Binary, self.attachments))
        return packets


class Flushable(Protocol):
    """Something that collects what it is to send."""

    def flush(self) -> None:
        """Send what was collected."""
        ...


class Flusher:
    """The list of connections that have something to send: one flush for each per turn of the event loop.

    Attributes:
        dirty: these connections. It is always the same list.
    """

    __slots__ = ("_loop", "dirty")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.dirty: list[Flushable] = []

    def add(self, connection: Flushable) -> None:
        """Have a connection flushed at the end of this turn. It must not be added twice before."""
        if not self.dirty:
            self.schedule()
        self.dirty.append(connection)

    def schedule(self) -> None:
        """Be told that the first connection is about to be added."""
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        dirty = self.dirty.copy()
        self.dirty.clear()
        for connection in dirty:
            try:
                connection.flush()
            except Exception:
                # One failure must not silence the others.
                logger.exception("a connection could not be written to")
