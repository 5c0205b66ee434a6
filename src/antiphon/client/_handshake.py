"""The WebSocket handshake of a client: picows speaks once the server has agreed; what else it answers is read whole.

Source: RFC 6455, section 4.1.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, cast

import httptools

from antiphon.common.picows_protocol import feed

__all__ = ["HandshakeProtocol", "Refusal"]

_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})")
_MAX_HEAD: Final = 64 * 1024
_MAX_BODY: Final = 64 * 1024
_PATIENCE: Final = 2.0
"""Seconds to wait for the rest of a response that refuses the connection."""


class Refusal(Exception):
    """The server does not want to speak WebSocket.

    Attributes:
        status: of its response; None if that was none.
        body: of its response.
    """

    def __init__(self, status: int | None, body: bytes) -> None:
        super().__init__("the server does not answer in HTTP" if status is None else f"status {status}")
        self.status = status
        self.body = body


class HandshakeProtocol(asyncio.Protocol):
    """Reads the response to a handshake, and makes way for picows if the server agrees.

    Args:
        websocket: the protocol of picows.
    """

    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._body = bytearray()
        self._parser: Any = None
        self._status: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Wait until picows has taken over.

        Raises:
            Refusal: the server does not want that.
            ConnectionResetError: it has closed the connection without an answer.
            WSHandshakeError: its answer is wrong.
        """
        await self._outcome
        await self._websocket.wait_until_handshake_complete()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let picows send the request soon.

        If that fails at once, for the server has reset the connection, a transport of aiofastnet that has not begun to
        read closes its socket, and begins then. The event loop takes the next socket of that number for the old one.
        """
        self._transport = cast("asyncio.Transport", transport)
        asyncio.get_running_loop().call_soon(self._ask)

    def _ask(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._websocket.connection_made(self._transport)

    def data_received(self, data: bytes) -> None:
        """Take a part of the response."""
        if self._parser is not None:
            self._read_body(data)
            return
        self._data += data
        if b"\r\n\r\n" in self._data or len(self._data) > _MAX_HEAD:
            self._on_head()

    def _on_head(self) -> None:
        found = _STATUS.match(self._data)
        self._status = int(found[1]) if found else None
        if self._status == 101 and self._transport is not None:
            self._transport.set_protocol(self._websocket)
            self._settle(None)
            feed(self._websocket, bytes(self._data))
        elif found:
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self._refuse)
            self._parser = httptools.HttpResponseParser(self)
            self._read_body(bytes(self._data))
        else:
            self._body += self._data
            self._refuse()

    def _read_body(self, data: bytes) -> None:
        """Read on in a response that refuses the connection, chunked or not."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse()
        if len(self._body) >= _MAX_BODY:
            self._refuse()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body from the parser."""
        self._body += body

    def on_message_complete(self) -> None:
        """Be told by the parser that the response is whole."""
        self._refuse()

    def _refuse(self) -> None:
        self._settle(Refusal(self._status, bytes(self._body)))
        if self._transport is not None:
            self._transport.abort()

    def eof_received(self) -> None:
        """Take the end of the response."""
        if self._data:
            self._refuse()

    def connection_lost(self, exc: Exception | None) -> None:
        """Be told that the connection is gone."""
        if self._data:
            self._refuse()
        self._settle(exc or ConnectionResetError("the server has closed the connection without an answer"))
        if self._websocket.transport is not None:
            # It has been told of the connection.
            self._websocket.connection_lost(exc)

    def pause_writing(self) -> None:
        """Do nothing: all that is sent is one small request."""

    def resume_writing(self) -> None:
        """Do nothing."""

    def _settle(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._outcome.done():
            return
        if error is None:
            self._outcome.set_result(None)
        else:
            self._outcome.set_exception(error)
            # Who should wait for it may be gone.
            self._outcome.exception()
