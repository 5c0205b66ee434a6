"""A WebSocket connection on picows.

Its listener is made here; the constructor of the protocol around it is in ``common/picows_protocol.py``.

Source: RFC 6455; JavaScript: ``WebSocket`` of ``engine.io``.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABCMeta
from collections.abc import Awaitable, Callable
from typing import Any, Final

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, WSUpgradeResponse
from picows.common import WSUpgradeResponseWithListener

from antiphon.common.picows_protocol import feed, make_protocol
from antiphon.engineio.packet import Binary, WirePacket
from antiphon.server.engine_socket import CLOSED
from antiphon.server.fanout import TEXT_HEADERS, Flusher, Message, text_frame
from antiphon.server.transport import Owner, Transport
from antiphon.server.waiters import Waiters
from antiphon.types import TransportName
from antiphon.uvicorn._stall import StallTimer

__all__ = ["LARGE", "PicowsConnection", "upgrade"]

logger: logging.Logger = logging.getLogger("antiphon.websocket")

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY
_CONTINUATION: Final = WSMsgType.CONTINUATION
_CLOSE: Final = WSMsgType.CLOSE
_PING: Final = WSMsgType.PING
_PONG: Final = WSMsgType.PONG

_PROTOCOL_ERROR: Final = 1002
_TOO_BIG: Final = 1009

_READ_BUFFER_SIZE: Final = 2048
"""Bytes that picows keeps for each connection; it grows with the frames that come."""

LARGE: Final = 65536
"""Bytes from which on a frame does not wait for others."""


class PicowsConnection(WSListener, Transport, metaclass=ABCMeta):
    """A WebSocket connection. It collects finished frames, and writes them when the flusher says so.

    Args:
        protocol: the revision of Engine.IO, 3 or 4.
        flusher: collects the connections that have something to send.
        max_message_size: bytes that a received message may have.
        max_unsent_size: bytes that may wait for a peer that does not read.
        on_lost: called once, when the connection is gone.
        on_shutdown: called when uvicorn is about to stop.

    Attributes:
        is_established: whether the handshake is done and there is somewhere to write.
    """

    __slots__ = ("_closing", "_dirty", "_eio3", "_flusher", "_fragments", "_is_text", "_max_message_size",
                 "_max_unsent_size", "_on_lost", "_out", "_paused", "_timeout", "_transport", "_unsent", "_waiters",
                 "_write", "close_code", "heard", "is_established", "owner", "shutdown")  # fmt: skip

    name: TransportName = "websocket"

    def __init__(
        self,
        *,
        protocol: int,
        flusher: Flusher,
        max_message_size: int,
        max_unsent_size: int,
        on_lost: Callable[[PicowsConnection], None],
        on_shutdown: Callable[[], None],
    ) -> None:
        self.owner: Owner = CLOSED
        self.close_code: int | None = None
        self._eio3 = protocol == 3
        self._flusher = flusher
        self._dirty = flusher.dirty
        self._max_message_size = max_message_size
        self._max_unsent_size = max_unsent_size
        self._on_lost = on_lost
        self.shutdown: Callable[[], None] = on_shutdown
        # Frames. Who compresses keeps messages here until they are written.
        self._out: list[Any] = []
        self._paused = False
        self._unsent = 0
        self.is_established: bool = False
        self.heard: bool = False
        self._closing = False
        self._is_text = False
        self._fragments: bytearray | None = None
        self._timeout: StallTimer | None = None
        self._waiters: Waiters | None = None

    # What picows reports

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Remember where to write."""
        self._transport = transport.underlying_transport
        # The transports of aiofastnet can leave out checks of what is ours: the type of the data, and the thread.
        self._write = getattr(self._transport, "write_nocheck", self._transport.write)
        self.is_established = True

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002 - there is only one
        """Take a frame. A whole text message is what nearly all of them are."""
        if not self.heard:
            # As hear() does, without the call.
            self.heard = True
            if self._out and not self._paused:
                self._flusher.add(self)
        kind = frame.msg_type
        if kind is _TEXT and frame.fin and self._fragments is None and not (frame.rsv1 or frame.rsv2 or frame.rsv3):
            # Python 3.11 calls what is kept in a slot faster if it is loaded first: so on the whole hot path.
            receive = self.owner.receive_text
            receive(frame.get_payload_as_bytes())
        else:
            self._on_other_frame(kind, frame)

    def hear(self) -> None:
        """Be told that the peer has sent something, and may wait for an answer: it is written to sooner."""
        self.heard = True
        if self._out and not self._paused:
            self._flusher.add(self)

    def _on_other_frame(self, kind: WSMsgType, frame: WSFrame) -> None:
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.fail(_PROTOCOL_ERROR, "a reserved bit is set, but no extension was negotiated")
        elif kind is _CLOSE:
            self._on_close_frame(frame)
        elif kind is _PING:
            self._on_ping(frame)
        elif kind is _PONG:
            pass
        elif (kind is _CONTINUATION) is (self._fragments is None):
            self.fail(_PROTOCOL_ERROR, "a continuation frame where none belongs, or none where one does")
        elif kind is _CONTINUATION or not frame.fin:
            self._on_fragment(kind, frame)
        elif kind is _BINARY:
            self.owner.receive_binary(frame.get_payload_as_bytes())

    def _on_ping(self, frame: WSFrame) -> None:
        # A peer that does not read gets no pongs: they would wait for it without a limit.
        if self._paused or self._closing:
            return
        out, payload = self._out, frame.get_payload_as_bytes()
        pong = b"\x8a" + bytes((len(payload),)) + payload
        if not out:
            self._flusher.add(self)
        elif isinstance(out[-1], bytes) and out[-1][0] == 0x8A:
            # Only the latest of several pings need be answered. Source: RFC 6455, section 5.5.3.
            out.pop()
        out.append(pong)

    def _on_fragment(self, kind: WSMsgType, frame: WSFrame) -> None:
        message = self._fragments
        if message is None:
            message = self._fragments = bytearray()
            self._is_text = kind is _TEXT
        message += frame.get_payload_as_memoryview()
        if len(message) > self._max_message_size:
            self.fail(_TOO_BIG, "Max payload size exceeded")
        elif frame.fin:
            self._fragments = None
            self.deliver(bytes(message), is_text=self._is_text)

    def deliver(self, message: bytes, *, is_text: bool) -> None:
        """Hand a whole message over."""
        if is_text:
            self.owner.receive_text(message)
        else:
            self.owner.receive_binary(message)

    def _on_close_frame(self, frame: WSFrame) -> None:
        """Answer the peer's close frame, or end what our own has begun."""
        if not self._closing:
            payload = frame.get_payload_as_bytes()[:2]
            self._closing = True
            self._out.append(b"\x88" + bytes((len(payload),)) + payload)
            self._end()
        self._transport.close()
        self.owner.transport_closed(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """Be told that the connection is gone."""
        self._closing = True
        if self._timeout is not None:
            self._timeout.cancel()
        self._out.clear()
        self._release()
        owner, self.owner = self.owner, CLOSED
        owner.transport_closed(self)
        self._on_lost(self)

    def fail(self, code: int, description: str) -> None:
        """Close because the peer broke the protocol."""
        if not self._closing:
            self.close_code = code
            self.owner.transport_failed(self, description)

    def parser_failed(self, description: str) -> None:
        """Be told that picows gives up; it sends the close frame itself."""
        if not self._closing:
            self._closing = True
            self._out.clear()
            self._end()
            self.owner.transport_failed(self, description)

    # What is sent

    def send_text(self, data: bytes) -> None:
        """Send a text packet soon."""
        out = self._out
        if not out:
            # As Flusher.add() does, without the call.
            dirty = self._dirty
            if not dirty:
                self._flusher.schedule()
            dirty.append(self)
        # As text_frame() does, without the call.
        length = len(data)
        out.append(TEXT_HEADERS[length] + data if length < 126 else text_frame(data))
        if self._paused or length > LARGE:
            self._account(length)

    def send_message(self, message: Message) -> None:
        """Send a message and its attachments soon."""
        out = self._out
        if not out:
            # As Flusher.add() does, without the call.
            dirty = self._dirty
            if not dirty:
                self._flusher.schedule()
            dirty.append(self)
        if self._eio3:
            frames = message.frames_v3 or message.build_frames_v3()
        else:
            frames = message.frames or message.build_frames()
        out.append(frames)
        if self._paused or len(frames) > LARGE:
            self._account(len(frames))

    def send_packets(self, packets: list[WirePacket]) -> None:
        """Send several packets soon."""
        for packet in packets:
            if isinstance(packet, Binary):
                self.send_message(Message(None, (packet.data,)))
            else:
                self.send_text(packet)

    def flush(self) -> None:
        """Write what was collected."""
        if self._paused or self._closing:
            return
        out = self._out
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self.heard = False
            write = self._write
            write(data)
            if self._waiters is not None and not self._paused:
                self._release()

    def pause_writing(self) -> None:
        """Be told that the peer does not read as fast as we write; what was written waits in the transport."""
        self._paused = True
        self._count(0)

    def resume_writing(self) -> None:
        """Be told that the peer has caught up."""
        self._paused = False
        self._unsent = 0
        if self._out:
            self._flusher.add(self)
        else:
            self._release()

    def _account(self, size: int) -> None:
        """Write what is large at once, for it is not to be collected without a limit; count it if that cannot be."""
        if self._paused:
            self._count(size)
        else:
            self.flush()

    def _count(self, size: int) -> None:
        """Count what is collected while the peer does not read; it waits behind what the transport has."""
        self._unsent += size
        if self._closing:
            self._out.clear()
        elif self._unsent + self._transport.get_write_buffer_size() > self._max_unsent_size:
            self._closing = True
            self._out.clear()
            asyncio.get_running_loop().call_soon(self._drop)

    def _drop(self) -> None:
        self._transport.abort()
        self.owner.transport_failed(self, "the client does not read: max_send_buffer_size is exceeded", "slow consumer")

    @property
    def writable(self) -> bool:
        """Whether the peer reads as fast as we write."""
        return not self._paused and not self._closing

    def drained(self) -> Awaitable[None] | None:
        """Return what to await until the peer has taken enough that more can be written; None if it has."""
        if (not self._out and not self._paused) or self._closing:
            return None
        if self._waiters is None:
            self._waiters = Waiters()
        return self._waiters.add()

    def _release(self) -> None:
        waiters, self._waiters = self._waiters, None
        if waiters is not None:
            waiters.release()

    # How it ends

    def close(self) -> bool:
        """Write what waits and a close frame; the peer has some time to answer it."""
        if not self._closing:
            self._closing = True
            code = self.close_code
            self._out.append(b"\x88\x00" if code is None else b"\x88\x02" + code.to_bytes(2, "big"))
            self._end()
        return True

    def _end(self) -> None:
        """Write the last that will be written, whether the peer reads or not; it has some time for it."""
        out, self._out = self._out, []
        if out:
            self._write(b"".join(out))
        self._release()
        self._timeout = StallTimer(self._transport)

    def discard(self) -> None:
        """Do the same as :meth:`close`: the session does not wait for the answer in any case."""
        self.close()


class _Log:
    """What picows logs to. It reports in this way alone what it finds wrong with the peer's frames."""

    __slots__ = ("_connection",)

    def __init__(self, connection: PicowsConnection) -> None:
        self._connection = connection

    def isEnabledFor(self, level: int) -> bool:  # noqa: ARG002, N802 - the name is given by logging
        """Tell picows not to bother."""
        return False

    def error(self, message: str, *arguments: object) -> None:
        """Take an error of the frame parser: a close code and a text."""
        cause = arguments[0] if arguments else message
        if isinstance(cause, tuple) and len(cause) == 2:
            code, text = cause
            self._connection.parser_failed("Max payload size exceeded" if code == WSCloseCode.MESSAGE_TOO_BIG else text)
        else:
            logger.error(message, *arguments)

    def exception(self, message: str, *arguments: object) -> None:
        """Log an exception that came out of our own code."""
        logger.exception(message, *arguments)

    def log(self, level: int, message: str, *arguments: object) -> None:
        """Ignore what is for the authors of picows."""

    debug = info = warning = lambda _self, *_arguments: None


def upgrade(
    transport: asyncio.Transport, connection: PicowsConnection, key: str, headers: dict[str, str], max_frame_size: int
) -> Any:
    """Finish a WebSocket handshake and let picows speak on the transport.

    Args:
        transport: the transport that the request came on.
        connection: gets the frames.
        key: the ``Sec-WebSocket-Key`` of the request.
        headers: more headers of the 101 response.
        max_frame_size: bytes that a frame may have.

    Returns:
        The protocol that the transport must be given.
    """

    def accept(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(headers), connection)

    log: Any = _Log(connection)
    protocol = make_protocol(accept, log, max_frame_size=max_frame_size, read_buffer_size=_READ_BUFFER_SIZE)
    protocol.connection_made(transport)
    # The real request was checked by us. This one says the same in the only form that picows accepts.
    feed(
        protocol,
        b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: %s\r\n\r\n" % key.encode("latin-1"),
    )
    return protocol
