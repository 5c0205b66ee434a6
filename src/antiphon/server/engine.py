"""The Engine.IO server: requests in, sessions out.

Source: JavaScript, ``Server`` of ``engine.io``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar, cast, overload

from antiphon.common.quoting import quoted, shortened
from antiphon.common.signatures import check_function, check_plain
from antiphon.common.tasks import FAILURES, is_cancelled_itself
from antiphon.engineio.handshake import (
    ErrorCode,
    HandshakeRequest,
    check_protocol,
    error_body,
    handshake_error,
    open_packet,
    verify,
)
from antiphon.errors import ConfigurationError, ConnectionRefused, HandshakeError
from antiphon.server.browser_files import BrowserFiles
from antiphon.server.engine_events import ConnectionErrorEvent, ConnectionErrorListener, HeadersListener
from antiphon.server.engine_socket import CLOSED, EngineSocket
from antiphon.server.fanout import Flusher
from antiphon.server.heartbeat import Deadlines
from antiphon.server.options import GenerateId, Options
from antiphon.server.polling import Body, Polling, Respond
from antiphon.server.request import Headers, Request, Response, is_header
from antiphon.server.transport import Transport
from antiphon.types import TransportName

__all__ = ["Admission", "Engine"]

logger: logging.Logger = logging.getLogger("antiphon.engine")


EngineMiddleware: TypeAlias = Callable[[Request], object]
EngineMiddlewareT = TypeVar("EngineMiddlewareT", bound=Callable[..., object])
F = TypeVar("F", bound=Callable[..., object])

_CLOSING: Final = "SERVER_CLOSING"
_EVENTS = ("connection_error", "initial_headers", "headers")


class Admission(NamedTuple):
    """A WebSocket handshake that may go on.

    Attributes:
        request: the request.
        protocol: the revision of Engine.IO, 3 or 4.
        sid: the identifier of the session.
        closings: how often the server had been closed when the handshake began.
        session: the session that is to be upgraded; None if a new one is to be opened.
        headers: to be sent along with the 101 response.
    """

    request: Request
    protocol: int
    sid: str
    closings: int
    session: EngineSocket | None
    headers: Headers


class Engine:
    """The Engine.IO server.

    Args:
        options: the options of the server.

    Attributes:
        options: the options of the server.
        browser_files: the browser client, for requests that are not for Engine.IO.
        sockets: the open sessions, by identifier.
        on_connection: called with each new session.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.browser_files: BrowserFiles = BrowserFiles(options)
        self.sockets: dict[str, EngineSocket] = {}
        self.on_connection: Callable[[EngineSocket], None] = _ignore
        self._listeners: dict[str, list[Callable[..., object]]] = {name: [] for name in _EVENTS}
        self._middlewares: list[EngineMiddleware] = []
        self._generate_id = options.generate_id
        self._is_closing = False
        self._closings = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._deadlines: Deadlines | None = None
        self._flusher: Flusher | None = None

    @property
    def generate_id(self) -> GenerateId | None:
        """Makes the identifiers of sessions, if the default is not wanted. JavaScript: ``io.engine.generateId``.

        Raises:
            ConfigurationError: what is set cannot be called with a request.
        """
        return self._generate_id

    @generate_id.setter
    def generate_id(self, function: GenerateId) -> None:
        check_function(function, "generate_id", "the request")
        self._generate_id = function

    # The event loop

    def bind(self) -> None:
        """Use the running event loop from now on; at each start of a server, and cheap when nothing changes."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            options = self.options
            shortest = min(
                options.ping_interval, options.ping_timeout, options.upgrade_timeout, options.connect_timeout
            )
            self._deadlines = Deadlines(loop, shortest)
            self._flusher = Flusher(loop)

    @property
    def deadlines(self) -> Deadlines:
        """The timers of all sessions."""
        if self._deadlines is None:
            self.bind()
        return cast("Deadlines", self._deadlines)

    @property
    def flusher(self) -> Flusher:
        """The connections that have something to send in this turn of the loop."""
        if self._flusher is None:
            self.bind()
        return cast("Flusher", self._flusher)

    # Events

    @overload
    def on(
        self, event: Literal["connection_error"]
    ) -> Callable[[ConnectionErrorListener], ConnectionErrorListener]: ...
    @overload
    def on(self, event: Literal["initial_headers", "headers"]) -> Callable[[HeadersListener], HeadersListener]: ...
    def on(self, event: str) -> Callable[[F], F]:
        """Register a listener, as a decorator.

        Events:
            connection_error: a request was refused; the listener gets a :class:`ConnectionErrorEvent`.
            initial_headers: the first response of a session is about to be sent; gets its headers and the request.
            headers: the same, for every response of a session.

        Raises:
            ConfigurationError: there is no such event.
        """
        if event not in _EVENTS:
            raise ConfigurationError(f"the engine has the events {', '.join(_EVENTS)}, not {event!r}")

        def register(listener: F) -> F:
            check_plain(listener, f"a listener of the engine's {event} event")
            self._listeners[event].append(listener)
            return listener

        return register

    def _fire(self, event: str, *arguments: object) -> None:
        for listener in self._listeners[event]:
            try:
                listener(*arguments)
            except FAILURES:
                logger.exception("a listener of the engine's %s event failed", event)

    # Middlewares

    def use(self, middleware: EngineMiddlewareT) -> EngineMiddlewareT:
        """Register a middleware, directly or as a decorator: it gets every request, before anything else sees it.

        That is each poll, each POST and each WebSocket handshake. It may keep what it found out in ``request.state``,
        which the sockets of the session have as ``socket.request.state``. To refuse the request it raises an exception.
        It may be async. JavaScript: ``io.engine.use``.

        Raises:
            ConfigurationError: it is not a function of one argument.
        """
        check_function(middleware, "a middleware of the engine", "the request")
        self._middlewares.append(middleware)
        return middleware

    async def _run_middlewares(self, request: Request) -> None:
        for middleware in self._middlewares:
            try:
                result = middleware(request)
                if inspect.isawaitable(result):
                    await result
            except FAILURES as error:
                if is_cancelled_itself():
                    raise
                if not isinstance(error, ConnectionRefused):
                    logger.exception("a middleware of the engine failed; the request is refused")
                raise handshake_error(ErrorCode.BAD_REQUEST, name="MIDDLEWARE_FAILURE", error=error) from None

    # Requests

    async def handle_request(self, request: Request, body: Body) -> Response:
        """Answer an HTTP request: a handshake, a poll, or a body with packets."""
        self.bind()
        closings = self._closings
        cors = self.options.cors_policy
        preflight = cors.preflight(request)
        if preflight is not None:
            return preflight
        try:
            if self._middlewares:
                await self._run_middlewares(request)
            response = await self._respond(request, body, closings)
        except HandshakeError as error:
            response = self.refuse(request, error)
        return self._allow(request, response)

    def answer(self, request: Request, body: bytes, respond: Respond) -> Callable[[], None] | None:
        """Answer a GET or POST request that has come as a whole; not if the engine :attr:`waits_for_user`.

        Args:
            request: the request.
            body: its body.
            respond: gets the response, now or later.

        Returns:
            What is to be called if the client goes away before, if that matters.
        """
        self.bind()
        new: str | None = None
        try:
            session = self._check(request)
            if session is None:
                self._check_open(self._closings)
                new, protocol = self._new_session(request)
                transport = self._open_polling(request, new, protocol)
            else:
                transport = cast("Polling", session.transport)
        except HandshakeError as error:
            respond(self._allow(request, self.refuse(request, error)))
            return None

        def finish(response: Response) -> None:
            respond(self._allow(request, self._complete(request, response, new)))

        if request.method == "POST":
            finish(transport.data(request, body))
            return None
        transport.poll(request, finish)
        return partial(transport.abandon_poll, request)

    async def _respond(self, request: Request, body: Body, closings: int) -> Response:
        new: str | None = None
        session = self._check(request)
        if session is None:
            new, protocol = await self._authorize(request, closings)
            transport = self._open_polling(request, new, protocol)
        else:
            # The check has made sure that this session is polling.
            transport = cast("Polling", session.transport)
        return self._complete(request, await transport.on_request(request, body), new)

    def _open_polling(self, request: Request, sid: str, protocol: int) -> Polling:
        transport = Polling(request, protocol=protocol, options=self.options, flusher=self.flusher)
        self._open(sid, request, transport, protocol)
        return transport

    def _complete(self, request: Request, response: Response, new: str | None) -> Response:
        """Add what every good response has; ``new`` is the session that it opens, if it does."""
        if response.status == 200:
            if new is not None and self.options.session_cookie is not None:
                response.headers["set-cookie"] = self.options.session_cookie.header(new)
            self._announce_headers(response.headers, request, initial=new is not None)
        return response

    def _allow(self, request: Request, response: Response) -> Response:
        """Add what pages of other origins need."""
        allowed = self.options.cors_policy.headers(request.header(b"origin"))
        if allowed:
            response.headers.update(allowed)
        return response

    def _announce_headers(self, headers: Headers, request: Request, *, initial: bool) -> None:
        listeners = self._listeners
        if not initial and not listeners["headers"]:
            # These headers are ours alone; in the first response there may be some from options of the user.
            return
        if initial:
            self._fire("initial_headers", headers, request)
        self._fire("headers", headers, request)
        for name, value in list(headers.items()):
            if not is_header(name, value):
                logger.error("the header %r: %r cannot be sent and is left out", name, value)
                del headers[name]

    def _check(self, request: Request) -> EngineSocket | None:
        """Check a request against the rules; return the session that it belongs to, None if it opens one."""
        query = request.query
        origin = request.header(b"origin")
        sid = query.get("sid")
        session = self.sockets.get(sid) if sid else None
        session_transport: TransportName | None = session.transport.name if session else None
        verify(
            HandshakeRequest(request.method, query, request.upgrade, origin),
            transports=self.options.transports,
            session_transport=session_transport,
        )
        if session is not None and (query.get("EIO") == "4") is not (session.protocol == 4):
            raise handshake_error(ErrorCode.BAD_REQUEST, name="PROTOCOL_MISMATCH", previous_protocol=session.protocol)
        if "j" in query and not self.options.cors_policy.allows_all:
            # A script element of any page can read such a response, and sends no Origin.
            message = 'JSONP is for pages of any origin; to allow them, give the server cors="*"'
            raise handshake_error(ErrorCode.FORBIDDEN, message, name="ORIGIN_NOT_ALLOWED")
        if origin is None:
            return session
        host = request.header(b"host")
        if not self.options.cors_policy.allows(origin, host):
            message = f'pages of {origin} may not connect; to allow them, give the server cors="{origin}"'
            raise handshake_error(ErrorCode.FORBIDDEN, message, name="ORIGIN_NOT_ALLOWED", origin=origin, host=host)
        return session

    def _check_open(self, closings: int) -> None:
        """Check that new sessions are let in, and that the server has not been closed since a handshake began.

        Raises:
            HandshakeError: it has, or it is just being closed.
        """
        if self._is_closing or closings != self._closings:
            raise handshake_error(ErrorCode.BAD_REQUEST, "the server is closing", name=_CLOSING)

    async def _authorize(self, request: Request, closings: int) -> tuple[str, int]:
        """Let the user's functions decide about a new session; return its identifier and revision."""
        self._check_open(closings)
        await self._ask_user(request)
        session = self._new_session(request) if self._generate_id is None else await self._generate(request)
        self._check_open(closings)
        return session

    async def _ask_user(self, request: Request) -> None:
        options = self.options
        if options.allow_request is not None:
            try:
                allowed: object = options.allow_request(request)
                if inspect.isawaitable(allowed):
                    allowed = await allowed
            except ConnectionRefused as refusal:
                raise handshake_error(ErrorCode.FORBIDDEN, refusal.message) from None
            except FAILURES:
                if is_cancelled_itself():
                    raise
                logger.exception("allow_request failed; the request is refused")
                raise handshake_error(ErrorCode.FORBIDDEN) from None
            if not isinstance(allowed, bool):
                logger.warning("allow_request returned %r; it must return True to let a client in", allowed)
            if not allowed:
                raise handshake_error(ErrorCode.FORBIDDEN)

    async def _generate(self, request: Request) -> tuple[str, int]:
        protocol = check_protocol(request.query, allow_eio3=self.options.allow_eio3)
        try:
            generated = cast("GenerateId", self._generate_id)(request)
            sid = await generated if inspect.isawaitable(generated) else generated
            if not isinstance(sid, str) or not sid or sid in self.sockets:
                raise ConfigurationError(f"an id must be a string that is not in use, not {sid!r}")
        except FAILURES as error:
            if is_cancelled_itself():
                raise
            logger.exception("generate_id failed; the request is refused")
            raise handshake_error(ErrorCode.BAD_REQUEST, name="ID_GENERATION_ERROR", error=error) from None
        return sid, protocol

    def _new_session(self, request: Request) -> tuple[str, int]:
        """Return the identifier and the revision of a new session."""
        return secrets.token_urlsafe(15), check_protocol(request.query, allow_eio3=self.options.allow_eio3)

    def refuse(self, request: Request, error: HandshakeError) -> Response:
        """Build the refusal of a request, and tell the listeners and the log why."""
        context = error.context
        level = logging.WARNING if context.get("name") == "ORIGIN_NOT_ALLOWED" else logging.INFO
        details = shortened(f" {dict(context)}") if context else ""
        what = (request.method, quoted(request.url), shortened(error.message), details)
        logger.log(level, "%s %s refused: %s%s", *what)
        self._fire("connection_error", ConnectionErrorEvent(request, error.code, error.message, context))
        if request.upgrade:
            return Response(400, error.message.encode(), {"content-type": "text/html", "connection": "close"})
        # Proxies take it to mean that another server is to be asked.
        status = 503 if context.get("name") == _CLOSING else ErrorCode(error.code).status
        return Response(status, error_body(error), {"content-type": "application/json"})

    # WebSocket

    @property
    def waits_for_user(self) -> bool:
        """Whether a handshake may have to wait for a function of the user."""
        return bool(self._middlewares) or self.options.allow_request is not None or self._generate_id is not None

    async def admit(self, request: Request) -> Admission:
        """Decide about a WebSocket handshake. It does not wait unless :attr:`waits_for_user`.

        Raises:
            HandshakeError: it is refused.
        """
        self.bind()
        closings = self._closings
        if self._middlewares:
            await self._run_middlewares(request)
        session = self._check(request)
        if session is not None:
            sid, protocol = session.id, session.protocol
        else:
            sid, protocol = await self._authorize(request, closings)
        headers = self.options.cors_policy.headers(request.header(b"origin"))
        self._announce_headers(headers, request, initial=session is None)
        return Admission(request, protocol, sid, closings, session, headers)

    def attach(self, admission: Admission, transport: Transport) -> None:
        """Use a WebSocket whose handshake is done: open its session, or let it probe."""
        if admission.session is None and (self._is_closing or admission.closings != self._closings):
            _turn_away(transport)
        elif admission.session is None:
            self._open(admission.sid, admission.request, transport, admission.protocol)
        elif not admission.session.probe(transport, supports_binary=not admission.request.query.get("b64")):
            _turn_away(transport)

    # Sessions

    def _open(self, sid: str, request: Request, transport: Transport, protocol: int) -> EngineSocket:
        options = self.options
        socket = EngineSocket(self, sid, request, transport, protocol)
        self.sockets[sid] = socket
        upgrades: list[TransportName] = []
        if transport.name == "polling" and options.allow_upgrades and "websocket" in options.transports:
            upgrades.append("websocket")
        socket.send_text(
            open_packet(
                sid,
                upgrades=upgrades,
                ping_interval=options.ping_interval,
                ping_timeout=options.ping_timeout,
                max_payload=int(options.max_http_buffer_size),
            )
        )
        initial = options.initial_packet
        if initial is not None:
            socket.send(initial)
        self.on_connection(socket)
        return socket

    def forget(self, socket: EngineSocket) -> None:
        """Drop a session that has ended."""
        if self.sockets.get(socket.id) is socket:
            del self.sockets[socket.id]

    @property
    def clients_count(self) -> int:
        """How many sessions are open. JavaScript: ``engine.clientsCount``."""
        return len(self.sockets)

    def begin_close(self) -> None:
        """Let nobody in until :meth:`end_close`; nor later, if the handshake has begun before."""
        self._is_closing = True
        self._closings += 1

    def end_close(self) -> None:
        """Let clients in again."""
        self._is_closing = False

    def close(self) -> None:
        """End every session at once."""
        for socket in list(self.sockets.values()):
            try:
                socket.close(discard=True)
            except FAILURES:
                logger.exception("a session did not end as it should")
        if self._deadlines is not None:
            self._deadlines.close()


def _turn_away(transport: Transport) -> None:
    transport.owner = CLOSED
    transport.close()


def _ignore(_socket: EngineSocket) -> None:
    """Nobody waits for sessions yet."""
