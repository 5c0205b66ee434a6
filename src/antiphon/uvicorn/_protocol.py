"""The WebSocket protocol class for uvicorn's ``ws=``.

uvicorn reads the request. If it is for a Socket.IO server, the connection is handed to picows and never sees ASGI; any
other one is handed to uvicorn's own class.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from uvicorn.config import WS_PROTOCOLS, Config
from uvicorn.importer import import_from_string
from uvicorn.protocols.utils import get_remote_addr, is_ssl
from uvicorn.server import ServerState

from antiphon.common.picows_protocol import feed
from antiphon.common.tasks import is_cancelled_itself
from antiphon.errors import HandshakeError
from antiphon.server.engine import Admission
from antiphon.server.request import Request, Response, is_header
from antiphon.server.server import Server
from antiphon.uvicorn._deflate import negotiate
from antiphon.uvicorn._discovery import find_server
from antiphon.uvicorn._picows_connection import PicowsConnection, upgrade
from antiphon.uvicorn._proxy import find_peer
from antiphon.uvicorn._stall import StallTimer

if TYPE_CHECKING:
    from picows.picows import WSProtocol  # type: ignore[attr-defined]

__all__ = ["WebSocketProtocol"]

logger: logging.Logger = logging.getLogger("antiphon.websocket")

_LOW_WATER = 16384
"""Bytes that wait at least while a transport has it that its peer does not read. Source: asyncio, without TLS."""

_MAX_EARLY_SIZE = 65536
"""Bytes that are read of what a client sends before it is admitted. Clients send nothing then; what does come waits."""

_REASONS = {400: b"Bad Request", 403: b"Forbidden", 426: b"Upgrade Required", 500: b"Internal Server Error"}


class WebSocketProtocol(asyncio.Protocol):
    """Decides who gets a WebSocket connection, and lives no longer than that.

    Args:
        config: of uvicorn.
        server_state: of uvicorn.
        app_state: of the lifespan.
    """

    def __init__(self, *, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._next: asyncio.Protocol | WSProtocol | None = None
        self._early = bytearray()
        self._is_full = False
        self._admitting: asyncio.Task[None] | None = None
        self._started = False
        self._stall: StallTimer | None = None

    # The part of asyncio's protocol that uvicorn calls by hand

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport over."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the request, which uvicorn gives in one piece; then what comes until the next protocol is in place."""
        if not self._started:
            self._on_request(data)
        elif self._next is None:
            self._take_early(data)
        elif isinstance(self._next, asyncio.BufferedProtocol):
            feed(self._next, data)
        else:
            self._next.data_received(data)

    def _take_early(self, data: bytes) -> None:
        """Keep what comes before it is known who gets it."""
        if self._transport.is_closing():
            return
        self._early += data
        if len(self._early) > _MAX_EARLY_SIZE and not self._is_full:
            # While it reads it sees the client leave, so it does not stop sooner.
            self._is_full = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Pass on that the peer sends no more."""
        if self._next is not None:
            self._next.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone."""
        if self._admitting is not None:
            self._admitting.cancel()
        if self._stall is not None:
            self._stall.cancel()
        if self._next is not None:
            self._next.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the peer does not read."""
        if self._next is not None:
            self._next.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the peer reads again."""
        if self._next is not None:
            self._next.resume_writing()

    def _hand_over(self, protocol: asyncio.Protocol | WSProtocol) -> None:
        self._next = protocol
        # Not now: uvicorn is about to set us.
        asyncio.get_running_loop().call_soon(self._transport.set_protocol, protocol)

    # Who gets it

    def _on_request(self, data: bytes) -> None:
        """Take a request as uvicorn's own HTTP class writes it: a well-formed one."""
        head, _, _ = data.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        method, url, _ = line.split(b" ", 2)
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        client, secure = get_remote_addr(self._transport), is_ssl(self._transport)
        self.request_received(method, url, headers, client, secure=secure)

    def request_received(
        self,
        method: bytes,
        url: bytes,
        headers: list[tuple[bytes, bytes]],
        client: tuple[str, int] | None,
        *,
        secure: bool,
    ) -> None:
        """Take a WebSocket handshake.

        Args:
            method: of the request.
            url: path and query, as the client wrote them.
            headers: of the request, names in lower case.
            client: the address of the peer.
            secure: whether the peer uses TLS.
        """
        self._started = True
        if self._transport.get_write_buffer_size() > _LOW_WATER:
            # It may have told already that the peer does not read, and would not tell the WebSocket.
            self._respond(Response(400, b"A WebSocket handshake must wait until the responses before it have arrived"))
            return
        path, _, query = url.partition(b"?")
        mounted = find_server(self._config, path)
        if mounted is None or not _is_tcp(self._transport):
            self._delegate(method, url, headers)
            return
        if method != b"GET":
            # Source: RFC 6455, section 4.1.
            self._respond(Response(400, b"A WebSocket handshake is a GET request"))
            return
        client, secure = find_peer(self._config, client, headers, secure=secure)
        request = Request(
            method="GET",
            path=self._config.root_path + path.decode("latin-1"),
            query_string=query,
            raw_headers=headers,
            client=client,
            secure=secure,
            upgrade=True,
        )
        server = mounted.server
        if server.engine.waits_for_user:
            self._admitting = asyncio.get_running_loop().create_task(self._admit(server, request))
        else:
            _run_now(self._admit(server, request))

    def _delegate(self, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        protocol_class = import_from_string(WS_PROTOCOLS["auto"])
        if protocol_class is None:
            self._respond(Response(400, b"No WebSocket library is installed for this route"))
            return
        protocol = protocol_class(config=self._config, server_state=self._server_state, app_state=self._app_state)
        protocol.connection_made(self._transport)
        lines = [b"%s %s HTTP/1.1" % (method, url), *(b"%s: %s" % header for header in headers)]
        protocol.data_received(b"\r\n".join(lines) + b"\r\n\r\n")
        self._hand_over(protocol)

    # The handshake

    async def _admit(self, server: Server, request: Request) -> None:
        try:
            await self._shake_hands(server, request)
        except Exception:
            logger.exception("a WebSocket handshake failed")
            self._respond(Response(500))
        except asyncio.CancelledError:
            if is_cancelled_itself():
                raise
            logger.exception("a WebSocket handshake has waited for something that was cancelled")
            self._respond(Response(500))

    async def _shake_hands(self, server: Server, request: Request) -> None:
        key = request.header(b"sec-websocket-key") or ""
        if request.header(b"sec-websocket-version") not in ("13", "8"):
            self._respond(Response(400, b"Unsupported WebSocket version", {"sec-websocket-version": "13, 8"}))
            return
        if not _is_key(key):
            self._respond(Response(400, b"Missing or invalid Sec-WebSocket-Key header"))
            return
        engine = server.engine
        try:
            admission = await engine.admit(request)
        except HandshakeError as error:
            self._respond(engine.refuse(request, error))
            return
        if not self._transport.is_closing():
            self._upgrade(server, admission, key)

    def _upgrade(self, server: Server, admission: Admission, key: str) -> None:
        request, answer = admission.request, dict(admission.headers)
        offered = request.header(b"sec-websocket-protocol")
        first = offered.partition(",")[0].strip() if offered else ""
        if is_header(first, ""):
            answer["Sec-WebSocket-Protocol"] = first
        options = server.options
        limit = int(options.max_http_buffer_size)
        make: Callable[..., PicowsConnection] = PicowsConnection
        if options.deflate is not None:
            accepted = negotiate(request.header(b"sec-websocket-extensions") or "", options.deflate)
            if accepted is not None:
                answer["Sec-WebSocket-Extensions"] = accepted.header
                make = accepted.connection
        connections = cast("set[object]", self._server_state.connections)
        connection = make(
            protocol=admission.protocol,
            flusher=server.engine.flusher,
            max_message_size=limit,
            max_unsent_size=int(options.max_send_buffer_size),
            on_lost=connections.discard,
            on_shutdown=server.begin_close,
        )
        protocol = upgrade(self._transport, connection, key, answer, limit)
        if not connection.is_established:
            raise RuntimeError("picows did not accept the handshake")
        connections.add(connection)
        self._hand_over(protocol)
        server.engine.attach(admission, connection)
        early, self._early = bytes(self._early), bytearray()
        if early:
            feed(protocol, early)
        if self._is_full and not self._transport.is_closing():
            self._transport.resume_reading()

    def _respond(self, response: Response) -> None:
        """Answer without an upgrade, and close."""
        lines = [b"HTTP/1.1 %d %s" % (response.status, _REASONS.get(response.status, b""))]
        headers = {"connection": "close", "content-length": str(len(response.body)), **response.headers}
        lines += [f"{name}: {value}".encode("latin-1") for name, value in headers.items()]
        self._transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + response.body)
        self._transport.close()
        self._stall = StallTimer(self._transport)


def _run_now(coroutine: Any) -> None:
    """Run a coroutine that does not wait for anything."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("this coroutine was not to wait")  # pragma: no cover - see Engine.waits_for_user


def _is_tcp(transport: asyncio.Transport) -> bool:
    """Say whether picows can have this transport: it sets options that only TCP has."""
    # The address of a Unix socket is a path. The family of the socket would have to be asked for.
    return isinstance(transport.get_extra_info("sockname"), tuple)


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
