"""The ASGI application: routing, polling over HTTP, the browser files, WebSocket, lifespan.

Source: ASGI specification 3.0.
"""

from __future__ import annotations

import logging
from typing import cast

from antiphon.engineio.packet import Binary, WirePacket
from antiphon.errors import HandshakeError
from antiphon.server.polling import Body
from antiphon.server.request import Headers, Request, Response
from antiphon.server.routing import find_rest
from antiphon.server.server import Server
from antiphon.server.websocket import ASGIWebSocket
from antiphon.types import ASGIApp, ASGIMessage, Receive, Scope, Send

__all__ = ["ASGIApplication"]

logger: logging.Logger = logging.getLogger("antiphon.websocket")


class ASGIApplication:
    """A Socket.IO server as an ASGI application, beside another application if there is one.

    Args:
        server: the Socket.IO server.
        app: what gets every other request, and the lifespan.
    """

    def __init__(self, server: Server, app: ASGIApp | None = None) -> None:
        self._server = server
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI server."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._lifespan(scope, receive, send)
        elif kind in ("http", "websocket") and (rest := self._find_rest(scope)) is not None:
            if kind == "http":
                await self._http(scope, receive, send, rest)
            else:
                await self._websocket(scope, receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif kind == "http":
            await _respond(send, self._not_found(scope))
        elif kind == "websocket":
            await _refuse_websocket(scope, receive, send, self._not_found(scope))

    def _find_rest(self, scope: Scope) -> str | None:
        return find_rest(scope["path"], scope.get("root_path", ""), self._server.options.prefix)

    def _not_found(self, scope: Scope) -> Response:
        prefix = scope.get("root_path", "").rstrip("/") + self._server.options.prefix
        text = f"Nothing is served at {scope['path']}. The Socket.IO server answers at {prefix}\n"
        return Response(404, text.encode(), {"content-type": "text/plain; charset=utf-8"})

    # Lifespan

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        startup: ASGIMessage | None = None
        if self._app is not None:
            lifespan = _Lifespan(self._server, receive, send)
            try:
                await self._app(scope, lifespan.receive, lifespan.send)
            except Exception:
                if lifespan.answered:
                    raise
            if lifespan.answered:
                return
            # It does not know lifespan, as many small applications do not: the rest is ours.
            startup = lifespan.received
        while True:
            message = startup or await receive()
            startup = None
            if message["type"] == "lifespan.startup":
                self._server.begin()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._server.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    # HTTP

    async def _http(self, scope: Scope, receive: Receive, send: Send, rest: str) -> None:
        engine = self._server.engine
        request = build_request(scope)
        name = engine.browser_files.find(rest) if rest else None
        if name is None:
            await _respond(send, await engine.handle_request(request, _body(receive)))
        else:
            await _respond(send, engine.browser_files.answer(name, request), bodiless=request.method == "HEAD")

    # WebSocket

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        engine = self._server.engine
        request = build_request(scope)
        message = await receive()
        if message["type"] != "websocket.connect":
            return
        try:
            admission = await engine.admit(request)
        except HandshakeError as error:
            await _refuse_websocket(scope, None, send, engine.refuse(request, error))
            return
        # Browsers fail the connection if they offered protocols and none is chosen.
        offered = scope.get("subprotocols") or [None]
        await send(
            {"type": "websocket.accept", "subprotocol": offered[0], "headers": _encode_headers(admission.headers)}
        )

        async def send_packet(packet: WirePacket) -> None:
            if isinstance(packet, Binary):
                await send({"type": "websocket.send", "bytes": packet.data})
            else:
                await send({"type": "websocket.send", "text": packet.decode("utf-8", "replace")})

        async def receive_message() -> bytes | str | None:
            message = await receive()
            if message["type"] != "websocket.receive":
                return None
            text = message.get("text")
            return text if text is not None else cast("bytes", message.get("bytes"))

        options = self._server.options
        transport = ASGIWebSocket(send_packet, protocol=admission.protocol, limit=options.max_send_buffer_size)
        engine.attach(admission, transport)
        await transport.serve(receive_message, int(options.max_http_buffer_size))
        if not transport.peer_left:
            try:
                await send({"type": "websocket.close", "code": transport.close_code or 1000})
            except Exception:
                # The peer closes at the same moment; each ASGI server has an exception of its own for that.
                logger.debug("a WebSocket was closed from both sides", exc_info=True)


class _Lifespan:
    """Passes the lifespan on to another application, and disconnects the clients before that one shuts down."""

    def __init__(self, server: Server, receive: Receive, send: Send) -> None:
        self._server = server
        self._receive = receive
        self._send = send
        self.received: ASGIMessage | None = None
        self.answered = False

    async def receive(self) -> ASGIMessage:
        """Pass an event on."""
        self.received = await self._receive()
        if self.received["type"] == "lifespan.startup":
            self._server.begin()
        if self.received["type"] == "lifespan.shutdown":
            await self._server.close()
        return self.received

    async def send(self, message: ASGIMessage) -> None:
        """Pass an answer on, and note that there was one."""
        self.answered = True
        await self._send(message)


def _body(receive: Receive) -> Body:
    """Read the body of a request piece by piece, ``b""`` at its end; afterwards wait for the client to leave."""
    more = told = True

    async def read() -> bytes | None:
        nonlocal more, told
        if not told:
            told = True
            return b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            piece = cast("bytes", message.get("body", b""))
            if more:
                more = bool(message.get("more_body", False))
                if piece:
                    told = more
                    return piece
                if not more:
                    return b""

    return read


def build_request(scope: Scope) -> Request:
    """Make the request of an ASGI scope."""
    client = scope.get("client")
    raw_path = scope.get("raw_path")
    return Request(
        method=scope.get("method", "GET"),
        path=raw_path.decode("latin-1").partition("?")[0] if raw_path else scope["path"],
        query_string=scope.get("query_string", b""),
        raw_headers=[(name.lower(), value) for name, value in scope["headers"]],
        client=(client[0], client[1] or 0) if client else None,
        secure=scope.get("scheme") in ("https", "wss"),
        upgrade=scope["type"] == "websocket",
    )


def _encode_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _respond(send: Send, response: Response, prefix: str = "http", *, bodiless: bool = False) -> None:
    headers = _encode_headers(response.headers)
    if response.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": f"{prefix}.response.start", "status": response.status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": b"" if bodiless else response.body})


async def _refuse_websocket(scope: Scope, receive: Receive | None, send: Send, response: Response) -> None:
    """Refuse a WebSocket handshake with a proper response where the server can, else by closing."""
    if receive is not None:
        await receive()
    if "websocket.http.response" in (scope.get("extensions") or {}):
        response.headers.pop("connection", None)
        await _respond(send, response, "websocket.http")
    else:
        await send({"type": "websocket.close", "code": 1000})
