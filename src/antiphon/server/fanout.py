"""From one emit to many connections: encode once, frame once, and write once what has gathered for a connection.

Source: RFC 6455, section 5.2 (server frames are not masked); JavaScript: ``wsPreEncodedFrame``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Protocol

from antiphon.common.tasks import FAILURES
from antiphon.engineio.packet import Binary, WirePacket
from antiphon.engineio.v3 import BINARY_MESSAGE
from antiphon.socketio.parser import Encoded

__all__ = ["TEXT_HEADERS", "Flushable", "Flusher", "Message", "binary_frame", "text_frame"]

logger: logging.Logger = logging.getLogger("antiphon.engine")

TEXT_HEADERS = tuple(bytes((0x81, length)) for length in range(126))
"""The headers of short text frames, by the length of the payload."""

_FEW = 128
"""Connections that are written to without asking how long it takes."""

_FEW_AT_A_TIME = 16
"""Connections that are written to before the clock is asked."""

_ANSWERS = 0.01
"""Seconds that writing to peers that have sent something may take in one turn of the event loop."""

_SLICE = 0.001
"""Seconds that writing to the others has in each turn at least, however little else there is to do."""

_TURNS = 8
"""Turns after which each of the others has been written to, however long that takes.

So little can gather for them: who emits without end is held up by the writing, and memory is bounded.
"""

_TEXT = 0x81
_BINARY = 0x82
_SHORT = Struct("!BBH")
_LONG = Struct("!BBQ")


def text_frame(payload: bytes) -> bytes:
    """Build the WebSocket frame of a text message."""
    length = len(payload)
    return (TEXT_HEADERS[length] if length < 126 else _header(_TEXT, length)) + payload


def binary_frame(payload: bytes) -> bytes:
    """Build the WebSocket frame of a binary message."""
    return _header(_BINARY, len(payload)) + payload


def _header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return _SHORT.pack(first, 126, length)
    return _LONG.pack(first, 127, length)


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

    @classmethod
    def with_attachments(cls, lead: bytes, tail: bytes, payload: Encoded) -> Message:
        """Make the message of a Socket.IO packet that has attachments.

        Args:
            lead: its types, of Engine.IO and of Socket.IO.
            tail: the namespace and the id.
            payload: what comes then.
        """
        text, attachments = payload
        count = len(attachments)
        # Formatting all at once takes longer.
        return cls(lead + (b"1-" if count == 1 else b"%d-" % count) + tail + (text or b""), attachments)

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
        # All at once, for large attachments are not to be copied twice.
        text = self.text
        pieces = [] if text is None else [_header(_TEXT, len(text)), text]
        for attachment in map(bytes, self.attachments):
            pieces += (_header(_BINARY, len(lead) + len(attachment)), lead, attachment)
        return b"".join(pieces)

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
    """Something that collects what it is to send.

    Attributes:
        heard: whether the peer has sent something since it was last written to.
    """

    heard: bool

    def flush(self) -> None:
        """Send what was collected."""
        ...


class Flusher:
    """The connections that have something to send: one write for each, at the end of a turn of the event loop.

    Where there are many, one turn does not see them all: writing shares the time with what else the loop has to do, so
    a broadcast to ten thousand does not keep everybody else waiting. A connection is written to when those before it
    have been, within a few turns, and what is sent to it until then goes out in the same write. So the more there is to
    send, the less each message costs. Peers that have sent something are served first, for they may wait for an answer;
    the others get at least as much time as they.

    Args:
        loop: calls back at the end of a turn.
        clock: tells the time, in seconds.

    Attributes:
        dirty: the connections that have been added since the last turn. It is always the same list.
    """

    __slots__ = ("_clock", "_ended", "_least", "_loop", "_scheduled", "_waiting", "dirty")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.perf_counter) -> None:
        self._loop = loop
        self._clock = clock
        self._scheduled = False
        # Those that were left the last time, and when that was.
        self._waiting: list[Flushable] = []
        self._ended = 0.0
        # Those that one turn writes to at least, until nobody waits.
        self._least = 0
        self.dirty: list[Flushable] = []

    def add(self, connection: Flushable) -> None:
        """Have a connection flushed at the end of this turn, or when those before it have been.

        To add one again that waits is to say that its peer has now sent something.
        """
        if not self.dirty:
            self.schedule()
        self.dirty.append(connection)

    def schedule(self) -> None:
        """Be told that the first connection is about to be added."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        dirty, waiting = self.dirty.copy(), self._waiting
        self.dirty.clear()
        if not waiting and len(dirty) <= _FEW:
            _flush_all(iter(dirty))
            return
        now = self._clock()
        ended = self._ended if waiting else now
        answering = [connection for connection in dirty if connection.heard]
        # Those that answering takes off its list may stand in the other one too: they will have nothing left to send,
        # and to pass over them costs less than to go through all for those that do not answer.
        others = answering if len(answering) == len(dirty) else dirty
        now = self._drain(answering, 0, now, _ANSWERS)
        waiting += others
        self._least = max(self._least, -(-len(waiting) // _TURNS))
        self._ended = self._drain(waiting, self._least, now, max(now - ended, _SLICE))
        if waiting:
            self.schedule()
        else:
            self._least = 0

    def _drain(self, connections: list[Flushable], least: int, now: float, seconds: float) -> float:
        """Write to connections for some time, take them off the list, and return what time it is.

        Args:
            connections: to these, in their order.
            least: to so many, even if it takes longer.
            now: what time it is.
            seconds: for so long.
        """
        end = now + seconds
        done = 0
        while done < len(connections) and (now < end or done < least):
            _flush_all(iter(connections[done : done + _FEW_AT_A_TIME]))
            done += _FEW_AT_A_TIME
            now = self._clock()
        del connections[:done]
        return now


def _flush_all(connections: Iterator[Flushable]) -> None:
    while True:
        try:
            for connection in connections:
                connection.flush()
        except FAILURES:
            # One failure must not silence the others.
            logger.exception("a connection could not be written to")
        else:
            return
