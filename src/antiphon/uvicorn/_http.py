"""uvicorn's HTTP protocol, with a shorter way for the requests of Socket.IO servers.

A poll, or a body with packets, that has come as a whole is answered without ASGI, if nothing of the user stands in
front of the Socket.IO server. A WebSocket handshake goes to :class:`WebSocketProtocol` without being written out and
parsed again. Everything else goes uvicorn's way. And a client has a time to send the head of a request, and no longer;
and a head has a size, and no larger one.

Source: JavaScript, ``server.headersTimeout`` and ``maxHeaderSize`` of Node.js.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys
from typing import Any, cast
from weakref import WeakKeyDictionary

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from antiphon.server.request import Request
from antiphon.uvicorn._discovery import find_server
from antiphon.uvicorn._exchange import Exchange
from antiphon.uvicorn._protocol import WebSocketProtocol
from antiphon.uvicorn._proxy import find_peer
from antiphon.uvicorn._stall import StallTimer

__all__ = ["HEADERS_TIMEOUT", "MAX_HEAD_SIZE", "HTTPProtocol"]

HEADERS_TIMEOUT = 60.0
"""Seconds from the first byte of a request, or from the connection, to the end of its head."""

MAX_HEAD_SIZE = 65536
"""Bytes that a URL and headers may have: nobody has shown yet who he is, and a session keeps them as long as it lives.

Node.js takes 16 KiB. Proxies in front may add to cookies that are large already, so it is what other servers of Python
take; and a head that has come in one piece is never too large, for it has fitted into the buffer.
"""

_BUFFER_SIZE = MAX_HEAD_SIZE

_TOO_LARGE = b"The head of a request has at most %d bytes" % MAX_HEAD_SIZE
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % len(_TOO_LARGE)
) + _TOO_LARGE

logger: logging.Logger = logging.getLogger("antiphon.engine")

_buffers: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()


def _buffer_of(loop: asyncio.AbstractEventLoop) -> memoryview:
    # On Windows a connection keeps its buffer while it waits for data.
    buffer = None if sys.platform == "win32" else _buffers.get(loop)
    if buffer is None:
        buffer = _buffers[loop] = memoryview(bytearray(_BUFFER_SIZE))
    return buffer


_METHODS = {b"GET": "GET", b"POST": "POST"}


class HTTPProtocol(HttpToolsProtocol, asyncio.BufferedProtocol):
    """Closes connections that begin a request and do not go on, and knows the requests of Socket.IO servers.

    It is a buffered protocol, for else a transport may make a large buffer for each small request. What is read into
    the buffer is used at once, so all connections of an event loop share one.
    """

    headers_timeout = HEADERS_TIMEOUT
    _timer: asyncio.TimerHandle | None = None
    _timer_due = math.inf
    _deadline = math.inf
    _awaits_head = True
    _unfinished = 0
    _is_in_pieces = False
    _is_handshake = False
    _held: Request | None = None
    _stalled: Exchange | None = None
    _stall: StallTimer | None = None
    _body: list[bytes]
    _engine: Any
    url: bytes
    headers: list[tuple[bytes, bytes]]
    expect_100_continue: bool
    cycle: Any
    _default_headers: tuple[object, bytes] = (None, b"")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._buffer = _buffer_of(self.loop)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - one size for all
        """Say where to read to."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self.data_received(bytes(self._buffer[:nbytes]))

    # The head of a request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the transport and expect a request."""
        super().connection_made(transport)
        self._set_deadline(self.headers_timeout)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, a whole one, or several."""
        # As uvicorn does, who would forget what has come behind a WebSocket handshake.
        self._unfinished += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            if self._unfinished <= MAX_HEAD_SIZE:
                self.logger.warning("Invalid HTTP request received.")
                self.send_400_response("Invalid HTTP request received.")
                self._watch()
        except HttpParserUpgrade as upgrade:
            if self._is_handshake:
                self.handle_websocket_upgrade(data[upgrade.args[0] :])
                return
            self._unsupported_upgrade_warning()
        if self._held is not None:
            self._let_go()
        if self._unfinished > MAX_HEAD_SIZE:
            self._refuse_size()
        elif self._awaits_head:
            self._is_in_pieces = True
            if self._deadline == math.inf and not self.transport.is_closing():
                self._set_deadline(self.headers_timeout)

    def _refuse_size(self) -> None:
        """Refuse a head that is too large, or what stands around a body in chunks."""
        logger.info("a request of %s has a head of more than %d bytes and is refused", self.client, MAX_HEAD_SIZE)
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_REFUSAL)
        self.close()

    def on_message_begin(self) -> None:
        """Expect the rest of a head."""
        # uvicorn makes the scope here; it is made when it is known that somebody wants it.
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        if not self._awaits_head:
            # The client has not been silent; the first head has its deadline from the connection.
            self._deadline = math.inf
            self._awaits_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        if not self._awaits_head:
            # One behind a body in chunks: a request that was checked already must not get more headers.
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin with a request, or hold it until it has come as a whole."""
        self._unfinished = 0
        if self._is_in_pieces:
            self._check_size()
        self._awaits_head = False
        self._deadline = math.inf
        self._is_handshake = self.parser.should_upgrade() and super()._should_upgrade()
        if not self._is_handshake and (self.parser.should_upgrade() or not self._hold()):
            self._begin()

    def _check_size(self) -> None:
        """Measure a head that has come in pieces; the first was not counted if another request stood in front of it."""
        self._is_in_pieces = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEAD_SIZE:
            self._unfinished = size
            raise ValueError(_TOO_LARGE.decode())  # it stops the parser

    def _should_upgrade(self) -> bool:
        # uvicorn asks several times.
        return self._is_handshake

    def _begin(self) -> None:
        """Let uvicorn begin with a request."""
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers with the rest."""
        self._forget_timer()
        self._forget_stall()
        super().connection_lost(exc)

    # One timer, which is set anew only when it has gone off: there are many requests and few that are late.

    def _set_deadline(self, delay: float) -> None:
        self._deadline = deadline = self.loop.time() + delay
        if deadline < self._timer_due:
            self._forget_timer()
            self._set_timer(deadline)

    def _set_timer(self, due: float) -> None:
        self._timer_due = due
        self._timer = self.loop.call_at(due, self._on_timer)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timer_due = math.inf

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_due = math.inf
        if self.transport.is_closing() or self._deadline == math.inf:
            return
        if self._deadline > self.loop.time():
            self._set_timer(self._deadline)
            return
        if self._awaits_head:
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
        self.close()

    # Clients that do not read

    def close(self) -> None:
        """Close the connection when what was written has arrived, or when the client takes nothing of it any more."""
        self.transport.close()
        self._watch()

    def _watch(self) -> None:
        if self._stall is None and self.transport.get_write_buffer_size():
            self._stall = StallTimer(self.transport)

    def _forget_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def shutdown(self) -> None:
        """Be told that uvicorn is about to stop."""
        super().shutdown()
        if self.transport.is_closing():
            self._watch()

    def resume_writing(self) -> None:
        """Be told that the client has caught up: go on with what waited for that."""
        super().resume_writing()
        exchange, self._stalled = self._stalled, None
        if exchange is not None and not self.transport.is_closing():
            self._forget_stall()
            exchange.begin()

    # Requests of Socket.IO servers

    def _hold(self) -> bool:
        """Say whether a request is one that we can answer without ASGI."""
        path, _, query = self.url.partition(b"?")
        mounted = find_server(self.config, path)
        if mounted is None or mounted.needs_asgi or mounted.server.engine.waits_for_user:
            return False
        method = _METHODS.get(self.parser.get_method())
        if (
            method is None
            or self.parser.get_http_version() != "1.1"
            or self.expect_100_continue
            or self.limit_concurrency is not None
            or self.access_log
            or self.flow.write_paused  # ASGI waits until the client reads
        ):
            return False
        client, secure = find_peer(self.config, self.client, self.headers, secure=self.scheme == "https")
        self._engine = mounted.server.engine
        self._body = []
        self._held = Request(
            method=method,
            path=self.config.root_path + path.decode("latin-1"),
            query_string=query,
            raw_headers=self.headers,
            client=client,
            secure=secure,
            upgrade=False,
        )
        return True

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._unfinished = 0
        if self._held is None:
            if self._deadline != math.inf:
                # It was answered before it has come as a whole: who still sends it is not silent.
                self._set_deadline(self.timeout_keep_alive)
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer a request that has come as a whole."""
        request, self._held = self._held, None
        if request is None:
            super().on_message_complete()
            return
        exchange: Any = Exchange(
            self, self._engine, request, b"".join(self._body), keep_alive=self.parser.should_keep_alive()
        )
        before, self.cycle = self.cycle, exchange
        if before is None or before.response_complete:
            self._start_asgi_task(exchange, self.app)
        else:
            # A pipelined request waits for the one before it.
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if not isinstance(cycle, Exchange):
            super()._start_asgi_task(cycle, app)
        elif self.flow.write_paused:
            # As ASGI would, it waits until the client reads: else its session would take it for one that does.
            self._stalled = cycle
            self._watch()
        else:
            cycle.begin()

    def on_response_complete(self) -> None:
        """Be told that a response was written: go on with the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            # Not now: it may be answered at once too, and the one behind it, each within the call of the one before.
            self.loop.call_soon(self._start_next)
            return
        self.flow.resume_reading()
        if not self._awaits_head:
            # uvicorn has another timer for this, which a line break would stop for good.
            self._set_deadline(self.timeout_keep_alive)

    def _start_next(self) -> None:
        if self.transport.is_closing():
            return
        cycle, app = self.pipeline.pop()
        if not self.pipeline:
            # Not earlier: with each response many more requests might come.
            self.flow.resume_reading()
        self._start_asgi_task(cycle, app)

    def _let_go(self) -> None:
        """Let ASGI have a request whose body has not come as a whole."""
        self._held = None
        if not self.transport.is_closing():
            self._begin()
            for piece in self._body:
                super().on_body(piece)

    def default_headers(self) -> bytes:
        """Return the headers that uvicorn gives every response. It makes new ones each second."""
        headers = self.server_state.default_headers
        known, encoded = HTTPProtocol._default_headers
        if known is not headers:
            encoded = b"".join(b"%s: %s\r\n" % header for header in headers)
            HTTPProtocol._default_headers = (headers, encoded)
        return encoded

    def handle_websocket_upgrade(self, rest: bytes = b"") -> None:
        """Hand a WebSocket handshake over, and what has come behind it."""
        if self.cycle is not None and not self.cycle.response_complete:
            # The response would come in the middle of the WebSocket.
            logger.warning("a WebSocket handshake came before the response to the request before it")
            self.transport.close()
            return
        if self.ws_protocol_class is not WebSocketProtocol:
            self._begin()
            super().handle_websocket_upgrade()
            if rest:
                cast("asyncio.Protocol", self.transport.get_protocol()).data_received(rest)
            return
        self._forget_timer()
        self.connections.discard(self)
        protocol = WebSocketProtocol(config=self.config, server_state=self.server_state, app_state=self.app_state)
        protocol.connection_made(self.transport)
        secure = self.scheme == "https"
        protocol.request_received(self.parser.get_method(), self.url, self.headers, self.client, secure=secure)
        self.transport.set_protocol(protocol)
        if rest:
            protocol.data_received(rest)
