"""uvicorn's HTTP protocol, with a limit for how long a client may take to send the head of a request.

Source: JavaScript, ``server.headersTimeout`` of Node.js.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HEADERS_TIMEOUT", "HTTPProtocol"]

HEADERS_TIMEOUT = 60.0
"""Seconds from the first byte of a request, or from the connection, to the end of its head."""


class HTTPProtocol(HttpToolsProtocol):
    """Closes connections that begin a request and do not go on: they would stay for ever."""

    headers_timeout = HEADERS_TIMEOUT
    _headers_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the transport and expect a request."""
        super().connection_made(transport)
        self._expect_head()

    def on_message_begin(self) -> None:
        """Expect the rest of a head."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """Be content."""
        self._forget_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the rest."""
        self._forget_timer()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._forget_timer()
        self._headers_timer = self.loop.call_later(self.headers_timeout, self._on_headers_timeout)

    def _forget_timer(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _on_headers_timeout(self) -> None:
        self._headers_timer = None
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
            self.transport.close()
