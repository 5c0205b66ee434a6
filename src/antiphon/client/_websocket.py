"""WebSocket, on picows.

Source: Engine.IO protocol 4, "WebSocket"; RFC 6455; JavaScript: ``WS`` of ``engine.io-client``.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import aiofastnet
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeResponse

from antiphon.client._compression import HEADER, Compression, Offer
from antiphon.client._handshake import HandshakeProtocol, Refusal
from antiphon.client.explanation import explain, explain_answer
from antiphon.client.frames import LARGEST_SMALL_FRAME, small_text_frame
from antiphon.client.network import Network
from antiphon.client.transport import NOBODY, Outgoing, Transport
from antiphon.common.picows_protocol import make_protocol
from antiphon.engineio.packet import Binary, encode_base64
from antiphon.errors import RemoteProtocolError, TransportError
from antiphon.types import TransportName

__all__ = ["WebSocket"]

logger: logging.Logger = logging.getLogger("antiphon.client")

_MAX_MESSAGE_SIZE: Final = 100 * 2**20
"""Bytes of a message that is taken. JavaScript: ``maxPayload`` of ``ws``."""
_READ_BUFFER_SIZE: Final = 16 * 1024
_CLOSE_TIMEOUT: Final = 2.0
"""Seconds that the server has to answer a close frame."""
_KEYS_AT_ONCE: Final = 256
_MOST_AT_ONCE: Final = 256
"""Small frames that are collected for one write."""

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY
_CONTINUATION: Final = WSMsgType.CONTINUATION
_CLOSE: Final = WSMsgType.CLOSE


class WebSocket(Transport):
    """A WebSocket connection. What is sent within one turn of the event loop is written at once."""

    name: TransportName = "websocket"
    is_open: bool
    writable: bool

    def __init__(self, network: Network, query: dict[str, str]) -> None:
        super().__init__(network, query)
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._ws: WSTransport | None = None
        self._write: Callable[[bytes], None] | None = None
        self._compression: Compression | None = None
        self._out: list[bytes] = []
        self._keys: list[bytes] = []
        self._is_draining = False
        self._closing = False
        self._close_timer: asyncio.TimerHandle | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self.close_code: int | None = None
        self.failure: str | None = None
        """What picows found wrong with a frame."""

    # Connecting

    def open(self) -> None:
        """Begin the handshake."""
        self._task = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self._handshake()
        except Refusal as refusal:
            self._refused(refusal)
        except Exception as error:  # noqa: BLE001 - whatever the network, TLS or the proxy raises
            self._fail(self.error(explain(error), cause=error))

    async def _handshake(self) -> None:
        network = self.network
        address = network.address
        query = dict(self.query)
        resource = network.url("ws", query).partition(address.netloc)[2]
        offer = None if network.options.deflate is None else Offer(network.options.deflate)
        headers = network.websocket_headers()
        if offer is not None:
            headers[HEADER] = offer.header
        protocol = make_protocol(
            lambda: _Frames(self),
            _Log(self),
            max_frame_size=_MAX_MESSAGE_SIZE,
            read_buffer_size=_READ_BUFFER_SIZE,
            client_of=(address.netloc, resource),
            extra_headers=headers,
        )
        handshake = HandshakeProtocol(protocol)
        context = network.ssl
        transport, _ = await aiofastnet.create_connection(
            self._loop,
            lambda: handshake,
            sock=await network.connect(),
            ssl=context,
            server_hostname=address.host if context is not None else None,
        )
        try:
            await handshake.wait()
        except BaseException:
            transport.abort()
            raise
        ws = cast("WSTransport", protocol.transport)
        if not self.is_open and not self._closing:
            # The connection was lost in the very moment.
            ws.disconnect(graceful=False)
            raise ConnectionResetError("the server has closed the connection")

    def established(self, ws: WSTransport) -> None:
        """Be told that the handshake is done."""
        self._ws = ws
        if self._closing:
            ws.disconnect(graceful=False)
            return
        response: WSUpgradeResponse = ws.response
        self.network.keep_cookies(response.headers.getall("Set-Cookie", []))
        accepted = response.headers.get(HEADER)
        if accepted:
            deflate = self.network.options.deflate
            try:
                if deflate is None:
                    raise RemoteProtocolError(f"the server wants to use {accepted}, which was not offered")
                self._compression = Offer(deflate).accepted(accepted)
            except RemoteProtocolError as error:
                ws.disconnect(graceful=False)
                self._fail(self.error(str(error)))
                return
        transport: Any = ws.underlying_transport
        self._write = getattr(transport, "write_nocheck", transport.write)
        self.is_open = self.writable = True
        self.listener.transport_opened()

    def _refused(self, refusal: Refusal) -> None:
        body = refusal.body.decode(errors="replace")
        message = str(refusal) if refusal.status is None else explain_answer(refusal.status, body)
        self._fail(self.error(message, status=refusal.status, body=body[:1000], cause=refusal))

    # Receiving

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""
        self.listener.receive_binary(data)

    def inflated(self, data: bytes) -> bytes:
        """Inflate a message.

        Raises:
            RemoteProtocolError: there is nothing that could, or it cannot be.
        """
        if self._compression is None:
            raise RemoteProtocolError("a compressed message, but no compression was agreed on")
        return self._compression.inflate(data, _MAX_MESSAGE_SIZE)

    # Sending

    def send(self, packets: Sequence[Outgoing]) -> None:
        """Send packets, each in a frame of its own."""
        base64 = self.network.options.force_base64
        for packet, compress in packets:
            if isinstance(packet, Binary):
                if base64:
                    self._send(_TEXT, b"b" + encode_base64(packet.data), compress=compress)
                else:
                    self._send(_BINARY, packet.data, compress=compress)
            elif self._compression is None:
                self.send_text(packet)
            else:
                self._send(_TEXT, packet, compress=compress)
        if not self._is_draining:
            self._is_draining = True
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._is_draining = False
        if self.writable:
            self.listener.transport_drained()

    @property
    def compresses(self) -> bool:
        """Whether messages may be compressed."""
        return self._compression is not None

    def send_text(self, data: bytes) -> None:
        """Send a text packet, not compressed, with this turn of the loop. The hot path of ``emit``."""
        if len(data) > LARGEST_SMALL_FRAME:
            self._send(_TEXT, data, compress=False)
            return
        out = self._out
        if not out:
            self._loop.call_soon(self._flush)
        elif len(out) >= _MOST_AT_ONCE:
            # So the transport gets to say that it is too much.
            self._flush()
        keys = self._keys
        if not keys:
            pool = os.urandom(4 * _KEYS_AT_ONCE)
            keys.extend([pool[index : index + 4] for index in range(0, len(pool), 4)])
        out.append(small_text_frame(data, keys.pop()))

    def _send(self, kind: WSMsgType, data: bytes, *, compress: bool) -> None:
        """Send a message that picows frames and masks, after those that wait."""
        self._flush()
        ws, compression = self._ws, self._compression
        if ws is None:
            return
        if compression is not None and compress and len(data) >= compression.threshold:
            ws.send(kind, compression.deflate(data, binary=kind is _BINARY), rsv1=True)
        else:
            ws.send(kind, data)

    def _flush(self) -> None:
        out = self._out
        if out and self._write is not None:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self._write(data)

    def pause_writing(self) -> None:
        """Be told that the server does not read as fast as we write."""
        self.writable = False

    def resume_writing(self) -> None:
        """Be told that it does again."""
        if not self._closing:
            self.writable = True
            self.listener.transport_drained()

    # The end

    def close(self) -> None:
        """Send a close frame after what was sent."""
        if self._closing:
            return
        self._closing = True
        self.is_open = self.writable = False
        self.listener = NOBODY
        ws = self._ws
        if ws is None:
            if self._task is not None and self._task is not asyncio.current_task():
                self._task.cancel()
            return
        self._flush()
        if not ws.is_disconnected:
            ws.send_close(WSCloseCode.OK)
            self._expect_close(ws)

    def _expect_close(self, ws: WSTransport) -> None:
        """Drop the connection if the server does not answer, nor takes what waits for it."""
        waiting = ws.underlying_transport.get_write_buffer_size()

        def look_again() -> None:
            if 0 < ws.underlying_transport.get_write_buffer_size() < waiting:
                self._expect_close(ws)
            else:
                ws.disconnect(graceful=False)

        self._close_timer = self._loop.call_later(_CLOSE_TIMEOUT, look_again)

    def abort(self) -> None:
        """Drop the connection."""
        self.close()
        if self._ws is not None:
            self._ws.disconnect(graceful=False)

    async def wait_closed(self) -> None:
        """Wait until the connection is gone."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])
        if self._ws is not None and not self._lost.done():
            await asyncio.wait([self._lost])

    def on_lost(self) -> None:
        """Be told that the connection is gone."""
        if self._close_timer is not None:
            self._close_timer.cancel()
        if not self._lost.done():
            self._lost.set_result(None)
        self.on_ended()

    def on_ended(self) -> None:
        """Be told that nothing that is sent would arrive any more, although the connection may still be there.

        What is emitted from now on waits for the next connection.
        """
        self._out.clear()
        was_open = self.is_open
        self.is_open = self.writable = False
        if was_open and not self._closing:
            self._closing = True
            listener, self.listener = self.listener, NOBODY
            if self.failure is not None:
                listener.transport_failed(self.error(self.failure, status=self.close_code))
            else:
                listener.transport_closed(self.error(_describe(self.close_code), status=self.close_code))

    def _fail(self, error: TransportError) -> None:
        listener, self.listener = self.listener, NOBODY
        if not self._closing:
            self._closing = True
            self.is_open = self.writable = False
            listener.transport_failed(error)


class _Frames(WSListener):
    """Takes the frames of picows."""

    def __init__(self, owner: WebSocket) -> None:
        super().__init__()
        self._owner = owner
        self._fragments: bytearray | None = None
        self._kind = _TEXT
        self._is_deflated = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._owner.established(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _TEXT and frame.fin and not frame.rsv1:
            self._owner.listener.receive_text(frame.get_payload_as_bytes())
        elif kind is _CLOSE:
            self._on_close(transport, frame)
        elif kind is _TEXT or kind is _BINARY or kind is _CONTINUATION:
            self._on_data(transport, kind, frame)

    def _on_data(self, transport: WSTransport, kind: WSMsgType, frame: WSFrame) -> None:
        if kind is not _CONTINUATION:
            self._kind, self._is_deflated = kind, bool(frame.rsv1)
            self._fragments = bytearray()
        message = self._fragments
        if message is None:
            return
        message += frame.get_payload_as_memoryview()
        if len(message) > _MAX_MESSAGE_SIZE:
            self._give_up(transport, WSCloseCode.MESSAGE_TOO_BIG, f"a message of more than {_MAX_MESSAGE_SIZE} bytes")
        elif frame.fin:
            self._fragments = None
            self._deliver(transport, bytes(message))

    def _deliver(self, transport: WSTransport, data: bytes) -> None:
        owner = self._owner
        if self._is_deflated:
            try:
                data = owner.inflated(data)
            except RemoteProtocolError as error:
                self._give_up(transport, WSCloseCode.PROTOCOL_ERROR, str(error))
                return
        if self._kind is _TEXT:
            owner.listener.receive_text(data)
        else:
            owner.listener.receive_binary(data)

    def _give_up(self, transport: WSTransport, code: WSCloseCode, why: str) -> None:
        self._owner.failure = why
        transport.send_close(code)
        transport.disconnect()
        self._owner.on_ended()

    def _on_close(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._owner.close_code is None:
            # None at all is 1005. Source: RFC 6455, section 7.1.5.
            self._owner.close_code = int(frame.get_close_code()) or 1005  # type: ignore[call-overload]
        transport.send_close(WSCloseCode.OK)
        transport.disconnect()
        self._owner.on_ended()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        self._owner.on_lost()

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()


class _Log:
    """What picows logs to. It reports in this way alone what it finds wrong with the peer's frames."""

    def __init__(self, owner: WebSocket) -> None:
        self._owner = owner

    def isEnabledFor(self, level: int) -> bool:  # noqa: ARG002, N802 - the name is given by logging
        """Tell picows not to bother."""
        return False

    def error(self, message: str, *arguments: object) -> None:
        """Take an error of the frame parser: a close code and a text."""
        cause = arguments[0] if arguments else message
        if isinstance(cause, tuple) and len(cause) == 2:
            self._owner.failure = str(cause[1])
        else:
            logger.error(message, *arguments)

    def exception(self, message: str, *arguments: object) -> None:
        """Log an exception that came out of our own code."""
        logger.exception(message, *arguments)

    def log(self, level: int, message: str, *arguments: object) -> None:
        """Ignore what is for the authors of picows."""

    debug = info = warning = lambda _self, *_arguments: None


def _describe(code: int | None) -> str:
    if code is None:
        return "the connection was lost"
    return "the server has closed the connection" + ("" if code in (1000, 1005) else f" (code {code})")
